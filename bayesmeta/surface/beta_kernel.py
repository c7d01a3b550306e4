"""How are logits distributed whose proportions follow a beta distribution, with given mean and SD of the logit?

    p ~ Beta(a, b),  E logit p = psi(a) - psi(b) = eta,  Var logit p = psi'(a) + psi'(b) = tau^2

with the digamma function psi. So eta and tau mean what they mean for normal effects, and the same priors serve.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.kernels import LOG_SQRT_2PI, hermite_rule

SMALLEST_TAU: Final = 1e-7  # below, tau changes no likelihood of fewer than 1e12 patients
LARGEST_TAU: Final = 1e100
FARTHEST: Final = 300.0  # a proportion of exp(-300) is none
NEWTON_STEPS: Final = 60
CONVERGED: Final = 1e-13
STIRLING_FROM: Final = 12.0
MEDIAN_FROM: Final = 1e5
SHIFT: Final = 12
REMEMBERED: Final = 8
LITTLE: Final = 2.0  # a tau for which both first guesses of the shapes serve


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
        eta, tau = np.broadcast_arrays(np.clip(eta, -FARTHEST, FARTHEST), np.clip(tau, SMALLEST_TAU, LARGEST_TAU))
        a, b = _remembered_shapes(eta.tobytes(), tau.tobytes())
        return a.reshape(eta.shape), b.reshape(eta.shape)

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return log of p^a (1 - p)^b / B(a, b)."""
        a, b = self.shapes(eta, tau)
        out = a * special.log_expit(theta) + b * special.log_expit(-theta) - special.betaln(a, b)
        many = np.minimum(a, b) >= STIRLING_FROM
        if many.any():  # only there does the plain form cancel
            chosen = np.broadcast_to(many, out.shape)
            theta, a, b = (np.broadcast_to(each, out.shape)[chosen] for each in (theta, a, b))
            out = np.array(out)
            out[chosen] = _log_density_of_many(theta, a, b)
        return np.asarray(out)

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the regularised incomplete beta function at p."""
        a, b = self.shapes(eta, tau)
        return np.asarray(special.betainc(a, b, special.expit(theta)))

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the logit of the median proportion.

        For large shapes it is log((a - 1/3) / (b - 1/3)) up to 0.02 / min(a, b)^2 (Kerman 2011, arXiv:1111.0433).
        """
        a, b = self.shapes(eta, tau)
        large = np.minimum(a, b) > MEDIAN_FROM
        result = np.log(np.maximum(a - 1.0 / 3.0, 0.1)) - np.log(np.maximum(b - 1.0 / 3.0, 0.1))
        a, b = a[~large], b[~large]
        small, other = special.betaincinv(a, b, 0.5), special.betaincinv(b, a, 0.5)
        with np.errstate(divide="ignore"):
            result[~large] = np.where(small < other, np.log(small) - np.log1p(-small), np.log1p(-other) - np.log(other))
        return result

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


def _log_density_of_many(theta: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the log density of the logit for large shapes, from its mode log(a / b): its error is 1e-16 / tau."""
    total, shift = a + b, theta - np.log(a / b)
    near = np.log1p(a / total * np.expm1(np.clip(shift, -1.0, 1.0)))
    far = np.logaddexp(np.log(b / total), np.log(a / total) + shift)
    change = a * shift - total * np.where(np.abs(shift) < 1.0, near, far)
    at_mode = 0.5 * np.log(a / total * b) - LOG_SQRT_2PI + _stirling(total) - _stirling(a) - _stirling(b)
    return np.asarray(change + at_mode)


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


@lru_cache(maxsize=REMEMBERED)
def _remembered_shapes(eta: bytes, tau: bytes) -> tuple[FloatArray, FloatArray]:
    """Return the shapes at the points that these bytes are: many calls in a row ask for the same ones."""
    return _shapes(np.frombuffer(eta), np.frombuffer(tau))


def _shapes(eta: FloatArray, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve for (a, b) by Newton's method in their logs."""
    log_a, log_b = _first_shapes(-eta, tau), _first_shapes(eta, tau)
    for _ in range(NEWTON_STEPS):
        a, b = np.exp(log_a), np.exp(log_b)
        (first_a, second_a), (first_b, second_b) = _trigamma(a), _trigamma(b)
        sd = np.sqrt(first_a + first_b)
        residual = np.stack([special.psi(a) - special.psi(b), np.log(sd)]) - np.stack([eta, np.log(tau)])
        # derivatives with respect to log a and log b
        d_eta = a * first_a, -b * first_b
        half = 0.5 / (first_a + first_b)
        d_sd = half * a * second_a, half * b * second_b
        determinant = d_eta[0] * d_sd[1] - d_eta[1] * d_sd[0]
        step_a = (residual[0] * d_sd[1] - d_eta[1] * residual[1]) / determinant
        step_b = (d_eta[0] * residual[1] - residual[0] * d_sd[0]) / determinant
        log_a = log_a - np.clip(step_a, -1.0, 1.0)
        log_b = log_b - np.clip(step_b, -1.0, 1.0)
        if max(np.abs(step_a).max(initial=0.0), np.abs(step_b).max(initial=0.0)) < CONVERGED:
            break
    return np.exp(log_a), np.exp(log_b)


def _trigamma(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the trigamma function and its derivative, by their asymptotic series at x + 12.

    Abramowitz & Stegun (1964), 6.4.6 and 6.4.12; scipy's polygamma takes many times as long.
    """
    first, second = np.zeros_like(x), np.zeros_like(x)
    for j in range(SHIFT):
        r = 1.0 / (x + j)
        square = r * r
        first += square
        second -= 2.0 * square * r
    r = 1.0 / (x + SHIFT)
    y = r * r
    series = 1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * 5.0 / 66.0)))
    slope = 0.5 - y * (1.0 / 6.0 - y * (1.0 / 6.0 - y * (0.3 - y * 5.0 / 6.0)))
    return first + r + 0.5 * y + y * r * series, second - y - y * r - y * y * slope


def _first_shapes(eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return roughly the log of the shape b; that of a is the same for -eta.

    If p varies little, tau^2 is about 1 / (b p). If much, psi is about -1/x and the two equations are quadratic, or
    one shape is 1 / tau and the other as large as the mean needs it.
    """
    little = np.log(1.0 / (tau * tau * special.expit(eta)) + 0.7 / tau)
    inverse = 0.5 * (eta + np.sqrt(np.maximum(2.0 * tau * tau - eta * eta, 0.0)))
    larger = np.where(eta > 0.0, -np.log(tau), np.logaddexp(-eta - tau, -0.7))
    much = np.where((inverse > 1.0) & (np.abs(eta) < tau), -np.log(np.maximum(inverse, 1.0)), larger)
    return np.where(tau < LITTLE, little, much)
