"""What if the heterogeneity of groups is neither one number nor unrelated? A hierarchy of tau.

    tau_g = tau0 exp(omega z_g),  z_g ~ Normal(0, 1)

tau0 has the model's prior of tau, and omega, the SD of log tau between groups, is fixed or half-normal. Given
(tau0, omega) the groups are independent: with Z_g(tau) as in `joint`,

    p(tau0, omega | data)  ~  prior(tau0) prior(omega) product over g of E_z Z_g(tau0 exp(omega z))

omega = 0 is a common tau. Each Z_g is computed once, on the nodes of tau, and interpolated in tau's coordinate. The
sums over z and over omega (an even function, continued to the left of 0) are trapezoid sums that converge
exponentially.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.existence import TailOrders
from bayesmeta.exact.joint import Joint, find_bracket, log_z, regions_between
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import ACCEPTABLE, TOLERANCE, Problem
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import Region

FINEST = 4
OMEGA_STEP = 0.3  # at level 0, in units of omega's prior scale
OMEGA_REACH = 7.5  # prior scales
Z_STEP = 0.2  # at level 0, divided by omega: features of Z_g in log tau are at least that wide
SMALLEST_Z_STEP, LARGEST_Z_STEP = 0.15, 0.5
Z_REACH = 9.0
POINTS = 12  # of the polynomial in tau's coordinate
FINER_Q = 0.6  # of the steps that the posterior of a common tau needs: single groups' Z_g are interpolated
MORE_Q = 1.5
MOST_WIDENINGS = 30
TYPICAL_Q = 3.0  # the coordinate of a tau of two typical standard errors
DROP = 28.0
SMALLEST = 1e-300
LITTLE = 1e-12  # of the hyperparameters' probability is left out of contrasts
FLAT_TAU = Prior("HalfFlat")


@final
@dataclass(frozen=True)
class Omega:
    """The SD of log tau between groups.

    Parameters
    ----------
    value : float
        The SD itself if ``fixed``, else the scale of its half-normal prior.
    fixed : bool
        Whether it is known.
    """

    value: float
    fixed: bool

    def nodes(self, finer: float) -> tuple[FloatArray, FloatArray]:
        """Return nodes and prior probabilities."""
        if self.fixed or self.value == 0.0:
            return np.array([self.value]), np.ones(1)
        x = np.arange(0.0, OMEGA_REACH, OMEGA_STEP * finer)
        weight = np.exp(-0.5 * x * x)
        weight[0] *= 0.5
        return self.value * x, weight / weight.sum()

    @property
    def tail_order(self) -> float:
        """The a in the prior density of a group's tau ~ tau**-a that a half-normal omega brings about."""
        return inf if self.fixed or self.value == 0.0 else 1.0 + 1.0 / self.value


type Weights = tuple[FloatArray, tuple[FloatArray, ...]]


def solve_hierarchy(
    problems: Sequence[Problem], omega: Omega, error: Callable[[int, Quantities, Quantities], float]
) -> tuple[Joint, tuple[Weights, Weights]]:
    """Solve groups whose tau are tied by a hierarchy.

    Parameters
    ----------
    problems : sequence of Problem
        One for each group, with the prior of tau0 as that of tau.
    omega : Omega
        SD of log tau between groups.
    error : callable
        ``error(group, fine, coarse)``: largest error of a group's summary in units of its tolerance.

    Returns
    -------
    joint : Joint
        Each group's posterior of (mu_g, tau_g).
    weights : pair
        At the finer and the coarser resolution: probabilities of the hyperparameters (H,), and for each group those of
        its nodes of tau given them (H, J).

    Raises
    ------
    SpecError
        If the prior of tau is improper or bounded.
    AccuracyError
        If the posterior cannot be computed accurately.
    """
    prior = problems[0].prior_tau
    if not prior.is_proper or np.isfinite(prior.support[1]):
        raise SpecError(
            f"tau='hierarchical' needs a proper prior of tau without an upper bound, not {prior}; use HalfNormal(1)."
        )
    hard = [replace(problem, orders=_orders(problem, omega)) for problem in problems]
    regions = _regions(problems, hard, omega)
    coarse, best, least = _at(hard, regions, omega, 0), None, ACCEPTABLE / TOLERANCE
    for index in range(1, FINEST + 1):
        fine = _at(hard, regions, omega, index)
        largest = max(error(g, *pair) for g, pair in enumerate(zip(fine[0], coarse[0], strict=True)))
        if largest <= least:
            best, least = (Joint(fine[0], coarse[0], index), (fine[1], coarse[1])), largest
        if best is not None and least <= 1.0:
            return best
        coarse = fine
    if best is None:
        raise AccuracyError(f"the summary could not be computed to {ACCEPTABLE:g}: {problems[0].likely_cause}")
    return best


