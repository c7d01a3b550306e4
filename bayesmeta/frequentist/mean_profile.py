"""Which overall means does the likelihood not contradict: the profile-likelihood interval of mu.

    D(mu) = 2 (max over mu and tau2 of l(mu, tau2) - max over tau2 of l(mu, tau2)) <= quantile of chi-squared, 1 df

with the likelihood of maximum likelihood (ML): the restricted one has no mu in it. That y - mu has mean 0 is a
design without columns, so that `tau2_roots` maximises it.
"""

from typing import Final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.pooled import PooledMean
from bayesmeta.frequentist.tau2_roots import largest_likelihood, log_likelihood

SCAN: Final = 64
"""Means on each side at which D is looked at, for it need not rise all the way."""
GROWTH: Final = 200
"""Doublings of the distance from mu that are tried for a mean which the likelihood contradicts."""


def deviance(mean: PooledMean, mu: FloatArray) -> FloatArray:
    """Return D(mu) at each of some means, shape (M,)."""
    variance, no_column = mean.se**2, np.empty((len(mean.y), 0))
    rest = mean.y - mu[:, np.newaxis]
    variances = np.broadcast_to(variance, rest.shape)
    tau2 = largest_likelihood(rest, variances, no_column, restricted=False)
    best = log_likelihood(np.asarray(mean.tau2), mean.y - mean.mu, variance, no_column, restricted=False)
    return np.asarray(2.0 * (best - log_likelihood(tau2, rest, variances, no_column, restricted=False)))


def profile_interval(mean: PooledMean, ci_prob: float) -> tuple[float, float]:
    """Return the profile-likelihood interval of the overall mean [1]_.

    Parameters
    ----------
    mean : PooledMean
        The estimates of maximum likelihood.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        Link scale. Where D crosses its limit more than once on a side, the outermost crossing: beyond the outermost
        effect D only rises.

    References
    ----------
    .. [1] R. J. Hardy, S. G. Thompson. A likelihood approach to meta-analysis with random effects. Statistics in
       Medicine 15:619-629, 1996. doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A
    """
    if len(mean.y) < 2:
        return np.nan, np.nan
    allowed = float(special.chdtri(1, 1.0 - ci_prob))
    return _limit(mean, allowed, -1.0), _limit(mean, allowed, 1.0)


def _limit(mean: PooledMean, allowed: float, side: float) -> float:
    """Return the outermost mean on one side at which D is as large as allowed."""
    from scipy.optimize import brentq

    def excess(distance: float) -> float:
        return float(deviance(mean, np.array([mean.mu + side * distance]))[0]) - allowed

    outer = max(4.0 * mean.se_mu, float((side * (mean.y - mean.mu)).max()))
    for _ in range(GROWTH):
        if excess(outer) > 0.0:
            break
        outer *= 2.0
    distance = np.linspace(0.0, outer, SCAN + 1)
    inside = np.flatnonzero(deviance(mean, mean.mu + side * distance) <= allowed)
    last = int(inside[-1]) if inside.size else 0
    return mean.mu + side * float(brentq(excess, distance[last], distance[last + 1], xtol=1e-14 * outer, rtol=1e-13))


def likelihood_ratio_test(mean: PooledMean) -> tuple[float, float]:
    """Return the signed root of D(0), and the P-value of D(0) as chi-squared with 1 degree of freedom."""
    if len(mean.y) < 2:
        return np.nan, np.nan
    value = max(0.0, float(deviance(mean, np.zeros(1))[0]))
    return float(np.copysign(np.sqrt(value), mean.mu)), float(special.chdtrc(1, value))
