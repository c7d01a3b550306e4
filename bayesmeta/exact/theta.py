"""What is each study's own effect? The posterior of theta_i, the shrunken study effect.

    p(theta_i | data) = likelihood_i(theta_i) integral of kernel(theta_i | mu, tau) / m_i(mu, tau) dP(mu, tau)

Its density is computed at the nodes of a sinh rule of its own, laid where the density lives. Where tau is
wide against the nodes of mu, the integral is a sum over them; where it is narrow, theta_i = mu + tau z with z
weighted by the likelihood, and the weighted density of mu is averaged over z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import WIDE, is_narrow, refined_nodes, row_table, sinc_cdf
from bayesmeta.surface.bands import BLOCK
from bayesmeta.surface.kernels import CommonKernel, Kernel
from bayesmeta.surface.locate import locate
from bayesmeta.surface.quadrature import WIDTH
from bayesmeta.surface.region import sharpest
from bayesmeta.surface.terms import Terms

SPIKE_WEIGHT = 1e-8  # nodes of tau with less weight do not matter to the study effects
DROP = 26.0  # a density is cut where its log has fallen by this much; rounding noise lies below it
LARGEST_LOG_SHARE = 20.0  # of a node of a narrow kernel; larger only where the row has no weight
HALF = 8.0  # half the width of the first bracket, in rough SDs
MOMENT_DROP = 23.0  # minus the log of the part of a moment that may be cut off
LARGEST_DROP = 600.0  # densities are computed down to TINY
TINY = 1e-290  # densities below this are 0


@final
@dataclass(frozen=True, eq=False)
class StudyEffect:
    """The posterior of one theta_i, as node weights of a sinh rule.

    Parameters
    ----------
    centre, width, first_v, step_v : float
        The rule: theta = centre + width sinh(v), v = first_v + step_v u.
    theta, weight : array, shape (U,)
        Nodes (link scale) and their probabilities.
    """

    centre: float
    width: float
    first_v: float
    step_v: float
    theta: FloatArray
    weight: FloatArray

    def moments(self) -> tuple[float, float]:
        """Return mean and SD on the link scale."""
        mean = float(self.weight @ self.theta)
        return mean, float(np.sqrt(self.weight @ (self.theta - mean) ** 2))

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density at ``x``, shape (P,), link scale."""
        z = (x - self.centre) / self.width
        position = (np.arcsinh(z) - self.first_v) / self.step_v
        offset = position[:, None] - np.arange(self.theta.size)
        slope = 1.0 / (self.width * np.sqrt(1.0 + z * z) * self.step_v)
        return sinc_cdf(offset) @ self.weight, (np.sinc(offset) @ self.weight) * slope


