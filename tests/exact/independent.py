"""Posteriors by brute force, to hold the exact engine against; shares no code with the package.

The marginal likelihood of a study is a Gauss-Legendre sum over panels of theta (or a trapezoid sum over z where tau
is narrow). Outside it, Gauss-Legendre panels in u = tau^(1/4) (so that also a density like tau^(-1/2) at 0 is smooth)
and hundreds of nodes of mu for each tau. Distribution functions are integrals of the Legendre series of each panel,
and of splines of degree 7 through the nodes of mu. `test_independent.py` holds all this against
`scipy.integrate.quad`.
"""

from functools import cached_property

import numpy as np
from scipy import special
from scipy.interpolate import make_interp_spline

Z = np.linspace(-9.0, 9.0, 73)  # steps of 1/4: the trapezoid rule is exact to 1e-16 for integrands as wide as 1/2
Z_WEIGHT = np.exp(-0.5 * Z**2) / np.exp(-0.5 * Z**2).sum()
ORDER = 20
GAUSS, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(ORDER)
NODES = 41  # of the search for the region of mu
BLOCK = 60_000  # numbers worked on together, which fit into a processor's cache


def log_binomial(events, n, theta):
    """Log probability of ``events`` of ``n`` at logit ``theta``."""
    coefficient = special.gammaln(n + 1.0) - special.gammaln(events + 1.0) - special.gammaln(n - events + 1.0)
    return coefficient + events * special.log_expit(theta) + (n - events) * special.log_expit(-theta)


def panels(edges):
    """Nodes and weights of Gauss-Legendre rules on consecutive intervals."""
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * GAUSS).ravel(), (half[:, None] * GAUSS_WEIGHT).ravel()


def log_sum(terms):
    """Log of the sum of exponentials over the last axis; ``terms`` are overwritten."""
    top = terms.max(axis=-1, keepdims=True)
    terms -= top
    return np.log(np.exp(terms, out=terms).sum(axis=-1)) + top[..., 0]


