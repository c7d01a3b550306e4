"""Independent draws from the posterior, so that every tool made for MCMC output works on an exact fit.

(mu, tau) are drawn by rejection from the cells of the grid, so that they follow the posterior itself and not
its grid; theta_i given (mu, tau) by inversion of its distribution function on a fine rule.
"""

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.surface.inverse_cdf import draw_from_nodes
from bayesmeta.surface.kernels import CommonKernel
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.terms import Terms

ENVELOPES = (1.3, 2.0, 4.0, 16.0)  # tried in turn; the first nearly always bounds the density on its cells
NODES = 161
AT_ONCE = 250  # draws whose rules are held at once: temporary arrays stay in a processor's cache
REACH = 4.5  # nodes of theta reach 3 sinh(4.5) = 135 conditional standard deviations


def draw_mu_tau(posterior: Posterior, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return independent draws of mu and tau, each of shape (size,).

    Raises
    ------
    AccuracyError
        If no envelope bounds the posterior density.
    """
    for factor in ENVELOPES:
        drawn = _by_rejection(posterior, size, rng, factor)
        if drawn is not None:
            return drawn
    raise AccuracyError("the posterior varies too fast between grid nodes to be sampled; use priors with lighter tails")


def _by_rejection(
    posterior: Posterior, size: int, rng: np.random.Generator, factor: float
) -> tuple[FloatArray, FloatArray] | None:
    """Return the draws, or None if the density exceeds its envelope at a proposed point."""
    envelope = factor * _largest_neighbour(posterior.weight)
    cells = np.cumsum(envelope.ravel())
    rule = posterior.surface.terms.marginal(level(0))
    mu, tau = np.empty(0), np.empty(0)
    while mu.size < size:
        count = int(1.2 * (size - mu.size) * cells[-1]) + 64
        cell = np.minimum(np.searchsorted(cells, rng.uniform(0.0, cells[-1], count)), cells.size - 1)
        offset = rng.uniform(-0.5, 0.5, (2, count))
        new_mu, new_tau, log_mass = _at(posterior, cell, offset)
        log_f = (
            rule(new_mu, new_tau).sum(axis=0)
            + posterior.prior_mu.logpdf(new_mu)
            + posterior.prior_tau.logpdf(new_tau)
            + log_mass
            - posterior.log_evidence
        )
        ratio = np.exp(log_f) / envelope.ravel()[cell]
        if (ratio > 1.0).any():
            return None
        accept = rng.uniform(size=count) < ratio
        mu, tau = np.r_[mu, new_mu[accept]], np.r_[tau, new_tau[accept]]
    return mu[:size], tau[:size]


def _largest_neighbour(weight: FloatArray) -> FloatArray:
    padded = np.pad(weight, 1)
    rows, columns = weight.shape
    shifts = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.asarray(np.max(shifts, axis=0))


def _at(posterior: Posterior, cell: IntArray, offset: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mu, tau and the log of the cell's volume element at offsets (in steps) from the cells' nodes."""
    grid = posterior.surface.grid
    row, column = np.divmod(cell, grid.shape[1])
    step_q = grid.q[1] - grid.q[0]
    q = grid.q[row] + offset[0] * step_q
    v = grid.first_v[row] + (column + offset[1]) * grid.step_v[row]
    x = grid.centre[row] + grid.width[row] * np.sinh(v)
    tau = np.maximum(grid.tau_coordinate.value(q), np.finfo(np.float64).tiny)
    log_mass = (
        np.log(step_q * grid.step_v[row] * grid.width[row] * np.cosh(v))
        + grid.tau_coordinate.log_jacobian(q)
        + grid.mu_coordinate.log_jacobian(x)
    )
    return grid.mu_coordinate.value(x), tau, log_mass


def draw_theta(terms: Terms, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a draw of theta given each linear predictor, (k, size) or (size,), and tau (size,); (k, size)."""
    eta = np.broadcast_to(eta, (terms.k, tau.size))
    if isinstance(terms.kernel, CommonKernel):
        return eta.copy()
    if isinstance(terms, NormalTerms):
        shrinkage = terms.se[:, None] ** 2 / (terms.se[:, None] ** 2 + tau**2)
        mean = shrinkage * eta + (1.0 - shrinkage) * terms.y[:, None]
        return rng.normal(mean, np.sqrt(shrinkage) * tau)
    blocks = np.array_split(np.arange(tau.size), -(-tau.size // AT_ONCE))
    drawn = np.empty(eta.shape)
    for i in range(terms.k):
        study = terms.take(np.array([i]))
        for block in blocks:
            drawn[i, block] = _one_theta(study, eta[i, block], tau[block], rng)
    return drawn


def _one_theta(terms: Terms, mu: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Invert the distribution function of theta on nodes about the likelihood, the kernel, and their product."""
    centre, variance = (float(each[0]) for each in terms.rough())
    shrinkage = variance / (variance + tau**2)
    between, narrow = shrinkage * mu + (1.0 - shrinkage) * centre, np.sqrt(shrinkage) * tau
    v = np.sinh(np.linspace(-REACH, REACH, NODES))
    spread = ((np.full_like(mu, centre), np.full_like(tau, np.sqrt(variance))), (mu, tau), (between, narrow))
    theta = np.sort(np.hstack([place[:, None] + 3.0 * sd[:, None] * v for place, sd in spread]), axis=1)
    log_f = terms.log_likelihood(theta)[0] + terms.kernel.log_density(theta, mu[:, None], tau[:, None])
    return draw_from_nodes(theta, log_f, rng)
