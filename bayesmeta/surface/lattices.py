"""Which studies share a lattice in theta, on which their likelihoods are tabulated? `Band`, by the step they need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import LogConcaveTerms

CORE_SD = 6.0  # a kernel far from a likelihood is still integrated over this many of the likelihood's own SDs
SUPPORT_PARTS, SUPPORT_ROUNDS = 23, 2  # a likelihood's end is found to 1/23^2 of its outermost distance
FLAT = 33.0  # 1 - exp(-FLAT) is 1 to 5e-15
KERNEL_WORK = 11.0  # a value of the kernel takes as long as so many multiplications
MORE_STEPS = 1.1  # than asked for: by no more does a sum over some likelihoods' lattices become less exact
CALL_WORK = 1400.0  # a band of its own costs, besides, as much as this much work per unit of theta and point


@final
@dataclass(frozen=True, eq=False)
class Band:
    """Studies that share a lattice in theta, and their likelihoods on it.

    Parameters
    ----------
    study : array of int, shape (b,)
        Which studies.
    rough : array, shape (2, b)
        Where each likelihood is largest, and the inverse of its curvature there.
    limits : array of bool, shape (2, b)
        Which likelihoods tend to 1 on the left, and on the right.
    step : float
        Step of the lattice.
    theta : array, shape (T,)
        The lattice, ascending, with holes where no likelihood lives.
    likelihood : array, shape (b, T)
        Each divided by the exponential of its ``log_scale``, shape (b,).
    """

    study: IntArray
    rough: FloatArray
    limits: BoolArray
    step: float
    theta: FloatArray
    likelihood: FloatArray
    log_scale: FloatArray

    @cached_property
    def flat(self) -> IntArray:
        """Which likelihoods tend to 1."""
        return np.flatnonzero(self.limits.any(axis=0))

    @cached_property
    def table(self) -> FloatArray:
        """The likelihoods, and 1 minus those that tend to 1; shape (b + flat, T)."""
        if not self.flat.size:
            return self.likelihood
        lacking = 1.0 - self.likelihood[self.flat] * np.exp(self.log_scale[self.flat, None])
        return np.concatenate([self.likelihood, lacking])

    @cached_property
    def middle(self) -> float:
        """The middle of the lattice."""
        return 0.5 * float(self.theta[0] + self.theta[-1])

    @cached_property
    def powers(self) -> FloatArray:
        """The square of theta about the middle, theta itself, and 1, shape (T, 3)."""
        t = self.theta - self.middle
        return np.array([t * t, t, np.ones_like(t)]).T

    @cached_property
    def is_simple(self) -> bool:
        """Whether no likelihood tends to 1, and the lattice has no holes."""
        return not self.flat.size and self.theta[-1] - self.theta[0] < (self.theta.size - 0.5) * self.step

    @cached_property
    def core(self) -> tuple[float, float]:
        """The part of the lattice where the likelihoods are large."""
        centre, variance = self.rough
        reach = CORE_SD * np.sqrt(variance)
        return float((centre - reach).min()), float((centre + reach).max())

    @cached_property
    def peaks(self) -> tuple[float, float]:
        """Between which the likelihoods are largest; infinite if one of them tends to 1."""
        centre = self.rough[0]
        return (-np.inf, np.inf) if self.flat.size else (float(centre.min()), float(centre.max()))

    @cached_property
    def turn(self) -> tuple[float, float]:
        """Where the likelihoods that tend to 1 have turned to it: on the left, and on the right."""
        centre, (left, right) = self.rough[0], self.limits
        return float(centre.min(where=left, initial=np.inf)), float(centre.max(where=right, initial=-np.inf))


type Support = tuple[FloatArray, FloatArray]
"""From where to where likelihoods are integrated, shape (k,) each; see `support`."""


def make_bands(terms: LogConcaveTerms, settings: Level) -> list[Band]:
    """Sort studies into bands by the power of two of the step that each needs; coarsest first."""
    return bands_of(terms, [terms.k], settings)[0]


def bands_of(terms: LogConcaveTerms, counts: Sequence[int], settings: Level) -> list[list[Band]]:
    """Return the bands of several problems, whose studies follow each other in ``terms``; coarsest first."""
    sd = np.sqrt(terms.rough()[1])
    halvings = np.maximum(np.ceil(np.log2(settings.theta_steps_per_sd * settings.step_theta / sd)), 0.0)
    lower, upper = support(terms, settings.cut)
    flat = np.logical_or(*terms.limits())
    start = np.cumsum([0, *counts])
    for own in map(slice, start, start[1:]):
        halvings[own] = _joined(halvings[own], lower[own], upper[own])
    bands: list[list[Band]] = [[] for _ in counts]
    for h in np.unique(halvings):
        study = np.flatnonzero(halvings == h)
        step = settings.step_theta * 0.5**h
        largest = np.minimum(sd[study] / (MORE_STEPS * settings.theta_steps_per_sd), settings.step_theta)
        widest = np.where(flat[study], step, np.maximum(largest, step))
        for owner, band in _bands(terms, study, start, widest, lower[study], upper[study]):
            bands[owner].append(band)
    return bands


def _joined(halvings: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return how often each study's step is halved, so that studies are together where that is quicker."""

    def work(h: float, low: float, high: float, count: int) -> float:
        return (high - low) * float(2.0**h) * (KERNEL_WORK + count)

    def band(h: float) -> tuple[float, float, int]:
        own = halvings == h
        return float(lower[own].min()), float(upper[own].max()), int(np.count_nonzero(own))

    steps = np.unique(halvings).tolist()
    out, coarse = halvings.copy(), band(steps[0])
    for h, more in pairwise(steps):
        fine = band(more)
        both = min(coarse[0], fine[0]), max(coarse[1], fine[1]), coarse[2] + fine[2]
        if work(more, *both) <= work(h, *coarse) + work(more, *fine) + CALL_WORK:
            out[out == h], fine = more, both
        coarse = fine
    return out


