"""What are the priors of mu and tau in PyMC? A variable each, or one whose density the data complete."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pymc as pm

from bayesmeta.spec.from_studies import FromStudies
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed
from bayesmeta.spec.resolve import resolve_priors

_LINKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "logit": pm.math.logit,
    "probit": pm.math.probit,
    "cloglog": lambda p: pm.math.log(-pm.math.log1p(-p)),
}


def add_priors(model: ModelSpec, data: Observed) -> tuple[Any, Any]:
    """Add the variables ``mu`` and ``tau`` to the PyMC model whose context is open.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.

    Returns
    -------
    mu, tau : TensorVariable
        A beta prior on the proportion adds ``p_median``, of which ``mu`` is the link. A prior that is made from
        the studies adds a ``tau`` that is flat above 0, and its log density as a potential.

    Raises
    ------
    SpecError
        If a prior does not go with the data.
    """
    of_mu, of_tau = resolve_priors(model, data)
    if of_mu.family.needs == "link":
        p_median = pm.Beta("p_median", **{name: np.float64(value) for name, value in of_mu.parameters.items()})
        mu = pm.Deterministic("mu", _LINKS[data.link](p_median))
    else:
        mu = of_mu.to_pymc("mu")
    if not isinstance(of_tau.resolution, FromStudies):
        return mu, of_tau.to_pymc("tau")
    tau = pm.HalfFlat("tau")
    if of_tau.name != "uniform":
        pm.Potential("prior_of_tau", log_density(of_tau.resolution, tau))
    return mu, tau


def log_density(law: FromStudies, tau: Any) -> Any:
    """Return the log density of a prior that is made from the studies, up to a constant, as an expression of PyMC.

    Parameters
    ----------
    law : FromStudies
        The prior; its docstring has the formulas.
    tau : TensorVariable
        Where.
    """
    log_tau, se2, s0 = pm.math.log(tau), np.exp(2.0 * law.log_se), np.float64(np.exp(law.log_scale))
    match law.name:
        case "sqrt":
            return -0.5 * log_tau
        case "Jeffreys":
            return 0.5 * pm.math.log(pm.math.sum((tau / (se2 + tau**2)) ** 2))
        case "BergerDeely":
            return log_tau - pm.math.mean(pm.math.log(se2 + tau**2))
        case "conventional":
            return log_tau - 1.5 * pm.math.mean(pm.math.log(se2 + tau**2))
        case "DuMouchel":
            return pm.math.log(s0) - 2.0 * pm.math.log(s0 + tau)
        case _:  # shrinkage and I2, which differ in s0
            return pm.math.log(2.0 * s0**2) + log_tau - 2.0 * pm.math.log(s0**2 + tau**2)
