"""How are many posteriors of the same studies summarised at once? On one grid, by matrix products.

All that a summary needs is linear in the posterior weights of the grid's nodes (`functionals`), so a table of
shares serves every row. Each row is certified as a single fit is: every mean and SD is computed at two
resolutions, and every quantile of the finer is checked by the coarser distribution function. Rows that do not
reach the tolerance are tried again with a grid of their own kind, and at last each by itself (`alone`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.alone import Alone, density_at, knots_of, place_of, solve_alone
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.functionals import Axes, axes_for, bases_of
from bayesmeta.exact.quantities import Quantities, base_name, scale_of
from bayesmeta.exact.solve import TOLERANCE, Problem
from bayesmeta.exact.summary import EVIDENCE_FLOOR, FLOOR, LARGE_VALUE, WIDE_INTERVAL
from bayesmeta.exact.tables import Density, Rows, Tables, find_places, quantiles, reach_for, squared_hellinger
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import Region, Target, find_region
from bayesmeta.surface.surface import Surface, tabulate
from bayesmeta.surface.terms import Terms

ATTEMPTS = ((1, 1.0), (2, 1.5), (3, 2.5))  # level of the finer resolution, and how much closer the knots lie
OTHER_KNOTS = 0.9  # by how much closer than the finer resolution's knots those of the coarser one lie
FEW = 6  # rows that are quicker by themselves
ALONE_FINER = 2.0  # by how much closer the knots of a row by itself lie
LARGEST_GROUP = 40_000  # rows on one grid, so that memory stays flat
LARGEST_GRID = 40_000  # nodes of a shared grid; their tables take some 200 MB
MOST_NODES_PER_ROW, SMALL_GRID = 3000, 10_000  # larger ones take longer than grids of the rows' own


class Weights(Protocol):
    """Posterior weights of R rows on one grid of J x U nodes."""

    @property
    def log_evidence(self) -> FloatArray:
        """Log marginal likelihoods, shape (R,)."""
        ...

    @property
    def log_tau(self) -> FloatArray:
        """Log posterior probabilities of the nodes of tau, shape (R, J)."""
        ...

    def sums(self, table: FloatArray, nodes: slice = ...) -> FloatArray:
        """Return the posterior means of functions given at the nodes: from (J, U, M) to (R, M).

        If only some nodes of tau are given, the functions are 0 at the others.
        """
        ...


class Family(Protocol):
    """Posteriors of (mu, tau) that can share grids, each named by its row number."""

    @property
    def terms(self) -> Terms:
        """The likelihoods that make the grids' surfaces."""
        ...

    @property
    def link(self) -> str:
        """What the study effects are a function of."""
        ...

    def groups(self) -> list[tuple[IntArray, Coordinate, Coordinate]]:
        """Return the rows whose supports suit the same coordinates of mu and tau."""
        ...

    def blocks(self, rows: IntArray) -> Iterator[IntArray]:
        """Return the rows in parts whose weights and tables fit into memory."""
        ...

    def ordered(self, rows: IntArray) -> IntArray:
        """Return the rows in an order in which neighbours are alike."""
        ...

    def target(self, rows: IntArray) -> Target:
        """Return the posteriors of some rows as targets of `find_region`."""
        ...

    def orders(self, rows: IntArray) -> list[TailOrders]:
        """Return the tail orders of some rows."""
        ...

    def weights(self, surface: Surface, rows: IntArray) -> Weights:
        """Return the posterior weights of some rows on a surface."""
        ...

    def problem(self, row: int) -> Problem:
        """Return the problem of one row, to be solved by itself."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Reference:
    """The posterior that the others are compared with: a row of the family, and its own solution."""

    row: int
    fine: Quantities
    coarse: Quantities


@final
@dataclass(frozen=True, eq=False)
class Summaries:
    """Summaries of R posteriors.

    Attributes
    ----------
    names : tuple of str
        The N quantities.
    values : array, shape (R, N, 5)
        Mean, SD, median and both ends of the equal-tailed interval; a moment that does not exist is inf or nan.
    error : array, shape (R, N)
        Largest absolute error of the five; nan for a row that failed.
    log_evidence, log_evidence_error : array, shape (R,)
        With the constants of all densities.
    hellinger, hellinger_error : array, shape (R, N)
        Distance of each marginal distribution from the reference's; nan without a reference.
    shared : array of bool, shape (R,)
        Whether the row was computed on a shared grid.
    failure : dict of int to str
        Why a row has no numbers.
    """

    names: tuple[str, ...]
    values: FloatArray
    error: FloatArray
    log_evidence: FloatArray
    log_evidence_error: FloatArray
    hellinger: FloatArray
    hellinger_error: FloatArray
    shared: BoolArray
    failure: dict[int, str]


def summarise(
    family: Family,
    size: int,
    names: Sequence[str],
    *,
    ci_prob: float = 0.95,
    reference: Reference | None = None,
    progress: Callable[[int], None] | None = None,
) -> Summaries:
    """Summarise many posteriors.

    Parameters
    ----------
    family : Family
        The posteriors; each must be proper.
    size : int
        How many there are.
    names : sequence of str
        Quantities, as in `Quantities.marginal`.
    ci_prob : float
        Probability of the equal-tailed intervals.
    reference : Reference, optional
        What Hellinger distances are taken from.
    progress : callable, optional
        Called with the number of rows that have been finished since the last call.

    Returns
    -------
    Summaries
    """
    count = len(names)

    def empty(*shape: int) -> FloatArray:
        return np.full(shape, np.nan)

    out = Summaries(
        tuple(names), empty(size, count, 5), empty(size, count), empty(size), empty(size), empty(size, count),
        empty(size, count), np.zeros(size, dtype=bool), {},
    )  # fmt: skip
    batch = _Batch(family, ci_prob, reference, out, progress or (lambda _: None))
    for rows, mu, tau in family.groups():
        for part in np.array_split(family.ordered(rows), -(-rows.size // LARGEST_GROUP)):
            batch.run(part, mu, tau, attempt=0)
    return out


@final
@dataclass(frozen=True, eq=False)
class _Batch:
    """What stays the same while one family is summarised."""

    family: Family
    ci_prob: float
    reference: Reference | None
    out: Summaries
    progress: Callable[[int], None]

    def run(self, rows: IntArray, mu: Coordinate, tau: Coordinate, *, attempt: int) -> None:
        """Summarise some rows on a grid of theirs; those that fail on finer ones, and at last by themselves."""
        if rows.size <= FEW or attempt == len(ATTEMPTS):
            for row in rows:
                self._alone(int(row), axes_for(self.family.terms, mu, tau))
            return
        try:
            failed = self._together(rows, mu, tau, *ATTEMPTS[attempt])
            attempt += 1
        except AccuracyError:  # too unlike for one grid, or for one table
            failed = rows
        parts = [failed] if failed.size <= rows.size // 2 else np.array_split(self.family.ordered(failed), 2)
        for part in parts:
            if part.size:
                self.run(part, mu, tau, attempt=attempt)

    def _together(self, rows: IntArray, mu: Coordinate, tau: Coordinate, finest: int, finer: float) -> IntArray:
        """Summarise rows on one grid, and return those that could not be certified."""
        tables = self._tables(rows, mu, tau, finest, finer)
        ref = self.reference
        own = (ref.fine, ref.coarse) if ref is not None else (None, None)
        of_reference = [self._reference_on(table, rows, part) for table, part in zip(tables, own, strict=True)]
        failed = []
        for block in self.family.blocks(rows):
            fine, coarse = (Rows(table, self.family.weights(table.surface, block)) for table in tables)
            good = self._store(block, fine, coarse)
            for base in of_reference[0]:
                square = [
                    squared_hellinger(part.tables.knots[base], part.density(base), densities[base])
                    for part, densities in zip((fine, coarse), of_reference, strict=True)
                ]
                self._store_distance(block, base, *square)
            failed.append(block[~good])
            self.progress(int(good.sum()))
        return np.concatenate(failed)

    def _tables(self, rows: IntArray, mu: Coordinate, tau: Coordinate, finest: int, finer: float) -> list[Tables]:
        """Return the tables of the finer and the coarser resolution."""
        family, names, compared = self.family, self.out.names, self.reference is not None
        region = find_region(family.terms, family.target(rows), mu, tau)
        most = MOST_NODES_PER_ROW * rows.size + SMALL_GRID
        surfaces = [self._surface(region, index, mu, tau, most=most) for index in (finest, finest - 1)]
        axes = axes_for(family.terms, mu, tau)
        places = find_places(family, surfaces[1], axes, bases_of(names, family.terms.kernel), rows)
        if self.reference is not None:
            for base, where in places.of.items():
                other = place_of(self.reference.fine, axes, base)
                places.of[base] = np.append(where[0], other[0]), np.append(where[1], other[1])
        reach = reach_for(float(self._probabilities[1]), whole=compared)
        return [
            Tables.of(surface, axes, places, names, reach=reach, finer=more * finer, densities=compared)
            for surface, more in zip(surfaces, (1.0, OTHER_KNOTS), strict=True)
        ]

    def _surface(self, region: Region, index: int, mu: Coordinate, tau: Coordinate, *, most: int) -> Surface:
        settings = level(index)
        grid = make_grid(region, settings, mu, tau)
        if grid.mu.size > min(most, LARGEST_GRID):
            raise AccuracyError("the posteriors differ too much for one grid.")
        return tabulate(self.family.terms, grid, settings, link=self.family.link)

    @property
    def _probabilities(self) -> FloatArray:
        tail = 0.5 * (1.0 - self.ci_prob)
        return np.array([0.5, tail, 1.0 - tail])

    def _store(self, block: IntArray, fine: Rows, coarse: Rows) -> BoolArray:
        """Store the summaries of a block; return which of its rows are certified."""
        names, orders = self.out.names, self.family.orders(block)
        values, errors = (np.empty((block.size, len(names), 5)) for _ in range(2))
        good = np.ones(block.size, dtype=bool)
        kernel = self.family.terms.kernel
        at = {base: quantiles(fine, coarse, base, self._probabilities) for base in bases_of(names, kernel)}
        for i, name in enumerate(names):
            scale = scale_of(name, self.family.link, kernel)
            base, off, found = at[base_name(name, kernel)]
            values[:, i, 2:] = np.clip(scale.value(base), *scale.support)
            errors[:, i, 2:] = off * scale.slope(values[:, i, 2:])
            values[:, i, :2] = _existing(name, fine.moments(name), orders)
            with np.errstate(invalid="ignore"):
                difference = np.abs(values[:, i, :2] - coarse.moments(name))
            errors[:, i, :2] = np.where(np.isfinite(values[:, i, :2]), difference, 0.0)
            good &= found.all(axis=1)
        log_evidence = fine.weights.log_evidence
        difference = np.abs(log_evidence - coarse.weights.log_evidence)
        good &= (difference <= TOLERANCE) & _within_tolerance(values, errors)
        self.out.values[block], self.out.error[block] = values, FLOOR + errors.max(axis=2)
        self.out.log_evidence[block], self.out.log_evidence_error[block] = log_evidence, EVIDENCE_FLOOR + difference
        self.out.shared[block] = good
        return good

    def _reference_on(self, tables: Tables, rows: IntArray, own: Quantities | None) -> dict[str, Density]:
        """Return the reference's densities at the knots of one resolution, by base quantity."""
        bases = bases_of(self.out.names, self.family.terms.kernel)
        if self.reference is None or own is None:
            return {}
        if self.reference.row in rows:  # computed as the others are, so that what little is wrong cancels
            part = Rows(tables, self.family.weights(tables.surface, np.array([self.reference.row])))
            return {base: part.density(base) for base in bases}
        return {base: density_at(own, tables.axes, base, tables.knots[base]) for base in bases}

    def _store_distance(
        self, rows: IntArray, base: str, fine: tuple[FloatArray, FloatArray], coarse: tuple[FloatArray, FloatArray]
    ) -> None:
        """Store distances from the reference, given their squares and errors at both resolutions."""
        square, unknown = fine
        unknown = unknown + np.abs(square - coarse[0])
        distance = np.sqrt(square)
        error = np.maximum(np.sqrt(square + unknown) - distance, distance - np.sqrt(np.maximum(square - unknown, 0.0)))
        for i, name in enumerate(self.out.names):
            if base_name(name, self.family.terms.kernel) == base:
                self.out.hellinger[rows, i], self.out.hellinger_error[rows, i] = distance, np.minimum(error, 1.0)

    def _alone(self, row: int, axes: Axes) -> None:
        """Summarise one row by its own solution."""
        out = self.out
        try:
            own = solve_alone(self.family.problem(row), out.names, ci_prob=self.ci_prob)
            out.values[row], out.error[row] = own.values, own.error
            out.log_evidence[row], out.log_evidence_error[row] = own.log_evidence, own.log_evidence_error
            if self.reference is not None:
                self._own_distance(row, own, axes, self.reference)
        except AccuracyError as error:
            for numbers in (out.values, out.error, out.log_evidence, out.log_evidence_error):
                numbers[row] = np.nan
            out.failure[row] = str(error)
        self.progress(1)

    def _own_distance(self, row: int, own: Alone, axes: Axes, reference: Reference) -> None:
        for base in bases_of(self.out.names, self.family.terms.kernel):
            both = own.fine, reference.fine
            square = []
            for parts, finer in ((both, ALONE_FINER), ((own.coarse, reference.coarse), ALONE_FINER * OTHER_KNOTS)):
                knots = knots_of(both, axes, base, finer=finer)
                square.append(squared_hellinger(knots, *(density_at(part, axes, base, knots) for part in parts)))
            self._store_distance(np.array([row]), base, *square)


def _existing(name: str, moments: FloatArray, orders: list[TailOrders]) -> FloatArray:
    """Return means and SDs (R, 2), with inf or nan where they do not exist."""
    if name not in ("mu", "tau", "theta_new"):
        return moments
    known = {order: (order.highest_moment(name), order.missing_mean(name)) for order in set(orders)}
    highest, mean = np.array([known[order] for order in orders]).T
    return np.stack(
        [np.where(highest >= 1, moments[:, 0], mean), np.where(highest == 2, moments[:, 1], np.inf)], axis=1
    )


def _within_tolerance(values: FloatArray, errors: FloatArray) -> BoolArray:
    """Return, per row, whether all errors (R, N, 5) are within what `worst_error` allows."""
    finite = np.isfinite(values)
    size = np.maximum(1.0, (values[:, :, 4] - values[:, :, 3]) / WIDE_INTERVAL)
    scale = np.maximum(size[:, :, None], np.abs(np.where(finite, values, 0.0)) / LARGE_VALUE)
    with np.errstate(invalid="ignore"):
        good = errors <= TOLERANCE * scale
    result: BoolArray = (good | ~finite).all(axis=(1, 2)) & finite[:, :, 2:].all(axis=(1, 2))
    return result
