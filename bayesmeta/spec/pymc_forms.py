"""How are the priors written in PyMC that PyMC has no name for? As functions of those that it has."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bayesmeta.spec.families import RHODES_NU


def pymc_variable(pm: Any, family: str, varname: str, parameters: Mapping[str, Any], **options: Any) -> Any:
    """Return the PyMC variable of a family of priors; call it inside a `pymc.Model`.

    Parameters
    ----------
    pm : module
        PyMC.
    family : str
        A key of `PRIORS`.
    varname : str
        What the variable is called.
    parameters : mapping
        By PyMC's names: numbers, or PyMC's containers of numbers.
    **options
        Of the variable, such as ``dims``.
    """
    build = PYMC_FORMS.get(family)
    return (
        build(pm, varname, **parameters, **options) if build else getattr(pm, family)(varname, **parameters, **options)
    )


def _half_logistic(pm: Any, varname: str, *, s: Any, **options: Any) -> Any:
    def dist(s: Any, size: Any) -> Any:
        return pm.math.abs(pm.Logistic.dist(mu=0.0, s=s, size=size))

    return _positive(pm, varname, s, dist=dist, **options)


def _lomax(pm: Any, varname: str, *, alpha: Any, m: Any, **options: Any) -> Any:
    def dist(alpha: Any, m: Any, size: Any) -> Any:
        return pm.Pareto.dist(alpha=alpha, m=m, size=size) - m

    return _positive(pm, varname, alpha, m, dist=dist, **options)


def _turner(pm: Any, varname: str, *, mu: Any, sigma: Any, **options: Any) -> Any:
    return pm.LogNormal(varname, mu / 2, sigma / 2, **options)


def _rhodes(pm: Any, varname: str, *, mu: Any, sigma: Any, **options: Any) -> Any:
    def dist(mu: Any, sigma: Any, size: Any) -> Any:
        return pm.math.exp(pm.StudentT.dist(nu=RHODES_NU, mu=mu, sigma=sigma, size=size))

    return _positive(pm, varname, mu / 2, sigma / 2, dist=dist, **options)


def _positive(pm: Any, varname: str, *parameters: Any, dist: Callable[..., Any], **options: Any) -> Any:
    return pm.CustomDist(varname, *parameters, dist=dist, transform=pm.distributions.transforms.log, **options)


PYMC_FORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"HalfLogistic": _half_logistic, "Lomax": _lomax, "Turner2015": _turner, "Rhodes2015": _rhodes}
)
"""By family: ``form(pymc, varname, **parameters)`` makes the variable inside a model."""
