"""A weighted straight line."""

from math import isnan

import numpy as np
import pytest

from bayesmeta.frequentist.line import fit_line

RNG = np.random.default_rng(7)
X = RNG.uniform(0.1, 2.0, 9)
Y = 0.3 + 0.8 * X + RNG.normal(size=9)
W = RNG.uniform(0.5, 4.0, 9)


@pytest.mark.parametrize("dispersion", [True, False])
def test_the_line_is_the_weighted_least_squares_solution(dispersion):
    design = np.column_stack([np.ones(9), X])
    covariance = np.linalg.inv(design.T @ (W[:, None] * design))
    beta = covariance @ design.T @ (W * Y)
    if dispersion:
        covariance = covariance * (W @ (Y - design @ beta) ** 2) / 7
    line = fit_line(Y, X, W, dispersion=dispersion)
    assert (line.intercept, line.slope) == pytest.approx(tuple(beta), rel=1e-12)
    assert (line.se_intercept, line.se_slope) == pytest.approx(tuple(np.sqrt(np.diag(covariance))), rel=1e-12)
    assert line.df == (7 if dispersion else None)


def test_units_of_predictor_and_weights_do_not_matter():
    line = fit_line(Y, X, W, dispersion=True)
    other = fit_line(Y, 1e9 * X, 1e-12 * W, dispersion=True)
    assert other.statistic == pytest.approx(line.statistic, rel=1e-12)
    assert other.intercept_interval(0.9) == pytest.approx(line.intercept_interval(0.9), rel=1e-12)


def test_sizes_that_hardly_differ_lose_no_digits():
    n = 1e6 + np.arange(9.0)
    centred = fit_line(Y, n - 1e6, W, dispersion=True)
    assert fit_line(Y, n, W, dispersion=True).statistic == pytest.approx(centred.statistic, rel=1e-10)


def test_a_constant_predictor_has_no_slope():
    line = fit_line(Y, np.full(9, 0.3), W, dispersion=True)
    assert isnan(line.slope)
    assert isnan(line.pvalue)


def test_effects_on_a_line_have_a_slope_but_no_test():
    line = fit_line(1.0 + 2.0 * X, X, W, dispersion=True)
    assert line.slope == pytest.approx(2.0)
    assert isnan(line.pvalue)
    assert fit_line(1.0 + 2.0 * X, X, W, dispersion=False).pvalue < 1.0
