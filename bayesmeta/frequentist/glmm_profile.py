"""Which values of mu, or of tau, are within a likelihood ratio of the best? Profile-likelihood intervals."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.frequentist.concave import falling_root
from bayesmeta.frequentist.glmm_maximum import CONVERGED, Maximum
from bayesmeta.frequentist.slopes import STEP, slopes_in_tau

WIDER: Final = 1.6  # how fast an interval is searched outwards
MOST_ROUNDS: Final = 60
AT_LIMIT: Final = 1e-10  # relative
FROM_MU: Final = 2.0  # tau is scanned up to so many times the distance of mu from its best


def profile_interval_of_mu(found: Maximum, drop: float) -> tuple[float, float]:
    """Return where the log likelihood, tau at its best for each mu, has fallen by ``drop``; link scale."""
    target = found.slopes.log_likelihood - drop

    def above(mu: float) -> float:
        return profile_of_mu(found, mu) - target

    first = np.sqrt(2.0 * drop) * found.se_mu
    return tuple(_crossing(above, found.mu, side * first) for side in (-1.0, 1.0))  # type: ignore[return-value]


def profile_interval_of_tau(found: Maximum, drop: float) -> tuple[float, float]:
    """Return where the log likelihood, mu at its best for each tau, has fallen by ``drop``; the lower limit may be 0.

    The upper one is inf where the likelihood falls by less than that.
    """
    target = found.slopes.log_likelihood - drop
    place = [found.mu]

    def above(tau: float) -> float:
        place[0] = float(found.around.best_mu(np.array([tau]), np.array(place))[0])
        return float(found.around.log_likelihood(np.array(place), np.array([tau]))[0]) - target

    unit = float(found.around.sd.min())
    variance = found.covariance[1, 1]
    first = np.sqrt(2.0 * drop * variance) if found.tau > 0.0 and variance > 0.0 else unit
    upper = _crossing(above, found.tau, first)
    if found.common >= target:
        return 0.0, upper
    return float(_root(above, 0.0, found.tau)), upper


def profile_of_mu(found: Maximum, mu: float) -> float:
    """Return the log likelihood at mu with tau at its best, which is searched among all its maxima."""
    around = found.around
    tau = around.taus()
    farthest = FROM_MU * abs(mu - found.mu)
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


def _crossing(above: Callable[[float], float], best: float, first: float) -> float:
    """Return the nearest place beyond ``best``, first looked for at ``best + first``, where a function is 0."""
    inside, step = best, first
    for _ in range(MOST_ROUNDS):
        outside = best + step
        if above(outside) < 0.0:
            return _root(above, inside, outside)
        inside, step = outside, step * WIDER
    return float(np.copysign(np.inf, first))


def _root(above: Callable[[float], float], a: float, b: float) -> float:
    from scipy.optimize import brentq

    root, report = brentq(above, a, b, xtol=AT_LIMIT * (abs(b - a) + abs(b)), full_output=True)
    if not report.converged:
        raise AccuracyError("a limit of a profile-likelihood interval could not be found; use ci_method='wald'.")
    return float(root)
