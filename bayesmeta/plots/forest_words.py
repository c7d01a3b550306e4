"""Which words stand in a forest plot: names of estimands, heterogeneity, warnings, meaning of the marks?"""

from collections.abc import Mapping, Sequence
from math import ceil, isnan, log10
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bayesmeta.api import AnyFit, BayesianFit
from bayesmeta.effects.study_intervals import DEFAULT_STUDY_INTERVAL, study_interval_record
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.nuts.settings import SAMPLER_TITLES
from bayesmeta.plots.forest_fits import Shown, is_reliable, link_of
from bayesmeta.result.diagnosis import NOT_RELIABLE
from bayesmeta.result.quantity import is_proportion

if TYPE_CHECKING:
    import pandas as pd

    from bayesmeta.nuts.fit import NutsFit

PARAMETER_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "p_median": "Median study (p_median)",
        "p_mean": "Average study (p_mean)",
        "p_new": "Next study (p_new)",
        "mu": "Mean effect (mu)",
        "theta_new": "Next study (theta_new)",
    }
)
"""What the estimates are called on the left of the plot, so that none is taken for another."""


MANY_WEIGHTS: Final = 1.5
"""Weights of studies sum to 1, or to 1 in each group."""


def parameter_label(parameter: str, fit: AnyFit) -> str:
    """Return what an estimate is called on the left of the plot.

    Parameters
    ----------
    parameter : str
        A key of `PARAMETER_LABELS`.
    fit : ExactFit, NutsFit or FrequentistFit
        The fit.
    """
    of_rates = fit.studies.kind == "rates" and parameter == "mu" and link_of(fit) == "log"
    if is_common(fit) and parameter in ("mu", "p_median"):
        noun = "proportion" if parameter == "p_median" else "rate" if of_rates else "effect"
        return f"Common {noun} ({parameter})"
    return "Median rate (mu)" if of_rates else PARAMETER_LABELS[parameter]


def is_common(fit: Shown) -> bool:
    """Return whether the model of a fit lets no study differ from the others."""
    return not isinstance(fit, FrequentistFit | GlmmFit | FrequentistRegression) and not fit.model.has_tau


def warned(title: str, *, is_reliable: bool) -> str:
    """Return what stands above estimates, with a warning before it if they must not be used."""
    return title if is_reliable else f"{NOT_RELIABLE}: {title}"


def percent_words(prob: float) -> str:
    """Return the probability of an interval as it is printed: ``"95 %"``."""
    return f"{100 * prob:.6g} %"


def heterogeneity_line(title: str, fit: Shown, *, ci_prob: float) -> str:
    """Return one line on how far the studies differ, with how far the numbers can be trusted.

    Parameters
    ----------
    title : str
        What the fit is called in the plot.
    fit : ExactFit, NutsFit or FrequentistFit
        The fit.
    ci_prob : float
        Probability of the credible interval of tau.

    Returns
    -------
    str
        For a Bayesian fit tau (posterior median) with its credible interval. Then, for the exact engine, the
        largest numerical error of the summary, rounded up to a power of ten; for NUTS the number of draws, the
        largest R-hat, the smallest effective sample size, and whether it was verified against the exact
        engine. For a frequentist fit tau2, I2, Q, df and P.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> heterogeneity_line("DL", bm.fit(studies, engine="frequentist"), ci_prob=0.95)
    'DL, heterogeneity: tau² = 0.362, I² = 56.4 %, Q = 29.79, df = 13, P = 0.005'
    """
    if isinstance(fit, FrequentistFit | GlmmFit | FrequentistRegression):
        return f"{title}, heterogeneity: {_classical_words(fit)}"
    return f"{title}, heterogeneity: {_bayesian_words(fit, ci_prob)}"


def _bayesian_words(fit: BayesianFit, prob: float) -> str:
    table = fit.summary(ci_prob=prob)
    if not fit.model.has_tau:
        return f"none assumed; {_error_words(table)}"
    tau = table.loc["tau"]
    trust = _sampling_words(fit) if fit.engine == "nuts" else _error_words(table)
    return f"{tau_words([*tau[['median', 'lower', 'upper']]], fit.link, prob)}; {trust}"


def tau_words(numbers: Sequence[float], link: str, prob: float) -> str:
    """Return tau with its interval, if it has one, and its scale: ``"tau = 1.1 (95 % CrI 0.6 to 2), logit scale"``."""
    median, lower, upper = numbers
    interval = "" if isnan(lower) else f" ({percent_words(prob)} CrI {lower:.2f} to {upper:.2f})"
    scale = f", {link} scale" if is_proportion(link) or link == "log" else ""
    return f"tau = {median:.2f}{interval}{scale}"


def short_heterogeneity(fit: AnyFit, prob: float) -> str:
    """Return how far the studies of one group differ, without how far the numbers can be trusted."""
    if isinstance(fit, FrequentistFit | GlmmFit):
        return _classical_words(fit)
    return _bayesian_words(fit, prob).partition("; ")[0]


def _error_words(table: "pd.DataFrame") -> str:
    error = float(table["numerical_error"].max())
    bound = f"1e{ceil(log10(error))}" if error > 0.0 else "1e-16"
    return f"exact posterior, numerical error < {bound}"


