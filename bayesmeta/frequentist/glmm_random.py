"""At which (alpha, mu, sigma, tau) is the likelihood largest where baselines and effects are both random (UM.RS)?

It is an even function of sigma and of tau, smooth through 0. For fixed (sigma, tau) it is log-concave in (alpha, mu)
(Prekopa 1973); in (sigma, tau) it may have several maxima, so that Newton's method with a trust region starts from
several places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import AccuracyError, DataError
from bayesmeta.frequentist.glmm_maximum import ACCURATE, ZERO
from bayesmeta.frequentist.glmm_models import StudyTerms
from bayesmeta.frequentist.likelihood_limits import WAY_OUT
from bayesmeta.frequentist.random_intercepts import GivenIntercepts, Moments, RandomIntercepts
from bayesmeta.frequentist.slopes import Slopes
from bayesmeta.frequentist.study_intercepts import ArmPair, InterceptTerms

ALPHA, MU, SIGMA, TAU = range(4)
PARAMETERS: Final = np.arange(4)
MOST_STEPS: Final = 100
TRUST: Final = {"initial_trust_radius": 0.5, "max_trust_radius": 4.0}
MOST_LAST_STEPS: Final = 8  # of plain Newton, where the trust region has come close
NEAR, SAME = 0.05, 1e-3  # maxima nearer than that in each parameter are one: at a first look, in the end
SMALL: Final = 0.2  # a start near the boundary, in parts of the spread

type Curved = tuple[float, FloatArray, FloatArray]
"""A value, its gradient and its Hessian."""


@final
@dataclass(frozen=True, eq=False)
class RandomMaximum:
    """The maximum of the likelihood.

    Parameters
    ----------
    likelihood : RandomIntercepts
        The marginal likelihoods at the resolution used.
    place : array, shape (4,)
        alpha, mu, sigma and tau where it is largest.
    moments : Moments
        log m_i and derivatives there.
    common_place : array, shape (4,)
        The same with tau = 0.
    common : float
        The log likelihood there.
    n_maxima : int
        How many local maxima were found.
    numerical_error : float
        Largest absolute error of the four, the standard error of mu and the log likelihood.
    """

    likelihood: RandomIntercepts
    place: FloatArray
    moments: Moments
    common_place: FloatArray
    common: float
    n_maxima: int
    numerical_error: float

    @property
    def mu(self) -> float:
        """Mean of the effects."""
        return float(self.place[MU])

    @property
    def tau(self) -> float:
        """SD of the effects."""
        return float(self.place[TAU])

    @property
    def study_sd(self) -> float:
        """SD of the baselines, sigma."""
        return float(self.place[SIGMA])

    @property
    def slopes(self) -> Slopes:
        """Derivatives of log m_i in mu and tau, and itself; alpha and sigma are held."""
        score, hessian = self.moments.score, self.moments.hessian
        return Slopes(
            self.moments.log_m, score[:, MU], score[:, TAU],
            hessian[:, MU, MU], hessian[:, MU, TAU], hessian[:, TAU, TAU],
        )  # fmt: skip

    @property
    def mu_information(self) -> FloatArray:
        """What each study adds to the information about mu, shape (k,): sigma and tau are held, alpha follows mu.

        With J the sum of the studies' information in (alpha, mu), v_i = d' J_i d, d = (-J_am / J_aa, 1). They are not
        negative, for each m_i is log-concave, and sum to J_mm - J_am^2 / J_aa.
        """
        information = -self.moments.hessian[:, :2, :2]
        total = information.sum(axis=0)
        direction = np.array([-total[ALPHA, MU] / total[ALPHA, ALPHA], 1.0])
        return np.asarray(direction @ information @ direction)

    @property
    def covariance(self) -> FloatArray:
        """Those of (mu, tau) in the inverse of the observed information of all that is not at its boundary."""
        whole = full_covariance(self.moments, self.place)
        if self.tau == 0.0:
            return np.array([[whole[MU, MU], 0.0], [0.0, np.nan]])
        return whole[np.ix_([MU, TAU], [MU, TAU])]

    @property
    def se_mu(self) -> float:
        """Standard error of mu."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def unit(self) -> float:
        """The smallest SD of a study's own estimate."""
        return unit_of(self.likelihood.pair)

    def used(self, terms: StudyTerms) -> BoolArray:
        """Return that all studies say something: even one without events does, of alpha and sigma."""
        return np.ones(terms.k, dtype=np.bool_)

    def effect_likelihoods(self, terms: StudyTerms) -> GivenIntercepts:
        """Return the likelihoods of the effects at the estimates of alpha and sigma."""
        assert isinstance(terms, InterceptTerms)
        return GivenIntercepts(terms, float(self.place[ALPHA]), self.study_sd)

    def profile_of_mu(self, mu: float) -> float:
        """Return the largest log likelihood with this mu."""
        near = self._off_boundary(self.place)
        wide = np.array([*near[:TAU], np.hypot(near[TAU], mu - self.mu)])
        return max(self._best_with(MU, mu, place)[1] for place in (wide, near)[: self.n_maxima])

    def profile_of_tau(self) -> Callable[[float], float]:
        """Return the largest log likelihood as a function of tau; each call starts where the last one ended."""
        last = [self.place]

        def profile(tau: float) -> float:
            starts = (self._off_boundary(place) for place in (last[0], self.common_place)[: self.n_maxima])
            last[0], height = max((self._best_with(TAU, tau, start) for start in starts), key=lambda each: each[1])
            return height

        return profile

    def saturated(self) -> FloatArray:
        """Return log m_i (k,) where the likelihood with an effect per study, baselines random, is largest."""
        return _saturated(self.likelihood, self.common_place)

    def _off_boundary(self, place: FloatArray) -> FloatArray:
        """Return a place where sigma and tau are not 0, since there the likelihood is level in them."""
        return np.array([*place[:SIGMA], *np.maximum(place[SIGMA:], SMALL * self.unit)])

    def _best_with(self, index: int, value: float, place: FloatArray) -> tuple[FloatArray, float]:
        start = place.copy()
        start[index] = value
        found = climb_accurately(self.likelihood, start, np.not_equal(PARAMETERS, index), PROFILE)
        return found.place, float(found.moments.log_m.sum())


