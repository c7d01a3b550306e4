"""How are logits distributed whose proportions follow a beta distribution, with given mean and SD of the logit?

    p ~ Beta(a, b),  E logit p = psi(a) - psi(b) = eta,  Var logit p = psi'(a) + psi'(b) = tau^2

with the digamma function psi. So eta and tau mean what they mean for normal effects, and the same priors serve.
"""

from dataclasses import dataclass
from math import inf
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.kernels import LOG_SQRT_2PI, hermite_rule

SMALLEST_TAU: Final = 3e-3  # below, a beta distribution is normal to tau^3 of its width; shapes lose precision
LARGEST_TAU: Final = 1e100
FARTHEST: Final = 300.0  # a proportion of exp(-300) is none
NEWTON_STEPS: Final = 60
CONVERGED: Final = 1e-13
STIRLING_FROM: Final = 12.0


@final
@dataclass(frozen=True)
class BetaKernel:
    """theta = logit p, with p ~ Beta(a, b): the beta-binomial model of heterogeneity."""

    name: str = "beta"
    tail_order: float = inf
    is_symmetric: bool = False
    variance: float = 1.0

    def shapes(self, eta: FloatArray, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a and b, the shape of eta and tau broadcast."""
        return _shapes(*np.broadcast_arrays(np.clip(eta, -FARTHEST, FARTHEST), np.clip(tau, SMALLEST_TAU, LARGEST_TAU)))

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return log of p^a (1 - p)^b / B(a, b)."""
        a, b = self.shapes(eta, tau)
        return np.asarray(a * special.log_expit(theta) + b * special.log_expit(-theta) - special.betaln(a, b))

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the regularised incomplete beta function at p."""
        a, b = self.shapes(eta, tau)
        return np.asarray(special.betainc(a, b, special.expit(theta)))

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the logit of the median proportion."""
        a, b = self.shapes(eta, tau)
        small = special.betaincinv(a, b, 0.5)
        other = special.betaincinv(b, a, 0.5)
        with np.errstate(divide="ignore"):
            return np.where(small < other, np.log(small) - np.log1p(-small), np.log1p(-other) - np.log(other))

    def rule(self, nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return the nodes and weights of Gauss-Hermite quadrature."""
        return hermite_rule(nodes)

    def rule_correction(self, z: float, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the density at eta + tau z relative to the normal one."""
        tau = np.maximum(tau, SMALLEST_TAU)
        normal = -0.5 * z * z - np.log(tau) - LOG_SQRT_2PI
        return np.exp(np.clip(self.log_density(eta + tau * z, eta, tau) - normal, -700.0, 700.0))

    def draw(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return a logit for each pair: the log of the ratio of two gamma variables."""
        a, b = self.shapes(eta, tau)
        return _log_gamma_draw(a, rng) - _log_gamma_draw(b, rng)


def _log_gamma_draw(shape: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the log of a gamma variable; that of a small shape would underflow, so from shape + 1."""
    return np.asarray(np.log(rng.standard_gamma(shape + 1.0)) + np.log(rng.uniform(size=np.shape(shape))) / shape)


def log_rising(a: FloatArray, m: FloatArray) -> FloatArray:
    """Return log Gamma(a + m) - log Gamma(a) for m >= 0, without cancellation for large a.

    Where a is large, by the difference of two Stirling series.
    """
    a, m = np.broadcast_arrays(a, m)
    large = np.maximum(a, STIRLING_FROM)
    top = large + m
    stirling = (large - 0.5) * np.log1p(m / large) + m * np.log(top) - m + _stirling(top) - _stirling(large)
    small = np.minimum(a, STIRLING_FROM)
    return np.where(a >= STIRLING_FROM, stirling, special.gammaln(small + m) - special.gammaln(small))


def _stirling(x: FloatArray) -> FloatArray:
    """Return the tail of Stirling's series for log Gamma."""
    y = 1.0 / (x * x)
    series = 1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)))
    return series / x


def _shapes(eta: FloatArray, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve for (a, b) by Newton's method in their logs."""
    # if p varies little, tau^2 is about 1 / (a (1 - p)) with 1 - p = b / (a + b); if much, 1/a^2 + 1/b^2
    log_a = np.log(1.0 / (tau * tau * special.expit(-eta)) + 0.7 / tau)
    log_b = np.log(1.0 / (tau * tau * special.expit(eta)) + 0.7 / tau)
    for _ in range(NEWTON_STEPS):
        a, b = np.exp(log_a), np.exp(log_b)
        first_a, first_b = special.polygamma(1, a), special.polygamma(1, b)
        sd = np.sqrt(first_a + first_b)
        residual = np.stack([special.psi(a) - special.psi(b), np.log(sd)]) - np.stack([eta, np.log(tau)])
        # derivatives with respect to log a and log b
        d_eta = a * first_a, -b * first_b
        half = 0.5 / (first_a + first_b)
        d_sd = half * a * special.polygamma(2, a), half * b * special.polygamma(2, b)
        determinant = d_eta[0] * d_sd[1] - d_eta[1] * d_sd[0]
        step_a = (residual[0] * d_sd[1] - d_eta[1] * residual[1]) / determinant
        step_b = (d_eta[0] * residual[1] - residual[0] * d_sd[0]) / determinant
        log_a = log_a - np.clip(step_a, -1.0, 1.0)
        log_b = log_b - np.clip(step_b, -1.0, 1.0)
        if max(np.abs(step_a).max(), np.abs(step_b).max()) < CONVERGED:
            break
    return np.exp(log_a), np.exp(log_b)
