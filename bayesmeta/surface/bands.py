"""How is a log-concave likelihood averaged over a normal distribution of effects, for any n at once?

Two quadratures share the work. Where tau is wide against the step of a lattice in theta, the trapezoid rule
on that lattice converges exponentially, and many points (eta, tau) are one matrix product. Where tau is
narrow against the likelihood, Gauss-Hermite nodes in theta = eta + tau z are accurate. Studies are sorted
into bands by the step that their likelihood needs. A likelihood that does not fall on one side but tends to 1,
as that of 0 or n events, has its lattice closed there by the normal distribution function.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.kernels import hermite_rule
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import LogConcaveTerms, MarginalRule

# Trapezoid in theta is used for tau >= TRAPEZOID_FROM steps. The product of a normal kernel of 1.5 steps
# and a likelihood at least 3 steps wide is a bump of 1.34 steps: error exp(-2 pi^2 1.34^2) = 4e-16.
TRAPEZOID_FROM = 1.5
FAR = 40.0  # standard deviations
FARTHEST = 1e100
KERNEL_REACH = 9.5  # standard deviations; the normal density there is 1e-20 of its maximum
CORE_SD = 6.0  # a kernel far from a likelihood is still integrated over this many of the likelihood's own SDs
# Below this multiple of the finest step fewer Gauss-Hermite nodes do. For exp(L z), the slope of a log likelihood times
# tau, the error is L^2N N! / (2N)!, and L is a fourth of what it is where the trapezoid rule takes over.
SMALL_TAU = 0.4
SMALL_TAU_NODES = 0.55  # of the nodes
FEW_NODES = 10  # up to so many are not worth a call of their own
TINY_TAU = 0.02  # of the finest step: there a few Gauss-Hermite nodes are exact to rounding
TINY_TAU_NODES = 4
LARGEST_LOG_RATIO = 600.0  # of a likelihood at a node to that at eta; larger only where m is nearly 0
SUPPORT_PARTS, SUPPORT_ROUNDS = 23, 2  # a likelihood's end is found to 1/23^2 of its outermost distance
FLAT = 33.0  # 1 - exp(-FLAT) is 1 to 5e-15
BLOCK = 2_000_000  # floats per temporary array: 16 MB keeps memory flat as k and the grid grow
SMALL_PRODUCT = 262_144  # multiplications up to which OpenBLAS uses one thread; more cost time here
KERNEL_WORK = 11.0  # a value of the kernel takes as long as so many multiplications
CALL_WORK = 1400.0  # a band of its own costs, besides, as much as this much work per unit of theta and point
LEAST_BLOCK = 256  # points; fewer cost more time in calls than the cache saves
SMALLEST = 1e-300
LOWEST_EXPONENT = -700.0  # a kernel value of 1e-304 is 0 beside `SMALLEST`; smaller ones take 50 times as long
SQRT_2PI = float(np.sqrt(2.0 * np.pi))
LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class Band:
    """Studies that share a lattice in theta, and their likelihoods on it.

    Parameters
    ----------
    study : array of int, shape (b,)
        Which studies.
    terms : LogConcaveTerms
        Of these b studies.
    step : float
        Step of the lattice.
    theta : array, shape (T,)
        The lattice, ascending, with holes where no likelihood lives.
    likelihood : array, shape (b, T)
        Each divided by the exponential of its ``log_scale``, shape (b,).
    core : tuple of float
        The part of the lattice where the likelihoods are large.
    turn : tuple of float
        Where the likelihoods that tend to 1 have turned to it: on the left, and on the right.
    """

    study: IntArray
    terms: LogConcaveTerms
    step: float
    theta: FloatArray
    likelihood: FloatArray
    log_scale: FloatArray
    core: tuple[float, float]
    turn: tuple[float, float]

    @cached_property
    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Which likelihoods tend to 1 on the left, and on the right, shape (b,) each."""
        return self.terms.limits()


type Support = tuple[FloatArray, FloatArray]
"""From where to where likelihoods are integrated, shape (k,) each; see `support`."""


