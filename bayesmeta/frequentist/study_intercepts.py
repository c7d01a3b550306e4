"""How likely are both arms of each trial if its baseline is a parameter of its own, at its best for each (mu, tau)?

    eta_treatment = alpha_i + theta_i / 2,  eta_control = alpha_i - theta_i / 2,  theta_i ~ Normal(mu, tau^2)
    m_i(mu, tau) = max over alpha_i of the integral of L_i(alpha_i, theta) Normal(theta | mu, tau^2) dtheta

Half of the effect's variation is in each arm; where it is matters, because alpha_i is not integrated out.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.frequentist.concave import falling_root
from bayesmeta.surface.binomial import log_binomial_coefficient
from bayesmeta.surface.poisson import log_poisson_coefficient
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

LONGEST: Final = 3.0  # of a step, on the scale of log odds or log rates, or of z
CLOSE: Final = 1e-3  # Newton's last step; its square is what is left, and `_at_maximum` takes that off
MORE_NODES: Final = 8  # beyond twice those of Gauss-Hermite
PARTS, ROUNDS = 8, 2  # an end of the integrand is found to 1/64 of its outermost distance
LARGEST: Final = 700.0  # exp(700) is a double
MOST: Final = 1_000_000  # floats per temporary array

type Arms = Literal["binomial", "poisson"]


@final
@dataclass(frozen=True, eq=False)
class InterceptTerms:
    """Likelihoods of both arms, with the baseline of each study at its best.

    Parameters
    ----------
    events, size : array, shape (2, k)
        Events, and patients or person-time: treatment, then control.
    arms : {"binomial", "poisson"}
        Distribution of the events.
    """

    events: FloatArray
    size: FloatArray
    arms: Arms

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.events.shape[1])

    def take(self, index: IntArray) -> "InterceptTerms":
        """Return the terms of the studies at ``index``."""
        return InterceptTerms(self.events[:, index], self.size[:, index], self.arms)

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return the log ratio of odds or rates, each count being larger by 1/2, and its variance; shape (k,) each."""
        log_odds, variance = rough_arms(self.events, self.size, self.arms)
        return log_odds[0] - log_odds[1], variance.sum(axis=0)

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return whether each likelihood tends to a constant as theta falls, and as it rises."""
        none, full = self._ends
        return none[0] | full[1], full[0] | none[1]

    @property
    def separated(self) -> tuple[BoolArray, BoolArray]:
        """Which studies have no events under treatment and only events under control, and the reverse."""
        none, full = self._ends
        return none[0] & full[1], full[0] & none[1]

    @property
    def _ends(self) -> tuple[BoolArray, BoolArray]:
        is_binomial = self.arms == "binomial"
        return self.events == 0.0, (self.events == self.size) & is_binomial

    @property
    def empty(self) -> BoolArray:
        """Which studies have no events at all, or only events: their likelihood is 1 whatever theta."""
        return np.asarray(self._ends[0].all(axis=0) | self._ends[1].all(axis=0))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i with alpha_i at its best, shape of ``theta`` (k, ...)."""
        out, some = np.zeros(theta.shape), np.flatnonzero(~self.empty)
        if some.size:
            effect = theta[some].reshape(some.size, -1)
            found = _AtEffect(ArmPair.of(self.take(some)), effect).largest()
            out[some] = found.reshape(some.size, *theta.shape[1:])
        return out

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (mu, tau)."""
        some, nodes = np.flatnonzero(~self.empty), 2 * settings.hermite_nodes + MORE_NODES
        own = ArmPair.of(self.take(some))

        def rule(mu: FloatArray, tau: FloatArray) -> FloatArray:
            out = np.zeros((self.k, mu.size))
            parts = -(-mu.size * nodes * some.size // MOST) or 1
            for block in np.array_split(np.arange(mu.size), parts):
                integral = _Integral(own, mu[block], tau[block], nodes, settings.cut)
                out[some[:, None], block] = integral.largest()
            return out

        return rule


def rough_arms(events: FloatArray, size: FloatArray, arms: Arms) -> tuple[FloatArray, FloatArray]:
    """Return the log odds or log rate of each arm, its counts being larger by 1/2, and its variance."""
    if arms == "poisson":
        return np.log((events + 0.5) / size), 1.0 / (events + 0.5)
    rest = size - events + 0.5
    return np.log((events + 0.5) / rest), 1.0 / (events + 0.5) + 1.0 / rest


@final
@dataclass(frozen=True, eq=False)
class ArmPair:
    """The log likelihoods of two arms as functions of their linear predictors.

    Parameters
    ----------
    events, size : array, shape (2, k)
        As those of `InterceptTerms`.
    arms : {"binomial", "poisson"}
        Distribution of the events.
    log_odds, arm_variance : array, shape (2, k)
        The two rough linear predictors, and their variances.
    share : array, shape (k,)
        Of the control arm in alpha, if the effect were known.
    effect, variance : array, shape (k,)
        Their rough difference, and its variance.
    constant : array, shape (k,)
        What does not depend on the linear predictors.
    """

    events: FloatArray
    size: FloatArray
    arms: Arms
    log_odds: FloatArray
    arm_variance: FloatArray
    share: FloatArray
    effect: FloatArray
    variance: FloatArray
    constant: FloatArray

    @classmethod
    def of(cls, terms: InterceptTerms) -> "ArmPair":
        """Return the two arms of the studies."""
        log_odds, variance = rough_arms(terms.events, terms.size, terms.arms)
        share = variance[0] / variance.sum(axis=0)
        coefficient = log_binomial_coefficient if terms.arms == "binomial" else log_poisson_coefficient
        constant = coefficient(terms.events, terms.size).sum(axis=0)
        return cls(terms.events, terms.size, terms.arms, log_odds, variance, share, *terms.rough(), constant)

    def log_likelihood(self, alpha: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log likelihood less its constant, and the first and second derivative of each arm.

        Parameters
        ----------
        alpha, theta : array, shape (k, ...)
            They broadcast.

        Returns
        -------
        value, first, second : array, shapes (k, ...), (2, k, ...), (2, k, ...)
            Derivatives with respect to each arm's linear predictor.
        """
        eta, events, size = self._stacked(alpha, theta)
        if self.arms == "poisson":
            expected = size * np.exp(np.minimum(eta, LARGEST))
            return (events * eta - expected).sum(axis=0), events - expected, -expected
        small = np.exp(-np.abs(eta))
        value = events * eta - size * (np.maximum(eta, 0.0) + np.log1p(small))
        rarer = size * small / (1.0 + small)  # expected of what is expected less often: no digit is lost
        return value.sum(axis=0), np.where(eta >= 0.0, events - size + rarer, events - rarer), -rarer / (1.0 + small)

    def value(self, alpha: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log likelihood less its constant, shape (k, ...)."""
        eta, events, size = self._stacked(alpha, theta)
        if self.arms == "poisson":
            return np.asarray((events * eta - size * np.exp(np.minimum(eta, LARGEST))).sum(axis=0))
        softplus = np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))
        return np.asarray((events * eta - size * softplus).sum(axis=0))

    def _stacked(self, alpha: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return both linear predictors, shape (2, k, ...), and the data in a shape that broadcasts with them."""
        half = 0.5 * theta
        eta = np.stack([alpha + half, alpha - half])
        shape = (2, -1) + (1,) * (eta.ndim - 2)
        return eta, self.events.reshape(shape), self.size.reshape(shape)


def _at_maximum(value: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the maximum of a function from its value and derivatives close to it."""
    return value - 0.5 * first**2 / second


@final
@dataclass(frozen=True, eq=False)
class _AtEffect:
    """The log likelihood of alpha at given effects theta (k, P)."""

    pair: ArmPair
    theta: FloatArray

    def at(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        value, first, second = self.pair.log_likelihood(alpha, self.theta)
        return value, first.sum(axis=0), second.sum(axis=0)

    def best(self) -> FloatArray:
        """Return the alpha with the largest likelihood, shape (k, P)."""
        treatment, control = self.pair.log_odds[..., None] + 0.5 * np.stack([-self.theta, self.theta])
        start = treatment + self.pair.share[:, None] * (control - treatment)
        return falling_root(lambda alpha: self.at(alpha)[1:], start, longest=LONGEST, tolerance=CLOSE)

    def largest(self) -> FloatArray:
        """Return the largest log likelihood, shape (k, P)."""
        return _at_maximum(*self.at(self.best())) + self.pair.constant[:, None]


@final
@dataclass(frozen=True, eq=False)
class _Integral:
    """The log of the integral over theta = mu + tau z, z standard normal, as a function of alpha (k, P).

    The integrand is log-concave in z, so that a trapezoid rule between where it has fallen by ``cut`` converges
    exponentially.
    """

    pair: ArmPair
    mu: FloatArray
    tau: FloatArray
    nodes: int
    cut: float
    unit: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", np.linspace(0.0, 1.0, self.nodes))

    def largest(self) -> FloatArray:
        """Return the largest integral's log, shape (k, P)."""
        variance = self.pair.variance[:, None]
        theta = (self.mu * variance + self.tau**2 * self.pair.effect[:, None]) / (variance + self.tau**2)
        start = _AtEffect(self.pair, theta).best()
        alpha = falling_root(lambda alpha: self.at(alpha)[1:], start, longest=LONGEST, tolerance=CLOSE)
        return _at_maximum(*self.at(alpha)) + self.pair.constant[:, None]

    def at(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log integral and its first two derivatives in alpha."""
        mode = falling_root(
            lambda z: self._slopes_in_z(alpha, z), np.zeros(alpha.shape), longest=LONGEST, tolerance=0.1
        )
        low, high = self._ends(alpha, mode)
        z = low[..., None] + (high - low)[..., None] * self.unit
        value, first, second = self.pair.log_likelihood(alpha[..., None], self._theta(z))
        value -= 0.5 * z * z
        largest = value.max(axis=-1, keepdims=True)
        weight = np.exp(value - largest)
        total = weight.sum(axis=-1)
        weight /= total[..., None]
        slope = first.sum(axis=0)
        mean = (weight * slope).sum(axis=-1)
        bend = (weight * (second.sum(axis=0) + (slope - mean[..., None]) ** 2)).sum(axis=-1)
        log_step = np.log((high - low) / (self.nodes - 1)) - 0.5 * np.log(2.0 * np.pi)
        return np.log(total) + largest[..., 0] + log_step, mean, bend

    def _theta(self, z: FloatArray) -> FloatArray:
        shape = (-1,) + (1,) * (z.ndim - 2)
        return self.mu.reshape(shape) + self.tau.reshape(shape) * z

    def _slopes_in_z(self, alpha: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        _, first, second = self.pair.log_likelihood(alpha, self._theta(z))
        half = 0.5 * self.tau
        return half * (first[0] - first[1]) - z, half**2 * second.sum(axis=0) - 1.0

    def _ends(self, alpha: FloatArray, mode: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return z below and above the mode where the integrand has fallen by ``cut``, shape (k, P) each."""
        lowest = self.pair.value(alpha, self._theta(mode)) - 0.5 * mode**2 - self.cut
        share, sign = np.arange(1, PARTS) / PARTS, np.array([-1.0, 1.0])[:, None]
        near, far = np.zeros((*mode.shape, 2)), np.full((*mode.shape, 2), np.sqrt(2.0 * self.cut) + 1.0)
        for _ in range(ROUNDS):
            width = far - near
            at = near[..., None] + width[..., None] * share
            z = mode[..., None] + (sign * at).reshape(*mode.shape, -1)
            inside = self.pair.value(alpha[..., None], self._theta(z)) - 0.5 * z * z > lowest[..., None]
            count = inside.reshape(at.shape).sum(axis=-1)
            near, far = near + width * count / PARTS, near + width * (count + 1) / PARTS
        return mode - far[..., 0], mode + far[..., 1]
