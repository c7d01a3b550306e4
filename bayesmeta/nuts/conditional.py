"""Which study effects go with draws of mean and heterogeneity? Independent draws of z_i given mu, tau and the data.

The density of z_i, likelihood_i(eta_i + tau z_i) phi(z_i), is log-concave for all likelihoods that are integrated out.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.nuts.log_concave import GROWTH, Density, end_of, mode_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed

DROP: Final = 0.6  # the tangents of the hull touch where the log density has fallen so far: few proposals are rejected
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
    growth = GROWTH[model.likelihood]
    shape = (*eta.shape[:2], len(events))
    flat = [np.broadcast_to(each, shape).ravel() for each in (events, size, eta + offset, tau)]
    found = np.empty(flat[0].size)
    for start in range(0, found.size, BLOCK):
        part = slice(start, start + BLOCK)
        found[part] = _draw(Density(flat[0][part], flat[1][part], flat[2][part], flat[3][part], growth), rng)
    return found.reshape(shape)


def _draw(density: Density, rng: np.random.Generator) -> FloatArray:
    """Return a draw of each density, shape (m,)."""
    mode = mode_of(density)
    touch = np.stack([end_of(density, mode, -1.0, DROP), mode, end_of(density, mode, 1.0, DROP)])
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
