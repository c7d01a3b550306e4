"""Which priors of tau are made from the studies' standard errors? R bayesmeta's, by its names.

From the formulas of Röver (2020), Bayesian random-effects meta-analysis using the bayesmeta R package, Journal
of Statistical Software 93(6), section 2.2, doi:10.18637/jss.v093.i06, and its help page "bayesmeta". With s_i
the standard errors and k their number,

    sqrt          tau**(-1/2)                                                improper
    Jeffreys      sqrt(sum_i (tau / (s_i² + tau²))²)                         improper
    BergerDeely   prod_i (tau / (s_i² + tau²))**(1/k)                        improper
    conventional  C prod_i (tau / (s_i² + tau²)**(3/2))**(1/k)               proper
    DuMouchel     s0 / (s0 + tau)²              s0² = k / sum_i s_i**-2      proper
    shrinkage     2 s0² tau / (s0² + tau²)²                                  proper
    I2            the same with (k - 1) S2 / (S2² - S4) in place of s0²      proper

where S2 = sum_i s_i**-2 and S4 = sum_i s_i**-4; "uniform" is flat.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from types import MappingProxyType
from typing import final

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmeta.errors import SpecError
from bayesmeta.spec.placed import improper, quantiles
from bayesmeta.spec.standard import HALF_LINE, FloatArray

BLOCK = 1_000_000  # floats per temporary array
# The integrand of "conventional" in log tau is analytic up to i pi/2 beside the real line: the trapezoid rule with
# this step is off by exp(-pi²/STEP) = 1e-43, and its sinc interpolant by the square root of that.
STEP = 0.1
REACH = 40.0  # beyond the smallest and largest standard error by this in log tau, mass exp(-REACH) remains
MAX_HALVINGS = 80
LOG_2 = log(2.0)


@final
@dataclass(frozen=True)
class StudiesLaw:
    """One of R bayesmeta's priors.

    Attributes
    ----------
    tail_order : float
        The a in density ~ tau**-a as tau grows.
    is_proper : bool
        Whether it integrates to 1.
    log_density : callable
        ``log_density(law, log_tau)``, of points of shape (P,).
    least : int
        Number of studies that it needs to be defined.
    """

    tail_order: float
    is_proper: bool
    log_density: Callable[["FromStudies", FloatArray], FloatArray]
    least: int = 1


def _jeffreys(law: "FromStudies", u: FloatArray) -> FloatArray:
    return u + 0.5 * law.over_studies(u, lambda log_v: np.asarray(special.logsumexp(-2.0 * log_v, axis=1)))


def _berger_deely(law: "FromStudies", u: FloatArray) -> FloatArray:
    return u - law.over_studies(u, lambda log_v: log_v.mean(axis=1))


def _conventional(law: "FromStudies", u: FloatArray) -> FloatArray:
    return law.log_conventional(u) - law.log_total


def _dumouchel(law: "FromStudies", u: FloatArray) -> FloatArray:
    return law.log_scale - 2.0 * np.logaddexp(law.log_scale, u)


def _shrinkage(law: "FromStudies", u: FloatArray) -> FloatArray:
    return LOG_2 + 2.0 * law.log_scale + u - 2.0 * np.logaddexp(2.0 * law.log_scale, 2.0 * u)


STUDIES_LAWS: Mapping[str, StudiesLaw] = MappingProxyType(
    {
        "uniform": StudiesLaw(0.0, False, lambda law, u: np.zeros_like(u), least=0),
        "sqrt": StudiesLaw(0.5, False, lambda law, u: -0.5 * u, least=0),
        "Jeffreys": StudiesLaw(1.0, False, _jeffreys),
        "BergerDeely": StudiesLaw(1.0, False, _berger_deely),
        "conventional": StudiesLaw(2.0, True, _conventional),
        "DuMouchel": StudiesLaw(2.0, True, _dumouchel),
        "shrinkage": StudiesLaw(3.0, True, _shrinkage),
        "I2": StudiesLaw(3.0, True, _shrinkage, least=2),
    }
)
"""R bayesmeta's priors by name."""


