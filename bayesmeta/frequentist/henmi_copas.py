"""Where does the mean lie if small studies may be biased: the interval of Henmi and Copas about the common-effect mean.

    M = sum(w e) / sum(w),  e_i ~ N(0, se_i^2 + tau2) independent,  w_i = 1 / se_i^2,  Q = sum(w (e - M)^2)

The interval is ``M ± u sqrt((1 + T(Q) w2 / w1) / w1)`` with w_j = sum(w^j) and T(Q) the DerSimonian-Laird estimate that
Q gives. Its coverage is an integral over M of the probability that Q is large enough, with the distribution of Q given
M taken as gamma with the exact conditional mean and variance, and with tau2 at its estimate.
"""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.pooled import PooledMean

WIDEST: Final = 1e6
"""An interval of a million standard errors covers everything that a probability in float64 can ask for."""


@final
@dataclass(frozen=True)
class _Pivot:
    """What the coverage depends on.

    ``ratio`` is w2 / w1, ``slope`` w1 - w2 / w1 (of Q on tau2), ``inflation`` 1 + tau2 ratio (variance of M over
    1 / w1), and the mean and variance of Q given M = m sqrt(inflation / w1) are ``mean[0] + mean[1] m^2`` and the same
    of ``variance``.
    """

    df: int
    ratio: float
    slope: float
    inflation: float
    mean: tuple[float, float]
    variance: tuple[float, float]

    def exceeds(self, m: float, u: float) -> float:
        """Return P(interval with multiple u covers | M is m of its standard deviations)."""
        needed = ((m / u) ** 2 * self.inflation - 1.0) / self.ratio
        q = self.df + self.slope * needed
        if needed <= 0.0:
            return 1.0
        mean, variance = (a + b * m * m for a, b in (self.mean, self.variance))
        return float(special.gammaincc(mean * mean / variance, q * mean / variance))

    def outside(self, u: float) -> float:
        """Return 1 - coverage of the interval with multiple u of sqrt((1 + T w2 / w1) / w1)."""
        from scipy.integrate import quad

        start = u / sqrt(self.inflation)  # nearer to 0 even T = 0 covers
        density = 2.0 / sqrt(2.0 * np.pi)
        value, _ = quad(
            lambda m: density * np.exp(-0.5 * m * m) * (1.0 - self.exceeds(m, u)),
            start, start + 40.0, points=(start + 1.0, start + 4.0), epsabs=1e-13, epsrel=1e-11, limit=200,
        )  # fmt: skip
        return float(value)


def _pivot(se: FloatArray, tau2: float) -> _Pivot:
    """Return the moments of Q given M.

    With s_i^2 = se_i^2 + tau2: e = b M + z, b_i = w_i s_i^2 w1 / sum(w^2 s^2), and z is independent of M, so that
    Q = sum(w (c M + z)^2), c = b - 1; C, the covariance of z, is diag(s^2) - (w s^2)(w s^2)' / sum(w^2 s^2). Then
    E(Q | M) = tr(WC) + M^2 sum(w c^2) and Var(Q | M) = 2 tr(WCWC) + 4 M^2 (wc)'C(wc).
    """
    scaled = se.min() ** 2  # weights in units of the largest: nothing overflows
    w = scaled / se**2
    t = tau2 / scaled
    w1 = w.sum()
    a = 1.0 + t * w  # w_i s_i^2
    total = (w * a).sum()  # sum of w^2 s^2
    c = a * w1 / total - 1.0
    m2 = total / w1**2  # variance of M
    trace = a.sum() - (w * a * a).sum() / total
    square = (a * a).sum() - 2.0 * (w * a**3).sum() / total + ((w * a * a).sum() / total) ** 2
    wc = w * c
    bent = (wc * wc * a / w).sum() - (wc * a).sum() ** 2 / total
    return _Pivot(
        df=len(se) - 1, ratio=float((w * w).sum() / w1), slope=float(2.0 * _pairs(w) / w1), inflation=float(total / w1),
        mean=(float(trace), float(m2 * (w * c * c).sum())), variance=(float(2.0 * square), float(4.0 * m2 * bent)),
    )  # fmt: skip


def _pairs(w: FloatArray) -> float:
    """Return the sum of w_i w_j over pairs; (w1^2 - w2) / 2 without cancellation."""
    return float((w[1:] * np.cumsum(w)[:-1]).sum())


def henmi_copas_interval(mean: PooledMean, ci_prob: float) -> tuple[float, float]:
    """Return the interval of Henmi and Copas [1]_ for the overall mean.

    Parameters
    ----------
    mean : PooledMean
        The common-effect mean, with the DerSimonian-Laird estimate of tau2.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        Link scale.

    References
    ----------
    .. [1] M. Henmi, J. B. Copas. Confidence intervals for random effects meta-analysis and robustness to publication
       bias. Statistics in Medicine 29:2969-2983, 2010. doi:10.1002/sim.4029
    """
    from scipy.optimize import brentq

    if len(mean.se) < 2:
        return nan, nan
    pivot = _pivot(mean.se, mean.tau2)
    u = brentq(lambda u: pivot.outside(u) - (1.0 - ci_prob), 1e-8, WIDEST, xtol=1e-12, rtol=1e-13)
    return mean.mu - u * mean.se_mu, mean.mu + u * mean.se_mu


def henmi_copas_test(mean: PooledMean) -> tuple[float, float]:
    """Return mu / se_mu, and the P-value: 1 less the coverage of the interval that just reaches 0."""
    if len(mean.se) < 2:
        return nan, nan
    statistic = mean.mu / mean.se_mu
    return statistic, 1.0 if statistic == 0.0 else _pivot(mean.se, mean.tau2).outside(abs(statistic))
