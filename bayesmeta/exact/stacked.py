"""What do many posteriors say, each on a grid of its own? The rows of all their grids one beneath another.

Every number is the sum over the same nodes as in `Posterior`, `Quantities` and `summary`, which take the posteriors one
by one; here each step is one operation on the rows of all of them.

Axes of the arrays: B posteriors, R rows (nodes of tau) of all of them, U nodes of mu in a row, P points for each
posterior.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil
from typing import Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.effects.links import LINKS
from bayesmeta.exact.average import (
    LARGEST_LOGIT,
    SMALLEST_SLOPE,
    continued,
    far_rows,
    median_powers,
)
from bayesmeta.exact.posterior import LITTLE, NEAR_ZERO, NEGLIGIBLE, SMALLEST
from bayesmeta.exact.rows import (
    REFINEMENT,
    RowTable,
    interpolate_tables,
    invert,
    refinement,
    row_table,
    sinc_cdf,
    summed_kernels,
)
from bayesmeta.exact.stacked_rows import UNIT, StackedRows
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.along_mu import along_rows
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.kernels import NORMAL
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.surface import powers_rule

DENSER = 2  # tables of tau are so much denser than refined nodes, for interpolation to about 1e-12
TAU_SIZES = 32  # and for some multiple of this many nodes, so that few matrices serve all
LEAST_KERNEL = 1e-13  # of some 1000
SQRT_2PI = float(np.sqrt(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class Stack:
    """The grids and weights of B posteriors with the same priors and normal effects.

    Parameters
    ----------
    rows : StackedRows
        Their grids, less first and last rows of negligible weight.
    weight : array, shape (R, U)
        Posterior probabilities of the nodes; 0 beyond a row's own nodes.
    log_evidence : array, shape (B,)
        Log marginal likelihoods.
    left_out : array, shape (B,)
        About the probability that lies outside the grid.
    prior_tau : Prior
        That of all.
    link : str
        What mu is a function of.
    settings : Level
        The resolution.
    """

    rows: StackedRows
    weight: FloatArray
    log_evidence: FloatArray
    left_out: FloatArray
    prior_tau: Prior
    link: str
    settings: Level

    @classmethod
    def of(
        cls, rows: StackedRows, log_m: FloatArray, prior_mu: Prior, prior_tau: Prior, link: str, settings: Level
    ) -> Self:
        """Return the posteriors whose sums over studies of log m are (R, U)."""
        weight, log_evidence = rows.normalised(log_m + rows.log_rest(prior_mu, prior_tau))
        keep = rows.between(weight.sum(axis=1) > NEGLIGIBLE)
        return cls(rows.take(keep), weight[keep], log_evidence, rows.at_edges(weight), prior_tau, link, settings)

    @property
    def grid(self) -> Grid:
        """The nodes."""
        return self.rows.grid

    @property
    def start(self) -> IntArray:
        """The first row of each posterior, shape (B,)."""
        return self.rows.start

    @property
    def owner(self) -> IntArray:
        """The posterior of each row, shape (R,)."""
        return self.rows.owner

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
    def log_powers(self) -> FloatArray:
        """Log of the means of p, of its square and of its complement, shape (3, R, U); nan beyond a row's own nodes."""
        powers = np.full((3, *self.grid.mu.shape), np.nan)
        rule = powers_rule(self.link, NORMAL, self.settings)
        if rule is not None:
            order = np.argsort(self.grid.tau)  # the lattice of points with about the same tau is short
            tau, size, weight = self.grid.tau[order], self.rows.size[order], self.weight[order]

            def at(row: IntArray, mu: FloatArray) -> FloatArray:
                return rule(mu, tau[row])

            values = along_rows(at, self.grid.mu[order], size - 1, self.weight_tau[order], lambda _: weight)
            own = np.arange(self.grid.shape[1]) < size[:, None]
            powers[:, order] = np.where(own, np.minimum(values, 0.0), np.nan)
        return powers

    @cached_property
    def powers(self) -> tuple[FloatArray, FloatArray]:
        """The means of p and of its square at the nodes, 0 beyond a row's own nodes; shape (R, U) each."""
        first, second, _ = np.nan_to_num(np.exp(self.log_powers))
        return first, second

    def median_moments(self) -> tuple[FloatArray, FloatArray]:
        """Return means and SDs of p_median, shape (B,) each."""
        mean, sd = self.moments(LINKS[self.link].inverse(self.grid.mu))
        far = far_rows(self.grid, self.link, self.weight)
        if far.size:
            first, second = self.total(median_powers(self.grid, self.link, self.weight, far).T).T
            some = np.isin(np.arange(mean.size), self.owner[far])
            mean, sd = np.where(some, (first, np.sqrt(np.maximum(second - first**2, 0.0))), (mean, sd))
        return mean, sd

    @cached_property
    def _tau_table(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Density and distribution function of q where it has weight.

        Returns the density (per step) and the distribution function (B, D), the first value of q, the step and how many
        steps matter, (B, 1) each.
        """
        log_weight = np.split(np.log(np.maximum(self.weight_tau, SMALLEST)), self.start[1:])
        parts = [np.exp(one @ refinement(one.size)) / REFINEMENT for one in log_weight]
        weight = np.zeros((len(parts), TAU_SIZES * ceil(max(part.size for part in parts) / TAU_SIZES)))
        for i, part in enumerate(parts):
            weight[i, : part.size] = part
        pdf, cdf = (weight @ table for table in denser_tables(weight.shape[1]))
        q = self.grid.q
        step = (q[self.start + 1] - q[self.start])[:, None] / (REFINEMENT * DENSER)
        last = np.array([[DENSER * (part.size - 1.0)] for part in parts])
        return pdf / DENSER, cdf, q[self.start, None], step, last

    def tau_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of tau at ``x`` (B, P)."""
        cdf, pdf = self._tau_from_nodes(x)
        near, density = self._near_zero
        with np.errstate(divide="ignore"):
            log_prior = self.prior_tau.logpdf
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
        near = self.rows.scale * UNIT.value(q)[:, None]
        return near, self._tau_from_nodes(near)[1]

    def _tau_from_nodes(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        pdf, cdf, first, step, last = self._tau_table
        q = UNIT.coordinate(x / self.rows.scale)
        position = (q - first) / step
        below, density = interpolate_tables((cdf, pdf), position, (0, 0))
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.exp(-UNIT.log_jacobian(q)) / (self.rows.scale * step)
            inside = (density > 0.0) & (position >= 0.0) & (position <= last)
            return below, np.where(inside, density * slope, 0.0)

    @cached_property
    def table(self) -> RowTable:
        """The density of mu on each row."""
        return row_table(self.grid, np.arange(self.owner.size), self.weight)

    def mu_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of mu at ``x`` (B, P)."""
        cdf, pdf = self.table.cdf_pdf(x[self.owner])
        return self.total(cdf), self.total(pdf)

    @cached_property
    def logit_mean(self) -> FloatArray:
        """Logit of p_mean at the nodes, shape (R, U); it increases along each row."""
        log_mean, _, log_rest = self.log_powers
        with np.errstate(invalid="ignore"):
            beyond = np.minimum(log_mean, log_rest) < -LARGEST_LOGIT
        return continued(np.where(beyond, np.nan, log_mean - log_rest), self.grid.mu)

    def mean_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of the logit of p_mean at ``x`` (B, P)."""
        position, slope = invert(self.logit_mean, x[self.owner])
        cdf, pdf = self.table.at_position(position)
        inner = (position > 0.0) & (position < self.logit_mean.shape[1] - 1)
        return self.total(cdf), self.total(np.where(inner, pdf / np.maximum(slope, SMALLEST_SLOPE), 0.0))

    @cached_property
    def _kernels(self) -> tuple[tuple[IntArray, FloatArray, FloatArray], IntArray]:
        """Kernels that are summed over nodes, as in `summed_kernels`; and the rows where mu's cdf is averaged."""
        kernels, narrow = summed_kernels(self.grid, np.arange(self.owner.size), self.weight, least=LEAST_KERNEL)
        return kernels, np.flatnonzero(narrow)

    @cached_property
    def _narrow_table(self) -> RowTable:
        """The density of mu on the narrow rows."""
        narrow = self._kernels[1]
        return row_table(self.grid, narrow, self.weight[narrow])

    def next_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of theta_new at ``x`` (B, P)."""
        (row, mu, share), narrow = self._kernels
        owner, precision = self.owner[row], 1.0 / self.grid.tau[row]
        height = precision * (share / SQRT_2PI)
        cdf, pdf = np.empty((2, *x.shape))
        for i, at in enumerate(x.T):  # one by one, as temporary arrays then stay in a processor's cache
            z = (at[owner] - mu) * precision
            cdf[:, i] = np.bincount(owner, special.ndtr(z) * share, len(x))
            pdf[:, i] = np.bincount(owner, np.exp(-0.5 * z * z) * height, len(x))
        if narrow.size:
            z, z_weight = NORMAL.rule(self.settings.hermite_nodes // 2 + 1)
            at = x[self.owner[narrow], :, None] - self.grid.tau[narrow, None, None] * z
            below, density = self._narrow_table.cdf_pdf(at.reshape(narrow.size, -1))
            np.add.at(cdf, self.owner[narrow], below.reshape(at.shape) @ z_weight)
            np.add.at(pdf, self.owner[narrow], density.reshape(at.shape) @ z_weight)
        return cdf, pdf


@cache
def denser_tables(size: int) -> tuple[FloatArray, FloatArray]:
    """Return the matrices (F, D) from values at F nodes to tables of their sinc interpolant and of its integral."""
    offset = np.arange(DENSER * (1.0 - size), DENSER * (size - 1) + 1) / DENSER
    index = np.arange(DENSER * (size - 1) + 1) + DENSER * (size - 1 - np.arange(size)[:, None])
    return np.sinc(offset)[index], sinc_cdf(offset)[index]
