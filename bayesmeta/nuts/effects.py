"""How are the study effects distributed in PyMC? Standardised effects, or beta-distributed proportions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmeta.nuts.beta_shapes import beta_shapes, logit_quantile
from bayesmeta.nuts.mean_rule import mean_rule
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.beyond import fixed_nu
from bayesmeta.spec.model import ModelSpec

INVERSE: Final[Mapping[str, Any]] = {
    "logit": pm.math.invlogit,
    "probit": pm.math.invprobit,
    "cloglog": lambda eta: -pm.math.expm1(-pm.math.exp(eta)),
}
"""Proportions of linear predictors, by link."""


@final
@dataclass(frozen=True)
class Means:
    """What the priors make of means and heterogeneity.

    Attributes
    ----------
    mean : TensorVariable or None
        The mean that a next study would have: one, or (level,); None where moderators decide it.
    eta : TensorVariable
        Linear predictor of each study: one for all, or (study,).
    tau : TensorVariable or None
        Heterogeneity of the next study: one, or (level,); None for a common effect.
    tau_of_study : TensorVariable or None
        That of each study: one for all, or (study,).
    """

    mean: Any
    eta: Any
    tau: Any
    tau_of_study: Any


def means_of(structure: Structure, mean: Any, tau: Any, design: Any) -> Means:
    """Return what mean (or coefficients) and tau say of each study and of the next one."""
    if structure.design is None:
        return Means(mean, mean, tau, tau)
    eta = pm.Deterministic("eta", pm.math.dot(design, mean), dims="study")
    of_study = pm.math.dot(design, tau) if structure.is_hierarchical else tau
    return Means(mean if structure.groups else None, eta, tau, of_study)


def add_common_effect(means: Means) -> Any:
    """Add the one effect of all studies, ``theta``, to the open PyMC model, and return it by study."""
    everywhere = means.eta + pt.zeros(len(pm.modelcontext(None).coords["study"]))
    return pm.Deterministic("theta", everywhere, dims="study")


def add_new_effect(model: ModelSpec, means: Means, *, of_group: str | None) -> None:
    """Add the effect of the next study, ``theta_new``, to the open PyMC model, unless moderators decide it.

    Parameters
    ----------
    model : ModelSpec
        The model; its study effects are not beta.
    means : Means
        What they are centred at.
    of_group : str or None
        Dimension of the next study's effect, if it is one for each group.
    """
    if means.mean is None:
        return
    if not model.has_tau:
        pm.Deterministic("theta_new", means.mean, dims=of_group)
        return
    z_new = standard(model, "z_new", of_group)
    pm.Deterministic("theta_new", means.mean + means.tau * z_new, dims=of_group)


def standard(model: ModelSpec, name: str, dims: str | None) -> Any:
    """Add standardised effects, normal or Student's t, to the open PyMC model."""
    if model.effects == "student-t":
        return pm.StudentT(name, nu=np.float64(fixed_nu(model.nu)), mu=0, sigma=1, dims=dims)
    return pm.Normal(name, 0, 1, dims=dims)


def add_proportions(model: ModelSpec, link: str, means: Means, theta: Any, *, of_group: str | None) -> None:
    """Add the studies' own proportions, ``p``, and those that summarise them: ``p_median``, ``p_mean``, ``p_new``.

    ``theta`` is None where the effects are integrated out, which then have no ``p``.
    """
    inverse, built = INVERSE[link], pm.modelcontext(None)
    if theta is not None:
        pm.Deterministic("p", inverse(theta), dims="study")
    if means.mean is None:
        return
    if "p_median" not in built.named_vars:
        pm.Deterministic("p_median", inverse(means.mean), dims=of_group)
    if model.has_tau:
        z, weight = mean_rule(model)
        spread = means.mean[..., None] + means.tau[..., None] * z
        pm.Deterministic("p_mean", pm.math.dot(inverse(spread), weight), dims=of_group)
    else:
        pm.Deterministic("p_mean", inverse(means.mean), dims=of_group)
    pm.Deterministic("p_new", inverse(built["theta_new"]), dims=of_group)


def add_beta_effects(means: Means, design: Any, *, of_group: str | None) -> tuple[Any, Any]:
    """Add beta-distributed proportions to the open PyMC model; those of the studies themselves are integrated out.

    Parameters
    ----------
    means : Means
        Means of the logits, and their standard deviation tau.
    design : TensorVariable or None
        The design matrix, where there are moderators.
    of_group : str or None
        Dimension of what there is of the next study, if it is one for each group.

    Returns
    -------
    a, b : TensorVariable
        The shapes, for all studies or (study,), as ``a`` and ``b`` in the model.

    Notes
    -----
    Of the next study the proportion is the quantile at ``u_new``, which is uniform: so its draws need no funnel.
    """
    dims = "study" if means.eta.ndim else None
    new = beta_shapes(means.eta if means.mean is None else means.mean, means.tau)
    a, b = (pm.math.dot(design, each) for each in new) if of_group else new
    a, b = pm.Deterministic("a", a, dims=dims), pm.Deterministic("b", b, dims=dims)
    if means.mean is None:
        return a, b
    a_new, b_new = new if of_group else (a, b)
    theta_new = logit_quantile(a_new, b_new, pm.Uniform("u_new", 0, 1, dims=of_group))
    pm.Deterministic("theta_new", theta_new, dims=of_group)
    pm.Deterministic("p_median", pm.math.invlogit(logit_quantile(a_new, b_new, np.float64(0.5))), dims=of_group)
    pm.Deterministic("p_mean", a_new / (a_new + b_new), dims=of_group)
    pm.Deterministic("p_new", pm.math.invlogit(theta_new), dims=of_group)
    return a, b
