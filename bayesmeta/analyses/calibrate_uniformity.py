"""Are numbers a sample of the uniform distribution? Three tests, and what they say of many samples together."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmeta._arrays import FloatArray

type Test = Callable[[FloatArray], tuple[float, float]]

MOST_BINS: Final = 20
FEWEST_PER_BIN: Final = 5  # expected, below which the chi-squared distribution is no approximation
MOST_POINTS: Final = 100  # at which the ECDF is held against its band
TIE: Final = 1e-9  # relative; probabilities that are equal but for rounding are equal


def kolmogorov_smirnov(u: FloatArray) -> tuple[float, float]:
    """Return the largest distance of the ECDF of ``u`` (R,) from the diagonal, and its P-value."""
    from scipy import stats

    result = stats.kstest(u, "uniform")
    return float(result.statistic), float(result.pvalue)


def chi_squared(u: FloatArray) -> tuple[float, float]:
    """Return Pearson's statistic of ``u`` (R,) in up to 20 bins of equal width, and its P-value."""
    bins = int(np.clip(u.size // FEWEST_PER_BIN, 2, MOST_BINS))
    count = np.histogram(u, bins, range=(0.0, 1.0))[0]
    expected = u.size / bins
    statistic = float(((count - expected) ** 2).sum() / expected)
    return statistic, float(special.chdtrc(bins - 1, statistic))


def ecdf_band(u: FloatArray) -> tuple[float, float]:
    """Return the least probable point of the ECDF of ``u`` (R,), and how probable one as improbable is.

    Returns
    -------
    statistic : float
        gamma = 2 min_i min{P(B_i <= b_i), P(B_i >= b_i)}, up to 1, with b_i the values of u up to
        z_i = i / K, i < K, and B_i ~ Binomial(R, z_i); K = min(R, 100).
    pvalue : float
        P(gamma is as small or smaller) for uniform numbers: the confidence level at which the simultaneous band of
        Säilynoja, Bürkner & Vehtari touches the ECDF.

    References
    ----------
    T. Säilynoja, P.-C. Bürkner, A. Vehtari. Graphical test for discrete uniformity and its applications in
    goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32:32, 2022.
    doi:10.1007/s11222-022-10090-6
    """
    tails = _tails(u.size)
    z = np.arange(1, len(tails) + 1) / (len(tails) + 1)
    count = np.searchsorted(np.sort(u), z, side="right")
    gamma = 2.0 * float(tails[np.arange(z.size), count].min())
    return min(1.0, gamma), 1.0 - probability_within(u.size, gamma)


def probability_within(size: int, gamma: float) -> float:
    """Return the probability that the ECDF of uniform numbers is nowhere as improbable as ``gamma``.

    The counts of K intervals of one width are those of independent Poisson variables given their sum; a path that is
    cut at the band from point to point has this probability without any simulation.
    """
    tails = _tails(size)
    step = _poisson(np.arange(size + 1), size / (len(tails) + 1))
    lowest, path = 0, np.ones(1)
    for at_point in tails:
        path = np.convolve(path, step)[: size + 1 - lowest]
        inside = np.flatnonzero(2.0 * at_point[lowest:] > gamma * (1.0 + TIE))
        if not inside.size:
            return 0.0
        lowest, path = lowest + inside[0], path[inside[0] : inside[-1] + 1]
    within = np.convolve(path, step)[size - lowest] / _poisson(np.array([size]), float(size))[0]
    return float(np.clip(within, 0.0, 1.0))


@lru_cache(maxsize=4)
def _tails(size: int) -> FloatArray:
    """Return the smaller of P(B <= b) and P(B >= b) for each point i and count b, shape (K - 1, size + 1)."""
    points = int(np.clip(size, 2, MOST_POINTS))
    z, count = np.arange(1, points)[:, None] / points, np.arange(size + 1)
    below = special.bdtr(count, size, z)
    above = np.where(count > 0, special.bdtrc(np.maximum(count, 1) - 1, size, z), 1.0)
    return np.asarray(np.minimum(below, above))


def _poisson(count: npt.NDArray[np.integer], mean: float) -> FloatArray:
    return np.asarray(np.exp(special.xlogy(count, mean) - mean - special.gammaln(count + 1.0)))


TESTS: Final[Mapping[str, Test]] = MappingProxyType(
    {"kolmogorov-smirnov": kolmogorov_smirnov, "chi-squared": chi_squared, "ecdf-band": ecdf_band}
)
"""The tests of uniformity: statistic and P-value."""


def holm(pvalues: npt.ArrayLike) -> FloatArray:
    """Return Holm's adjusted P-values; their smallest is the family-wise P-value, whatever the dependence.

    Parameters
    ----------
    pvalues : array_like, shape (M,)
        P-values; nan for tests that were not made, which do not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(pvalues, dtype=np.float64)
    order = np.argsort(np.where(np.isnan(p), inf, p))
    made = int(np.count_nonzero(~np.isnan(p)))
    out = np.full(p.shape, np.nan)
    out[order[:made]] = np.minimum(1.0, np.maximum.accumulate(p[order[:made]] * np.arange(made, 0, -1)))
    return out
