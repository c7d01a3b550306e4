"""How likely is a study to be seen, given its P-value: the weight functions of selection models, and their means.

    w(p; delta),  A(mu, tau2) = E[w(p(Y / se))],  Y ~ Normal(mu, se^2 + tau2)

Effects are turned so that the tested alternative is "greater": p = 1 - Phi(y / se); or p = 2 (1 - Phi(|y| / se)).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy.special import log_expit, log_ndtr, logsumexp, ndtr, ndtri

from bayesmeta._arrays import FloatArray, IntArray

_FARTHEST: Final = 10.0
"""Standard normal deviate beyond which P-values are 0 or 1: 1 - Phi(10) = 8e-24."""
_PANELS: Final = 40
_ORDER: Final = 8
"""Gauss-Legendre nodes on each of the panels: of half a unit, on which normal densities are nearly polynomials."""


def p_values(z: FloatArray, *, two_sided: bool) -> FloatArray:
    """Return the P-values of z statistics, in the same shape."""
    return np.asarray(2.0 * ndtr(-np.abs(z)) if two_sided else ndtr(-z))


def log_negative_exponential(p: FloatArray, delta: FloatArray) -> FloatArray:
    """Return log w for w = exp(-delta p) [1]_; p has any shape, delta (..., 1) broadcasts against it.

    References
    ----------
    .. [1] C. Preston, D. Ashby, R. Smyth. Adjusting for publication bias: modelling the selection process. Journal of
       Evaluation in Clinical Practice 10:313-322, 2004. doi:10.1111/j.1365-2753.2003.00457.x
    """
    return -delta * p


def log_logistic(p: FloatArray, delta: FloatArray) -> FloatArray:
    """Return log w for w = 2 exp(-delta p) / (1 + exp(-delta p)), of the same paper."""
    return np.asarray(np.log(2.0) + log_expit(-delta * p))


SMOOTH: Final[Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]]] = MappingProxyType(
    {"logistic": log_logistic, "negexp": log_negative_exponential}
)
"""Weight functions with one delta, by metafor's codes; delta = 0 is no selection."""

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {"stepfun": "step function", "logistic": "logistic", "negexp": "negative exponential"}
)
"""All weight functions, by metafor's codes."""


@final
@dataclass(frozen=True, eq=False)
class Weighting:
    """A weight function with the direction of the tests.

    Attributes
    ----------
    code : str
        A key of `TITLES`.
    steps : array, shape (c,)
        P-values at which the step function changes, the last of them 1; empty for the others.
    two_sided : bool
        Whether P-values are two-sided.
    """

    code: str
    steps: FloatArray
    two_sided: bool

    @property
    def n_delta(self) -> int:
        """Number of deltas that may be estimated: one, or the steps less the first, whose weight is 1."""
        return max(1, len(self.steps) - 1)

    @property
    def no_selection(self) -> float:
        """The value of every delta at which all studies are alike."""
        return 1.0 if self.code == "stepfun" else 0.0

    def interval_of(self, p: FloatArray) -> IntArray:
        """Return the number j, from 0, of the interval (step_{j-1}, step_j] that holds each P-value."""
        return np.searchsorted(self.steps, p, side="left")

    def log_weight(self, p: FloatArray, delta: FloatArray) -> FloatArray:
        """Return log w(p), shape (..., k), for p (k,) and delta (..., n_delta)."""
        if self.code == "stepfun":
            return _log_steps(delta)[..., self.interval_of(p)]
        return SMOOTH[self.code](p, delta)

    def log_mean(self, mu: FloatArray, sd: FloatArray, se: FloatArray, delta: FloatArray) -> FloatArray:
        """Return log A of each study, shape (..., k).

        Parameters
        ----------
        mu : array, shape (..., 1)
            Mean of the effects before selection.
        sd : array, shape (..., k)
            Their standard deviations (se^2 + tau2)^(1/2).
        se : array, shape (k,)
            Standard errors.
        delta : array, shape (..., n_delta)
        """
        if self.code == "stepfun":
            return self._log_mean_of_steps(mu, sd, se, delta)
        z, width = _NODES
        weight = width * np.exp(SMOOTH[self.code](self._p_at_nodes, delta))  # (..., Q)
        density = np.exp(-0.5 * ((z * se[:, None] - mu[..., None]) / sd[..., None]) ** 2)
        middle = (density @ weight[..., None])[..., 0] * se / (sd * np.sqrt(2.0 * np.pi))
        left, right = ndtr((-_FARTHEST * se - mu) / sd), ndtr((mu - _FARTHEST * se) / sd)
        if not self.two_sided:  # far on the left every P-value is 1
            left = left * np.exp(SMOOTH[self.code](np.ones(1), delta))
        return np.asarray(np.log(middle + left + right))

    @cached_property
    def _p_at_nodes(self) -> FloatArray:
        return p_values(_NODES[0], two_sided=self.two_sided)

    def _log_mean_of_steps(self, mu: FloatArray, sd: FloatArray, se: FloatArray, delta: FloatArray) -> FloatArray:
        tails = self.steps / 2.0 if self.two_sided else self.steps
        cuts = np.concatenate([[np.inf], -ndtri(tails)])  # z falls from infinity as p rises
        standard = (cuts * se[:, None] - mu[..., None]) / sd[..., None]  # (..., k, c + 1)
        mass = log_normal_mass(standard[..., 1:], standard[..., :-1])
        if self.two_sided:
            mirrored = (-cuts * se[:, None] - mu[..., None]) / sd[..., None]
            mass = np.logaddexp(mass, log_normal_mass(mirrored[..., :-1], mirrored[..., 1:]))
        return np.asarray(logsumexp(mass + _log_steps(delta)[..., None, :], axis=-1))


def log_normal_mass(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return log(Phi(high) - Phi(low)) without cancellation far out on either side; -inf where high <= low."""
    flip = low > 0.0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = log_ndtr(b) + np.log1p(-np.exp(log_ndtr(a) - log_ndtr(b)))
    return np.where(high > low, mass, -np.inf)


def _log_steps(delta: FloatArray) -> FloatArray:
    """Return log(1, delta_2, ..., delta_c), shape (..., c)."""
    with np.errstate(divide="ignore"):
        return np.concatenate([np.zeros((*delta.shape[:-1], 1)), np.log(delta)], axis=-1)


def _nodes() -> tuple[FloatArray, FloatArray]:
    """Return nodes of z between the farthest deviates, and their weights, each of shape (Q,)."""
    x, w = np.polynomial.legendre.leggauss(_ORDER)
    half = _FARTHEST / _PANELS
    centres = -_FARTHEST + half * (2.0 * np.arange(_PANELS) + 1.0)  # a panel ends at 0, where two-sided p has a kink
    return (centres[:, None] + half * x).ravel(), np.tile(half * w, _PANELS)


_NODES: Final = _nodes()
