"""Which studies share a lattice in theta, on which their likelihoods are tabulated? `Band`, by the step they need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import LogConcaveTerms

CORE_SD = 6.0  # a kernel far from a likelihood is still integrated over this many of the likelihood's own SDs
SUPPORT_PARTS, SUPPORT_ROUNDS = 23, 2  # a likelihood's end is found to 1/23^2 of its outermost distance
FLAT = 33.0  # 1 - exp(-FLAT) is 1 to 5e-15
SPARSE = 0.5  # of a table; with fewer nodes inside, only these are computed
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
    def has_holes(self) -> bool:
        """Whether the lattice has holes."""
        return bool(self.theta[-1] - self.theta[0] >= (self.theta.size - 0.5) * self.step)

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


def bands_of(
    terms: LogConcaveTerms, counts: Sequence[int], settings: Level, *, widest: bool = False
) -> list[list[Band]]:
    """Return the bands of several problems, whose studies follow each other in ``terms``; coarsest first.

    With ``widest``, a step is as wide as the studies of its band allow, and not the next power of two below: nothing is
    then to spare for likelihoods that are steep far from their maximum.
    """
    sd = np.sqrt(terms.rough()[1])
    halvings = np.maximum(np.ceil(np.log2(settings.theta_steps_per_sd * settings.step_theta / sd)), 0.0)
    lower, upper = support(terms, settings.cut)
    owner = np.repeat(np.arange(len(counts)), counts)
    halvings = _joined(owner, halvings, lower, upper)
    step = settings.step_theta * 0.5**halvings
    if widest:
        largest = np.minimum(sd / (MORE_STEPS * settings.theta_steps_per_sd), settings.step_theta)
        step = np.where(np.logical_or(*terms.limits()), step, np.maximum(largest, step))
    groups = _Groups.of(owner, halvings)
    index = np.arange(terms.k) - np.repeat(np.cumsum([0, *counts])[:-1], counts)  # of each study in its problem
    bands: list[list[Band]] = [[] for _ in counts]
    for who, band in zip(groups.owner, _bands(terms, index, groups, step, lower, upper), strict=True):
        bands[who].append(band)
    return bands


@final
@dataclass(frozen=True, eq=False)
class _Groups:
    """Studies of the same problem and step: G groups, by problem and then by step, coarsest first.

    Parameters
    ----------
    study : array of int, shape (k,)
        The studies, group by group.
    first : array of int, shape (G,)
        Where in ``study`` each group begins.
    owner : list of int
        The problem of each group.
    halvings : list of float
        How often the step of each group is halved.
    """

    study: IntArray
    first: IntArray
    owner: list[int]
    halvings: list[float]

    @classmethod
    def of(cls, owner: IntArray, halvings: FloatArray) -> Self:
        """Group studies by problem (k,) and step (k,)."""
        study = np.lexsort((halvings, owner))
        sorted_owner, sorted_halvings = owner[study], halvings[study]
        new = (np.diff(sorted_owner, prepend=-1) != 0) | (np.diff(sorted_halvings, prepend=-1.0) != 0.0)
        first = np.flatnonzero(new)
        return cls(study, first, sorted_owner[first].tolist(), sorted_halvings[first].tolist())

    @property
    def size(self) -> IntArray:
        """How many studies each group has, shape (G,)."""
        return np.diff(self.first, append=self.study.size)

    def over(self, reduce: np.ufunc, values: Any) -> Any:
        """Reduce the values (k,) of each group's studies, shape (k,) too; both in the order of ``study``."""
        return np.repeat(reduce.reduceat(values, self.first), self.size)


