"""How would one write the prior of mu or tau by hand, in a PyMC program?"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bayesmeta.spec.families import RHODES_NU
from bayesmeta.spec.priors import Prior

_POSITIVE = "    transform=pm.distributions.transforms.log,\n)\n"
# What PyMC has no name for, as a function of what it has; `bayesmeta.spec.pymc_forms` builds the same.
_FORMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HalfLogistic": (
            'pm.CustomDist(\n    "{name}",\n    {s},\n'
            "    dist=lambda s, size: pm.math.abs(pm.Logistic.dist(mu=0, s=s, size=size)),\n" + _POSITIVE
        ),
        "Lomax": (
            'pm.CustomDist(\n    "{name}",\n    {alpha},\n    {m},\n'
            "    dist=lambda alpha, m, size: pm.Pareto.dist(alpha=alpha, m=m, size=size) - m,\n" + _POSITIVE
        ),
        "Turner2015": 'pm.LogNormal("{name}", mu={mu} / 2, sigma={sigma} / 2)\n',
        "Rhodes2015": (
            'pm.CustomDist(\n    "{name}",\n    {mu} / 2,\n    {sigma} / 2,\n'
            "    dist=lambda mu, sigma, size: pm.math.exp(\n"
            f"        pm.StudentT.dist(nu={RHODES_NU:g}, mu=mu, sigma=sigma, size=size)\n    ),\n" + _POSITIVE
        ),
    }
)
# Log densities, up to a constant where it does not change the posterior; `se2` are the squared standard errors.
_S0 = "s02 = 1 / np.mean(1 / se2)\n"
_I2 = "s02 = (len(se2) - 1) * np.sum(1 / se2) / (np.sum(1 / se2) ** 2 - np.sum(1 / se2**2))\n"
_SHRINKAGE = "pm.math.log(2 * s02 * tau) - 2 * pm.math.log(s02 + tau**2)"
_FROM_STUDIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "sqrt": ("", "-pm.math.log(tau) / 2"),
        "Jeffreys": ("", "pm.math.log(pm.math.sum((tau / (se2 + tau**2)) ** 2)) / 2"),
        "BergerDeely": ("", "pm.math.mean(pm.math.log(tau / (se2 + tau**2)))"),
        "conventional": ("", "pm.math.mean(pm.math.log(tau / (se2 + tau**2) ** 1.5))"),
        "DuMouchel": (_S0, "pm.math.log(s02) / 2 - 2 * pm.math.log(s02**0.5 + tau)"),
        "shrinkage": (_S0, _SHRINKAGE),
        "I2": (_I2, _SHRINKAGE),
    }
)
_LINKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "logit": "pm.math.logit({})",
        "probit": "pm.math.probit({})",
        "cloglog": "pm.math.log(-pm.math.log1p(-{}))",
    }
)


def prior_code(name: str, prior: Prior, link: str, *, dims: str = "", of_mean: str = "p_median") -> str:
    """Return the lines that define a variable by its prior, with PyMC as ``pm`` and the data as ``df``.

    Parameters
    ----------
    name : str
        The variable.
    prior : Prior
        Its prior.
    link : str
        The model's link, for a prior on the proportion.
    dims : str
        Dimension of the variable, if it has one.
    of_mean : str
        What the proportion is called.

    Raises
    ------
    SpecError
        If it is a prior on a proportion, and the link leads to none.

    Examples
    --------
    >>> print(prior_code("mu", Prior("Beta", 1, 1), "logit"), end="")
    p_median = pm.Beta("p_median", alpha=1.0, beta=1.0)
    mu = pm.Deterministic("mu", pm.math.logit(p_median))
    """
    if prior.family.needs == "link":
        prior.resolved(link=link)
        own = f"{of_mean} = {call_code(of_mean, prior)}\n"
        return f'{own}{name} = pm.Deterministic("{name}", {_LINKS[link].format(of_mean)})\n'
    if prior.family.needs == "studies":
        own = f'{name} = pm.HalfFlat("{name}")\n'
        if prior.name == "uniform":
            return own
        scale, density = _FROM_STUDIES[prior.name]
        squares = "" if prior.name == "sqrt" else 'se2 = df["se"].to_numpy() ** 2\n'
        return f'{own}{squares}{scale}pm.Potential("prior_of_tau", {density})\n'
    if prior.name in _FORMS:
        return f"{name} = " + _FORMS[prior.name].format(name=name, **prior.parameters)
    return f"{name} = {call_code(name, prior, dims=dims)}\n"


def call_code(name: str, prior: Prior, *, dims: str = "") -> str:
    """Return the call that makes a variable whose distribution PyMC knows by name."""
    parameters = [f"{key}={value!r}" for key, value in prior.parameters.items()]
    arguments = [json.dumps(name), *parameters, *([f'dims="{dims}"'] if dims else [])]
    return f"pm.{prior.name}({', '.join(arguments)})"
