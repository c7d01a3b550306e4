"""How does a sampler see the study effects? Each form of `PARAMETRISATIONS` in PyMC."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmeta.nuts.effects import Means, standard
from bayesmeta.nuts.parametrisations import NON_CENTRED, PARTIAL
from bayesmeta.spec.beyond import fixed_nu
from bayesmeta.spec.model import ModelSpec

type Held = Mapping[str, Any]


def add_theta(form: str, model: ModelSpec, means: Means, held: Held) -> Any:
    """Add the study effects ``theta``, in one of the forms, to the PyMC model whose context is open.

    Parameters
    ----------
    form : str
        A name in `PARAMETRISATIONS` other than ``"marginalised"``.
    model : ModelSpec
        The model; its effects are normal or Student's t.
    means : Means
        What they are centred at.
    held : mapping
        The containers of numbers.

    Returns
    -------
    TensorVariable, shape (study,)

    Notes
    -----
    All are theta_i = eta_i + tau z_i with independent standard normal (or Student's t) z_i, in other variables:

    - non-centred: ``z``. Far from normal where a study says much: z_i is then all but (y_i - eta_i) / tau.
    - centred: ``theta``, whose width is tau, a funnel, unless the study itself says more.
    - partially centred: ``w``, of which z_i = tau (y_i - eta_i) / (tau^2 + v_i) + w_i sqrt(v_i / (tau^2 + v_i)), where
      y_i and v_i are what the study says alone (see `rough_effects`). A study that says nothing is non-centred, one
      that says much is centred, each to the extent that tau makes of it. If its likelihood were Normal(y_i, v_i), w_i
      would be standard normal whatever mu and tau, so that these two are sampled as if theta were integrated out. The
      posterior does not depend on y and v: their change of variables is in ``prior_of_z``, the log density of w.
    - sum-to-zero: ``theta_mean``, the mean of the k effects, which is Normal(mu, tau / sqrt(k)), and their deviations
      ``s`` from it, ZeroSumNormal(tau). With mu itself in place of ``theta_mean`` it would be another model, in which
      the average of the k effects is known.

    References
    ----------
    Papaspiliopoulos, Roberts and Sköld (2007), A general framework for the parametrization of hierarchical models,
    Statistical Science 22, 59-73, doi 10.1214/088342307000000014.
    """
    return _FORMS[form](model, means, held)


def add_mean_given_tau(held: Held, tau: Any) -> Any:
    """Add ``mu``, whose prior is normal, to the open PyMC model in a form whose width does not depend on tau.

    Returns
    -------
    TensorVariable
        ``mu`` = m + s ``u``: m and 1 / s^2 are mean and precision that it would have given tau if the likelihoods were
        Normal(y_i, v_i). Few studies that each say much make it a funnel otherwise: mu is as wide as tau / sqrt(k).
        The posterior does not depend on y and v; the prior and the change of variables are in ``prior_of_mu``.
    """
    m0, s0 = held["prior_mu_mu"], held["prior_mu_sigma"]
    precision = 1.0 / (held["rough_v"] + tau**2)
    total = precision.sum() + 1.0 / s0**2
    centre = ((precision * held["rough_y"]).sum() + m0 / s0**2) / total
    mu = pm.Deterministic("mu", centre + pm.Flat("u") / pt.sqrt(total))
    pm.Potential("prior_of_mu", -0.5 * ((mu - m0) / s0) ** 2 - 0.5 * pt.log(total))
    return mu


def _non_centred(model: ModelSpec, means: Means, _held: Held) -> Any:
    z = standard(model, "z", "study")
    return pm.Deterministic("theta", means.eta + means.tau_of_study * z, dims="study")


def _centred(model: ModelSpec, means: Means, _held: Held) -> Any:
    if model.effects == "student-t":
        nu = np.float64(fixed_nu(model.nu))
        return pm.StudentT("theta", nu=nu, mu=means.eta, sigma=means.tau_of_study, dims="study")
    return pm.Normal("theta", means.eta, means.tau_of_study, dims="study")


def _partially_centred(model: ModelSpec, means: Means, held: Held) -> Any:
    tau, y, v = means.tau_of_study, held["rough_y"], held["rough_v"]
    w = pm.Flat("w", dims="study")
    share = v / (tau**2 + v)
    z = tau * (y - means.eta) * share / v + w * pt.sqrt(share)
    log_density = -0.5 * z**2  # up to a constant, as that of Student's t
    if model.effects == "student-t":
        nu = np.float64(fixed_nu(model.nu))
        log_density = -0.5 * (nu + 1.0) * pt.log1p(z**2 / nu)
    pm.Potential("prior_of_z", log_density + 0.5 * pt.log(share), dims="study")
    return pm.Deterministic("theta", means.eta + tau * z, dims="study")


def _sum_to_zero(_model: ModelSpec, means: Means, held: Held) -> Any:
    k = len(pm.modelcontext(None).coords["study"])
    centre = pm.Normal("theta_mean", means.eta, means.tau / np.sqrt(k))
    s = pm.ZeroSumNormal("s", sigma=means.tau, dims="study")
    return pm.Deterministic("theta", centre + s, dims="study")


_FORMS: Final[Mapping[str, Callable[[ModelSpec, Means, Held], Any]]] = MappingProxyType(
    {NON_CENTRED: _non_centred, "centred": _centred, PARTIAL: _partially_centred, "sum-to-zero": _sum_to_zero}
)
