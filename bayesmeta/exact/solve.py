"""How is a model solved to a stated accuracy? Two resolutions, refined until they agree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.causes import likely_cause
from bayesmeta.exact.existence import TailOrders, tail_orders
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import Coordinate, HalfLine, Interval, RealLine, SinhLine, SteepInterval
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import Level, level
from bayesmeta.surface.region import Region, find_region_and_rule
from bayesmeta.surface.surface import tabulate
from bayesmeta.surface.terms import MarginalRule, Terms

TOLERANCE = 1e-6  # of every mean, sd and quantile; refinement goes on until it is met
ACCEPTABLE = 1e-3  # what the finest resolution must reach; the error that is left is stated with the result
FINEST = 7
MOST_NODES = 150_000  # finer grids would take seconds
TAU_SCALE = 0.1  # tau's coordinate bends at a tenth of the typical standard error


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be integrated: likelihoods, priors, and the coordinates that suit them."""

    terms: Terms
    prior_mu: Prior
    prior_tau: Prior
    orders: TailOrders
    mu_coordinate: Coordinate
    tau_coordinate: Coordinate
    link: str

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the log posterior densities up to what depends on tau only, shape (targets, P).

        Where a tail is heavy, the region that matters to an existing moment reaches further than that of the
        density, so the density times the moment's power is a target of its own.
        """
        log_f = log_m.sum(axis=0) + self.prior_mu.logpdf(mu)
        if not self.has_heavy_tail:
            return log_f[None]
        far = self.orders.highest_moment("mu") * np.log1p(np.abs(mu))
        return np.stack([log_f, log_f, log_f + far])

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the rest of the log posterior densities, shape (targets, R)."""
        log_f = self.prior_tau.logpdf(tau)
        if not self.has_heavy_tail:
            return log_f[None]
        return np.stack([log_f, log_f + self.orders.highest_moment("tau") * np.log(tau), log_f])

    @property
    def has_heavy_tail(self) -> bool:
        """Whether the posterior density of tau or mu falls only like a power."""
        return not np.isinf([self.orders.tau, self.orders.mu_left, self.orders.mu_right]).all()

    @property
    def likely_cause(self) -> str:
        """What may be to blame if the posterior cannot be computed, and what to do: the end of an error message."""
        return likely_cause(self.terms, self.prior_mu, self.prior_tau)

    def posterior(self, region: Region, settings: Level, rule: MarginalRule | None = None) -> Posterior:
        """Return the posterior on the grid that ``settings`` lay over a region, by their ``rule`` if it is there."""
        grid = make_grid(region, settings, self.mu_coordinate, self.tau_coordinate)
        surface = tabulate(self.terms, grid, settings, rule, link=self.link)
        return Posterior(surface, self.prior_mu, self.prior_tau)


@final
@dataclass(frozen=True, eq=False)
class Solution:
    """A posterior at two resolutions: the finer is the answer, the coarser says how good it is."""

    problem: Problem
    fine: Quantities
    coarse: Quantities
    index: int


def pose(terms: Terms, prior_mu: Prior, prior_tau: Prior, *, link: str = "identity") -> Problem:
    """Check that the posterior is proper, and choose coordinates.

    Parameters
    ----------
    terms : Terms
        The likelihoods.
    prior_mu, prior_tau : Prior
        The priors.
    link : str
        What the study effects are a function of; proportions are then summarised as well.

    Raises
    ------
    ImproperPosteriorError
        If it is not.
    """
    orders = tail_orders(prior_mu, prior_tau, *terms.limits(), kernel_order=terms.kernel.tail_order)
    centre, variance = terms.rough()
    informative = ~np.logical_and(*terms.limits())
    typical = float(np.median(np.sqrt(variance[informative]))) if informative.any() else 1.0
    if np.isfinite(prior_tau.support[1]):
        tau_coordinate: Coordinate = SteepInterval(*prior_tau.support)
    else:
        tau_coordinate = HalfLine(TAU_SCALE * typical)
    bounded = np.isfinite(prior_mu.support).all()
    if bounded:
        mu_coordinate: Coordinate = Interval(*prior_mu.support)
    elif np.isfinite(prior_mu.tail_order) and prior_mu.is_proper:
        mu_coordinate = SinhLine(float(np.mean(centre)) if terms.k else 0.0, typical)
    else:
        mu_coordinate = RealLine()
    return Problem(terms, prior_mu, prior_tau, orders, mu_coordinate, tau_coordinate, link)


def solve(problem: Problem, error: Callable[[Quantities, Quantities], float]) -> Solution:
    """Refine until ``error(fine, coarse)`` is at most 1; failing that, return the best resolution if acceptable.

    Parameters
    ----------
    problem : Problem
        From `pose`.
    error : callable
        Largest error of the summary in units of its tolerance.

    Raises
    ------
    AccuracyError
        If the finest resolution is not good enough.
    """
    try:
        region, rule = find_region_and_rule(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate)
    except AccuracyError:
        raise AccuracyError(f"the region of the posterior could not be found: {problem.likely_cause}") from None

    def at(index: int, rule: MarginalRule | None = None) -> Quantities:
        return Quantities(problem.posterior(region, level(index), rule), problem.orders)

    coarse = at(0, rule)
    del rule
    best, least = None, ACCEPTABLE / TOLERANCE
    for index in range(1, FINEST + 1):
        fine = at(index)
        largest = error(fine, coarse)
        if largest <= least:
            best, least = Solution(problem, fine, coarse, index), largest
        if best is not None and least <= 1.0:
            return best
        if fine.posterior.weight.size > MOST_NODES:
            break
        coarse = fine
    if best is None:
        raise AccuracyError(f"the summary could not be computed to {ACCEPTABLE:g}: {problem.likely_cause}")
    return best
