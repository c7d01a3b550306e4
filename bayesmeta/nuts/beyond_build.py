"""What is the PyMC model with random effects, free nu, a scale of tau or missing moderators?"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmeta.nuts.beyond import Beyond, Factor
from bayesmeta.nuts.effects import INVERSE
from bayesmeta.nuts.imputed import Imputed
from bayesmeta.nuts.lkj import correlation_root, lkj_shapes
from bayesmeta.nuts.mean_rule import NU_REACH, V_STEP, mean_rule
from bayesmeta.nuts.numbers import OBSERVED, alike, parameters_in
from bayesmeta.nuts.priors import add_tau
from bayesmeta.nuts.structure import Structure
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.beyond import LEAST_FREE_NU
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.pymc_forms import pymc_variable

MODERATOR: Final = "x["
"""With what the name of an observed moderator begins; it is no outcome."""

type Held = Mapping[str, Any]


def coords_beyond(beyond: Beyond) -> dict[str, Any]:
    """Return the labels along the dimensions of what is beyond mean and tau."""
    coords: dict[str, Any] = {}
    for factor in beyond.factors:
        coords[factor.name] = list(factor.levels)
        if factor.outcome:
            coords |= {factor.outcome: list(factor.outcomes), "pair": list(factor.pairs)}
    if beyond.scale is not None:
        coords["coef_scale"] = list(beyond.scale.coef)
    return coords | {imputed.dim: list(imputed.labels) for imputed in beyond.imputed}


def add_beyond(model: ModelSpec, structure: Structure, held: Held, mean: Any, link: str) -> Any:
    """Add all effects and their proportions to the open PyMC model.

    Parameters
    ----------
    model : ModelSpec
        The model.
    structure : Structure
        What the studies share.
    held : mapping
        The containers of numbers.
    mean : TensorVariable
        ``mu``, or ``beta``.
    link : str
        What the effects are a function of.

    Returns
    -------
    TensorVariable, shape (study,)
        ``theta``.

    Notes
    -----
    Every effect is non-centred: a standard deviation times a standardised effect.
    """
    beyond, of_group = structure.beyond, "level" if structure.groups else None
    eta = _eta(structure, held, mean)
    correlated = beyond.correlated
    if correlated is not None:
        theta, new, total = _add_correlated(model, correlated, held, eta)
    else:
        theta, new, total = _add_sums(model, structure, held, eta)
    theta = pm.Deterministic("theta", theta, dims="study")
    centre = mean if structure.design is None or structure.groups else None
    if centre is not None and new is not None:
        pm.Deterministic("theta_new", centre + new, dims=of_group)
    if is_proportion(link):
        _add_proportions(model, link, theta, centre, total, of_group)
    return theta


def _eta(structure: Structure, held: Held, mean: Any) -> Any:
    if structure.design is None:
        return mean
    design = held["design"]
    for imputed in structure.beyond.imputed:
        x = _add_missing(imputed, held)
        design = design[imputed.rows, imputed.column].set(x - imputed.centre)
    return pm.Deterministic("eta", pm.math.dot(design, mean), dims="study")


def _add_missing(imputed: Imputed, held: Held) -> Any:
    """Add the missing values of a moderator, and the distribution that they share with the observed ones."""
    name, mean, sd = imputed.name, np.float64(imputed.mean), np.float64(imputed.sd)
    m = pm.Normal(f"m[{name}]", mu=mean, sigma=2.5 * sd)
    s = pm.Exponential(f"s[{name}]", lam=1.0 / sd)
    pm.Normal(f"x[{name}]", mu=m, sigma=s, observed=held[f"x[{name}]{OBSERVED}"])
    z = pm.Normal(f"z[{name}]", 0, 1, dims=imputed.dim)
    return pm.Deterministic(f"x_missing[{name}]", m + s * z, dims=imputed.dim)


def _add_sums(model: ModelSpec, structure: Structure, held: Held, eta: Any) -> tuple[Any, Any, Any]:
    """Return theta, what the next study's effect is off its mean, and the SD of that; None where tau varies."""
    beyond = structure.beyond
    tau = add_tau(model, structure, held) if model.has_tau else None
    tau_of_row = (
        tau if beyond.scale is None else tau * pm.math.exp(pm.math.dot(held["scale"], _alpha(beyond, model, held)))
    )
    nu = _nu(model, held)
    theta, squares = eta, [] if tau is None else [tau**2]
    for factor in beyond.factors:
        name = f"tau[{factor.name}]"
        sd = _variable(model.tau_of.get(factor.name, model.tau), name, held)
        z = pm.Normal(f"z[{factor.name}]", 0, 1, dims=factor.name)
        shared = pm.Deterministic(f"ranef[{factor.name}]", sd * z, dims=factor.name)
        theta, squares = theta + shared[held[f"{factor.name}_of_study"]], [*squares, sd**2]
    if tau is not None:
        theta = theta + tau_of_row * _standard(model, nu, "z", "study")
    if beyond.scale is not None:
        return theta + pt.zeros(len(pm.modelcontext(None).coords["study"])), None, None
    of_group = "level" if structure.groups else None
    if structure.design is not None and not structure.groups:
        return theta, None, None
    if not squares:
        return theta, pt.zeros(()), (pt.zeros(()), nu)
    total = tau if not beyond.factors else pm.math.sqrt(sum(squares[1:], start=squares[0]))
    return theta, total * _standard(model, nu, "z_new", of_group), (total, nu)