@final
@dataclass(frozen=True, eq=False)
class CommonEffect:
    """The posterior of mu, which is every study's effect where they have one in common.

    Parameters
    ----------
    posterior : Posterior
        Of mu; its density may jump where the prior ends.
    """

    posterior: Posterior

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(self.posterior.surface.grid.mu, axis=None)

    @property
    def theta(self) -> FloatArray:
        """Nodes (link scale), shape (U,)."""
        return self.posterior.surface.grid.mu.ravel()[self._order]

    @property
    def weight(self) -> FloatArray:
        """Their probabilities, shape (U,)."""
        return self.posterior.weight.ravel()[self._order]

    def moments(self) -> tuple[float, float]:
        """Return mean and SD on the link scale."""
        return self.posterior.moments(self.posterior.surface.grid.mu)

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density at ``x``, shape (P,), link scale."""
        return self.posterior.mu_cdf_pdf(x)


type Effect = StudyEffect | CommonEffect


def study_effects(posterior: Posterior) -> Sequence[Effect]:
    """Return the posteriors of the true effects of all studies, in order.

    Raises
    ------
    AccuracyError
        If the region of a density cannot be found.
    """
    if isinstance(posterior.surface.terms.kernel, CommonKernel):
        return [CommonEffect(posterior)] * posterior.surface.terms.k
    rows = posterior.rows
    mu, weight = refined_nodes(posterior.surface.grid, rows, posterior.weight[rows])
    narrow = is_narrow(posterior.surface.grid.tau[rows], mu, weight)
    kernel, rule = posterior.surface.terms.kernel, posterior.surface.terms.marginal(posterior.surface.settings)
    tau = np.repeat(posterior.surface.grid.tau[rows[~narrow]], mu.shape[1])
    log_m = rule(mu[~narrow].ravel(), tau)
    lower, upper, mode, local = _regions(posterior)
    width = WIDTH * local
    first, last = np.arcsinh((lower - mode) / width), np.arcsinh((upper - mode) / width)
    count = int(np.ceil((last - first).max() / (0.5 * posterior.surface.settings.step_mu))) + 1
    step = (last - first) / (count - 1)
    v = first[:, None] + step[:, None] * np.arange(count)
    theta = mode[:, None] + width[:, None] * np.sinh(v)
    log_likelihood = posterior.surface.terms.log_likelihood_at(theta)
    nodes, mass = mu[~narrow].ravel(), weight[~narrow].ravel()
    effects: list[Effect] = []
    for i in range(posterior.surface.terms.k):
        density = _wide_part(kernel, theta[i], log_likelihood[i], nodes, tau, -log_m[i], mass)
        density += _narrow_part(posterior, rows[narrow], i, theta[i])
        share = np.maximum(density, 0.0) * np.cosh(v[i])
        effects.append(StudyEffect(mode[i], width[i], first[i], step[i], theta[i], share / share.sum()))
    return effects


def _regions(posterior: Posterior) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return brackets, modes and local SDs of all theta_i, from a sum of kernels as wide as the nodes."""
    surface, rows = posterior.surface, posterior.rows
    grid = surface.grid
    y, variance = surface.terms.rough()
    mean, sd = posterior.moments(grid.mu)
    tau_mean = float(posterior.weight_tau @ grid.tau)
    spread = min(sd * sd + tau_mean * tau_mean, 1e6)
    shrunk = 1.0 / (1.0 / variance + 1.0 / spread)
    guess = shrunk * (y / variance + mean / spread)
    scale = _Scale(guess, np.sqrt(shrunk), bends=bool(np.isfinite(surface.terms.kernel.tail_order)))
    tau = np.maximum(grid.tau[rows, None], WIDE * np.gradient(grid.mu[rows], axis=1)).ravel()
    mu = grid.mu[rows].ravel()
    log_weight = posterior.log_weight[rows].ravel()
    ones = np.ones_like(tau)

    def log_f(v: FloatArray, studies: IntArray) -> FloatArray:
        x = scale.value(v, studies)
        log_likelihood = surface.terms.take(studies).log_likelihood_at(x)
        out = np.empty((1, *x.shape))
        for i, study in enumerate(studies):
            log_ratio = log_weight - surface.log_m[study, rows].ravel()
            density = _wide_part(surface.terms.kernel, x[i], log_likelihood[i], mu, tau, log_ratio, ones)
            out[0, i] = np.log(np.maximum(density, TINY))
        return out

    half = np.full(guess.size, scale.base(HALF))
    found = locate(log_f, -half, half, drop=_drop(surface.terms))
    at, width = sharpest(log_f, found)
    lower, upper, mode = (scale.value(v[:, None])[:, 0] for v in (found.lower, found.upper, at))
    local = width * scale.slope(at)
    spike, sd_spike = _spike(posterior)
    inside = (sd_spike < local) & (spike > lower) & (spike < upper)
    return lower, upper, np.where(inside, spike, mode), np.where(inside, sd_spike, local)


