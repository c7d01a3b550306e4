"""How likely are the data if mu or tau is a given number? Evidences of point hypotheses, for Bayes factors.

    mu = m:           integral of prod_i m_i(m, tau) pi(tau) dtau
    tau = t:          integral of prod_i m_i(mu, t) pi(mu) dmu
    mu = m, tau = t:  prod_i m_i(m, t)

At most one dimension is left. It is integrated by the trapezoid rule in the coordinate of the whole posterior, and
refined until two resolutions agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.posterior import log_sum_exp
from bayesmeta.exact.solve import FINEST, Problem
from bayesmeta.exact.summary import EVIDENCE_FLOOR
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.bands import BLOCK
from bayesmeta.surface.coordinates import Coordinate, SinhLine, SteepInterval
from bayesmeta.surface.grid import LOG_SD, STEEP
from bayesmeta.surface.locate import locate
from bayesmeta.surface.quadrature import PILOT, WIDTH, Level, level
from bayesmeta.surface.region import FIRST_Q, TINY, sharpest
from bayesmeta.surface.terms import Terms

TOLERANCE = 1e-8  # of a log evidence; refinement goes on until it is met
ACCEPTABLE = 1e-3  # what the finest resolution must reach; the error that is left is stated
FIRST_X = (-4.0, 4.0)  # where the search for mu begins; it finds any other place
MATTERS = 23.0  # nodes whose log integrand has fallen by less than this decide the integral to 1e-10
ROUNDING = 1e-15  # of a sum of logarithms, in proportion; it shows only beyond 1e6
LEAST_LOG_RATIO = -600.0  # of m_i to the largest likelihood; the surface's doubles end at -690
NARROW = 0.03  # of a likelihood's SD; a tau below is integrated by Gauss-Hermite nodes at every resolution

type Rule = Callable[[FloatArray, FloatArray], FloatArray]
"""``rule(mu, tau)``, each of shape (P,), returns log m_i, shape (k, P)."""


@final
@dataclass(frozen=True, eq=False)
class Line:
    """What is integrated: the likelihood times a prior along the one parameter that is not fixed.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    prior : Prior
        Of the free parameter.
    coordinate : Coordinate
        The map from the real line to it.
    fixed : float
        The value of the other parameter.
    tau_is_free : bool
        Whether tau is free, else mu.
    """

    terms: Terms
    prior: Prior
    coordinate: Coordinate
    fixed: float
    tau_is_free: bool

    def log_f(self, x: FloatArray, rule: Rule) -> FloatArray:
        """Return the log integrand with respect to the coordinate, at ``x`` (P,)."""
        free = self.coordinate.value(x)
        free = np.maximum(free, TINY) if self.tau_is_free else free
        log_m = _log_product(rule, *self.points(free), self.terms.k)
        return log_m + self.prior.logpdf(free) + self.coordinate.log_jacobian(x)

    def points(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mu and tau, each of shape (P,), where the free parameter has the values ``free``."""
        fixed = np.full(free.size, self.fixed)
        return (fixed, free) if self.tau_is_free else (free, fixed)


def point_evidence(problem: Problem, *, mu: float | None = None, tau: float | None = None) -> tuple[float, float]:
    """Return the log evidence where mu, tau or both are given numbers, and its numerical error.

    Parameters
    ----------
    problem : Problem
        Likelihoods and priors.
    mu : float, optional
        Link scale; None integrates over its prior. With a flat prior the value has the same arbitrary constant as the
        log evidence of the whole model.
    tau : float, optional
        0 for a common effect; None integrates over its prior. One of the two must be given.

    Raises
    ------
    AccuracyError
        If the value cannot be computed accurately.
    """
    fixed_tau = None if tau is None else max(tau, float(TINY))
    if mu is not None and fixed_tau is not None:
        at = np.array([mu]), np.array([fixed_tau])
        return _refined(lambda settings: _at_point(problem.terms, *at, settings))
    if mu is not None:
        line = Line(problem.terms, problem.prior_tau, problem.tau_coordinate, mu, tau_is_free=True)
    else:
        assert fixed_tau is not None
        line = Line(problem.terms, problem.prior_mu, problem.mu_coordinate, fixed_tau, tau_is_free=False)
    return _refined(_integral(line))


