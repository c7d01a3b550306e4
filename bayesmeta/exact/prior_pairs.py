"""What are the weights of a grid under each of many pairs of priors? Outer sums of log priors.

With a prior of mu from one list and a prior of tau from another, the posterior weights of the nodes factorise,
W[a, b, j, u] = L[j, u] A[a, j, u] B[b, j], so that sums over mu are taken once per prior of mu.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.exact.existence import TailOrders, tail_orders
from bayesmeta.exact.solve import Problem, pose
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.surface import Surface
from bayesmeta.surface.terms import Terms

ALL = slice(None)
ROWS_AT_ONCE = 2048  # pairs whose tables are held at a time
COLUMNS_AT_ONCE = 160  # of a table, whose sums over mu stay in a processor's cache


@final
@dataclass(frozen=True, eq=False)
class PriorPairs:
    """A family of posteriors of the same studies, one for each pair of priors.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    mu, tau : tuple of Prior
        The distinct priors.
    pairs : array of int, shape (R, 2)
        Which priors of mu and of tau make each row; every pair must have a proper posterior.
    link : str
        What the study effects are a function of.
    """

    terms: Terms
    mu: tuple[Prior, ...]
    tau: tuple[Prior, ...]
    pairs: IntArray
    link: str

    def problem(self, row: int) -> Problem:
        """Return the problem of one row, to be solved by itself."""
        a, b = self.pairs[row]
        return pose(self.terms, self.mu[a], self.tau[b], link=self.link)

    def orders(self, rows: IntArray) -> list[TailOrders]:
        """Return the tail orders of some rows."""
        return self._orders_of(*self.pairs[rows].T)

    def groups(self) -> list[tuple[IntArray, Coordinate, Coordinate]]:
        """Return the rows that may share a grid, because the same coordinates suit their priors."""
        of_mu = _labels([(_bounds(p), p.is_proper and np.isfinite(p.tail_order)) for p in self.mu])
        of_tau = _labels([_bounds(p) for p in self.tau])
        label = of_mu[self.pairs[:, 0]] * (of_tau.max() + 1) + of_tau[self.pairs[:, 1]]
        groups = []
        for value in np.unique(label):
            rows = np.flatnonzero(label == value)
            first = self.problem(int(rows[0]))
            groups.append((rows, first.mu_coordinate, first.tau_coordinate))
        return groups

    def blocks(self, rows: IntArray) -> Iterator[IntArray]:
        """Return the rows in parts, those with the same prior of mu together."""
        ordered = rows[np.argsort(self.pairs[rows, 0], kind="stable")]
        yield from np.array_split(ordered, -(-rows.size // ROWS_AT_ONCE))

    def ordered(self, rows: IntArray) -> IntArray:
        """Return the rows by the widths of their priors of mu, then of tau."""
        of_mu, of_tau = (np.array([_width(prior) for prior in priors]) for priors in (self.mu, self.tau))
        a, b = self.pairs[rows].T
        return rows[np.lexsort((of_tau[b], of_mu[a]))]

    def target(self, rows: IntArray) -> "PairTarget":
        """Return the posteriors of some rows as targets of `find_region`."""
        (a, column), (b, line) = (np.unique(self.pairs[rows, i], return_inverse=True) for i in (0, 1))
        use = np.full((b.size, a.size), -1)
        use[line, column] = line
        use = np.where(use < 0, use.max(axis=0), use)  # in place of a pair that is no row, one that is
        orders = self._orders_of(np.tile(a, b.size), b[use].ravel())
        power_mu = np.array([o.highest_moment("mu") if o.heavy_mu else 0 for o in orders]).reshape(use.shape)
        power_tau = np.array([o.highest_moment("tau") if o.heavy_tau else 0 for o in orders]).reshape(use.shape)
        return PairTarget(
            tuple(self.mu[i] for i in a), tuple(self.tau[j] for j in b), use, power_mu.max(axis=0), power_tau
        )

    def weights(self, surface: Surface, rows: IntArray) -> "PairWeights":
        """Return the posterior weights of some rows on a surface."""
        return PairWeights(surface, self.mu, self.tau, self.pairs[rows])

    def _orders_of(self, a: IntArray, b: IntArray) -> list[TailOrders]:
        """Return the tail orders of pairs of a prior of mu and one of tau; they differ only where the priors' do."""
        of_mu, of_tau = self._kinds
        label = of_mu[a] * (of_tau.max() + 1) + of_tau[b]
        _, first, which = np.unique(label, return_index=True, return_inverse=True)
        limits, order = self.terms.limits(), self.terms.kernel.tail_order
        distinct = [tail_orders(self.mu[a[i]], self.tau[b[i]], *limits, kernel_order=order) for i in first]
        return [distinct[i] for i in which.tolist()]

    @cached_property
    def _kinds(self) -> tuple[IntArray, IntArray]:
        """Labels of the priors of mu, and of tau, that are the same where tail orders are."""
        return _labels([(p.tail_order, p.is_proper) for p in self.mu]), _labels([p.tail_order for p in self.tau])


