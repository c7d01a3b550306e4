"""What is known of the coefficients of a weighted regression: standard errors, intervals, and tests of one or more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isinf
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, stdtr

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.frequentist.intervals import normal_quantile, student_quantile
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.registry import look_up


@final
@dataclass(frozen=True, slots=True)
class CoefficientTest:
    """One way to test coefficients.

    Attributes
    ----------
    code, title : str
        The name of ``ci_method``, and name in print.
    is_scaled : bool
        Whether the covariance is multiplied by the mean squared standardised residual, y'Py / (k - p).
    smallest : float
        Least value of that factor.
    has_df : bool
        Whether t and F with k - p degrees of freedom are used, or the normal and chi-squared.
    """

    code: str
    title: str
    is_scaled: bool = False
    smallest: float = 0.0
    has_df: bool = True


COEFFICIENT_TESTS: Final[Mapping[str, CoefficientTest]] = MappingProxyType(
    {
        record.code: record
        for record in (
            CoefficientTest("wald", "Wald", has_df=False),
            CoefficientTest("t", "t with k - p df"),
            CoefficientTest("hartung-knapp", "Hartung-Knapp", is_scaled=True),
            CoefficientTest("hartung-knapp-adhoc", "Hartung-Knapp, factor at least 1", is_scaled=True, smallest=1.0),
        )
    }
)
"""The tests by the names of ``ci_method``; metafor's ``test`` = z, t, knha and adhoc."""


def coefficient_test(code: object) -> CoefficientTest:
    """Return the test of a name, or raise `SpecError` that lists them."""
    return look_up("ci_method", code, COEFFICIENT_TESTS)


@final
@dataclass(frozen=True)
class WaldTest:
    """A test that several linear functions of the coefficients are 0.

    Attributes
    ----------
    statistic : float
        Chi-squared, or F.
    df : int
        How many are tested.
    df_residual : float
        Degrees of freedom of F's denominator; inf for chi-squared.
    pvalue : float
        Upper tail probability.
    """

    statistic: float
    df: int
    df_residual: float
    pvalue: float

    @property
    def is_f(self) -> bool:
        """Whether the statistic is compared with F, not chi-squared."""
        return not isinf(self.df_residual)


@final
@dataclass(frozen=True, eq=False)
class Coefficients:
    """Estimates with their covariance, and the degrees of freedom that their tests have.

    Attributes
    ----------
    beta : array, shape (p,)
        Estimates, link scale.
    vb : array, shape (p, p)
        Their covariance.
    df : float
        Degrees of freedom of t and F; inf for the normal and chi-squared, nan if there are none.
    """

    beta: FloatArray
    vb: FloatArray
    df: float = inf

    @property
    def se(self) -> FloatArray:
        """Standard errors, shape (p,)."""
        return np.sqrt(np.diagonal(self.vb))

    @property
    def statistics(self) -> FloatArray:
        """Estimates over standard errors: z or t, shape (p,); nan for 0 / 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.beta / self.se)

    @property
    def pvalues(self) -> FloatArray:
        """Two-sided P-values, shape (p,)."""
        below = -np.abs(self.statistics)
        return np.asarray(2.0 * (ndtr(below) if isinf(self.df) else stdtr(self.df, below)))

    def quantile(self, ci_prob: float) -> float:
        """Return the multiple of a standard error to either side of an interval."""
        return normal_quantile(ci_prob) if isinf(self.df) else student_quantile(ci_prob, self.df)

    def limits(self, ci_prob: float) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper confidence limits, each of shape (p,)."""
        half = self.quantile(ci_prob) * self.se
        return self.beta - half, self.beta + half

    def combine(self, rows: FloatArray) -> "Coefficients":
        """Return what is known of linear functions of the coefficients, for rows of shape (m, p)."""
        return Coefficients(rows @ self.beta, rows @ self.vb @ rows.T, self.df)

    def wald_test(self, tested: Sequence[int] | IntArray) -> WaldTest:
        """Test that all of the coefficients at some positions are 0.

        Notes
        -----
        Q = b' V^-1 b, chi-squared with m degrees of freedom; with t-type tests F = Q / m, on m and k - p.
        """
        at = np.asarray(tested, dtype=np.intp)
        beta, block, size = self.beta[at], self.vb[np.ix_(at, at)], len(at)
        scale = np.sqrt(np.diagonal(block))  # columns of unequal units
        if not (scale > 0.0).all():
            return WaldTest(inf if beta.any() else np.nan, size, self.df, 0.0 if beta.any() else np.nan)
        z = beta / scale
        q = float(z @ np.linalg.solve(block / np.outer(scale, scale), z))
        if isinf(self.df):
            return WaldTest(q, size, inf, float(chdtrc(size, q)))
        return WaldTest(q / size, size, self.df, float(fdtrc(size, self.df, q / size)))


def variance_factor(fit: Projection, y: FloatArray, test: CoefficientTest) -> float:
    """Return what a test multiplies the covariance of the coefficients by; nan where no residual is left to tell."""
    if not test.is_scaled:
        return 1.0
    return max(test.smallest, float(fit.quadratic(y)) / fit.df) if fit.df > 0 else np.nan


def estimate_coefficients(fit: Projection, y: FloatArray, test: CoefficientTest) -> Coefficients:
    """Return the coefficients of a weighted regression, shape (p,), as one of the tests has them.

    Parameters
    ----------
    fit : Projection
        The regression of k studies, with weights 1 / (se^2 + tau2), shape (k,).
    y : array, shape (k,)
        Observed effects, link scale.
    test : CoefficientTest
        How they are tested.

    Notes
    -----
    vb = s2 (X'WX)^-1 with s2 = y'Py / (k - p), at least ``test.smallest`` [1]_, or s2 = 1 where the test is not scaled.

    References
    ----------
    .. [1] G. Knapp, J. Hartung. Improved tests for a random effects meta-regression with a single covariate.
       Statistics in Medicine 22:2693-2710, 2003. doi:10.1002/sim.1482
    """
    df = (float(fit.df) if fit.df > 0 else np.nan) if test.has_df else inf
    return Coefficients(fit.coefficients(y), variance_factor(fit, y, test) * fit.inverse, df)