def _bands(
    terms: LogConcaveTerms, study: IntArray, start: IntArray, widest: FloatArray, lower: FloatArray, upper: FloatArray
) -> Iterator[tuple[int, Band]]:
    """Yield the problems that have some of the studies (b,), and their bands, given each study's widest step."""
    own, ends = terms.take(study), np.searchsorted(study, start)
    owners = np.flatnonzero(np.diff(ends))
    count = np.diff(ends)[owners]

    def over_owner(reduce: np.ufunc, values: Any) -> Any:
        return np.repeat(reduce.reduceat(values, ends[owners]), count)

    left, right = limits = np.stack(own.limits())
    step = over_owner(np.minimum, widest)
    # where a likelihood tends to 1, its lattice goes on to the band's end, and the rest is closed there
    first = np.floor(np.where(left, over_owner(np.minimum, lower), lower) / step).astype(np.intp)
    last = np.ceil(np.where(right, over_owner(np.maximum, upper), upper) / step).astype(np.intp)
    # what it lacks to 1 is summed over all of the lattice, so there it has no holes
    whole = over_owner(np.logical_or, left | right)
    from_ = np.where(whole, over_owner(np.minimum, first), first)
    to = np.where(whole, over_owner(np.maximum, last), last)
    rough = np.stack(own.rough())
    for owner in owners:
        part = slice(ends[owner], ends[owner + 1])
        node = _lattice(from_[part], to[part])
        theta = node * step[part.start]
        log_l = terms.take(study[part]).log_likelihood(theta)
        inside = (node >= first[part, None]) & (node <= last[part, None])
        log_scale = log_l.max(axis=1, where=inside, initial=-np.inf)
        table = np.where(inside, np.exp(log_l - log_scale[:, None]), 0.0)
        index = study[part] - start[owner]
        yield int(owner), Band(index, rough[:, part], limits[:, part], float(step[part.start]), theta, table, log_scale)


def _lattice(first: IntArray, last: IntArray) -> FloatArray:
    """Return the integers covered by any of the intervals [first, last], ascending."""
    order = np.argsort(first)
    first, reach = first[order], np.maximum.accumulate(last[order])
    hole = np.flatnonzero(first[1:] > reach[:-1] + 1)
    if not hole.size:
        return np.arange(first[0], reach[-1] + 1.0)
    starts, ends = [first[0], *first[hole + 1]], [*reach[hole], reach[-1]]
    return np.concatenate([np.arange(a, b + 1.0) for a, b in zip(starts, ends, strict=True)])


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