@final
@dataclass(frozen=True, eq=False)
class PairTarget:
    """The posteriors of all pairs of some priors, as targets of `find_region`.

    Parameters
    ----------
    mu, tau : tuple of Prior
        The priors, A and B of them.
    use : array of int, shape (B, A)
        The prior of tau that stands in the place of each pair.
    power_mu : array of int, shape (A,)
        Highest moment of mu that exists where its tail is heavy, else 0: its region counts too.
    power_tau : array of int, shape (B, A)
        The same of tau.
    """

    mu: tuple[Prior, ...]
    tau: tuple[Prior, ...]
    use: IntArray
    power_mu: IntArray
    power_tau: IntArray

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the part that depends on mu, shape (A, P); where a tail is heavy also times the power, (2 A, P)."""
        log_f = log_m.sum(axis=0) + np.stack([prior.logpdf(mu) for prior in self.mu])
        if not self._heavy:
            return log_f
        return np.concatenate([log_f, log_f + self.power_mu[:, None] * np.log1p(np.abs(mu))])

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the log prior densities of tau, shape (B, A, R), or (2 B, 2 A, R) where a tail is heavy."""
        log_f = np.stack([prior.logpdf(tau) for prior in self.tau])[self.use]
        if not self._heavy:
            return log_f
        plain = np.concatenate([log_f, log_f], axis=1)
        power = np.concatenate([self.power_tau, np.zeros_like(self.power_tau)], axis=1)
        return np.concatenate([plain, plain + power[:, :, None] * np.log(tau)])

    @property
    def _heavy(self) -> bool:
        return bool(self.power_mu.any() or self.power_tau.any())


@final
@dataclass(frozen=True, eq=False)
class PairWeights:
    """Posterior weights of R pairs of priors on one grid.

    Parameters
    ----------
    surface : Surface
        The tabulated likelihood.
    mu, tau : tuple of Prior
        The priors.
    pairs : array of int, shape (R, 2)
        Which of them make each row.
    """

    surface: Surface
    mu: tuple[Prior, ...]
    tau: tuple[Prior, ...]
    pairs: IntArray

    @cached_property
    def _given_tau(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Weights of mu given tau (J, A, U), their log sums (A, J), and the distinct prior of each row (R,)."""
        grid = self.surface.grid
        distinct, which = np.unique(self.pairs[:, 0], return_inverse=True)
        log_f = np.stack([self.mu[a].logpdf(grid.mu) for a in distinct], axis=1)
        log_f += (self.surface.log_m.sum(axis=0) + grid.log_weight_mu)[:, None, :]
        largest = np.maximum(log_f.max(axis=2, keepdims=True), -1e300)
        weight = np.exp(log_f - largest)
        total = np.maximum(weight.sum(axis=2, keepdims=True), np.finfo(np.float64).tiny)
        return weight / total, (largest + np.log(total))[:, :, 0].T, which

    @cached_property
    def _log_rows(self) -> FloatArray:
        grid = self.surface.grid
        distinct, which = np.unique(self.pairs[:, 1], return_inverse=True)
        prior = np.stack([self.tau[b].logpdf(grid.tau) for b in distinct]) + grid.log_weight_tau
        _, log_sum, which_mu = self._given_tau
        result: FloatArray = log_sum[which_mu] + prior[which]
        return result

    @cached_property
    def log_evidence(self) -> FloatArray:
        """Log marginal likelihoods, shape (R,)."""
        return np.asarray(special.logsumexp(self._log_rows, axis=1))

    @cached_property
    def log_tau(self) -> FloatArray:
        """Log posterior probabilities of the nodes of tau, shape (R, J)."""
        return self._log_rows - self.log_evidence[:, None]

    @cached_property
    def _tau(self) -> FloatArray:
        return np.exp(self.log_tau)

    def sums(self, table: FloatArray, nodes: slice = ALL) -> FloatArray:
        """Return the posterior means of functions given at the nodes: from (J, U, M) to (R, M).

        If only some nodes of tau are given, the functions are 0 at the others.
        """
        weight, _, which = self._given_tau
        probability, rows = self._tau[:, nodes], [np.flatnonzero(which == a) for a in range(weight.shape[1])]
        result = np.empty((len(which), table.shape[2]))
        for i in range(0, table.shape[2], COLUMNS_AT_ONCE):
            part = slice(i, i + COLUMNS_AT_ONCE)
            given_tau = weight[nodes] @ table[:, :, part]  # (J, A, M)
            for a, some in enumerate(rows):
                result[some, part] = probability[some] @ given_tau[:, a, :]
        return result


def _bounds(prior: Prior) -> tuple[float, float] | None:
    return prior.support if np.isfinite(prior.support).all() else None


def _width(prior: Prior) -> float:
    return float(np.diff(prior.ppf([0.1, 0.9]))[0]) if prior.is_proper else np.inf


def _labels(keys: list[object]) -> IntArray:
    numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.intp)
