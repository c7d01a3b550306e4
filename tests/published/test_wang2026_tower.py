"""Table V of Wang et al. (2026): pooled adverse events against the TOWER trial, redone; and the same for efficacy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmeta as bm

TABLE_V = bm.load_dataset("blinatumomab_tower")
OUTCOMES = bm.load_dataset("blinatumomab_outcomes")
EVENTS = [name for name in TABLE_V["adverse_event"] if name != "All"]  # which contains the others


def pooled_studies(event, grade="all"):
    outcome = "All-grade AE" if event == "All" else f"AE: {event}"
    return bm.Studies.from_frame(OUTCOMES[(OUTCOMES["outcome"] == outcome) & (OUTCOMES["grade"] == grade)])


@pytest.fixture(scope="module")
def crude():
    counts = {"events": ("combination_events", "tower_events"), "n": ("combination_n", "tower_n")}
    return bm.crude_tests(bm.Studies.from_frame(TABLE_V, study="adverse_event", **counts))


@pytest.fixture(scope="module")
def controls():
    rows = TABLE_V.set_index("adverse_event")[["tower_events", "tower_n"]]
    return {name: bm.Control.from_counts(*rows.loc[name]) for name in TABLE_V["adverse_event"]}


@pytest.fixture(scope="module")
def compared(controls):
    fits = {name: bm.fit(pooled_studies(name)) for name in EVENTS}
    return bm.compare_outcomes(fits, {name: controls[name] for name in EVENTS}, parameters="p_median")


@pytest.mark.parametrize("event", TABLE_V["adverse_event"])
def test_the_studies_add_up_to_the_counts_of_table_v(event):
    studies, row = pooled_studies(event), TABLE_V.set_index("adverse_event").loc[event]
    assert (studies.events.sum(), studies.n.sum()) == (row["combination_events"], row["combination_n"])


def test_tests_of_the_counts_are_scipy_s(crude):
    for (_, row), (_, printed) in zip(crude.iterrows(), TABLE_V.iterrows(), strict=True):
        x1, n1, x0, n0 = (printed[c] for c in ("combination_events", "combination_n", "tower_events", "tower_n"))
        cells = [[x1, n1 - x1], [x0, n0 - x0]]
        assert row["chi_squared"] == pytest.approx(stats.chi2_contingency(cells, correction=False).pvalue, rel=1e-9)
        assert row["yates"] == pytest.approx(stats.chi2_contingency(cells, correction=True).pvalue, rel=1e-9)
        assert row["fisher"] == stats.fisher_exact(cells).pvalue
    for name in ("fisher", "chi_squared", "yates"):
        assert crude[f"{name}_bh"].tolist() == stats.false_discovery_control(crude[name]).tolist()
        assert (crude[f"{name}_holm"] >= crude[f"{name}_bh"]).all()


def test_rows_without_any_event_test_as_equal():
    frame = pd.DataFrame({"study": ["none", "all"], "a": [0, 9], "n": [5, 9], "b": [0, 7], "m": [8, 7]})
    table = bm.crude_tests(bm.Studies.from_frame(frame, events=("a", "b"), n=("n", "m")))
    assert (table.filter(regex="fisher|chi|yates") == 1.0).all(axis=None)
    with pytest.raises(bm.SpecError, match="crude_tests needs events and n of two arms; the studies hold counts"):
        bm.crude_tests(bm.Studies(("A",), events=[1], n=[2]))


def test_the_printed_p_values_cannot_come_from_the_counts(crude):
    printed = pd.Series(TABLE_V["p_value"].to_numpy(), index=crude.index)
    assert printed.min() == 0.35
    assert crude.loc["Neutropenia", "chi_squared"] == pytest.approx(1e-6, rel=0.1)
    assert printed["Neutropenia"] == 0.87
    tests = crude[["fisher", "chi_squared", "yates"]]
    certain = ["Neutropenia", "Hyperglycemia", "Neurological events", "Liver toxicity", "Constipation", "All"]
    assert (tests.loc[certain] < 1e-5).all(axis=None)
    assert (tests.loc[["Infections", "Hypokalemia"]] < 0.025).all(axis=None)
    others = crude.index.difference([*certain, "Infections", "Hypokalemia"])
    assert (tests.loc[others] > 0.2).all(axis=None)
    by_holm = crude.index[crude["fisher_holm"] < 0.05]
    assert set(by_holm) == set(certain)
    assert (tests.sub(printed, axis=0).abs() > 0.005).all(axis=None)  # none is any of them, even where both are large


def test_nor_do_they_come_from_the_printed_estimates_and_limits():
    pooled, control = TABLE_V["estimate_pct"] / 100.0, TABLE_V["tower_events"] / TABLE_V["tower_n"]
    se = np.hypot((TABLE_V["ci_high_pct"] - TABLE_V["ci_low_pct"]) / 392.0, np.sqrt(control * (1.0 - control) / 267.0))
    pvalue = 2.0 * stats.norm.sf(((pooled - control) / se).abs())
    assert (TABLE_V["p_value"] - pvalue > 0.15).all()


def test_table_v_sets_all_grades_of_the_pool_against_the_severe_events_of_tower():
    arms = bm.load_dataset("blinatumomab_comparative_binary").query("study == 'TOWER (Kantarjian)'")
    severe = arms.set_index("endpoint")["events_treatment"]
    names = {
        "Infections": "infection grade>=3",
        "Neurological events": "neurologic event grade>=3",
        "Liver toxicity": "elevated liver enzyme grade>=3",
    }
    rows = TABLE_V.set_index("adverse_event")
    for event, endpoint in names.items():
        assert rows.loc[event, "tower_events"] == severe[endpoint]
        control = bm.Control.from_counts(rows.loc[event, "tower_events"], 267)
        above = {}
        for grade in ("all", ">=3"):
            table = bm.compare_control(bm.fit(pooled_studies(event, grade)), control, parameters="p_mean")
            above[grade] = table["prob_above"].iloc[0]
        assert above["all"] - above[">=3"] > 0.34
        assert above[">=3"] < 0.66
    assert rows.loc["CRS", "tower_events"] == 38  # of any grade: 13 had grade 3 or more
    assert severe["CRS grade>=3"] == 13


def test_the_hierarchy_shrinks_the_extreme_events_and_calls_none_certain(compared):
    table = compared.table.query("contrast == 'odds ratio'").set_index(["outcome", "adjustment"])
    log_ratio = np.log(table["median"]).unstack()
    assert np.ptp(log_ratio["hierarchical"]) < 0.4 * np.ptp(log_ratio["none"])
    above = table["prob_above"].unstack()
    assert above["none"].idxmax() == "Hyperglycemia"
    assert above.loc["Hyperglycemia"].round(2).to_dict() == {"hierarchical": 0.96, "none": 0.99}
    assert above["hierarchical"].between(0.70, 0.971).all()
    assert compared.hierarchy.loc["m", ["mean", "sd"]].round(3).tolist() == [0.445, 0.237]
    assert compared.hierarchy.loc["omega", "median"] < 0.45
    assert (compared.table["numerical_error"] < 2e-6).all()


def row(fit, control, name):
    return bm.compare_control(fit, control, parameters=name).set_index("contrast").loc["difference"]


def test_complete_remission_is_higher_than_in_tower_whichever_remission_is_meant():
    fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr")))
    landmarks = bm.load_dataset("blinatumomab_comparative_landmarks").query("study == 'TOWER (Kantarjian)'")
    percent = landmarks.set_index("endpoint")["treatment"]
    for endpoint, events, median in (("CR full recovery", 92, 0.526), ("CR/CRh/CRi", 119, 0.427)):
        assert round(100.0 * events / 271) == percent[endpoint]  # derived: the paper prints the percentage
        found = row(fit, bm.Control.from_counts(events, 271), "p_median")
        assert found["median"] == pytest.approx(median, abs=1e-3)
        assert found["prob_above"] > 0.999
        assert 0.93 < row(fit, bm.Control.from_counts(events, 271), "p_new")["prob_above"] < 0.99


def test_mrd_response_does_not_differ_from_blast():
    single = bm.load_dataset("blinatumomab_singlearm").set_index("study")
    blast = single.loc["Gokbuget 2018 (BLAST)"].query("endpoint == 'complete MRD response, cycle 1'").iloc[0]
    control = bm.Control.from_counts(blast["events"], blast["n"])
    fit = bm.fit(bm.Studies.from_frame(OUTCOMES[OUTCOMES["outcome"] == "MRD response"]))
    for name in ("p_median", "p_mean", "p_new"):
        found = row(fit, control, name)
        assert found["lower"] < 0.0 < found["upper"]
        assert 0.5 < found["prob_above"] < 0.75


def test_survival_at_three_years_is_that_of_one_study_and_lower_than_in_e1910():
    printed = OUTCOMES[OUTCOMES["outcome"] == "3-year OS"].iloc[0]
    p = printed[["reported_estimate_pct", "reported_ci_low_pct", "reported_ci_high_pct"]].to_numpy(float) / 100.0
    y, low, high = np.log(p / (1.0 - p))
    studies = bm.Studies((printed["study"],), y=[y], se=[(high - low) / (2.0 * stats.norm.ppf(0.975))])
    model = bm.ModelSpec(likelihood="normal", link="logit", mu="Normal(0, 1.5)", tau="HalfNormal(1)")
    landmarks = bm.load_dataset("blinatumomab_comparative_landmarks")
    e1910 = landmarks.query("study == 'E1910 (Litzow)' and timepoint == '3 y (FDA)'").iloc[0]
    limits = e1910[["treatment", "treatment_low", "treatment_high"]].to_numpy(float) / 100.0
    control = bm.Control.from_limits(*limits, scale="log-log")
    assert control.rate.cdf(np.log(limits / (1.0 - limits))) == pytest.approx([0.5, 0.025, 0.975], abs=2e-3)
    found = row(bm.fit(studies, model), control, "p_median")
    assert (found["median"], found["prob_above"]) == pytest.approx((-0.328, 0.0205), abs=1e-3)
