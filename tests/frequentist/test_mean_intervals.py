"""Intervals of the mean: what they are, what they need, and what is said of them."""

import json
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.data.studies import Studies
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.henmi_copas import _pivot
from bayesmeta.frequentist.intervals import CI_METHODS
from bayesmeta.frequentist.mean_profile import deviance
from bayesmeta.frequentist.tau2_roots import log_likelihood

Y, SE = [0.4, -0.2, 1.1, 0.9, 0.1, 1.6], [0.2, 0.3, 0.25, 0.5, 0.15, 0.4]
BCG = json.loads((Path(__file__).parents[1] / "reference" / "metafor" / "bcg.json").read_text(encoding="utf-8"))
ADHOC = "hartung-knapp-adhoc"


def fit(y=Y, se=SE, **options):
    names = tuple(f"Kim {2001 + i}" for i in range(len(y)))
    method = CI_METHODS[options.get("ci_method", "wald")].tau2_method
    options.setdefault("tau2_method", method or "DL")
    return fit_frequentist(Studies(names, y=np.array(y, float), se=np.array(se, float)), **options)


@pytest.mark.parametrize("ci_method", list(CI_METHODS))
@pytest.mark.parametrize("shift", [0.0, 0.05, 1.0])
def test_the_interval_at_one_less_the_p_value_just_reaches_zero(ci_method, shift):
    one = fit(np.array(Y) - shift, ci_method=ci_method)
    assert 0 < one.pvalue < 1
    limits = fit(np.array(Y) - shift, ci_method=ci_method, ci_prob=1 - one.pvalue)
    nearest = limits.lower if one.mu > 0 else limits.upper
    assert nearest == pytest.approx(0.0, abs=1e-7)
    assert np.sign(one.statistic) == np.sign(one.mu)


def test_t_and_hartung_knapp_take_k_less_one_degrees_of_freedom():
    df = {name: fit(ci_method=name).df_mu for name in CI_METHODS}
    assert df == pytest.approx(
        {"wald": inf, "t": 5, "hartung-knapp": 5, ADHOC: 5, "henmi-copas": nan, "profile": nan}, nan_ok=True
    )


def test_the_hartung_knapp_error_is_that_of_least_squares_with_fixed_weights():
    one = fit(ci_method="hartung-knapp", tau2_method="REML")
    w = 1 / (one.se**2 + one.tau2)
    sandwich = np.sum(w * (one.y - one.mu) ** 2) / 5 / w.sum()
    assert one.se_mu == pytest.approx(np.sqrt(sandwich), rel=1e-14)


def test_with_paule_mandel_hartung_knapp_changes_only_the_quantile():
    assert fit(ci_method="hartung-knapp", tau2_method="PM").se_mu == pytest.approx(
        fit(ci_method="wald", tau2_method="PM").se_mu, rel=1e-12
    )


def test_henmi_copas_centres_on_the_common_effect_mean_and_says_so():
    one, common = fit(ci_method="henmi-copas"), fit(tau2_method="EE")
    assert one.mu == common.mu
    np.testing.assert_array_equal(one.weights, common.weights)
    assert one.tau2 == fit().tau2
    assert any(note.startswith("Henmi-Copas: mu is the common-effect mean") for note in one.notes)
    assert one.se_mu == pytest.approx(np.sqrt(np.sum(one.weights**2 * (one.se**2 + one.tau2))), rel=1e-13)


def test_the_moments_of_q_given_the_mean_are_those_of_the_matrices():
    se, tau2 = np.array(SE), 0.3
    w, s = np.diag(se**-2.0), np.diag(se**2 + tau2)
    a = np.diag(w) / np.trace(w)  # M = a'e
    total = a @ s @ a
    b = s @ a / total
    rest = s - np.outer(s @ a, s @ a) / total
    c = b - 1.0
    unit = se.min() ** -2.0
    pivot = _pivot(se, tau2)
    assert pivot.mean == pytest.approx((np.trace(w @ rest), total * c @ w @ c), rel=1e-12)
    assert pivot.variance == pytest.approx(
        (2 * np.trace(w @ rest @ w @ rest), 4 * total * c @ w @ rest @ w @ c), rel=1e-11
    )
    assert pivot.slope * unit == pytest.approx(np.trace(w) - np.trace(w @ w) / np.trace(w), rel=1e-12)


def test_without_heterogeneity_that_q_can_show_henmi_copas_is_nearly_wald():
    one = fit([0.1] * 6, ci_method="henmi-copas", ci_prob=0.5)
    assert one.tau2 == 0.0
    assert one.upper - one.lower < 1.02 * (fit([0.1] * 6, ci_prob=0.5).upper - fit([0.1] * 6, ci_prob=0.5).lower)


def test_the_profile_interval_of_bcg_equals_that_of_nested_maximisation_in_r():
    """R 4.2.2: optimize() over tau2 within uniroot() over mu, tolerances 1e-12 and 1e-13, log risk ratios."""
    case = next(p for p in BCG["pooled"] if p["measure"] == "RR")
    one = fit(case["yi"], np.sqrt(case["vi"]), ci_method="profile")
    assert (one.lower, one.upper) == pytest.approx((-1.08878906105277, -0.35497579450907), rel=1e-9)
    assert one.statistic**2 == pytest.approx(11.10324616069682, rel=1e-9)


