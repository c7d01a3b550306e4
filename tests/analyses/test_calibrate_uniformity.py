"""Tests of uniformity: exact distributions, simulated ones, and what is known of them."""

import numpy as np
import pytest
from scipy import stats

from bayesmeta.analyses.calibrate_uniformity import (
    TESTS,
    chi_squared,
    ecdf_band,
    holm,
    kolmogorov_smirnov,
    probability_within,
)


def test_the_band_of_one_point_is_a_binomial_test() -> None:
    for values, count in (([0.1, 0.2], 2), ([0.1, 0.9], 1), ([0.6, 0.9], 0)):
        gamma, pvalue = ecdf_band(np.array(values))
        law = stats.binom(2, 0.5)
        assert gamma == pytest.approx(min(1.0, 2 * min(law.cdf(count), law.sf(count - 1))))
        assert pvalue == pytest.approx(1.0 if count == 1 else 0.5)


def test_the_probability_of_three_intervals_is_that_of_all_multinomial_counts() -> None:
    size, gamma = 3, 0.3
    z = np.array([1, 2]) / 3
    inside = 0.0
    for a in range(size + 1):
        for b in range(size + 1 - a):
            below = np.array([a, a + b])
            tails = np.minimum(stats.binom.cdf(below, size, z), stats.binom.sf(below - 1, size, z))
            if (2 * tails > gamma).all():
                inside += stats.multinomial.pmf([a, b, size - a - b], size, [1 / 3] * 3)
    assert probability_within(size, gamma) == pytest.approx(inside, abs=1e-14)


@pytest.mark.parametrize("size", [20, 150])
def test_pvalues_of_uniform_numbers_are_as_small_as_they_say(size: int) -> None:
    rng = np.random.default_rng(11)
    pvalues = np.array([[test(u)[1] for test in TESTS.values()] for u in rng.random((500, size))])
    for level in (0.02, 0.1, 0.5):
        share, error = (pvalues <= level).mean(axis=0), np.sqrt(level * (1 - level) / 500)
        assert (share <= level + 4 * error).all()
        assert (share >= 0.75 * level - 4 * error).all()  # counts are discrete, so that tests may keep below


def test_the_band_agrees_with_its_simulated_distribution() -> None:
    rng = np.random.default_rng(12)
    gamma = np.array([ecdf_band(u)[0] for u in rng.random((1000, 60))])
    for level in (0.05, 0.2, 0.5):
        at = float(np.quantile(gamma, level, method="lower"))
        share = (gamma <= at * (1 + 1e-9)).mean()
        expected = 1.0 - probability_within(60, at)
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 1000)


def test_skewed_and_narrow_samples_are_found() -> None:
    u = np.random.default_rng(13).random(500)
    for wrong in (u**1.5, 0.25 + 0.5 * u, np.where(u < 0.5, 0.5 * u, 1 - 0.5 * (1 - u))):
        assert all(test(wrong)[1] < 1e-4 for test in TESTS.values())


def test_statistics_are_those_of_scipy() -> None:
    u = np.random.default_rng(14).random(200)
    count = np.histogram(u, 20, (0, 1))[0]
    assert chi_squared(u) == pytest.approx(tuple(stats.chisquare(count)), rel=1e-10)
    assert kolmogorov_smirnov(u) == pytest.approx(tuple(stats.kstest(u, "uniform")))


def test_holm_adjusts_step_by_step_and_leaves_out_what_was_not_tested() -> None:
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.005]), [0.03, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.9]), [0.04, np.nan, 0.9])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
