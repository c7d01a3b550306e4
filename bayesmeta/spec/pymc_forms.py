"""How are the priors written in PyMC that PyMC has no name for? As functions of those that it has."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bayesmeta.spec.families import RHODES_NU


def _half_logistic(pm: Any, varname: str, *, s: Any) -> Any:
    return _positive(pm, varname, s, dist=lambda s, size: pm.math.abs(pm.Logistic.dist(mu=0.0, s=s, size=size)))


def _lomax(pm: Any, varname: str, *, alpha: Any, m: Any) -> Any:
    return _positive(pm, varname, alpha, m, dist=lambda alpha, m, size: pm.Pareto.dist(alpha=alpha, m=m, size=size) - m)


def _rhodes(pm: Any, varname: str, *, mu: Any, sigma: Any) -> Any:
    def dist(mu: Any, sigma: Any, size: Any) -> Any:
        return pm.math.exp(pm.StudentT.dist(nu=RHODES_NU, mu=mu, sigma=sigma, size=size))

    return _positive(pm, varname, mu / 2, sigma / 2, dist=dist)


def _positive(pm: Any, varname: str, *parameters: Any, dist: Callable[..., Any]) -> Any:
    return pm.CustomDist(varname, *parameters, dist=dist, transform=pm.distributions.transforms.log)


PYMC_FORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "HalfLogistic": _half_logistic,
        "Lomax": _lomax,
        "Turner2015": lambda pm, varname, mu, sigma: pm.LogNormal(varname, mu / 2, sigma / 2),
        "Rhodes2015": _rhodes,
    }
)
"""By family: ``form(pymc, varname, **parameters)`` makes the variable inside a model."""