def test_at_the_profile_limits_the_likelihood_of_a_dense_search_has_fallen_by_half_the_quantile():
    one = fit(ci_method="profile")
    tau2 = np.r_[0.0, np.geomspace(1e-5, 50, 200_001)]
    none = np.empty((6, 0))

    def height(mu):
        y = np.broadcast_to(one.y - mu, (len(tau2), 6))
        return log_likelihood(tau2, y, np.broadcast_to(one.se**2, y.shape), none, restricted=False).max()

    for limit in (one.lower, one.upper):
        assert 2 * (height(one.mu) - height(limit)) == pytest.approx(3.841458820694124, abs=1e-6)


def test_a_profile_interval_holds_every_mean_that_the_likelihood_allows():
    # two precise studies agree; the others are far off, and D has several dips
    one = fit([0.0, 0.001, 9.0, -8.0], [0.01, 0.01, 1.0, 1.0], ci_method="profile")
    mu = np.linspace(-60, 60, 4001)
    allowed = mu[deviance(one, mu) <= 3.841458820694124]
    assert one.lower <= allowed.min() + 1e-9
    assert one.upper >= allowed.max() - 1e-9


@pytest.mark.parametrize("ci_method", [name for name in CI_METHODS if name != "wald"])
def test_one_study_has_a_wald_interval_only_and_the_reason(ci_method):
    one = fit([0.3], [0.2], ci_method=ci_method)
    assert (one.mu, one.tau2) == (0.3, 0.0)
    assert isnan(one.lower)
    assert isnan(one.pvalue)
    note = next(note for note in one.notes if "no confidence interval" in note)
    assert note.startswith(f"k = 1: no confidence interval by ci_method='{ci_method}', because ")
    assert note.endswith("; ci_method='wald' gives that of the one study")
    assert "nan" not in repr(fit([0.3], [0.2])).lower()


@pytest.mark.parametrize("ci_method", ["t", "hartung-knapp", ADHOC])
def test_two_studies_have_an_interval_with_one_degree_of_freedom_and_it_is_said(ci_method):
    one = fit([0.3, 2.0], [0.2, 0.3], ci_method=ci_method)
    assert one.upper - one.mu == pytest.approx(12.706204736174707 * one.se_mu, rel=1e-10)
    assert "k = 2: t has 1 degree of freedom, so that the interval is 12.7 standard errors to each side" in one.notes


@pytest.mark.parametrize("ci_method", ["henmi-copas", "profile"])
@pytest.mark.parametrize("y", [[0.3, 0.3], [0.3, 0.35], [0.0, 30.0]])
def test_two_studies_are_enough_for_the_others(ci_method, y):
    one = fit(y, [0.2, 0.3], ci_method=ci_method)
    assert one.lower < one.mu < one.upper


def test_a_hartung_knapp_interval_shorter_than_walds_names_the_one_that_is_not():
    close = [0.10, 0.11, 0.09, 0.10]
    one, safe, wald = (fit(close, [0.2] * 4, ci_method=name) for name in ("hartung-knapp", ADHOC, "wald"))
    assert one.upper - one.lower < wald.upper - wald.lower < safe.upper - safe.lower
    assert any("shorter than Wald's" in note and "ci_method='hartung-knapp-adhoc'" in note for note in one.notes)
    assert not any("shorter" in note for note in (*safe.notes, *fit(ci_method="hartung-knapp").notes))


def test_equal_effects_have_no_hartung_knapp_interval_but_the_adhoc_one():
    one = fit([0.1, 0.1, 0.1], [0.2, 0.3, 0.4], ci_method="hartung-knapp")
    assert isnan(one.lower)
    assert any("because all effects are equal and its width would be 0" in note for note in one.notes)
    assert fit([0.1, 0.1, 0.1], [0.2, 0.3, 0.4], ci_method=ADHOC).lower < 0.1


@pytest.mark.parametrize("ci_method", ["henmi-copas", "profile"])
def test_an_interval_without_a_quantile_leaves_no_prediction_interval_of_metafors_kind(ci_method):
    one = fit(ci_method=ci_method, pi_method="metafor")
    assert isnan(one.prediction_interval[0])
    assert any("no prediction interval by pi_method='metafor'" in note for note in one.notes)
    assert not isnan(fit(ci_method=ci_method).prediction_interval[0])


@pytest.mark.parametrize("ci_method", list(CI_METHODS))
def test_the_print_names_the_interval(ci_method):
    assert f"95 % CI ({CI_METHODS[ci_method].title})" in repr(fit(ci_method=ci_method))


@pytest.mark.parametrize("ci_method", list(CI_METHODS))
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_limits_have_the_unit_of_the_effects(ci_method, scale):
    one, scaled = fit(ci_method=ci_method), fit(scale * np.array(Y), scale * np.array(SE), ci_method=ci_method)
    assert (scaled.lower, scaled.upper) == pytest.approx((scale * one.lower, scale * one.upper), rel=1e-8)
    assert scaled.pvalue == pytest.approx(one.pvalue, rel=1e-7)


@pytest.mark.parametrize("pi_method", ["hts", "metafor"])
def test_without_a_hartung_knapp_error_that_is_the_reason_for_no_prediction_interval(pi_method):
    notes = fit([0.5] * 3, [0.2, 0.3, 0.4], ci_method="hartung-knapp", pi_method=pi_method).notes
    assert notes[-1].startswith(f"no prediction interval by pi_method={pi_method!r}, because ci_method='hartung-knapp'")
    assert notes[-1].endswith("no standard error where all effects are equal; use ci_method='hartung-knapp-adhoc'")
