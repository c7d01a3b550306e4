"""How many studies of no effect would undo the result: the fail-safe N."""

from collections.abc import Callable, Mapping
from math import ceil, sqrt
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.special import ndtri

from bayesmeta._arrays import FloatArray

_SLACK: Final = 1e-9
"""A count this little above a whole number is that number: a share of rounding must not add a study."""


def rosenthal(y: FloatArray, se: FloatArray, alpha: float) -> int:
    """Return the studies with z = 0 that take Stouffer's combined one-sided P-value to alpha [1]_.

    N = (sum(z) / z_alpha)^2 - k with z_i = y_i / se_i.

    References
    ----------
    .. [1] R. Rosenthal. The "file drawer problem" and tolerance for null results. Psychological Bulletin
       86:638-641, 1979. doi:10.1037/0033-2909.86.3.638
    """
    total = float((y / se).sum())
    return whole((total / float(ndtri(1.0 - alpha))) ** 2 - len(y))


def rosenberg(y: FloatArray, se: FloatArray, alpha: float) -> int:
    """Return the studies of effect 0 and average weight that take the common-effect two-sided P-value to alpha [1]_.

    N = k ((mu sum(w) / z_{alpha/2})^2 / sum(w) - 1) with w = 1 / se^2, from mu sum(w) / sqrt(sum(w) (1 + N / k)) =
    z_{alpha/2}.

    References
    ----------
    .. [1] M. S. Rosenberg. The file-drawer problem revisited: a general weighted method for calculating fail-safe
       numbers in meta-analysis. Evolution 59:464-468, 2005. doi:10.1111/j.0014-3820.2005.tb01004.x
    """
    w = se**-2.0
    z = float((w * y).sum()) / sqrt(float(w.sum()))
    return whole(len(y) * ((z / float(ndtri(1.0 - alpha / 2.0))) ** 2 - 1.0))


def orwin(y: FloatArray, weights: FloatArray, target: float) -> int:
    """Return the studies of effect 0 and average weight that take the weighted mean to the target [1]_.

    N = k (|mean| - |target|) / |target|.

    References
    ----------
    .. [1] R. G. Orwin. A fail-safe N for effect size in meta-analysis. Journal of Educational Statistics 8:157-159,
       1983. doi:10.3102/10769986008002157
    """
    mean = abs(float((weights * y).sum() / weights.sum()))
    return whole(len(y) * (mean - abs(target)) / abs(target))


def whole(count: float) -> int:
    """Return the least whole number of studies that is enough, and not below 0."""
    return max(0, ceil(count - _SLACK * max(1.0, abs(count))))


SIGNIFICANCE: Final[Mapping[str, Callable[[FloatArray, FloatArray, float], int]]] = MappingProxyType(
    {"rosenthal": rosenthal, "rosenberg": rosenberg}
)
"""Methods that ask when the result is no longer significant: ``(y, se, alpha) -> N``."""
METHODS: Final = (*SIGNIFICANCE, "orwin")


def equal_weights(y: FloatArray) -> FloatArray:
    """Return a weight of 1 for each study, shape (k,)."""
    return np.ones_like(y)
