"""What is m(eta, tau) of an estimate with a known standard error? It has a closed form."""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.kernels import NORMAL, NormalKernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class NormalTerms:
    """Normal likelihoods: y_i ~ Normal(theta_i, se_i^2), with m_i in closed form.

    Parameters
    ----------
    y, se : array, shape (k,)
        Observed effects and standard errors, link scale.
    log_factor : array, shape (k,), or float
        Log of a constant by which each likelihood is multiplied.
    """

    y: FloatArray
    se: FloatArray
    log_factor: FloatArray | float = 0.0

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.y)

    @property
    def kernel(self) -> NormalKernel:
        """The normal distribution."""
        return NORMAL

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta, se_i^2), shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return log Normal(y_i | theta_i, se_i^2), shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        z = (self.y.reshape(shape) - theta) / self.se.reshape(shape)
        constant = np.broadcast_to(self.log_factor - np.log(self.se) - LOG_SQRT_2PI, self.y.shape)
        return np.asarray(-0.5 * z * z + constant.reshape(shape))

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log Normal(y_i | eta, se_i^2 + tau^2) as a function; it is exact at every resolution."""
        constant: FloatArray = np.broadcast_to(self.log_factor - LOG_SQRT_2PI, self.y.shape)[:, None]

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            variance = self.se[:, None] ** 2 + tau**2
            return np.asarray(-0.5 * (self.y[:, None] - eta) ** 2 / variance - 0.5 * np.log(variance) + constant)

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

    def powered(self, power: FloatArray) -> "NormalTerms":
        """Return each likelihood raised to a power: Normal(y | theta, se^2)^a has the shape of se^2 / a."""
        se = self.se / np.sqrt(power)
        constant = power * (self.log_factor - np.log(self.se) - LOG_SQRT_2PI)
        return NormalTerms(self.y, se, constant + np.log(se) + LOG_SQRT_2PI)

    def take(self, index: IntArray) -> "NormalTerms":
        """Return the terms of the studies at ``index``."""
        factor = np.broadcast_to(self.log_factor, self.y.shape)[index]
        return NormalTerms(self.y[index], self.se[index], factor)
