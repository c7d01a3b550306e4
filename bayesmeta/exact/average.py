"""What is the mean proportion over studies? p_mean = integral of expit(theta) Normal(theta | mu, tau^2).

The mean of expit under a normal distribution is the marginal likelihood of one event in one patient, its mean
square that of two in two, and the mean of its derivative half that of one in two: the surface's own rules.
Its distribution follows from inverting p_mean in mu at each tau.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.posterior import Posterior, row_cdf, row_pdf
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import BinomialTerms, MarginalRule

# expit is close to a normal distribution function of variance 1/0.346 (16 sqrt(3) / (15 pi), squared)
SHRINK = 0.346
MAX_NEWTON = 30
CONVERGED = 1e-12


@final
@dataclass(frozen=True, eq=False)
class AverageProportion:
    """The posterior of p_mean, and the second moment of p_new, on one posterior's grid."""

    posterior: Posterior

    @cached_property
    def _nodes(self) -> FloatArray:
        """Mean and mean square of expit(theta) at the nodes, shape (2, J, U)."""
        grid, rule = self.posterior.surface.grid, _moment_rule(self.posterior.surface.settings)
        log_m = rule(grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1]))
        return np.exp(log_m).reshape(2, *grid.shape)

    @property
    def at_nodes(self) -> FloatArray:
        """Return p_mean at the nodes, shape (J, U)."""
        return self._nodes[0]

    def moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_mean."""
        return self.posterior.moments(self._nodes[0])

    def p_new_moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_new = expit(theta_new); its mean is that of p_mean."""
        mean = self.posterior.mean(self._nodes[0])
        within = self.posterior.mean(self._nodes[1] - self._nodes[0] ** 2)
        between = self.posterior.mean((self._nodes[0] - mean) ** 2)
        return mean, float(np.sqrt(max(within + between, 0.0)))

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of logit(p_mean) at ``x``, shape (P,)."""
        mu, slope = self._invert(x)
        weight = self.posterior.weight[self.posterior.rows]
        cdf = row_cdf(self.posterior, weight, mu).sum(axis=0)
        pdf = (row_pdf(self.posterior, weight, mu) / slope).sum(axis=0)
        return cdf, pdf

    def _invert(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mu (R, P) with logit p_mean(mu, tau) = x, and the derivative of that logit in mu.

        Newton on the logit scale, where the function is nearly linear; it is increasing and its slope lies
        between 0 and 1, so that the steps are safe.
        """
        posterior = self.posterior
        tau = posterior.surface.grid.tau[posterior.rows]
        times = np.repeat(tau, x.size)
        mu = self._start(x)
        rule = _slope_rule(posterior.surface.settings)
        for _ in range(MAX_NEWTON):
            log_mean, log_rest, log_twice = rule(mu.ravel(), times).reshape(3, *mu.shape)
            slope = 0.5 * np.exp(log_twice - log_mean - log_rest)
            step = (x - (log_mean - log_rest)) / slope
            mu = mu + step
            if (np.abs(step) <= CONVERGED * (1.0 + np.abs(mu))).all() or (np.abs(step) < 1e-7).all():
                break  # the next Newton step would be the square of this one
        return mu, slope

    def _start(self, x: FloatArray) -> FloatArray:
        posterior = self.posterior
        rows, grid = posterior.rows, posterior.surface.grid
        y = np.clip(special.logit(self._nodes[0][rows]), -40.0, 40.0)  # 1 - 1e-17 is 1
        start = np.empty((rows.size, x.size))
        scale = np.sqrt(1.0 + SHRINK * grid.tau[rows] ** 2)
        for i, row in enumerate(rows):
            start[i] = np.interp(x, y[i], grid.mu[row], left=np.nan, right=np.nan)
        return np.where(np.isfinite(start), start, x * scale[:, None])


def mean_proportion(mu: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return p_mean at pairs (mu, tau), each of shape (P,)."""
    return np.exp(_moment_rule(settings)(mu, tau)[0])


@cache
def _moment_rule(settings: Level) -> MarginalRule:
    """Log of the means of expit and of its square."""
    return BinomialTerms(np.array([1.0, 2.0]), np.array([1.0, 2.0])).marginal(settings)


@cache
def _slope_rule(settings: Level) -> MarginalRule:
    """Log of the means of expit, of 1 - expit, and of 2 expit (1 - expit)."""
    return BinomialTerms(np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 2.0])).marginal(settings)
