"""How is a log-concave likelihood averaged over a normal distribution of effects, for any n at once?

Two quadratures share the work. Where tau is wide against the step of a lattice in theta, the trapezoid rule
on that lattice converges exponentially, and many points (eta, tau) are one matrix product. Where tau is
narrow against the likelihood, Gauss-Hermite nodes in theta = eta + tau z are accurate. Studies are sorted
into bands by the step that their likelihood needs. A likelihood that does not fall on one side but tends to 1,
as that of 0 or n events, has its lattice closed there by the normal distribution function.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.kernels import hermite_rule
from bayesmeta.surface.lattices import Band, make_bands
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import LogConcaveTerms, MarginalRule

# Trapezoid in theta is used for tau >= TRAPEZOID_FROM steps. The product of a normal kernel of 1.5 steps
# and a likelihood at least 3 steps wide is a bump of 1.34 steps: error exp(-2 pi^2 1.34^2) = 4e-16.
TRAPEZOID_FROM = 1.5
FAR = 40.0  # standard deviations
FARTHEST = 1e100
KERNEL_REACH = 9.5  # standard deviations; the normal density there is 1e-20 of its maximum
# Below this multiple of the finest step fewer Gauss-Hermite nodes do. For exp(L z), the slope of a log likelihood times
# tau, the error is L^2N N! / (2N)!, and L is a fourth of what it is where the trapezoid rule takes over.
SMALL_TAU = 0.4
SMALL_TAU_NODES = 0.55  # of the nodes
FEW_NODES = 10  # up to so many are not worth a call of their own
TINY_TAU = 0.02  # of the finest step: there a few Gauss-Hermite nodes are exact to rounding
TINY_TAU_NODES = 4
LARGEST_LOG_RATIO = 600.0  # of a likelihood at a node to that at eta; larger only where m is nearly 0
BLOCK = 2_000_000  # floats per temporary array: 16 MB keeps memory flat as k and the grid grow
SMALL_PRODUCT = 262_144  # multiplications up to which OpenBLAS uses one thread; more cost time here
LEAST_BLOCK = 128  # points; fewer cost more time in calls than the cache saves
SMALLEST = 1e-300
LOWEST_EXPONENT = -700.0  # a kernel value of 1e-304 is 0 beside `SMALLEST`; smaller ones take 50 times as long
SQRT_2PI = float(np.sqrt(2.0 * np.pi))
LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


type Part = tuple[IntArray, IntArray, FloatArray]
"""Studies (s,), points (p,), and log m of the ones at the others (s, p)."""


def averaged(terms: LogConcaveTerms, settings: Level) -> MarginalRule:
    """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
    constant = np.logical_and(*terms.limits())
    if constant.any():
        return _with_constants(terms, constant, settings)
    parts = _parts(terms, settings, make_bands(terms, settings))

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.empty((terms.k, eta.size))
        for study, points, log_m in parts(eta, tau):
            out[study[:, None], points] = log_m
        return out

    return rule


def _with_constants(terms: LogConcaveTerms, constant: BoolArray, settings: Level) -> MarginalRule:
    """Return log m_i where some likelihoods are 1 everywhere, and so are their averages."""
    others = np.flatnonzero(~constant)
    inner = averaged(terms.take(others), settings) if others.size else None

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.zeros((terms.k, eta.size))
        if inner is not None:
            out[others] = inner(eta, tau)
        return out

    return rule


