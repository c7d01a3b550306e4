"""What do many posteriors say, each on a grid of its own? The rows of all their grids one beneath another.

Every number is the sum over the same nodes as in `Posterior`, `Quantities` and `summary`, which take the posteriors one
by one; here each step is one operation on the rows of all of them.

Axes of the arrays: B posteriors, R rows (nodes of tau) of all of them, U nodes of mu in a row, P points for each
posterior.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.effects.links import LINKS
from bayesmeta.exact.average import (
    LARGEST_LOGIT,
    LINK_STEPS,
    LOGIT_REACH,
    SMALL_WEIGHT,
    SMALLEST_SLOPE,
    continued,
    median_proportion_moments,
)
from bayesmeta.exact.posterior import LITTLE, NEAR_ZERO, NEGLIGIBLE, SMALLEST, Posterior
from bayesmeta.exact.rows import (
    REFINEMENT,
    RowTable,
    interpolate_smooth,
    invert,
    is_narrow,
    refined_nodes,
    row_table,
    sinc_cdf,
)
from bayesmeta.exact.stacked_rows import UNIT, StackedRows
from bayesmeta.surface.along_mu import along_rows
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.surface import powers_rule

SQRT_2PI = float(np.sqrt(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class Stack:
    """The grids and weights of B posteriors with the same priors, of mu on the real line and tau on the half line.

    Parameters
    ----------
    posteriors : tuple of Posterior
        The posteriors.
    grid : Grid
        All rows; rows with fewer nodes of mu than others go on, with weight 0.
    start : array of int, shape (B,)
        The first row of each posterior.
    owner, size : array of int, shape (R,)
        The posterior of each row, and how many nodes of mu it has.
    weight : array, shape (R, U)
        Posterior probabilities of the nodes.
    log_evidence : array, shape (B,)
        Log marginal likelihoods.
    """

    posteriors: tuple[Posterior, ...]
    grid: Grid
    start: IntArray
    owner: IntArray
    size: IntArray
    weight: FloatArray
    log_evidence: FloatArray

    @classmethod
    def of(cls, posteriors: Sequence[Posterior]) -> Self:
        """Stack some posteriors."""
        surfaces = [posterior.surface for posterior in posteriors]
        rows = StackedRows.of([surface.grid for surface in surfaces])
        log_f = np.full(rows.grid.mu.shape, -np.inf)
        for first, surface in zip(rows.start, surfaces, strict=True):
            log_m = surface.log_m.sum(axis=0)
            log_f[first : first + len(log_m), : log_m.shape[1]] = log_m
        log_f += rows.log_rest(posteriors[0].prior_mu, posteriors[0].prior_tau)
        weight, log_evidence = rows.normalised(log_f)
        return cls(tuple(posteriors), rows.grid, rows.start, rows.owner, rows.size, weight, log_evidence)

    def total(self, of_rows: FloatArray) -> FloatArray:
        """Return the sums over each posterior's rows, from (R, ...) to (B, ...)."""
        return np.add.reduceat(of_rows, self.start, axis=0)

    def mean(self, values: FloatArray) -> FloatArray:
        """Return posterior means, shape (B,), of a function given at the nodes (R, U) or (R, 1)."""
        return self.total((self.weight * values).sum(axis=1))

    def moments(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return posterior means and SDs, shape (B,) each, of a function given at the nodes."""
        mean = self.mean(values)
        return mean, np.sqrt(self.mean((values - mean[self.owner, None]) ** 2))

    @cached_property
    def weight_tau(self) -> FloatArray:
        """Posterior probabilities of the nodes of tau, shape (R,)."""
        return self.weight.sum(axis=1)

    @cached_property
    def live(self) -> "Live":
        """The rows with more than negligible weight."""
        return Live.of(self)

    @cached_property
    def log_powers(self) -> FloatArray:
        """Log of the means of p, of its square and of its complement, shape (3, R, U); nan where there is no weight.

        That is in rows that are not `live`, and beyond a row's own nodes.
        """
        surface, rows = self.posteriors[0].surface, self.live.rows
        powers = np.full((3, *self.grid.mu.shape), np.nan)
        rule = powers_rule(surface.link, surface.terms.kernel, surface.settings)
        if rule is not None:
            rows = rows[np.argsort(self.grid.tau[rows])]  # the lattice of points with about the same tau is short
            tau = self.grid.tau[rows]

            def at(some: IntArray, mu: FloatArray) -> FloatArray:
                return rule(mu.ravel(), np.repeat(tau[some], mu.shape[1])).reshape(-1, *mu.shape)

            values = along_rows(at, self.grid.mu[rows], self.size[rows] - 1, lambda _: self.weight_tau[rows])
            own = np.arange(self.grid.shape[1]) < self.size[rows, None]
            powers[:, rows] = np.where(own, np.minimum(values, 0.0), np.nan)
        return powers

    @cached_property
    def powers(self) -> tuple[FloatArray, FloatArray]:
        """The means of p and of its square at the nodes, 0 beyond a row's own nodes; shape (R, U) each."""
        first, second, _ = np.nan_to_num(np.exp(self.log_powers))
        return first, second

    def median_moments(self) -> tuple[FloatArray, FloatArray]:
        """Return means and SDs of p_median, shape (B,) each; one by one where nodes of mu are too far apart."""
        grid, link = self.grid, self.posteriors[0].surface.link
        mean, sd = self.moments(LINKS[link].inverse(grid.mu))
        inside = (np.abs(grid.mu) < LOGIT_REACH) & (self.weight > SMALL_WEIGHT)
        far = ((grid.log_weight_mu > np.log(LINK_STEPS[link])) & inside).any(axis=1)
        for i in np.unique(self.owner[far]):
            mean[i], sd[i] = median_proportion_moments(self.posteriors[i])
        return mean, sd

    @cached_property
    def _tau_nodes(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Positions (B, F) of refined nodes of q in steps, their probabilities, q of position 0 and the step (B, 1)."""
        log_weight = np.log(np.maximum(self.weight_tau, SMALLEST))
        parts = []
        for first, size in zip(self.start, np.diff(self.start, append=self.owner.size), strict=True):
            keep = np.flatnonzero(self.weight_tau[first : first + size] > NEGLIGIBLE)
            rows = np.arange(keep[0], keep[-1] + 1)
            parts.append((rows[0], np.exp(log_weight[first + rows] @ refinement(rows.size)) / REFINEMENT))
        weight = np.zeros((len(parts), max(part.size for _, part in parts)))
        for i, (_, part) in enumerate(parts):
            weight[i, : part.size] = part
        position = np.array([[first] for first, _ in parts]) + np.arange(weight.shape[1]) / REFINEMENT
        q = self.grid.q[self.start][:, None]
        return position, weight, q, self.grid.q[self.start + 1][:, None] - q

    @cached_property
    def tau_scale(self) -> FloatArray:
        """The scale of each tau's coordinate, shape (B, 1)."""
        coordinates = [posterior.surface.grid.tau_coordinate for posterior in self.posteriors]
        return np.array([[one.scale] for one in coordinates if isinstance(one, HalfLine)])

    def tau_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of tau at ``x`` (B, P)."""
        cdf, pdf = self._tau_from_nodes(x)
        near, density = self._near_zero
        with np.errstate(divide="ignore"):
            log_prior = self.posteriors[0].prior_tau.logpdf
            ratio = np.exp(np.minimum(log_prior(x) - log_prior(near), 600.0))
        return cdf, np.where(x < near, density * ratio, pdf)

    @cached_property
    def _near_zero(self) -> tuple[FloatArray, FloatArray]:
        """A small tau and the density there, (B, 1) each; next to 0 the posterior has the prior's shape."""
        below = np.cumsum(self.weight_tau)
        below -= (below - self.weight_tau)[self.start][self.owner]
        small = self.total((below < LITTLE).astype(np.float64)).astype(np.intp)
        last = np.diff(self.start, append=self.owner.size) - 1
        q = np.minimum(NEAR_ZERO, self.grid.q[self.start + np.minimum(small, last)])
        near = self.tau_scale * UNIT.value(q)[:, None]
        return near, self._tau_from_nodes(near)[1]

    def _tau_from_nodes(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        nodes, weight, first, step = self._tau_nodes
        q = UNIT.coordinate(x / self.tau_scale)
        offset = (((q - first) / step)[:, :, None] - nodes[:, None, :]) * REFINEMENT
        density = np.einsum("bpf,bf->bp", np.sinc(offset), weight) * REFINEMENT / step
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.exp(-UNIT.log_jacobian(q)) / self.tau_scale
            pdf = np.where(density > 0.0, density * slope, 0.0)
        return np.einsum("bpf,bf->bp", sinc_cdf(offset), weight), pdf


@final
@dataclass(frozen=True, eq=False)
class Live:
    """The rows of a stack that matter to distribution functions.

    Parameters
    ----------
    stack : Stack
        All rows.
    rows : array of int, shape (L,)
        Those that matter.
    start : array of int, shape (B,)
        The first of each posterior among them.
    """

    stack: Stack
    rows: IntArray
    start: IntArray

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Return the rows with more than negligible weight."""
        rows = np.flatnonzero(stack.weight_tau > NEGLIGIBLE)
        return cls(stack, rows, np.searchsorted(stack.owner[rows], np.arange(stack.start.size)))

    @cached_property
    def owner(self) -> IntArray:
        """The posterior of each row, shape (L,)."""
        return self.stack.owner[self.rows]

    @cached_property
    def weight(self) -> FloatArray:
        """Posterior probabilities of the nodes, shape (L, U)."""
        return self.stack.weight[self.rows]

    def total(self, of_rows: FloatArray) -> FloatArray:
        """Return the sums over each posterior's rows, from (L, ...) to (B, ...)."""
        return np.add.reduceat(of_rows, self.start, axis=0)

    @cached_property
    def table(self) -> RowTable:
        """The density of mu on each row."""
        return row_table(self.stack.grid, self.rows, self.weight)

    def mu_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of mu at ``x`` (B, P)."""
        cdf, pdf = self.table.cdf_pdf(x[self.owner])
        return self.total(cdf), self.total(pdf)

    @cached_property
    def logit_mean(self) -> FloatArray:
        """Logit of p_mean at the nodes, shape (L, U); it increases along each row."""
        log_mean, _, log_rest = self.stack.log_powers[:, self.rows]
        with np.errstate(invalid="ignore"):
            beyond = np.minimum(log_mean, log_rest) < -LARGEST_LOGIT
        return continued(np.where(beyond, np.nan, log_mean - log_rest), self.stack.grid.mu[self.rows])

    def mean_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of the logit of p_mean at ``x`` (B, P)."""
        position, slope = invert(self.logit_mean, x[self.owner])
        cdf, pdf = self.table.at_position(position)
        inner = (position > 0.0) & (position < self.logit_mean.shape[1] - 1)
        return self.total(cdf), self.total(np.where(inner, pdf / np.maximum(slope, SMALLEST_SLOPE), 0.0))

    @cached_property
    def _sums(self) -> tuple[list[tuple[IntArray, FloatArray, FloatArray]], IntArray]:
        """Rows whose kernels are summed over nodes, with nodes and weights; and rows where mu's cdf is averaged."""
        grid, tau = self.stack.grid, self.stack.grid.tau[self.rows]
        mu = grid.mu[self.rows]
        wide = np.flatnonzero(~is_narrow(tau, mu, self.weight))
        rest = np.setdiff1d(np.arange(self.rows.size), wide, assume_unique=True)
        fine, weight = refined_nodes(grid, self.rows[rest], self.weight[rest])
        narrow = is_narrow(tau[rest], fine, weight)
        parts = [(wide, mu[wide], self.weight[wide]), (rest[~narrow], fine[~narrow], weight[~narrow])]
        return parts, rest[narrow]

    @cached_property
    def _narrow_table(self) -> RowTable:
        """The density of mu on the narrow rows."""
        narrow = self._sums[1]
        return row_table(self.stack.grid, self.rows[narrow], self.weight[narrow])

    def next_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of theta_new at ``x`` (B, P)."""
        cdf, pdf = np.zeros((2, self.rows.size, x.shape[1]))
        parts, narrow = self._sums
        for rows, mu, weight in parts:
            tau = self.stack.grid.tau[self.rows[rows], None, None]
            z = (x[self.owner[rows], :, None] - mu[:, None, :]) / tau
            cdf[rows] = np.einsum("rpu,ru->rp", special.ndtr(z), weight)
            pdf[rows] = np.einsum("rpu,ru->rp", np.exp(-0.5 * z * z), weight) / (SQRT_2PI * tau[:, 0])
        if narrow.size:
            kernel, settings = self.stack.posteriors[0].surface.terms.kernel, self.stack.posteriors[0].surface.settings
            z, z_weight = kernel.rule(settings.hermite_nodes // 2 + 1)
            at = x[self.owner[narrow], :, None] - self.stack.grid.tau[self.rows[narrow], None, None] * z
            below, density = self._narrow_table.cdf_pdf(at.reshape(narrow.size, -1))
            cdf[narrow], pdf[narrow] = below.reshape(at.shape) @ z_weight, density.reshape(at.shape) @ z_weight
        return self.total(cdf), self.total(pdf)


@cache
def refinement(size: int) -> FloatArray:
    """Return the matrix (J, F) from values at J nodes to those at nodes `REFINEMENT` times as dense."""
    position = np.arange(REFINEMENT * (size - 1) + 1) / REFINEMENT
    return np.stack([interpolate_smooth(row, position) for row in np.eye(size)])