def maximise_random(terms: StudyTerms) -> RandomMaximum:
    """Return the maximum of the likelihood of both arms.

    Raises
    ------
    DataError
        If there is none.
    AccuracyError
        If it cannot be found, or computed accurately.
    """
    assert isinstance(terms, InterceptTerms)
    _check_has_maximum(terms)
    places, without = _local_maxima(RandomIntercepts(ArmPair.of(terms), 0))
    start = RandomIntercepts(ArmPair.of(terms), 1)
    common = climb_accurately(start, without, PARAMETERS != TAU, MAXIMUM)
    found: list[Climbed] = []
    for place in places:
        each = climb_accurately(start, place, PARAMETERS >= 0, MAXIMUM)
        if not any(np.allclose(each.place, other.place, rtol=SAME, atol=SAME) for other in found):
            found.append(each)
    best = max(found, key=lambda each: each.moments.log_m.sum())
    return RandomMaximum(
        best.likelihood, best.place, best.moments, common.place, float(common.moments.log_m.sum()), len(found),
        _error(best.moments, best.check, best.place),
    )  # fmt: skip


def _check_has_maximum(terms: InterceptTerms) -> None:
    """Raise `DataError` if the likelihood rises, or may rise, for ever.

    Where it does not fall along a ray of parameters, the linear predictors of every arm that has both events and
    non-events stay finite on it. With sigma or tau growing none does: then all arms have only one of the two. With
    (alpha, mu) growing alone those of one arm grow in all trials: then it has only one of the two in all.
    """
    none = terms.events == 0.0
    full = (terms.events == terms.size) & (terms.arms == "binomial")
    ends = none.all(axis=1), full.all(axis=1)
    if (ends[0] | ends[1]).all():
        raise DataError(f"no study says anything of the effect: every one has no events, or only events; {WAY_OUT}.")
    for index, arm in enumerate(("treatment", "control")):
        for is_so, what, sign in ((ends[0][index], "no events", "-"), (ends[1][index], "only events", "")):
            if is_so:
                towards = sign if index == 0 else {"-": "", "": "-"}[sign]
                raise DataError(
                    f"the likelihood grows without bound as mu -> {towards}inf, because the {arm} arms have {what} in "
                    f"any study; {WAY_OUT}."
                )
    if (none | full).all():
        raise DataError(
            "the likelihood does not fall as the variances grow, because every arm of every study has no events or "
            f"only events; {WAY_OUT}."
        )


