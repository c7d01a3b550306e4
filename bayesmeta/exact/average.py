"""What is the mean proportion over studies? p_mean = integral of p(theta) over the study effects, given (mu, tau).

The mean of p is the marginal likelihood of one event in one patient, its mean square that of two in two: the
surface's own rules. At each tau p_mean increases with mu, so that its distribution follows from that of mu by
inverting it.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import invert, row_table
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.surface import Surface, powers_rule

SMALLEST_SLOPE = 1e-10  # per node; smaller only where the density of mu is 0
LARGEST_LOGIT = 500.0
LOGIT_REACH = 45.0  # expit(-45) is 3e-20
# Trapezoid steps up to these integrate the inverse link times a smooth density: error exp(-2 pi^2 / 0.7) for expit,
# analytic within a distance of pi; the others grow off the real line within about a third of that.
LINK_STEPS = {"logit": 0.7, "probit": 0.25, "cloglog": 0.25}
LOGIT_NODE_STEP = 0.25
SMALL_WEIGHT = 1e-13  # a node with less may stand for itself


@final
@dataclass(frozen=True, eq=False)
class Increasing:
    """The posterior of a quantity that at each tau increases with mu, from its values at the nodes.

    Parameters
    ----------
    posterior : Posterior
        The joint posterior of (mu, tau).
    values : array, shape (R, U)
        The quantity at the nodes of the posterior's rows, on a scale where it is smooth.
    """

    posterior: Posterior
    values: FloatArray

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of the quantity at ``x``, shape (P,)."""
        position, slope = invert(self.values, x)
        cdf, pdf = self.posterior.given_tau.at_position(position)
        inner = (position > 0.0) & (position < self.values.shape[1] - 1)
        return cdf.sum(axis=0), np.where(inner, pdf / np.maximum(slope, SMALLEST_SLOPE), 0.0).sum(axis=0)


def log_powers(surface: Surface) -> FloatArray:
    """Return the logs of the means of p, of its square and of its complement at the nodes, shape (3, J, U)."""
    powers = surface.log_powers
    if powers is None:
        raise SpecError("p_mean is defined for effects on the scale of a proportion's link only.")
    return np.minimum(powers, 0.0)


def mean_proportion_moments(posterior: Posterior) -> tuple[float, float]:
    """Return the mean and SD of p_mean."""
    return posterior.moments(np.exp(log_powers(posterior.surface)[0]))


def next_proportion_moments(posterior: Posterior) -> tuple[float, float]:
    """Return the mean and SD of p_new, the proportion of theta_new; its mean is that of p_mean."""
    first, second, _ = np.exp(log_powers(posterior.surface))
    mean = posterior.mean(first)
    within, between = posterior.mean(second - first**2), posterior.mean((first - mean) ** 2)
    return mean, float(np.sqrt(max(within + between, 0.0)))


def logit_mean_proportion(surface: Surface, rows: IntArray | slice = slice(None)) -> FloatArray:
    """Return the logit of p_mean at the nodes of some rows, shape (R, U); it increases along each row."""
    log_mean, _, log_rest = log_powers(surface)[:, rows]
    # beyond exp(-LARGEST_LOGIT) a proportion is 0 or 1, and its logit goes on with slope 1
    beyond = np.minimum(log_mean, log_rest) < -LARGEST_LOGIT
    return continued(np.where(beyond, np.nan, log_mean - log_rest), surface.grid.mu[rows])


def median_proportion_moments(posterior: Posterior) -> tuple[float, float]:
    """Return the mean and SD of p_median, the inverse link of mu."""
    grid, link = posterior.surface.grid, posterior.surface.link
    far = far_rows(grid, link, posterior.weight)
    if not far.size:
        return posterior.moments(LINKS[link].inverse(grid.mu))
    first, second = median_powers(grid, link, posterior.weight, far).sum(axis=1)
    return float(first), float(np.sqrt(max(second - first * first, 0.0)))


def far_rows(grid: Grid, link: str, weight: FloatArray) -> IntArray:
    """Return the rows whose nodes of mu are too far apart for the inverse link, where there is weight (J, U)."""
    inside = (np.abs(grid.mu) < LOGIT_REACH) & (weight > SMALL_WEIGHT)
    return np.flatnonzero((inside & (grid.log_weight_mu > np.log(LINK_STEPS[link]))).any(axis=1))


def median_powers(grid: Grid, link: str, weight: FloatArray, far: IntArray) -> FloatArray:
    """Return the sums over each row of weights (J, U) times the inverse link g of mu, and of its square; (2, J).

    In the rows ``far`` that is done by parts: E g(mu) = g(inf) - integral of g'(x) F(x) dx.
    """
    inverse, log_slope = LINKS[link].inverse, PROPORTION_LINKS[link].log_slope
    p = inverse(grid.mu)
    powers = np.stack([weight * p, weight * p * p]).sum(axis=2)
    node_step = LOGIT_NODE_STEP * LINK_STEPS[link] / LINK_STEPS["logit"]
    x = np.arange(-LOGIT_REACH, LOGIT_REACH + 0.5 * node_step, node_step)
    p, slope = inverse(x), node_step * np.exp(log_slope(x))
    cdf, _ = row_table(grid, far, weight[far]).cdf_pdf(np.broadcast_to(x, (far.size, x.size)))
    powers[:, far] = weight[far].sum(axis=1) - np.stack([slope, 2.0 * p * slope]) @ cdf.T
    return powers


def continued(values: FloatArray, mu: FloatArray) -> FloatArray:
    """Fill nan at the ends of rows (R, U) by going on from the last value with slope 1 in ``mu``."""
    known = np.isfinite(values)
    first, last = known.argmax(axis=1)[:, None], values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)[:, None]
    column = np.arange(values.shape[1])
    anchor = np.clip(column, first, last)
    filled = np.take_along_axis(values, anchor, axis=1) + mu - np.take_along_axis(mu, anchor, axis=1)
    return np.where(known.any(axis=1)[:, None], filled, mu)


def mean_proportion(mu: FloatArray, tau: FloatArray, link: str, kernel: Kernel, settings: Level) -> FloatArray:
    """Return p_mean at pairs (mu, tau), each of shape (P,)."""
    rule = powers_rule(link, kernel, settings)
    if rule is None:
        raise SpecError(f"p_mean is not defined for the link {link!r}.")
    result: FloatArray = np.exp(rule(mu, tau)[0])
    return result
