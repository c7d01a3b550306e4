from itertools import combinations
from math import exp

import numpy as np
import pytest

from bayesmeta.frequentist.heterogeneity import (
    cochran_q,
    h2_from_q,
    h2_from_tau2,
    i2_from_q,
    i2_from_tau2,
    q_pvalue,
    typical_variance,
)
from bayesmeta.frequentist.tau2 import TAU2_METHODS

Y = np.array([0.4, -0.2, 1.1, 0.9, 0.1, 1.6])
SE = np.array([0.2, 0.3, 0.25, 0.5, 0.15, 0.4])


def test_q_is_the_weighted_sum_of_squares_less_that_of_the_mean():
    w = SE**-2.0
    assert float(cochran_q(Y, SE)) == pytest.approx(np.sum(w * Y**2) - np.sum(w * Y) ** 2 / w.sum(), rel=1e-12)


def test_q_is_the_weighted_sum_over_pairs_of_squared_differences():
    w = SE**-2.0
    pairs = sum(w[i] * w[j] * (Y[i] - Y[j]) ** 2 for i, j in combinations(range(6), 2))
    assert float(cochran_q(Y, SE)) == pytest.approx(pairs / w.sum(), rel=1e-13)


def test_q_of_one_study_is_zero_with_p_one():
    q = cochran_q(Y[:1], SE[:1])
    assert float(q) == 0.0
    assert float(q_pvalue(q, 0)) == 1.0


def test_p_value_has_the_closed_form_of_two_and_four_degrees_of_freedom():
    assert float(q_pvalue(7.3, 2)) == pytest.approx(exp(-3.65), rel=1e-14)
    assert float(q_pvalue(7.3, 4)) == pytest.approx(exp(-3.65) * (1 + 3.65), rel=1e-14)


def test_a_tiny_p_value_keeps_its_digits():
    assert float(q_pvalue(1000.0, 2)) == pytest.approx(exp(-500), rel=1e-12)


def test_typical_variance_of_equal_studies_is_their_variance():
    assert float(typical_variance(np.full(5, 0.3))) == pytest.approx(0.09, rel=1e-14)


def test_typical_variance_equals_the_published_formula():
    w = SE**-2.0
    assert float(typical_variance(SE)) == pytest.approx(5 * w.sum() / (w.sum() ** 2 - np.sum(w**2)), rel=1e-12)


def test_both_definitions_of_i2_coincide_for_dersimonian_laird():
    tau2 = TAU2_METHODS["DL"].estimate(Y, SE)
    assert float(i2_from_tau2(tau2, SE)) == pytest.approx(float(i2_from_q(cochran_q(Y, SE), 5)), rel=1e-12)


def test_h2_is_the_inverse_of_one_less_i2():
    tau2 = TAU2_METHODS["DL"].estimate(Y, SE)
    assert float(h2_from_tau2(tau2, SE)) == pytest.approx(1 / (1 - float(i2_from_tau2(tau2, SE))), rel=1e-12)
    assert float(h2_from_tau2(tau2, SE)) == pytest.approx(float(h2_from_q(cochran_q(Y, SE), 5)), rel=1e-12)


@pytest.mark.parametrize("q", [0.0, 1e-31, 4.9, 5.0])
def test_i2_is_zero_when_q_does_not_exceed_its_degrees_of_freedom(q):
    assert float(i2_from_q(q, 5)) == 0.0


def test_one_study_has_i2_zero_and_h2_one():
    se = SE[:1]
    assert float(i2_from_tau2(0.0, se)) == 0.0
    assert float(i2_from_q(0.0, 0)) == 0.0
    assert float(h2_from_tau2(0.0, se)) == float(h2_from_q(0.0, 0)) == 1.0


def test_leading_axes_hold_many_meta_analyses():
    y, se = np.stack([Y, 2 * Y]), np.stack([SE, SE])
    q = cochran_q(y, se)
    assert q == pytest.approx([float(cochran_q(Y, SE)), 4 * float(cochran_q(Y, SE))], rel=1e-13)
    assert i2_from_q(q, 5).shape == q_pvalue(q, 5).shape == i2_from_tau2(q, se).shape == (2,)
