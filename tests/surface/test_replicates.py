"""Probabilities of replicates below the data, against sums over every outcome."""

import itertools

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesmeta.errors import SpecError
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.replicates import below_rule

RNG = np.random.default_rng(5)
ETA, TAU = RNG.normal(0.0, 3.0, 200), np.exp(RNG.uniform(-9.0, 3.0, 200))
CASES = [(r, n) for n in (1, 2, 7, 40, 200) for r in sorted({0, 1, n // 2, n - 1, n})]


def terms(events, n):
    return BinomialTerms(np.atleast_1d(np.float64(events)), np.atleast_1d(np.float64(n)))


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize(("events", "n"), CASES)
def test_below_is_the_sum_over_all_outcomes(events, n, link):
    outcomes = BinomialTerms(np.arange(n + 1.0), np.full(n + 1, float(n)), link)
    mass = np.exp(outcomes.marginal(level(2))(ETA, TAU))
    assert mass.sum(axis=0) == pytest.approx(np.ones_like(ETA), abs=1e-10)
    study = BinomialTerms(np.array([float(events)]), np.array([float(n)]), link)
    below = below_rule(study, level(1))(ETA, TAU)[0]
    assert below == pytest.approx(mass[:events].sum(axis=0) + 0.5 * mass[events], abs=1e-10)


@pytest.mark.parametrize(("events", "n"), [(0, 1), (3, 9), (20, 20), (700, 10_000), (10, 1_000_000), (0, 1_000_000)])
@pytest.mark.parametrize(("eta", "tau"), [(-1.0, 0.02), (-2.5, 0.3), (-9.0, 2.0), (4.0, 1.0)])
def test_below_is_an_integral_over_the_true_effect(events, n, eta, tau):
    def integrand(theta):
        p, z = special.expit(theta), (theta - eta) / tau
        fewer = special.bdtr(events - 1, n, p) if events else 0.0
        below = 0.5 * (fewer + special.bdtr(events, n, p))
        return below * np.exp(-0.5 * z * z) / (tau * np.sqrt(2.0 * np.pi))

    step = special.logit((events + 0.5) / (n + 1.0))
    edges = np.clip(
        step + np.array([-20.0, -4.0, -1.0, 0.0, 1.0, 4.0]) / np.sqrt(events + 1.0), eta - 10 * tau, eta + 10 * tau
    )
    inner = np.unique(np.r_[eta - 10 * tau, edges, eta + 10 * tau])
    parts = [integrate.quad(integrand, a, b, epsabs=1e-12, limit=200)[0] for a, b in itertools.pairwise(inner)]
    below = below_rule(terms(events, n), level(1))(np.array([eta]), np.array([tau]))[0, 0]
    assert below == pytest.approx(sum(parts), abs=1e-9)


@pytest.mark.parametrize(("events", "n"), [(0, 1), (1, 1), (1, 7), (3, 40), (40, 40), (199, 200)])
def test_below_under_the_complementary_log_log_link_is_an_integral_over_the_true_effect(events, n):
    x, weight = np.polynomial.legendre.leggauss(40)
    below = below_rule(BinomialTerms(np.array([float(events)]), np.array([float(n)]), "cloglog"), level(1))(ETA, TAU)[0]
    for i in range(0, ETA.size, 4):
        ends = ETA[i] - 12.0 * TAU[i], ETA[i] + 12.0 * TAU[i]
        edges = np.unique(np.r_[np.linspace(*ends, 41), np.clip(np.linspace(-12.0, 12.0, 97), *ends)])
        half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        theta = middle[:, None] + half[:, None] * x
        p = np.clip(-np.expm1(-np.exp(np.minimum(theta, 700.0))), 1e-150, 1.0 - 1e-16)
        given = stats.binom.cdf(events, n, p) - 0.5 * stats.binom.pmf(events, n, p)
        expected = (half[:, None] * weight * given * stats.norm.pdf(theta, ETA[i], TAU[i])).sum()
        assert below[i] == pytest.approx(expected, abs=1e-11)


def test_events_and_non_events_mirror_each_other():
    counts, mirrored = terms([0, 3, 9, 9, 80], [4, 8, 9, 30, 100]), terms([4, 5, 0, 21, 20], [4, 8, 9, 30, 100])
    both = below_rule(counts, level(1))(ETA, TAU) + below_rule(mirrored, level(1))(-ETA, TAU)
    assert both == pytest.approx(np.ones_like(both), abs=1e-11)


def test_without_heterogeneity_below_is_the_binomial_distribution_function():
    below = below_rule(terms(3, 11), level(0))(np.array([-0.4]), np.array([1e-300]))[0, 0]
    replicate = stats.binom(11, special.expit(-0.4))
    assert below == pytest.approx(replicate.cdf(2) + 0.5 * replicate.pmf(3), abs=1e-13)


def test_below_of_an_estimate_is_the_normal_distribution_function():
    below = below_rule(NormalTerms(np.array([0.3]), np.array([0.4])), level(0))(np.array([-0.1]), np.array([0.3]))
    assert below[0, 0] == pytest.approx(stats.norm(-0.1, 0.5).cdf(0.3), abs=1e-15)


def test_a_likelihood_without_a_rule_is_refused():
    with pytest.raises(SpecError, match=r"not defined yet for this likelihood and distribution of effects"):
        below_rule(object(), level(0))


def test_a_study_that_counts_in_part_has_no_replicate():
    with pytest.raises(SpecError, match="not defined for studies with power weights"):
        below_rule(terms(3, 9).powered(np.array([0.5])), level(0))
