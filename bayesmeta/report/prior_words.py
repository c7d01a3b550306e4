"""How is a prior said in the words of a methods section?"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bayesmeta.spec.prior_text import format_number
from bayesmeta.spec.priors import Prior

_TEMPLATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Normal": "normal with mean {mu} and standard deviation {sigma}",
        "StudentT": "a Student t distribution with {nu} degrees of freedom, location {mu} and scale {sigma}",
        "Cauchy": "a Cauchy distribution with location {alpha} and scale {beta}",
        "Logistic": "logistic with location {mu} and scale {s}",
        "Uniform": "uniform from {lower} to {upper}",
        "Flat": "flat (improper)",
        "HalfNormal": "half-normal with scale {sigma}",
        "HalfCauchy": "half-Cauchy with scale {beta}",
        "HalfStudentT": "a half-t distribution with {nu} degrees of freedom and scale {sigma}",
        "HalfFlat": "flat on the positive values (improper)",
    }
)


def prior_words(prior: Prior) -> str:
    """Return a prior as it completes the sentence "The prior of τ was ...".

    Parameters
    ----------
    prior : Prior
        The prior.

    Returns
    -------
    str
        In words where these are unambiguous; else by PyMC's name and parameters, whose meaning differs between
        programs (a rate here, a scale there).

    Examples
    --------
    >>> prior_words(Prior("HalfNormal", 0.5))
    'half-normal with scale 0.5'
    >>> prior_words(Prior("Exponential", lam=2))
    'Exponential(lam=2) in the notation of PyMC'
    """
    template = _TEMPLATES.get(prior.name)
    if template is None:
        return f"{prior} in the notation of PyMC"
    return template.format(**{name: format_number(value) for name, value in prior.parameters.items()})
