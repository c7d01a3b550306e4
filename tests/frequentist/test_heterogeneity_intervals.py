import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.frequentist.heterogeneity_intervals import TAU2_INTERVALS, h2_interval

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
Y, SE = [0.4, -0.2, 1.1, 0.9, 0.1, 1.6], [0.2, 0.3, 0.25, 0.5, 0.15, 0.4]
LIMITS = ["lower", "upper"]


def fit(y=Y, se=SE, **options):
    names = tuple(f"Kim {2001 + i}" for i in range(len(y)))
    return bm.fit(bm.Studies(names, y=np.array(y, float), se=np.array(se, float)), engine="frequentist", **options)


def test_the_table_has_both_definitions_of_i2_and_h2_as_the_fit_has_them():
    one = fit(tau2_method="REML")
    table = bm.heterogeneity(one)
    assert table.index.tolist() == ["tau2", "tau", "i2_tau2", "h2", "i2", "h2_q"]
    assert table.columns.tolist() == ["estimate", "lower", "upper", "method", "note"]
    assert table["estimate"].tolist() == pytest.approx(
        [one.tau2, one.tau, one.i2_tau2, one.h2, one.i2, one.q / one.df], rel=1e-13
    )
    assert table["method"].tolist() == ["q-profile"] * 4 + ["test-based"] * 2
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()


@pytest.mark.parametrize("dataset", ["bcg", "debruin2009", "pritz1997", "raudenbush1985"])
def test_tau_i2_and_h2_have_metafors_limits(dataset):
    """Those of the data set's file stopped at 1.2e-4 in tau2; `tau2_intervals.json` holds them to the last digit."""
    tight = json.loads((FOLDER / "tau2_intervals.json").read_text(encoding="utf-8"))["cases"]
    pooled = json.loads((FOLDER / f"{dataset}.json").read_text(encoding="utf-8"))["pooled"]
    for case in pooled:
        expected = next(c["qprofile"] for c in tight if (c["dataset"], c["measure"]) == (dataset, case["measure"]))
        table = bm.heterogeneity(fit(case["yi"], np.sqrt(case["vi"])))
        assert table.loc["tau2", LIMITS].tolist() == pytest.approx(expected[1:3], rel=1e-9, abs=1e-14)
        assert table.loc["tau", LIMITS].tolist() == pytest.approx(np.sqrt(expected[1:3]), rel=1e-9, abs=1e-9)
        i2_h2 = [100 * table.at["i2_tau2", "lower"], table.at["h2", "lower"]]
        i2_h2 += [100 * table.at["i2_tau2", "upper"], table.at["h2", "upper"]]
        assert i2_h2 == pytest.approx(expected[3:], rel=1e-9, abs=1e-10)


def test_the_test_based_interval_is_that_which_rs_meta_prints_for_fleiss1993():
    """Aspirin after myocardial infarction: Q = 9.95 of 7 trials; H = 1.29 [1.00; 1.99], I2 = 39.7 % [0.0; 74.6]."""
    lower, upper = h2_interval(9.95, 7, 0.95)
    assert (lower, round(np.sqrt(upper), 2), round(100 * (1 - 1 / upper), 1)) == (1.0, 1.99, 74.6)


def test_the_test_based_interval_of_q_below_k_takes_the_other_standard_error():
    half = 1.959963984540054 * np.sqrt(1 / 16 * (1 - 1 / 192))
    assert h2_interval(9.0, 10, 0.95)[1] == pytest.approx(np.exp(2 * half), rel=1e-12)
    assert h2_interval(0.0, 10, 0.95) == (1.0, 1.0)


@pytest.mark.parametrize("method", list(TAU2_INTERVALS))
def test_every_method_gives_limits_around_the_estimate(method):
    table = bm.heterogeneity(fit(tau2_method="REML"), method=method)
    assert table.at["tau2", "method"] == method
    assert 0 <= table.at["tau2", "lower"] < table.at["tau2", "estimate"] < table.at["tau2", "upper"]


def test_a_narrower_interval_can_be_asked_for():
    wide, narrow = bm.heterogeneity(fit()), bm.heterogeneity(fit(), ci_prob=0.5)
    assert (narrow["upper"] - narrow["lower"] < wide["upper"] - wide["lower"]).all()
    assert bm.heterogeneity(fit(ci_prob=0.5)).equals(narrow)


@pytest.mark.parametrize("method", ["q-profile", "generalised-q", "generalised-q-sqrt"])
def test_an_empty_interval_is_two_zeros_with_the_reason(method):
    """metafor 3.8: "The upper and lower CI bounds for tau^2 both fall below 0", estimates 0, H2 1."""
    table = bm.heterogeneity(fit([0.1, 0.1, 0.1], [0.2, 0.3, 0.4]), method=method)
    assert table.loc[["tau2", "tau", "i2_tau2"], LIMITS].to_numpy().tolist() == [[0.0, 0.0]] * 3
    assert table.loc["h2", LIMITS].tolist() == [1.0, 1.0]
    assert table["note"].str.startswith("the interval is empty").tolist() == [True] * 4 + [False] * 2


def test_one_study_and_a_common_effect_have_no_limits_of_tau2_and_the_reason():
    one = bm.heterogeneity(fit([0.1], [0.2]))
    assert one[LIMITS].isna().all(axis=None)
    assert one.at["tau2", "note"] == "k = 1: no interval, because one study says nothing of tau2"
    common = bm.heterogeneity(fit(tau2_method="EE"))
    assert isnan(common.at["tau2", "upper"])
    assert "a common effect is assumed" in common.at["tau2", "note"]
    assert common.at["i2", "upper"] > 0.5


def test_two_studies_have_the_limits_that_metafor_gives():
    table = bm.heterogeneity(fit([0.3, 0.35], [0.2, np.sqrt(0.02)]))
    assert table.loc["tau2", LIMITS].tolist() == pytest.approx([0.0, 1.24282479487], abs=1.3e-4)  # metafor 3.8
    assert table["note"].tolist()[-1] == "k = 2: no interval, because its standard error needs three studies"


def test_profile_likelihood_needs_a_fit_by_likelihood():
    with pytest.raises(bm.SpecError, match=r"needs a fit by tau2_method='ML' or 'REML'.*this one is by 'DL'"):
        bm.heterogeneity(fit(), method="profile")
    with pytest.raises(bm.SpecError, match=r"unknown method 'qprofile'. Did you mean 'q-profile'\?"):
        bm.heterogeneity(fit(), method="qprofile")


def test_a_bayesian_fit_is_refused_with_the_way_out():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    with pytest.raises(bm.SpecError, match=r"heterogeneity takes a fit with engine='frequentist' .* bm.summary\(fit\)"):
        bm.heterogeneity(bm.fit(studies))
