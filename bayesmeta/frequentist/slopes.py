"""How do the studies' log marginal likelihoods change with mu and tau? Derivatives by central differences.

log m_i is analytic in mu and, being a function of tau^2, in tau, also through tau = 0; its nearest singularities
lie at a distance of about sqrt(v + tau^2), v being the variance of the study's own estimate. So differences of
order 8 over steps of a twentieth of that are exact to about 1e-8 of each derivative, and the rounding errors of
the quadrature, 1e-14, stay below that.
"""

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.terms import MarginalRule

STEP: Final = 0.05


@final
@dataclass(frozen=True, eq=False)
class Weights:
    """Central differences: where a function is needed, in steps, and its weights in the two derivatives."""

    offsets: FloatArray
    first: FloatArray
    second: FloatArray


def _central(first: list[float], second: list[float]) -> Weights:
    """Return the differences whose weights on the left, and in the middle for the second derivative, are given."""
    size, left = len(first), np.array(first)
    weights = np.concatenate([left, [0.0], -left[::-1]]), np.array([*second, *second[-2::-1]])
    return Weights(np.arange(-size, size + 1.0), *weights)


ORDER_8: Final = _central([1 / 280, -4 / 105, 1 / 5, -4 / 5], [-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72])
ORDER_2: Final = _central([-1 / 2], [1.0, -2.0])


@final
@dataclass(frozen=True, eq=False)
class Slopes:
    """log m_i and its derivatives at one point (mu, tau), each of shape (k,).

    Parameters
    ----------
    log_m : array
        Log marginal likelihoods.
    mu, tau : array
        First derivatives.
    mu_mu, mu_tau, tau_tau : array
        Second derivatives.
    """

    log_m: FloatArray
    mu: FloatArray
    tau: FloatArray
    mu_mu: FloatArray
    mu_tau: FloatArray
    tau_tau: FloatArray

    @property
    def log_likelihood(self) -> float:
        """Sum of the log marginal likelihoods."""
        return float(self.log_m.sum())

    @property
    def information(self) -> FloatArray:
        """Minus the Hessian of the log likelihood in (mu, tau), shape (2, 2)."""
        cross = self.mu_tau.sum()
        return -np.array([[self.mu_mu.sum(), cross], [cross, self.tau_tau.sum()]])

    @property
    def profile_slope(self) -> tuple[float, float]:
        """First and second derivative in tau of the log likelihood with mu at its best, to first order in mu."""
        cross = float(self.mu_tau.sum() / self.mu_mu.sum())
        first = float(self.tau.sum() - cross * self.mu.sum())
        return first, float(self.tau_tau.sum() - cross * self.mu_tau.sum())


def slopes(rule: MarginalRule, mu: float, tau: float, step: float) -> Slopes:
    """Return log m_i and its derivatives at (mu, tau), from differences over ``step``."""
    along = step * ORDER_8.offsets
    still = np.zeros(along.size)
    points = mu + np.concatenate([along, still, along]), np.abs(tau + np.concatenate([still, along, along]))
    log_m = rule(*points).reshape(-1, 3, along.size)
    first, second = log_m @ ORDER_8.first / step, log_m @ ORDER_8.second / step**2
    mixed = 0.5 * (second[:, 2] - second[:, 0] - second[:, 1])
    return Slopes(log_m[:, 0, 4], first[:, 0], first[:, 1], second[:, 0], mixed, second[:, 1])


def slopes_in_mu(
    rule: MarginalRule, mu: FloatArray, tau: FloatArray, step: FloatArray, weights: Weights = ORDER_8
) -> FloatArray:
    """Return the log likelihood and its first and second derivative in mu at points (P,), shape (3, P)."""
    points = mu[:, None] + step[:, None] * weights.offsets
    return _three(rule(points.ravel(), np.repeat(tau, weights.offsets.size)), step, weights)


def slopes_in_tau(rule: MarginalRule, mu: FloatArray, tau: FloatArray, step: FloatArray) -> FloatArray:
    """Return the log likelihood and its first and second derivative in tau at points (P,), shape (3, P)."""
    points = np.abs(tau[:, None] + step[:, None] * ORDER_8.offsets)
    return _three(rule(np.repeat(mu, ORDER_8.offsets.size), points.ravel()), step, ORDER_8)


def _three(log_m: FloatArray, step: FloatArray, weights: Weights) -> FloatArray:
    total = log_m.sum(axis=0).reshape(-1, weights.offsets.size)
    middle = total[:, weights.offsets.size // 2]
    return np.stack([middle, total @ weights.first / step, total @ weights.second / step**2])
