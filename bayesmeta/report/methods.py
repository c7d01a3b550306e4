"""What belongs into the methods section of a paper? Sentences built from model, engines and settings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import DEFAULT_MEASURES, get_measure
from bayesmeta.effects.sizes import has_empty_cell
from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.report.prior_words import prior_words
from bayesmeta.report.references import cite
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import observed_by
from bayesmeta.spec.roles import PARAMETERS

_GREEK: Final = MappingProxyType({"mu": "μ", "tau": "τ"})
_TAU2: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DL": "by inverse variance under a random-effects model with the moment estimator of the between-study "
        f"variance {cite('dersimonian1986')}",
        "EE": "by a common-effect model with inverse-variance weights",
    }
)
_SAMPLERS: Final = MappingProxyType({"pymc": "PyMC", "nutpie": "nutpie"})


def model_sentences(model: ModelSpec, studies: Studies, *, measure: str | None = None) -> str:
    """Return the sentences on likelihood, random effects and priors.

    Parameters
    ----------
    model : ModelSpec
        The model.
    studies : Studies
        The data, of which number and kind are told.
    measure : str, optional
        For a normal likelihood, the effect measure that was modelled.

    Returns
    -------
    str
        One paragraph.
    """
    link = observed_by(model, studies, measure=measure).link
    scale = "the scale of the estimates" if link == "identity" else f"the {link} scale"
    sentences = [
        "The single study was analysed" if studies.k == 1 else f"The {studies.k} studies were pooled",
        "with a Bayesian random-effects model.",
        _likelihood(model, studies, measure),
        f"The study effects on {scale} were taken as normally distributed with mean μ and standard deviation τ; μ and "
        "τ were independent a priori.",
    ]
    for parameter in PARAMETERS:
        sentences.append(f"The prior of {_GREEK[parameter]} was {prior_words(getattr(model, parameter))}.")
        sentences.append(_sentence(model.why.get(parameter, "")))
    return " ".join(filter(None, sentences))


def _likelihood(model: ModelSpec, studies: Studies, measure: str | None) -> str:
    if model.likelihood == "binomial":
        return (
            "The number of events in each study was modelled by its exact binomial likelihood, without continuity "
            "correction, with the probability of an event related to the study's effect by the logit link "
            f"{cite('stijnen2010')}."
        )
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


def _sentence(text: str) -> str:
    """Return a reason as a sentence: with a capital letter and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"


def exact_sentences() -> str:
    """Return the sentence on how the exact engine computes a posterior."""
    return (
        "The joint posterior distribution of μ and τ was computed by deterministic quadrature instead of simulation, "
        "with a bound on the numerical error of every reported number."
    )


def nuts_sentences(settings: Mapping[str, Any], versions: Mapping[str, str], *, verified: bool) -> str:
    """Return the sentences on sampling.

    Parameters
    ----------
    settings : mapping
        ``sampler``, ``draws``, ``tune``, ``chains``, ``seed`` and, if known, ``target_accept``.
    versions : mapping
        Versions of the programs by name.
    verified : bool
        Whether the draws were compared with the exact posterior.

    Returns
    -------
    str
        One paragraph.
    """
    sampler, pymc = settings["sampler"], versions.get("pymc", "")
    program = f"PyMC {pymc} {cite('abrilpla2023')}"
    if sampler != "pymc":
        program = f"{_SAMPLERS.get(sampler, sampler)} {versions.get(sampler, '')}, from a model built with {program}"
    accept = f", a target acceptance rate of {settings['target_accept']:g}" if "target_accept" in settings else ""
    sentences = [
        f"The same model was sampled by the no-U-turn sampler {cite('hoffman2014')} of {program}, with "
        f"{settings['chains']} chains of {settings['draws']} draws each after {settings['tune']} tuning "
        f"steps{accept} and the random seed {settings['seed']}.",
        "Convergence was judged by the rank-normalised R-hat, the effective sample sizes of bulk and tails "
        f"{cite('vehtari2021')} and divergent transitions.",
    ]
    if verified:
        sentences.append(
            "The means, standard deviations, medians and limits of the intervals were compared with those of the "
            "exact posterior in units of their Monte-Carlo standard errors; differences of up to 4 were accepted."
        )
    return " ".join(sentences)


