"""How far in the tail of what the other studies predict does each study lie?

    below_i = sum over the nodes of P(mu, tau | data without i) below_i(mu, tau)

with below_i(mu, tau) from `surface.replicates`, on one grid that holds the posteriors without each study in turn.
"""

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import TOLERANCE, Problem, solve
from bayesmeta.exact.study_sets import Parts, pose_part
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import Level, level
from bayesmeta.surface.region import Region, find_region
from bayesmeta.surface.replicates import below_rule
from bayesmeta.surface.surface import Surface, tabulate

NEGLIGIBLE = 1e-16  # nodes with less probability are left out
BLOCK = 64  # studies at once


def below_others(problem: Problem, study: IntArray, index: int) -> tuple[FloatArray, FloatArray]:
    """Return below_i of some studies at two resolutions, each of shape (S,); their difference is the error.

    Parameters
    ----------
    problem : Problem
        Of all k studies.
    study : array of int, shape (S,)
        Which studies; the posterior without each of them must be proper.
    index : int
        The finer level.

    Raises
    ------
    AccuracyError
        If a posterior cannot be computed accurately.
    """
    if not study.size:
        return np.empty(0), np.empty(0)
    include = np.ones((1 + study.size, problem.terms.k))  # the whole too: its nodes lie where below_i changes
    include[1 + np.arange(study.size), study] = 0.0
    try:
        region = find_region(problem.terms, Parts(problem, include), problem.mu_coordinate, problem.tau_coordinate)
        both = np.stack([_on_one_grid(problem, region, study, level(i)) for i in (index, index - 1)])
    except AccuracyError:
        both = np.full((2, study.size), np.nan)
    for i in np.flatnonzero(~(np.abs(both[0] - both[1]) <= TOLERANCE)):
        both[:, i] = _on_its_own_grid(problem, int(study[i]))
    return both[0], both[1]


def _on_one_grid(problem: Problem, region: Region, study: IntArray, settings: Level) -> FloatArray:
    grid = make_grid(region, settings, problem.mu_coordinate, problem.tau_coordinate)
    surface = tabulate(problem.terms, grid, settings)
    log_joint = (
        surface.log_m.sum(axis=0)
        + (problem.prior_mu.logpdf(grid.mu) + grid.log_weight_mu)
        + (problem.prior_tau.logpdf(grid.tau) + grid.log_weight_tau)[:, None]
    )
    parts = np.array_split(study, -(-study.size // BLOCK))
    return np.concatenate([_below(surface, log_joint - surface.log_m[part], part) for part in parts])


def _below(surface: Surface, log_weight: FloatArray, study: IntArray) -> FloatArray:
    """Return below_i given log weights (S, J, U) of the nodes, up to a constant each."""
    log_weight = log_weight.reshape(study.size, -1)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    kept = np.flatnonzero(weight.max(axis=0) > NEGLIGIBLE)
    mu, tau = surface.grid.mu.ravel()[kept], np.repeat(surface.grid.tau, surface.grid.shape[1])[kept]
    below = below_rule(surface.terms.take(study), surface.settings)(mu, tau)
    return np.asarray((weight[:, kept] * below).sum(axis=1))


def _on_its_own_grid(problem: Problem, study: int) -> FloatArray:
    """Return below_i of one study at two resolutions, from a posterior of the others that is refined for it."""
    others = np.arange(problem.terms.k) != study
    own = problem.terms.take(np.array([study]))
    if not others.any():
        raise AccuracyError(
            f"the prior predictive probability of the study could not be computed: {problem.likely_cause}"
        )

    def below(quantities: Quantities) -> float:
        posterior = quantities.posterior
        grid, settings = posterior.surface.grid, posterior.surface.settings
        values = below_rule(own, settings)(grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1]))
        return posterior.mean(values.reshape(grid.shape))

    def error(fine: Quantities, coarse: Quantities) -> float:
        return abs(below(fine) - below(coarse)) / TOLERANCE

    solution = solve(pose_part(problem, others), error)
    return np.array([below(solution.fine), below(solution.coarse)])
