"""How well is each study predicted by the others? Exact leave-one-out log predictive densities.

    elpd_loo_i = log p(data_i | data without i) = log Z - log Z_(-i)

Both evidences are sums over one surface, whose grid covers the posterior without each of the studies in turn
(a grid that fits the full posterior would cut the others off). No Pareto approximation is involved.
"""

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.solve import Problem
from bayesmeta.surface.grid import find_region, make_grid
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.surface import tabulate


def leave_one_out_densities(problem: Problem, index: int) -> tuple[FloatArray, FloatArray]:
    """Return elpd_loo of every study at level ``index`` and at the level before it, each of shape (k,).

    Raises
    ------
    AccuracyError
        If the region of a posterior cannot be found.
    """

    def target(mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        total = log_m.sum(axis=0) + problem.prior_mu.logpdf(mu) + problem.prior_tau.logpdf(tau)
        return np.vstack([total, total - log_m])

    coordinates = problem.mu_coordinate, problem.tau_coordinate
    region = find_region(problem.terms, target, *coordinates)

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

    return at(index), at(index - 1)
