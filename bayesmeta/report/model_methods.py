"""How does a methods section tell a Bayesian model: likelihood, study effects, priors, discounted studies?"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import DEFAULT_MEASURES, get_measure
from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.report.beyond_methods import beyond_effects, beyond_priors
from bayesmeta.report.prior_words import prior_words
from bayesmeta.report.references import cite
from bayesmeta.spec.beyond import features_beyond
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import observed_by, seen_by
from bayesmeta.spec.prior_text import format_number
from bayesmeta.spec.roles import PARAMETERS

MOST_NAMED: Final = 6
"""Studies whose powers are listed; of more, only how many they are and the range."""

_GREEK: Final = MappingProxyType({"mu": "μ", "tau": "τ"})
_LINKS: Final = MappingProxyType({"cloglog": "complementary log-log"})
_INDEPENDENT: Final = "μ and τ were independent a priori."
_LIKELIHOODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "poisson": "The number of events in each study was modelled as Poisson-distributed, without continuity "
        "correction, with the logarithm of the rate per person-time as the study's effect",
        "binomial-conditional": "Given the number of events in both arms of a study, that under treatment was modelled "
        "by the non-central hypergeometric distribution, whose parameter is the odds ratio; this likelihood is free "
        "of the risk under control and needs no continuity correction",
        "binomial-two-arm": "The numbers of events in both arms of each study were modelled by their exact binomial "
        "likelihoods, without continuity correction, with the log odds ratio as the study's effect",
        "poisson-conditional": "Given the number of events in both arms of a study, that under treatment was modelled "
        "by the binomial distribution whose odds are the rate ratio times the ratio of the person-times; this "
        "likelihood is free of the rate under control and needs no continuity correction",
    }
)


def model_sentences(
    model: ModelSpec, studies: Studies, *, measure: str | None = None, power_weights: FloatArray | None = None
) -> str:
    """Return the sentences on likelihood, study effects and priors.

    Parameters
    ----------
    model : ModelSpec
        The model.
    studies : Studies
        The data, of which number and kind are told.
    measure : str, optional
        For a normal likelihood, the effect measure that was modelled.
    power_weights : array, shape (k,), optional
        The powers to which the studies' likelihoods were raised.

    Returns
    -------
    str
        One paragraph.
    """
    is_beyond = bool(features_beyond(model))
    link = (seen_by if is_beyond else observed_by)(model, studies, measure=measure).link
    scale = "the scale of the estimates" if link == "identity" else f"the {_link_words(link)} scale"
    has_random = model.has_tau or bool(model.random)
    sentences = [
        "The single study was analysed" if studies.k == 1 else f"The {studies.k} studies were pooled",
        f"with a Bayesian {'random-effects' if has_random else 'common-effect'} model.",
        _likelihood(model, studies, measure),
        beyond_effects(model, scale) if is_beyond else _effects(model, scale),
        *(beyond_priors(model) if is_beyond else _priors(model)),
    ]
    if power_weights is not None:
        sentences.append(_discounts(studies, power_weights))
    return " ".join(filter(None, sentences))


def _link_words(link: str) -> str:
    return _LINKS.get(link, link)


def _likelihood(model: ModelSpec, studies: Studies, measure: str | None) -> str:
    if model.likelihood == "binomial":
        effect = ""
        if model.effects != "beta":
            effect = (
                f", with the probability of an event related to the study's effect by the {_link_words(model.link)} "
            )
            effect += f"link {cite('stijnen2010')}"
        return (
            "The number of events in each study was modelled by its exact binomial likelihood, without continuity "
            f"correction{effect}."
        )
    if model.baseline is not None:
        return (
            f"{_LIKELIHOODS[model.likelihood]}. The log odds under control were integrated out; their prior in every "
            f"study, independently of its effect, was {prior_words(model.baseline)}."
        )
    if model.likelihood in _LIKELIHOODS:
        return f"{_LIKELIHOODS[model.likelihood]} {cite('stijnen2010')}."
    record = get_measure(measure or studies.measure or DEFAULT_MEASURES[studies.kind])
    what = "estimate" if record.code == "GEN" else record.title
    computed = "" if studies.kind == "estimates" else ", computed from its counts,"
    return (
        f"The {what} of each study{computed} was taken as normally distributed about its true value with a known "
        f"standard error {cite('rover2020')}.{_correction(studies)}"
    )


def _correction(studies: Studies) -> str:
    """Return what was done about empty cells; nothing if there are none."""
    if studies.kind == "estimates" or not (empty := has_empty_cell(studies.data)).any():
        return ""
    number = int(empty.sum())
    whose = "the one study that has" if number == 1 else f"the {number} studies that have"
    return f" To all cells of {whose} an empty one, 1/2 was added."


def _effects(model: ModelSpec, scale: str) -> str:
    match model.effects:
        case "none":
            return f"All studies were taken to share one effect μ on {scale}."
        case "student-t":
            return (
                f"The study effects on {scale} were taken to follow Student's t distribution with {model.nu:g} degrees "
                "of freedom, location μ and scale τ, under which outlying studies are less unlikely than under a "
                f"normal distribution {cite('baker2008', 'lee2008')}; {_INDEPENDENT}"
            )
        case "beta":
            return (
                f"The proportions of the studies were taken as beta-distributed (the beta-binomial model, "
                f"{cite('kuss2015')[1:-1]}); μ and τ are the mean and the standard deviation of their logits. "
                f"{_sentence(_INDEPENDENT)}"
            )
    return (
        f"The study effects on {scale} were taken as normally distributed with mean μ and standard deviation τ; "
        f"{_INDEPENDENT}"
    )


def _priors(model: ModelSpec) -> Iterator[str]:
    for parameter in PARAMETERS if model.has_tau else PARAMETERS[:1]:
        yield f"The prior of {_GREEK[parameter]} was {prior_words(getattr(model, parameter))}."
        yield _sentence(model.why.get(parameter, ""))
    yield _sentence(model.why.get("baseline", ""))


def _discounts(studies: Studies, power_weights: FloatArray) -> str:
    """Return which studies count less, and how much; nothing if none does."""
    powers = {label: power for label, power in zip(studies.study, power_weights.tolist(), strict=True) if power < 1.0}
    if not powers:
        return ""
    count, verb = ("one study", "it counts") if len(powers) == 1 else (f"{len(powers)} studies", "they count")
    shown = ", ".join(f"{label}: {format_number(power)}" for label, power in powers.items())
    if len(powers) > MOST_NAMED:
        shown = f"from {format_number(min(powers.values()))} to {format_number(max(powers.values()))}"
    return (
        f"The likelihood of {count} was raised to a power below 1, so that {verb} less, as in a power prior "
        f"{cite('ibrahim2000')} ({shown})."
    )


def _sentence(text: str) -> str:
    """Return a reason as a sentence: with a capital letter and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"
