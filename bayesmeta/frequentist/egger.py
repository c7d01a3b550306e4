"""Do small studies report other effects than large ones: the regression tests, as data.

Each regresses the study effects on a measure of study size. They differ in the effect, the measure and the weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.line import Line, fit_line, varies
from bayesmeta.frequentist.tau2 import Tau2Method

type Counts = Mapping[str, FloatArray]
"""The arrays of `Studies.data`, of one arm or two."""


@final
@dataclass(frozen=True)
class Predictor:
    """One measure of a study's size.

    Attributes
    ----------
    code : str
        metafor's code.
    value : callable
        ``(se, n) -> x``, shapes (k,); n is the number of patients, or person-time.
    needs_n : bool
        Whether n is used.
    has_limit : bool
        Whether x falls to 0 as a study grows, so that the intercept is the effect in a study without end.
    """

    code: str
    value: Callable[[FloatArray, FloatArray], FloatArray]
    needs_n: bool
    has_limit: bool


PREDICTORS: Final[Mapping[str, Predictor]] = MappingProxyType(
    {
        record.code: record
        for record in (
            Predictor("sei", lambda se, n: se, needs_n=False, has_limit=True),
            Predictor("vi", lambda se, n: se**2, needs_n=False, has_limit=True),
            Predictor("ni", lambda se, n: n, needs_n=True, has_limit=False),
            Predictor("ninv", lambda se, n: 1.0 / n, needs_n=True, has_limit=True),
            Predictor("sqrtni", lambda se, n: np.sqrt(n), needs_n=True, has_limit=False),
            Predictor("sqrtninv", lambda se, n: 1.0 / np.sqrt(n), needs_n=True, has_limit=True),
        )
    }
)
"""The predictors of the regression test, by metafor's codes."""

MODELS: Final = ("lm", "mixed")
"""Weighted regression with multiplicative dispersion, and meta-regression with a between-study variance."""


def egger(y: FloatArray, se: FloatArray, x: FloatArray, *, model: str, tau2_rule: Tau2Method) -> Line:
    """Regress the effects on a predictor, with inverse variances as weights.

    Parameters
    ----------
    y, se, x : array, shape (k,)
        Effects, standard errors, predictor.
    model : {"lm", "mixed"}
        Weights 1 / se^2 with an estimated dispersion and t with k - 2 degrees of freedom [1]_, or weights 1 / (se^2 +
        tau2) and the normal distribution [2]_.
    tau2_rule : Tau2Method
        Estimator of tau2 about the line, for "mixed".

    References
    ----------
    .. [1] M. Egger, G. Davey Smith, M. Schneider, C. Minder. Bias in meta-analysis detected by a simple, graphical
       test. BMJ 315:629-634, 1997. doi:10.1136/bmj.315.7109.629. Their intercept, of y / se on 1 / se, is this slope.
    .. [2] J. A. C. Sterne, M. Egger. Regression methods to detect publication and other bias in meta-analysis. In:
       Rothstein, Sutton, Borenstein (eds), Publication bias in meta-analysis, chapter 6. Wiley, 2005.
    """
    if model == "lm":
        return fit_line(y, x, se**-2.0, dispersion=True)
    tau2 = 0.0
    if varies(x):
        scaled = (x - x.mean()) / np.ptp(x)
        tau2 = float(tau2_rule.estimate(y, se, np.column_stack([np.ones_like(x), scaled])))
    return fit_line(y, x, 1.0 / (se**2 + tau2), dispersion=False)


@final
@dataclass(frozen=True)
class SizeTest:
    """One regression on study size whose weights do not come from the standard errors.

    Attributes
    ----------
    code, predictor : str
        Name of the test, and what it regresses on, in words.
    measures : tuple of str
        Measures for which it was made; empty for every measure of `kinds`.
    kinds : tuple of str
        Kinds of data.
    regress : callable
        ``(y, data) -> Line`` with the effects and `Studies.data`.
    has_limit : bool
        Whether the intercept is the effect in a study without end.
    """

    code: str
    predictor: str
    measures: tuple[str, ...]
    kinds: tuple[str, ...]
    regress: Callable[[FloatArray, Counts], Line]
    has_limit: bool


def sizes(data: Counts) -> FloatArray:
    """Return the patients, or the person-time, of each study, shape (k,)."""
    return np.asarray(np.sum([values for role, values in data.items() if role.startswith(("n", "time"))], axis=0))


