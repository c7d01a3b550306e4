"""Are effects and variances ordered alike: the rank correlation test of Begg and Mazumdar."""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Final, final

import numpy as np
from scipy.special import ndtr

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.line import varies

MAX_EXACT: Final = 500
"""Most studies for which the exact distribution of Kendall's score is summed."""


@final
@dataclass(frozen=True)
class RankTest:
    """Kendall's rank correlation between standardised effects and their variances.

    Attributes
    ----------
    tau : float
        Kendall's tau-b; nan if all effects, or all variances, are tied.
    score : int
        Pairs in the same order minus pairs in the opposite order.
    se_score : float
        Null standard deviation of the score, corrected for ties.
    exact_pvalue : float
        Two-sided, from the permutation distribution; nan with ties, or more than `MAX_EXACT` studies.
    """

    tau: float
    score: int
    se_score: float
    exact_pvalue: float

    def z(self, *, continuity: bool) -> float:
        """Return the score over its standard deviation; with the correction, |score| is taken 1 smaller."""
        if not self.se_score > 0.0:
            return nan
        size = max(abs(self.score) - 1, 0) if continuity else abs(self.score)
        return float(np.sign(self.score)) * size / self.se_score

    def normal_pvalue(self, *, continuity: bool) -> float:
        """Return the two-sided P-value of the normal approximation."""
        return 2.0 * float(ndtr(-abs(self.z(continuity=continuity))))


def rank_test(y: FloatArray, se: FloatArray) -> RankTest:
    """Correlate the ranks of standardised effects and variances [1]_.

    Parameters
    ----------
    y, se : array, shape (k,)
        Effects and standard errors, k >= 3.

    Notes
    -----
    The standardised effect is (y_i - mu) / sqrt(v_i - 1 / sum(1 / v)), with mu the common-effect mean. Without ties
    P(|score| >= observed) is exact, as in metafor's `ranktest`; with them there is the normal approximation, whose
    continuity-corrected form is what Stata's `metabias, begg` and `meta bias, begg` print.

    References
    ----------
    .. [1] C. B. Begg, M. Mazumdar. Operating characteristics of a rank correlation test for publication bias.
       Biometrics 50:1088-1101, 1994. doi:10.2307/2533446
    """
    order = _signs(standardised(y, se)) if varies(y) else np.zeros((len(y), len(y)))
    sizes = _signs(se**2)
    k = len(y)
    score = int((order * sizes).sum()) // 2
    untied = [int(np.abs(signs).sum()) // 2 for signs in (order, sizes)]
    tau = score / sqrt(untied[0]) / sqrt(untied[1]) if min(untied) else nan
    no_ties = min(untied) == k * (k - 1) // 2
    exact = _exact_pvalue(score, k) if no_ties and k <= MAX_EXACT else nan
    return RankTest(tau, score, _null_sd(order, sizes, k), exact)


def standardised(y: FloatArray, se: FloatArray) -> FloatArray:
    """Return (y - mu) / sqrt(v - 1 / sum(1 / v)), shape (k,), without cancellation if one study has all the weight."""
    w = se**-2.0
    share = w / w.sum()
    rest = 1.0 - share
    heavy = int(np.argmax(share))
    if share[heavy] > 0.5:  # of one study at most, so that equal studies keep equal values
        rest[heavy] = np.delete(share, heavy).sum()
    return np.asarray((y - share @ y) / (se * np.sqrt(rest)))


def _signs(values: FloatArray) -> FloatArray:
    """Return the sign of each difference of two values, shape (k, k)."""
    return np.sign(values[:, None] - values[None, :])


def _null_sd(order: FloatArray, sizes: FloatArray, k: int) -> float:
    """Return the null standard deviation of Kendall's score with ties (Kendall, Rank correlation methods, ch. 4)."""
    ties = [_groups(signs) for signs in (order, sizes)]
    v0 = k * (k - 1) * (2 * k + 5)
    of_each = [float((t * (t - 1) * (2 * t + 5)).sum()) for t in ties]
    pairs = [float((t * (t - 1)).sum()) for t in ties]
    triples = [float((t * (t - 1) * (t - 2)).sum()) for t in ties]
    variance = (v0 - sum(of_each)) / 18.0
    variance += pairs[0] * pairs[1] / (2.0 * k * (k - 1))
    variance += triples[0] * triples[1] / (9.0 * k * (k - 1) * (k - 2))
    return sqrt(max(variance, 0.0))


def _groups(signs: FloatArray) -> FloatArray:
    """Return the sizes of the groups of tied values."""
    first = np.argmax(signs == 0.0, axis=1)  # each value's first equal, itself if there is none before
    return np.unique(first, return_counts=True)[1].astype(np.float64)


def _exact_pvalue(score: int, k: int) -> float:
    """Return P(|score| >= observed) over all orders of k, from the distribution of the number of inversions."""
    chance = np.ones(1)
    for j in range(2, k + 1):  # the j-th value brings 0 to j - 1 inversions, each with chance 1 / j
        chance = np.convolve(chance, np.full(j, 1.0 / j))
    inversions = (k * (k - 1) // 2 - abs(score)) // 2
    return min(1.0, 2.0 * float(chance[: inversions + 1].sum()))
