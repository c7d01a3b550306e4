import numpy as np
import pytest

from bayesmeta.frequentist.pool import normalised_weights, pooled_mean, precision

Y = np.array([0.4, -0.2, 1.1, 0.9])
SE = np.array([0.2, 0.3, 0.25, 0.5])


def test_weights_sum_to_one_and_are_proportional_to_precision():
    weights = normalised_weights(SE, 0.1)
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert weights * (SE**2 + 0.1) == pytest.approx(np.full(4, weights[0] * (SE[0] ** 2 + 0.1)))


def test_mean_is_the_weighted_mean():
    mu, _ = pooled_mean(Y, SE, 0.1)
    assert float(mu) == pytest.approx(np.sum(normalised_weights(SE, 0.1) * Y), rel=1e-14)


def test_mean_and_standard_error_are_those_of_weighted_least_squares():
    design, w = np.ones((4, 1)), precision(SE, 0.1)
    information = design.T @ (w[:, None] * design)
    mu, se_mu = pooled_mean(Y, SE, 0.1)
    assert float(mu) == pytest.approx(np.linalg.solve(information, design.T @ (w * Y))[0], rel=1e-14)
    assert float(se_mu) == pytest.approx(np.sqrt(np.linalg.inv(information)[0, 0]), rel=1e-14)


def test_a_large_between_study_variance_makes_weights_equal():
    assert normalised_weights(SE, 1e12) == pytest.approx(np.full(4, 0.25), rel=1e-9)


def test_one_study_pools_to_itself():
    mu, se_mu = pooled_mean(Y[:1], SE[:1])
    assert (float(mu), float(se_mu)) == pytest.approx((0.4, 0.2), rel=1e-15)


def test_leading_axes_hold_many_meta_analyses():
    rng = np.random.default_rng(3)
    y, se, tau2 = rng.normal(size=(5, 6)), rng.uniform(0.1, 1, size=(5, 6)), rng.uniform(0, 1, size=5)
    mu, se_mu = pooled_mean(y, se, tau2)
    for i in range(5):
        alone = [float(value) for value in pooled_mean(y[i], se[i], tau2[i])]
        assert [mu[i], se_mu[i]] == pytest.approx(alone, rel=1e-14)
