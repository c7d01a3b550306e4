"""What is asked when only some of the studies are taken? One problem for a subset, one target for many subsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.exact.existence import TailOrders, tail_orders
from bayesmeta.exact.solve import Problem, pose
from bayesmeta.surface.coordinates import Coordinate, Interval, SinhLine


def pose_part(problem: Problem, include: BoolArray) -> Problem:
    """Pose the problem of the studies in ``include`` (k,) alone, with the priors of the whole.

    Priors that depend on the data are to be resolved again for the subset, and this is the place.

    Raises
    ------
    ImproperPosteriorError
        If the posterior of the subset is improper.
    """
    terms = problem.terms.take(np.flatnonzero(include))
    return pose(terms, problem.prior_mu, problem.prior_tau, link=problem.link)


def part_orders(problem: Problem, include: BoolArray) -> Iterator[TailOrders | str]:
    """Yield, for each row of ``include`` (S, k), the tail orders of that posterior, or why it is improper.

    They depend on three counts only, so that each combination is looked at once.
    """
    left, right = problem.terms.limits()
    interior = ~(left | right)
    known: dict[tuple[int, ...], TailOrders | str] = {}
    counts = np.stack([include @ kind.astype(np.intp) for kind in (left, right, interior, np.ones_like(left))], axis=1)
    for mask, count in zip(include, counts.tolist(), strict=True):
        if (key := tuple(count)) not in known:
            try:
                known[key] = tail_orders(
                    problem.prior_mu, problem.prior_tau, left[mask], right[mask],
                    kernel_order=problem.terms.kernel.tail_order,
                )  # fmt: skip
            except ImproperPosteriorError as error:
                known[key] = str(error)
        yield known[key]


def even_coordinate(problem: Problem) -> Coordinate:
    """Return a coordinate of mu whose rule has even steps over the data, where posteriors may peak anywhere.

    Beyond the data its steps grow with the distance, as heavy tails need.
    """
    if isinstance(problem.mu_coordinate, Interval) or not problem.terms.k:
        return problem.mu_coordinate
    centre, variance = problem.terms.rough()
    return SinhLine(float(centre.mean()), float(np.ptp(centre) + np.sqrt(np.median(variance))))


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """The posteriors of several subsets as targets of `find_region`, so that one grid holds all of them.

    Parameters
    ----------
    problem : Problem
        Of all studies.
    include : array, shape (S, k)
        1 where a subset holds a study, else 0.
    """

    problem: Problem
    include: FloatArray

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the part of the log densities that depends on mu, shape (S, P)."""
        total: FloatArray = self.include @ log_m
        return total + self.problem.prior_mu.logpdf(mu)

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the log prior density of tau, shape (1, R), which all subsets share."""
        return self.problem.prior_tau.logpdf(tau)[None]
