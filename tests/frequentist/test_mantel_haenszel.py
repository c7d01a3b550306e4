"""Mantel-Haenszel's and Peto's pools, and the tests that go with them, against metafor's, value by value."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.data.read import read_studies
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.mantel_haenszel import fit_mantel_haenszel, fit_peto

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
SPARSE = json.loads((FOLDER / "mantel_haenszel_sparse.json").read_text(encoding="utf-8"))
PUBLISHED = [
    (name, case)
    for name in ("bcg", "crins2014")
    for case in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["mantel_haenszel"]
]
WITHIN = {"rel": 1e-8, "abs": 1e-10}
REFUSED = {  # metafor gives NA, an error, or, for differences, a standard error of 0 or of rounding
    ("one_arm_empty", "OR"): "odds ratio is 0, because its numerator is 0 in every study; use measure='RD'",
    ("one_arm_empty", "RR"): "risk ratio is 0, because its numerator",
    ("both_arms_empty", "OR"): "odds ratio does not exist",
    ("both_arms_empty", "RR"): "risk ratio does not exist",
    ("both_arms_empty", "RD"): "risk difference has no variance; use method='inverse-variance'",
    ("both_arms_empty", "PETO"): "Peto's odds ratio does not exist, because no study has both",
    ("all_events", "OR"): "odds ratio does not exist",
    ("all_events", "RR"): "every patient has the event, so Mantel-Haenszel's risk ratio has no variance",
    ("all_events", "RD"): "risk difference has no variance",
    ("all_events", "PETO"): "Peto's odds ratio does not exist",
    ("separated", "OR"): "odds ratio is infinite, because its denominator is 0",
    ("separated", "RR"): "risk ratio is infinite, because its denominator",
    ("separated", "RD"): "the arms have only events, or none",
    ("rates_one_arm_empty", "IRR"): "rate ratio is 0, because its numerator is 0 in every study; use measure='IRD'",
    ("rates_both_arms_empty", "IRR"): "rate ratio does not exist",
    ("rates_both_arms_empty", "IRD"): "no study has events, so Mantel-Haenszel's rate difference has no variance",
}
FITTED = [case for case in SPARSE["fits"] if (case["data"], case["measure"]) not in REFUSED]
BCG = read_studies(FOLDER / "bcg.csv")


def studies_of(name):
    arrays = {role: np.atleast_1d(np.array(values, float)) for role, values in SPARSE["data"][name].items()}
    labels = [f"study {i}" for i in range(len(arrays["events_treatment"]))]
    counted = "n" if "n_treatment" in arrays else "time"
    return Studies.from_frame(
        pd.DataFrame({"study": labels, **arrays}),
        events=("events_treatment", "events_control"),
        **{counted: (f"{counted}_treatment", f"{counted}_control")},
    )


def fitted(studies, measure):
    if measure == "PETO":
        return bm.fit(studies, engine="frequentist", method="peto")
    return bm.fit(studies, engine="frequentist", method="mantel-haenszel", measure=measure)


def compare(fit, expected):
    values = {
        "beta": fit.mu,
        "se": fit.se_mu,
        "ci.lb": fit.lower,
        "ci.ub": fit.upper,
        "QE": fit.q,
        "QEp": fit.q_pvalue,
        "I2": 100 * fit.i2,
        "H2": fit.h2,
        "k.yi": fit.df + 1,
    }
    for key, value in values.items():
        assert value == pytest.approx(expected[key], **({"rel": 1e-8} if key == "QEp" else WITHIN)), key
    assert 100 * fit.weights == pytest.approx(expected["weights"], **WITHIN)
    return len(values) + fit.k


def label(case):
    return f"{case['data']}-{case['measure']}"


@pytest.mark.parametrize("case", FITTED, ids=label)
def test_pools_equal_metafors(case):
    compare(fitted(studies_of(case["data"]), case["measure"]), case)


@pytest.mark.parametrize(
    ("name", "case"), PUBLISHED, ids=lambda each: each if isinstance(each, str) else each["measure"]
)
def test_pools_equal_the_newer_metafors(name, case):
    fit = fitted(read_studies(FOLDER / f"{name}.csv"), case["measure"])
    assert (fit.mu, fit.se_mu, fit.q) == pytest.approx((case["beta"], case["se"], case["Q"]), rel=1e-10)


def test_all_reference_values_are_compared():
    assert (len(SPARSE["fits"]), len(FITTED), len(PUBLISHED)) == (52, 52 - len(REFUSED), 8)
    assert sum(compare(fitted(studies_of(case["data"]), case["measure"]), case) for case in FITTED) == 500


@pytest.mark.parametrize(("data", "measure"), REFUSED, ids="-".join)
def test_a_pool_that_does_not_exist_is_refused_with_the_way_out(data, measure):
    with pytest.raises(DataError, match=REFUSED[data, measure]) as caught:
        fitted(studies_of(data), measure)
    assert "engine='exact'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, data in SPARSE["data"].items() if name != "equal_arms"])
def test_tests_of_tables_equal_metafors(name):
    expected = next(case for case in SPARSE["fits"] if case["data"] == name and case["measure"] in ("OR", "IRR"))
    found = bm.stratified_tests(studies_of(name))
    first, *others = found.index
    pairs = [(found.loc[first], expected["MH"], expected["MHp"])]
    if others:
        assert others == ["breslow-day", "tarone"]
        informative = expected["TAp"] is not None
        pairs += [(found.loc["tarone"], expected["TA"] if informative else None, expected["TAp"])]
        pairs += [(found.loc["breslow-day"], expected["BD"] if informative else None, "not compared")]
    for row, statistic, pvalue in pairs:
        if statistic is None:
            assert isnan(row["statistic"])
            assert isnan(row["pvalue"])
            continue
        assert row["statistic"] == pytest.approx(statistic, **WITHIN)
        if pvalue != "not compared":
            assert row["pvalue"] == pytest.approx(pvalue, rel=1e-8)


def test_arms_that_are_equal_do_not_differ_at_all():
    """Metafor subtracts the correction of 1/2 from a difference of 0, and has 0.105."""
    row = bm.stratified_tests(studies_of("equal_arms")).loc["cochran-mantel-haenszel"]
    assert (row["statistic"], row["pvalue"]) == (0.0, 1.0)


def test_stratified_tests_need_two_arms():
    counts = bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")
    with pytest.raises(SpecError, match="stratified_tests compares two arms, but the studies hold counts"):
        bm.stratified_tests(counts)


def test_one_study_gives_its_own_odds_ratio_and_woolfs_variance():
    fit = fitted(studies_of("one_study"), "OR")
    iv = bm.fit(studies_of("one_study"), engine="frequentist", measure="OR")
    assert (fit.mu, fit.se_mu) == pytest.approx((iv.mu, iv.se_mu), rel=1e-12)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "PETO"])
def test_swapping_the_arms_changes_the_sign_alone(measure):
    data = SPARSE["data"]["mixed"]
    swapped = Studies(
        tuple(f"study {i}" for i in range(7)),
        events_treatment=np.array(data["events_control"], float),
        n_treatment=np.array(data["n_control"], float),
        events_control=np.array(data["events_treatment"], float),
        n_control=np.array(data["n_treatment"], float),
    )
    forth, back = fitted(studies_of("mixed"), measure), fitted(swapped, measure)
    assert (forth.mu, forth.se_mu, forth.q) == pytest.approx((-back.mu, back.se_mu, back.q), rel=1e-12)


def test_the_variance_of_the_odds_ratio_holds_for_many_strata_of_single_pairs():
    """Matched pairs: OR = u/v of the discordant pairs, with variance 1/u + 1/v (Robins, Breslow, Greenland 1986)."""
    u, v, both = 7, 3, 5
    a = np.array([1.0] * u + [0.0] * v + [1.0] * both)
    c = np.array([0.0] * u + [1.0] * v + [1.0] * both)
    ones = np.ones_like(a)
    fit = fit_mantel_haenszel(
        Studies(tuple(map(str, range(len(a)))), events_treatment=a, n_treatment=ones, events_control=c, n_control=ones)
    )
    assert fit.mu == pytest.approx(np.log(u / v), rel=1e-12)
    assert fit.se_mu**2 == pytest.approx(1 / u + 1 / v, rel=1e-12)


def test_the_correction_serves_q_alone_and_is_said():
    few, many = (fit_mantel_haenszel(studies_of("mixed"), add=add) for add in (0.5, 0.1))
    assert (few.mu, few.se_mu) == (many.mu, many.se_mu)
    assert few.q != many.q
    assert "0.5 was added" in few.notes[0]
    assert "for their own effects, and in Q where it takes them; the pooled effect has none of it" in few.notes[0]
    assert few.notes[1].startswith("3 of 7 studies have only events, or none, in both arms, and are left out of Q")
    assert "5 of 7 have no weight in the pooled effect" in few.notes[1]


def test_the_fit_has_the_interface_of_a_common_effect():
    fit = fit_mantel_haenszel(BCG)
    assert (fit.tau2, fit.i2_tau2, fit.method) == (0.0, 0.0, "mantel-haenszel")
    assert fit.weights.sum() == pytest.approx(1.0)
    assert all(isnan(limit) for limit in fit.prediction_interval)
    assert list(bm.summary(fit).index) == ["mu"]
    text = repr(fit)
    assert text.startswith("Common effect (Mantel-Haenszel), log odds ratio (OR), k = 13")
    assert "back-transformed 0.6229 (0.5748 to 0.6750)" in text


def test_compare_forests_and_subsets_take_a_mantel_haenszel_fit():
    mh, peto = fit_mantel_haenszel(BCG), fit_peto(BCG)
    rows = bm.compare([mh, peto])
    assert [label.partition(",")[0] for label in dict.fromkeys(rows["fit"])] == ["Mantel-Haenszel", "Peto"]
    assert set(rows.loc[rows["parameter"] == "mu", "explanation"]) == {
        "pooled from the counts as they are, scale of the measure"
    }
    frame = bm.forest_frame(mh, compare=peto)
    assert frame["method"].iloc[-1] == "Peto, Peto's odds ratio"
    rows = bm.leave_one_out(mh)
    rest = np.arange(13) != 4
    assert rows["estimate"].iloc[4] == pytest.approx(fit_mantel_haenszel(BCG.take(rest)).mu, rel=1e-12)


def test_measures_and_options_that_do_not_fit_are_refused():
    counts = bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")
    options = {"engine": "frequentist", "method": "mantel-haenszel"}
    with pytest.raises(SpecError, match="needs two-arm-counts or two-arm-rates, but the studies hold counts; use"):
        bm.fit(counts, **options)
    with pytest.raises(SpecError, match="'mantel-haenszel' does not pool measure AS; use measure='OR' or 'RR' or 'RD'"):
        bm.fit(BCG, **options, measure="AS")
    with pytest.raises(SpecError, match="'peto' does not pool measure OR; use measure='PETO', or method"):
        bm.fit(BCG, engine="frequentist", method="peto", measure="OR")
    with pytest.raises(SpecError, match=r"takes no tau2_method; leave it out, or choose method='inverse-variance'\."):
        bm.fit(BCG, **options, tau2_method="DL")
    with pytest.raises(SpecError, match="measure='IRR' needs two-arm-rates, but the studies hold two-arm-counts"):
        bm.fit(BCG, **options, measure="IRR")
    with pytest.raises(DataError, match=r"a zero cell, which add=0.5, to='none' leaves .* use add=0\.5, to='only0'"):
        bm.fit(studies_of("mixed"), **options, to="none")


@pytest.mark.parametrize("pool", [fit_mantel_haenszel, fit_peto])
def test_one_informative_study_beside_others_is_said_to_be_alone_in_q(pool):
    frame = pd.DataFrame({"study": list("AB"), "a": [4, 0], "n": [10, 9], "c": [2, 0], "m": [11, 12]})
    fit = pool(Studies.from_frame(frame, events=("a", "c"), n=("n", "m")))
    assert fit.df == 0
    assert fit.notes[1].startswith(
        "1 of 2 studies has only events, or none, in both arms, and is left out of Q; 1 of 2"
    )
