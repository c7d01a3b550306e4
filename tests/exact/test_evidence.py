"""Evidences of point hypotheses against closed forms, nested quadrature, and the posterior that they must add up to."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesmeta.errors import AccuracyError
from bayesmeta.exact.evidence import point_evidence

COUNTS = {
    "ordinary": ([3, 7, 0], [10, 12, 8]),
    "no events": ([0, 0], [10, 25]),
    "one study": ([9], [10]),
}


def normal(x, mean, sd):
    return math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))


def likelihood(events, n, theta):
    """The binomial probability, in plain floats because it is asked for a million times."""
    log_p, log_q = -math.log1p(math.exp(-theta)), -math.log1p(math.exp(theta))
    return math.comb(n, events) * math.exp(events * log_p + (n - events) * log_q)


def averaged(events, n, mu, tau):
    """The likelihood averaged over Normal(mu, tau^2), by scipy.integrate.quad."""
    peak = min(max((math.log((events + 0.5) / (n - events + 0.5)) - mu) / tau, -9.0), 9.0)

    def integrand(z):
        return likelihood(events, n, mu + tau * z) * normal(z, 0.0, 1.0)

    return integrate.quad(integrand, -12.0, 12.0, points=sorted({0.0, peak}), epsabs=0.0, epsrel=1e-10, limit=300)[0]


def product(events, n, mu, tau):
    return math.prod(averaged(r, m, mu, tau) for r, m in zip(events, n, strict=True))


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("mu", [0.0, -1.7])
def test_counts_with_mu_given_equal_nested_quadrature(fit_counts, name, mu):
    def integrand(u):  # tau = exp(u)
        return product(*COUNTS[name], mu, math.exp(u)) * 2.0 * normal(math.exp(u), 0.0, 1.0) * math.exp(u)

    expected = np.log(integrate.quad(integrand, -25.0, 3.0, epsabs=0.0, epsrel=1e-9, limit=300)[0])
    value, error = point_evidence(fit_counts(*COUNTS[name]).solution.problem, mu=mu)
    assert error < 3e-8
    assert value == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("tau", [0.0, 0.6])
def test_counts_with_tau_given_equal_nested_quadrature(fit_counts, name, tau):
    def integrand(mu):
        if tau > 0.0:
            return product(*COUNTS[name], mu, tau) * normal(mu, 0.0, 1.5)
        return math.prod(map(likelihood, *COUNTS[name], [mu] * 3)) * normal(mu, 0.0, 1.5)

    expected = np.log(integrate.quad(integrand, -15.0, 15.0, points=[-2.0, 2.0], epsabs=0.0, epsrel=1e-9, limit=300)[0])
    value, error = point_evidence(fit_counts(*COUNTS[name]).solution.problem, tau=tau)
    assert error < 3e-8
    assert value == pytest.approx(expected, abs=1e-8)


def test_counts_with_mu_and_tau_given_equal_the_product(fit_counts):
    problem = fit_counts(*COUNTS["ordinary"]).solution.problem
    expected = np.log(product(*COUNTS["ordinary"], 0.3, 0.6))
    assert point_evidence(problem, mu=0.3, tau=0.6)[0] == pytest.approx(expected, abs=1e-10)
    binomials = stats.binom.logpmf(*COUNTS["ordinary"], special.expit(0.3)).sum()
    assert point_evidence(problem, mu=0.3, tau=0.0)[0] == pytest.approx(binomials, abs=1e-12)


ESTIMATES = np.array([0.3, -0.1, 0.9, 0.45]), np.array([0.2, 0.1, 0.4, 0.05])


@pytest.mark.parametrize("tau", [0.0, 0.35])
def test_estimates_with_tau_given_equal_the_closed_form(fit_estimates, tau):
    y, se = ESTIMATES
    problem = fit_estimates(y, se, "Normal(0.2, 0.7)", "HalfNormal(0.5)").solution.problem
    expected = stats.multivariate_normal(np.full(4, 0.2), np.diag(se**2 + tau**2) + 0.49).logpdf(y)
    assert point_evidence(problem, tau=tau)[0] == pytest.approx(expected, abs=1e-11)
    at_point = stats.norm(0.1, np.sqrt(se**2 + tau**2)).logpdf(y).sum()
    assert point_evidence(problem, mu=0.1, tau=tau)[0] == pytest.approx(at_point, abs=1e-12)


@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(0.5)", "Uniform(0, 2)", "InverseGamma(2, 0.3)"])
def test_estimates_with_mu_given_equal_quadrature(fit_estimates, tau):
    y, se = ESTIMATES
    fit = fit_estimates(y, se, "Normal(0, 1)", tau)

    def integrand(t):
        return np.exp(stats.norm(0.1, np.sqrt(se**2 + t**2)).logpdf(y).sum() + fit.model.tau.logpdf(t))

    end = fit.model.tau.support[1]
    parts = [(0.0, 0.05), (0.05, 0.3), (0.3, 2.0)] + ([(2.0, np.inf)] if np.isinf(end) else [])
    expected = np.log(sum(integrate.quad(integrand, *part, epsabs=0.0, epsrel=1e-11)[0] for part in parts))
    assert point_evidence(fit.solution.problem, mu=0.1)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("mu", "tau"),
    [("Cauchy(0, 1)", "HalfCauchy(0.5)"), ("Uniform(-4, 5)", "Uniform(0, 3)"), ("Flat()", "Gamma(0.5, 1)")],
)
def test_evidences_given_tau_integrate_to_the_evidence_of_the_model(fit_counts, mu, tau):
    fit = fit_counts([3, 7, 1, 30], [10, 12, 8, 40], mu, tau)

    def integrand(u):  # tau = exp(u)
        log_h0 = point_evidence(fit.solution.problem, tau=np.exp(u))[0]
        return np.exp(log_h0 - log_h1 + fit.model.tau.logpdf(np.exp(u)) + u)

    log_h1 = fit.solution.fine.posterior.log_evidence
    end = min(np.log(fit.model.tau.support[1]), 22.0)
    total = integrate.quad(integrand, -60.0, end, points=[-3.0, 0.0], epsabs=1e-9, epsrel=1e-9, limit=300)[0]
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("events", "n", "scale"),
    [([40, 55, 61, 80], [100, 100, 120, 200], 0.3), ([0, 0, 0], [20, 50, 10], 1.0), ([999_000], [1_000_000], 0.01)],
)
def test_evidences_given_mu_add_up_to_the_posterior(fit_counts, events, n, scale):
    fit = fit_counts(events, n)
    v = np.linspace(-1.0, 1.0, 221) * np.arcsinh(25.0 / scale)
    mu = special.logit((events[0] + 0.1) / (n[0] + 0.2)) + scale * np.sinh(v)
    width = scale * np.cosh(v) * (v[1] - v[0])
    log_h1 = fit.solution.fine.posterior.log_evidence
    log_h0 = np.array([point_evidence(fit.solution.problem, mu=value)[0] for value in mu])
    density = np.exp(log_h0 - log_h1 + fit.model.mu.logpdf(mu))  # Savage and Dickey
    assert density @ width == pytest.approx(1.0, abs=1e-10)
    assert (density * mu) @ width == pytest.approx(fit.summary().loc["mu", "mean"], abs=1e-9)
    assert density == pytest.approx(fit.marginal("mu").pdf(mu), abs=1e-6 * density.max())


def test_the_order_of_studies_does_not_matter(fit_counts):
    events, n = np.array([3, 7, 0, 30]), np.array([10, 12, 8, 40])
    one, other = (fit_counts(events[order], n[order]).solution.problem for order in ([0, 1, 2, 3], [2, 0, 3, 1]))
    for given in ({"mu": 0.4}, {"tau": 0.0}, {"tau": 0.7}, {"mu": 0.4, "tau": 0.0}):
        assert point_evidence(one, **given)[0] == pytest.approx(point_evidence(other, **given)[0], abs=1e-11)


def test_a_tau_next_to_zero_is_a_common_effect(fit_counts):
    events, n = [100_000, 120_000, 110_000], [1_000_000] * 3
    problem = fit_counts(events, n).solution.problem
    common = point_evidence(problem, tau=0.0)[0]
    assert point_evidence(problem, tau=1e-12)[0] == pytest.approx(common, abs=1e-8)

    def log_f(mu):
        return stats.binom.logpmf(events, n, special.expit(mu)).sum() + stats.norm(0.0, 1.5).logpdf(mu)

    top = float(special.logit(0.11))
    area = integrate.quad(lambda mu: np.exp(log_f(mu) - log_f(top)), top - 0.05, top + 0.05, points=[top], epsrel=1e-11)
    assert common == pytest.approx(log_f(top) + np.log(area[0]), abs=1e-7)


def test_what_lies_beyond_the_range_of_numbers_is_refused(fit_counts):
    problem = fit_counts([100_000, 100_500], [1_000_000] * 2, tau="HalfNormal(0.001)").solution.problem
    with pytest.raises(AccuracyError, match="test a value closer to the data") as caught:
        point_evidence(problem, mu=4.0)
    assert "\n" not in str(caught.value)
