"""Independent draws of the coefficients and tau of a model with moderators.

tau is drawn by inversion of its distribution function on a fine rule. Given tau the parts of the design are
independent; if all is normal, so are the coefficients, and are drawn as such. Otherwise those of a part are drawn by
rejection from a multivariate t distribution about their mode at that tau (of a single coefficient: about its median),
from

    f(beta | tau) ~ prior(beta) product of m_i(x_i'beta, tau),

so that accepted draws follow the posterior itself, whatever the quality of mode and scale. The envelope is that of
the ratio of the two densities at the centre, times a factor; a ratio that exceeds it at any proposed point makes the
draws void, and a larger factor is tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.gaussian import gaussian_terms
from bayesmeta.exact.laplace import peaks
from bayesmeta.exact.nuisance import IntegratedTerms
from bayesmeta.exact.parts import Regression
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.spec.observed import Estimates
from bayesmeta.surface.inverse_cdf import SMALLEST, draw_from_nodes
from bayesmeta.surface.quadrature import level

ENVELOPES: Final = (1.5, 3.0, 10.0, 50.0, 500.0)  # tried in turn
NU: Final = 5.0  # degrees of freedom of proposals: heavier tails than those of a log-concave density
WIDER: Final = 1.2  # proposals are so much wider than the density at its mode
MOST_ROUNDS: Final = 400
TAU_NODES: Final = 1000  # between them tau's density is taken as linear: off by 1e-5 of its height
NORMAL_QUANTILES: Final = (0.1587, 0.5, 0.8413)
SETTINGS: Final = level(1)

type LogDensity = Callable[[FloatArray, FloatArray], FloatArray]
"""From coefficients (P, q) and tau (P,) to log f (P,)."""


def draw_coefficients(
    regression: Regression, posteriors: Sequence[Quantities], size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return independent draws of the coefficients, shape (p, size), and of tau, shape (size,).

    Parameters
    ----------
    regression : Regression
        The model and data.
    posteriors : sequence of Quantities
        Of each coefficient and tau.
    size : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Raises
    ------
    AccuracyError
        If no envelope bounds the density of the coefficients.
    """
    tau = _draw_tau(posteriors[0].posterior, size, rng)
    if regression.is_normal:
        return _normal(regression, tau, rng), tau
    beta = np.empty((len(regression.coef), size))
    for part in regression.parts():
        beta[part] = _by_rejection(*_part(regression, part, posteriors[int(part[0])].posterior), tau, rng).T
    return beta, tau


def _draw_tau(posterior: Posterior, size: int, rng: np.random.Generator) -> FloatArray:
    """Return draws of tau by inversion of its distribution function, tabulated in tau's coordinate q."""
    grid, rows = posterior.surface.grid, posterior.rows
    first, last = max(rows[0] - 1, 0), min(rows[-1] + 1, grid.q.size - 1)
    q = np.linspace(grid.q[first], grid.q[last], TAU_NODES)
    density = np.maximum(posterior.tau_cdf_pdf(grid.tau_coordinate.value(q))[1], 0.0)
    log_density = np.log(np.maximum(density, SMALLEST)) + grid.tau_coordinate.log_jacobian(q)
    table = np.broadcast_to(q, (size, TAU_NODES)), np.broadcast_to(log_density, (size, TAU_NODES))
    return grid.tau_coordinate.value(draw_from_nodes(*table, rng))


