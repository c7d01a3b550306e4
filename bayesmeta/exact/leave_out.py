"""How well is each study predicted by the others? Exact leave-one-out log predictive densities.

    elpd_loo_i = log p(data_i | data without i) = log Z - log Z_(-i)

Both evidences are sums over one surface, whose grid covers the posterior without each of the studies in turn
(a grid that fits the full posterior would cut the others off). No Pareto approximation is involved.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import TOLERANCE, Problem, pose, solve
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import find_region
from bayesmeta.surface.surface import tabulate


@final
@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The posterior of all studies, and those without each of them in turn, as targets of `find_region`."""

    problem: Problem

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the part of the log densities that depends on mu, shape (1 + k, P)."""
        total = log_m.sum(axis=0) + self.problem.prior_mu.logpdf(mu)
        return np.vstack([total, total - log_m])

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the log prior density of tau, shape (1, R)."""
        return self.problem.prior_tau.logpdf(tau)[None]


def leave_one_out_densities(problem: Problem, index: int) -> tuple[FloatArray, FloatArray]:
    """Return elpd_loo of every study at level ``index`` and at the level before it, each of shape (k,).

    Raises
    ------
    AccuracyError
        If the region of a posterior cannot be found.
    """
    coordinates = problem.mu_coordinate, problem.tau_coordinate
    region = find_region(problem.terms, LeaveOneOut(problem), *coordinates)

    def at(settings_index: int) -> FloatArray:
        settings = level(settings_index)
        surface = tabulate(problem.terms, make_grid(region, settings, *coordinates), settings)
        grid = surface.grid
        total = (
            surface.log_m.sum(axis=0)
            + (problem.prior_mu.logpdf(grid.mu) + grid.log_weight_mu)
            + (problem.prior_tau.logpdf(grid.tau) + grid.log_weight_tau)[:, None]
        )
        log_z = special.logsumexp(total)
        return np.array([log_z - special.logsumexp(total - log_m) for log_m in surface.log_m])

    fine, coarse = at(index), at(index - 1)
    for i in np.flatnonzero(np.abs(fine - coarse) > TOLERANCE):
        fine[i], coarse[i] = _by_two_fits(problem, int(i))
    return fine, coarse


def _by_two_fits(problem: Problem, study: int) -> tuple[float, float]:
    """Return elpd_loo of one study at two resolutions, from surfaces of their own with and without it.

    Needed where the study conflicts so strongly with the others that no one grid holds both posteriors.
    """
    every = np.arange(problem.terms.k, dtype=np.intp)
    rest = problem.terms.take(np.delete(every, study))
    without = pose(rest, problem.prior_mu, problem.prior_tau)

    def error(fine: Quantities, coarse: Quantities) -> float:
        return abs(fine.posterior.log_evidence - coarse.posterior.log_evidence) / TOLERANCE

    both, others = solve(problem, error), solve(without, error)
    fine = both.fine.posterior.log_evidence - others.fine.posterior.log_evidence
    return fine, fine + TOLERANCE * (error(both.fine, both.coarse) + error(others.fine, others.coarse))
