"""What are the summaries of many posteriors, each certified as that of a single fit is?

The resolutions are the first two of single fits, and so are the rules for nodes, weights and log m. What differs:
regions are found with rougher likelihoods (`regions`), log m is interpolated along mu to about 1e-10 (`along_mu`), and
each step is taken for all posteriors at once. What is not certified there, or needs another coordinate, kernel or
finer resolution, is left to a fit of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.solve import TOLERANCE, Problem
from bayesmeta.exact.stacked import Stack
from bayesmeta.exact.stacked_quantiles import cdf_pdf_of, quantiles
from bayesmeta.exact.stacked_rows import StackedRows
from bayesmeta.exact.summary import FLOOR, LARGE_VALUE, WIDE_INTERVAL
from bayesmeta.result.marginal import IDENTITY, POSITIVE, PROPORTION_SCALES, Scale
from bayesmeta.surface.along_mu import along_rows
from bayesmeta.surface.coordinates import HalfLine, RealLine
from bayesmeta.surface.kernels import NORMAL
from bayesmeta.surface.pooled import PooledRule, pooled_marginals
from bayesmeta.surface.quadrature import Level, level
from bayesmeta.surface.region import Region, find_region
from bayesmeta.surface.regions import can_search_together, find_regions

LEVELS: Final = (1, 0)  # the finer and the coarser resolution
MOST_LEFT_OUT: Final = 1e-9  # of the probability, where a region was found too small
SAME_BASE: Final = {"p_median": "mu", "p_new": "theta_new"}
"""Whose distribution function, by its scale, gives that of a quantity."""


@final
@dataclass(frozen=True, eq=False)
class Summary:
    """The summary of one posterior.

    Attributes
    ----------
    values : array, shape (N, 5)
        Mean, SD, median and both ends of the equal-tailed interval of N quantities.
    error : array, shape (N,)
        Largest absolute error of the five.
    log_evidence : float
        Log marginal likelihood, with the constants of all densities.
    """

    values: FloatArray
    error: FloatArray
    log_evidence: float


def summarise_together(
    problems: Sequence[Problem], names: Sequence[str], *, ci_prob: float = 0.95
) -> list[Summary | None]:
    """Summarise posteriors that have the same priors.

    Parameters
    ----------
    problems : sequence of Problem
        From `pose`.
    names : sequence of str
        Quantities, as in `Quantities.marginal`.
    ci_prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    list of Summary or None
        None for those that must be solved by themselves.
    """
    out: list[Summary | None] = [None] * len(problems)
    stacked, stacks = stacks_of(problems)
    if stacks is not None:
        fine, coarse = stacks
        with np.errstate(all="ignore"):  # what is not finite is not certified
            values, errors, certain = _summaries(fine, coarse, names, ci_prob)
            good = certain & _within_tolerance(values, errors) & (fine.left_out <= MOST_LEFT_OUT)
        for j, i in enumerate(stacked):
            if good[j]:
                out[i] = Summary(values[j], FLOOR + errors[j].max(axis=1), float(fine.log_evidence[j]))
    return out


def probabilities_together(problems: Sequence[Problem], values: Mapping[str, FloatArray]) -> FloatArray:
    """Return the posterior distribution functions of quantities, each posterior's at a value of its own.

    Parameters
    ----------
    problems : sequence of Problem
        B problems with the same priors, from `pose`.
    values : mapping
        By quantity, the values, shape (B,), on the quantity's own scale.

    Returns
    -------
    array, shape (B, N)
        P(quantity <= value); nan where both resolutions do not agree to the tolerance, so that the posterior must be
        solved by itself.
    """
    out = np.full((len(problems), len(values)), np.nan)
    stacked, stacks = stacks_of(problems)
    if stacks is not None:
        link = stacks[0].link
        with np.errstate(all="ignore"):
            for i, (name, value) in enumerate(values.items()):
                x = _scale_of(name, link).base(value[stacked])[:, None]
                fine, coarse = (cdf_pdf_of(stack, SAME_BASE.get(name, name))(x)[0][:, 0] for stack in stacks)
                good = (np.abs(fine - coarse) <= TOLERANCE) & (stacks[0].left_out <= MOST_LEFT_OUT)
                out[stacked, i] = np.where(good, np.clip(fine, 0.0, 1.0), np.nan)
    return out


def stacks_of(problems: Sequence[Problem]) -> tuple[list[int], tuple[Stack, Stack] | None]:
    """Return which problems can be solved together, and their posteriors at the finer and the coarser resolution."""
    usual = [i for i, problem in enumerate(problems) if _is_usual(problem)]
    usual = [i for i in usual if _alike(problems[i], problems[usual[0]])]
    regions = zip(usual, _regions([problems[i] for i in usual]), strict=True)
    found = [(i, region) for i, region in regions if region is not None]
    if not found:
        return [], None
    fine, coarse = (_stack([(problems[i], region) for i, region in found], level(index)) for index in LEVELS)
    return [i for i, _ in found], (fine, coarse)


def _is_usual(problem: Problem) -> bool:
    return (
        problem.terms.kernel == NORMAL
        and isinstance(problem.mu_coordinate, RealLine)
        and isinstance(problem.tau_coordinate, HalfLine)
        and not problem.has_heavy_tail
    )


def _alike(one: Problem, other: Problem) -> bool:
    return (one.prior_mu, one.prior_tau, one.link) == (other.prior_mu, other.prior_tau, other.link)


def _regions(problems: Sequence[Problem]) -> list[Region | None]:
    """Return the regions of posteriors with the same priors; None where there is none, as a single fit will say."""
    scales = [problem.tau_coordinate.scale for problem in problems if isinstance(problem.tau_coordinate, HalfLine)]
    terms = [problem.terms for problem in problems if can_search_together(problem.terms)]
    if terms and len(terms) == len(problems):
        try:
            return [*find_regions(terms, np.array(scales), problems[0].prior_mu, problems[0].prior_tau)]
        except AccuracyError:
            pass  # of one of them
    return [_region(problem) for problem in problems]


def _region(problem: Problem) -> Region | None:
    try:
        return find_region(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate)
    except AccuracyError:
        return None


def _rule(problems: Sequence[Problem], settings: Level) -> PooledRule:
    """Return the sum over studies of log m_i of each problem, as a function of the problem, eta and tau."""
    terms = [problem.terms for problem in problems if can_search_together(problem.terms)]
    if len(terms) == len(problems) and all(one.n.min() > 0.0 for one in terms):
        return pooled_marginals(terms, settings)
    rules = [problem.terms.marginal(settings) for problem in problems]

    def rule(owner: IntArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        ends = np.searchsorted(owner, np.arange(len(rules) + 1))
        parts = [
            own(eta[i:j], tau[i:j]).sum(axis=0) for own, (i, j) in zip(rules, pairwise(ends), strict=True) if i < j
        ]
        return np.concatenate(parts)

    return rule


def _stack(found: Sequence[tuple[Problem, Region]], settings: Level) -> Stack:
    """Return posteriors at one resolution."""
    problems, regions = zip(*found, strict=True)
    coordinates = [one.tau_coordinate for one in problems if isinstance(one.tau_coordinate, HalfLine)]
    stacked, rule = StackedRows.of(regions, settings, coordinates), _rule(problems, settings)
    prior_mu, prior_tau = problems[0].prior_mu, problems[0].prior_tau
    log_rest = stacked.log_rest(prior_mu, prior_tau)

    def log_m(row: IntArray, mu: FloatArray) -> FloatArray:
        return rule(stacked.owner[row], mu, stacked.grid.tau[row])[None]

    def weigh(total: FloatArray) -> FloatArray:
        return stacked.normalised(total[0] + log_rest)[0]

    total = along_rows(log_m, stacked.grid.mu, stacked.size - 1, stacked.rough_weight(regions), weigh)
    return Stack.of(stacked, total[0], prior_mu, prior_tau, problems[0].link, settings)


def _summaries(
    fine: Stack, coarse: Stack, names: Sequence[str], ci_prob: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return values and errors, (B, N, 5) each, and for which posteriors all of them were found."""
    count = fine.start.size
    values, errors, found = np.empty((count, len(names), 5)), np.empty((count, len(names), 5)), np.ones(count, bool)
    tail = 0.5 * (1.0 - ci_prob)
    probability = np.array([0.5, tail, 1.0 - tail])
    at: dict[str, tuple[FloatArray, FloatArray, BoolArray]] = {}
    for i, name in enumerate(names):
        base = SAME_BASE.get(name, name)
        if base not in at:
            at[base] = quantiles(fine, coarse, base, probability)
        x, off, solved = at[base]
        scale = _scale_of(name, fine.link)
        values[:, i, 2:] = np.clip(scale.value(x), *scale.support)
        errors[:, i, 2:] = off * scale.slope(values[:, i, 2:])
        values[:, i, :2], moments = (np.stack(_moments(stack, name), axis=1) for stack in (fine, coarse))
        errors[:, i, :2] = np.abs(values[:, i, :2] - moments)
        found &= solved
    return values, errors, found


