"""Does a weighted straight line through the study effects rise or fall, and where does it begin?

    y_i = a + b x_i + e_i,  Var(e_i) = phi / w_i

with phi estimated (weighted regression with multiplicative dispersion) or 1 (meta-regression).
"""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Final, final

import numpy as np
from scipy.special import ndtr, stdtr

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.intervals import normal_quantile, student_quantile

ROUNDING: Final = 1e-12
"""What is below this share of the numbers it comes from is rounding, and taken for zero."""


@final
@dataclass(frozen=True)
class Line:
    """A weighted straight line.

    Attributes
    ----------
    slope, se_slope : float
        b and its standard error; nan where the predictor does not vary or, for the error, nothing is left over.
    intercept, se_intercept : float
        a, the effect at x = 0, and its standard error.
    df : int or None
        Degrees of freedom of Student's t; None for the normal distribution.
    """

    slope: float
    se_slope: float
    intercept: float
    se_intercept: float
    df: int | None

    @property
    def statistic(self) -> float:
        """Slope over its standard error."""
        return self.slope / self.se_slope

    @property
    def pvalue(self) -> float:
        """Two-sided P-value of slope = 0."""
        return 2.0 * tail(abs(self.statistic), self.df)

    def intercept_interval(self, ci_prob: float) -> tuple[float, float]:
        """Return the confidence limits of the intercept."""
        quantile = normal_quantile(ci_prob) if self.df is None else student_quantile(ci_prob, self.df)
        return self.intercept - quantile * self.se_intercept, self.intercept + quantile * self.se_intercept


def tail(statistic: float, df: int | None) -> float:
    """Return P(T > statistic) for Student's t, or for the standard normal if ``df`` is None."""
    return float(ndtr(-statistic) if df is None else stdtr(df, -statistic))


def varies(x: FloatArray) -> bool:
    """Return whether a predictor takes more than one value, beyond rounding."""
    return bool(np.ptp(x) > ROUNDING * np.abs(x).max())


def fit_line(y: FloatArray, x: FloatArray, w: FloatArray, *, dispersion: bool) -> Line:
    """Fit a straight line by weighted least squares.

    Parameters
    ----------
    y, x, w : array, shape (k,)
        Effects, predictor and weights (positive); k >= 3.
    dispersion : bool
        Whether the residual variance is estimated (t with k - 2 degrees of freedom), or taken from the weights,
        which then are inverse variances (normal distribution).

    Notes
    -----
    About the weighted means: b = S_xy / S_xx, a = ybar - b xbar, Var(b) = phi / S_xx, Var(a) = phi (1 / sum(w) +
    xbar^2 / S_xx), phi = sum(w_i r_i^2) / (k - 2).
    """
    df = len(y) - 2 if dispersion else None
    if not varies(x):
        return Line(nan, nan, nan, nan, df)
    share = w / w.sum()
    x_mean, y_mean = float(share @ x), float(share @ y)
    s_xx = float(w @ (x - x_mean) ** 2)
    slope = float((w * (x - x_mean)) @ (y - y_mean)) / s_xx
    phi = 1.0
    if dispersion:
        residuals = y - y_mean - slope * (x - x_mean)
        phi = float(w @ residuals**2) / (len(y) - 2)
        if np.abs(residuals).max() <= ROUNDING * np.abs(y).max():
            phi = nan  # the effects lie on a line: no variance is left to test against
    intercept = y_mean - slope * x_mean
    return Line(slope, sqrt(phi / s_xx), intercept, sqrt(phi * (1.0 / float(w.sum()) + x_mean**2 / s_xx)), df)
