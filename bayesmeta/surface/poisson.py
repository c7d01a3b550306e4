"""What is the likelihood of events in a known person-time, as a function of the log rate?"""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.bands import averaged
from bayesmeta.surface.kernels import NORMAL, NormalKernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

FARTHEST: Final = 700.0  # exp(700) is still a double


@final
@dataclass(frozen=True, eq=False)
class PoissonTerms:
    """Poisson likelihoods: events_i ~ Poisson(time_i exp(theta_i)).

    Parameters
    ----------
    events, time : array, shape (k,)
        Counts and person-time; both discounted where a power prior says so.
    log_coefficient : array, shape (k,), or None
        Log of the constant factor of each likelihood; by default events log(time) - log(events!).
    """

    events: FloatArray
    time: FloatArray
    log_coefficient: FloatArray | None = None

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.time)

    @property
    def kernel(self) -> NormalKernel:
        """The normal distribution."""
        return NORMAL

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return the log of (events + 1/2) / time and 1 / (events + 1/2)."""
        return np.log((self.events + 0.5) / self.time), 1.0 / (self.events + 0.5)

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information: 1 / (time exp(theta_i))."""
        return np.exp(-theta) / self.time

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return events == 0 (tends to 1 on the left), and False: a high rate is never likely."""
        return self.events == 0, np.zeros(self.k, dtype=bool)

    def powered(self, power: FloatArray) -> "PoissonTerms":
        """Return each likelihood raised to a power: that of a events in a times the person-time."""
        return PoissonTerms(power * self.events, power * self.time, power * self._log_coefficient())

    def take(self, index: IntArray) -> "PoissonTerms":
        """Return the terms of the studies at ``index``."""
        coefficient = None if self.log_coefficient is None else self.log_coefficient[index]
        return PoissonTerms(self.events[index], self.time[index], coefficient)

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log Poisson probability at theta, shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log Poisson probability at theta_i, shape of ``theta`` (k, ...).

        From its value at (events + 1/2) / time, so that the error does not grow with the events.
        """
        shape = (-1,) + (1,) * (theta.ndim - 1)
        expected = self.events + 0.5
        shift = np.minimum(theta - np.log(expected / self.time).reshape(shape), FARTHEST)
        change = self.events.reshape(shape) * shift - expected.reshape(shape) * np.expm1(shift)
        at_centre = special.xlogy(self.events, expected / self.time) - expected + self._log_coefficient()
        return np.asarray(change + at_centre.reshape(shape))

    def _log_coefficient(self) -> FloatArray:
        if self.log_coefficient is not None:
            return self.log_coefficient
        return log_poisson_coefficient(self.events, self.time)

    def far(self, cut: float) -> FloatArray:
        """Return a distance from the centre at which a likelihood that decays is below exp(-cut), shape (k,)."""
        return (cut + np.log1p(self.events)) / np.clip(self.events, 0.5, 1.0) + 1.0

    def flat_from(self, cut: float) -> FloatArray:
        """Return from where on, on the left, a likelihood of 0 events differs from 1 by exp(-cut), shape (2, k)."""
        left = -cut - np.log(self.time)
        return np.stack([left, -left])

    def log_change(self, eta: FloatArray, step: FloatArray) -> FloatArray:
        """Return log likelihood(eta + step) - log likelihood(eta), for (P,) and (P, N); shape (k, P, N)."""
        change = np.multiply.outer(self.events, step)
        change -= np.multiply.outer(self.time, np.exp(np.minimum(eta, FARTHEST))[:, None] * np.expm1(step))
        return change

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
        return averaged(self, settings)


def log_poisson_coefficient(events: FloatArray, time: FloatArray) -> FloatArray:
    """Return events log(time) - log(events!), also for numbers that are not whole."""
    result: FloatArray = special.xlogy(events, time) - special.gammaln(events + 1.0)
    return result
