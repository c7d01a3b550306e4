"""How likely are both arms of each trial if baseline and effect are random? An integral over both, and its slopes.

    eta_treatment = alpha + sigma z_1 + (mu + tau z_2) / 2
    eta_control   = alpha + sigma z_1 - (mu + tau z_2) / 2,  z_1, z_2 ~ Normal(0, 1) independent
    m_i(alpha, mu, sigma, tau) = the integral of L_i(eta) phi(z_1) phi(z_2) over z_1 and z_2

The integrand is log-concave, so that its level sets are convex: trapezoid rules along its principal axes at the mode,
between where it has fallen by a given amount, converge exponentially. The slopes are integrals of the same kind: those
of log m_i are means of the slopes of log L_i under the integrand (Fisher), and the second derivatives follow from
their means and variances (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.frequentist.concave import falling_root
from bayesmeta.frequentist.study_intercepts import MOST, ArmPair, InterceptTerms

MOST_STEPS: Final = 100  # to the mode
CLOSE: Final = 1e-6  # Newton's decrement, in units of the log integrand
BACK: Final = 0.25  # of a step that does not rise
LONGEST: Final = 3.0  # of a step along one axis, in SDs
ROUGHLY: Final = 0.1  # such a step that ends the search
NEAREST, PARTS, ROUNDS = 0.5, 8, 2  # an end is searched from half an SD on, its log to 1/64 of what is possible
NODES: Final = (20, 32, 48, 72, 108, 162, 243)  # along each axis, from a first look to rare, hard cases
CUT: Final = 36.0
NODES_1D: Final = 41


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """log m_i and its derivatives in (alpha, mu, sigma, tau).

    Parameters
    ----------
    log_m : array, shape (k,)
        Log marginal likelihoods.
    score : array, shape (k, 4)
        First derivatives.
    hessian : array, shape (k, 4, 4)
        Second derivatives.
    """

    log_m: FloatArray
    score: FloatArray
    hessian: FloatArray


class _Local(NamedTuple):
    """The log integrand at points: value, gradient (2, ...) and second derivatives along 11, 12, 22 (3, ...)."""

    value: FloatArray
    gradient: FloatArray
    bend: FloatArray

    @property
    def newton(self) -> tuple[FloatArray, FloatArray]:
        """Newton's step (2, ...) and its decrement."""
        (g1, g2), (a, b, c) = self.gradient, -self.bend
        step = np.stack([c * g1 - b * g2, a * g2 - b * g1]) / (a * c - b * b)
        return step, (step * self.gradient).sum(axis=0)


