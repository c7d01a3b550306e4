"""Which study effects go with draws of mean and heterogeneity? Independent draws of z_i given mu, tau and the data.

The density of z_i, likelihood_i(eta_i + tau z_i) phi(z_i), is log-concave for all likelihoods that are integrated out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed

MODE_STEPS: Final = 60  # far more than are needed
CLOSE: Final = 1e-5  # to the mode, in SDs
DROP: Final = 0.6  # the tangents of the hull touch where the log density has fallen so far: few proposals are rejected
TOUCH_STEPS: Final = 10
MOST_ROUNDS: Final = 500
BLOCK: Final = 200_000  # draws at a time


def draw_standardised(
    model: ModelSpec, data: Observed, eta: FloatArray, tau: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return draws of z_i = (theta_i - eta_i) / tau given eta, tau and the data.

    Parameters
    ----------
    model : ModelSpec
        The model; it has the form ``"marginalised"``.
    data : Counts or Estimates
        What it sees of the studies.
    eta, tau : array, shape (chain, draw, study) or (chain, draw, 1)
        Means and heterogeneity.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array, shape (chain, draw, study)

    Notes
    -----
    Normal likelihood: z_i is normal with mean tau (y_i - eta_i) / (tau^2 + se_i^2) and variance se_i^2 / (tau^2 +
    se_i^2). Counts: rejection from the exponentials of three tangents of the log density, at its mode and on both
    sides, which lie above it (Gilks and Wild 1992, Applied Statistics 41, 337-348, doi 10.2307/2347565).
    """
    if isinstance(data, Estimates):
        share = data.se**2 / (tau**2 + data.se**2)
        noise = rng.standard_normal(np.broadcast_shapes(eta.shape, share.shape))
        return np.asarray(tau * (data.y - eta) * share / data.se**2 + np.sqrt(share) * noise)
    events, size, offset = _SIZES[model.likelihood](data.data)
    growth = _GROWTH[model.likelihood]
    shape = (*eta.shape[:2], len(events))
    flat = [np.broadcast_to(each, shape).ravel() for each in (events, size, eta + offset, tau)]
    found = np.empty(flat[0].size)
    for start in range(0, found.size, BLOCK):
        part = slice(start, start + BLOCK)
        found[part] = _draw(_Density(flat[0][part], flat[1][part], flat[2][part], flat[3][part], *growth), rng)
    return found.reshape(shape)


@final
@dataclass(frozen=True)
class _Density:
    """Log densities events x - size b(x) - z^2 / 2 of z, with x = centre + tau z, each array of shape (m,)."""

    events: FloatArray
    size: FloatArray
    centre: FloatArray
    tau: FloatArray
    b: Callable[[FloatArray], FloatArray]
    b_slope: Callable[[FloatArray], FloatArray]
    b_curvature: Callable[[FloatArray], FloatArray]

    def log(self, z: FloatArray) -> FloatArray:
        x = self.centre + self.tau * z
        return self.events * x - self.size * self.b(x) - 0.5 * z**2

    def slope(self, z: FloatArray) -> FloatArray:
        return self.tau * (self.events - self.size * self.b_slope(self.centre + self.tau * z)) - z

    def sd(self, z: FloatArray) -> FloatArray:
        x = self.centre + self.tau * z
        return np.asarray(1.0 / np.sqrt(1.0 + self.tau**2 * self.size * self.b_curvature(x)))

    def at(self, some: BoolArray) -> "_Density":
        return replace(self, **{name: getattr(self, name)[some] for name in ("events", "size", "centre", "tau")})


def _mode(density: _Density) -> FloatArray:
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


def _touch(density: _Density, mode: FloatArray, side: float) -> FloatArray:
    """Return where on one side the log density has fallen by about `DROP`: Newton's method, from outside."""
    top, far = density.log(mode) - DROP, np.full_like(mode, np.sqrt(2.0 * DROP))
    for _ in range(TOUCH_STEPS):
        z = mode + side * far
        far = np.maximum(far - (density.log(z) - top) / (side * density.slope(z)), 0.0)
    return np.asarray(mode + side * far)


def _draw(density: _Density, rng: np.random.Generator) -> FloatArray:
    """Return a draw of each density, shape (m,)."""
    mode = _mode(density)
    touch = np.stack([_touch(density, mode, -1.0), mode, _touch(density, mode, 1.0)])
    height, slope = np.stack([density.log(z) for z in touch]), np.stack([density.slope(z) for z in touch])
    found, left = np.empty_like(mode), np.ones(mode.shape, dtype=bool)
    for _ in range(MOST_ROUNDS):
        part = density.at(left)
        z, log_hull = _propose(touch[:, left], height[:, left], slope[:, left], rng)
        kept = np.log(rng.random(z.size)) < part.log(z) - log_hull
        where = np.flatnonzero(left)[kept]
        found[where], left[where] = z[kept], False
        if not left.any():
            return found
    raise AccuracyError("the study effects could not be drawn; take parametrisation='partially-centred'.")


def _propose(
    touch: FloatArray, height: FloatArray, slope: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return draws from the least of three exponentials, and its log there; shapes (3, m) to (m,)."""
    level = height - slope * touch  # log of each exponential at 0
    cuts = (level[1:] - level[:-1]) / (slope[:-1] - slope[1:])  # where one tangent meets the next
    cuts = np.stack([np.full(cuts.shape[1], -np.inf), cuts[0], cuts[1], np.full(cuts.shape[1], np.inf)])
    top = height.max(axis=0)
    # each piece from its higher end inward: exp(level + slope z) falls away from there at the rate |slope|
    start = np.where(slope > 0.0, cuts[1:], cuts[:-1])
    length, rate = np.diff(cuts, axis=0), np.abs(slope)
    share = -np.expm1(-rate * length)
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = np.exp(level + slope * start - top) * np.where(rate * length > 1e-9, share / rate, length)
    chosen = (rng.random(touch.shape[1]) * mass.sum(axis=0) > np.cumsum(mass, axis=0)[:-1]).sum(axis=0)
    take = chosen, np.arange(chosen.size)
    u = rng.random(chosen.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        fallen = np.where(rate[take] * length[take] > 1e-9, -np.log1p(-u * share[take]) / rate[take], u * length[take])
    z = start[take] - np.sign(slope[take]) * fallen
    z = np.where(slope[take] == 0.0, start[take] + fallen, z)
    return z, level[take] + slope[take] * z


def _log1p_exp(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, x))


_LOGISTIC: Final = (_log1p_exp, special.expit, lambda x: special.expit(x) * special.expit(-x))
_GROWTH: Final[Mapping[str, Any]] = MappingProxyType(
    {"binomial": _LOGISTIC, "poisson": (np.exp, np.exp, np.exp), "poisson-conditional": _LOGISTIC}
)
"""b of a likelihood exp(events x - size b(x)), and its first two derivatives."""

type _Data = Mapping[str, FloatArray]


def _of_two_times(data: _Data) -> tuple[FloatArray, FloatArray, FloatArray]:
    total = data["events_treatment"] + data["events_control"]
    return data["events_treatment"], total, np.log(data["time_treatment"] / data["time_control"])


_SIZES: Final[Mapping[str, Callable[[_Data], tuple[FloatArray, FloatArray, FloatArray]]]] = MappingProxyType(
    {
        "binomial": lambda data: (data["events"], data["n"], np.zeros_like(data["n"])),
        "poisson": lambda data: (data["events"], data["time"], np.zeros_like(data["time"])),
        "poisson-conditional": _of_two_times,
    }
)
"""Events, size and offset by likelihood."""
