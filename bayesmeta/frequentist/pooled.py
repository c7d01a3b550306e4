"""What does pooling give, for one meta-analysis or many at once: the mean, its error, tau2, Q and the weights."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.pool import precision

if TYPE_CHECKING:
    from bayesmeta.frequentist.intervals import CiMethod
    from bayesmeta.frequentist.tau2 import Tau2Method


class PooledMean(Protocol):
    """The pooled mean of one meta-analysis with the effects it was made from, as a fit has them; link scale."""

    @property
    def y(self) -> FloatArray:
        """Observed effects, shape (k,)."""
        ...

    @property
    def se(self) -> FloatArray:
        """Their standard errors, shape (k,)."""
        ...

    @property
    def tau2(self) -> float:
        """Between-study variance."""
        ...

    @property
    def mu(self) -> float:
        """Pooled effect."""
        ...

    @property
    def se_mu(self) -> float:
        """Its standard error."""
        ...


@final
@dataclass(frozen=True, eq=False)
class PooledArrays:
    """What pooling gives; every array has the leading axes of the effects.

    Attributes
    ----------
    mu, se_mu, tau2, q : ndarray, shape (...)
        Pooled effect, its standard error, between-study variance, Cochran's Q.
    weights : ndarray, shape (..., k)
        Weights of the studies in ``mu``; they sum to 1.
    """

    mu: FloatArray
    se_mu: FloatArray
    tau2: FloatArray
    q: FloatArray
    weights: FloatArray


def pool_arrays(y: FloatArray, se: FloatArray, tau2_rule: "Tau2Method", ci_rule: "CiMethod") -> PooledArrays:
    """Pool effects ``y`` with standard errors ``se``, shape (..., k), along the last axis."""
    common = Projection.of_mean(precision(se))
    q = common.quadratic(y)
    tau2 = tau2_rule.estimate(y, se) if tau2_rule.from_q is None or common.df == 0 else tau2_rule.from_q(q, common)
    w = precision(se, 0.0 if ci_rule.has_common_weights else tau2)
    weights = w / w.sum(axis=-1, keepdims=True)
    mu = (weights * y).sum(axis=-1)
    return PooledArrays(mu, ci_rule.standard_error(y, w, tau2, mu), tau2, q, weights)