def report_sentences(link: str, *, ci_prob: float) -> str:
    """Return the sentences on what is reported of a posterior.

    Parameters
    ----------
    link : str
        What μ is a function of.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    str
        One paragraph.
    """
    percent = f"{100 * ci_prob:g} %"
    if link != "logit":
        return (
            f"We report posterior medians with {percent} equal-tailed credible intervals (CrI), and a {percent} "
            "prediction interval (PI) for the true effect of a next study."
        )
    return (
        "Three quantities were kept apart: the proportion of the median study (p_median, the inverse link of μ), the "
        "mean of the distribution of study proportions (p_mean), and the proportion of a next study (p_new). We report "
        f"posterior medians, for p_mean the posterior mean, with {percent} equal-tailed credible intervals (CrI); that "
        "of p_new is a prediction interval (PI)."
    )


def frequentist_sentences(settings: Mapping[str, Any], *, k_corrected: int = 0) -> str:
    """Return the sentences on one frequentist analysis.

    Parameters
    ----------
    settings : mapping
        ``measure``, ``variance``, ``tau2_method``, ``ci_method``, ``pi_method``, ``ci_prob``, ``add`` and ``to``.
    k_corrected : int
        Number of studies to whose cells something was added.

    Returns
    -------
    str
        One paragraph.
    """
    record, method = get_measure(settings["measure"]), tau2_record(settings["tau2_method"])
    percent = f"{100 * settings['ci_prob']:g} %"
    how = _TAU2.get(method.code, f"by a {method.model} model with the {method.title} estimator of the heterogeneity")
    effects = "The estimates" if record.code == "GEN" else f"{record.title[0].upper()}{record.title[1:]}s"
    interval = f"the {percent} confidence interval (CI) is {ci_record(settings['ci_method']).title}'s"
    sentences = [f"{effects} ({record.code}) were pooled {how}; {interval}."]
    if settings["variance"] == "exact-ci":
        sentences.append(
            "The standard error of each proportion was the width of its exact 95 % confidence interval "
            f"{cite('clopper1934')} divided by 2 × 1.96."
        )
    if k_corrected:
        studies = "1 study" if k_corrected == 1 else f"{k_corrected} studies"
        sentences.append(f"A continuity correction of {settings['add']:g} was added to the cells of {studies}.")
    if method.is_random:
        sentences.append(_prediction(settings["pi_method"], percent))
    return " ".join(sentences)


def heterogeneity_sentence() -> str:
    """Return the sentence on the statistics of heterogeneity that go with every frequentist analysis."""
    return f"Heterogeneity was described by Cochran's Q and I² {cite('cochran1954', 'higgins2002')}."


def _prediction(pi_method: str, percent: str) -> str:
    if pi_method == "hts":
        return (
            f"A {percent} prediction interval was computed from the t distribution with k − 2 degrees of freedom "
            f"{cite('higgins2009')}."
        )
    return f"A {percent} prediction interval was computed with the {pi_record(pi_method).title}."


def subgroup_sentences(by: Sequence[str]) -> str:
    """Return the sentence on subgroups.

    Parameters
    ----------
    by : sequence of str
        The moderators.

    Returns
    -------
    str
        One sentence.
    """
    names = by[0] if len(by) == 1 else f"{', '.join(by[:-1])} and {by[-1]}"
    return f"Subgroups by {names} were analysed separately, each with a heterogeneity of its own."


def software_sentence(versions: Mapping[str, str]) -> str:
    """Return the sentence on the programs used.

    Parameters
    ----------
    versions : mapping
        Versions by name; bayesmeta and Python are told.

    Returns
    -------
    str
        One sentence.
    """
    return f"All computations were made with bayesmeta {versions['bayesmeta']} under Python {versions['python']}."
