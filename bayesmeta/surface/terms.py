"""What is m(eta, tau) of each study: its likelihood averaged over a normal distribution of true effects.

    m_i(eta, tau) = integral of likelihood_i(theta) Normal(theta | eta, tau^2) dtheta

The binomial case is integrated in `bands`; the normal one has a closed form.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.bands import MarginalRule, binomial_rule
from bayesmeta.surface.quadrature import Level

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class NormalTerms:
    """Normal likelihoods: y_i ~ Normal(theta_i, se_i^2), with m_i in closed form.

    Parameters
    ----------
    y, se : array, shape (k,)
        Observed effects and standard errors, link scale.
    """

    y: FloatArray
    se: FloatArray

    @property
    def k(self) -> int:
        """Return the number of studies."""
        return len(self.y)

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta, se_i^2), shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta_i, se_i^2), shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        z = (self.y.reshape(shape) - theta) / self.se.reshape(shape)
        return -0.5 * z * z - np.log(self.se.reshape(shape)) - LOG_SQRT_2PI

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log Normal(y_i | eta, se_i^2 + tau^2) as a function; it is exact at every resolution."""

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            variance = self.se[:, None] ** 2 + tau**2
            return -0.5 * (self.y[:, None] - eta) ** 2 / variance - 0.5 * np.log(variance) - LOG_SQRT_2PI

        return rule

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return y and se squared."""
        return self.y, self.se**2

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return se squared."""
        return self.se**2

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return False for all: a normal likelihood decays on both sides."""
        none = np.zeros(self.k, dtype=bool)
        return none, none

    def take(self, index: IntArray) -> "NormalTerms":
        """Return the terms of the studies at ``index``."""
        return NormalTerms(self.y[index], self.se[index])


@final
@dataclass(frozen=True, eq=False)
class BinomialTerms:
    """Binomial likelihoods on the logit scale: events_i ~ Binomial(n_i, expit(theta_i)).

    Parameters
    ----------
    events, n : array, shape (k,)
        Counts. With ``events=n=1`` the marginal is the mean of expit under the normal distribution,
        and with ``events=n=2`` its mean square.
    """

    events: FloatArray
    n: FloatArray

    @property
    def k(self) -> int:
        """Return the number of studies."""
        return len(self.n)

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return the logit of (events + 1/2)/(n + 1) and its delta-method variance."""
        p = (self.events + 0.5) / (self.n + 1.0)
        return special.logit(p), 1.0 / ((self.n + 1.0) * p * (1.0 - p))

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information 1 / (n p (1 - p)) at p = expit(theta_i)."""
        information: FloatArray = self.n * special.expit(theta) * special.expit(-theta)
        return 1.0 / information

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return events == 0 (tends to 1 on the left) and events == n (on the right)."""
        return self.events == 0, self.events == self.n

    def take(self, index: IntArray) -> "BinomialTerms":
        """Return the terms of the studies at ``index``."""
        return BinomialTerms(self.events[index], self.n[index])

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta, shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta_i, shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        centre, _ = self.rough()
        shift = theta - centre.reshape(shape)
        return self.log_ratio(shift, shape) + self._log_at_centre().reshape(shape)

    def log_ratio(self, shift: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """Return log likelihood(centre + shift) - log likelihood(centre).

        Written with log1p and expm1, so that its error is n |shift| 1e-16, not n 1e-16.
        """
        p = ((self.events + 0.5) / (self.n + 1.0)).reshape(shape)
        far = np.minimum(shift, 600.0)  # exp stays finite; beyond, the log is linear
        log_ratio = self.events.reshape(shape) * far - self.n.reshape(shape) * np.log1p(p * np.expm1(far))
        rest = np.maximum(shift - 600.0, 0.0)
        return log_ratio - (self.n - self.events).reshape(shape) * rest

    def _log_at_centre(self) -> FloatArray:
        p = (self.events + 0.5) / (self.n + 1.0)
        log_coefficient = -np.log1p(self.n) - special.betaln(self.events + 1.0, self.n - self.events + 1.0)
        result: FloatArray = log_coefficient + special.xlogy(self.events, p) + special.xlog1py(self.n - self.events, -p)
        return result

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
        return binomial_rule(self, settings)


type Terms = NormalTerms | BinomialTerms
"""The likelihoods of k studies, as functions of their true effects. Every kind offers the same methods,
``log_likelihood``, ``log_likelihood_at``, ``marginal``, ``rough``, ``variance_at``, ``limits`` and
``take``."""