@final
@dataclass(frozen=True, eq=False)
class _Scale:
    """Where the region of each theta_i is looked for: theta = guess + sd v, or guess + sd sinh(v).

    The second is for study effects whose density falls like a power, which on the first scale has no region.
    """

    guess: FloatArray
    sd: FloatArray
    bends: bool

    def value(self, v: FloatArray, studies: IntArray | slice = slice(None)) -> FloatArray:
        """Return theta, shape (R, P)."""
        return self.guess[studies, None] + self.sd[studies, None] * (np.sinh(v) if self.bends else v)

    def base(self, z: float) -> float:
        """Return v where theta is ``z`` SDs from the guess."""
        return float(np.arcsinh(z)) if self.bends else z

    def slope(self, v: FloatArray) -> FloatArray:
        """Return the derivative of theta, shape (R,)."""
        return self.sd * (np.cosh(v) if self.bends else 1.0)


def _drop(terms: Terms) -> float:
    """Return how far the log density of a study effect must fall to be cut, so that its moments keep all but 1e-10.

    Where all or none of a study's patients had the event, it falls like the study effects' own distribution, for
    Student's t like theta^-a. Beyond Z lies a part Z^(1 + r - a) of the moment of order r.
    """
    order = terms.kernel.tail_order
    if not np.isfinite(order):
        return DROP
    highest = 2.0 if order > 3.0 else 1.0 if order > 2.0 else 0.0
    needed = max(DROP, order / (order - 1.0 - highest) * MOMENT_DROP)
    if needed > LARGEST_DROP and np.logical_or(*terms.limits()).any():
        raise AccuracyError(
            f"the moments of study effects with nu={order - 1.0:g} cannot be computed, because their tails are too "
            "heavy; take nu=3 or more."
        )
    return float(min(needed, LARGEST_DROP))


def _spike(posterior: Posterior) -> tuple[float, float]:
    """Return where mu is known best over all tau that matter, and its SD there.

    As tau falls to 0, every theta_i becomes mu, so that its density has a spike there, however little its own
    study says.
    """
    grid, rows = posterior.surface.grid, np.flatnonzero(posterior.weight_tau > SPIKE_WEIGHT)
    sd = grid.local_sd[rows]
    best = rows[sd.argmin()]
    return float(grid.mu_coordinate.value(grid.centre[best])), float(sd.min())


def _wide_part(
    kernel: Kernel,
    x: FloatArray,
    log_likelihood: FloatArray,
    mu: FloatArray,
    tau: FloatArray,
    log_ratio: FloatArray,
    mass: FloatArray,
) -> FloatArray:
    """Return likelihood(x) times the sum over nodes of mass exp(log_ratio) kernel(x | mu, tau), shape (P,)."""
    out = np.empty(x.size)
    for block in np.array_split(np.arange(x.size), -(-x.size * mu.size // BLOCK) or 1):
        exponent = kernel.log_density(x[block, None], mu, tau)
        exponent += log_ratio
        exponent += log_likelihood[block, None]
        out[block] = np.exp(np.minimum(exponent, 700.0, out=exponent), out=exponent) @ mass
    return out


def _narrow_part(posterior: Posterior, rows: IntArray, study: int, x: FloatArray) -> FloatArray:
    """Return the share of the density of theta_i where tau is narrow."""
    surface = posterior.surface
    density = np.zeros(x.size)
    if not rows.size:
        return density
    terms: Terms = surface.terms.take(np.array([study]))
    tau = surface.grid.tau[rows, None]
    for z, z_weight in zip(*terms.kernel.rule(surface.settings.hermite_nodes // 2 + 1), strict=True):
        log_ratio = terms.log_likelihood(surface.grid.mu[rows] + tau * z)[0] - surface.log_m[study, rows]
        weight = posterior.weight[rows] * np.exp(np.minimum(log_ratio, LARGEST_LOG_SHARE - np.log(z_weight)))
        weight = weight * terms.kernel.rule_correction(z, surface.grid.mu[rows], tau)
        density += z_weight * row_table(surface.grid, rows, weight).cdf_pdf(x - tau * z)[1].sum(axis=0)
    return np.maximum(density, 0.0)
