"""How is a likelihood averaged over Student's t distribution of effects?

Its tails are algebraic, so that neither Gauss-Hermite nodes nor a lattice that is cut serve as they do for a normal
distribution. It is the mixture of Normal(eta, (tau s)^2) over scales s, and so the average is a mixture too, which
is exact for any tau. Where tau is wide against the lattice on which a log-concave likelihood is tabulated, the
trapezoid rule with the density of t itself takes a fraction of the time.
"""

from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.bands import BLOCK
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.kernels import StudentKernel
from bayesmeta.surface.lattices import Band, make_bands
from bayesmeta.surface.poisson import PoissonTerms
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule, Terms

MIXED: Final = 200_000  # pairs of points and scales handed on at once
WIDEST: Final = 1e300
FINE, COARSE = 0.16, 0.35  # trapezoid steps in the log of the scales that are mixed; the coarse one is the pilot's
COARSE_FROM: Final = 0.4
# The density of t has poles at eta +- i tau sqrt(nu), so that the trapezoid rule of step h is off by about
# exp(-2 pi 0.9 sqrt(nu) tau / h); and a large nu makes it normal, for which 1.5 steps serve.
LEAST_STEPS: Final = 1.5
POLE_STEPS: Final = 5.0
UNDERFLOW: Final = 1e-280


def student_rule(terms: Terms, kernel: StudentKernel, settings: Level) -> MarginalRule:
    """Return log m_i(eta, tau) under Student's t distribution of effects."""
    mixed = _mixture(terms, kernel, settings)
    if not isinstance(terms, BinomialTerms | PoissonTerms) or not terms.k:
        return mixed
    bands = make_bands(terms, settings)
    steps = max(LEAST_STEPS, POLE_STEPS / np.sqrt(kernel.nu))
    wide_from = steps * bands[0].step  # the coarsest

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.empty((terms.k, eta.size))
        narrow, wide = np.flatnonzero(tau < wide_from), np.flatnonzero(tau >= wide_from)
        if narrow.size:
            out[:, narrow] = mixed(eta[narrow], tau[narrow])
        for band in bands:
            for block in np.array_split(wide, -(-wide.size * band.theta.size // BLOCK) or 1):
                out[band.study[:, None], block] = _direct(band, kernel, eta[block], tau[block])
        below = wide[~np.isfinite(out[:, wide]).all(axis=0)]
        if below.size:
            out[:, below] = mixed(eta[below], tau[below])
        return out

    return rule


def _mixture(terms: Terms, kernel: StudentKernel, settings: Level) -> MarginalRule:
    """Return the log of the sum over scales s of share(s) m_i(eta, tau s), with m_i under a normal kernel."""
    scale, share = kernel.scales(COARSE if settings.step_theta > COARSE_FROM else FINE)
    normal = terms.marginal(settings)

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        out = np.empty((terms.k, eta.size))
        for block in np.array_split(np.arange(eta.size), -(-eta.size * scale.size // MIXED) or 1):
            # scale by scale, so that neighbouring points are kernels of like width
            wide = np.minimum(np.multiply.outer(scale, tau[block]), WIDEST)
            log_m = normal(np.tile(eta[block], scale.size), wide.ravel()).reshape(terms.k, scale.size, block.size)
            largest = log_m.max(axis=1)
            log_m -= largest[:, None]
            out[:, block] = np.log(share @ np.exp(log_m, out=log_m)) + largest
        return out

    return rule


def _direct(band: Band, kernel: StudentKernel, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return log m for one band by the trapezoid rule on its lattice, shape (b, P); -inf where it underflows."""
    density = np.exp(kernel.log_density(band.theta[:, None], eta, tau))
    total = band.step * (band.likelihood @ density)
    half = 0.5 * band.step
    edges = band.theta[0] - half, band.theta[-1] + half
    for limit, edge, sign in zip(band.limits, edges, (1.0, -1.0), strict=True):
        if limit.any():
            beyond = _tail_sum(kernel.nu, sign * (edge - eta) / tau, band.step / tau)
            total[limit] += np.exp(-band.log_scale[limit, None]) * beyond
    log_total = np.log(np.maximum(total, UNDERFLOW)) + band.log_scale[:, None]
    return np.where(total > UNDERFLOW, log_total, -np.inf)


def _tail_sum(nu: float, z: FloatArray, step: FloatArray) -> FloatArray:
    """Return the sum of ``step`` times the density of t over the lattice points z - step/2, z - 3 step/2, ...

    It is the distribution function plus two Euler-Maclaurin terms of the midpoint rule; with a(x) = -log density,
    the density's first derivative is -a' f, and its third (3 a' a'' - a'^3 - a''') f.
    """
    kernel = StudentKernel(nu)
    zero, one = np.zeros_like(z), np.ones_like(z)
    density = np.exp(kernel.log_density(z, zero, one))
    r = 1.0 / (nu + z * z)
    first = (nu + 1.0) * z * r
    second = (nu + 1.0) * (nu - z * z) * r * r
    third = (nu + 1.0) * 2.0 * z * (z * z - 3.0 * nu) * r * r * r
    fourth_term = 7.0 * step**4 / 5760.0 * (3.0 * first * second - first**3 - third)
    return np.maximum(kernel.cdf(z, zero, one) + density * (step**2 / 24.0 * first + fourth_term), 0.0)
