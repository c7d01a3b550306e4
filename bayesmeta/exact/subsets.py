"""What are the weights of a grid for each of many subsets of the studies? A 0/1 matrix times the surface.

    log W[s, j, u] = sum_i include[s, i] log m_i(mu_ju, tau_j) + log prior(mu_ju, tau_j) + constant

so that leave-one-out, cumulative and all-subsets analyses are families of posteriors on one surface (`batch`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.posterior import NEGLIGIBLE
from bayesmeta.exact.solve import Problem
from bayesmeta.exact.study_sets import even_coordinate, part_orders, pose_part
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.surface import Surface
from bayesmeta.surface.terms import Terms

ROWS_AT_ONCE = 256
ALL = slice(None)
SIZES = (1, 2, 3, 5, 8)  # subsets of up to so many studies, and of more, get a grid of their own: width falls with size
FEW_ROWS = 64  # so few rows share one grid


@final
@dataclass(frozen=True, eq=False)
class Subsets:
    """A family of posteriors under the same priors, one for each subset of the studies.

    Parameters
    ----------
    whole : Problem
        Of all k studies.
    include : array of bool, shape (R, k)
        Which studies each row holds; every row must have a proper posterior.
    """

    whole: Problem
    include: BoolArray

    @property
    def terms(self) -> Terms:
        """The likelihoods of all studies."""
        return self.whole.terms

    @property
    def link(self) -> str:
        """What the study effects are a function of."""
        return self.whole.link

    @cached_property
    def _orders(self) -> list[TailOrders]:
        return [order for order in part_orders(self.whole, self.include) if isinstance(order, TailOrders)]

    def orders(self, rows: IntArray) -> list[TailOrders]:
        """Return the tail orders of some rows."""
        return [self._orders[row] for row in rows]

    def problem(self, row: int) -> Problem:
        """Return the problem of one row, to be solved by itself."""
        return pose_part(self.whole, self.include[row])

    def groups(self) -> list[tuple[IntArray, Coordinate, Coordinate]]:
        """Return the rows by the number of their studies: few studies need a wide grid, and many a fine one."""
        rows = np.arange(len(self.include))
        if rows.size <= FEW_ROWS:
            return [(rows, self.whole.mu_coordinate, self.whole.tau_coordinate)]
        label = np.searchsorted(SIZES, self.include.sum(axis=1))
        mu = even_coordinate(self.whole)
        return [(rows[label == value], mu, self.whole.tau_coordinate) for value in np.unique(label)]

    def blocks(self, rows: IntArray) -> Iterator[IntArray]:
        """Return the rows in parts of neighbours, which give weight to the same few nodes."""
        yield from np.array_split(self.ordered(rows), -(-rows.size // ROWS_AT_ONCE))

    def ordered(self, rows: IntArray) -> IntArray:
        """Return the rows by their rough means."""
        centre, variance = self.terms.rough()
        mean = self.include[rows] @ (centre / variance) / (self.include[rows] @ (1.0 / variance))
        return rows[np.argsort(mean, kind="stable")]

    def target(self, rows: IntArray) -> "SubsetTarget":
        """Return the posteriors of some rows as targets of `find_region`."""
        orders = self.orders(rows)
        power_mu = np.array([o.highest_moment("mu") if o.heavy_mu else 0 for o in orders])
        power_tau = np.array([o.highest_moment("tau") if o.heavy_tau else 0 for o in orders])
        return SubsetTarget(self.whole, self.include[rows].astype(np.float64), power_mu, power_tau)

    def weights(self, surface: Surface, rows: IntArray) -> "SubsetWeights":
        """Return the posterior weights of some rows on a surface."""
        return SubsetWeights(self.whole, surface, self.include[rows].astype(np.float64))


@final
@dataclass(frozen=True, eq=False)
class SubsetTarget:
    """The posteriors of several subsets as targets of `find_region`, so that one grid holds all of them.

    Parameters
    ----------
    whole : Problem
        Of all studies.
    include : array, shape (R, k)
        1 where a subset holds a study, else 0.
    power_mu, power_tau : array of int, shape (R,)
        Highest moment that exists where a tail is heavy, else 0: the region of that moment counts too.
    """

    whole: Problem
    include: FloatArray
    power_mu: IntArray
    power_tau: IntArray

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the part of the log densities that depends on mu, shape (R, P) or, with heavy tails, (3 R, P)."""
        log_f: FloatArray = self.include @ log_m
        log_f += self.whole.prior_mu.logpdf(mu)
        if not self._heavy:
            return log_f
        return np.concatenate([log_f, log_f, log_f + self.power_mu[:, None] * np.log1p(np.abs(mu))])

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the rest of the log densities, shape (1, R) or, with heavy tails, (3 R, R)."""
        log_f = self.whole.prior_tau.logpdf(tau)[None]
        if not self._heavy:
            return log_f
        plain = np.broadcast_to(log_f, (len(self.include), tau.size))
        return np.concatenate([plain, plain + self.power_tau[:, None] * np.log(tau), plain])

    @property
    def _heavy(self) -> bool:
        return bool(self.power_mu.any() or self.power_tau.any())


@final
@dataclass(frozen=True, eq=False)
class SubsetWeights:
    """Posterior weights of R subsets on one grid.

    Parameters
    ----------
    whole : Problem
        Of all studies.
    surface : Surface
        The tabulated likelihood of all studies.
    include : array, shape (R, k)
        1 where a subset holds a study, else 0.
    """

    whole: Problem
    surface: Surface
    include: FloatArray

    @cached_property
    def _scaled(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights (R, J U) up to a factor, the logs of these factors (R,), and the sums (R, J)."""
        grid, size = self.surface.grid, len(self.include)
        log_w = self.include @ self.surface.log_m.reshape(self.surface.terms.k, -1)
        log_w += (
            self.whole.prior_mu.logpdf(grid.mu)
            + grid.log_weight_mu
            + (self.whole.prior_tau.logpdf(grid.tau) + grid.log_weight_tau)[:, None]
        ).ravel()
        largest = log_w.max(axis=1)
        log_w -= largest[:, None]
        weight = np.exp(log_w, out=log_w)
        return weight, largest, weight.reshape(size, *grid.shape).sum(axis=2)

    @cached_property
    def log_evidence(self) -> FloatArray:
        """Log marginal likelihoods, shape (R,)."""
        _, largest, of_tau = self._scaled
        result: FloatArray = largest + np.log(of_tau.sum(axis=1))
        return result

    @cached_property
    def log_tau(self) -> FloatArray:
        """Log posterior probabilities of the nodes of tau, shape (R, J)."""
        of_tau = self._scaled[2]
        return np.log(np.maximum(of_tau / of_tau.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))

    @cached_property
    def _kept(self) -> tuple[FloatArray, IntArray]:
        """The scaled weights (R, K) of the nodes that matter to any row, and which nodes these are (K,)."""
        weight = self._scaled[0]
        kept = np.flatnonzero(weight.max(axis=0) > NEGLIGIBLE)
        return weight.take(kept, axis=1), kept

    def sums(self, table: FloatArray, nodes: slice = ALL) -> FloatArray:
        """Return the posterior means of functions given at the nodes: from (J, U, M) to (R, M).

        If only some nodes of tau are given, the functions are 0 at the others.
        """
        weight, kept = self._kept
        start, stop, _ = (size * self.surface.grid.shape[1] for size in nodes.indices(self.surface.grid.shape[0]))
        first, last = np.searchsorted(kept, (start, stop))
        result: FloatArray = weight[:, first:last] @ table.reshape(stop - start, -1)[kept[first:last] - start]
        return result / self._scaled[2].sum(axis=1, keepdims=True)
