"""What is the posterior of (mu, tau)? One surface plus the log priors, normalised by a double sum."""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.exact.rows import REFINEMENT, RowTable, interpolate_smooth, row_table, sinc_cdf
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.surface import Surface

SMALLEST = 1e-300
LITTLE = 1e-4
NEAR_ZERO = -1.0  # coordinate of a tau of 2 % of its scale, which is a tenth of a standard error
NEGLIGIBLE = 1e-14  # rows of tau with less weight than this are left out of distribution functions


@final
@dataclass(frozen=True, eq=False)
class Posterior:
    """The joint posterior of (mu, tau) on one grid.

    Parameters
    ----------
    surface : Surface
        The tabulated likelihood.
    prior_mu, prior_tau : Prior
        The priors.
    log_rest : array, broadcastable to (J, U)
        Log likelihood of what else was observed, such as other groups of studies given the same tau.
    """

    surface: Surface
    prior_mu: Prior
    prior_tau: Prior
    log_rest: FloatArray | float = 0.0

    @cached_property
    def _log_terms(self) -> FloatArray:
        """Log of likelihood x priors x quadrature weights at the nodes, shape (J, U)."""
        grid = self.surface.grid
        return (
            self.surface.log_m.sum(axis=0)
            + (self.prior_mu.logpdf(grid.mu) + grid.log_weight_mu)
            + (self.prior_tau.logpdf(grid.tau) + grid.log_weight_tau)[:, None]
            + self.log_rest
        )

    @cached_property
    def log_evidence(self) -> float:
        """Log of the marginal likelihood, with the density constants of likelihood and priors."""
        return log_sum_exp(self._log_terms)

    @cached_property
    def log_weight(self) -> FloatArray:
        """Log posterior probabilities of the nodes, shape (J, U)."""
        return self._log_terms - self.log_evidence

    @cached_property
    def weight(self) -> FloatArray:
        """Posterior probabilities of the nodes, shape (J, U); they sum to 1."""
        return np.exp(self.log_weight)

    @cached_property
    def weight_tau(self) -> FloatArray:
        """Posterior probabilities of the nodes of tau, shape (J,)."""
        return self.weight.sum(axis=1)

    @cached_property
    def rows(self) -> IntArray:
        """The nodes of tau with more than negligible weight, shape (R,)."""
        return np.flatnonzero(self.weight_tau > NEGLIGIBLE)

    def mean(self, values: FloatArray) -> float:
        """Return the posterior mean of a function given at the nodes, shape (J, U) or (J, 1)."""
        return float((self.weight * values).sum())

    def moments(self, values: FloatArray) -> tuple[float, float]:
        """Return the posterior mean and SD of a function given at the nodes."""
        mean = self.mean(values)
        return mean, float(np.sqrt(max(self.mean((values - mean) ** 2), 0.0)))

    @cached_property
    def given_tau(self) -> RowTable:
        """The density of mu on each of `rows`, times the probability of the row."""
        return row_table(self.surface.grid, self.rows, self.weight[self.rows])

    def mu_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of mu at ``x``, shape (P,)."""
        at = np.broadcast_to(x, (self.rows.size, x.size))
        cdf, pdf = self.given_tau.cdf_pdf(at)
        return cdf.sum(axis=0), pdf.sum(axis=0)

    @cached_property
    def _tau_nodes(self) -> tuple[FloatArray, float, FloatArray]:
        """Positions (F,) of refined nodes of q, in steps; their step; and their probabilities.

        The log density of q is interpolated: it bends far less than the density, whose sinc interpolant is
        only as good as the square root of the trapezoid sums' error.
        """
        rows = np.arange(self.rows[0], self.rows[-1] + 1)
        position = np.arange(REFINEMENT * (rows.size - 1) + 1) / REFINEMENT
        log_weight = np.log(np.maximum(self.weight_tau[rows], SMALLEST))
        weight = np.exp(interpolate_smooth(log_weight, position)) / REFINEMENT
        return rows[0] + position, 1.0 / REFINEMENT, weight

    def tau_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of tau at ``x``, shape (P,)."""
        grid = self.surface.grid
        nodes, step, weight = self._tau_nodes
        q = grid.tau_coordinate.coordinate(x)
        step_q = grid.q[1] - grid.q[0]
        position = np.clip((q - grid.q[0]) / step_q, -1e6, 1e6)
        offset = (position[:, None] - nodes) / step
        density = np.sinc(offset) @ weight / (step * step_q)
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.exp(-grid.tau_coordinate.log_jacobian(q))
            cdf, pdf = sinc_cdf(offset) @ weight, np.where(density > 0.0, density * slope, 0.0)
        if not isinstance(grid.tau_coordinate, HalfLine):
            return cdf, pdf
        # next to 0 the likelihood no longer depends on tau, and the posterior is the prior's shape
        small = int(np.searchsorted(np.cumsum(self.weight_tau), LITTLE))
        near = grid.tau_coordinate.value(np.array([min(NEAR_ZERO, grid.q[min(small, grid.q.size - 1)])]))
        below = x < near[0]
        if below.any():
            log_ratio = self.prior_tau.logpdf(x[below]) - self.prior_tau.logpdf(near)
            ratio = np.exp(np.minimum(log_ratio, 600.0))
            pdf[below] = self.tau_cdf_pdf(near)[1] * ratio
        return cdf, pdf


def log_sum_exp(values: FloatArray) -> float:
    """Return the log of the sum of exponentials over all entries."""
    largest = values.max()
    return float(largest + np.log(np.exp(values - largest).sum()))
