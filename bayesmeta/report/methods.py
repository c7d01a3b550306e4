"""What belongs into the methods section of a paper? Sentences built from engines and settings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bayesmeta.effects.measures import get_measure
from bayesmeta.frequentist.glmm_intervals import interval_record
from bayesmeta.frequentist.glmm_models import GlmmModel
from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.result import POOLED_AS_COUNTS
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.nuts.parametrisations import PARAMETRISATIONS
from bayesmeta.report.references import cite
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.likelihoods import DEFAULT_EFFECTS

_TAU2: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DL": "by inverse variance under a random-effects model with the moment estimator of the between-study "
        f"variance {cite('dersimonian1986')}",
        "EE": "by a common-effect model with inverse-variance weights",
    }
)
_CI: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wald": "Wald's",
        "t": "Wald's with the t distribution and k − 1 degrees of freedom",
        "hartung-knapp": f"that of Hartung and Knapp {cite('hartung2001')}, with k − 1 degrees of freedom",
        "hartung-knapp-adhoc": f"that of Hartung and Knapp {cite('hartung2001')} with a variance factor of at least 1 "
        f"{cite('knapp2003')}, with k − 1 degrees of freedom",
        "henmi-copas": f"that of Henmi and Copas {cite('henmi2010')} about the common-effect mean",
        "profile": f"that of the profile likelihood {cite('hardy1996')}",
    }
)
_SAMPLERS: Final = MappingProxyType({"pymc": "PyMC", "nutpie": "nutpie"})


def exact_sentences(*, has_tau: bool = True) -> str:
    """Return the sentence on how the exact engine computes a posterior."""
    of = "joint posterior distribution of μ and τ" if has_tau else "posterior distribution of μ"
    return (
        f"The {of} was computed by deterministic quadrature instead of simulation, "
        "with a bound on the numerical error of every reported number."
    )


def nuts_sentences(settings: Mapping[str, Any], versions: Mapping[str, str], *, verified: bool) -> str:
    """Return the sentences on sampling.

    Parameters
    ----------
    settings : mapping
        ``sampler``, ``draws``, ``tune``, ``chains``, ``seed`` and, if known, ``target_accept`` and
        ``parametrisation``.
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
        *_form_sentence(settings.get("parametrisation", "")),
        "Convergence was judged by the rank-normalised R-hat, the effective sample sizes of bulk and tails "
        f"{cite('vehtari2021')} and divergent transitions.",
    ]
    if verified:
        sentences.append(
            "The means, standard deviations, medians and limits of the intervals were compared with those of the "
            "exact posterior in units of their Monte-Carlo standard errors; differences of up to 4 were accepted."
        )
    return " ".join(sentences)


def _form_sentence(form: str) -> list[str]:
    """Return what is said of the form of the study effects, if there is a choice."""
    return [f"The study effects were sampled {PARAMETRISATIONS[form].words}."] if form else []


def report_sentences(link: str, *, ci_prob: float, effects: str = DEFAULT_EFFECTS) -> str:
    """Return the sentences on what is reported of a posterior.

    Parameters
    ----------
    link : str
        What μ is a function of.
    ci_prob : float
        Probability of the intervals.
    effects : str
        The distribution of the study effects.

    Returns
    -------
    str
        One paragraph.
    """
    percent = f"{100 * ci_prob:g} %"
    if effects == "none":
        of_proportion = " of the proportion that all studies share" if is_proportion(link) else ""
        return f"We report posterior medians{of_proportion} with {percent} equal-tailed credible intervals (CrI)."
    if not is_proportion(link):
        return (
            f"We report posterior medians with {percent} equal-tailed credible intervals (CrI), and a {percent} "
            "prediction interval (PI) for the true effect of a next study."
        )
    how = "" if effects == "beta" else ", the inverse link of μ"
    return (
        f"Three quantities were kept apart: the proportion of the median study (p_median{how}), the "
        "mean of the distribution of study proportions (p_mean), and the proportion of a next study (p_new). We report "
        f"posterior medians, for p_mean the posterior mean, with {percent} equal-tailed credible intervals (CrI); that "
        "of p_new is a prediction interval (PI)."
    )


def frequentist_sentences(settings: Mapping[str, Any], *, k_corrected: int = 0) -> str:
    """Return the sentences on one frequentist analysis.

    Parameters
    ----------
    settings : mapping
        ``method``, ``measure``, ``variance``, ``tau2_method``, ``ci_method``, ``pi_method``, ``ci_prob``, ``add`` and
        ``to``.
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
    if (counts := POOLED_AS_COUNTS.get(settings.get("method", ""))) is not None:
        how = f"by {counts}'s method, which assumes a common effect"
    effects = "The estimates" if record.code == "GEN" else f"{record.title[0].upper()}{record.title[1:]}s"
    interval = f"the {percent} confidence interval (CI) is {_CI[ci_record(settings['ci_method']).code]}"
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


def glmm_sentences(settings: Mapping[str, Any], model: GlmmModel) -> str:
    """Return the sentences on one mixed model.

    Parameters
    ----------
    settings : mapping
        ``measure``, ``ci_method``, ``pi_method`` and ``ci_prob``.
    model : GlmmModel
        The model.

    Returns
    -------
    str
        One paragraph.
    """
    percent = f"{100 * settings['ci_prob']:g} %"
    record = interval_record(settings["ci_method"])
    title = "by profile likelihood" if record.scale is None else record.title
    return (
        f"A generalised linear mixed model of the {get_measure(model.measure).title} ({model.measure}; {model.title}; "
        f"{model.code}) was fitted by maximum likelihood, without continuity correction "
        f"{cite('stijnen2010')}; the marginal likelihoods were integrated by quadrature with a stated error. The "
        f"{percent} confidence interval (CI) is {title}, that of the heterogeneity by profile likelihood. "
        f"{_prediction(settings['pi_method'], percent)}"
    )


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


def subgroup_sentences(by: Sequence[str], *, has_tau: bool = True) -> str:
    """Return the sentence on subgroups.

    Parameters
    ----------
    by : sequence of str
        The moderators.
    has_tau : bool
        Whether the model lets studies differ.

    Returns
    -------
    str
        One sentence.
    """
    names = by[0] if len(by) == 1 else f"{', '.join(by[:-1])} and {by[-1]}"
    own = ", each with a heterogeneity of its own" if has_tau else ""
    return f"Subgroups by {names} were analysed separately{own}."


def firmness_sentences(*, pairs: int = 0, left_out: bool = False, tests: Sequence[str] = ()) -> list[str]:
    """Return the sentences on how firm the answer is.

    Parameters
    ----------
    pairs : int
        Number of other pairs of priors that were tried.
    left_out : bool
        Whether each study was left out in turn.
    tests : sequence of str
        Names of the tests for small-study effects.
    """
    sentences = [f"The analysis was repeated under {pairs} other choices of priors."] if pairs else []
    if left_out:
        sentences.append("Each study was left out in turn.")
    if tests:
        names = [name.capitalize() for name in tests]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        sentences.append(f"Small-study effects were tested by the methods of {listed} {cite('sterne2011')}.")
    return sentences


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