@final
@dataclass(frozen=True)
class FromStudies:
    """The law of tau under one of R bayesmeta's priors, for studies with known standard errors.

    Attributes
    ----------
    name : str
        A key of `STUDIES_LAWS`.
    se : tuple of float
        The studies' standard errors.

    Raises
    ------
    SpecError
        If there are too few studies to define it.
    """

    name: str
    se: tuple[float, ...]
    support: tuple[float, float] = HALF_LINE

    def __post_init__(self) -> None:
        least = STUDIES_LAWS[self.name].least
        if len(self.se) < least:
            raise SpecError(
                f"the prior {self.name} of tau is made from the standard errors of at least {least} "
                f"{'study' if least == 1 else 'studies'}, and there {'is' if len(self.se) == 1 else 'are'} "
                f"{len(self.se)}; use another, such as HalfNormal(1)."
            )

    @property
    def tail_order(self) -> float:
        """The a in density ~ tau**-a as tau grows."""
        return STUDIES_LAWS[self.name].tail_order

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density; without a constant if it is improper."""
        points = np.asarray(x, dtype=np.float64)
        inside = (points >= 0.0) & (points < inf)
        with np.errstate(all="ignore"):
            u = np.log(np.where(inside, points, 1.0)).ravel()
            values = STUDIES_LAWS[self.name].log_density(self, u).reshape(points.shape)
        return np.where(inside, values, np.where(np.isnan(points), np.nan, -np.inf))[()]

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the distribution function; raise `SpecError` if improper."""
        self._check_proper("cdf")
        points = np.asarray(x, dtype=np.float64)
        with np.errstate(all="ignore"):
            values = self._cdf(np.log(np.where(points > 0.0, points, 1.0)))
        values = np.where(points < inf, values, 1.0)
        return np.where(np.isnan(points), np.nan, np.where(points > 0.0, values, 0.0))[()]

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles; raise `SpecError` if improper."""
        self._check_proper("quantiles")
        return quantiles(q, self._ppf, self.support)

    def _check_proper(self, what: str) -> None:
        if not STUDIES_LAWS[self.name].is_proper:
            raise improper(self.name, what)

    @cached_property
    def log_se(self) -> FloatArray:
        """Logs of the standard errors, shape (k,)."""
        return np.log(np.asarray(self.se, dtype=np.float64))

    @cached_property
    def log_scale(self) -> float:
        """Log of s0, or of what takes its place in "I2"."""
        log_s2 = float(special.logsumexp(-2.0 * self.log_se))
        if self.name != "I2":
            return 0.5 * (float(np.log(len(self.se))) - log_s2)
        # S2² - S4 is the sum of w_i w_j over pairs of different studies: in this form nothing cancels
        share = np.exp(-2.0 * self.log_se - log_s2)
        pairs = float((share * (share.sum() - share)).sum())
        return 0.5 * float(np.log(len(self.se) - 1.0) - np.log(pairs) - log_s2)

    def over_studies(self, u: FloatArray, reduce: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return ``reduce(log(s_i² + tau²))`` at log tau = ``u`` (P,), in blocks; reduce takes shape (P, k)."""
        size = max(1, BLOCK // self.log_se.size)
        parts = [
            reduce(np.logaddexp(2.0 * self.log_se, 2.0 * u[start : start + size, None]))
            for start in range(0, u.size, size)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def log_conventional(self, u: FloatArray) -> FloatArray:
        """Return the log density of "conventional" without its constant at log tau = ``u``, shape (P,)."""
        return u - 1.5 * self.over_studies(u, lambda log_v: log_v.mean(axis=1))

    @cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Nodes in log tau of the trapezoid rule for "conventional", and the log masses at them."""
        u = np.arange(self.log_se.min() - 0.5 * REACH, self.log_se.max() + REACH, STEP)
        return u, self.log_conventional(u) + u + np.log(STEP)

    @cached_property
    def log_total(self) -> float:
        """Log of the integral of "conventional" without its constant."""
        return float(special.logsumexp(self._nodes[1]))

    def _cdf(self, u: FloatArray) -> FloatArray:
        if self.name == "DuMouchel":
            return np.asarray(special.expit(u - self.log_scale))
        if self.name != "conventional":
            return np.asarray(special.expit(2.0 * (u - self.log_scale)))
        nodes, log_mass = self._nodes
        offset = np.pi * (np.asarray(u)[..., None] - nodes) / STEP
        share: FloatArray = 0.5 + special.sici(offset)[0] / np.pi
        return np.clip(share @ np.exp(log_mass - self.log_total), 0.0, 1.0)

    def _ppf(self, probability: FloatArray) -> FloatArray:
        if self.name == "DuMouchel":
            return np.asarray(np.exp(self.log_scale + np.asarray(special.logit(probability))))
        if self.name != "conventional":
            return np.asarray(np.exp(self.log_scale + 0.5 * np.asarray(special.logit(probability))))
        nodes, _ = self._nodes
        low, high = np.full(probability.shape, nodes[0]), np.full(probability.shape, nodes[-1])
        for _ in range(MAX_HALVINGS):
            middle = 0.5 * (low + high)
            below = self._cdf(middle) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(np.exp(0.5 * (low + high)))
