"""What will the next study's effect be? theta_new given (mu, tau), mixed over the posterior.

Where tau is wide against the steps of mu's nodes, the mixture is a sum of kernels over the nodes. Where it is
narrow, such a sum would be a comb; there the conditional distribution of mu, which is known between the nodes,
is averaged over z in theta_new = mu + tau z.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import RowTable, row_table, summed_kernels
from bayesmeta.surface.bands import BLOCK
from bayesmeta.surface.kernels import Kernel, NormalKernel


@final
@dataclass(frozen=True, eq=False)
class NextEffect:
    """The posterior predictive distribution of theta_new, link scale."""

    posterior: Posterior

    @property
    def _kernel(self) -> Kernel:
        return self.posterior.surface.terms.kernel

    @cached_property
    def _kernels(self) -> tuple[tuple[IntArray, FloatArray, FloatArray], IntArray]:
        """Kernels that are summed over nodes, as in `summed_kernels`; and the rows where mu's cdf is averaged."""
        rows, refined = self.posterior.rows, not isinstance(self._kernel, NormalKernel)
        kernels, narrow = summed_kernels(
            self.posterior.surface.grid, rows, self.posterior.weight[rows], refined=refined
        )
        return kernels, rows[narrow]

    @cached_property
    def _narrow_table(self) -> RowTable:
        """The density of mu on the narrow rows."""
        rows = self._kernels[1]
        return row_table(self.posterior.surface.grid, rows, self.posterior.weight[rows])

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of theta_new at ``x``, shape (P,)."""
        cdf, pdf = self._narrow_part(x)
        row, mu, mass = self._kernels[0]
        tau = self.posterior.surface.grid.tau[self.posterior.rows[row]]
        for block in np.array_split(np.arange(x.size), -(-x.size * max(mu.size, 1) // BLOCK)):
            at = x[block, None]
            cdf[block] += self._kernel.cdf(at, mu, tau) @ mass
            pdf[block] += np.exp(self._kernel.log_density(at, mu, tau)) @ mass
        return cdf, pdf

    def _narrow_part(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        rows = self._kernels[1]
        cdf, pdf = np.zeros(x.size), np.zeros(x.size)
        if not rows.size:
            return cdf, pdf
        grid, weight = self.posterior.surface.grid, self.posterior.weight[rows]
        tau = grid.tau[rows, None]
        z, z_weight = self._kernel.rule(self.posterior.surface.settings.hermite_nodes // 2 + 1)
        if self._kernel.is_symmetric:  # the same distribution of z everywhere: one table serves all nodes
            at = x - tau[:, :, None] * z[:, None]
            below, density = self._narrow_table.cdf_pdf(at.reshape(rows.size, -1))
            cdf += z_weight @ below.sum(axis=0).reshape(z.size, -1)
            pdf += z_weight @ density.sum(axis=0).reshape(z.size, -1)
            return cdf, pdf
        for node, share in zip(z, z_weight, strict=True):
            correction = self._kernel.rule_correction(node, grid.mu[rows], tau)
            below, density = row_table(grid, rows, weight * correction).cdf_pdf(x - tau * node)
            cdf += share * below.sum(axis=0)
            pdf += share * density.sum(axis=0)
        return cdf, pdf
