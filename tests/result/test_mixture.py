"""Mixtures of distributions against those of normal distributions, whatever the base scales."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesmeta.result.marginal import IDENTITY, Marginal, Scale
from bayesmeta.result.mixture import mixture

LOGIT = Scale(special.expit, special.logit, lambda p: p * (1.0 - p), (0.0, 1.0))
PROBIT = Scale(special.ndtr, special.ndtri, lambda p: stats.norm.pdf(special.ndtri(p)), (0.0, 1.0))


def normal(mean, sd, scale=IDENTITY, moments=None):
    of = stats.norm(mean, sd)
    points = np.linspace(mean - 6.0 * sd, mean + 6.0 * sd, 41)
    if moments is None:
        ends = mean - 12.0 * sd, mean + 12.0 * sd
        first = integrate.quad(lambda x: float(scale.value(np.array(x))) * of.pdf(x), *ends)[0]
        second = integrate.quad(lambda x: float(scale.value(np.array(x))) ** 2 * of.pdf(x), *ends)[0]
        moments = first, np.sqrt(second - first**2)
    return Marginal("x", lambda x: (of.cdf(x), of.pdf(x)), (points, of.cdf(points)), moments, scale)


def test_distribution_function_density_and_moments_are_weighted():
    mixed = mixture([normal(0.0, 1.0), normal(4.0, 0.5)], np.array([0.3, 0.7]))
    x = np.linspace(-4.0, 7.0, 23)
    assert mixed.cdf(x) == pytest.approx(0.3 * stats.norm.cdf(x) + 0.7 * stats.norm.cdf(x, 4.0, 0.5), abs=1e-15)
    assert mixed.pdf(x) == pytest.approx(0.3 * stats.norm.pdf(x) + 0.7 * stats.norm.pdf(x, 4.0, 0.5), abs=1e-15)
    assert mixed.mean() == pytest.approx(2.8, abs=1e-12)
    assert mixed.sd() == pytest.approx(np.sqrt(0.3 * (1.0 + 7.84) + 0.7 * (0.25 + 1.44)), abs=1e-12)


@pytest.mark.parametrize("distance", [0.0, 3.0, 60.0])
def test_quantiles_are_found_also_across_a_gap(distance):
    mixed = mixture([normal(0.0, 1.0), normal(distance, 0.1)], np.array([0.3, 0.7]))
    probability = np.array([1e-6, 0.025, 0.299, 0.301, 0.5, 0.975, 1.0 - 1e-6])
    assert mixed.cdf(mixed.ppf(probability)) == pytest.approx(probability, abs=1e-9)


def test_different_links_are_brought_to_one_scale():
    # if logit p ~ A and probit p ~ B, the mixture's distribution function at p is that of both at p
    mixed = mixture([normal(1.0, 0.8, LOGIT), normal(0.5, 0.6, PROBIT)], np.array([0.4, 0.6]))
    p = np.array([1e-12, 0.01, 0.3, 0.5, 0.8, 0.999, 1.0 - 1e-12])
    expected = 0.4 * stats.norm.cdf(special.logit(p), 1.0, 0.8) + 0.6 * stats.norm.cdf(special.ndtri(p), 0.5, 0.6)
    assert mixed.cdf(p) == pytest.approx(expected, abs=1e-12)
    inner = p[1:-1]
    slope = (mixed.cdf(inner + 1e-6) - mixed.cdf(inner - 1e-6)) / 2e-6
    assert mixed.pdf(inner) == pytest.approx(slope, rel=1e-6)
    assert mixed.cdf(mixed.ppf(expected[1:-1])) == pytest.approx(expected[1:-1], abs=1e-12)
    mean = integrate.quad(lambda x: 1.0 - float(mixed.cdf(x)), 0.0, 1.0)[0]
    assert mixed.mean() == pytest.approx(mean, abs=1e-8)


def test_a_proportion_that_rounds_to_one_is_one():
    mixed = mixture([normal(0.0, 1.0, LOGIT, (0.5, 0.2)), normal(30.0, 1.0, PROBIT, (1.0, 0.0))], np.array([0.5, 0.5]))
    assert float(mixed.ppf(0.9)) == 1.0
    assert float(mixed.ppf(0.25)) == pytest.approx(0.5, abs=1e-12)


def test_a_distribution_of_no_weight_plays_no_part():
    broken = Marginal("x", lambda x: (x * np.nan, x * np.nan), (np.zeros(2), np.zeros(2)), (np.nan, np.inf))
    only = normal(1.0, 2.0)
    assert mixture([broken, only], np.array([0.0, 1.0])) is only


def test_moments_that_do_not_exist_stay_so():
    heavy = normal(0.0, 1.0, moments=(0.0, np.inf))
    none = normal(0.0, 1.0, moments=(np.nan, np.inf))
    mixed = mixture([normal(2.0, 1.0), heavy], np.array([0.5, 0.5]))
    assert (mixed.mean(), mixed.sd()) == (pytest.approx(1.0), np.inf)
    assert np.isnan(mixture([normal(2.0, 1.0), none], np.array([0.5, 0.5])).mean())
