"""How are several parts of a model solved that share one tau? Given tau they are independent.

Part g has its own studies and its own scalar mu_g (the mean of a group, or a linear combination of
coefficients), with Z_g(tau) = integral of its likelihood times the prior of mu_g. Then

    p(mu_g, tau | data)  ~  likelihood_g(mu_g, tau) prior(mu_g) prior(tau) product over h != g of Z_h(tau)

All parts lie on the same nodes of tau, so that the product is a sum of numbers already computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.gaussian import GaussianTerms
from bayesmeta.exact.nuisance import IntegratedTerms
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import ACCEPTABLE, FINEST, MOST_NODES, TOLERANCE, Problem
from bayesmeta.surface.coordinates import RealLine
from bayesmeta.surface.locate import NODES, Located, LogDensity, locate
from bayesmeta.surface.quadrature import PILOT, level
from bayesmeta.surface.region import FIRST_Q, NEAR_Q, Q_STEP, TINY, Region, Search, sharpest

AT_ENDS = 1e-8  # of the posterior at the outermost nodes
LEAST_BEND = 1e-3  # least second difference of the log density of q that is told apart from a flat one


@final
@dataclass(frozen=True, eq=False)
class Joint:
    """The posteriors of the parts at two resolutions, all on the same nodes of tau.

    Parameters
    ----------
    fine, coarse : tuple of Quantities
        One for each part.
    index : int
        The finer level.
    """

    fine: tuple[Quantities, ...]
    coarse: tuple[Quantities, ...]
    index: int


def solve_jointly(
    problems: Sequence[Problem], error: Callable[[int, Quantities, Quantities], float], *, start: int = 1
) -> Joint:
    """Refine until ``error(part, fine, coarse)`` is at most 1 for every part.

    Parameters
    ----------
    problems : sequence of Problem
        The parts; they have the same prior and coordinate of tau.
    error : callable
        Largest error of a part's summary in units of its tolerance.
    start : int
        First level that is compared with the one before it.

    Returns
    -------
    Joint

    Raises
    ------
    AccuracyError
        If the finest resolution is not good enough.
    """
    regions = find_regions(problems)
    coarse = _at(problems, regions, start - 1)
    best, least = None, ACCEPTABLE / TOLERANCE
    for index in range(start, FINEST + 1):
        fine = _at(problems, regions, index)
        largest = max(error(i, *pair) for i, pair in enumerate(zip(fine, coarse, strict=True)))
        if largest <= least:
            best, least = Joint(fine, coarse, index), largest
        if best is not None and least <= 1.0:
            return best
        if max(part.posterior.weight.size for part in fine) > MOST_NODES:
            break
        coarse = fine
    if best is None:
        raise AccuracyError(f"the summary could not be computed to {ACCEPTABLE:g}: {problems[0].likely_cause}")
    return best


def log_z(posterior: Posterior) -> FloatArray:
    """Return log Z(tau) of a posterior's studies and prior of mu at its nodes of tau, shape (J,)."""
    grid = posterior.surface.grid
    log_f = posterior.surface.log_m.sum(axis=0) + posterior.prior_mu.logpdf(grid.mu) + grid.log_weight_mu
    return np.asarray(special.logsumexp(log_f, axis=1))


def _at(problems: Sequence[Problem], regions: Sequence[Region], index: int) -> tuple[Quantities, ...]:
    posteriors = [problem.posterior(region, level(index)) for problem, region in zip(problems, regions, strict=True)]
    parts = np.array([log_z(posterior) for posterior in posteriors])
    others = [parts[np.arange(len(parts)) != i].sum(axis=0) for i in range(len(parts))]
    found = []
    for posterior, rest, problem in zip(posteriors, others, problems, strict=True):
        found.append(Quantities(replace(posterior, log_rest=rest[:, None]), problem.orders))
        _check_ends(found[-1].posterior)
    return tuple(found)


def _check_ends(posterior: Posterior) -> None:
    """Raise `AccuracyError` if the posterior does not lie inside its grid, which two resolutions would not show."""
    weight = posterior.weight
    at_ends = max(weight[0].sum(), weight[-1].sum(), weight[:, 0].sum(), weight[:, -1].sum())
    if not at_ends < AT_ENDS:
        raise AccuracyError(
            "the posterior reaches beyond the region that was found for it; scale the moderators to an SD of about 1, "
            "and give coefficients priors such as Normal(0, 1.5)."
        )


