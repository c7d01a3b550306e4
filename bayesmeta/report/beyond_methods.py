"""How does a methods section tell random effects, free nu, a scale of tau and imputed moderators?"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from bayesmeta.report.prior_words import prior_words
from bayesmeta.spec.coefficients import Beta
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.prior_text import format_number
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.random_effects import Term, terms_in

_EFFECTS: Final = MappingProxyType({"normal": "normally distributed", "student-t": "distributed as Student's t"})


def beyond_effects(model: ModelSpec, scale: str) -> str:
    """Return the sentences on the effects of a model that only NUTS can fit.

    Parameters
    ----------
    model : ModelSpec
        The model.
    scale : str
        Of the effects, in words.
    """
    mean = "mean μ" if model.formula is None else f"a mean that depends on moderators (formula {model.formula})"
    return " ".join([*_effects(model, scale, mean), *_scale(model), *_missing(model)])


def _effects(model: ModelSpec, scale: str, mean: str) -> Iterator[str]:
    terms = terms_in(model.random)
    if terms and terms[0].outcome:
        what, whose = terms[0].outcome, terms[0].name
        yield (
            f"The effects on the values of {what} in the same {whose}, on {scale}, were taken as multivariate normal, "
            f"with {mean}, a standard deviation τ for each {what}, and correlations whose matrix has an LKJ prior with "
            f"shape {format_number(float(model.lkj or 0.0))} (Lewandowski, Kurowicka and Joe 2009)."
        )
        return
    if model.effects == "none":
        yield f"The effects on {scale} were taken to have {mean}."
    elif isinstance(model.nu, Prior):
        yield (
            f"The study effects on {scale} were taken to follow Student's t distribution with {mean}, scale τ and "
            f"unknown degrees of freedom ν, whose prior was {prior_words(model.nu)}, cut off below 1."
        )
    else:
        law = _EFFECTS[model.effects] + (f" with {model.nu:g} degrees of freedom" if model.effects != "normal" else "")
        spread = "standard deviation" if model.effects == "normal" else "scale"
        yield f"The effects of single rows on {scale} were taken as {law}, with {mean} and {spread} τ."
    yield from (_group(term, model) for term in terms)


def _group(term: Term, model: ModelSpec) -> str:
    prior = prior_words(model.tau_of.get(term.name, model.tau))
    name = " within ".join(reversed(term.columns)) if len(term.columns) > 1 else term.name
    return (
        f"Rows of the same {name} shared a further, normally distributed effect, whose standard deviation had the "
        f"prior: {prior}."
    )


def _scale(model: ModelSpec) -> Iterator[str]:
    if model.alpha is not None:
        yield (
            f"The logarithm of τ depended linearly on moderators (formula {model.scale}; a location-scale model, "
            f"Viechtbauer and López-López 2022); {_coefficients('scale', model.alpha)}."
        )


def _missing(model: ModelSpec) -> Iterator[str]:
    if model.missing:
        yield (
            "Missing values of numeric moderators were imputed within the model, as missing at random, from a normal "
            "distribution that they share with the observed ones."
        )


def beyond_priors(model: ModelSpec) -> Iterator[str]:
    """Yield the sentences on the priors of the mean, or of the coefficients, and of tau."""
    if model.beta is not None:
        sentence = _coefficients("formula", model.beta)
        yield f"{sentence[0].upper()}{sentence[1:]}."
    else:
        yield f"The prior of μ was {prior_words(model.mu)}."
    for name, prior in model.tau_of.items() if model.lkj is not None else ():
        yield f"The prior of τ of {name} was {prior_words(prior)}."
    if model.has_tau:
        other = "each other τ" if model.lkj is not None and model.tau_of else "each τ" if model.lkj is not None else "τ"
        yield f"The prior of {other} was {prior_words(model.tau)}."


def _coefficients(what: str, priors: Beta) -> str:
    if isinstance(priors, Prior):
        return f"the prior of each coefficient of the {what} was {prior_words(priors)}"
    each = "; ".join(f"{name}: {prior_words(prior)}" for name, prior in priors.items())
    return f"the priors of the coefficients of the {what} were {each}"