def _joined(owner: IntArray, halvings: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return how often each study's step is halved, so that studies are together where that is quicker."""

    def work(h: float, low: float, high: float, count: int) -> float:
        return (high - low) * float(2.0**h) * (KERNEL_WORK + count)

    groups = _Groups.of(owner, halvings)
    low = np.minimum.reduceat(lower[groups.study], groups.first).tolist()
    high = np.maximum.reduceat(upper[groups.study], groups.first).tolist()
    joined, coarse = groups.halvings.copy(), (0.0, 0.0, 0)
    bands = zip(low, high, groups.size.tolist(), strict=True)
    for i, (who, more, fine) in enumerate(zip(groups.owner, groups.halvings, bands, strict=True)):
        if i > 0 and groups.owner[i - 1] == who:
            h = groups.halvings[i - 1]
            both = min(coarse[0], fine[0]), max(coarse[1], fine[1]), coarse[2] + fine[2]
            if work(more, *both) <= work(h, *coarse) + work(more, *fine) + CALL_WORK:
                fine = both
                for j in range(i - 1, -1, -1):
                    if groups.owner[j] != who or joined[j] != h:
                        break
                    joined[j] = more
        coarse = fine
    out = np.empty(halvings.size)
    out[groups.study] = np.repeat(joined, groups.size)
    return out


def _bands(
    terms: LogConcaveTerms,
    index: IntArray,
    groups: _Groups,
    step: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> Iterator[Band]:
    """Yield the band of each group, given each study's index there, step and support of likelihood (k,)."""
    study, over, index = groups.study, groups.over, index[groups.study]
    own, lower, upper = terms.take(study), lower[study], upper[study]
    left, right = limits = np.stack(own.limits())
    step = over(np.minimum, step[study])
    # where a likelihood tends to 1, its lattice goes on to the band's end, and the rest is closed there
    first = np.floor(np.where(left, over(np.minimum, lower), lower) / step)
    last = np.ceil(np.where(right, over(np.maximum, upper), upper) / step)
    # what it lacks to 1 is summed over all of the lattice, so there it has no holes
    whole = over(np.logical_or, left | right)
    from_ = np.where(whole, over(np.minimum, first), first)
    to = np.where(whole, over(np.maximum, last), last)
    rough = np.stack(own.rough())
    for start, size in zip(groups.first.tolist(), groups.size.tolist(), strict=True):
        part = slice(start, start + size)
        node = _lattice(from_[part], to[part])
        table, log_scale = _table(terms.take(study[part]), node, float(step[start]), first[part], last[part])
        yield Band(
            index[part], rough[:, part], limits[:, part], float(step[start]), node * step[start], table, log_scale
        )


def _table(
    terms: LogConcaveTerms, node: FloatArray, step: float, first: FloatArray, last: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return likelihoods on a lattice (T,), each from node ``first`` to node ``last`` (k,) and divided by its scale.

    Returns
    -------
    likelihood : array, shape (k, T)
    log_scale : array, shape (k,)
    """
    size = (last - first).astype(np.intp) + 1
    if size.sum() > SPARSE * terms.k * node.size:
        log_l = terms.log_likelihood(node * step)
        inside = (node >= first[:, None]) & (node <= last[:, None])
        log_scale = log_l.max(axis=1, where=inside, initial=-np.inf)
        return np.where(inside, np.exp(log_l - log_scale[:, None]), 0.0), log_scale
    start = np.cumsum(size) - size
    row, column = np.repeat(np.arange(terms.k), size), np.repeat(np.searchsorted(node, first) - start, size)
    column += np.arange(row.size)
    some = terms.take(row).log_likelihood_at(node[column] * step)
    scale, table = np.maximum.reduceat(some, start), np.zeros((terms.k, node.size))
    table[row, column] = np.exp(some - scale[row])
    return table, np.asarray(scale)


def _lattice(first: FloatArray, last: FloatArray) -> FloatArray:
    """Return the whole numbers covered by any of the intervals [first, last], ascending."""
    lowest, highest = first.min(), last.max()
    if first.max() <= last.min() + 1.0:  # each reaches into all others
        return np.arange(lowest, highest + 1.0)
    order = np.argsort(first)
    first, reach = first[order], np.maximum.accumulate(last[order])
    hole = np.flatnonzero(first[1:] > reach[:-1] + 1.0)
    starts, ends = [lowest, *first[hole + 1]], [*reach[hole], highest]
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