def _orders(problem: Problem, omega: Omega) -> TailOrders:
    """Return tail orders of (mu_g, tau_g): omega and z can be large together, which gives tau_g a tail like a power."""
    left, right = problem.terms.limits()
    flat = not problem.prior_mu.is_proper
    of_tau = min(problem.orders.tau, omega.tail_order + int((~(left | right)).sum()) - flat)
    along = of_tau + max(problem.prior_mu.tail_order - 1.0, 0.0)
    return TailOrders(of_tau, min(problem.orders.mu_left, along), min(problem.orders.mu_right, along))


def _regions(problems: Sequence[Problem], hard: Sequence[Problem], omega: Omega) -> list[Region]:
    """Find one bracket of q that holds every tau_g and tau0, and brackets of each mu_g."""
    # a group alone may lack the moments that all together have: only densities are looked for
    alone = [replace(problem, orders=TailOrders(inf, inf, inf)) for problem in problems]
    brackets = [find_bracket(alone), *(find_bracket([problem]) for problem in alone)]
    low, high = min(pair[0] for pair in brackets), max(pair[1] for pair in brackets)
    for problem in hard:  # a tail like tau**-order, times the power that the moments need, falls by DROP up to here
        power = problem.orders.highest_moment("tau")
        if np.isfinite(problem.orders.tau):
            high = max(high, TYPICAL_Q + DROP / (problem.orders.tau - 1.0 - power))
    for _ in range(MOST_WIDENINGS):
        regions = [replace(region, sd_q=FINER_Q * region.sd_q) for region in regions_between(hard, low, high)]
        tails = []
        for part, problem in zip(_at(hard, regions, omega, 0)[0], hard, strict=True):
            power = problem.orders.highest_moment("tau") if np.isfinite(problem.orders.tau) else 0
            grid = part.posterior.surface.grid
            log_f = np.log(np.maximum(part.posterior.weight_tau, SMALLEST))
            tails.append((log_f + power * np.log(grid.tau))[[0, -1]] - (log_f + power * np.log(grid.tau)).max())
        first, last = np.max(tails, axis=0)
        if max(first, last) < -DROP:
            return regions
        low, high = low - MORE_Q * (first >= -DROP), high + MORE_Q * (last >= -DROP)
    raise AccuracyError(
        "the region of tau could not be found; use a prior of tau with lighter tails, such as HalfNormal."
    )


def _at(
    problems: Sequence[Problem], regions: Sequence[Region], omega: Omega, index: int
) -> tuple[tuple[Quantities, ...], Weights]:
    settings = level(index)
    posteriors = [problem.posterior(region, settings) for problem, region in zip(problems, regions, strict=True)]
    grid, prior = posteriors[0].surface.grid, problems[0].prior_tau
    log_parts = np.array([log_z(posterior) for posterior in posteriors])
    scale = log_parts.max(axis=1, keepdims=True)
    parts = np.exp(log_parts - scale)
    finer = settings.step_mu / level(0).step_mu
    omegas, omega_weight = omega.nodes(finer)
    shifts = [_shifts(grid.q, grid.tau_coordinate, float(value), finer) for value in omegas]
    matrix = np.stack([shift.averages() for shift in shifts])
    means = np.maximum(np.einsum("mij,gj->gmi", matrix, parts), SMALLEST)
    log_means = np.log(means)
    log_omega = np.log(omega_weight)
    log_hyper = prior.logpdf(grid.tau) + grid.log_weight_tau + log_omega[:, None] + log_means.sum(axis=0)
    hyper = np.exp(log_hyper - special.logsumexp(log_hyper))
    keep = hyper > LITTLE
    given = tuple((matrix[keep] * part) / mean[keep][:, None] for part, mean in zip(parts, means, strict=True))
    quantities = []
    for g, (posterior, problem) in enumerate(zip(posteriors, problems, strict=True)):
        others = np.arange(len(problems)) != g
        log_others = log_means[others].sum(axis=0)
        each = [shift.of_group(prior, log_f) for shift, log_f in zip(shifts, log_others, strict=True)]
        log_rest = special.logsumexp(np.array(each) + log_omega[:, None], axis=0) + scale[others].sum()
        rest = replace(posterior, prior_tau=FLAT_TAU, log_rest=log_rest[:, None])
        quantities.append(Quantities(rest, problem.orders))
    return tuple(quantities), (hyper[keep] / hyper[keep].sum(), given)


