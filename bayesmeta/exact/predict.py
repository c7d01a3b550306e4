"""What will the next study's effect be? theta_new ~ Normal(mu, tau^2), mixed over the posterior.

Where tau is wide against the steps of mu's nodes, the mixture is a sum of normal distributions over the
nodes. Where it is narrow, such a sum would be a comb; there the conditional distribution of mu, which is
known between the nodes, is averaged over z in theta_new = mu + tau z.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import RowTable, is_narrow, refined_nodes, row_table
from bayesmeta.surface.bands import hermite_rule

SQRT_2PI = float(np.sqrt(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class NextEffect:
    """The posterior predictive distribution of theta_new, link scale."""

    posterior: Posterior

    @cached_property
    def _wide(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means, SDs and probabilities of the normal distributions where tau is wide, each of shape (N,)."""
        mu, weight, narrow = self._refined
        tau = self.posterior.surface.grid.tau[self.posterior.rows[~narrow]]
        return mu[~narrow].ravel(), np.repeat(tau, mu.shape[1]), weight[~narrow].ravel()

    @cached_property
    def _narrow(self) -> tuple[IntArray, RowTable]:
        """Rows where tau is narrow, and the density of mu on them."""
        rows = self.posterior.rows[self._refined[2]]
        return rows, row_table(self.posterior.surface.grid, rows, self.posterior.weight[rows])

    @cached_property
    def _refined(self) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Refined nodes of mu, their probabilities, and which rows are narrow."""
        grid, rows = self.posterior.surface.grid, self.posterior.rows
        mu, weight = refined_nodes(grid, rows, self.posterior.weight[rows])
        return mu, weight, is_narrow(grid.tau[rows], mu, weight)

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of theta_new at ``x``, shape (P,)."""
        cdf, pdf = np.zeros(x.size), np.zeros(x.size)
        mean, sd, mass = self._wide
        if mean.size:
            z = np.subtract.outer(x, mean) / sd
            cdf += special.ndtr(z) @ mass
            pdf += np.exp(-0.5 * z * z) @ (mass / sd) / SQRT_2PI
        rows, table = self._narrow
        if rows.size:
            z, z_weight = hermite_rule(self.posterior.surface.settings.hermite_nodes // 2 + 1)
            at = x - self.posterior.surface.grid.tau[rows, None, None] * z[:, None]
            below, density = table.cdf_pdf(at.reshape(rows.size, -1))
            cdf += z_weight @ below.sum(axis=0).reshape(z.size, -1)
            pdf += z_weight @ density.sum(axis=0).reshape(z.size, -1)
        return cdf, pdf
