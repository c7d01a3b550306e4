"""What is the posterior of (mu, tau)? One surface plus the log priors, normalised by a double sum.

Given tau, the density of mu is known at equally spaced nodes of a coordinate v, and falls off at both ends; so
its sinc interpolant is as accurate as the trapezoid sums (Stenger 1993, doi:10.1007/978-1-4612-2706-9), and
its distribution function is the same sum with Si in place of sinc:

    density(v) = sum_u p_u sinc(s - u) / h,   cdf(v) = sum_u p_u (1/2 + Si(pi (s - u)) / pi),   s = (v - v_0)/h
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.surface import Surface

NEGLIGIBLE = 1e-15  # rows of tau with less weight than this are left out of distribution functions
NEGLIGIBLE_NODE = 1e-11  # nodes of mu with less than this share of their row do not decide how it is summed
REFINEMENT = 4
WIDE = 1.3  # a kernel this many node steps wide is summed over the nodes: error exp(-2 pi^2 1.69) = 3e-15


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
    """

    surface: Surface
    prior_mu: Prior
    prior_tau: Prior

    @cached_property
    def _log_terms(self) -> FloatArray:
        """Log of likelihood x priors x quadrature weights at the nodes, shape (J, U)."""
        grid = self.surface.grid
        return (
            self.surface.log_m.sum(axis=0)
            + (self.prior_mu.logpdf(grid.mu) + grid.log_weight_mu)
            + (self.prior_tau.logpdf(grid.tau) + grid.log_weight_tau)[:, None]
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

    def mu_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of mu at ``x``, shape (P,)."""
        at = np.broadcast_to(x, (self.rows.size, x.size))
        weight = self.weight[self.rows]
        return row_cdf(self, weight, at).sum(axis=0), row_pdf(self, weight, at).sum(axis=0)

    def tau_cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of tau at ``x``, shape (P,)."""
        grid = self.surface.grid
        q = grid.tau_coordinate.coordinate(x)
        step = grid.q[1] - grid.q[0]
        position = np.clip((q - grid.q[0]) / step, -1e6, 1e6)
        offset = position[:, None] - np.arange(grid.q.size)
        density = np.sinc(offset) @ self.weight_tau / step
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.exp(-grid.tau_coordinate.log_jacobian(q))
        return sinc_cdf(offset) @ self.weight_tau, np.where(density > 0.0, density * slope, 0.0)

    @cached_property
    def refined(self) -> tuple[FloatArray, FloatArray]:
        """Nodes of mu and their weights on rows `REFINEMENT` times as dense, by interpolation; (R, F) each."""
        grid, rows = self.surface.grid, self.rows
        position = np.arange(REFINEMENT * (grid.shape[1] - 1) + 1) / REFINEMENT
        kernel = np.sinc(position[:, None] - np.arange(grid.shape[1])) / REFINEMENT
        v = grid.first_v[rows, None] + grid.step_v[rows, None] * position
        x = grid.centre[rows, None] + grid.width[rows, None] * np.sinh(v)
        return grid.mu_coordinate.value(x), np.maximum(self.weight[rows] @ kernel.T, 0.0)


def is_narrow(tau: FloatArray, mu: FloatArray, weight: FloatArray) -> BoolArray:
    """Return, per row, whether a normal kernel of SD ``tau`` (R,) is too narrow to be summed over the nodes.

    It is, if it is narrower than `WIDE` steps between any two nodes ``mu`` (R, F) that matter.
    """
    matters = weight > NEGLIGIBLE_NODE * weight.sum(axis=1, keepdims=True)
    step = np.diff(mu, axis=1) * (matters[:, 1:] & matters[:, :-1])
    return tau < WIDE * step.max(axis=1)


def log_sum_exp(values: FloatArray) -> float:
    """Return the log of the sum of exponentials over all entries."""
    largest = values.max()
    return float(largest + np.log(np.exp(values - largest).sum()))


def sinc_cdf(offset: FloatArray) -> FloatArray:
    """Return the integral of sinc from minus infinity to ``offset``."""
    return 0.5 + special.sici(np.pi * offset)[0] / np.pi


def row_cdf(
    posterior: Posterior, weight: FloatArray, mu: FloatArray, rows: IntArray | None = None
) -> FloatArray:
    """Return, per row of tau, the integral up to ``mu`` of the function with node weights ``weight``.

    Parameters
    ----------
    posterior : Posterior
        Its grid and rows are used.
    weight : array, shape (R, U)
        Function value times quadrature weight at each node; the posterior weights give a distribution function
        times the row's probability.
    mu : array, shape (R, P)
        Points, link scale.
    rows : array of int, shape (R,), optional
        Nodes of tau; by default ``posterior.rows``.

    Returns
    -------
    array, shape (R, P)
    """
    return np.einsum("rpu,ru->rp", sinc_cdf(_offset(posterior, mu, rows)), weight)


def row_pdf(
    posterior: Posterior, weight: FloatArray, mu: FloatArray, rows: IntArray | None = None
) -> FloatArray:
    """Return, per row, the function whose node weights are ``weight``, at ``mu``; shapes as `row_cdf`."""
    rows = posterior.rows if rows is None else rows
    grid = posterior.surface.grid
    position = np.clip(grid.position(mu, rows), -1e6, 1e6)
    # beyond the nodes the density is negligible, and the interpolant would ripple at rounding level
    inside = (position >= 0.0) & (position <= grid.shape[1] - 1)
    value = np.einsum("rpu,ru->rp", sinc_matrix(position, grid.shape[1]), weight)
    return np.where(inside, value * np.exp(grid.log_slope(mu, rows)), 0.0)


def sinc_matrix(position: FloatArray, size: int) -> FloatArray:
    """Return sinc(position - u) for u = 0 .. size - 1, as a last axis, at the cost of one sine per position."""
    nearest = np.rint(position)
    rest = position - nearest
    sine = np.sin(np.pi * rest) / np.pi
    node = np.arange(size)
    offset = position[..., None] - node
    at_node = np.abs(offset) < 1e-9
    sign = np.where((nearest[..., None] - node) % 2 == 0, sine[..., None], -sine[..., None])
    return np.where(at_node, 1.0, sign / np.where(at_node, 1.0, offset))


def _offset(posterior: Posterior, mu: FloatArray, rows: IntArray | None) -> FloatArray:
    grid = posterior.surface.grid
    rows = posterior.rows if rows is None else rows
    position = np.clip(grid.position(mu, rows), -1e6, 1e6)
    return position[:, :, None] - np.arange(grid.shape[1])
