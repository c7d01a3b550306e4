import numpy as np
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.frequentist.heterogeneity import cochran_q
from bayesmeta.frequentist.tau2 import TAU2_METHODS, common_effect, dersimonian_laird, tau2_record

Y = np.array([0.4, -0.2, 1.1, 0.9, 0.1, 1.6])
SE = np.array([0.2, 0.3, 0.25, 0.5, 0.15, 0.4])


def expected_q(tau2: float, se: np.ndarray) -> float:
    """E(Q) = trace(A diag(se^2 + tau2)), with the matrix A of the quadratic form Q = y'Ay written out."""
    w = se**-2.0
    form = np.diag(w) - np.outer(w, w) / w.sum()
    return float(np.trace(form @ np.diag(se**2 + tau2)))


def test_q_equals_its_expectation_at_the_dersimonian_laird_estimate():
    tau2 = float(dersimonian_laird(Y, SE))
    assert tau2 > 0
    assert expected_q(tau2, SE) == pytest.approx(float(cochran_q(Y, SE)), rel=1e-12)


def test_dersimonian_laird_equals_the_textbook_formula():
    w = SE**-2.0
    q = np.sum(w * (Y - np.sum(w * Y) / w.sum()) ** 2)
    textbook = (q - 5) / (w.sum() - np.sum(w**2) / w.sum())
    assert float(dersimonian_laird(Y, SE)) == pytest.approx(textbook, rel=1e-12)


def test_equal_standard_errors_give_the_sample_variance_less_the_sampling_variance():
    se = np.full(6, 0.3)
    assert float(dersimonian_laird(Y, se)) == pytest.approx(Y.var(ddof=1) - 0.09, rel=1e-12)


def test_two_studies_give_half_the_squared_difference_less_the_mean_sampling_variance():
    y, se = np.array([0.0, 3.0]), np.array([0.5, 1.2])
    assert float(dersimonian_laird(y, se)) == pytest.approx(4.5 - (0.25 + 1.44) / 2, rel=1e-12)


def test_homogeneous_studies_give_zero_not_a_negative_variance():
    assert float(dersimonian_laird(np.array([0.1, 0.11, 0.1]), np.ones(3))) == 0.0


def test_one_study_has_no_between_study_variance():
    assert float(dersimonian_laird(np.array([3.0]), np.array([0.1]))) == 0.0


@pytest.mark.parametrize("shift", [-3.0, 100.0])
def test_the_estimate_does_not_change_when_all_effects_are_shifted(shift):
    assert float(dersimonian_laird(Y + shift, SE)) == pytest.approx(float(dersimonian_laird(Y, SE)), rel=1e-10)


def test_the_estimate_scales_with_the_square_of_the_unit():
    assert float(dersimonian_laird(10 * Y, 10 * SE)) == pytest.approx(100 * float(dersimonian_laird(Y, SE)))


def test_the_estimate_does_not_depend_on_the_order_of_studies():
    rng = np.random.default_rng(1)
    for _ in range(20):
        order = rng.permutation(6)
        assert float(dersimonian_laird(Y[order], SE[order])) == pytest.approx(
            float(dersimonian_laird(Y, SE)), rel=1e-13
        )


def test_nothing_cancels_when_one_standard_error_is_a_million_times_smaller():
    # Limit of one infinitely precise study, sums over the others: Q = sum of w (y - y0)^2, and the
    # denominator sum(all w) - sum(all w^2) / sum(all w) tends to 2 sum(w).
    y, se = np.array([0.0, 3.0, -4.0]), np.array([1e-8, 1.0, 2.0])
    w = se[1:] ** -2.0
    limit = (np.sum(w * y[1:] ** 2) - 2) / (2 * w.sum())
    assert float(dersimonian_laird(y, se)) == pytest.approx(limit, rel=1e-13)


def test_leading_axes_hold_many_meta_analyses():
    rng = np.random.default_rng(2)
    y, se = rng.normal(size=(4, 3, 7)), rng.uniform(0.1, 0.6, size=(4, 3, 7))
    batch = dersimonian_laird(y, se)
    assert batch.shape == common_effect(y, se).shape == (4, 3)
    for index in np.ndindex(4, 3):
        assert batch[index] == pytest.approx(float(dersimonian_laird(y[index], se[index])), rel=1e-13)


@pytest.mark.parametrize("code", ["HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM"])
def test_a_metafor_code_without_an_estimator_is_said_to_be_unsupported(code):
    with pytest.raises(SpecError, match=f"tau2_method='{code}' is not supported yet; .*: DL, EE"):
        tau2_record(code)


@pytest.mark.parametrize("code", ["dl", "XX", None, 3, ["DL"]])
def test_an_unknown_code_is_refused_with_the_known_ones(code):
    with pytest.raises(SpecError, match=r"unknown tau2_method .* Allowed: DL, EE\."):
        tau2_record(code)


def test_the_registry_is_keyed_by_code():
    assert all(record.code == code for code, record in TAU2_METHODS.items())