def _local_maxima(likelihood: RandomIntercepts) -> tuple[list[FloatArray], FloatArray]:
    """Return about where the local maxima are, and that with tau = 0."""
    centre, (sigma, tau) = _rough(likelihood.pair)
    fixed = [
        climb(likelihood, np.array([*centre, s, 0.0]), PARAMETERS != TAU, FIRST_LOOK.lacking)
        for s in (sigma, SMALL * sigma)
    ]
    common = max(fixed, key=lambda each: each[1].log_m.sum())[0]
    found: list[FloatArray] = []
    for s in (sigma, SMALL * sigma):
        for t in (SMALL * tau, tau):
            place = climb(likelihood, np.array([*centre, s, t]), PARAMETERS >= 0, FIRST_LOOK.lacking)[0]
            if not any(np.allclose(place, other, rtol=NEAR, atol=NEAR) for other in found):
                found.append(place)
    return found, common


def _rough(pair: ArmPair) -> tuple[FloatArray, tuple[float, float]]:
    """Return about where (alpha, mu) are, and the spread of baselines and effects, not 0."""
    weight = 1.0 / pair.arm_variance.sum(axis=0)
    both = np.stack([pair.log_odds.mean(axis=0), pair.effect])
    spread = np.sqrt(both.var(axis=1) + unit_of(pair) ** 2)
    return both @ weight / weight.sum(), (float(spread[0]), float(spread[1]))


def unit_of(pair: ArmPair) -> float:
    """Return the smallest SD of a study's own estimate of its effect."""
    return float(np.sqrt(pair.variance.min()))


@final
@dataclass(frozen=True)
class Wanted:
    """How accurate a maximum must be.

    Parameters
    ----------
    lacking : float
        Newton's decrement: twice what the log likelihood may lack of its maximum.
    difference : float
        Of log m of each study between two resolutions.
    """

    lacking: float
    difference: float


MAXIMUM: Final = Wanted(1e-11, ACCURATE)
PROFILE: Final = Wanted(1e-8, 1e-7)
FIRST_LOOK: Final = Wanted(1e-3, np.inf)
SATURATED: Final = 1e-13  # its likelihood may have a limit in place of a maximum


@final
@dataclass(frozen=True, eq=False)
class Climbed:
    """A maximum in the parameters that are free: where, at which resolution, the moments there, and finer ones."""

    place: FloatArray
    likelihood: RandomIntercepts
    moments: Moments
    check: Moments


def climb_accurately(likelihood: RandomIntercepts, start: FloatArray, free: BoolArray, wanted: Wanted) -> Climbed:
    """Return a local maximum at the first resolution that is good enough there."""
    while True:
        finer = likelihood.finer
        try:
            start, moments = climb(likelihood, start, free, wanted.lacking)
        except NotReached:
            likelihood = finer
            continue
        check = finer.at(start)
        if np.abs(check.log_m - moments.log_m).max() <= wanted.difference:
            return Climbed(start, likelihood, moments, check)
        likelihood = finer


def climb(
    likelihood: RandomIntercepts, start: FloatArray, free: BoolArray, lacking: float
) -> tuple[FloatArray, Moments]:
    """Return a local maximum in the parameters that are free, sigma and tau being 0 or above, and the moments there."""
    place = start.copy()

    def at(x: FloatArray) -> Curved:
        place[free] = x
        here = likelihood.at(place)
        return here.log_m.sum(), here.score.sum(axis=0)[free], here.hessian.sum(axis=0)[np.ix_(free, free)]

    place[free] = highest(at, start[free], lacking, roughly=lacking >= FIRST_LOOK.lacking)
    place[SIGMA:] = np.abs(place[SIGMA:])
    zero = free & (PARAMETERS >= SIGMA) & (place > 0.0) & (place < ZERO * unit_of(likelihood.pair))
    if zero.any():
        return climb(likelihood, np.where(zero, 0.0, place), free & ~zero, lacking)
    return place, likelihood.at(place)


