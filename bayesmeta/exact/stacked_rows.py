"""Which are the nodes of many grids? The rows of all of them one beneath another.

Axes of the arrays: B grids, R rows (nodes of tau) of all of them, U nodes of mu in a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import HalfLine, RealLine
from bayesmeta.surface.grid import Grid, make_grids
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.region import Region

UNIT = HalfLine(1.0)


@final
@dataclass(frozen=True, eq=False)
class StackedRows:
    """The rows of B grids, of mu on the real line and tau on the half line.

    Parameters
    ----------
    grid : Grid
        All rows; rows with fewer nodes of mu than others go on.
    start : array of int, shape (B,)
        The first row of each grid.
    owner, size : array of int, shape (R,)
        The grid of each row, and how many nodes of mu it has.
    scale : array, shape (B, 1)
        The scale of each tau's coordinate.
    """

    grid: Grid
    start: IntArray
    owner: IntArray
    size: IntArray
    scale: FloatArray

    @classmethod
    def of(cls, regions: Sequence[Region], settings: Level, coordinates: Sequence[HalfLine]) -> Self:
        """Lay the rule of one level over some regions."""
        grid, start, size = make_grids(regions, settings, RealLine(), coordinates)
        owner = np.repeat(np.arange(start.size), np.diff(start, append=size.size))
        return cls(grid, start, owner, size, np.array([[one.scale] for one in coordinates]))

    def at_edges(self, weight: FloatArray) -> FloatArray:
        """Return the sums of the weights (R, U) of the outermost nodes of mu and of tau, shape (B,).

        What lies beyond them, and so was left out, weighs about as much.
        """
        last = np.take_along_axis(weight, self.size[:, None] - 1, axis=1)[:, 0]
        of_tau = weight.sum(axis=1)
        ends = np.append(self.start[1:], self.owner.size) - 1
        of_mu = np.add.reduceat(weight[:, 0] + last, self.start)
        result: FloatArray = of_mu + of_tau[self.start] + of_tau[ends]
        return result

    def between(self, matters: BoolArray) -> IntArray:
        """Return the rows from the first to the last of each grid that matters (R,), two at least."""
        keep = np.zeros(matters.size, dtype=bool)
        for start, end in pairwise([*self.start, matters.size]):
            rows = np.flatnonzero(matters[start:end])
            first = min(rows[0], end - start - 2)
            keep[start + first : start + max(rows[-1], first + 1) + 1] = True
        return np.flatnonzero(keep)

    def take(self, keep: IntArray) -> Self:
        """Return some of the rows, ascending, of each grid one at least."""
        owner = self.owner[keep]
        start = np.searchsorted(owner, np.arange(self.start.size))
        return type(self)(self.grid.take(keep), start, owner, self.size[keep], self.scale)

    def log_rest(self, prior_mu: Prior, prior_tau: Prior) -> FloatArray:
        """Return the log of priors times weights of the nodes, shape (R, U)."""
        grid = self.grid
        of_tau = prior_tau.logpdf(grid.tau) + grid.log_weight_tau
        result: FloatArray = prior_mu.logpdf(grid.mu) + grid.log_weight_mu + of_tau[:, None]
        return np.where(np.arange(grid.shape[1]) < self.size[:, None], result, -np.inf)

    def rough_weight(self, regions: Sequence[Region]) -> FloatArray:
        """Return about the probabilities of the nodes of tau, shape (R,)."""
        ends = zip(self.start, np.diff(self.start, append=self.owner.size), regions, strict=True)
        log_mass = [np.interp(self.grid.q[i : i + size], one.q, one.log_mass) for i, size, one in ends]
        largest = [part.max() for part in log_mass]
        weight = np.exp(np.concatenate(log_mass) - np.array(largest)[self.owner])
        return weight / np.add.reduceat(weight, self.start)[self.owner]

    def normalised(self, log_f: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return exp(log_f) (R, U) divided by its sum over each grid, and the logs of these sums, shape (B,)."""
        largest = np.maximum.reduceat(log_f.max(axis=1), self.start)
        weight = np.exp(log_f - largest[self.owner, None])
        total = np.add.reduceat(weight.sum(axis=1), self.start)
        return weight / total[self.owner, None], largest + np.log(total)