def _parts(
    terms: LogConcaveTerms, settings: Level, bands: Sequence[Band]
) -> Callable[[FloatArray, FloatArray], Iterator[Part]]:
    """Return log m_i at points (eta, tau), each study and point once, some of them at a time."""
    narrow = narrow_ranges(terms, bands, settings)

    def parts(eta: FloatArray, tau: FloatArray) -> Iterator[Part]:
        for band in bands:
            points = np.flatnonzero(tau >= TRAPEZOID_FROM * band.step)
            for block in blocks(points, BLOCK // len(band.table)):
                yield band.study, block, trapezoid(band, eta[block], tau[block])
        for some in narrow:
            points = np.flatnonzero((tau < some.high) & (tau >= some.low))
            for block in blocks(points, BLOCK // (some.nodes * some.study.size)):
                yield some.study, block, hermite(some.terms, eta[block], tau[block], some.nodes)

    return parts


def blocks(points: IntArray, size: int) -> Iterator[IntArray]:
    """Yield some of the points (P,) at a time."""
    for i in range(0, points.size, max(1, size)):
        yield points[i : i + max(1, size)]


@final
@dataclass(frozen=True, eq=False)
class NarrowRange[T: LogConcaveTerms]:
    """A range of tau that is narrow for some studies.

    Parameters
    ----------
    low, high : float
        From ``low`` on, and below ``high``.
    study : array of int, shape (s,)
        Which studies.
    terms : LogConcaveTerms
        Theirs.
    nodes : int
        How many Gauss-Hermite nodes they take there.
    """

    low: float
    high: float
    study: IntArray
    terms: T
    nodes: int


def narrow_ranges[T: LogConcaveTerms](terms: T, bands: Sequence[Band], settings: Level) -> list[NarrowRange[T]]:
    """Return the ranges of tau that are narrow for some studies: from below each band's step downwards."""
    ends = [TRAPEZOID_FROM * band.step for band in bands]
    nodes = [settings.hermite_nodes] * len(bands)
    if settings.hermite_nodes > FEW_NODES:
        ends, nodes = [*ends, SMALL_TAU * bands[-1].step], [*nodes, ceil(SMALL_TAU_NODES * settings.hermite_nodes)]
    ends, nodes = [*ends, TINY_TAU * bands[-1].step, -1.0], [*nodes, TINY_TAU_NODES]
    ranges = []
    for i, (high, low) in enumerate(pairwise(ends)):
        if i < len(bands):
            study = np.concatenate([band.study for band in bands[: i + 1]])
            some = terms.take(study)
        ranges.append(NarrowRange(low, high, study, some, nodes[i]))
    return ranges


def trapezoid(band: Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return log m for one band by the trapezoid rule on its lattice, shape (b, P)."""
    theta = band.theta
    outside = half_outside(band, eta, tau)
    near, near_outside = eta, outside
    if outside.any():
        # a kernel beyond the lattice only sees its end; from how far does not matter, but would cost precision
        near = np.clip(eta, theta[0] - FAR * tau, theta[-1] + FAR * tau)
        if (near != eta).any():
            near_outside = half_outside(band, near, tau)
    summed = lattice_sums(band, near, tau, near_outside)
    total, lacking = summed[: band.study.size], summed[band.study.size :]
    log_m = np.log(np.maximum(total, SMALLEST)) - outside
    if total.min() < SMALLEST:
        log_m = np.where(total < SMALLEST, _beyond_range(band, eta, tau), log_m)
    log_m += np.log(band.step / tau) - LOG_SQRT_2PI
    if not band.flat.size:
        return log_m + band.log_scale[:, None]
    log_m = _closed(band, eta, tau, log_m) + band.log_scale[:, None]
    return _from_above(band, eta, tau, log_m, lacking * np.exp(-outside) * band.step / (tau * SQRT_2PI))


def lattice_sums(band: Band, eta: FloatArray, tau: FloatArray, outside: FloatArray) -> FloatArray:
    """Return the sums over the lattice of the band's table times exp(-(theta - eta)^2 / (2 tau^2) + outside).

    Some points at once, which see a part of the lattice, so that temporary arrays stay in a processor's cache. The
    exponent is one matrix product of powers of theta and eta about the lattice's middle; it is off by about (T/1.5)^2
    rounding errors, as tau is at least 1.5 steps.

    Returns
    -------
    array, shape (b + flat, P)
    """
    size = max(LEAST_BLOCK, SMALL_PRODUCT // band.table.size)
    start = np.arange(0, eta.size, size)
    centred, precision, reach = eta - band.middle, 1.0 / (tau * tau), KERNEL_REACH * tau
    weighted = centred * precision
    of_point = np.array([-0.5 * precision, weighted, outside - 0.5 * centred * weighted])
    # likelihood times kernel is largest between both their peaks, and falls there at least as steeply as the kernel
    farthest = np.maximum.reduceat(reach, start)
    low = np.maximum(band.core[0], band.peaks[0] - farthest)
    high = np.minimum(band.core[1], band.peaks[1] + farthest)
    first = np.searchsorted(band.theta, np.minimum(low, np.minimum.reduceat(eta - reach, start)))
    last = np.searchsorted(band.theta, np.maximum(high, np.maximum.reduceat(eta + reach, start)))
    # above it no exponent can be so low that exp takes 50 times as long
    widest = np.sqrt(-2.0 * LOWEST_EXPONENT / np.maximum.reduceat(precision, start))
    least, most = np.minimum.reduceat(eta, start) + widest, np.maximum.reduceat(eta, start) - widest
    out = np.empty((len(band.table), eta.size))
    for i, from_, to, below, above in zip(*(one.tolist() for one in (start, first, last, most, least)), strict=True):
        part, to = slice(i, i + size), min(to + 1, band.theta.size)
        window = slice(from_, to) if to - from_ > 1 else slice(0, band.theta.size)
        kernel = band.powers[window] @ of_point[:, part]
        if band.theta[window.start] < below or band.theta[window.stop - 1] > above:
            np.maximum(kernel, LOWEST_EXPONENT, out=kernel)
        np.exp(kernel, out=kernel)
        np.matmul(band.table[:, window], kernel, out=out[:, part])
    return out


def half_outside(band: Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return half the squared distance of eta to the lattice in units of tau, 0 within it; shape (P,).

    With it added to the exponent, the largest kernel value is near 1 and nothing underflows.
    """
    theta = band.theta
    if not band.has_holes:
        distance = np.maximum(theta[0] - eta, eta - theta[-1])
        if distance.max() <= 0.0:
            return np.zeros_like(eta)
    else:
        right = np.clip(np.searchsorted(theta, eta), 1, theta.size - 1)
        distance = np.minimum(np.abs(eta - theta[right]), np.abs(eta - theta[right - 1]))
    return 0.5 * np.minimum(np.where(distance > band.step, distance, 0.0) / tau, FARTHEST) ** 2


def _beyond_range(band: Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return a stand-in for log m below the range of doubles: weightless, but falling with distance.

    It only has to show where the posterior lives not; nothing is computed from it.
    """
    y, variance = band.rough
    distance: FloatArray = (y[:, None] - eta) ** 2 / (variance[:, None] + tau * tau)
    return float(np.log(SMALLEST)) - 0.5 * distance


def _closed(band: Band, eta: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
    """Add what lies beyond the lattice where a likelihood tends to 1."""
    half = 0.5 * band.step
    edges = band.theta[0] - half, band.theta[-1] + half
    for limit, edge, sign in zip(band.limits, edges, (1.0, -1.0), strict=True):
        if limit.any():
            z = sign * (edge - eta) / tau
            if z.max() > -KERNEL_REACH:
                beyond = np.maximum(_tail_sum(z, band.step / tau), SMALLEST)
                log_m[limit] = np.logaddexp(log_m[limit], np.log(beyond) - band.log_scale[limit, None])
    return log_m


def _from_above(band: Band, eta: FloatArray, tau: FloatArray, log_m: FloatArray, lacking: FloatArray) -> FloatArray:
    """Replace log m by log(1 - lacking) where eta lies far on the side on which a likelihood tends to 1.

    There the closure of `_closed` would be met at a distance of a few tau, where it is less exact; ``lacking``
    (flat, P) sums 1 - likelihood instead, which falls off before the lattice ends there, and is closed at its other
    end.
    """
    first, last, half = band.theta[0], band.theta[-1], 0.5 * band.step
    sides = (first, band.turn[0], last + half, -1.0), (last, band.turn[1], first - half, 1.0)
    for limit, (end, turn, other, sign) in zip(band.limits, sides, strict=True):
        if not limit.any():
            continue
        far = sign * (eta - 0.5 * (end + turn)) > 0.0
        if far.any():
            short = lacking[limit[band.flat]] + _tail_sum(sign * (other - eta) / tau, band.step / tau)
            log_m[np.ix_(limit, far)] = np.log1p(-np.minimum(short, 0.9)[:, far])
    return log_m


def _tail_sum(z: FloatArray, step: FloatArray) -> FloatArray:
    """Return the sum of ``step phi`` over the lattice points z - step/2, z - 3 step/2, ... (z in SDs).

    It is Phi(z) plus two Euler-Maclaurin terms of the midpoint rule, for a lattice that goes on
    where the likelihood is 1.
    """
    z = np.clip(z, -FAR, FAR)
    density = np.exp(-0.5 * z * z - LOG_SQRT_2PI)
    second, fourth = step**2 / 24.0, 7.0 * step**4 / 5760.0
    return np.maximum(special.ndtr(z) + density * (second * z + fourth * (3.0 * z - z**3)), 0.0)


def hermite(terms: LogConcaveTerms, eta: FloatArray, tau: FloatArray, nodes: int) -> FloatArray:
    """Return log m by Gauss-Hermite quadrature around eta, shape (k, P)."""
    z, weight = hermite_rule(nodes)
    log_ratio = terms.log_change(eta, tau[:, None] * z)
    np.minimum(log_ratio, LARGEST_LOG_RATIO, out=log_ratio)
    mean: FloatArray = np.exp(log_ratio, out=log_ratio) @ weight
    log_mean: FloatArray = np.log(np.maximum(mean, SMALLEST))
    return log_mean + terms.log_likelihood(eta)