def _moments(stack: Stack, name: str) -> tuple[FloatArray, FloatArray]:
    """Return means and SDs of a quantity, shape (B,) each."""
    grid = stack.grid
    match name:
        case "tau":
            return stack.moments(grid.tau[:, None])
        case "mu":
            return stack.moments(grid.mu)
        case "theta_new":
            mean, sd = stack.moments(grid.mu)
            return mean, np.sqrt(sd**2 + stack.mean(grid.tau[:, None] ** 2))
        case "p_median":
            return stack.median_moments()
    first, second = stack.powers
    mean, sd = stack.moments(first)
    if name == "p_mean":
        return mean, sd
    return mean, np.sqrt(np.maximum(stack.mean(second - first**2) + sd**2, 0.0))


def _scale_of(name: str, link: str) -> Scale:
    if not name.startswith("p_"):
        return POSITIVE if name == "tau" else IDENTITY
    return PROPORTION_SCALES["logit" if name == "p_mean" else link]


def _within_tolerance(values: FloatArray, errors: FloatArray) -> BoolArray:
    """Return, per posterior, whether all errors (B, N, 5) are within what `worst_error` allows."""
    size = np.maximum(1.0, (values[:, :, 4] - values[:, :, 3]) / WIDE_INTERVAL)
    scale = np.maximum(size[:, :, None], np.abs(values) / LARGE_VALUE)
    result: BoolArray = (np.isfinite(values) & (errors <= TOLERANCE * scale)).all(axis=(1, 2))
    return result