def _sampling_words(fit: "NutsFit") -> str:
    """Return how much was drawn, how well the chains mixed, and whether the exact engine agrees."""
    stopped = " (interrupted)" if fit.interrupted else ""
    found = fit.diagnostics  # of the studies' own effects too, on which the verdict rests
    smallest = float(found[["ess_bulk", "ess_tail"]].min().min())
    words = [
        f"{SAMPLER_TITLES[fit.sampler]}, {fit.chains} × {fit.draws} draws{stopped}",
        f"largest R-hat {found['r_hat'].max():.3f}",
        f"smallest effective sample size {smallest:.0f}",
    ]
    if fit.n_divergent:
        words.append(f"{fit.n_divergent} divergent")
    agrees = fit.verification and fit.verification.agrees
    words.append("not verified" if agrees is None else "agrees with exact" if agrees else "differs from exact")
    return ", ".join(words)


def _classical_words(fit: FrequentistFit | GlmmFit | FrequentistRegression) -> str:
    if fit.df == 0:
        return "cannot be estimated from one study"
    pvalue = "P < 0.001" if fit.q_pvalue < 0.001 else f"P = {fit.q_pvalue:.3f}"
    test = f"I² = {100 * fit.i2:.1f} %, Q = {fit.q:.2f}, df = {fit.df}, {pvalue}"
    if not isinstance(fit, GlmmFit) and not tau2_record(fit.tau2_method).is_random:
        return f"none assumed; {test}"
    return f"tau² = {fit.tau2:.3g}, {test}"


def warnings_of(fits: Mapping[str, AnyFit], groups: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Return a line on each fit that is not reliable: which it is, what of it is drawn, and why it failed.

    Parameters
    ----------
    fits : mapping
        All fits of the plot by label, the main one first.
    groups : mapping
        Why the estimates of a group must not be used, by its label; "" if they may.
    """
    main = next(iter(fits))
    lines = []
    for title, fit in fits.items():
        if not is_reliable(fit):
            drawn = "its estimates and the shrunken ones" if title == main else "its estimates"
            why = fit.notes[0].removeprefix(f"{NOT_RELIABLE}: ")
            lines.append(f"{NOT_RELIABLE}: {title}; do not use {drawn}. {why[:1].upper()}{why[1:]}.")
    by_reason: dict[str, list[str]] = {}
    for label, why in groups.items():
        if why and _reason(why).rstrip(".") not in " ".join(lines):  # the groups of one fit share its reason
            by_reason.setdefault(_reason(why), []).append(label)
    return lines + [
        f"{NOT_RELIABLE}: {', '.join(labels)}; do not use the estimates there. {reason}"
        for reason, labels in by_reason.items()
    ]


def _reason(note: str) -> str:
    """Return what went wrong first, without what else is noted."""
    why = note.partition(f"{NOT_RELIABLE}: ")[2].partition("; ")[0] or note
    return f"{why[:1].upper()}{why[1:]}."


def marks_line(
    frame: "pd.DataFrame",
    *,
    ci_prob: float,
    is_cut: bool = False,
    study_interval: str | None = None,
    shrunken: bool = True,
    curves: int = 0,
) -> str:
    """Return what squares, circles, diamonds, bars and arrows mean, for those that are drawn.

    Parameters
    ----------
    frame : DataFrame
        What is drawn.
    ci_prob : float
        Probability of the intervals.
    is_cut : bool
        Whether some interval goes beyond the axis.
    study_interval : str, optional
        Interval of the observed proportions.
    shrunken : bool
        Whether shrunken estimates are drawn, if there are any.
    curves : int
        How many predictions are drawn as densities.
    """
    percent, rows = percent_words(ci_prob), frame[frame["kind"] == "study"]
    words = []
    if len(rows):
        of_proportions = study_interval_record(study_interval or DEFAULT_STUDY_INTERVAL).title
        exact = f"{of_proportions} " if rows["n"].notna().any() else "exact (Garwood) " if "time" in rows else ""
        among = " in its group" if rows["weight"].sum() > MANY_WEIGHTS else ""
        words.append(f"Squares: as observed, with {exact}{percent} CI; area proportional to weight{among}.")
    if shrunken and rows["shrunken"].notna().any():
        words.append(f"Circles: the study's own value in the model, posterior median with {percent} CrI.")
    estimates = frame[frame["kind"] == "summary"]
    if len(estimates):
        words.append(_diamond_words(set(estimates["point"]), percent))
    if curves:
        words.append(f"Curves: posterior density of the next study's true value, filled over the {percent} PI.")
    if (frame["kind"] == "prediction").sum() > curves:
        words.append(f"Bars: {percent} prediction interval (PI).")
    if is_cut:
        words.append("Arrows: the interval goes on beyond the axis.")
    return " ".join(words)


def _diamond_words(points: set[str], percent: str) -> str:
    mean = " (p_mean: posterior mean)" if "mean" in points else ""
    of_bayes = f"posterior median{mean} with {percent} CrI" if "median" in points else ""
    of_pool = f"pooled estimate with {percent} CI" if "pooled" in points else ""
    return f"Diamonds: {', or '.join(filter(None, (of_bayes, of_pool)))}."
