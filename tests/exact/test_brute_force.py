"""Whole posteriors against brute force (`independent.py`), where the engine's grids could go wrong."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesmeta.spec.priors import Prior

Q = (0.025, 0.5, 0.975)


def log_m_of(independent, events, n):
    """Sum of log m over studies; equal studies are integrated once."""
    pairs, times = np.unique(np.array([events, n], float), axis=1, return_counts=True)

    def log_m(mu, tau):
        parts = (c * independent.log_m_binomial(r, m, mu, tau) for (r, m), c in zip(pairs.T, times, strict=True))
        return sum(parts)

    return log_m


# events, n, prior of mu, prior of tau, range of tau for brute force
CASES = {
    "ordinary": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "HalfNormal(1)", (0.0, 8.0)),
    "one patient and a million": ([1, 3, 700_000], [1, 7, 1_000_000], "Normal(0, 1.5)", "HalfNormal(1)", (0.0, 8.0)),
    "two contradictory studies under a tight prior": (
        [5, 116], [119, 170], "Normal(0, 1.5)", "HalfNormal(0.05)", (0.0, 0.8)
    ),
    "a tight prior and a full and an empty study": (
        [0, 12, 4], [40, 12, 8], "Normal(0, 1.5)", "HalfNormal(0.05)", (0.0, 0.8)
    ),
    "small tau for certain": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "HalfNormal(0.01)", (0.0, 0.09)),
    "tau from a bounded prior": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "Uniform(0, 2)", (0.0, 2.0)),
    "tau above a bound": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "Uniform(0.5, 1.5)", (0.5, 1.5)),
    "mu and tau from bounded priors": ([3, 10, 4], [5, 12, 8], "Uniform(-1, 2)", "Uniform(0, 2)", (0.0, 2.0)),
    "mu bounded away from the data": ([1, 30, 40], [40, 400, 900], "Uniform(-1, 2)", "HalfNormal(1)", (0.0, 8.0)),
    "a density of tau that is infinite at 0": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "Gamma(0.5, 2)", (0.0, 16.0)),
    "a density of tau that is 0 at 0": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "InverseGamma(4, 2)", (0.02, 400.0)),
    "a log-normal prior of tau": ([0, 2, 5, 47], [5, 2, 8, 177], "Normal(0, 1.5)", "LogNormal(-1, 0.7)", (1e-3, 60.0)),
    "a prior of mu against the data": ([290, 140], [300, 150], "Normal(-3, 0.2)", "HalfNormal(0.5)", (0.0, 8.0)),
    "a heavy prior of mu against the data": (
        [290, 140], [300, 150], "StudentT(4, -3, 0.2)", "HalfNormal(0.5)", (0.0, 6.0)
    ),
    "a logistic prior and no events": ([0, 0, 0], [20, 30, 6], "Logistic(0, 1)", "HalfNormal(1)", (0.0, 9.0)),
    "a prior on the proportion": ([3, 10, 4], [5, 12, 8], "Beta(2, 7)", "HalfNormal(1)", (0.0, 8.0)),
    "a prior on the proportion that is infinite at its ends, and no events": (
        [0, 0, 0], [20, 30, 6], "Beta(0.5, 0.5)", "HalfLogistic(0.4)", (0.0, 16.0)
    ),
    "many studies": ([3, 7, 9, 2, 15] * 6, [10, 20, 15, 12, 40] * 6, "Normal(0, 1.5)", "HalfNormal(1)", (0.0, 4.0)),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def both(request, independent, fit_counts):
    """An exact fit, and the same posterior by brute force."""
    events, n, mu, tau, tau_range = request.param
    fit = fit_counts(events, n, mu, tau)
    priors = fit.solution.problem.prior_mu, fit.solution.problem.prior_tau
    brute = independent.BruteForce(log_m_of(independent, events, n), *priors, tau_range=tau_range)
    return fit, brute


def test_log_evidence_equals_brute_force(both):
    fit, brute = both
    assert fit.log_evidence == pytest.approx(brute.log_evidence, rel=0, abs=1e-7)
    assert abs(fit.log_evidence - brute.log_evidence) <= fit.log_evidence_error + 1e-9


def test_means_and_sds_equal_brute_force(both):
    fit, brute = both
    expected = {
        "mu": brute.mean_sd(brute.mu),
        "tau": brute.mean_sd(brute.tau[:, None]),
        "p_median": brute.mean_sd(special.expit(brute.mu)),
        "p_mean": brute.mean_sd_p_mean(),
        "p_new": brute.mean_sd_p_new(),
    }
    summary = fit.summary()
    for name, moments in expected.items():
        off = np.abs(summary.loc[name, ["mean", "sd"]].to_numpy(float) - moments)
        assert off.max() <= 1e-6, name
        assert off.max() <= summary.loc[name, "numerical_error"] + 1e-9, name


def off_by(cdf, x, p, h):
    """By how much x is not the quantile at p: the error of the probability over the density."""
    return (cdf(x) - p) * 2.0 * h / (cdf(x + h) - cdf(x - h))


def test_quantiles_equal_those_of_brute_force(both):
    fit, brute = both
    functions = {"mu": brute.cdf_mu, "tau": brute.cdf_tau, "theta_new": brute.cdf_theta_new, "p_mean": brute.cdf_p_mean}
    summary = fit.summary()
    for name, cdf in functions.items():
        values = fit.marginal(name).ppf(Q)
        on_logit = special.logit(values) if name == "p_mean" else values
        errors = np.array(
            [off_by(cdf, x, p, 1e-4 * summary.loc["tau", "sd"]) for x, p in zip(on_logit, Q, strict=True)]
        )
        stated = summary.loc["p_new" if name == "theta_new" else name, "numerical_error"]
        if name == "theta_new":  # the summary states the error of p_new
            errors = errors * special.expit(values) * special.expit(-values)
        if name == "p_mean":
            errors = errors * values * (1.0 - values)
        # a bound of mu makes a kink in the distribution of p_mean, which is then only as exact as it says
        limit = stated if name == "p_mean" and np.isfinite(fit.solution.problem.prior_mu.support).all() else 1e-6
        assert np.abs(errors).max() <= limit, name
        assert np.abs(errors).max() <= stated + 1e-8, name


# what brute force itself is worth


@pytest.mark.parametrize(("y", "se"), [([0.4], [0.3]), ([-1.0, 0.2, 0.9], [0.1, 0.5, 0.02])])
def test_brute_force_equals_adaptive_quadrature_for_a_normal_likelihood(independent, y, se):
    y, v = np.array(y), np.array(se) ** 2
    mu, tau = Prior("Normal", 0.1, 0.7), Prior("HalfNormal", 0.6)

    def given_tau(t):
        """Log evidence, mean and variance of mu given tau, in closed form."""
        cov = np.diag(v + t * t) + 0.49
        w = np.r_[1.0 / (v + t * t), 1.0 / 0.49]
        mean, variance = w @ np.r_[y, 0.1] / w.sum(), 1.0 / w.sum()
        return stats.multivariate_normal(np.full(y.size, 0.1), cov).logpdf(y), mean, variance

    def integral(f):
        points = [0.01, 0.1, 0.3, 1.0]
        return integrate.quad(
            lambda t: np.exp(tau.logpdf(t) + given_tau(t)[0]) * f(t, *given_tau(t)[1:]),
            0.0, 6.0, points=points, epsabs=0.0, epsrel=1e-11,
        )[0]  # fmt: skip

    brute = independent.BruteForce(
        lambda m, t: sum(independent.log_m_normal(a, b, m, t) for a, b in zip(y, se, strict=True)),
        mu, tau, tau_range=(0.0, 6.0),
    )  # fmt: skip
    total = integral(lambda t, m, s2: 1.0)
    mean = integral(lambda t, m, s2: m) / total
    assert brute.log_evidence == pytest.approx(np.log(total), abs=1e-10)
    assert brute.mean_sd(brute.mu)[0] == pytest.approx(mean, abs=1e-10)
    assert brute.mean_sd(brute.mu)[1] ** 2 == pytest.approx(integral(lambda t, m, s2: s2 + (m - mean) ** 2) / total)
    for x in (-0.4, 0.3, 1.1):
        below = integral(lambda t, m, s2, x=x: special.ndtr((x - m) / np.sqrt(s2))) / total
        assert brute.cdf_mu(x) == pytest.approx(below, abs=1e-9)
        below = integral(lambda t, m, s2, x=x: special.ndtr((x - m) / np.sqrt(s2 + t * t))) / total
        assert brute.cdf_theta_new(x) == pytest.approx(below, abs=1e-9)
    for x in (0.1, 0.5):
        low = integrate.quad(lambda t: np.exp(tau.logpdf(t) + given_tau(t)[0]), 0.0, x, epsabs=0.0, epsrel=1e-11)[0]
        assert brute.cdf_tau(x) == pytest.approx(low / total, abs=1e-10)


@pytest.mark.parametrize(("r", "n"), [(0, 1), (5, 10), (10, 10), (700_000, 1_000_000)])
@pytest.mark.parametrize("tau", [1e-8, 0.05, 1.0, 30.0])
def test_brute_force_probabilities_of_one_study_are_binomial_averages(independent, r, n, tau):
    centre = special.logit((r + 0.5) / (n + 1.0))
    mu = np.array([centre, centre + 2.0 * tau])
    z = np.linspace(-9.0, 9.0, 400_001)
    weight = np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    expected = [special.logsumexp(independent.log_binomial(float(r), float(n), m + tau * z), b=weight) for m in mu]
    got = independent.log_m_binomial(float(r), float(n), mu, np.full(2, tau))
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-7)
