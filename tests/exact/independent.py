"""Posteriors by brute force, to hold the exact engine against; shares no code with the package.

The marginal likelihood of a study is a Gauss-Legendre sum over panels of theta (or a trapezoid sum over z where tau
is narrow), tau runs over equal steps of log tau from 1e-13 on, mu over hundreds of nodes per tau, and distribution
functions are the integrals of splines of degree 7 through these nodes. All is checked against `scipy.integrate.quad`
in `test_independent.py`.
"""

from functools import cached_property

import numpy as np
from scipy import special
from scipy.interpolate import make_interp_spline

Z = np.linspace(-9.0, 9.0, 145)  # steps of 1/8: the trapezoid rule is exact to 1e-16 for integrands as wide as 1/2
Z_WEIGHT = np.exp(-0.5 * Z**2) / np.exp(-0.5 * Z**2).sum()
GAUSS, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(24)


def log_binomial(events, n, theta):
    """Log probability of ``events`` of ``n`` at logit ``theta``."""
    coefficient = special.gammaln(n + 1.0) - special.gammaln(events + 1.0) - special.gammaln(n - events + 1.0)
    return coefficient + events * special.log_expit(theta) + (n - events) * special.log_expit(-theta)


def panels(edges):
    """Nodes and weights of Gauss-Legendre rules on consecutive intervals."""
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * GAUSS).ravel(), (half[:, None] * GAUSS_WEIGHT).ravel()


def log_m_binomial(events, n, mu, tau):
    """Log of the integral of the binomial likelihood times Normal(mu, tau^2), for ``mu``, ``tau`` of shape (P,)."""
    centre = special.logit((events + 0.5) / (n + 1.0))
    sd = 1.0 / np.sqrt((n + 1.0) * special.expit(centre) * special.expit(-centre))
    out = np.empty(mu.size)
    narrow = tau < 0.5 * sd
    log_l = log_binomial(events, n, mu[narrow, None] + tau[narrow, None] * Z)
    out[narrow] = special.logsumexp(log_l, axis=1, b=Z_WEIGHT)
    # beyond 40 + log n on the logit scale the likelihood is 0, or 1 to double precision
    reach = 40.0 + np.log(n + 1.0)
    low, high = (-reach if events == 0 else centre - 60.0 * sd), (reach if events == n else centre + 60.0 * sd)
    low, high = max(low, -reach - 5.0), min(high, reach + 5.0)
    x, weight = panels(np.linspace(low, high, int(np.ceil((high - low) / (2.0 * min(sd, 1.0)))) + 1))
    keep = (log_l := log_binomial(events, n, x)) > -90.0
    x, log_weight = x[keep], (np.log(weight) + log_l)[keep]
    for block in np.array_split(np.flatnonzero(~narrow), 1 + np.count_nonzero(~narrow) * x.size // 4_000_000):
        m, t = mu[block, None], tau[block, None]
        exponent = log_weight - 0.5 * ((x - m) / t) ** 2 - np.log(t) - 0.5 * np.log(2.0 * np.pi)
        top = exponent.max(axis=1, keepdims=True, initial=-np.inf)
        out[block] = np.log(np.exp(exponent - top).sum(axis=1)) + top[:, 0]
        if events == 0:
            out[block] = np.logaddexp(out[block], special.log_ndtr((low - mu[block]) / tau[block]))
        if events == n:
            out[block] = np.logaddexp(out[block], special.log_ndtr((mu[block] - high) / tau[block]))
    return out


def log_m_normal(y, se, mu, tau):
    """Log of the normal likelihood times Normal(mu, tau^2), integrated."""
    variance = se**2 + tau**2
    return -0.5 * (y - mu) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)