class NotReached(AccuracyError):
    """No maximum was found, as where the likelihood is not accurate enough."""


def highest(
    at: Callable[[FloatArray], Curved], start: FloatArray, lacking: float, *, roughly: bool = False
) -> FloatArray:
    """Return a local maximum of a function that ``at`` gives with gradient and Hessian.

    ``roughly``: where its gradient is about sqrt(lacking), or as far as the search got.
    """
    from scipy.optimize import minimize

    seen: list[tuple[FloatArray, Curved]] = [(start, at(start))]

    def negative(x: FloatArray) -> Curved:
        if not np.array_equal(seen[0][0], x):
            seen[0] = x.copy(), at(x)
        value, gradient, hessian = seen[0][1]
        return -value, -gradient, -hessian

    curved: Any = {"fun": lambda x: negative(x)[0], "jac": lambda x: negative(x)[1], "hess": lambda x: negative(x)[2]}
    options: Any = {"gtol": np.sqrt(lacking), "maxiter": MOST_STEPS, **TRUST}
    x: FloatArray = minimize(**curved, x0=start, method="trust-exact", options=options).x
    if roughly:
        return x
    for _ in range(MOST_LAST_STEPS):
        _, gradient, hessian = negative(x)
        step = -np.linalg.solve(hessian, gradient)
        if not np.isfinite(step).all():
            break
        if abs(gradient @ step) < lacking:
            return np.asarray(x + step)
        x = x + step
    raise NotReached("a maximum of the likelihood could not be found; check for data on extreme scales.")


def _saturated(likelihood: RandomIntercepts, start: FloatArray) -> FloatArray:
    """Return log m_i (k,) at the maximum in alpha, sigma and an effect per study, all effects being fixed."""
    k = likelihood.k

    def moments(x: FloatArray) -> Moments:
        return likelihood.at(np.array([x[0], 0.0, x[1], 0.0]), x[2:])

    def at(x: FloatArray) -> Curved:
        here, own = moments(x), np.arange(2, 2 + k)
        hessian = np.zeros((2 + k, 2 + k))
        hessian[:2, :2] = here.hessian.sum(axis=0)[np.ix_([ALPHA, SIGMA], [ALPHA, SIGMA])]
        hessian[own, own] = here.hessian[:, MU, MU]
        hessian[:2, 2:] = here.hessian[:, [ALPHA, SIGMA], MU].T
        hessian[2:, :2] = hessian[:2, 2:].T
        gradient = np.concatenate([here.score.sum(axis=0)[[ALPHA, SIGMA]], here.score[:, MU]])
        return here.log_m.sum(), gradient, hessian

    sigma = max(start[SIGMA], SMALL * unit_of(likelihood.pair))
    best = highest(at, np.array([start[ALPHA], sigma, *likelihood.pair.effect]), SATURATED, roughly=True)
    return moments(best).log_m


def full_covariance(moments: Moments, place: FloatArray) -> FloatArray:
    """Return the inverse of the observed information, shape (4, 4); 0 for what is at its boundary."""
    free = np.flatnonzero((PARAMETERS < SIGMA) | (place > 0.0))
    whole = np.zeros((4, 4))
    whole[np.ix_(free, free)] = np.linalg.inv(-moments.hessian.sum(axis=0)[np.ix_(free, free)])
    return whole


def _error(best: Moments, check: Moments, place: FloatArray) -> float:
    """Return the largest error: the difference of two resolutions."""
    spread, other = full_covariance(best, place), full_covariance(check, place)
    step = other @ check.score.sum(axis=0)
    se = abs(np.sqrt(spread[MU, MU]) - np.sqrt(other[MU, MU]))
    return float(max(*np.abs(step), se, abs(best.log_m.sum() - check.log_m.sum())))
