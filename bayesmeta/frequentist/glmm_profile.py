"""Which values of mu, or of tau, are within a likelihood ratio of the best? Profile-likelihood intervals."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta.errors import AccuracyError
from bayesmeta.frequentist.glmm_found import Found

WIDER: Final = 1.6  # how fast an interval is searched outwards
MOST_ROUNDS: Final = 60
AT_LIMIT: Final = 1e-10  # relative


def profile_interval_of_mu(found: Found, drop: float) -> tuple[float, float]:
    """Return where the log likelihood, tau at its best for each mu, has fallen by ``drop``; link scale."""
    target = found.slopes.log_likelihood - drop

    def above(mu: float) -> float:
        return found.profile_of_mu(mu) - target

    first = np.sqrt(2.0 * drop) * found.se_mu
    return tuple(_crossing(above, found.mu, side * first) for side in (-1.0, 1.0))  # type: ignore[return-value]


def profile_interval_of_tau(found: Found, drop: float) -> tuple[float, float]:
    """Return where the log likelihood, mu at its best for each tau, has fallen by ``drop``; the lower limit may be 0.

    The upper one is inf where the likelihood falls by less than that, nan where it cannot be computed accurately.
    """
    target = found.slopes.log_likelihood - drop
    profile = found.profile_of_tau()

    def above(tau: float) -> float:
        return profile(tau) - target

    variance = found.covariance[1, 1]
    first = np.sqrt(2.0 * drop * variance) if found.tau > 0.0 and variance > 0.0 else found.unit
    try:
        upper = _crossing(above, found.tau, first)
    except AccuracyError:
        upper = float("nan")
    if found.common >= target:
        return 0.0, upper
    return float(_root(above, 0.0, found.tau)), upper


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
