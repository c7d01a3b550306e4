"""Posteriors by brute force under any link and any distribution of effects; shares no code with the package.

`independent.BruteForce` integrates over (mu, tau); here are the averages of likelihoods over normal, Student-t and
beta distributions of effects, for many (mu, tau) at once, and what follows for the next study. The densities of the
distributions are integrated as they are, without scale mixtures.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.interpolate import make_interp_spline

GAUSS, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(16)
BLOCK = 60_000  # numbers worked on together, which fit into a processor's cache


def panels(edges):
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * GAUSS).ravel(), (half[:, None] * GAUSS_WEIGHT).ravel()


def log_sum(terms):
    """Log of the sum of exponentials over the last axis; ``terms`` are overwritten."""
    top = terms.max(axis=-1, keepdims=True)
    terms -= top
    return np.log(np.exp(terms, out=terms).sum(axis=-1)) + top[..., 0]


@dataclass
class Study:
    """A log likelihood, where it lives, and whether it tends to a constant on the left or right."""

    log_l: object
    centre: float
    sd: float
    left: bool = False
    right: bool = False

    def ends(self):
        """Beyond these it is negligible, or constant."""
        x = self.centre + np.linspace(-1.0, 1.0, 4001) * (60.0 + 40.0 * self.sd)
        log_l = self.log_l(x)
        steady = np.abs(np.diff(log_l, prepend=log_l[0], append=log_l[-1])[1:]) < 1e-14
        alive = np.flatnonzero((log_l > log_l.max() - 60.0) & ~steady)
        return x[max(alive[0] - 2, 0)], x[min(alive[-1] + 2, x.size - 1)]


@dataclass
class Normal:
    nu = None

    def log_density(self, theta, mu, tau):
        return -0.5 * ((theta - mu) / tau) ** 2 - np.log(tau) - 0.5 * np.log(2.0 * np.pi)

    def cdf(self, theta, mu, tau):
        return special.ndtr((theta - mu) / tau)

    def reach(self):
        return 9.5


@dataclass
class Student:
    nu: float

    def log_density(self, theta, mu, tau):
        z2 = ((theta - mu) / tau) ** 2
        constant = special.gammaln(0.5 * self.nu + 0.5) - special.gammaln(0.5 * self.nu)
        return constant - 0.5 * np.log(np.pi * self.nu) - np.log(tau) - 0.5 * (self.nu + 1.0) * np.log1p(z2 / self.nu)

    def cdf(self, theta, mu, tau):
        return special.stdtr(self.nu, (theta - mu) / tau)

    def reach(self):
        return 10.0 ** (13.0 / self.nu)


def log_m(study, kernel, mu, tau):
    """Log of the integral of the likelihood times the kernel, for ``mu``, ``tau`` of shape (P,)."""
    if study.left and study.right:
        return np.zeros(mu.size)
    out = np.empty(mu.size)
    unit = min(study.sd, 1.0)
    wide = tau >= 0.5 * unit
    low, high = study.ends()
    width = unit * (1.5 if kernel.nu is None else 0.75)  # a t density has poles near by
    x, weight = panels(np.linspace(low, high, int(np.ceil((high - low) / width)) + 1))
    log_w = study.log_l(x) + np.log(weight)
    keep = log_w > log_w.max() - 70.0
    x, log_w = x[keep], log_w[keep]
    for block in np.array_split(np.flatnonzero(wide), 1 + np.count_nonzero(wide) * x.size // BLOCK):
        out[block] = log_sum(log_w + kernel.log_density(x, mu[block, None], tau[block, None]))
        for constant, end, beyond in (
            (study.left, low, lambda e, b: kernel.cdf(e, mu[b], tau[b])),
            (study.right, high, lambda e, b: kernel.cdf(-e, -mu[b], tau[b])),
        ):
            if constant:
                at = float(study.log_l(np.array([end]))[0])
                out[block] = np.logaddexp(out[block], at + np.log(np.maximum(beyond(end, block), 1e-300)))
    for t in np.unique(tau[~wide]):
        row = np.flatnonzero(~wide & (tau == t))
        out[row] = _narrow(study, kernel, mu[row], t, unit, high - low)
    return out


def _narrow(study, kernel, mu, tau, unit, span):
    """The same for one narrow tau: panels about mu that widen with the kernel, then as the likelihood needs them."""
    far = min(kernel.reach() * tau, span + np.abs(mu - study.centre).max())
    first = np.r_[0.0, tau * np.geomspace(0.5, max(0.75 * unit / tau, 1.0), 2 + int(np.log2(2.0 + unit / tau)))]
    edges = np.r_[first[first < far], np.arange(first[first < far][-1] + 0.75 * unit, far, 0.75 * unit), far]
    d, weight = panels(np.unique(edges))
    d, weight = np.r_[-d, d], np.r_[weight, weight]
    log_k = kernel.log_density(d, 0.0, tau) + np.log(weight)
    blocks = np.array_split(mu, 1 + mu.size * d.size // BLOCK)
    total = np.concatenate([log_sum(study.log_l(block[:, None] + d) + log_k) for block in blocks])
    for constant, sign in ((study.left, -1.0), (study.right, 1.0)):
        if constant:
            tail = float(kernel.cdf(-far, 0.0, tau))
            total = np.logaddexp(total, study.log_l(mu + sign * 2.0 * far) + np.log(max(tail, 1e-300)))
    return total


class Beta:
    """The kernel of the beta-binomial model; ``solve`` proposes its shapes, which are held to their equations here.

    psi(a) - psi(b) = mu and psi'(a) + psi'(b) = tau^2 have one solution, so whoever solves them does not matter.
    """

    def __init__(self, solve):
        self.solve = solve

    def shapes(self, mu, tau):
        mu, tau = np.broadcast_arrays(np.clip(mu, -200.0, 200.0), np.maximum(tau, 1e-6))
        a, b = self.solve(mu, tau)
        some = np.s_[:: 1 + a.size // 400]
        m, t, a0, b0 = (np.ravel(each)[some] for each in (mu, tau, a, b))
        assert np.abs(special.psi(a0) - special.psi(b0) - m).max() < 1e-11 * (1.0 + np.abs(m).max())
        assert np.abs(special.polygamma(1, a0) + special.polygamma(1, b0) - t**2).max() < 1e-11 * (1.0 + t.max() ** 2)
        return a, b

    def cdf(self, theta, mu, tau):
        a, b = self.shapes(mu, tau)
        return special.betainc(a, b, special.expit(theta))


def log_m_beta(r, n, a, b):
    """Log beta-binomial probability of small whole counts, as a product of ratios."""
    total = np.full(a.shape, special.gammaln(n + 1.0) - special.gammaln(r + 1.0) - special.gammaln(n - r + 1.0))
    for j in range(int(r)):
        total += np.log(a + j) - np.log(a + b + j)
    for j in range(int(n - r)):
        total += np.log(b + j) - np.log(a + b + r + j)
    return total


def cdf_next(brute, kernel, x):
    """P(theta_new <= x): on each row, the density of mu (a spline) times the kernel's distribution function."""
    total = 0.0
    for spline, row in zip(brute._integrals, brute.rows, strict=True):
        tau, centre, width = brute.tau[row], brute.centre[row], brute.width[row]
        near = tau * np.r_[0.0, np.geomspace(0.5, 40.0, 8), np.geomspace(80.0, 1e9, 20)]
        v = np.arcsinh((np.r_[x - near, x + near] - centre) / width)
        first, last = brute.v[row, 0], brute.v[row, -1]
        edges = np.unique(np.clip(np.r_[v, np.linspace(first, last, 17)], first, last))
        at, weight = panels(edges)
        total += (weight * spline(at, 1)) @ kernel.cdf(x, centre + width * np.sinh(at), tau)
    return float(total)


def cdf_increasing(brute, values, x):
    """P(values(mu, tau) <= x) for a function of the nodes that increases with mu."""
    at = np.empty(brute.rows.size)
    for i, row in enumerate(brute.rows):
        use = np.flatnonzero(np.diff(values[row], prepend=-np.inf) > 1e-9)
        inverse = make_interp_spline(values[row, use], brute.mu[row, use], k=7)
        at[i] = inverse(np.clip(x, values[row, use[0]], values[row, use[-1]]))
    return float(brute._below(at).sum())
