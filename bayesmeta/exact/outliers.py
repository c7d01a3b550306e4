"""Which studies come from elsewhere? A mixture of two normal distributions of effects, on one surface.

    theta_i ~ (1 - share) Normal(mu, tau^2) + share Normal(mu, tau^2 + added^2)

so that study i contributes (1 - share) m_i(mu, tau) + share m_i(mu, sqrt(tau^2 + added^2)): the surface at two SDs.
The product over k studies is a polynomial of degree k in ``share``, which a Gauss-Jacobi rule of k/2 + 1 nodes
integrates against a Beta prior without error.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import ACCEPTABLE, FINEST, MOST_NODES, TOLERANCE, Problem
from bayesmeta.exact.study_sets import even_coordinate
from bayesmeta.exact.summary import worst_error
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import PILOT, Level, level
from bayesmeta.surface.region import Region, find_region
from bayesmeta.surface.surface import tabulate

FIRST_TRIES = 2  # finest level of the grid that resolves one peak
SHARES_PER_LEVEL = 24  # nodes of the share: exact up to 47 studies; beyond, the levels show how good they are


@final
@dataclass(frozen=True, eq=False)
class Shares:
    """Nodes of the share of outliers and the logs of their prior probabilities, shape (S,) each."""

    value: FloatArray
    log_probability: FloatArray

    def log_mixed(self, log_odds: FloatArray) -> FloatArray:
        """Return log of the product over studies of (1 - share) + share exp(log_odds), shape (S, ...)."""
        either = zip(np.log1p(-self.value), np.log(self.value), strict=True)
        return np.stack([np.logaddexp(inside, outside + log_odds).sum(axis=0) for inside, outside in either])

    def log_rest(self, log_odds: FloatArray) -> FloatArray:
        """Return the log of that product, averaged over the prior of the share, shape (...)."""
        shape = (-1,) + (1,) * (log_odds.ndim - 1)
        log_terms = self.log_mixed(log_odds) + self.log_probability.reshape(shape)
        return np.asarray(special.logsumexp(log_terms, axis=0))


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """What is integrated; a target of `find_region`."""

    problem: Problem
    added: float
    share: float | tuple[float, float]

    def shares(self, index: int) -> Shares:
        """Return the nodes of the share at a level: one if it is known, else those of its Beta(a, b) prior."""
        if isinstance(self.share, float):
            return Shares(np.array([self.share]), np.zeros(1))
        a, b = self.share
        count = min(self.problem.terms.k // 2 + 1, SHARES_PER_LEVEL * (index + 1))
        value, weight = special.roots_sh_jacobi(count, a + b - 1.0, a)
        return Shares(value, np.log(weight / weight.sum()))

    def log_odds(self, settings: Level, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return log m_i(mu, sqrt(tau^2 + added^2)) - log m_i(mu, tau) at points (P,), shape (k, P)."""
        wide = self.problem.terms.marginal(settings)(mu, np.hypot(tau, self.added))
        return wide - log_m

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the parts of the log densities that depend on mu, shape (targets, P)."""
        return self.problem.of_mu(mu, tau, log_m) + self.shares(0).log_rest(self.log_odds(PILOT, mu, tau, log_m))

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the rest of the log densities, shape (targets, R)."""
        return self.problem.of_tau(tau)


