"""Where does a study's likelihood times its random effect have its mode and its ends? exp(events x - size b(x)) phi(z).

x = centre + tau z; b(x) = log(1 + exp x) of binomial, b(x) = exp x of Poisson counts: densities of z that are
log-concave.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray

MODE_STEPS: Final = 60  # far more than are needed
CLOSE: Final = 1e-5  # to the mode, in SDs
END_STEPS: Final = 10
LEAST: Final = 0.05  # of a guess of an end: the least that a step may leave of it


@final
@dataclass(frozen=True)
class Growth:
    """The function b of a likelihood exp(events x - size b(x)) and its first two derivatives."""

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    curvature: Callable[[FloatArray], FloatArray]


@final
@dataclass(frozen=True)
class Density:
    """Log densities events x - size b(x) - z^2 / 2 of z, with x = centre + tau z, each array of shape (m,)."""

    events: FloatArray
    size: FloatArray
    centre: FloatArray
    tau: FloatArray
    growth: Growth

    def log(self, z: FloatArray) -> FloatArray:
        """Return the log density, z of shape (m,) or (nodes, m)."""
        x = self.centre + self.tau * z
        return self.events * x - self.size * self.growth.value(x) - 0.5 * z**2

    def score(self, z: FloatArray) -> FloatArray:
        """Return the derivative of the log likelihood in x."""
        return self.events - self.size * self.growth.slope(self.centre + self.tau * z)

    def slope(self, z: FloatArray) -> FloatArray:
        """Return the derivative of the log density in z."""
        return self.tau * self.score(z) - z

    def sd(self, z: FloatArray) -> FloatArray:
        """Return the SD of the normal density with the same curvature at z."""
        x = self.centre + self.tau * z
        return np.asarray(1.0 / np.sqrt(1.0 + self.tau**2 * self.size * self.growth.curvature(x)))

    def at(self, some: BoolArray) -> "Density":
        """Return some of the densities."""
        return replace(self, **{name: getattr(self, name)[some] for name in ("events", "size", "centre", "tau")})


def mode_of(density: Density) -> FloatArray:
    """Return the modes: the slope falls by 1 or more per unit, so that they lie between 0 and the slope at 0."""
    z = np.zeros_like(density.tau)
    first = density.slope(z)
    low, high = np.minimum(first, 0.0), np.maximum(first, 0.0)
    for i in range(MODE_STEPS):
        now, sd = density.slope(z), density.sd(z)
        low, high = np.where(now > 0.0, z, low), np.where(now > 0.0, high, z)
        newton, halved = now * sd**2, 0.5 * (low + high)
        done = np.abs(newton) < CLOSE * sd
        if done.all():
            break
        # one step in three halves the bracket: Newton's method may run to and fro between a flat and a steep side
        bad = (z + newton < low) | (z + newton > high) | (i % 3 == 2)
        z = np.where(done, z, np.where(bad, halved, z + newton))
    return z


def end_of(density: Density, mode: FloatArray, side: float, drop: float) -> FloatArray:
    """Return about where on one side, -1 or 1, the log density has fallen by ``drop`` from its mode.

    Newton's method: the log density is concave, so that every step but the first comes from outside. The end is no
    farther than that of the standard normal density, sqrt(2 drop).
    """
    most = np.sqrt(2.0 * drop)
    top, far = density.log(mode) - drop, most * density.sd(mode)
    for _ in range(END_STEPS):
        z = mode + side * far
        step = (density.log(z) - top) / (side * density.slope(z))
        if (np.abs(step) < 1e-3 * far).all():
            break
        far = np.clip(far - step, LEAST * far, most)
    return np.asarray(mode + side * far)


def _log1p_exp(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, x))


def _bernoulli_variance(x: FloatArray) -> FloatArray:
    return np.asarray(special.expit(x) * special.expit(-x))


_LOGISTIC: Final = Growth(_log1p_exp, special.expit, _bernoulli_variance)
GROWTH: Final[Mapping[str, Growth]] = MappingProxyType(
    {"binomial": _LOGISTIC, "poisson": Growth(np.exp, np.exp, np.exp), "poisson-conditional": _LOGISTIC}
)
"""b by likelihood."""
