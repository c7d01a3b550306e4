import numpy as np
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.frequentist.heterogeneity import cochran_q
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.tau2 import TAU2_METHODS, tau2_record
from bayesmeta.frequentist.tau2_roots import log_likelihood

Y = np.array([0.4, -0.2, 1.1, 0.9, 0.1, 1.6])
SE = np.array([0.2, 0.3, 0.25, 0.5, 0.15, 0.4])
RANDOM = [code for code, record in TAU2_METHODS.items() if record.is_random]

dersimonian_laird = TAU2_METHODS["DL"].estimate
common_effect = TAU2_METHODS["EE"].estimate


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


@pytest.mark.parametrize("code", ["dl", "XX", None, 3, ["DL"]])
def test_an_unknown_code_is_refused_with_the_known_ones(code):
    with pytest.raises(SpecError, match=r"unknown tau2_method .* Allowed: DL, EE, HE, .*DL2\."):
        tau2_record(code)


def test_the_registry_is_keyed_by_code():
    assert all(record.code == code for code, record in TAU2_METHODS.items())


def quadratic(tau2: float, y: np.ndarray, se: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """y'Py with P written out as a matrix, and P."""
    w = np.diag(1.0 / (se**2 + tau2))
    p = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
    return float(y @ p @ y), p


@pytest.mark.parametrize("x", [np.ones((6, 1)), np.c_[np.ones(6), [1.0, 2.0, 0.5, 3.0, 2.5, 1.5]]])
def test_sums_over_studies_equal_those_of_the_whole_projection(x):
    a = np.array([0.3, 1.2, 0.7, 2.0, 0.1, 0.9])
    _, p = quadratic(0.1, Y, SE, x)
    fit = Projection(x, 1.0 / (SE**2 + 0.1))
    assert float(fit.quadratic(Y)) == pytest.approx(Y @ p @ Y, rel=1e-12)
    assert float(fit.trace(a)) == pytest.approx(np.trace(p @ np.diag(a)), rel=1e-12)
    assert float(fit.trace_square(a)) == pytest.approx(np.trace(p @ np.diag(a) @ p @ np.diag(a)), rel=1e-12)
    assert fit.w * fit.residuals(Y) == pytest.approx(p @ Y, rel=1e-12)
    assert fit.leverage.sum() == pytest.approx(x.shape[1], rel=1e-12)


@pytest.mark.parametrize("x", [np.ones((6, 1)), np.c_[np.ones(6), [1.0, 2.0, 0.5, 3.0, 2.5, 1.5]]])
def test_each_estimate_solves_its_own_equation(x):
    k, p = x.shape
    tau2 = {code: float(TAU2_METHODS[code].estimate(Y, SE, x)) for code in RANDOM}
    assert min(tau2.values()) > 0
    assert quadratic(tau2["PM"], Y, SE, x)[0] == pytest.approx(k - p, rel=1e-10)
    assert quadratic(tau2["PMM"], Y, SE, x)[0] == pytest.approx({5: 4.351460191, 4: 3.356693980}[k - p], rel=1e-9)
    for code, restricted in (("ML", False), ("REML", True)):
        _, proj = quadratic(tau2[code], Y, SE, x)
        lost = np.trace(proj) if restricted else np.sum(1 / (SE**2 + tau2[code]))
        assert float(Y @ proj @ proj @ Y) == pytest.approx(lost, rel=1e-9)
    q0, at_zero = quadratic(0.0, Y, SE, x)
    assert np.trace(at_zero @ np.diag(SE**2 + tau2["DL"])) == pytest.approx(q0, rel=1e-10)
    assert tau2["HS"] == pytest.approx((q0 - k) / np.sum(SE**-2.0), rel=1e-10)
    assert tau2["HSk"] == pytest.approx((k / (k - p) * q0 - k) / np.sum(SE**-2.0), rel=1e-10)
    start = Y.var()
    assert tau2["SJ"] == pytest.approx(start * quadratic(start, Y, SE, x)[0] / (k - p), rel=1e-10)
    q2, proj2 = quadratic(tau2["DL"], Y, SE, x)
    assert np.trace(proj2 @ np.diag(SE**2 + tau2["DL2"])) == pytest.approx(q2, rel=1e-10)


@pytest.mark.parametrize("code", ["ML", "REML"])
def test_the_likelihoods_maximum_is_the_largest_of_a_dense_search(code):
    rng = np.random.default_rng(5)
    x = np.ones((4, 1))
    for _ in range(30):
        y, se = rng.standard_t(1.5, 4), rng.uniform(0.05, 2.0, 4)
        best = float(TAU2_METHODS[code].estimate(y, se))
        tau2 = np.r_[0.0, np.geomspace(1e-6, 1e4, 4000)]
        height = log_likelihood(tau2, np.tile(y, (4001, 1)), np.tile(se**2, (4001, 1)), x, restricted=code == "REML")
        assert log_likelihood(np.array(best), y, se**2, x, restricted=code == "REML") >= height.max() - 1e-12


def test_a_second_maximum_of_the_likelihood_is_not_taken_for_the_first():
    # two precise studies agree and one, imprecise, is far off: 0 is a local maximum, the largest is far from it
    y, se = np.array([0.0, 0.001, 9.0, -8.0]), np.array([0.01, 0.01, 1.0, 1.0])
    assert float(TAU2_METHODS["ML"].estimate(y, se)) > 1.0


@pytest.mark.parametrize("code", RANDOM)
def test_every_estimator_works_on_a_batch_in_one_call(code):
    rng = np.random.default_rng(3)
    y, se = rng.normal(size=(4, 3, 7)), rng.uniform(0.1, 0.9, size=(4, 3, 7))
    batch, spread = TAU2_METHODS[code].estimate(y, se), TAU2_METHODS[code].se_of(0.2, y, se)
    assert batch.shape == spread.shape == (4, 3)
    for index in np.ndindex(4, 3):
        assert batch[index] == pytest.approx(
            float(TAU2_METHODS[code].estimate(y[index], se[index])), rel=1e-9, abs=1e-12
        )
        assert spread[index] == pytest.approx(float(TAU2_METHODS[code].se_of(0.2, y[index], se[index])), rel=1e-12)


@pytest.mark.parametrize("code", RANDOM)
def test_every_estimator_answers_degenerate_data(code):
    estimate = TAU2_METHODS[code].estimate
    assert float(estimate(np.array([1.0]), np.array([0.3]))) == 0.0
    assert float(estimate(np.array([1.0, 1.0, 1.0]), np.array([0.3, 0.2, 1.0]))) == pytest.approx(0.0, abs=1e-12)
    far = float(estimate(np.array([-50.0, 0.0, 50.0]), np.array([1e-6, 1e-6, 1e-6])))
    assert 1000 < far < 5000
    mixed = float(estimate(np.array([0.0, 3.0, -4.0]), np.array([1e-8, 1.0, 2.0])))
    assert 0.0 <= mixed < 100.0


def test_thousands_of_studies_take_no_matrix_of_their_square():
    rng = np.random.default_rng(4)
    se = rng.uniform(0.1, 0.9, 200_000)
    y = rng.normal(0, np.sqrt(0.5 + se**2))
    for code in RANDOM:
        assert float(TAU2_METHODS[code].estimate(y, se)) == pytest.approx(0.5, abs=0.1 if code == "SJ" else 0.02)
