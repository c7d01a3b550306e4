"""What is m(eta, tau) of each study: its likelihood averaged over a normal distribution of true effects.

    m_i(eta, tau) = integral of likelihood_i(theta) Normal(theta | eta, tau^2) dtheta

Two quadratures share the work. Where tau is wide against the step of a lattice in theta, the trapezoid
rule on that lattice converges exponentially, and all points (eta, tau) are one matrix product. Where tau
is narrow against the likelihood, Gauss-Hermite nodes in theta = eta + tau z are accurate. Studies are
sorted into bands by the step that their likelihood needs, so that n = 1 and n = 1 000 000 may meet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.quadrature import Level

# Trapezoid in theta is used for tau >= TRAPEZOID_FROM steps. The product of a normal kernel of 1.5 steps
# and a likelihood at least 3 steps wide is a bump of 1.34 steps: error exp(-2 pi^2 1.34^2) = 4e-16.
TRAPEZOID_FROM = 1.5
STEPS_PER_LIKELIHOOD_SD = 3.0
BLOCK = 2_000_000  # floats per temporary array: 16 MB keeps memory flat as k and the grid grow
TINY = 1e-300
LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


type MarginalRule = Callable[[FloatArray, FloatArray], FloatArray]
"""``rule(eta, tau)``, each of shape (P,), returns log m_i, shape (k, P)."""


class Terms(Protocol):
    """The likelihoods of k studies, as functions of their true effects."""

    @property
    def k(self) -> int:
        """Return the number of studies."""
        ...

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return log likelihood_i(theta), shape (k, *theta.shape), normalising constants included."""
        ...

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return log likelihood_i(theta_i) for ``theta`` of shape (k, ...), a row per study."""
        ...

    def marginal(self, settings: Level) -> MarginalRule:
        """Return the function (eta, tau) -> log m_i at one resolution; build it once, call it often."""
        ...

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return a rough centre and variance of each likelihood, shape (k,), for a first guess only."""
        ...

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the sampling variance of each study's estimate if its true effect is theta_i; shape (k,)."""
        ...

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return, per study, whether the likelihood tends to 1 (not 0) on the left and on the right."""
        ...

    def take(self, index: IntArray) -> "Terms":
        """Return the terms of the studies at ``index``."""
        ...


@final
@dataclass(frozen=True, eq=False)
class NormalTerms:
    """Normal likelihoods: y_i ~ Normal(theta_i, se_i^2), with m_i in closed form.

    Parameters
    ----------
    y, se : array, shape (k,)
        Observed effects and standard errors, link scale.
    """

    y: FloatArray
    se: FloatArray

    @property
    def k(self) -> int:
        """Return the number of studies."""
        return len(self.y)

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta, se_i^2), shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta_i, se_i^2), shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        z = (self.y.reshape(shape) - theta) / self.se.reshape(shape)
        return -0.5 * z * z - np.log(self.se.reshape(shape)) - LOG_SQRT_2PI

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log Normal(y_i | eta, se_i^2 + tau^2) as a function; it is exact at every resolution."""

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            variance = self.se[:, None] ** 2 + tau**2
            return -0.5 * (self.y[:, None] - eta) ** 2 / variance - 0.5 * np.log(variance) - LOG_SQRT_2PI

        return rule

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return y and se squared."""
        return self.y, self.se**2

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return se squared."""
        return self.se**2

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return False for all: a normal likelihood decays on both sides."""
        none = np.zeros(self.k, dtype=bool)
        return none, none

    def take(self, index: IntArray) -> "NormalTerms":
        """Return the terms of the studies at ``index``."""
        return NormalTerms(self.y[index], self.se[index])


@final
@dataclass(frozen=True, eq=False)
class BinomialTerms:
    """Binomial likelihoods on the logit scale: events_i ~ Binomial(n_i, expit(theta_i)).

    Parameters
    ----------
    events, n : array, shape (k,)
        Counts. With ``events=n=1`` the marginal is the mean of expit under the normal distribution,
        and with ``events=n=2`` its mean square.
    """

    events: FloatArray
    n: FloatArray

    @property
    def k(self) -> int:
        """Return the number of studies."""
        return len(self.n)

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return the logit of (events + 1/2)/(n + 1) and its delta-method variance."""
        p = (self.events + 0.5) / (self.n + 1.0)
        return special.logit(p), 1.0 / ((self.n + 1.0) * p * (1.0 - p))

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information 1 / (n p (1 - p)) at p = expit(theta_i)."""
        return 1.0 / (self.n * special.expit(theta) * special.expit(-theta))

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return events == 0 (tends to 1 on the left) and events == n (on the right)."""
        return self.events == 0, self.events == self.n

    def take(self, index: IntArray) -> "BinomialTerms":
        """Return the terms of the studies at ``index``."""
        return BinomialTerms(self.events[index], self.n[index])

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta, shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta_i, shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        centre, _ = self.rough()
        shift = theta - centre.reshape(shape)
        return self._log_ratio(shift, shape) + self._log_at_centre().reshape(shape)

    def _log_ratio(self, shift: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """Return log likelihood(centre + shift) - log likelihood(centre).

        Written with log1p and expm1, so that its error is n |shift| 1e-16, not n 1e-16.
        """
        p = ((self.events + 0.5) / (self.n + 1.0)).reshape(shape)
        far = np.minimum(shift, 600.0)  # exp stays finite; beyond, the log is linear
        log_ratio = self.events.reshape(shape) * far - self.n.reshape(shape) * np.log1p(p * np.expm1(far))
        rest = np.maximum(shift - 600.0, 0.0)
        return log_ratio - (self.n - self.events).reshape(shape) * rest

    def _log_at_centre(self) -> FloatArray:
        p = (self.events + 0.5) / (self.n + 1.0)
        log_coefficient = -np.log1p(self.n) - special.betaln(self.events + 1.0, self.n - self.events + 1.0)
        return log_coefficient + special.xlogy(self.events, p) + special.xlog1py(self.n - self.events, -p)

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
        bands = _bands(self, settings)

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            out = np.empty((self.k, eta.size))
            for band in bands:
                wide = tau >= TRAPEZOID_FROM * band.step
                for points, method in ((np.flatnonzero(wide), _trapezoid), (np.flatnonzero(~wide), _hermite)):
                    for block in _blocks(points, band, settings):
                        out[np.ix_(band.study, block)] = method(band, eta[block], tau[block], settings)
            return out

        return rule


@final
@dataclass(frozen=True, eq=False)
class _Band:
    """Studies that share a lattice in theta, and their likelihoods on it."""

    study: IntArray  # (b,)
    terms: BinomialTerms  # of these b studies
    step: float
    theta: FloatArray  # (T,) lattice, ascending, with holes where no likelihood lives
    likelihood: FloatArray  # (b, T), each divided by exp(log_scale)
    log_scale: FloatArray  # (b,)


def _blocks(points: IntArray, band: "_Band", settings: Level) -> list[IntArray]:
    """Split points so that neither method makes a temporary array above `BLOCK` floats."""
    if not points.size:
        return []
    per_point = max(len(band.theta), settings.hermite_nodes * len(band.study))
    return np.array_split(points, -(-points.size * per_point // BLOCK))


def _bands(terms: BinomialTerms, settings: Level) -> list[_Band]:
    """Sort studies into bands by the power of two of the step that each needs."""
    p = (terms.events + 0.5) / (terms.n + 1.0)
    sd = 1.0 / np.sqrt((terms.n + 1.0) * p * (1.0 - p))
    halvings = np.maximum(np.ceil(np.log2(STEPS_PER_LIKELIHOOD_SD * settings.step_theta / sd)), 0.0)
    return [
        _band(terms, np.flatnonzero(halvings == h), float(settings.step_theta * 0.5**h), settings)
        for h in np.unique(halvings)
    ]


def _band(terms: BinomialTerms, study: IntArray, step: float, settings: Level) -> _Band:
    own = terms.take(study)
    lower, upper = _support(own, settings.cut)
    left, right = own.limits()
    # where a likelihood tends to 1, its lattice goes on to the band's end, and the rest is closed there
    lower = np.where(left, lower.min(), lower)
    upper = np.where(right, upper.max(), upper)
    first, last = np.floor(lower / step).astype(np.int64), np.ceil(upper / step).astype(np.int64)
    theta = _lattice(first, last) * step
    log_l = own.log_likelihood(theta)
    log_l[(theta < (first * step)[:, None]) | (theta > (last * step)[:, None])] = -np.inf
    log_scale = log_l.max(axis=1)
    return _Band(study, own, step, theta, np.exp(log_l - log_scale[:, None]), log_scale)


def _lattice(first: IntArray, last: IntArray) -> FloatArray:
    """Return the integers covered by any of the intervals [first, last], ascending."""
    order = np.argsort(first)
    first, reach = first[order], np.maximum.accumulate(last[order])
    starts = np.r_[True, first[1:] > reach[:-1] + 1]
    ends = reach[np.r_[np.flatnonzero(starts)[1:] - 1, len(reach) - 1]]
    runs = [np.arange(a, b + 1) for a, b in zip(first[starts], ends, strict=True)]
    return np.concatenate(runs).astype(np.float64)


def _support(terms: BinomialTerms, cut: float) -> tuple[FloatArray, FloatArray]:
    """Return limits beyond which each likelihood is below exp(-cut) of its maximum, or 1 to that degree.

    The log likelihood is concave, so bisection from the centre outwards finds the points.
    """
    centre, _ = terms.rough()
    shape = (-1,)
    left, right = terms.limits()
    lower, upper = np.full(terms.k, -cut) - np.log1p(terms.n), np.full(terms.k, cut) + np.log1p(terms.n)
    for sign, limit, bound in ((-1.0, left, lower), (1.0, right, upper)):
        near, far = np.zeros(terms.k), np.abs(bound - centre)
        for _ in range(12):  # to a few thousandths of the outermost distance
            middle = 0.5 * (near + far)
            inside = terms._log_ratio(sign * middle, shape) > -cut
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
        bound[:] = np.where(limit, bound, centre + sign * far)
    return lower, upper


def _trapezoid(band: _Band, eta: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return log m for one band by the trapezoid rule on its lattice, shape (b, P)."""
    theta, half = band.theta, 0.5 * band.step
    # distance to the lattice, so that the largest kernel value is near 1 and nothing underflows
    right = np.clip(np.searchsorted(theta, eta), 1, theta.size - 1)
    distance = np.minimum(np.abs(eta - theta[right]), np.abs(eta - theta[right - 1]))
    outside = np.where(distance > band.step, distance, 0.0) / tau
    kernel = np.subtract.outer(theta, eta)
    kernel /= tau
    np.multiply(kernel, kernel, out=kernel)
    if outside.any():
        kernel -= outside * outside
    kernel *= -0.5
    np.exp(kernel, out=kernel)
    total = band.likelihood @ kernel
    log_m = np.log(np.maximum(total, TINY)) - 0.5 * outside * outside
    if (total < TINY).any():
        log_m = np.where(total < TINY, _beyond_range(band, eta, tau), log_m)
    log_m += np.log(band.step) - np.log(tau) - LOG_SQRT_2PI
    for limit, edge, sign in zip(
        band.terms.limits(), (theta[0] - half, theta[-1] + half), (1.0, -1.0), strict=True
    ):
        if limit.any():
            closure = _tail_sum(sign * (edge - eta) / tau, band.step / tau)
            with np.errstate(divide="ignore"):
                tail = np.log(closure) - band.log_scale[limit, None]  # the limit of the likelihood is 1
            log_m[limit] = np.logaddexp(log_m[limit], tail)
    return log_m + band.log_scale[:, None]


def _beyond_range(band: _Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return a stand-in for log m where it is below the range of doubles: weightless, but falling with distance.

    It only has to show where the posterior lives not; nothing is computed from it.
    """
    y, variance = band.terms.rough()
    return np.log(TINY) - 0.5 * (y[:, None] - eta) ** 2 / (variance[:, None] + tau * tau)


def _tail_sum(z: FloatArray, step: FloatArray) -> FloatArray:
    """Return the sum of ``step phi`` over the lattice points z - step/2, z - 3 step/2, ... (z in SDs).

    It is Phi(z) plus the Euler-Maclaurin correction of the midpoint rule, for a lattice that goes on
    where the likelihood is 1.
    """
    slope = -z * np.exp(-0.5 * z * z - LOG_SQRT_2PI)
    return np.maximum(special.ndtr(z) - step * step / 24.0 * slope, 0.0)


def _hermite(band: _Band, eta: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return log m for one band by Gauss-Hermite quadrature around eta, shape (b, P)."""
    z, weight = hermite_rule(settings.hermite_nodes)
    step = tau[:, None] * z
    p = special.expit(eta)
    softplus = np.log1p(p[:, None] * np.expm1(step))
    exponent = np.stack([step.ravel(), -softplus.ravel()])
    log_ratio = np.stack([band.terms.events, band.terms.n], axis=1) @ exponent
    log_ratio = log_ratio.reshape(len(band.study), eta.size, z.size)
    largest = log_ratio.max(axis=2)
    mean = np.exp(log_ratio - largest[:, :, None]) @ weight
    return np.log(mean) + largest + band.terms.log_likelihood(eta)


@cache
def hermite_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Hermite quadrature for a standard normal variable."""
    z, weight = special.roots_hermitenorm(nodes)
    return z, weight / np.sqrt(2.0 * np.pi)