@final
@dataclass(frozen=True, eq=False)
class _Shifts:
    """Where tau0 exp(omega z) lies among the nodes of tau, for all nodes of tau0 and z, at one omega.

    Parameters
    ----------
    log_weight : array, shape (Z,)
        Log probabilities of the nodes of z.
    shift : array, shape (Z,)
        omega z.
    tau : array, shape (J, Z)
        tau0 exp(omega z).
    index : array of int, shape (points, J, Z)
        The nodes of tau nearest to it.
    lagrange : array, shape (points, J, Z)
        Their weights in the polynomial through them.
    """

    log_weight: FloatArray
    shift: FloatArray
    tau: FloatArray
    index: IntArray
    lagrange: FloatArray

    def averages(self) -> FloatArray:
        """Return the matrix (J, J) that averages a function of tau, given at the nodes, over z."""
        size = len(self.tau)
        flat = size * np.arange(size)[:, None] + self.index
        weight = self.lagrange * np.exp(self.log_weight)
        return np.bincount(flat.ravel(), weight.ravel(), minlength=size * size).reshape(size, size)

    def of_group(self, prior: Prior, log_others: FloatArray) -> FloatArray:
        """Return the log density of one group's tau at the nodes before its own data, given the other groups, (J,).

        tau0 = tau_g exp(-omega z), so that the density of tau_g is the mean over z of
        prior(tau0) exp(-omega z) times what the others say of tau0, ``log_others`` (J,); z and -z are alike.
        """
        log_f = (self.lagrange * log_others[self.index]).sum(axis=0)
        return np.asarray(special.logsumexp(log_f + prior.logpdf(self.tau) + self.shift + self.log_weight, axis=1))


def _shifts(q: FloatArray, coordinate: Coordinate, omega: float, finer: float) -> _Shifts:
    step = finer * min(LARGEST_Z_STEP, max(SMALLEST_Z_STEP, Z_STEP / max(omega, 1e-9)))
    z = np.arange(-np.ceil(Z_REACH / step), np.ceil(Z_REACH / step) + 1.0) * step
    if omega == 0.0:
        z = np.zeros(1)
    log_weight = -0.5 * z * z - special.logsumexp(-0.5 * z * z)
    tau = coordinate.value(q)[:, None] * np.exp(omega * z)
    position = (coordinate.coordinate(tau.ravel()) - q[0]) / (q[1] - q[0])
    position = np.clip(position, 0.0, q.size - 1.0).reshape(tau.shape)
    points = min(POINTS, q.size)
    first = np.clip(position.astype(np.intp) - (points // 2 - 1), 0, q.size - points)
    index = first + np.arange(points)[:, None, None]
    return _Shifts(log_weight, omega * z, tau, index, _lagrange(position - first, points))


def _lagrange(position: FloatArray, points: int) -> FloatArray:
    """Return the weights (points, ...) of the nodes 0 .. points - 1 in the polynomial through them at ``position``."""
    node = np.arange(points)
    scale = 1.0 / (node[:, None] - node + np.eye(points)).prod(axis=1)
    # products of all factors but one, from both ends
    left, right = np.ones((points, *position.shape)), np.ones((points, *position.shape))
    for n in range(1, points):
        np.multiply(left[n - 1], position - (n - 1), out=left[n])
        np.multiply(right[points - n], position - (points - n), out=right[points - 1 - n])
    left *= right
    left *= scale.reshape(-1, *(1,) * position.ndim)
    return left