class BruteForce:
    """The posterior of (mu, tau).

    Parameters
    ----------
    log_m : callable
        ``log_m(mu, tau)``, shapes (P,), summed over studies.
    mu, tau : Prior
        Only their ``logpdf`` is used.
    log_tau : tuple of float
        Range of log tau.
    nodes : tuple of int
        Numbers of nodes of tau, and of mu for each.
    """

    def __init__(self, log_m, mu, tau, *, log_tau=(np.log(1e-13), np.log(1e3)), nodes=(321, 241)):
        self.t = np.linspace(*log_tau, nodes[0])
        self.tau = np.exp(self.t)
        self.log_joint = lambda x, t: log_m(x, t) + mu.logpdf(x)
        self.centre, self.width, first, last = self._place()
        self.v = np.linspace(first, last, nodes[1], axis=1)
        self.mu = self.centre[:, None] + self.width[:, None] * np.sinh(self.v)
        log_f = self.log_joint(self.mu.ravel(), np.repeat(self.tau, nodes[1])).reshape(self.mu.shape)
        log_f += np.log(self.width[:, None] * np.cosh(self.v)) + (tau.logpdf(self.tau) + self.t)[:, None]
        steps = np.log(self.v[:, 1] - self.v[:, 0])[:, None] + np.log(self.t[1] - self.t[0])
        self.log_evidence = float(special.logsumexp(log_f + steps))
        self.weight = np.exp(log_f + steps - self.log_evidence)
        self.rows = np.flatnonzero(self.weight.sum(axis=1) > 1e-13)

    def _place(self):
        """Centre, width and range of the nodes of mu given each tau, by a search on ever finer lattices."""
        low, high = np.full(self.t.size, -400.0), np.full(self.t.size, 400.0)
        for _ in range(14):
            x = np.linspace(low, high, 41, axis=1)
            f = self.log_joint(x.ravel(), np.repeat(self.tau, 41)).reshape(x.shape)
            kept = f > f.max(axis=1, keepdims=True) - 45.0
            first, last = kept.argmax(axis=1), 40 - kept[:, ::-1].argmax(axis=1)
            row = np.arange(self.t.size)
            low, high = x[row, np.maximum(first - 1, 0)], x[row, np.minimum(last + 1, 40)]
        middle = x[row, f.argmax(axis=1)]
        near = f > f.max(axis=1, keepdims=True) - 2.0
        width = np.maximum(near.sum(axis=1) * (x[:, 1] - x[:, 0]), 1e-12)
        return middle, width, np.arcsinh((low - middle) / width), np.arcsinh((high - middle) / width)

    def mean_sd(self, values):
        """Posterior mean and SD of a function given at the nodes."""
        mean = float((self.weight * values).sum())
        return mean, float(np.sqrt((self.weight * (values - mean) ** 2).sum()))

    @cached_property
    def p_mean(self):
        """Mean of expit(theta) at the nodes."""
        log_m = log_m_binomial(1.0, 1.0, self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1]))
        return np.exp(log_m).reshape(self.mu.shape)

    @cached_property
    def p_square(self):
        """Mean square of expit(theta) at the nodes."""
        log_m = log_m_binomial(2.0, 2.0, self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1]))
        return np.exp(log_m).reshape(self.mu.shape)

    def p_new_mean_sd(self):
        mean = float((self.weight * self.p_mean).sum())
        return mean, float(np.sqrt((self.weight * self.p_square).sum() - mean**2))

    @cached_property
    def _integrals(self):
        return [_integral(self.v[row], self.weight[row]) for row in self.rows]

    def _below(self, x):
        """P(mu <= x, tau = node) for ``x`` (R, ...) by rows with weight."""
        out = np.empty(x.shape)
        for i, row in enumerate(self.rows):
            v = np.arcsinh((x[i] - self.centre[row]) / self.width[row])
            out[i] = self._integrals[i](np.clip(v, self.v[row, 0], self.v[row, -1]))
        return out

    def cdf_mu(self, x):
        return float(self._below(np.full(self.rows.size, x)).sum())

    def cdf_tau(self, x):
        return float(_integral(self.t, self.weight.sum(axis=1))(np.log(x)))

    def cdf_theta_new(self, x):
        tau = self.tau[self.rows, None]
        averaged = self._below(x - tau * Z) @ Z_WEIGHT
        summed = (self.weight[self.rows] * special.ndtr((x - self.mu[self.rows]) / tau)).sum(axis=1)
        return float(np.where(tau[:, 0] < self.width[self.rows], averaged, summed).sum())

    def cdf_p_mean(self, x):
        """P(p_mean <= expit(x)), for x on the logit scale."""
        at = np.empty(self.rows.size)
        rest = np.exp(log_m_binomial(0.0, 1.0, self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1])))
        logit = np.log(self.p_mean) - np.log(rest.reshape(self.mu.shape))
        for i, row in enumerate(self.rows):
            use = np.abs(logit[row]) < 300.0
            inverse = make_interp_spline(logit[row][use], self.v[row][use], k=7)
            v = inverse(np.clip(x, logit[row][use][0], logit[row][use][-1]))
            at[i] = self.centre[row] + self.width[row] * np.sinh(v)
        return float(self._below(at).sum())


def _integral(x, weight):
    """Return the integral function of a density given by its trapezoid weights at equally spaced nodes."""
    return make_interp_spline(x, weight / (x[1] - x[0]), k=7).antiderivative()
