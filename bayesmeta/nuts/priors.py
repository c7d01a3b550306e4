"""What are the priors of mean and heterogeneity in PyMC? Variables, or one whose density the data complete."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pymc as pm

from bayesmeta.nuts.numbers import alike, parameters_in
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.pymc_forms import pymc_variable

_LINKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "logit": pm.math.logit,
    "probit": pm.math.probit,
    "cloglog": lambda p: pm.math.log(-pm.math.log1p(-p)),
}

type Held = Mapping[str, Any]


def add_mean(model: ModelSpec, data: Observed, structure: Structure, held: Held) -> Any:
    """Add ``mu``, or the coefficients ``beta``, to the PyMC model whose context is open.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    structure : Structure
        What the studies share.
    held : mapping
        The containers of numbers.

    Returns
    -------
    TensorVariable
        ``mu``, or ``beta`` with dimension ``coef``. A beta prior on the proportion adds ``p_median`` (with
        beta-distributed effects ``p_mu``), of which it is the link. Coefficients whose priors differ in family are
        variables of their own, ``beta[year]``.
    """
    priors = structure.priors(model)
    name, dims, of_group = ("mu", None, None) if structure.design is None else ("beta", "coef", "level")
    if priors[0].family.needs == "link":
        of_mean = "p_mu" if model.effects == "beta" else "p_median"  # the median of beta effects is another number
        p = pm.Beta(of_mean, **parameters_in(held, f"prior_{name}", priors[0]), dims=of_group)
        return pm.Deterministic(name, _LINKS[data.link](p), dims=dims)
    if alike(priors):
        return _variable(priors[0], name, held, dims=dims)
    each = [_variable(prior, f"beta[{coef}]", held) for coef, prior in zip(structure.coef, priors, strict=True)]
    return pm.Deterministic("beta", pm.math.stack(each), dims=dims)


def add_tau(model: ModelSpec, structure: Structure, held: Held) -> Any:
    """Add ``tau`` to the PyMC model whose context is open.

    Returns
    -------
    TensorVariable
        ``tau``; in a hierarchy with dimension ``level``, made from ``tau0``, ``omega`` and ``z_tau``. A prior that is
        made from the studies adds a variable that is flat above 0, and its log density, of the standard errors in
        ``se``, as a potential.
    """
    if not structure.is_hierarchical:
        return _positive(model.tau, "tau", held)
    tau0 = _positive(model.tau, "tau0", held)
    omega = held["omega"] if "omega" in held else _variable(structure.omega, "omega", held)
    z = pm.Normal("z_tau", 0, 1, dims="level")
    return pm.Deterministic("tau", tau0 * pm.math.exp(omega * z), dims="level")


def add_baseline(prior: Prior, held: Held) -> Any:
    """Add ``baseline``, the log odds of each control arm, to the PyMC model whose context is open."""
    return _variable(prior, "baseline", held, dims="study")


def _positive(prior: Prior, name: str, held: Held) -> Any:
    if prior.family.needs != "studies":
        return pymc_variable(pm, prior.name, name, parameters_in(held, "prior_tau", prior))
    tau = pm.HalfFlat(name)
    if prior.name != "uniform":
        pm.Potential("prior_of_tau", log_density(prior.name, tau, held["se"]))
    return tau


def _variable(prior: Any, name: str, held: Held, **options: Any) -> Any:
    return pymc_variable(pm, prior.name, name, parameters_in(held, f"prior_{name}", prior), **options)


def log_density(name: str, tau: Any, se: Any) -> Any:
    """Return the log density of a prior that is made from the studies, up to a constant, as an expression of PyMC.

    Parameters
    ----------
    name : str
        The prior; `bayesmeta.spec.from_studies` has the formulas.
    tau : TensorVariable
        Where.
    se : TensorVariable, shape (k,)
        Standard errors.
    """
    log_tau, se2 = pm.math.log(tau), se**2
    match name:
        case "sqrt":
            return -0.5 * log_tau
        case "Jeffreys":
            return 0.5 * pm.math.log(pm.math.sum((tau / (se2 + tau**2)) ** 2))
        case "BergerDeely":
            return log_tau - pm.math.mean(pm.math.log(se2 + tau**2))
        case "conventional":
            return log_tau - 1.5 * pm.math.mean(pm.math.log(se2 + tau**2))
        case "DuMouchel":
            s0 = pm.math.sqrt(_harmonic(se2))
            return pm.math.log(s0) - 2.0 * pm.math.log(s0 + tau)
        case _:  # shrinkage and I2, which differ in s02
            s02 = _harmonic(se2) if name == "shrinkage" else _typical(se2)
            return pm.math.log(2.0 * s02) + log_tau - 2.0 * pm.math.log(s02 + tau**2)


def _harmonic(se2: Any) -> Any:
    return 1.0 / pm.math.mean(1.0 / se2)


def _typical(se2: Any) -> Any:
    total = pm.math.sum(1.0 / se2)
    return (se2.shape[0] - 1.0) * total / (total**2 - pm.math.sum(1.0 / se2**2))
