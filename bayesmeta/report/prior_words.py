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
        "Beta": "a beta({alpha}, {beta}) distribution on the proportion of the median study",
        "Uniform": "uniform from {lower} to {upper}",
        "Flat": "flat (improper)",
        "HalfNormal": "half-normal with scale {sigma}",
        "HalfCauchy": "half-Cauchy with scale {beta}",
        "HalfStudentT": "a half-t distribution with {nu} degrees of freedom and scale {sigma}",
        "HalfLogistic": "half-logistic with scale {s}",
        "Lomax": "a Lomax distribution with shape {alpha} and scale {m}",
        "Turner2015": (
            "the empirical prior of Turner et al. (2015) for log odds ratios, under which the log of the squared "
            "heterogeneity is normal with mean {mu} and standard deviation {sigma}"
        ),
        "Rhodes2015": (
            "the empirical prior of Rhodes et al. (2015) for standardised mean differences, under which the log of the "
            "squared heterogeneity has a t distribution with 5 degrees of freedom, location {mu} and scale {sigma}"
        ),
        "HalfFlat": "flat on the positive values (improper)",
        "uniform": "flat on the positive values (improper)",
        "sqrt": "uniform in the square root (improper)",
        "Jeffreys": "the Jeffreys prior, made from the standard errors (improper)",
        "BergerDeely": "the Berger-Deely prior, made from the standard errors (improper)",
        "conventional": "the conventional prior, made from the standard errors",
        "DuMouchel": "the DuMouchel prior, whose median is the root harmonic mean of the squared standard errors",
        "shrinkage": "the uniform shrinkage prior, made from the harmonic mean of the squared standard errors",
        "I2": "uniform in the relative heterogeneity I², made from the standard errors",
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