@final
@dataclass(frozen=True, eq=False)
class RandomIntercepts:
    """The marginal likelihoods of k trials at one resolution.

    Parameters
    ----------
    pair : ArmPair
        The two arms.
    level : int
        Index in `NODES`.
    """

    pair: ArmPair
    level: int

    @property
    def nodes(self) -> int:
        """Nodes along each axis."""
        return NODES[self.level]

    @property
    def cut(self) -> float:
        """The integrand ends where its log has fallen by this much."""
        return CUT + self.level

    @property
    def finer(self) -> "RandomIntercepts":
        """The same at the next resolution.

        Raises
        ------
        AccuracyError
            If there is none.
        """
        if self.level + 1 == len(NODES):
            raise AccuracyError(
                "the marginal likelihoods could not be computed accurately; check for data on extreme scales."
            )
        return RandomIntercepts(self.pair, self.level + 1)

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.pair.effect.size)

    def at(self, place: FloatArray, mu: FloatArray | None = None) -> Moments:
        """Return log m_i and its derivatives.

        Parameters
        ----------
        place : array, shape (4,)
            alpha, mu, sigma, tau. The signs of sigma and tau do not matter.
        mu : array, shape (k,), optional
            In place of the one mu, an effect per study.
        """
        studies = max(1, MOST // (8 * self.nodes**2))
        if self.k <= studies:
            return _Integral(self, place, np.broadcast_to(place[1] if mu is None else mu, self.k)).moments()
        blocks = np.array_split(np.arange(self.k), -(-self.k // studies))
        parts = [self._take(block).at(place, None if mu is None else mu[block]) for block in blocks]
        return Moments(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("log_m", "score", "hessian")))

    def _take(self, index: IntArray) -> "RandomIntercepts":
        terms = InterceptTerms(self.pair.events, self.pair.size, self.pair.arms)
        return RandomIntercepts(ArmPair.of(terms.take(index)), self.level)


def _radius(is_inside: Callable[[FloatArray], BoolArray], farthest: FloatArray) -> FloatArray:
    """Return how far a convex set reaches, rounded up; ``is_inside`` takes radii of shape (..., PARTS - 1)."""
    near, far = np.full(farthest.shape, np.log(NEAREST)), np.log(farthest)
    share = np.arange(1, PARTS) / PARTS
    for _ in range(ROUNDS):
        width = far - near
        count = is_inside(np.exp(near[..., None] + width[..., None] * share)).sum(axis=-1)
        near, far = near + width * count / PARTS, near + width * (count + 1) / PARTS
    return np.exp(far)


def _per_study(values: FloatArray, like: FloatArray) -> FloatArray:
    """Return values (..., k) in a shape that broadcasts with ``like`` (2, k, ...)."""
    return values.reshape(*values.shape, *(1,) * (like.ndim - 2))


@final
class _Integral:
    """The integral at one place, with the mode of its integrand."""

    def __init__(self, owner: RandomIntercepts, place: FloatArray, mu: FloatArray) -> None:
        self.owner, self.pair = owner, owner.pair
        self.alpha, _, self.sigma, self.tau = map(float, place)
        self.mu = mu
        self.mode, top = self._climb()
        self.top = top.value
        a, b, c = -top.bend
        # the columns of the inverse transpose of the Cholesky factor of the negative Hessian
        first, second = 1.0 / np.sqrt(a), 1.0 / np.sqrt(c - b * b / a)
        self.axes = np.array([[first, -b / a * second], [np.zeros(owner.k), second]])
        self.steepest = np.maximum(1.0, a + c)

    def _predictors(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.alpha + self.sigma * z[0], _per_study(self.mu, z) + self.tau * z[1]

    def _value(self, z: FloatArray) -> FloatArray:
        return self.pair.value(*self._predictors(z)) - 0.5 * (z * z).sum(axis=0)

    def _local(self, z: FloatArray) -> _Local:
        """Return the log integrand and its derivatives in z (2, k, ...)."""
        value, first, second = self.pair.log_likelihood(*self._predictors(z))
        own, half = self.sigma, 0.5 * self.tau
        gradient = np.stack([own * (first[0] + first[1]), half * (first[0] - first[1])]) - z
        both, gap = second[0] + second[1], second[0] - second[1]
        bend = np.stack([own**2 * both - 1.0, own * half * gap, half**2 * both - 1.0])
        return _Local(value - 0.5 * (z * z).sum(axis=0), gradient, bend)

    def _start(self) -> FloatArray:
        """Return the mode if the arms' likelihoods were normal, shape (2, k)."""
        load = np.array([[self.sigma, 0.5 * self.tau], [self.sigma, -0.5 * self.tau]])
        eta = np.stack([self.alpha + 0.5 * self.mu, self.alpha - 0.5 * self.mu])
        weight = 1.0 / self.pair.arm_variance
        matrix = np.einsum("ai,ak,aj->kij", load, weight, load) + np.eye(2)
        right = np.einsum("ai,ak->ki", load, weight * (self.pair.log_odds - eta))
        return np.linalg.solve(matrix, right[..., None])[..., 0].T

    def _climb(self) -> tuple[FloatArray, _Local]:
        """Return the mode of each integrand (2, k), to a small part of its SD, and the integrand there."""
        z = self._start()
        here = self._local(z)
        factor = np.ones(self.owner.k)
        for _ in range(MOST_STEPS):
            step, decrement = here.newton
            if (decrement < CLOSE).all():
                return z, here
            step = np.where(decrement < CLOSE, 0.0, factor * step)
            there = self._local(z + step)
            better = there.value >= here.value
            z = np.where(better, z + step, z)
            here = _Local(*(np.where(better, new, old) for new, old in zip(there, here, strict=True)))
            factor = np.where(better, 1.0, BACK * factor)
        raise AccuracyError("the mode of a study's likelihood could not be found; check for data on extreme scales.")

    def _at(self, x: FloatArray) -> FloatArray:
        """Return z at places x (2, k, ...) along the axes, in SDs from the mode."""
        return np.asarray(_per_study(self.mode, x) + (_per_study(self.axes, x) * x).sum(axis=1))

    def _ends(self, axis: int) -> tuple[FloatArray, FloatArray]:
        """Return from where to where the integrand reaches along an axis, wherever it is along the other; (k,) each."""
        sign = np.array([-1.0, 1.0])[:, None]
        other = self.axes[:, 1 - axis, :, None, None]
        lowest = (self.top - self.owner.cut)[:, None, None]

        def along(y: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            here = self._local(self._at(np.stack([x, y] if axis == 0 else [y, x])))
            bend = (
                other[0] ** 2 * here.bend[0] + 2.0 * other[0] * other[1] * here.bend[1] + other[1] ** 2 * here.bend[2]
            )
            return here.value, (other * here.gradient).sum(axis=0), bend

        def is_inside(radius: FloatArray) -> BoolArray:
            x = sign * radius
            y = falling_root(lambda y: along(y, x)[1:], np.zeros(x.shape), longest=LONGEST + radius, tolerance=ROUGHLY)
            value, slope, bend = along(y, x)
            return np.asarray(value - 0.5 * slope**2 / bend > lowest)

        farthest = np.sqrt(2.0 * self.owner.cut * self.steepest)[:, None] + np.ones(2)
        low, high = _radius(is_inside, farthest).T
        return -low, high

    def moments(self) -> Moments:
        """Return the log integral and its derivatives."""
        k, nodes = self.owner.k, self.owner.nodes
        unit, ends = np.linspace(0.0, 1.0, nodes), [self._ends(axis) for axis in (0, 1)]
        steps = np.stack([(high - low) / (nodes - 1) for low, high in ends])
        x = [low[:, None] + (high - low)[:, None] * unit for low, high in ends]
        grid = np.stack(np.broadcast_arrays(x[0][:, :, None], x[1][:, None, :])).reshape(2, k, -1)
        z = self._at(grid)
        value, first, second = self.pair.log_likelihood(*self._predictors(z))
        weight = np.exp(value - 0.5 * (z * z).sum(axis=0) - self.top[:, None])
        total = weight.sum(axis=1)
        volume = np.log(steps[0] * steps[1] * self.axes[0, 0] * self.axes[1, 1]) - np.log(2.0 * np.pi)
        log_m = np.log(total) + self.top + volume + self.pair.constant
        return Moments(log_m, *_slopes(weight / total[:, None], z, first, second))


def _slopes(share: FloatArray, z: FloatArray, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of log m_i from those of each arm at the nodes, shapes (k, 4) and (k, 4, 4)."""
    one = np.ones_like(share)
    # of each arm's linear predictor with respect to alpha, mu, sigma, tau: (k, 4, nodes)
    arms = [np.stack([one, side * one, z[0], side * z[1]], axis=1) for side in (0.5, -0.5)]
    slope = sum(f[:, None] * arm for f, arm in zip(first, arms, strict=True))
    mean = (slope @ share[..., None])[..., 0]
    centred = slope - mean[..., None]
    hessian = (centred * share[:, None]) @ centred.swapaxes(1, 2)
    for bend, arm in zip(second, arms, strict=True):
        hessian += (arm * (share * bend)[:, None]) @ arm.swapaxes(1, 2)
    return mean, hessian


@final
@dataclass(frozen=True, eq=False)
class GivenIntercepts:
    """The likelihoods of the effects if the distribution of the baselines, Normal(alpha, sigma^2), is known.

    Parameters
    ----------
    terms : InterceptTerms
        The two arms of k studies.
    alpha, sigma : float
        Mean and SD of the baselines.
    cut : float
        The integrand ends where its log has fallen by this much.
    """

    terms: InterceptTerms
    alpha: float
    sigma: float
    cut: float = CUT

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.terms.k

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i, the baseline integrated out, shape of ``theta`` (k, P)."""
        rows = [self._study(ArmPair.of(self.terms.take(np.array([i]))), theta[i : i + 1]) for i in range(self.k)]
        return np.concatenate(rows)

    def _study(self, pair: ArmPair, theta: FloatArray) -> FloatArray:
        def local(z: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            value, first, second = pair.log_likelihood(self.alpha + self.sigma * z, theta)
            slope = self.sigma * first.sum(axis=0) - z
            return value - 0.5 * z * z, slope, self.sigma**2 * second.sum(axis=0) - 1.0

        mode = falling_root(lambda z: local(z, theta)[1:], np.zeros(theta.shape), longest=LONGEST, tolerance=1e-3)
        top, _, bend = local(mode, theta)
        sd = 1.0 / np.sqrt(-bend)
        sign = np.array([-1.0, 1.0])[:, None]

        def is_inside(radius: FloatArray) -> BoolArray:
            z = mode[..., None, None] + sd[..., None, None] * sign * radius
            return np.asarray(local(z, theta[..., None, None])[0] > (top - self.cut)[..., None, None])

        farthest = (np.sqrt(2.0 * self.cut) / sd + 1.0)[..., None] + np.zeros(2)
        low, high = np.moveaxis(_radius(is_inside, farthest), -1, 0) * sd
        z = (mode - low)[..., None] + (low + high)[..., None] * np.linspace(0.0, 1.0, NODES_1D)
        value = local(z, theta[..., None])[0] - top[..., None]
        step = (low + high) / (NODES_1D - 1) / np.sqrt(2.0 * np.pi)
        return np.asarray(np.log(np.exp(value).sum(axis=-1) * step) + top + pair.constant[:, None])
