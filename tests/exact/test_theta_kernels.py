"""The study effects' posteriors under other distributions of effects, against sums over the posterior of the others.

E f(theta_1) = sum over (mu, tau), given studies 2 .. k, of the integral of f L_1 kernel(theta | mu, tau), normalised
"""

import numpy as np
import pytest
from scipy import special, stats

from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.spec.model import ModelSpec

EVENTS, N = np.array([9.0, 4.0, 30.0]), np.array([10.0, 20.0, 45.0])
V = np.linspace(-1.0, 1.0, 801)
TOP = 8.0  # of tau


def beta_shapes(mu, tau):
    """Bisect psi(a) - psi(b) = mu, psi'(a) + psi'(b) = tau^2: given a the second fixes b, and the first falls in it."""

    def b_of(log_a):
        rest = tau**2 - special.polygamma(1, np.exp(log_a))
        low, high = np.full_like(mu, -12.0), np.full_like(mu, 30.0)
        for _ in range(40):
            middle = 0.5 * (low + high)
            above = special.polygamma(1, np.exp(middle)) > rest
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return 0.5 * (low + high)

    low, high = np.full_like(mu, -12.0), np.full_like(mu, 30.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        enough = special.polygamma(1, np.exp(middle)) < tau**2
        small = ~enough | (special.psi(np.exp(middle)) - special.psi(np.exp(b_of(middle))) < mu)
        low, high = np.where(small, middle, low), np.where(small, high, middle)
    log_a = 0.5 * (low + high)
    return np.exp(log_a), np.exp(b_of(log_a))


def nodes(effects, nu):
    """Standardised nodes and log densities of the kernel, or of the normal one where it is none."""
    if effects == "student-t":
        z = np.sinh(V * 9.0)
        return z, stats.t(nu).logpdf(z) + np.log(np.gradient(z))
    z = V * 9.0
    return z, stats.norm.logpdf(z) + np.log(np.gradient(z))


@pytest.mark.parametrize(("effects", "nu"), [("normal", None), ("student-t", 3.0), ("student-t", 8.0)])
def test_mean_and_sd_of_a_study_effect_are_those_of_a_dense_sum(independent, effects, nu):
    studies = Studies(("A", "B", "C"), events=EVENTS, n=N)
    fit = fit_exact(studies, ModelSpec("binomial", effects=effects, nu=nu))
    z, log_mass = nodes(effects, nu)

    def averaged(r, n, mu, tau, f=None):
        out = np.empty(mu.size)
        for block in np.array_split(np.arange(mu.size), -(-mu.size * z.size // 4_000_000)):
            theta = mu[block, None] + tau[block, None] * z
            weight = np.exp(independent.log_binomial(r, n, theta) + log_mass)
            out[block] = (weight if f is None else weight * f(theta)).sum(axis=1)
        return out

    def log_m(mu, tau):
        parts = (averaged(r, n, mu, tau) for r, n in zip(EVENTS[1:], N[1:], strict=True))
        return sum(np.log(np.maximum(part, 1e-300)) for part in parts)

    others = independent.BruteForce(log_m, fit.model.mu, fit.model.tau, tau_range=(0.0, TOP), panels_u=5, nodes_mu=61)
    mu, tau, weight = others.mu.ravel(), np.repeat(others.tau, others.mu.shape[1]), others.weight.ravel()
    keep = weight > 1e-15
    mu, tau, weight = mu[keep], tau[keep], weight[keep]
    total = weight @ averaged(EVENTS[0], N[0], mu, tau)
    first = weight @ averaged(EVENTS[0], N[0], mu, tau, lambda x: x) / total
    second = weight @ averaged(EVENTS[0], N[0], mu, tau, lambda x: x * x) / total
    row = fit.theta_table().loc["A"]
    expected = [first, np.sqrt(second - first**2)]
    assert row[["mean", "sd"]].to_numpy(float) == pytest.approx(expected, abs=1e-6)
    assert np.abs(row[["mean", "sd"]].to_numpy(float) - expected).max() <= row["numerical_error"] + 1e-7


def test_under_beta_effects_a_study_effect_is_a_mixture_of_logits_of_beta_variables(independent):
    """Given (mu, tau), p_1 ~ Beta(r + a, n - r + b), whose logit has mean psi(r + a) - psi(n - r + b)."""
    studies = Studies(("A", "B", "C"), events=EVENTS, n=N)
    fit = fit_exact(studies, ModelSpec("binomial", effects="beta"))

    def log_m(mu, tau):
        a, b = beta_shapes(mu, np.maximum(tau, 1e-4))
        return sum(stats.betabinom(n, a, b).logpmf(r) for r, n in zip(EVENTS, N, strict=True))

    brute = independent.BruteForce(log_m, fit.model.mu, fit.model.tau, tau_range=(0.0, TOP), panels_u=4, nodes_mu=51)
    mu, tau, weight = brute.mu.ravel(), np.repeat(brute.tau, brute.mu.shape[1]), brute.weight.ravel()
    keep = weight > 1e-13
    a, b = beta_shapes(mu[keep], np.maximum(tau[keep], 1e-4))
    a, b = EVENTS[0] + a, N[0] - EVENTS[0] + b
    mean = special.psi(a) - special.psi(b)
    square = special.polygamma(1, a) + special.polygamma(1, b) + mean**2
    first, second = weight[keep] @ mean, weight[keep] @ square
    row = fit.theta_table().loc["A"]
    assert row[["mean", "sd"]].to_numpy(float) == pytest.approx([first, np.sqrt(second - first**2)], abs=2e-6)


def test_without_heterogeneity_every_study_effect_is_mu():
    studies = Studies(("A", "B", "C"), events=EVENTS, n=N)
    fit = fit_exact(studies, ModelSpec("binomial", effects="none"))
    table, mu = fit.theta_table(), fit.summary().loc["mu"]
    for column in ("mean", "sd", "median", "lower", "upper"):
        assert table[column].to_numpy() == pytest.approx(np.full(3, mu[column]), abs=1e-7)


@pytest.mark.parametrize("options", [{"effects": "student-t", "nu": 5.0}, {"effects": "beta"}, {"effects": "none"}])
def test_draws_follow_the_exact_posterior(options):
    studies = Studies(("A", "B", "C"), events=EVENTS, n=N)
    fit = fit_exact(studies, ModelSpec("binomial", **options))
    size = 8_000
    drawn = fit.drawable.posterior(size, np.random.default_rng(1))
    values = {"mu": drawn.beta[0], "theta_new": drawn.theta_new[0]} | dict(zip(studies.study, drawn.theta, strict=True))
    for name, draws in values.items():
        quantiles = fit.marginal(f"theta[{name}]" if name in studies.study else name).ppf([0.1, 0.5, 0.9])
        below = (draws[:, None] <= quantiles).mean(axis=0)
        limit = 4.5 * np.sqrt(np.array([0.09, 0.25, 0.09]) / size)
        assert (np.abs(below - [0.1, 0.5, 0.9]) <= limit).all(), (name, below)