def averaged(terms: LogConcaveTerms, settings: Level, ends: Support | None = None) -> MarginalRule:
    """Return log m_i as a function of (eta, tau), by quadrature at the given resolution.

    The `support` of the likelihoods may be given, if it has been found for those of several problems at once.
    """
    constant = np.logical_and(*terms.limits())
    if constant.any():
        return _with_constants(terms, constant, settings)
    bands = make_bands(terms, settings, ends)
    narrow = _narrow_ranges(terms, bands, settings)

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.empty((terms.k, eta.size))
        for band in bands:
            for block in _wide_blocks(np.flatnonzero(tau >= TRAPEZOID_FROM * band.step), band):
                out[band.study[:, None], block] = _trapezoid(band, eta[block], tau[block])
        for below, study, some, nodes in narrow:
            points = np.flatnonzero((tau < below[0]) & (tau >= below[1]))
            for block in _blocks(points, BLOCK // (nodes * study.size)):
                out[study[:, None], block] = _hermite(some, eta[block], tau[block], nodes)
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


def make_bands(terms: LogConcaveTerms, settings: Level, ends: Support | None = None) -> list[Band]:
    """Sort studies into bands by the power of two of the step that each needs; coarsest first."""
    sd = np.sqrt(terms.rough()[1])
    halvings = np.maximum(np.ceil(np.log2(settings.theta_steps_per_sd * settings.step_theta / sd)), 0.0)
    lower, upper = ends or support(terms, settings.cut)
    bands, study = [], np.empty(0, dtype=np.intp)
    finer = np.unique(halvings)
    for i, h in enumerate(finer):
        study = np.concatenate([study, np.flatnonzero(halvings == h)])
        if i + 1 < finer.size and _joins(
            study, np.flatnonzero(halvings == finer[i + 1]), h, finer[i + 1], lower, upper
        ):
            continue
        study.sort()
        bands.append(_band(terms, study, settings.step_theta * 0.5**h, lower[study], upper[study]))
        study = study[:0]
    return bands


def _joins(
    coarse: IntArray, fine: IntArray, halvings: float, more: float, lower: FloatArray, upper: FloatArray
) -> bool:
    """Return whether it is quicker to give the studies of a band the step of the next finer one."""

    def work(study: IntArray, h: float) -> float:
        return float((upper[study].max() - lower[study].min()) * 2.0**h * (KERNEL_WORK + study.size))

    joined = work(np.concatenate([coarse, fine]), more)
    return joined <= work(coarse, halvings) + work(fine, more) + CALL_WORK


def _band(terms: LogConcaveTerms, study: IntArray, step: float, lower: FloatArray, upper: FloatArray) -> Band:
    own = terms.take(study)
    left, right = own.limits()
    # where a likelihood tends to 1, its lattice goes on to the band's end, and the rest is closed there
    lower = np.where(left, lower.min(), lower)
    upper = np.where(right, upper.max(), upper)
    first, last = np.floor(lower / step).astype(np.intp), np.ceil(upper / step).astype(np.intp)
    # what a likelihood that tends to 1 lacks to it is summed over all of the lattice, so there it has no holes
    whole = (left | right).any()
    theta = (np.arange(first.min(), last.max() + 1.0) if whole else _lattice(first, last)) * step
    log_l = own.log_likelihood(theta)
    log_l[(theta < (first * step)[:, None]) | (theta > (last * step)[:, None])] = -np.inf
    log_scale = log_l.max(axis=1)
    centre, variance = own.rough()
    reach = CORE_SD * np.sqrt(variance)
    core = float((centre - reach).min()), float((centre + reach).max())
    turn = float(centre.min(where=left, initial=np.inf)), float(centre.max(where=right, initial=-np.inf))
    return Band(study, own, float(step), theta, np.exp(log_l - log_scale[:, None]), log_scale, core, turn)


def _lattice(first: IntArray, last: IntArray) -> FloatArray:
    """Return the integers covered by any of the intervals [first, last], ascending."""
    order = np.argsort(first)
    first, reach = first[order], np.maximum.accumulate(last[order])
    starts = np.r_[True, first[1:] > reach[:-1] + 1]
    ends = reach[np.r_[np.flatnonzero(starts)[1:] - 1, len(reach) - 1]]
    runs = [np.arange(a, b + 1) for a, b in zip(first[starts], ends, strict=True)]
    return np.concatenate(runs).astype(np.float64)


def support(terms: LogConcaveTerms, cut: float) -> Support:
    """Return limits beyond which each likelihood is below exp(-cut) of its maximum, or 1 to that degree.

    The log likelihood is concave, so that all points within a limit are inside.
    """
    centre, _ = terms.rough()
    sign, share = np.array([[-1.0], [1.0]]), np.arange(1, SUPPORT_PARTS) / SUPPORT_PARTS
    near, far = np.zeros((2, terms.k)), np.tile(terms.far(cut), (2, 1))
    lowest = terms.log_likelihood_at(centre) - cut
    for _ in range(SUPPORT_ROUNDS):
        at = centre + sign * (near + (far - near) * share[:, None, None])
        log_l = terms.log_likelihood_at(at.reshape(-1, terms.k).T).T
        inside = (lowest < log_l.reshape(at.shape)).sum(axis=0)
        near, far = near + (far - near) * inside / SUPPORT_PARTS, near + (far - near) * (inside + 1) / SUPPORT_PARTS
    lower, upper = np.where(np.stack(terms.limits()), terms.flat_from(min(cut, FLAT)), centre + sign * far)
    return lower, upper


def _blocks(points: IntArray, size: int) -> Iterator[IntArray]:
    for i in range(0, points.size, max(1, size)):
        yield points[i : i + max(1, size)]


def _wide_blocks(points: IntArray, band: Band) -> Iterator[IntArray]:
    """Split points so that temporary arrays stay in a processor's cache, and below `BLOCK` floats."""
    nodes = band.theta.size
    return _blocks(points, min(BLOCK // nodes, max(LEAST_BLOCK, SMALL_PRODUCT // (nodes * band.study.size))))


def _narrow_ranges(
    terms: LogConcaveTerms, bands: list[Band], settings: Level
) -> list[tuple[tuple[float, float], IntArray, LogConcaveTerms, int]]:
    """Return ranges of tau that are narrow for some studies: the range, the studies, Gauss-Hermite nodes."""
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
        ranges.append(((high, low), study, some, nodes[i]))
    return ranges


def _trapezoid(band: Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return log m for one band by the trapezoid rule on its lattice, shape (b, P)."""
    reach = KERNEL_REACH * tau
    low, high = min(band.core[0], (eta - reach).min()), max(band.core[1], (eta + reach).max())
    window = slice(np.searchsorted(band.theta, low), np.searchsorted(band.theta, high) + 1)
    theta, likelihood = band.theta[window], band.likelihood[:, window]
    if theta.size < 2:
        theta, likelihood = band.theta, band.likelihood
    half_outside = _half_outside(theta, eta, tau, band.step)
    near, near_outside = eta, half_outside
    if half_outside.any():
        # a kernel beyond the lattice only sees its end; from how far does not matter, but would cost precision
        near = np.clip(eta, theta[0] - FAR * tau, theta[-1] + FAR * tau)
        if (near != eta).any():
            near_outside = _half_outside(theta, near, tau, band.step)
    kernel = _kernel(theta, near, tau, near_outside)
    total = likelihood @ kernel
    log_m = np.log(np.maximum(total, SMALLEST)) - half_outside
    if total.min() < SMALLEST:
        log_m = np.where(total < SMALLEST, _beyond_range(band, eta, tau), log_m)
    log_m += np.log(band.step / tau) - LOG_SQRT_2PI
    if not any(limit.any() for limit in band.limits):
        return log_m + band.log_scale[:, None]
    log_m = _closed(band, eta, tau, log_m) + band.log_scale[:, None]
    scale = np.exp(-half_outside) * band.step / (tau * SQRT_2PI)
    full = likelihood * np.exp(band.log_scale)[:, None]
    return _from_above(band, eta, tau, log_m, lambda limit: scale * ((1.0 - full[limit]) @ kernel))


def _half_outside(theta: FloatArray, eta: FloatArray, tau: FloatArray, step: float) -> FloatArray:
    """Return half the squared distance of eta to the lattice in units of tau, 0 within it; shape (P,).

    With it added to the exponent, the largest kernel value is near 1 and nothing underflows.
    """
    if theta[-1] - theta[0] < (theta.size - 0.5) * step:  # no holes
        distance = np.maximum(theta[0] - eta, eta - theta[-1])
        if distance.max() <= 0.0:
            return np.zeros_like(eta)
    else:
        right = np.clip(np.searchsorted(theta, eta), 1, theta.size - 1)
        distance = np.minimum(np.abs(eta - theta[right]), np.abs(eta - theta[right - 1]))
    return 0.5 * np.minimum(np.where(distance > step, distance, 0.0) / tau, FARTHEST) ** 2


def _kernel(theta: FloatArray, eta: FloatArray, tau: FloatArray, half_outside: FloatArray) -> FloatArray:
    """Return exp(-(theta - eta)^2 / (2 tau^2) + half_outside), shape (T, P).

    The exponent is one matrix product of powers of theta and eta about the lattice's middle; it is off by
    about (T/1.5)^2 rounding errors, as tau is at least 1.5 steps.
    """
    middle = 0.5 * (theta[0] + theta[-1])
    t, e, precision = theta - middle, eta - middle, 1.0 / (tau * tau)
    of_theta = np.array([t * t, t, np.ones_like(t)]).T
    of_point = np.array([-0.5 * precision, e * precision, half_outside - 0.5 * e * e * precision])
    exponent: FloatArray = of_theta @ of_point
    return np.exp(np.maximum(exponent, LOWEST_EXPONENT, out=exponent), out=exponent)


def _beyond_range(band: Band, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return a stand-in for log m below the range of doubles: weightless, but falling with distance.

    It only has to show where the posterior lives not; nothing is computed from it.
    """
    y, variance = band.terms.rough()
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


def _from_above(
    band: Band, eta: FloatArray, tau: FloatArray, log_m: FloatArray, short: Callable[[BoolArray], FloatArray]
) -> FloatArray:
    """Replace log m by log(1 - short) where eta lies far on the side on which a likelihood tends to 1.

    There the closure of `_closed` would be met at a distance of a few tau, where it is less exact;
    ``short(limit)`` sums 1 - likelihood instead, which falls off before the lattice ends there, and is
    closed at its other end.
    """
    first, last, half = band.theta[0], band.theta[-1], 0.5 * band.step
    sides = (first, band.turn[0], last + half, -1.0), (last, band.turn[1], first - half, 1.0)
    for limit, (end, turn, other, sign) in zip(band.limits, sides, strict=True):
        if not limit.any():
            continue
        far = sign * (eta - 0.5 * (end + turn)) > 0.0
        if far.any():
            beyond = _tail_sum(sign * (other - eta) / tau, band.step / tau)
            log_m[np.ix_(limit, far)] = np.log1p(-np.minimum(short(limit) + beyond, 0.9)[:, far])
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


def _hermite(terms: LogConcaveTerms, eta: FloatArray, tau: FloatArray, nodes: int) -> FloatArray:
    """Return log m by Gauss-Hermite quadrature around eta, shape (k, P)."""
    z, weight = hermite_rule(nodes)
    log_ratio = terms.log_change(eta, tau[:, None] * z)
    np.minimum(log_ratio, LARGEST_LOG_RATIO, out=log_ratio)
    mean: FloatArray = np.exp(log_ratio, out=log_ratio) @ weight
    log_mean: FloatArray = np.log(np.maximum(mean, SMALLEST))
    return log_mean + terms.log_likelihood(eta)