def _log_product(rule: Rule, mu: FloatArray, tau: FloatArray, k: int) -> FloatArray:
    """Return the sum of log m over the studies at points (P,), in blocks that keep memory flat."""
    blocks = np.array_split(np.arange(mu.size), -(-mu.size * k // BLOCK))
    return np.concatenate([rule(mu[block], tau[block]).sum(axis=0) for block in blocks])


def _at_point(terms: Terms, mu: FloatArray, tau: FloatArray, settings: Level) -> float:
    rule = terms.marginal(settings)
    _check_range(terms, rule, mu, tau)
    return float(rule(mu, tau).sum())


def _integral(line: Line) -> Callable[[Level], float]:
    """Find where the integrand lives; return its log integral as a function of the resolution."""
    pilot = line.terms.marginal(PILOT)

    def log_f(x: FloatArray, rows: IntArray) -> FloatArray:
        del rows  # there is one
        return line.log_f(x.ravel(), pilot).reshape(1, *x.shape)

    first = FIRST_Q if line.tau_is_free else FIRST_X
    found = locate(log_f, np.array(first[:1]), np.array(first[1:]), drop=PILOT.drop)
    centre, sd = sharpest(log_f, found)
    bracket = float(found.lower[0]), float(found.upper[0])

    def at(settings: Level) -> float:
        rule = line.terms.marginal(settings)
        x, log_weight = _nodes(line, *bracket, float(centre[0]), float(sd[0]), settings)
        log_f = line.log_f(x, rule) + log_weight
        deciding = line.coordinate.value(x[log_f > log_f.max() - MATTERS])
        _check_range(line.terms, rule, *line.points(deciding))
        return log_sum_exp(log_f)

    return at


def _nodes(
    line: Line, lower: float, upper: float, centre: float, sd: float, settings: Level
) -> tuple[FloatArray, FloatArray]:
    """Return nodes of the coordinate and their log weights: the rules that `make_grid` has for tau and for mu."""
    if line.tau_is_free:
        largest = settings.step_tau * (STEEP if isinstance(line.coordinate, SteepInterval) else 1.0)
        return _equal_steps(lower, upper, min(largest, sd / settings.steps_per_sd))
    if isinstance(line.coordinate, SinhLine):  # features have one scale everywhere
        return _equal_steps(lower, upper, settings.step_mu * WIDTH * min(sd, LOG_SD))
    width = WIDTH * sd
    first, last = np.arcsinh((lower - centre) / width), np.arcsinh((upper - centre) / width)
    v, log_step = _equal_steps(float(first), float(last), settings.step_mu)
    return centre + width * np.sinh(v), log_step + np.log(width * np.cosh(v))


def _equal_steps(lower: float, upper: float, largest: float) -> tuple[FloatArray, FloatArray]:
    x = np.linspace(lower, upper, int(np.ceil((upper - lower) / largest)) + 1)
    return x, np.full(x.size, np.log(x[1] - x[0]))


def _check_range(terms: Terms, rule: Rule, mu: FloatArray, tau: FloatArray) -> None:
    """Refuse points (P,) at which some m_i lies below what the surface resolves.

    Where tau is narrow, m_i is next to the likelihood itself, which has no such limit.
    """
    centre, variance = terms.rough()
    beyond = rule(mu, tau) - terms.log_likelihood_at(centre[:, None]) < LEAST_LOG_RATIO
    if (beyond & (tau > NARROW * np.sqrt(variance)[:, None])).any():
        raise AccuracyError(
            "the point hypothesis lies so far from some study that its likelihood is less than 1e-260 of its largest, "
            "beyond the range of numbers here; test a value closer to the data, or use a wider prior of tau."
        )


def _refined(value: Callable[[Level], float]) -> tuple[float, float]:
    """Return the value at the first resolution that agrees with the one before, and its error."""
    coarse, difference = value(level(0)), np.inf
    for index in range(1, FINEST + 1):
        fine = value(level(index))
        difference, coarse = abs(fine - coarse), fine
        if difference <= TOLERANCE:
            break
    if not difference <= ACCEPTABLE:
        raise AccuracyError(
            f"the evidence of the point hypothesis could not be computed to {ACCEPTABLE:g}; test a value closer to the "
            "data, or use a less extreme prior."
        )
    return coarse, EVIDENCE_FLOOR + difference + ROUNDING * abs(coarse)
