"""Which words stand in a forest plot: names of methods and estimands, heterogeneity, meaning of the marks?"""

from collections.abc import Mapping
from math import ceil, log10
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record

if TYPE_CHECKING:
    import pandas as pd

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

_MEASURE_WORDS: Final[Mapping[str, str]] = MappingProxyType({"PLO": "logit", "PR": "raw proportion"})


def method_title(fit: ExactFit | FrequentistFit) -> str:
    """Return what a fit is called above its estimates, such as ``"DerSimonian-Laird, logit"``."""
    if isinstance(fit, FrequentistFit):
        title = tau2_record(fit.tau2_method).title
        words = _MEASURE_WORDS.get(fit.measure)
        return f"{title[0].upper()}{title[1:]}{f', {words}' if words else ''}"
    return "Bayesian model"


def percent_words(prob: float) -> str:
    """Return the probability of an interval as it is printed: ``"95 %"``."""
    return f"{100 * prob:.6g} %"


def heterogeneity_line(title: str, fit: ExactFit | FrequentistFit, *, ci_prob: float) -> str:
    """Return one line on how far the studies differ, with how far the numbers can be trusted.

    Parameters
    ----------
    title : str
        What the fit is called in the plot.
    fit : ExactFit or FrequentistFit
        The fit.
    ci_prob : float
        Probability of the credible interval of tau.

    Returns
    -------
    str
        For a Bayesian fit tau (posterior median) with its credible interval, and the largest numerical error
        of the summary, rounded up to a power of ten; for a frequentist fit tau2, I2, Q, df and P.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> heterogeneity_line("DL", bm.fit(studies, engine="frequentist"), ci_prob=0.95)
    'DL, heterogeneity: tau² = 0.362, I² = 56.4 %, Q = 29.79, df = 13, P = 0.005'
    """
    words = _classical_words(fit) if isinstance(fit, FrequentistFit) else _bayesian_words(fit, ci_prob)
    return f"{title}, heterogeneity: {words}"


def _bayesian_words(fit: ExactFit, prob: float) -> str:
    table = fit.summary(ci_prob=prob)
    tau = table.loc["tau"]
    values = f"tau = {tau['median']:.2f} ({percent_words(prob)} CrI {tau['lower']:.2f} to {tau['upper']:.2f})"
    scale = {"logit": ", logit scale", "log": ", log scale"}.get(fit.link, "")
    error = float(table["numerical_error"].max())
    bound = f"1e{ceil(log10(error))}" if error > 0.0 else "1e-16"
    return f"{values}{scale}; {fit.engine} posterior, numerical error < {bound}"


def _classical_words(fit: FrequentistFit) -> str:
    if fit.df == 0:
        return "cannot be estimated from one study"
    pvalue = "P < 0.001" if fit.q_pvalue < 0.001 else f"P = {fit.q_pvalue:.3f}"
    test = f"I² = {100 * fit.i2:.1f} %, Q = {fit.q:.2f}, df = {fit.df}, {pvalue}"
    if not tau2_record(fit.tau2_method).is_random:
        return f"none assumed; {test}"
    return f"tau² = {fit.tau2:.3g}, {test}"


def marks_line(frame: "pd.DataFrame", *, ci_prob: float) -> str:
    """Return what squares, circles, diamonds and bars mean, for those that the frame holds."""
    percent, rows = percent_words(ci_prob), frame[frame["kind"] == "study"]
    exact = "exact (Clopper-Pearson) " if rows["n"].notna().any() else ""
    words = [f"Squares: as observed, with {exact}{percent} CI; area proportional to weight."]
    if rows["shrunken"].notna().any():
        words.append(f"Circles: the study's own value in the model, posterior median with {percent} CrI.")
    words.append(_diamond_words(set(frame["point"]), percent))
    if (frame["kind"] == "prediction").any():
        words.append(f"Bars: {percent} prediction interval (PI).")
    return " ".join(words)


def _diamond_words(points: set[str], percent: str) -> str:
    mean = " (p_mean: posterior mean)" if "mean" in points else ""
    of_bayes = f"posterior median{mean} with {percent} CrI" if "median" in points else ""
    of_pool = f"pooled estimate with {percent} CI" if "pooled" in points else ""
    return f"Diamonds: {', or '.join(filter(None, (of_bayes, of_pool)))}."
