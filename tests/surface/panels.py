"""Averages of likelihoods over distributions of effects, by dense panels; shares no code with the package.

Gauss-Legendre sums over panels that widen geometrically from where the kernel and where the likelihood has its
features, out to where nothing is left: the integral is that of the likelihood times the kernel's density itself,
whatever its tails.
"""

import numpy as np
from scipy import special, stats

GAUSS, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(24)
WIDENING = np.r_[0.0, np.geomspace(1e-3, 1.0, 11), np.arange(1.5, 12.1, 0.5), np.geomspace(13.0, 1e12, 160)]


def binomial(r, n, link="logit", offset=0.0):
    """Log probability of r events of n."""

    def log_l(theta):
        x = theta + offset
        if link == "logit":
            log_p, log_q = -np.logaddexp(0.0, -x), -np.logaddexp(0.0, x)
        elif link == "probit":
            log_p, log_q = special.log_ndtr(x), special.log_ndtr(-x)
        else:
            hazard = np.exp(np.minimum(x, 690.0))
            tiny = hazard < 1e-9
            log_q = -hazard
            log_p = np.where(tiny, x - 0.5 * hazard, np.log1p(-np.exp(-np.where(tiny, 1.0, hazard))))
        coefficient = special.gammaln(n + 1.0) - special.gammaln(r + 1.0) - special.gammaln(n - r + 1.0)
        return coefficient + (r * log_p if r else 0.0) + ((n - r) * log_q if n > r else 0.0)

    return log_l


def poisson(r, time):
    """Log probability of r events in person-time."""
    return lambda theta: r * (theta + np.log(time)) - time * np.exp(np.minimum(theta, 690.0)) - special.gammaln(r + 1.0)


def normal(y, se):
    """Log density of an estimate."""
    return lambda theta: -0.5 * ((theta - y) / se) ** 2 - np.log(se) - 0.5 * np.log(2.0 * np.pi)


def hypergeometric(x1, n1, x0, n0):
    """Log probability of x1 events under treatment, given x1 + x0, at log odds ratio theta."""
    total = x1 + x0
    j = np.arange(max(0, total - n0), min(n1, total) + 1.0)
    log_c = -special.betaln(j + 1.0, n1 - j + 1.0) - special.betaln(total - j + 1.0, n0 - total + j + 1.0)
    at = int(x1 - j[0])

    def log_l(theta):
        return log_c[at] + x1 * theta - _log_sums(log_c, j, theta)

    return log_l


def two_arms(x1, n1, x0, n0, mean, sd):
    """Log of both arms' probability, the control arm's log odds integrated out under Normal(mean, sd)."""
    control = binomial(x0, n0)
    width = min(sd, 1.0, 4.0 / np.sqrt(n1 + n0 + 1.0))
    edges = np.arange(mean - 14.0 * sd, mean + 14.0 * sd + width, width)
    alpha, weight = _rule(edges)
    log_w = control(alpha) + stats.norm.logpdf(alpha, mean, sd) + np.log(weight)
    # far out under a prior that contradicts the arm, the treatment arm may still pull
    keep = log_w > log_w.max() - 200.0
    alpha, log_w = alpha[keep], log_w[keep]
    treatment = binomial(x1, n1)

    def log_l(theta):
        blocks = np.array_split(theta, 1 + theta.size * alpha.size // 2_000_000)
        return np.concatenate([_log_sum(log_w + treatment(alpha + block[:, None])) for block in blocks])

    return log_l


def normal_kernel(eta, tau):
    return lambda theta: -0.5 * ((theta - eta) / tau) ** 2 - np.log(tau) - 0.5 * np.log(2.0 * np.pi)


def student_kernel(nu):
    def kernel(eta, tau):
        constant = special.gammaln(0.5 * nu + 0.5) - special.gammaln(0.5 * nu) - 0.5 * np.log(np.pi * nu)
        return lambda theta: constant - np.log(tau) - 0.5 * (nu + 1.0) * np.log1p(((theta - eta) / tau) ** 2 / nu)

    return kernel


def log_average(log_l, kernel, eta, tau, *, centre, sd):
    """Log of the integral of exp(log_l) times a kernel; ``centre`` and ``sd`` say where log_l has its features."""
    features = np.r_[eta + tau * WIDENING, eta - tau * WIDENING, centre + sd * WIDENING, centre - sd * WIDENING]
    between = np.linspace(min(eta, centre), max(eta, centre), 40)
    edges = np.unique(np.r_[features, between])
    x, weight = _rule(edges)
    log_k = kernel(eta, tau)(x) + np.log(np.maximum(weight, 1e-300))
    matters = log_k > -90.0  # log likelihoods are at most about 0
    return float(_log_sum(log_l(x[matters]) + log_k[matters]))


def _log_sum(terms):
    """Log of the sum of exponentials over the last axis; in plain floating point, which is fast."""
    top = terms.max(axis=-1)
    return top + np.log(np.exp(terms - top[..., None]).sum(axis=-1))


def _log_sums(log_c, j, theta):
    blocks = np.array_split(theta, 1 + theta.size * j.size // 2_000_000)
    return np.concatenate([_log_sum(log_c + j * block[:, None]) for block in blocks])


def _rule(edges):
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * GAUSS).ravel(), (half[:, None] * GAUSS_WEIGHT).ravel()
