"""What is the mean proportion over studies? p_mean = integral of expit(theta) Normal(theta | mu, tau^2).

The mean of expit under a normal distribution is the marginal likelihood of one event in one patient, its mean
square that of two in two: the surface's own rules. At each tau p_mean increases with mu, so that its
distribution follows from that of mu by inverting it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import invert, row_table
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.surface import POWERS

SMALLEST_SLOPE = 1e-10  # per node; smaller only where the density of mu is 0
LARGEST_LOGIT = 500.0
LOGIT_REACH = 45.0  # expit(-45) is 3e-20
LOGIT_STEP = 0.7  # trapezoid steps up to this integrate expit times a smooth density: error exp(-2 pi^2 / 0.7)
LOGIT_NODE_STEP = 0.25
SMALL_WEIGHT = 1e-16


@final
@dataclass(frozen=True, eq=False)
class AverageProportion:
    """The posterior of p_mean, and the second moment of p_new, on one posterior's grid."""

    posterior: Posterior

    @cached_property
    def _nodes(self) -> FloatArray:
        """Means of expit(theta), of its square and of its complement at the nodes, shape (3, J, U)."""
        log_powers = self.posterior.surface.log_powers
        if log_powers is None:
            raise SpecError("p_mean is defined for effects on the logit scale only.")
        return np.exp(np.minimum(log_powers, 0.0))

    def moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_mean."""
        return self.posterior.moments(self._nodes[0])

    def p_new_moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_new = expit(theta_new); its mean is that of p_mean."""
        mean = self.posterior.mean(self._nodes[0])
        within = self.posterior.mean(self._nodes[1] - self._nodes[0] ** 2)
        between = self.posterior.mean((self._nodes[0] - mean) ** 2)
        return mean, float(np.sqrt(max(within + between, 0.0)))

    @cached_property
    def logit_at_nodes(self) -> FloatArray:
        """Logit of p_mean at the nodes of the posterior's rows, shape (R, U); it increases along each row."""
        log_powers = self.posterior.surface.log_powers
        if log_powers is None:
            raise SpecError("p_mean is defined for effects on the logit scale only.")
        rows = self.posterior.rows
        log_mean, log_rest = log_powers[0][rows], log_powers[2][rows]
        mu = self.posterior.surface.grid.mu[rows]
        # beyond exp(-LARGEST_LOGIT) a proportion is 0 or 1, and its logit goes on with slope 1
        beyond = np.minimum(log_mean, log_rest) < -LARGEST_LOGIT
        return continued(np.where(beyond, np.nan, log_mean - log_rest), mu)

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of logit(p_mean) at ``x``, shape (P,)."""
        position, slope = invert(self.logit_at_nodes, x)
        cdf, pdf = self.posterior.given_tau.at_position(position)
        inner = (position > 0.0) & (position < self.logit_at_nodes.shape[1] - 1)
        return cdf.sum(axis=0), np.where(inner, pdf / np.maximum(slope, SMALLEST_SLOPE), 0.0).sum(axis=0)


def median_proportion_moments(posterior: Posterior) -> tuple[float, float]:
    """Return the mean and SD of p_median = expit(mu).

    Where the nodes of mu are too far apart for expit, by parts: E g(mu) = g(inf) - integral of g'(x) F(x) dx.
    """
    grid = posterior.surface.grid
    p = special.expit(grid.mu)
    inside = (np.abs(grid.mu) < LOGIT_REACH) & (posterior.weight > SMALL_WEIGHT)
    coarse = np.where(inside, np.exp(grid.log_weight_mu), 0.0).max(axis=1) > LOGIT_STEP
    if not coarse.any():
        return posterior.moments(p)
    weight = np.where(coarse[:, None], 0.0, posterior.weight)
    first, second = float((weight * p).sum()), float((weight * p * p).sum())
    rows = np.flatnonzero(coarse)
    x = np.arange(-LOGIT_REACH, LOGIT_REACH + 0.5 * LOGIT_NODE_STEP, LOGIT_NODE_STEP)
    table = row_table(grid, rows, posterior.weight[rows])
    cdf = table.cdf_pdf(np.broadcast_to(x, (rows.size, x.size)))[0].sum(axis=0)
    p, total = special.expit(x), float(posterior.weight[rows].sum())
    slope = LOGIT_NODE_STEP * p * (1.0 - p)
    first += total - float(slope @ cdf)
    second += total - float((2.0 * p * slope) @ cdf)
    return first, float(np.sqrt(max(second - first * first, 0.0)))


def continued(values: FloatArray, mu: FloatArray) -> FloatArray:
    """Fill nan at the ends of rows (R, U) by going on from the last value with slope 1 in ``mu``."""
    known = np.isfinite(values)
    first, last = known.argmax(axis=1)[:, None], values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)[:, None]
    column = np.arange(values.shape[1])
    anchor = np.clip(column, first, last)
    filled = np.take_along_axis(values, anchor, axis=1) + mu - np.take_along_axis(mu, anchor, axis=1)
    return np.where(known.any(axis=1)[:, None], filled, mu)


def mean_proportion(mu: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return p_mean at pairs (mu, tau), each of shape (P,)."""
    result: FloatArray = np.exp(POWERS.marginal(settings)(mu, tau)[0])
    return result
