"""How many studies would make the funnel symmetric, and what would they report: trim and fill."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan, sqrt
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError, DataError
from bayesmeta.frequentist.egger import egger
from bayesmeta.frequentist.line import ROUNDING, varies
from bayesmeta.frequentist.pool import pooled_mean
from bayesmeta.frequentist.tau2 import Tau2Method

MAX_ROUNDS: Final = 100
"""Rounds of trimming after which the number of studies is taken to cycle; 3 or 4 are usual."""
SIDES: Final = ("left", "right")


@final
@dataclass(frozen=True, eq=False)
class Trimmed:
    """The studies that trim and fill adds.

    Attributes
    ----------
    k0 : int
        Their number.
    se_k0 : float
        Its standard error, at the estimate before it is rounded; nan if that is too far below 0.
    pvalue : float
        One-sided P-value of k0 = 0, which only the estimator R0 has; else nan.
    side : {"left", "right"}
        On which side of the funnel they are missing.
    y, se : array, shape (k0,)
        Their effects and standard errors.
    """

    k0: int
    se_k0: float
    pvalue: float
    side: str
    y: FloatArray
    se: FloatArray


def _r0(signed_ranks: FloatArray) -> tuple[float, Callable[[float], float]]:
    k = len(signed_ranks)
    run = k - max(0.0, float(np.max(-signed_ranks)))
    return run - 1.0, lambda k0: sqrt(2.0 * max(0.0, k0) + 2.0)


def _sd_of_rank_sum(k: int, k0: float) -> float:
    """Return the standard deviation of T with k0 studies missing; nan if a negative estimate makes it imaginary."""
    polynomial = k * (k + 1) * (2 * k + 1) + 10 * k0**3 + 27 * k0**2 + 17 * k0 - 18 * k * k0**2 - 18 * k * k0
    variance = (polynomial + 6 * k**2 * k0) / 24.0
    return sqrt(variance) if variance >= 0.0 else nan


def _l0(signed_ranks: FloatArray) -> tuple[float, Callable[[float], float]]:
    k, total = len(signed_ranks), float(signed_ranks[signed_ranks > 0.0].sum())
    estimate = (4.0 * total - k * (k + 1)) / (2 * k - 1)
    return estimate, lambda k0: 4.0 * _sd_of_rank_sum(k, k0) / (2 * k - 1)


def _q0(signed_ranks: FloatArray) -> tuple[float, Callable[[float], float]]:
    k, total = len(signed_ranks), float(signed_ranks[signed_ranks > 0.0].sum())
    square = 2.0 * k**2 - 4.0 * total + 0.25
    if square < 0.0:
        raise AccuracyError(
            "the estimator Q0 has no value for these effects (the root of a negative number); use 'L0' or 'R0'."
        )

    def se(k0: float) -> float:
        divisor = (k - 0.5) ** 2 - k0 * (2 * k - k0 - 1)
        return 2.0 * _sd_of_rank_sum(k, k0) / sqrt(divisor) if divisor > 0.0 else nan

    return k - 0.5 - sqrt(square), se


ESTIMATORS: Final[Mapping[str, Callable[[FloatArray], tuple[float, Callable[[float], float]]]]] = MappingProxyType(
    {"L0": _l0, "R0": _r0, "Q0": _q0}
)
"""Estimators of the number of missing studies: from the signed ranks (k,) to it, and to its standard error."""


def funnel_side(y: FloatArray, se: FloatArray, tau2_rule: Tau2Method) -> str:
    """Return on which side small studies are missing, by the slope of the effects on their standard errors.

    Raises
    ------
    DataError
        If all standard errors are equal, so that there is no slope.
    """
    if not varies(se):
        raise DataError("all standard errors are equal, so that no side can be told; give side='left' or 'right'.")
    return "left" if egger(y, se, se, model="mixed", tau2_rule=tau2_rule).slope > 0.0 else "right"


def trim_and_fill(y: FloatArray, se: FloatArray, *, side: str, estimator: str, tau2_rule: Tau2Method) -> Trimmed:
    """Estimate the number of studies missing on a side of the funnel, and mirror those opposite [1]_, [2]_.

    Parameters
    ----------
    y, se : array, shape (k,)
        Effects and standard errors, k >= 3.
    side : {"left", "right"}
        Where studies are missing.
    estimator : {"L0", "R0", "Q0"}
        Of their number.
    tau2_rule : Tau2Method
        How the trimmed studies are pooled.

    Raises
    ------
    AccuracyError
        If the number of missing studies cycles, or the estimator has no value.

    Notes
    -----
    With the k0 most extreme studies trimmed, mu is pooled; the signed ranks of all y_i - mu give a new k0; and so on
    until it stays. The filled studies are the extreme ones mirrored at mu. R0 = gamma - 1, with gamma the run of
    extreme ranks of one sign; L0 = (4 T - k (k + 1)) / (2 k - 1), Q0 = k - 1/2 - sqrt(2 k^2 - 4 T + 1/4), with T the
    sum of positive ranks; each rounded, and not below 0.

    References
    ----------
    .. [1] S. Duval, R. Tweedie. Trim and fill: a simple funnel-plot-based method of testing and adjusting for
       publication bias in meta-analysis. Biometrics 56:455-463, 2000. doi:10.1111/j.0006-341X.2000.00455.x
    .. [2] S. Duval, R. Tweedie. A nonparametric "trim and fill" method of accounting for publication bias in
       meta-analysis. Journal of the American Statistical Association 95:89-98, 2000.
       doi:10.1080/01621459.2000.10473905
    """
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * y, kind="stable")
    values, errors, k = (sign * y)[order], se[order], len(y)
    k0, seen = 0, []
    while True:
        seen.append(k0)
        kept = values[: k - k0], errors[: k - k0]
        mu = float(pooled_mean(*kept, tau2_rule.estimate(*kept))[0])
        estimate, se_of = ESTIMATORS[estimator](_signed_ranks(values - mu, values))
        new = min(max(0, round(estimate)), k - 1)
        if new == k0 or not varies(values):
            break
        k0 = new
        if len(seen) > MAX_ROUNDS:
            cycle = ", ".join(map(str, sorted(set(seen[-10:]))))
            raise AccuracyError(
                f"the number of missing studies by {estimator} does not settle, but goes through {cycle}; "
                "use another estimator, or a common effect (tau2_method='EE')."
            )
    filled = sign * (2.0 * mu - values[k - k0 :])
    pvalue = 0.5 ** (k0 + 1) if estimator == "R0" else nan
    return Trimmed(k0, se_of(estimate), pvalue, side, filled, errors[k - k0 :])


def _signed_ranks(centred: FloatArray, values: FloatArray) -> FloatArray:
    """Return the ranks of the distances from the centre with the sign of each, shape (k,); 0 at the centre itself."""
    distance = np.abs(centred)
    ranks = np.empty(len(centred))
    ranks[np.argsort(distance, kind="stable")] = np.arange(1.0, len(centred) + 1.0)
    at_centre = distance <= ROUNDING * np.abs(values).max()
    return np.where(at_centre, 0.0, np.sign(centred) * ranks)