def _add_correlated(model: ModelSpec, factor: Factor, held: Held, eta: Any) -> tuple[Any, Any, Any]:
    """Return theta, what the next trial's effects are off their means, and their SDs, for each group of means."""
    priors = tuple(model.tau_of.get(name, model.tau) for name in factor.outcomes)
    if alike(priors):
        tau = _variable(priors[0], "tau", held, dims=factor.outcome)
    else:
        each = [_variable(prior, f"tau[{name}]", held) for name, prior in zip(factor.outcomes, priors, strict=True)]
        tau = pm.Deterministic("tau", pm.math.stack(each), dims=factor.outcome)
    d = len(factor.outcomes)
    shape = lkj_shapes(held["lkj"], d)
    root = correlation_root(pm.Beta("partial", alpha=shape, beta=shape, dims="pair"), d)
    pm.Deterministic("rho", pm.math.dot(root, root.T)[np.triu_indices(d, 1)], dims="pair")
    z = pm.Normal(f"z[{factor.name}]", 0, 1, dims=(factor.name, factor.outcome))
    shared = pm.Deterministic(f"ranef[{factor.name}]", tau * pm.math.dot(z, root.T), dims=(factor.name, factor.outcome))
    theta = eta + shared[held[f"{factor.name}_of_study"], held[f"{factor.outcome}_of_study"]]
    assert factor.of_level is not None
    if not factor.of_level.size:
        return theta, None, None
    z_new = pm.Normal("z_new", 0, 1, dims=factor.outcome)
    return theta, (tau * pm.math.dot(root, z_new))[factor.of_level], (tau[factor.of_level], None)


def _alpha(beyond: Beyond, model: ModelSpec, held: Held) -> Any:
    assert beyond.scale is not None
    of_alpha = beyond.priors(model)
    priors = tuple(of_alpha[f"alpha[{name}]"] for name in beyond.scale.coef)
    if alike(priors):
        return _variable(priors[0], "alpha", held, dims="coef_scale")
    each = [_variable(of_alpha[f"alpha[{name}]"], f"alpha[{name}]", held) for name in beyond.scale.coef]
    return pm.Deterministic("alpha", pm.math.stack(each), dims="coef_scale")


def _nu(model: ModelSpec, held: Held) -> Any:
    if not isinstance(model.nu, Prior):
        return model.nu and np.float64(model.nu)
    own = getattr(pm, model.nu.name).dist(**parameters_in(held, "prior_nu", model.nu))
    return pm.Truncated("nu", own, lower=LEAST_FREE_NU)


def _standard(model: ModelSpec, nu: Any, name: str, dims: str | None) -> Any:
    if model.effects == "student-t":
        return pm.StudentT(name, nu=nu, mu=0, sigma=1, dims=dims)
    return pm.Normal(name, 0, 1, dims=dims)


def _add_proportions(model: ModelSpec, link: str, theta: Any, centre: Any, total: Any, of_group: str | None) -> None:
    inverse, built = INVERSE[link], pm.modelcontext(None)
    pm.Deterministic("p", inverse(theta), dims="study")
    if centre is None:
        return
    if "p_median" not in built.named_vars:
        pm.Deterministic("p_median", inverse(centre), dims=of_group)
    if total is None:
        return
    spread, nu = total
    if isinstance(model.nu, Prior):
        v = np.arange(-NU_REACH, NU_REACH + V_STEP / 2, V_STEP)
        z, density = np.sinh(v), pm.math.exp(pm.logp(pm.StudentT.dist(nu=nu, mu=0, sigma=1), np.sinh(v)))
        weight = density * np.cosh(v)
        weight = weight / pm.math.sum(weight)
    else:
        z, weight = mean_rule(model)
    mean = pm.math.dot(inverse(centre[..., None] + spread[..., None] * z), weight)
    pm.Deterministic("p_mean", mean, dims=of_group)
    pm.Deterministic("p_new", inverse(built["theta_new"]), dims=of_group)


def _variable(prior: Prior, name: str, held: Held, **options: Any) -> Any:
    return pymc_variable(pm, prior.name, name, parameters_in(held, f"prior_{name}", prior), **options)
