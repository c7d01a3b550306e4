"""May this prior be used for this parameter? μ may take any value, τ is a standard deviation."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS, PriorFamily
from bayesmeta.spec.prior_text import format_number
from bayesmeta.spec.priors import Prior, PriorLike, as_prior
from bayesmeta.spec.standard import HALF_LINE

type Parameter = Literal["mu", "tau"]

PARAMETERS: tuple[Parameter, ...] = ("mu", "tau")

JUSTIFIED = (*PARAMETERS, "baseline")
"""Whose priors may have a reason."""


def _suits(family: PriorFamily, parameter: Parameter) -> bool:
    if family.needs or family.standard is None:
        return parameter == ("mu" if family.needs == "link" else "tau")
    if parameter == "mu":
        return family.standard.support != HALF_LINE
    return family.standard.support[0] == 0.0 or family.name == "Flat"


# The families of which some member suits the parameter; of Uniform and Flat not every one, or not as it stands.
SUITABLE: dict[Parameter, tuple[str, ...]] = {
    parameter: tuple(name for name, family in {**PRIORS, **R_BAYESMETA_PRIORS}.items() if _suits(family, parameter))
    for parameter in PARAMETERS
}

type _Values = Mapping[str, float]


def prior_for(parameter: Parameter, value: PriorLike) -> Prior:
    """Return what was given as the prior of ``parameter``.

    Parameters
    ----------
    parameter : {"mu", "tau"}
        The overall mean on the link scale, or the standard deviation of the study effects about it.
    value : Prior, str or PreliZ distribution
        See `as_prior`. ``Flat()`` for τ means flat on (0, inf), PyMC's ``HalfFlat``; ``Beta(a, b)`` for μ is a
        prior on p_median, the proportion of the median study.

    Raises
    ------
    SpecError
        If it is no prior; if τ could be negative under it; if it holds μ to one half of the line.

    Examples
    --------
    >>> print(prior_for("tau", "Flat()"))
    HalfFlat()
    """
    try:
        prior = as_prior(value, among=SUITABLE[parameter])
    except SpecError as error:
        raise SpecError(f"prior for {parameter}: {error}") from None
    if prior.family.needs:
        return _checked_role(parameter, prior)
    lower, upper = prior.support
    if parameter == "mu":
        if lower == 0.0 and math.isinf(upper):
            raise SpecError(
                f"{prior} for mu allows no negative value, but mu lies on the link scale. "
                f"Use {_WHOLE_LINE.get(prior.name, _usual_mu)(prior.parameters)}."
            )
        return prior
    if prior.name == "Flat":
        return Prior("HalfFlat")
    if lower < 0.0:
        raise SpecError(
            f"{prior} for tau reaches below 0, but tau is a standard deviation. "
            f"Use {_HALF_LINE.get(prior.name, _usual_tau)(prior.parameters)}."
        )
    return prior


def baseline_prior(value: PriorLike) -> Prior:
    """Return what was given as the distribution of the control arms' log odds.

    Raises
    ------
    SpecError
        If it is no prior of a log odds, or its tails are so heavy, or its ends so sharp, that the likelihood of a
        trial without events under control would keep them.
    """
    prior = prior_for("mu", value)
    if not prior.is_proper or math.isfinite(prior.tail_order) or not math.isinf(prior.support[1]):
        raise SpecError(f"baseline={prior} must be proper, on the whole line, with light tails: use Normal(0, 1.5).")
    return prior


def _checked_role(parameter: Parameter, prior: Prior) -> Prior:
    if parameter == "tau" and prior.family.needs == "link":
        raise SpecError(f"{prior} for tau is a prior on a proportion, which tau is not; use HalfNormal(1).")
    if parameter == "mu" and prior.family.needs == "studies":
        raise SpecError(f"{prior} for mu is a prior of tau in R bayesmeta; for a flat prior of mu use Flat().")
    return prior


def _usual_mu(_: _Values) -> str:
    return "Normal(0, 1.5)"


def _usual_tau(_: _Values) -> str:
    return "HalfNormal(1)"


def _uniform_from_zero(given: _Values) -> str:
    return f"Uniform(0, {format_number(given['upper'])})" if given["upper"] > 0.0 else "Uniform(0, 5)"


_WHOLE_LINE: dict[str, Callable[[_Values], str]] = {
    "HalfNormal": lambda given: f"Normal(0, {format_number(given['sigma'])})",
    "HalfCauchy": lambda given: f"Cauchy(0, {format_number(given['beta'])})",
    "HalfStudentT": lambda given: f"StudentT({format_number(given['nu'])}, 0, {format_number(given['sigma'])})",
    "HalfFlat": lambda _: "Flat()",
    "HalfLogistic": lambda given: f"Logistic(0, {format_number(given['s'])})",
}
_HALF_LINE: dict[str, Callable[[_Values], str]] = {
    "Normal": lambda given: f"HalfNormal({format_number(given['sigma'])})",
    "Cauchy": lambda given: f"HalfCauchy({format_number(given['beta'])})",
    "StudentT": lambda given: f"HalfStudentT({format_number(given['nu'])}, {format_number(given['sigma'])})",
    "Uniform": _uniform_from_zero,
    "Logistic": lambda given: f"HalfLogistic({format_number(given['s'])})",
}