def find_regions(problems: Sequence[Problem]) -> list[Region]:
    """Find where the joint posterior lives: one bracket of q for all parts, and brackets of each mu_g.

    Raises
    ------
    AccuracyError
        If no bracket settles.
    """
    return regions_between(problems, *find_bracket(problems))


def find_bracket(problems: Sequence[Problem]) -> tuple[float, float]:
    """Find the bracket of q, tau's coordinate, that holds the joint posterior."""
    densities = [_density_of_x(problem) for problem in problems]
    coordinate = problems[0].tau_coordinate

    def outer(q: FloatArray, rows: IntArray) -> FloatArray:
        del rows
        tau = np.maximum(coordinate.value(q[0]), TINY)
        found = [
            locate(density(tau), *_first_guess(p, tau), drop=PILOT.drop)
            for p, density in zip(problems, densities, strict=True)
        ]
        return _log_mass(problems, found, q[0], tau)[:, None, :]

    bracket = locate(outer, np.array([FIRST_Q[0]]), np.array([FIRST_Q[1]]), drop=PILOT.drop)
    return float(bracket.lower[0]), float(bracket.upper[0])


def regions_between(problems: Sequence[Problem], low: float, high: float) -> list[Region]:
    """Find brackets of each mu_g at nodes of q from ``low`` to ``high``."""
    densities = [_density_of_x(problem) for problem in problems]
    q = np.linspace(low, high, max(NODES, int(np.ceil((high - low) / Q_STEP)) + 1))
    tau = np.maximum(problems[0].tau_coordinate.value(q), TINY)
    guesses = [_first_guess(problem, tau) for problem in problems]
    found = [locate(f(tau), *guess, drop=PILOT.drop) for f, guess in zip(densities, guesses, strict=True)]
    log_mass = _log_mass(problems, found, q, tau)
    sd_q = (q[1] - q[0]) / float(np.sqrt(max(_largest_bend(log_mass), LEAST_BEND)))
    regions = []
    for problem, density, part in zip(problems, densities, found, strict=True):
        centre, sd = sharpest(density(tau), part)
        terms: object = problem.terms
        if isinstance(terms, IntegratedTerms) and isinstance(problem.mu_coordinate, RealLine):
            sd = np.minimum(sd, terms.edge_given(tau))
        regions.append(Region(q, sd_q, part.lower, part.upper, centre, sd, log_mass.max(axis=0)))
    return regions


def _log_mass(problems: Sequence[Problem], found: Sequence[Located], q: FloatArray, tau: FloatArray) -> FloatArray:
    """Return the log density of q, and where a tail is heavy that density times what moments need, (targets, R)."""
    masses = [part.log_mass() for part in found]
    total = np.sum([mass[0] for mass in masses], axis=0)
    total = total + problems[0].prior_tau.logpdf(tau) + problems[0].tau_coordinate.log_jacobian(q)
    extra = [total + mass[2] - mass[0] for mass in masses if len(mass) > 2]
    powers = max(problem.orders.highest_moment("tau") for problem in problems)
    far = [total + powers * np.log(tau)] if any(problem.has_heavy_tail for problem in problems) else []
    return np.stack([total, *far, *extra])


def _density_of_x(problem: Problem) -> Callable[[FloatArray], LogDensity]:
    """Return, given nodes of tau, the log densities of x (the coordinate of mu) at them."""
    rule = problem.terms.marginal(PILOT)
    return Search(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate, rule).density_of_x


def _largest_bend(f: FloatArray) -> float:
    """Return the largest second difference -f'' step^2 near the peak of any target, shape (targets, R)."""
    bend = 2.0 * f[:, 1:-1] - f[:, :-2] - f[:, 2:]
    return float(np.where(f[:, 1:-1] > f.max(axis=1, keepdims=True) - NEAR_Q, bend, -np.inf).max())


def _first_guess(problem: Problem, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a first bracket of x given tau, from inverse-variance weights, or by the terms of a regression."""
    terms: object = problem.terms
    if isinstance(terms, IntegratedTerms | GaussianTerms):
        mean, sd = terms.rough_given(tau)
    else:
        y, variance = problem.terms.rough()
        weight = 1.0 / (variance[:, None] + tau**2)
        mean, sd = (weight * y[:, None]).sum(axis=0) / weight.sum(axis=0), 1.0 / np.sqrt(weight.sum(axis=0))
    lower, upper = (problem.mu_coordinate.coordinate(mean + side * sd) for side in (-10.0, 10.0))
    usable = np.isfinite(lower) & np.isfinite(upper) & (upper > lower)
    return np.where(usable, lower, -4.0), np.where(usable, upper, 4.0)