def _normal(regression: Regression, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
    data, p = regression.data, len(regression.coef)
    assert isinstance(data, Estimates)
    terms = gaussian_terms(data.y, data.se, regression.design, regression.priors, np.ones(p))
    mean, precision = terms.coefficients(tau)
    # with precision L L', the vector inv(L') z has the covariance inv(precision)
    factor = np.linalg.cholesky(precision)
    z = rng.standard_normal((tau.size, p, 1))
    return np.asarray((mean + np.linalg.solve(np.swapaxes(factor, 1, 2), z)[:, :, 0]).T)


@final
@dataclass(frozen=True, eq=False)
class Proposal:
    """Multivariate t distributions, whose centres and scales are interpolated between nodes of tau.

    Parameters
    ----------
    tau : array, shape (J,)
        The nodes, ascending.
    centre : array, shape (J, q)
        Their centres.
    factor : array, shape (J, q, q)
        Lower triangular; the scale matrices are factor factor'.
    nu : float
        Degrees of freedom.
    """

    tau: FloatArray
    centre: FloatArray
    factor: FloatArray
    nu: float

    def at(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return centre (P, q) and factor (P, q, q) at some values of tau."""
        flat = np.concatenate([self.centre, self.factor.reshape(self.tau.size, -1)], axis=1)
        values = np.column_stack([np.interp(tau, self.tau, column) for column in flat.T])
        q = self.centre.shape[1]
        return values[:, :q], values[:, q:].reshape(-1, q, q)

    def draw(self, centre: FloatArray, factor: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return a point of each distribution (P, q), and its log density relative to that at the centre (P,)."""
        q = centre.shape[1]
        z = rng.standard_normal((len(centre), q)) / np.sqrt(rng.chisquare(self.nu, (len(centre), 1)) / self.nu)
        point = centre + np.einsum("pij,pj->pi", factor, z)
        return point, -0.5 * (self.nu + q) * np.log1p((z * z).sum(axis=1) / self.nu)


def _part(regression: Regression, part: IntArray, posterior: Posterior) -> tuple[LogDensity, Proposal]:
    """Return the density of the coefficients of a part given tau, and what proposes them."""
    studies = np.flatnonzero((regression.design[:, part] != 0.0).any(axis=1))
    design, terms = regression.design[np.ix_(studies, part)], regression.base.terms.take(studies)
    priors = [regression.priors[i] for i in part]
    rows, which = np.unique(design, axis=0, return_inverse=True)
    rules = [terms.take(np.flatnonzero(which == i)).marginal(SETTINGS) for i in range(len(rows))]

    def log_f(beta: FloatArray, tau: FloatArray) -> FloatArray:
        total = np.sum([prior.logpdf(beta[:, j]) for j, prior in enumerate(priors)], axis=0)
        for x, rule in zip(rows, rules, strict=True):
            total = total + rule(beta @ x, tau).sum(axis=0)
        return np.asarray(total)

    nodes = posterior.surface.grid.tau[posterior.rows]
    if part.size == 1:
        centre, scale = _median_and_scale(posterior)
        nu = min(NU, *(max(prior.tail_order - 1.0, 0.5) for prior in priors))
        return log_f, Proposal(nodes, centre[:, None], WIDER * scale[:, None, None], nu)
    integrated = IntegratedTerms(terms, design, priors, np.eye(part.size)[0])
    mode, covariance = peaks(integrated, nodes, level(0))
    return log_f, Proposal(nodes, mode, WIDER * np.linalg.cholesky(covariance), NU)


def _median_and_scale(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the median of mu and half the width of its middle 68 % at each row of tau, shape (R,) each."""
    grid, rows = posterior.surface.grid, posterior.rows
    found = []
    for mu, weight in zip(grid.mu[rows], posterior.weight[rows], strict=True):
        cdf = np.cumsum(weight) - 0.5 * weight
        found.append(np.interp(NORMAL_QUANTILES, cdf / weight.sum(), mu))
    low, middle, high = np.array(found).T
    return middle, 0.5 * (high - low)


def _by_rejection(log_f: LogDensity, proposal: Proposal, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a draw of the coefficients at each tau, shape (size, q)."""
    centre, factor = proposal.at(tau)
    at_centre = log_f(centre, tau)
    for envelope in ENVELOPES:
        drawn = _within(envelope, (log_f, proposal), (tau, centre, factor, at_centre), rng)
        if drawn is not None:
            return drawn
    raise AccuracyError("the coefficients could not be drawn: their posterior is too far from a normal one.")


def _within(
    envelope: float, densities: tuple[LogDensity, Proposal], given: Sequence[FloatArray], rng: np.random.Generator
) -> FloatArray | None:
    """Return the draws, or None if the density exceeds its envelope at a proposed point."""
    (log_f, proposal), (tau, centre, factor, at_centre) = densities, given
    out, left = np.empty_like(centre), np.arange(tau.size)
    for _ in range(MOST_ROUNDS):
        point, log_q = proposal.draw(centre[left], factor[left], rng)
        ratio = np.exp(log_f(point, tau[left]) - at_centre[left] - log_q) / envelope
        if (ratio > 1.0).any():
            return None
        accepted = rng.uniform(size=left.size) < ratio
        out[left[accepted]] = point[accepted]
        left = left[~accepted]
        if not left.size:
            return out
    return None
