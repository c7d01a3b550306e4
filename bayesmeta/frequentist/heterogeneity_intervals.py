"""How well is the heterogeneity known: `heterogeneity`, tau2, I2 and H2 with confidence intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, inf, log, nan, sqrt
from types import MappingProxyType
from typing import Final, final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.heterogeneity import h2_from_q, i2_from_q, variance_ratio
from bayesmeta.frequentist.methods import not_pooled
from bayesmeta.frequentist.registry import look_up
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.frequentist.tau2_intervals import Interval, generalised_q, profile_likelihood, q_profile, wald

type Row = tuple[str, float, float, float, str, str]

LIKELIHOODS: Final = ("ML", "REML")
TEST_BASED: Final = "test-based"
EMPTY: Final = "the interval is empty: every tau2 >= 0 is contradicted, the effects vary less than their errors; 0 to 0"


@final
@dataclass(frozen=True, slots=True)
class Tau2Interval:
    """One kind of confidence interval for tau2.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    limits : callable
        ``(fit, x, ci_prob) -> (lower, upper)``, x the design (k, p).
    inverts : bool
        Whether it inverts a test of Q, so that it may be empty.
    """

    code: str
    title: str
    limits: Callable[[FrequentistFit, FloatArray, float], Interval]
    inverts: bool = False


def _profile(fit: FrequentistFit, x: FloatArray, ci_prob: float) -> Interval:
    if fit.tau2_method not in LIKELIHOODS:
        raise SpecError(
            f"method='profile' needs a fit by tau2_method='ML' or 'REML', whose likelihood it profiles; this one is by "
            f"{fit.tau2_method!r}. Use method='q-profile', or fit with tau2_method='REML'."
        )
    return profile_likelihood(fit.y, fit.se**2, x, ci_prob, tau2=fit.tau2, restricted=fit.tau2_method == "REML")


TAU2_INTERVALS: Final[Mapping[str, Tau2Interval]] = MappingProxyType(
    {
        record.code: record
        for record in (
            Tau2Interval("q-profile", "Q-profile", lambda fit, x, p: q_profile(fit.y, fit.se**2, x, p), inverts=True),
            Tau2Interval("profile", "profile likelihood", _profile),
            Tau2Interval(
                "generalised-q",
                "generalised Q, weights 1/se^2",
                lambda fit, x, p: generalised_q(fit.y, fit.se**2, x, p),
                inverts=True,
            ),
            Tau2Interval(
                "generalised-q-sqrt",
                "generalised Q, weights 1/se",
                lambda fit, x, p: generalised_q(fit.y, fit.se**2, x, p, power=0.5),
                inverts=True,
            ),
            Tau2Interval("wald", "Wald", lambda fit, x, p: wald(fit.tau2, fit.se_tau2, p)),
        )
    }
)
"""The intervals by name."""


def heterogeneity(fit: FrequentistFit, *, ci_prob: float | None = None, method: str = "q-profile") -> pd.DataFrame:
    """Return tau2, tau, I2 and H2 with confidence intervals, by the definition from tau2 and by that from Q.

    Parameters
    ----------
    fit : FrequentistFit
        A classical fit.
    ci_prob : float, optional
        Coverage, between 0 and 1; the fit's own by default.
    method : str
        Interval of tau2: ``"q-profile"`` (whatever the estimator, exact for normal effects [1]_), ``"profile"``
        (profile likelihood, for fits by ML or REML), ``"generalised-q"`` and ``"generalised-q-sqrt"`` (weights 1 / se^2
        and 1 / se [2]_) or ``"wald"`` (tau2 ± z se, poor unless studies are very many).

    Returns
    -------
    DataFrame
        Indexed by ``statistic``; columns ``estimate``, ``lower``, ``upper``, ``method``, ``note``. ``tau2``
        and ``tau`` are on the (squared) link scale. ``i2_tau2`` and ``h2`` are tau2 / (tau2 + s2) and 1 + tau2 / s2, s2
        the typical within-study variance, with the limits of tau2. ``i2`` and ``h2_q`` are (Q - df) / Q and Q / df, at
        least 0 and 1, with the test-based interval of Higgins and Thompson [3]_. I2 is a fraction. ``note`` says why
        limits are nan (too few studies, a common effect) or both 0 (the interval is empty).

    Raises
    ------
    SpecError
        If `fit` is no classical fit, an option is unknown, or the method does not go with the fit.

    References
    ----------
    .. [1] W. Viechtbauer. Confidence intervals for the amount of heterogeneity in meta-analysis. Statistics in Medicine
       26:37-52, 2007. doi:10.1002/sim.2514
    .. [2] D. Jackson. Confidence intervals for the between-study variance in random effects meta-analysis using
       generalised Cochran heterogeneity statistics. Research Synthesis Methods 4:220-229, 2013. doi:10.1002/jrsm.1081
    .. [3] J. P. T. Higgins, S. G. Thompson. Quantifying heterogeneity in a meta-analysis. Statistics in Medicine
       21:1539-1558, 2002. doi:10.1002/sim.1186

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> table = bm.heterogeneity(bm.fit(studies, engine="frequentist"))
    >>> table.loc["tau2", ["estimate", "lower", "upper"]].astype(float).round(4).tolist()
    [0.3616, 0.0414, 2.051]
    """
    if not isinstance(fit, FrequentistFit):
        raise not_pooled("heterogeneity", fit, _instead(fit))
    record = look_up("method", method, TAU2_INTERVALS)
    prob = fit.ci_prob if ci_prob is None else check_probability("ci_prob", ci_prob)
    frame = pd.DataFrame(
        [*_from_tau2(fit, record, prob), *_from_q(fit, prob)],
        columns=["statistic", "estimate", "lower", "upper", "method", "note"],
    )
    return frame.set_index("statistic")


def _instead(fit: object) -> str:
    """Return where the heterogeneity of another fit is found."""
    if isinstance(fit, GlmmFit):
        return "its limits of tau2, by profile likelihood, are fit.tau2_interval."
    if getattr(fit, "engine", None) == "frequentist":
        return "what is left of heterogeneity is printed by print(fit)."
    return "a Bayesian fit has the posterior of tau: bm.summary(fit)."


def _from_tau2(fit: FrequentistFit, record: Tau2Interval, ci_prob: float) -> list[Row]:
    limits, note = (nan, nan), ""
    if not tau2_record(fit.tau2_method).is_random:
        note = "no interval: a common effect is assumed, and tau2 is 0"
    elif fit.k < 2:
        note = "k = 1: no interval, because one study says nothing of tau2"
    else:
        limits = record.limits(fit, np.ones((fit.k, 1)), ci_prob)
        note = EMPTY if record.inverts and limits[1] == 0.0 else ""
    tau2 = np.array([fit.tau2, *limits])
    ratio = variance_ratio(tau2, np.broadcast_to(fit.se, (3, fit.k))) + 0.0 * tau2  # of one study nan stays nan
    values = {"tau2": tau2, "tau": np.sqrt(tau2), "i2_tau2": ratio / (1.0 + ratio), "h2": 1.0 + ratio}
    return [(name, float(a[0]), float(a[1]), float(a[2]), record.code, note) for name, a in values.items()]


def _from_q(fit: FrequentistFit, ci_prob: float) -> list[Row]:
    h2 = max(1.0, float(h2_from_q(fit.q, fit.df)))
    lower, upper = h2_interval(fit.q, fit.k, ci_prob)
    note = "" if fit.k > 2 else f"k = {fit.k}: no interval, because its standard error needs three studies"
    return [
        ("i2", float(i2_from_q(fit.q, fit.df)), 1.0 - 1.0 / lower, 1.0 - 1.0 / upper, TEST_BASED, note),
        ("h2_q", h2, lower, upper, TEST_BASED, note),
    ]


def h2_interval(q: float, k: int, ci_prob: float) -> Interval:
    """Return the test-based interval of H2 = Q / (k - 1), cut at 1.

    Parameters
    ----------
    q : float
        Cochran's Q.
    k : int
        Number of studies.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        ``exp(2 (log H ± z SE))``, SE that of log H from the normal approximation to Q's distribution: if Q > k
        ``(log Q - log(k - 1)) / 2 / (sqrt(2Q) - sqrt(2k - 3))``, else ``sqrt((1 - 1 / (3 (k - 2)^2)) / (2 (k - 2)))``.
        nan below three studies.
    """
    if k < 3:
        return nan, nan
    log_h = 0.5 * log(q / (k - 1)) if q > 0.0 else -inf
    if q > k:
        se = log_h / (sqrt(2.0 * q) - sqrt(2.0 * k - 3.0))
    else:
        se = sqrt((1.0 - 1.0 / (3.0 * (k - 2) ** 2)) / (2.0 * (k - 2)))
    half = float(ndtri(0.5 + 0.5 * ci_prob)) * se
    return max(1.0, exp(2.0 * (log_h - half))), max(1.0, exp(2.0 * (log_h + half)))
