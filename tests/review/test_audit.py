"""What the audit takes and refuses, and what it says."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.audit_finding import KINDS

CR = bm.load_dataset("blinatumomab_cr")


def printed(**changes):
    """Complete remission as Wang et al. print it, overall and by regimen, with changed columns."""
    columns = {
        "subgroup": ["overall", "regimen: TKI", "regimen=chemotherapy"],
        "k": [10, 7, 3],
        "estimate_pct": ["87", "89", "81"],
        "ci_low_pct": ["78", "79", "61"],
        "ci_high_pct": ["95", "98", "100"],
        "i2_pct": ["77.0", "76.3", "75.5"],
        "q_pvalue": ["<0.001", "<0.001", "0.017"],
    }
    return pd.DataFrame(columns | changes)


def audited(**changes):
    return bm.audit(CR, printed(**changes), events="events", n="n")


@pytest.fixture(scope="module")
def clean():
    return audited()


def test_a_right_table_is_clean(clean):
    assert clean.is_clean
    assert clean.best.startswith("raw proportions, SE = width of the exact")
    assert clean.figures["status"].tolist() == ["explained"] * 15
    assert clean.figures["subgroup"].unique().tolist() == ["", "regimen: TKI", "regimen: chemotherapy"]
    assert clean.figures["recomputed"].tolist()[:2] == pytest.approx([86.5, 78.2], abs=0.05)
    assert "Faults: none found" in str(clean)


def test_studies_frames_and_mappings_say_the_same(clean):
    studies = bm.Studies.from_frame(CR, events="events", n="n", moderators=["regimen"])
    for found in (
        bm.audit(studies, printed()),
        bm.audit({"CR": studies}, printed(outcome="CR")),
        bm.audit(CR.assign(outcome="CR"), {"a table": printed(outcome="CR")}, events="events", n="n"),
    ):
        pd.testing.assert_frame_equal(found.conventions, clean.conventions)
        assert found.is_clean
    assert found.figures["table"].unique().tolist() == ["a table"]


@pytest.mark.parametrize(
    ("changes", "column", "should_be", "kind", "reason"),
    [
        ({"estimate_pct": ["78", "89", "81"]}, "estimate_pct", "87", "differs", "two digits are exchanged"),
        (
            {"estimate_pct": ["87", "0.89", "81"]},
            "estimate_pct",
            "89",
            "differs",
            "per cents and proportions are mixed",
        ),
        ({"estimate_pct": ["87", "8.9", "81"]}, "estimate_pct", "89", "differs", "the decimal point has moved"),
        ({"ci_low_pct": ["95", "79", "61"]}, "ci_low_pct", "78", "differs", "it is the value of ci_high_pct"),
        ({"ci_high_pct": ["95", "98", "105"]}, "ci_high_pct", "100", "differs", "105 lies beyond 100"),
        ({"i2_pct": ["77.0", "76.3", "57.5"]}, "i2_pct", "75.5", "differs", "means P = 0.09"),
        ({"q_pvalue": ["<0.001", "<0.001", "0.170"]}, "q_pvalue", "0.017", "differs", "not 0.170"),
        ({"k": [10, 6, 3]}, "k", "7", "k", "the data have 7"),
        ({"n": [402, 0, 0]}, "n", "271", "sum", "the n of the 10 studies sum to 271"),
        ({"i2_pct": ["77.0", "x", "75.5"]}, "i2_pct", "", "unreadable", "'x' is no number"),
    ],
)
def test_each_fault_is_named_with_its_place_and_reason(changes, column, should_be, kind, reason):
    faults = audited(**changes).faults
    fault = faults[faults["column"] == column].iloc[0]
    assert (fault["should_be"], fault["kind"]) == (should_be, kind)
    assert reason in fault["reason"]
    assert set(faults["column"]) == {column}
    assert kind in KINDS


def test_a_row_of_another_convention_is_said_to_be_one():
    tki = bm.Studies.from_frame(CR[CR["regimen"] == "TKI"], events="events", n="n")
    fit = bm.fit(tki, engine="frequentist", measure="PLO")
    row = [f"{100 * x:.0f}" for x in fit.summary().loc["p_median", ["estimate", "lower", "upper"]]]
    table = printed()
    table.loc[3] = ["regimen: TKI", 7, *row, f"{100 * fit.i2:.1f}", f"{fit.q_pvalue:.3f}"]
    faults = bm.audit(CR, table, events="events", n="n").faults
    assert len(faults) >= 3
    assert (faults["row"] == "row 3").all()
    assert faults["reason"].str.contains("all figures of the row are those of logit DL wald").all()


def test_wald_intervals_that_are_not_cut_are_explained_and_still_impossible():
    studies = bm.Studies(("A", "B", "C"), events=[1.0, 0.0, 6.0], n=[20.0, 30.0, 40.0])
    fit = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    wide = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci", ci_method="hartung-knapp")
    assert fit.lower > wide.lower
    table = pd.DataFrame(
        {"estimate": [f"{wide.mu:.3f}"], "lower": [f"{wide.lower:.3f}"], "upper": [f"{wide.upper:.3f}"]}
    )
    found = bm.audit(studies, table)
    assert found.figures["status"].tolist() == ["explained"] * 3
    assert found.faults[["column", "kind", "should_be"]].to_numpy().tolist() == [["lower", "outside-range", "0.000"]]


def test_without_a_convention_differences_are_no_faults():
    found = audited(estimate_pct=["50", "40", "30"], ci_low_pct=["41", "31", "21"], ci_high_pct=["59", "49", "39"])
    assert found.best == ""
    assert found.is_clean
    assert found.figures["status"].unique().tolist() == ["not judged"]
    assert any("no convention that was searched explains three quarters" in note for note in found.notes)
    assert "no convention explains the 15 figures" in str(found)


def test_without_data_only_contradictions_are_found():
    table = pd.DataFrame(
        {
            "k": [1, 4, 5, 3, 6], "estimate_pct": [50, 40, 30, 20, 10], "lower_pct": [40, 30, 20, 25, 5],
            "upper_pct": [60, 50, 140, 30, 15], "i2_pct": [30, 120, 0, 0, 0],
        }
    )  # fmt: skip
    found = bm.audit(None, table)
    places = set(zip(found.faults["row"], found.faults["column"], found.faults["kind"], strict=True))
    assert places == {
        ("row 0", "k, i2_pct", "i2-single"),
        ("row 1", "i2_pct", "outside-range"),
        ("row 2", "upper_pct", "outside-range"),
        ("row 3", "lower_pct, estimate_pct", "order"),
    }
    assert len(found.conventions) == 0
    assert "nothing was recomputed" in str(found)


def test_subgroups_that_have_more_than_the_whole_are_named_without_data():
    table = pd.DataFrame({"subgroup": ["", "sex: f", "sex: m"], "k": [10, 7, 4]})
    fault = bm.audit(None, table).faults.iloc[0]
    assert (fault["row"], fault["column"], fault["printed"]) == ("row 0, row 1, row 2", "k", "10, 7, 4")
    assert fault["reason"] == "the levels of sex have 7 + 4, more than 10"


def test_counts_per_cents_and_totals_beside_one_another_are_compared():
    table = pd.DataFrame(
        {
            "arm_events": [38, 53, 5], "arm_n": [267, 267, 4], "arm_pct": ["14.2", "19.6", ""],
            "q1": [2, 1, 2], "q2": [1.5, 2, 2], "total": [3.5, 4, 4],
        }
    )  # fmt: skip
    faults = bm.audit(None, table).faults
    assert faults[["row", "column", "should_be", "kind"]].to_numpy().tolist() == [
        ["row 1", "arm_pct", "19.9", "percentage"],
        ["row 1", "total", "3", "sum"],
        ["row 2", "arm_events, arm_n", "", "sum"],
    ]
    single = bm.audit(None, pd.DataFrame({"k": [1], "n": [121], "estimate_pct": ["85.0"]})).faults.iloc[0]
    assert single["reason"] == "no count of 121 gives it: 102/121 is 84.3, 103/121 is 85.1, 104/121 is 86.0"


def test_the_search_is_restricted_and_extended():
    found = bm.audit(
        CR, printed(), events="events", n="n", measure="PR", tau2_methods=["PM", "DL"], ci_methods=["wald"]
    )
    assert set(found.conventions["tau2_method"]) == {"PM", "DL"}
    assert set(found.conventions["ci_method"]) == {"wald"}
    assert found.conventions["convention"].str.startswith("raw-").all()
    assert found.conventions["explained"].iloc[0] == 15


def test_a_pool_of_one_study_may_print_its_corrected_estimate():
    """0 of 20 as a logit with 0.5 added is 2.4 %, which 0/20 is not."""
    groups = pd.DataFrame({"g": list("xyy")})
    studies = bm.Studies(("A", "B", "C"), events=[0.0, 5.0, 9.0], n=[20.0, 30.0, 40.0], moderators=groups)
    rows = []
    for part in (studies, studies.take([0]), studies.take([1, 2])):
        row = bm.fit(part, engine="frequentist").summary().loc["p_median"]
        rows.append([f"{100 * row[name]:.1f}" for name in ("estimate", "lower", "upper")])
    table = pd.DataFrame(rows, columns=["estimate_pct", "lower_pct", "upper_pct"])
    table = table.assign(subgroup=["", "g: x", "g: y"], events=["", "0", ""], n=["", "20", ""], k=[3, 1, 2])
    assert table["estimate_pct"][1] == "2.4"
    assert bm.audit(studies, table).is_clean
    assert bm.audit(None, table).is_clean


@pytest.mark.parametrize(("text", "is_clean"), [("0.50", True), ("0.5", True), ("0.52", False), ("<0.05", False)])
def test_the_test_between_subgroups_is_recomputed(text, is_clean):
    table = printed(pvalue="").astype(object)
    table.loc[3] = ["regimen: between-subgroup test", *[""] * 6, text]  # 0.497 by `subgroup_test`
    found = bm.audit(CR, table, events="events", n="n")
    assert found.is_clean == is_clean
    assert found.figures["subgroup"].iloc[-1] == "regimen, between subgroups"
    if not is_clean:
        fault = found.faults.iloc[0]
        assert (fault["row"], fault["column"], fault["kind"]) == ("row 3", "pvalue", "differs")
        assert fault["should_be"] == "0.50"


def test_rows_that_print_the_same_again_are_named():
    notes = bm.audit(CR, pd.concat([printed(), printed()[:1]], ignore_index=True), events="events", n="n").notes
    assert not any("print the same" in note for note in notes)  # of all studies of the one outcome: nothing names it
    twice = bm.audit(CR, pd.concat([printed(), printed()[1:2]], ignore_index=True), events="events", n="n").notes
    assert "printed: row 1, row 3 print the same outcome and subgroup" in twice


def test_refused_rows_of_the_data_are_named():
    data = CR.assign(events=CR["events"].where(CR["study"] != "Foa 2020", 99))
    notes = bm.audit(data, printed(), events="events", n="n", on_bad="drop").notes
    assert any(note.startswith("refused rows of the data: row 1, study 'Foa 2020': events=99 > n=63") for note in notes)


@pytest.mark.parametrize(
    ("wrong", "right"), [("outcom", "outcome"), ("i2_pc", "i2_pct"), ("Begg_pvalue", "begg_pvalue")]
)
def test_a_misspelt_column_is_refused_because_what_it_holds_would_be_missed(wrong, right):
    """Without their outcome, rows of several outcomes would be taken for contradictions."""
    table = printed(**{wrong: 1.0}).drop(columns=right, errors="ignore")
    with pytest.raises(bm.DataError) as refused:
        bm.audit(None, table)
    said = f"printed: column {wrong!r} is not read. Did you mean {right!r}? Rename or drop it."
    assert str(refused.value) == said


@pytest.mark.parametrize("column", ["source", "grade", "study", "k_source", "estimate2", "country"])
def test_columns_of_other_names_are_let_pass(column):
    assert any(column in note for note in bm.audit(None, printed(**{column: "x"})).notes)


def test_columns_and_rows_that_were_not_used_are_named():
    table = printed(source="text", subgroup=["overall", "regimen: TKI", "regimen: none"])
    notes = bm.audit(CR, table, events="events", n="n").notes
    assert "printed: columns that were not read: source" in notes
    assert any("row 2: data has no studies with data for regimen: none" in note for note in notes)


@pytest.mark.parametrize(
    ("data", "table", "message"),
    [
        (CR, printed(estimate_pct=[0.87, 0.89, 0.81]), "column 'estimate_pct': the figures look like proportions"),
        (CR, printed().rename(columns=lambda x: x.removesuffix("_pct")), "'estimate': the figures look like per cents"),
        (CR, printed(i2_pct=[0.77, 0.763, 0.755]), "column 'i2_pct': the figures look like proportions"),
        (CR, printed(estimate=0.9), "columns 'estimate_pct' and 'estimate' both hold estimate"),
        (CR, printed()[["subgroup"]], "printed has no column of printed figures; columns: subgroup"),
        (CR, printed().head(0), "printed has no rows"),
        (CR, [1], "printed results come as a pandas DataFrame, not list"),
        (CR, {}, "there is no printed table"),
        (CR.head(0), printed(), "data has no rows"),
        ([1], printed(), "studies must be Studies or a DataFrame in long form, not list"),
        ({"CR": 1}, printed(), "a mapping of outcomes must hold Studies"),
        (pd.concat([CR, CR[:1]]), printed(), "row 0, study 'Jabbour 2023"),
        (CR.assign(outcome="CR"), printed(outcome="CRR"), r"\(CRR\): data has no outcome 'CRR'. Did you mean 'CR'"),
        (CR.assign(outcome=["CR", "CMR"] * 5), printed(), "row 0: it names no outcome, and data has 2"),
        (CR.assign(events=np.where(CR["events"] == 29, 99, CR["events"])), printed(), "events=99 > n=31"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(data, table, message):
    with pytest.raises(DataError, match=message):
        bm.audit(data, table)


def test_unknown_options_are_refused():
    for options, message in (
        ({"measure": "OR"}, "measure='OR' is not searched for counts; allowed: PR, PLO, PLN, PAS, PFT"),
        ({"tau2_methods": ["D"]}, "unknown tau2_method 'D'"),
        ({"ci_methods": ["profile"]}, "unknown ci_method of an audit 'profile'"),
    ):
        with pytest.raises(SpecError, match=message):
            bm.audit(CR, printed(), events="events", n="n", **options)


def test_small_study_pvalues_need_enough_that_agree():
    """Two printed P-values, one of which fits by chance, are not held against one another."""
    table = printed(egger_p=["0.02", "", ""], begg_p=["0.77", "", ""])
    assert bm.audit(CR, table, events="events", n="n").is_clean
