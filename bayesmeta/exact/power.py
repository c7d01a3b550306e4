"""What is the posterior if the prior, or the likelihood, counts for more or less than it does?

A prior to the power alpha is p(mu)^alpha p(tau)^alpha; a likelihood to the power alpha is that of alpha times as
many patients (binomial) or of variances divided by alpha (normal), inside the integral over each true effect.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Problem, Solution, pose, solve
from bayesmeta.exact.summary import worst_error
from bayesmeta.spec.priors import Prior

COMPONENTS = ("prior", "likelihood")
DRAWS = 4000  # four chains of 1000, from which priorsense would start
SERIES = 0.02  # below it the series is exact to 1e-12, while the logarithms would cancel


@final
@dataclass(frozen=True)
class PoweredPrior:
    """A prior density to a power, not normalised; it offers what the exact engine asks of a `Prior`."""

    prior: Prior
    power: float

    @property
    def is_proper(self) -> bool:
        """Whether the prior itself is; whether the power is does not matter to a posterior that is."""
        return self.prior.is_proper

    @property
    def support(self) -> tuple[float, float]:
        """The prior's support."""
        return self.prior.support

    @property
    def tail_order(self) -> float:
        """The prior's, times the power."""
        return self.prior.tail_order * self.power

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density, up to a constant."""
        return self.power * self.prior.logpdf(x)

    def __str__(self) -> str:
        return f"{self.prior} to the power {self.power:g}"


def powered(problem: Problem, component: str, power: float) -> Problem:
    """Return a problem with one component to a power."""
    terms, mu, tau = problem.terms, problem.prior_mu, problem.prior_tau
    if component == "prior":
        both = PoweredPrior(mu, power), PoweredPrior(tau, power)
        return pose(terms, *both, link=problem.link)  # type: ignore[arg-type]
    return pose(terms.powered(np.full(terms.k, power)), mu, tau, link=problem.link)


def solve_powered(problem: Problem, component: str, power: float, names: tuple[str, ...]) -> Solution:
    """Solve a problem with one component to a power."""
    return solve(powered(problem, component, power), lambda fine, coarse: worst_error(fine, coarse, names))


def cumulative_distance(base: Quantities, other: Quantities, name: str, nodes: int) -> float:
    """Return the cumulative Jensen-Shannon distance of two posteriors of a quantity.

    With distribution functions P and Q on the quantity's own scale,

        CJS(P || Q) = integral of P log2(2 P / (P + Q)) + (Q - P) / (2 log 2),
        distance = sqrt((CJS(P || Q) + CJS(Q || P)) / integral of (P + Q)),

    the larger of that and the same with 1 - P, 1 - Q in their place. As P + Q does not fall off, integrals run
    over the range that `DRAWS` draws of the base posterior would span.
    """
    marginal = base.marginal(name)
    low, high = marginal.ppf(np.array([0.5, DRAWS - 0.5]) / DRAWS)
    points, weight = np.polynomial.legendre.leggauss(nodes)
    x = 0.5 * (low + high) + 0.5 * (high - low) * points
    p, q = marginal.cdf(x), other.marginal(name).cdf(x)
    return max(_one_sided(p, q, weight), _one_sided(1.0 - p, 1.0 - q, weight))


def _one_sided(p: FloatArray, q: FloatArray, weight: FloatArray) -> float:
    """Return the distance for distribution functions at nodes.

    In d = (q - p) / (p + q) both integrands together are (p + q) / 2 times
    (1 - d) log2(1 - d) + (1 + d) log2(1 + d), without cancellation between them.
    """
    total = p + q
    d = np.clip((q - p) / np.maximum(total, np.finfo(np.float64).tiny), -1.0, 1.0)
    tiny = np.finfo(np.float64).tiny
    both = (1.0 - d) * np.log1p(np.maximum(-d, -1.0 + tiny)) + (1.0 + d) * np.log1p(d)
    small = np.abs(d) < SERIES
    both = np.where(small, d * d * (1.0 + d * d / 6.0 + d**4 / 15.0), both) / np.log(2.0)
    return float(np.sqrt(weight @ (0.5 * total * both) / (weight @ total)))