@final
@dataclass(frozen=True, eq=False)
class Mixed:
    """The posterior of the mixture at one resolution.

    Parameters
    ----------
    quantities : Quantities
        The posterior of (mu, tau) under the mixture, and what follows from it.
    log_odds : array, shape (k, J, U)
        Log likelihood ratio of the two components, at the nodes.
    shares : Shares
        Nodes of the share.
    """

    quantities: Quantities
    log_odds: FloatArray
    shares: Shares

    @property
    def posterior(self) -> Posterior:
        """The posterior of (mu, tau)."""
        return self.quantities.posterior

    @cached_property
    def _weight(self) -> FloatArray:
        """Posterior probabilities of (share, node), shape (S, J, U); they sum to 1."""
        log_terms = self.shares.log_mixed(self.log_odds) + self.shares.log_probability[:, None, None]
        weight: FloatArray = np.exp(self.posterior.log_weight + log_terms - self.posterior.log_rest)
        return weight

    @cached_property
    def outlier(self) -> FloatArray:
        """Probability that each study is of the wider component, shape (k,)."""
        total = np.zeros(self.log_odds.shape[0])
        for prior, weight in zip(special.logit(self.shares.value), self._weight, strict=True):
            total += (special.expit(self.log_odds + prior) * weight).sum(axis=(1, 2))
        return total

    @cached_property
    def none(self) -> float:
        """Probability that no study is of the wider component."""
        log_none = self.log_odds.shape[0] * np.log1p(-self.shares.value)
        ratio = np.exp(log_none[:, None, None] - self.shares.log_mixed(self.log_odds))
        return float((self._weight * ratio).sum())

    @cached_property
    def share(self) -> float:
        """Posterior mean of the share."""
        return float(self.shares.value @ self._weight.sum(axis=(1, 2)))

    @property
    def values(self) -> FloatArray:
        """All that is reported beside the summary: outlier (k,), none, share, log evidence."""
        return np.append(self.outlier, [self.none, self.share, self.posterior.log_evidence])


def solve_mixture(mixture: Mixture, names: tuple[str, ...]) -> tuple[Mixed, Mixed]:
    """Return the posterior of the mixture at two resolutions, the finer first.

    Parameters
    ----------
    mixture : Mixture
        The model.
    names : tuple of str
        Quantities whose summary must be accurate.

    Raises
    ------
    AccuracyError
        If the finest resolution is not good enough.
    """
    problem = mixture.problem
    best, least = None, ACCEPTABLE / TOLERANCE
    # given a small tau, mu may have a peak at every group of studies, which only even steps resolve; they cost more
    for coordinate, finest in ((problem.mu_coordinate, FIRST_TRIES), (even_coordinate(problem), FINEST)):
        region = find_region(problem.terms, mixture, coordinate, problem.tau_coordinate)
        coarse = None
        for index in range(finest + 1):
            fine = _mixed(mixture, region, coordinate, index)
            if fine is None:
                break
            worst = np.inf if coarse is None else _worst(fine, coarse, names)
            if coarse is not None and worst <= least:
                best, least = (fine, coarse), worst
            if best is not None and least <= 1.0:
                return best
            coarse = fine
    if best is None:
        raise AccuracyError(f"the mixture could not be computed to {ACCEPTABLE:g}: {problem.likely_cause}")
    return best


def _worst(fine: Mixed, coarse: Mixed, names: tuple[str, ...]) -> float:
    """Return the largest error in units of its tolerance; inf where a grid is too coarse for quantiles to exist."""
    values = float(np.abs(fine.values - coarse.values).max()) / TOLERANCE
    try:
        return max(values, worst_error(fine.quantities, coarse.quantities, names))
    except AccuracyError:
        return np.inf


def _mixed(mixture: Mixture, region: Region, coordinate: Coordinate, index: int) -> Mixed | None:
    """Return the posterior at one level, or None if its grid would take seconds."""
    problem, settings, shares = mixture.problem, level(index), mixture.shares(index)
    grid = make_grid(region, settings, coordinate, problem.tau_coordinate)
    if grid.mu.size > MOST_NODES:
        return None
    surface = tabulate(problem.terms, grid, settings, link=problem.link)
    points = grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1])
    log_m = surface.log_m.reshape(problem.terms.k, -1)
    log_odds = mixture.log_odds(settings, *points, log_m).reshape(-1, *grid.shape)
    posterior = Posterior(surface, problem.prior_mu, problem.prior_tau, shares.log_rest(log_odds))
    return Mixed(Quantities(posterior, problem.orders), log_odds, shares)