def effective_sizes(data: Counts) -> FloatArray:
    """Return n, or of two arms 4 n_1 n_2 / (n_1 + n_2), the size of the balanced study as precise, shape (k,)."""
    if "n" in data:
        return data["n"]
    treated, controls = data["n_treatment"], data["n_control"]
    return np.asarray(4.0 * treated * controls / (treated + controls))


def pooled_information(data: Counts) -> FloatArray:
    """Return d h / (d + h) with d events and h others in all arms: the information on a log odds, shape (k,).

    A study without events, or without others, has 1/2 added to both.
    """
    events = np.sum([values for role, values in data.items() if role.startswith("events")], axis=0)
    others = sizes(data) - events
    empty = 0.5 * ((events == 0.0) | (others == 0.0))
    return np.asarray((events + empty) * (others + empty) / (events + others + 2.0 * empty))


def peters(y: FloatArray, data: Counts) -> Line:
    """Regress the effects on 1 / n with weights d h / n [1]_.

    References
    ----------
    .. [1] J. L. Peters, A. J. Sutton, D. R. Jones, K. R. Abrams, L. Rushton. Comparison of two methods to detect
       publication bias in meta-analysis. JAMA 295:676-680, 2006. doi:10.1001/jama.295.6.676
    """
    return fit_line(y, 1.0 / sizes(data), pooled_information(data), dispersion=True)


def macaskill(y: FloatArray, data: Counts) -> Line:
    """Regress the effects on n with weights d h / n: the funnel plot regression with pooled variances [1]_.

    References
    ----------
    .. [1] P. Macaskill, S. D. Walter, L. Irwig. A comparison of methods to detect publication bias in meta-analysis.
       Statistics in Medicine 20:641-654, 2001. doi:10.1002/sim.698
    """
    return fit_line(y, sizes(data), pooled_information(data), dispersion=True)


def deeks(y: FloatArray, data: Counts) -> Line:
    """Regress the effects on 1 / sqrt(effective size) with the effective sizes as weights [1]_.

    References
    ----------
    .. [1] J. J. Deeks, P. Macaskill, L. Irwig. The performance of tests of publication bias and other sample size
       effects in systematic reviews of diagnostic test accuracy was assessed. Journal of Clinical Epidemiology
       58:882-893, 2005. doi:10.1016/j.jclinepi.2005.01.016
    """
    size = effective_sizes(data)
    return fit_line(y, size**-0.5, size, dispersion=True)


def score_and_information(data: Counts) -> tuple[FloatArray, FloatArray]:
    """Return Z, the efficient score of the log odds ratio at 0, and V, its null variance, each of shape (k,).

    Z = a - m n_1 / n and V = m (n - m) n_1 n_2 / (n^2 (n - 1)), with a events among n_1 treated, m among all n.
    """
    a, treated = data["events_treatment"], data["n_treatment"]
    controls, m = data["n_control"], a + data["events_control"]
    n = treated + controls
    v = m * (n - m) * treated * controls / (n**2 * (n - 1.0))
    return np.asarray(a - m * treated / n), np.asarray(v)


def harbord(y: FloatArray, data: Counts) -> Line:
    """Regress Z / V on 1 / sqrt(V) with weights V, the effects left aside [1]_.

    Studies without events, or with events only, say nothing of the odds ratio (V = 0) and are left out.

    References
    ----------
    .. [1] R. M. Harbord, M. Egger, J. A. C. Sterne. A modified test for small-study effects in meta-analyses of
       controlled trials with binary endpoints. Statistics in Medicine 25:3443-3457, 2006. doi:10.1002/sim.2380
    """
    z, v = score_and_information(data)
    z, v = z[v > 0.0], v[v > 0.0]
    if len(v) < 3:
        return Line(nan, nan, nan, nan, None)
    return fit_line(z / v, v**-0.5, v, dispersion=True)


_COUNTS: Final = ("counts", "two-arm-counts")
SIZE_TESTS: Final[Mapping[str, SizeTest]] = MappingProxyType(
    {
        record.code: record
        for record in (
            SizeTest("harbord", "1/sqrt(V)", ("OR", "PETO"), ("two-arm-counts",), harbord, has_limit=True),
            SizeTest("peters", "1/n", ("OR", "PETO", "PLO"), _COUNTS, peters, has_limit=True),
            SizeTest("macaskill", "n", ("OR", "PETO", "PLO"), _COUNTS, macaskill, has_limit=False),
            SizeTest("deeks", "1/sqrt(ESS)", (), _COUNTS, deeks, has_limit=True),
        )
    }
)
"""The other regression tests, by name."""
