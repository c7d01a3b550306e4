import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.frequentist.tau2 import TAU2_METHODS
from bayesmeta.frequentist.tau2_intervals import generalised_q, profile_likelihood, q_profile, wald

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
REFERENCE = json.loads((FOLDER / "tau2_intervals.json").read_text(encoding="utf-8"))["cases"]
Y = np.array([0.4, -0.2, 1.1, 0.9, 0.1, 1.6])
V = np.array([0.2, 0.3, 0.25, 0.5, 0.15, 0.4]) ** 2
MEAN = np.ones((6, 1))
LINE = np.c_[np.ones(6), [1.0, 2.0, 0.5, 3.0, 2.5, 1.5]]


def effects_of(case):
    """Return y, variance and design of one case."""
    pooled = json.loads((FOLDER / f"{case['dataset']}.json").read_text(encoding="utf-8"))["pooled"]
    one = next(p for p in pooled if p["measure"] == case["measure"])
    y, variance = np.array(one["yi"]), np.array(one["vi"])
    columns = [np.ones(len(y))]
    if "moderator" in case:
        columns.append(pd.read_csv(FOLDER / f"{case['dataset']}.csv")[case["moderator"]].to_numpy(float))
    return y, variance, np.column_stack(columns)


def estimate(code, y, variance, x):
    return float(TAU2_METHODS[code].estimate(y, np.sqrt(variance), x))


def compare(case):
    """Compare all intervals of one case with metafor's, and return how many there were."""
    y, variance, x = effects_of(case)
    ours = {"qprofile": (estimate("DL", y, variance, x), *q_profile(y, variance, x, 0.95))}
    for code in ("ML", "REML"):
        tau2 = estimate(code, y, variance, x)
        limits = profile_likelihood(y, variance, x, 0.95, tau2=tau2, restricted=code == "REML")
        ours[f"profile_{code.lower()}"] = (tau2, *limits)
    count = 0
    for name, values in ours.items():
        if case[name]:
            np.testing.assert_allclose(values, case[name][:3], rtol=1e-9, atol=1e-16, err_msg=name)
            count += 1
    return count


def test_q_profile_and_profile_likelihood_equal_metafor_with_and_without_a_moderator():
    counts = [compare(case) for case in REFERENCE]
    # metafor's Fisher scoring does not converge for ML on the risk differences of bcg, and REML with its moderator
    assert (len(counts), sum(counts)) == (27, 79)
    assert sum("moderator" in case for case in REFERENCE) == 3


def test_the_files_first_limits_are_the_same_to_the_tolerance_of_metafors_search():
    """The data sets' files were searched with an absolute tolerance of 1.2e-4."""
    for case in REFERENCE[:24]:
        y, variance, x = effects_of(case)
        pooled = json.loads((FOLDER / f"{case['dataset']}.json").read_text(encoding="utf-8"))["pooled"]
        one = next(p for p in pooled if p["measure"] == case["measure"])
        np.testing.assert_allclose(q_profile(y, variance, x, 0.95), one["qprofile"]["tau2"][1:], atol=1.3e-4)
        reml = estimate("REML", y, variance, x)
        limits = profile_likelihood(y, variance, x, 0.95, tau2=reml, restricted=True)
        np.testing.assert_allclose((reml, *limits), one["proflik_reml"]["tau2"], atol=1.3e-4)


@pytest.mark.parametrize("x", [MEAN, LINE])
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_with_equal_variances_the_generalised_q_is_the_q_profile(x, power):
    v = np.full(6, 0.04)
    assert generalised_q(Y, v, x, 0.9, power=power) == pytest.approx(q_profile(Y, v, x, 0.9), rel=1e-9)


def test_two_studies_make_the_generalised_q_a_chi_squared_with_one_degree_of_freedom():
    # (y1 - y2)^2 / (v1 + v2 + 2 tau2) is chi-squared with 1 df; its quantiles from R 4.2.2's qchisq
    y, v = np.array([0.0, 3.0]), np.array([0.25, 1.44])
    lower, upper = ((9 / quantile - 1.69) / 2 for quantile in (5.02388618731489, 0.000982069117175256))
    expected = max(0.0, lower), upper
    assert generalised_q(y, v, np.ones((2, 1)), 0.95) == pytest.approx(expected, rel=1e-7)
    assert q_profile(y, v, np.ones((2, 1)), 0.95) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("x", [MEAN, LINE])
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_at_its_limits_the_generalised_q_is_exceeded_as_often_as_said(x, power):
    w = np.diag(V**-power)
    p = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
    lower, upper = generalised_q(Y, V, x, 0.8, power=power)
    rng = np.random.default_rng(4)
    z = rng.normal(size=(200_000, 6))
    assert 0 < lower < upper
    for tau2, probability in ((lower, 0.1), (upper, 0.9)):
        e = z * np.sqrt(V + tau2)
        assert (np.einsum("ij,jk,ik->i", e, p, e) >= Y @ p @ Y).mean() == pytest.approx(probability, abs=0.004)


@pytest.mark.parametrize("interval", [q_profile, generalised_q])
def test_effects_that_vary_less_than_their_errors_give_the_empty_interval_as_two_zeros(interval):
    assert interval(np.full(6, 0.1), V, MEAN, 0.95) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_limits_have_the_unit_of_the_effects(scale):
    for interval in (q_profile, generalised_q):
        expected = scale**2 * np.array(interval(Y, V, MEAN, 0.95))
        np.testing.assert_allclose(interval(scale * Y, scale**2 * V, MEAN, 0.95), expected, rtol=1e-8)
    tau2 = estimate("REML", Y, V, MEAN)
    plain = profile_likelihood(Y, V, MEAN, 0.95, tau2=tau2, restricted=True)
    scaled = profile_likelihood(scale * Y, scale**2 * V, MEAN, 0.95, tau2=scale**2 * tau2, restricted=True)
    np.testing.assert_allclose(scaled, scale**2 * np.array(plain), rtol=1e-8)


def test_a_wider_coverage_gives_a_wider_interval():
    for interval in (q_profile, generalised_q):
        narrow, wide = interval(Y, V, MEAN, 0.5), interval(Y, V, MEAN, 0.99)
        assert wide[0] <= narrow[0] < narrow[1] < wide[1]


def test_the_wald_interval_is_cut_at_zero():
    assert wald(1.0, 0.1, 0.95) == pytest.approx((0.8040036015, 1.1959963985), rel=1e-9)
    assert wald(1.0, 2.0, 0.95)[0] == 0.0


def test_too_many_studies_for_a_square_matrix_are_refused():
    k = 3001
    with pytest.raises(SpecError, match="takes up to 3000 studies, and there are 3001; use method='q-profile'"):
        generalised_q(np.zeros(k), np.ones(k), np.ones((k, 1)), 0.95)
