"""At which (mu, tau) is the marginal likelihood of the studies largest?

For fixed tau it is log-concave in mu (Prekopa 1973), so that its maximum there is unique. The profile in tau may have
several maxima, or its maximum at 0: it is scanned, and each maximum refined between its neighbours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import AccuracyError, DataError
from bayesmeta.frequentist.concave import falling_root
from bayesmeta.frequentist.glmm_models import StudyTerms
from bayesmeta.frequentist.likelihood_limits import WAY_OUT, ceiling, check_has_maximum, informative
from bayesmeta.frequentist.slopes import ORDER_2, ORDER_8, STEP, Slopes, slopes, slopes_in_mu, slopes_in_tau
from bayesmeta.surface.quadrature import PILOT, level
from bayesmeta.surface.terms import MarginalRule

ACCURATE: Final = 1e-9  # log m of each study, between two levels
LEVELS: Final = 5
CONVERGED: Final = 1e-10  # Newton's last step in units of the step of differences times 20
SCANNED: Final = 1e-2  # the same while scanning
FIRST_TAU: Final = 0.05  # in units of the smallest SD of a study's own estimate
RATIO: Final = 1.6  # between the values of tau that are scanned
FARTHER, MOST_ROUNDS = 8.0, 12  # how the scan goes on if the likelihood still rises at its end
ZERO: Final = 1e-5  # tau in units of that SD
ABOVE_CEILING: Final = 1e-7
FINER: Final = 0.8  # step of differences when it is checked
FROM_MU: Final = 2.0  # tau is scanned up to so many times the distance of mu from its best


@final
@dataclass(frozen=True, eq=False)
class Surroundings:
    """The marginal likelihood at one resolution, and what is known of its scales.

    Parameters
    ----------
    rule : callable
        log m_i as a function of (mu, tau).
    terms : StudyTerms
        Likelihoods of the studies that say something of the effect.
    centre, sd : array, shape (k,)
        About where each is largest, and the SD of the study's own estimate.
    """

    rule: MarginalRule
    terms: StudyTerms
    centre: FloatArray
    sd: FloatArray

    @classmethod
    def of(cls, terms: StudyTerms, index: int) -> "Surroundings":
        """Return the likelihood at level ``index``; -1 is the pilot's."""
        centre, variance = terms.rough()
        return cls(terms.marginal(PILOT if index < 0 else level(index)), terms, centre, np.sqrt(variance))

    def step(self, tau: FloatArray | float) -> FloatArray:
        """Return the step of differences at tau, and the unit of convergence."""
        return STEP * np.sqrt(self.sd.min() ** 2 + np.asarray(tau) ** 2)

    def slopes(self, mu: float, tau: float, *, finer: float = 1.0) -> Slopes:
        """Return log m_i and its derivatives at a point."""
        return slopes(self.rule, mu, tau, finer * float(self.step(tau)))

    def start(self, tau: FloatArray) -> FloatArray:
        """Return the inverse-variance weighted means of the rough estimates, shape of ``tau`` (P,)."""
        weight = 1.0 / (self.sd[:, None] ** 2 + tau**2)
        return np.asarray((weight * self.centre[:, None]).sum(axis=0) / weight.sum(axis=0))

    def best_mu(self, tau: FloatArray, start: FloatArray, *, roughly: bool = False) -> FloatArray:
        """Return the mu with the largest likelihood at each tau, shape (P,)."""
        weights, tolerance = (ORDER_2, SCANNED) if roughly else (ORDER_8, CONVERGED)
        step = self.step(tau)

        def slope(mu: FloatArray) -> tuple[FloatArray, FloatArray]:
            _, first, second = slopes_in_mu(self.rule, mu, tau, step, weights)
            return first, second

        longest = 2.0 * np.sqrt(self.sd.max() ** 2 + tau**2)
        return falling_root(slope, start, longest=longest, tolerance=tolerance * step / STEP)

    def log_likelihood(self, mu: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the log likelihood at points, shape (P,)."""
        return np.asarray(self.rule(mu, tau).sum(axis=0))

    def taus(self) -> FloatArray:
        """Return the values of tau to scan: 0, and from a fraction of the smallest SD to several times the spread."""
        lowest = FIRST_TAU * float(self.sd.min())
        highest = 2.0 * float(np.ptp(self.centre)) + 4.0 * float(self.sd.max())
        count = int(np.ceil(np.log(highest / lowest) / np.log(RATIO))) + 1
        return np.concatenate([[0.0], np.geomspace(lowest, highest, count)])


@final
@dataclass(frozen=True, eq=False)
class Maximum:
    """The maximum of the likelihood.

    Parameters
    ----------
    around : Surroundings
        The likelihood, of the studies that say something of the effect, at the resolution used.
    mu, tau : float
        Where it is largest.
    slopes : Slopes
        log m_i and derivatives there.
    common : float
        The log likelihood at tau = 0, mu at its best there.
    common_mu : float
        That mu.
    n_maxima : int
        How many local maxima the profile in tau has.
    numerical_error : float
        Largest absolute error of mu, its standard error, tau and the log likelihood.
    """

    around: Surroundings
    mu: float
    tau: float
    slopes: Slopes
    common: float
    common_mu: float
    n_maxima: int
    numerical_error: float

    @property
    def se_mu(self) -> float:
        """Standard error of mu from the observed information of (mu, tau); at tau = 0 the two are independent."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def covariance(self) -> FloatArray:
        """Inverse of the observed information, shape (2, 2); for tau = 0 that of mu, and nan for tau."""
        return covariance(self.slopes, self.tau)

    @property
    def study_sd(self) -> float:
        """Not a number, for baselines are not random here."""
        return float("nan")

    @property
    def mu_information(self) -> FloatArray:
        """What each study adds to the information about mu, shape (k,)."""
        return -self.slopes.mu_mu

    @property
    def unit(self) -> float:
        """The smallest SD of a study's own estimate."""
        return float(self.around.sd.min())

    def used(self, terms: StudyTerms) -> BoolArray:
        """Return which studies say anything of the effect, shape (k,)."""
        return informative(terms)

    def effect_likelihoods(self, terms: StudyTerms) -> StudyTerms:
        """Return the terms: they are the likelihoods of the effects alone."""
        return terms

    def profile_of_mu(self, mu: float) -> float:
        """Return the log likelihood at mu with tau at its best, which is searched among all its maxima."""
        around = self.around
        tau = around.taus()
        farthest = FROM_MU * abs(mu - self.mu)
        if farthest > tau[-1]:
            tau = np.concatenate([tau, np.geomspace(tau[-1], farthest, 8)[1:]])
        still = np.array([mu])
        profile = around.log_likelihood(np.full(tau.size, mu), tau)
        best = int(profile.argmax())
        step = around.step(tau[best])

        def slope(at: FloatArray) -> tuple[FloatArray, FloatArray]:
            _, first, second = slopes_in_tau(around.rule, still, at, np.array([step]))
            return first, second

        low, high = tau[max(best - 1, 0)], tau[min(best + 1, tau.size - 1)]
        start = tau[best] if best else 0.5 * high
        tolerance = CONVERGED * step / STEP
        at = falling_root(slope, np.array([start]), longest=high, tolerance=tolerance, lower=low, upper=high)
        return max(float(profile[best]), float(around.log_likelihood(still, at)[0]))

    def profile_of_tau(self) -> Callable[[float], float]:
        """Return the log likelihood as a function of tau, mu being at its best; each call starts where the last did."""
        place = [self.mu]

        def profile(tau: float) -> float:
            place[0] = float(self.around.best_mu(np.array([tau]), np.array(place))[0])
            return float(self.around.log_likelihood(np.array(place), np.array([tau]))[0])

        return profile


def covariance(at: Slopes, tau: float) -> FloatArray:
    """Return the inverse of the observed information in (mu, tau), shape (2, 2); that of mu alone for tau = 0."""
    information = at.information
    if tau == 0.0:
        return np.array([[1.0 / information[0, 0], 0.0], [0.0, np.nan]])
    return np.linalg.inv(information)


def maximise(terms: StudyTerms) -> Maximum:
    """Return the maximum of the marginal likelihood.

    Raises
    ------
    DataError
        If there is none.
    AccuracyError
        If it cannot be found, or computed accurately.
    """
    check_has_maximum(terms)
    some = terms.take(np.flatnonzero(informative(terms)))
    limit = ceiling(some)
    for index in range(LEVELS):
        found = _maximise(Surroundings.of(some, index), Surroundings.of(some, index + 1), limit)
        if found is not None:
            return found
    raise AccuracyError("the marginal likelihoods could not be computed accurately; check for data on extreme scales.")


def _maximise(around: Surroundings, finer: Surroundings, limit: float) -> Maximum | None:
    """Return the maximum; None if the two resolutions differ there. ``limit`` is that of the log likelihood."""
    zero = np.zeros(1)
    common_mu = float(around.best_mu(zero, around.start(zero))[0])
    at_zero = around.slopes(common_mu, 0.0)
    candidates = [(common_mu, 0.0, at_zero)] if at_zero.profile_slope[1] <= 0.0 else []
    for low, start, high, mu in _brackets(around, goes_on=limit == -np.inf):
        found = refine(around, mu, start, low, high)
        if found[1] > ZERO * float(around.sd.min()):
            candidates.append(found)
    if not candidates and limit == -np.inf:
        return None
    mu, tau, best = max(candidates, key=lambda each: each[2].log_likelihood, default=(np.nan, np.nan, at_zero))
    if not candidates or best.log_likelihood <= limit + ABOVE_CEILING:
        raise DataError(
            "the likelihood does not fall as tau -> inf, because every study has a cell without events or without "
            f"non-events; {WAY_OUT}."
        )
    check = finer.slopes(mu, tau, finer=FINER)
    if np.abs(check.log_m - best.log_m).max() > ACCURATE:
        return None
    error = _error(best, check, tau)
    return Maximum(around, mu, tau, best, at_zero.log_likelihood, common_mu, len(candidates), error)


def _brackets(around: Surroundings, *, goes_on: bool) -> list[tuple[float, float, float, float]]:
    """Return for each maximum of the profile in tau above 0: its neighbours, itself, and mu there.

    Where the likelihood is known to fall in the end, the scan ``goes_on`` until it does.
    """
    tau = around.taus()
    mu = around.best_mu(tau, around.start(tau), roughly=True)
    profile = around.log_likelihood(mu, tau)
    for _ in range(MOST_ROUNDS):
        if profile[-1] < profile[-2] or not goes_on:
            break
        more = np.geomspace(tau[-1], FARTHER * tau[-1], 6)[1:]
        further = around.best_mu(more, mu[-1] * more / tau[-1], roughly=True)
        tau, mu = np.concatenate([tau, more]), np.concatenate([mu, further])
        profile = np.concatenate([profile, around.log_likelihood(further, more)])
    inner = np.flatnonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] > profile[2:])) + 1
    found = [(tau[j - 1], tau[j], tau[j + 1], mu[j]) for j in inner]
    if profile[0] >= profile[1]:
        found.append((0.0, 0.5 * tau[1], tau[1], mu[0]))
    return [(float(low), float(at), float(high), float(m)) for low, at, high, m in found]


def refine(around: Surroundings, mu: float, tau: float, low: float, high: float) -> tuple[float, float, Slopes]:
    """Return a maximum (mu, tau) of the likelihood with tau between two values, and the slopes there."""
    place = [mu]

    def slope(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        place[0] = float(around.best_mu(at, np.array(place))[0])
        first, second = around.slopes(place[0], float(at[0])).profile_slope
        return np.array([first]), np.array([second])

    tolerance = CONVERGED * around.step(tau) / STEP
    found = falling_root(slope, np.array([tau]), longest=high, tolerance=tolerance, lower=low, upper=high)
    mu = float(around.best_mu(found, np.array(place))[0])
    return mu, float(found[0]), around.slopes(mu, float(found[0]))


def _error(best: Slopes, check: Slopes, tau: float) -> float:
    """Return the largest error of mu, se_mu, tau and the log likelihood: the two resolutions' difference."""
    spread, other = covariance(best, tau), covariance(check, tau)
    step = np.nan_to_num(other) @ np.array([check.mu.sum(), check.tau.sum()])
    se = abs(np.sqrt(spread[0, 0]) - np.sqrt(other[0, 0]))
    return float(max(*np.abs(step), se, abs(best.log_likelihood - check.log_likelihood)))