def log_m_binomial(events, n, mu, tau):
    """Log of the integral of the binomial likelihood times Normal(mu, tau^2), for ``mu``, ``tau`` of shape (P,)."""
    centre = special.logit((events + 0.5) / (n + 1.0))
    sd = 1.0 / np.sqrt((n + 1.0) * special.expit(centre) * special.expit(-centre))
    out = np.empty(mu.size)
    narrow = tau < 0.5 * sd
    for block in np.array_split(np.flatnonzero(narrow), 1 + np.count_nonzero(narrow) * Z.size // BLOCK):
        out[block] = log_sum(log_binomial(events, n, mu[block, None] + tau[block, None] * Z) + np.log(Z_WEIGHT))
    # beyond 40 + log n on the logit scale the likelihood is 0, or 1 to double precision
    reach = 40.0 + np.log(n + 1.0)
    low, high = (-reach if events == 0 else centre - 60.0 * sd), (reach if events == n else centre + 60.0 * sd)
    low, high = max(low, -reach - 5.0), min(high, reach + 5.0)
    x, weight = panels(np.linspace(low, high, int(np.ceil((high - low) / (3.0 * min(sd, 1.0)))) + 1))
    keep = (log_l := log_binomial(events, n, x)) > -120.0
    x, log_weight = x[keep], (np.log(weight) + log_l)[keep]
    for block in np.array_split(np.flatnonzero(~narrow), 1 + np.count_nonzero(~narrow) * x.size // BLOCK):
        exponent = (x - mu[block, None]) / tau[block, None]
        exponent *= exponent
        exponent *= -0.5
        exponent += log_weight
        out[block] = log_sum(exponent) - np.log(tau[block]) - 0.5 * np.log(2.0 * np.pi)
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
    tau_range : tuple of float
        Where tau lives.
    panels_u, nodes_mu : int
        Numbers of panels of u = tau^(1/4), and of nodes of mu for each tau.
    """

    def __init__(self, log_m, mu, tau, *, tau_range=(0.0, 50.0), panels_u=12, nodes_mu=161):
        self.edges = np.linspace(*np.power(tau_range, 0.25), panels_u + 1)
        u, weight_u = panels(self.edges)
        self.tau = u**4
        self.log_joint = lambda x, t: log_m(x, t) + mu.logpdf(x)
        self.bounds = mu.support if np.isfinite(mu.support).all() else None
        if self.bounds is None:
            self.centre, self.width, first, last = self._place(u)
            self.v = np.linspace(first, last, nodes_mu, axis=1)
            self.mu = self.centre[:, None] + self.width[:, None] * np.sinh(self.v)
            log_slope = np.log(self.width[:, None] * np.cosh(self.v))
        else:  # tanh-sinh, for a density that jumps at the bounds
            low, high = self.bounds
            self.v = np.tile(np.linspace(-3.0, 3.0, 2 * nodes_mu), (u.size, 1))
            s, self.width = np.pi * np.sinh(self.v), np.full(u.size, high - low)
            self.mu = low + (high - low) * special.expit(s)
            log_slope = np.log((high - low) * np.pi * np.cosh(self.v)) + special.log_expit(s) + special.log_expit(-s)
        log_f = self.log_joint(self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1])).reshape(self.mu.shape)
        log_f += log_slope + np.log(self.v[:, 1:2] - self.v[:, :1])
        log_f += (tau.logpdf(self.tau) + np.log(4.0 * u**3 * weight_u))[:, None]
        self.log_evidence = float(special.logsumexp(log_f))
        self.weight = np.exp(log_f - self.log_evidence)
        self.rows = np.flatnonzero(self.weight.sum(axis=1) > 1e-13)

    def _place(self, u):
        """Centre, width and range of the nodes of mu given each tau: searched on some tau, interpolated between."""
        some = np.linspace(self.edges[0], self.edges[-1], 2 * self.edges.size)
        tau, row = np.maximum(some, 1e-9) ** 4, np.arange(some.size)
        low, high = np.full(some.size, -400.0), np.full(some.size, 400.0)
        for _ in range(14):
            x = np.linspace(low, high, NODES, axis=1)
            f = self.log_joint(x.ravel(), np.repeat(tau, NODES)).reshape(x.shape)
            kept = f > f.max(axis=1, keepdims=True) - 45.0
            first, last = kept.argmax(axis=1), NODES - 1 - kept[:, ::-1].argmax(axis=1)
            if (last - first > 0.9 * NODES).all():
                break
            low, high = x[row, np.maximum(first - 1, 0)], x[row, np.minimum(last + 1, NODES - 1)]
        near = f > f.max(axis=1, keepdims=True) - 2.0
        width = near.sum(axis=1) * (x[:, 1] - x[:, 0])
        low, high, width, centre = (np.interp(u, some, a) for a in (low, high, width, x[row, f.argmax(axis=1)]))
        return centre, width, np.arcsinh((low - centre) / width), np.arcsinh((high - centre) / width)

    def mean_sd(self, values):
        """Posterior mean and SD of a function given at the nodes."""
        mean = float((self.weight * values).sum())
        return mean, float(np.sqrt((self.weight * (values - mean) ** 2).sum()))

    @cached_property
    def log_powers(self):
        """Log of the means of expit(theta), its square and its complement at the nodes."""
        at = self.mu.ravel(), np.repeat(self.tau, self.mu.shape[1])
        counts = ((1.0, 1.0), (2.0, 2.0), (0.0, 1.0))
        return np.stack([log_m_binomial(r, n, *at).reshape(self.mu.shape) for r, n in counts])

    def mean_sd_p_mean(self):
        return self.mean_sd(np.exp(self.log_powers[0]))

    def mean_sd_p_new(self):
        mean, square = (float((self.weight * np.exp(a)).sum()) for a in self.log_powers[:2])
        return mean, float(np.sqrt(square - mean**2))

    @cached_property
    def _mu_of_p_mean(self):
        """Of each row, mu as a function of logit p_mean, and the ends of that."""
        found = []
        for row in self.rows:
            logit = self.log_powers[0, row] - self.log_powers[2, row]
            use = np.flatnonzero(np.diff(logit, prepend=-np.inf) > 1e-9)
            found.append((make_interp_spline(logit[use], self.mu[row, use], k=7), logit[use[0]], logit[use[-1]]))
        return found

    @cached_property
    def _integrals(self):
        step = self.v[:, 1] - self.v[:, 0]
        return [make_interp_spline(self.v[i], self.weight[i] / step[i], k=7).antiderivative() for i in self.rows]

    def _below(self, x):
        """P(mu <= x, tau = node) for ``x`` (R, ...), by rows that have weight."""
        out = np.empty(x.shape)
        for i, row in enumerate(self.rows):
            if self.bounds is None:
                v = np.arcsinh((x[i] - self.centre[row]) / self.width[row])
            else:
                position = (x[i] - self.bounds[0]) / (self.bounds[1] - self.bounds[0])
                v = np.arcsinh(special.logit(np.clip(position, 0.0, 1.0)) / np.pi)
            out[i] = self._integrals[i](np.clip(v, self.v[row, 0], self.v[row, -1]))
        return out

    def cdf_mu(self, x):
        return float(self._below(np.full(self.rows.size, x)).sum())

    def cdf_tau(self, x):
        at, total = x**0.25, 0.0
        mass = self.weight.sum(axis=1).reshape(-1, ORDER)
        for low, high, part in zip(self.edges[:-1], self.edges[1:], mass, strict=True):
            density = np.polynomial.legendre.Legendre.fit(GAUSS, part / GAUSS_WEIGHT, ORDER - 1, [-1.0, 1.0])
            end = np.clip((2.0 * at - low - high) / (high - low), -1.0, 1.0)
            total += density.integ(lbnd=-1.0)(end)
        return float(total)

    def cdf_theta_new(self, x):
        tau = self.tau[self.rows, None]
        summed = (self.weight[self.rows] * special.ndtr((x - self.mu[self.rows]) / tau)).sum(axis=1)
        z, weight, narrow = Z, Z_WEIGHT, self.width[self.rows]
        if self.bounds is not None:  # the integrand has a kink where x - tau z meets a bound
            z = np.linspace(-9.0, 9.0, 8001)
            weight, narrow = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum(), 0.03 * narrow
        averaged = self._below(x - tau * z) @ weight
        return float(np.where(tau[:, 0] < narrow, averaged, summed).sum())

    def pdf_theta_new(self, x):
        """Density of theta_new at ``x`` (P,), for unbounded mu."""
        tau = self.tau[self.rows]
        out = np.zeros(x.size)
        for i, row in enumerate(self.rows):
            if tau[i] < self.width[row]:
                at = (x[:, None] - tau[i] * Z - self.centre[row]) / self.width[row]
                v = np.clip(np.arcsinh(at), self.v[row, 0], self.v[row, -1])
                out += self._integrals[i](v, 1) / (self.width[row] * np.cosh(v)) @ Z_WEIGHT
            else:
                z = (x[:, None] - self.mu[row]) / tau[i]
                out += np.exp(-0.5 * z * z) @ self.weight[row] / (tau[i] * np.sqrt(2.0 * np.pi))
        return out

    def cdf_p_mean(self, x):
        """P(logit p_mean <= x)."""
        at = np.array([inverse(np.clip(x, *ends)) for inverse, *ends in self._mu_of_p_mean])
        return float(self._below(at).sum())
