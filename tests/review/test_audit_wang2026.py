"""Wang et al. 2026, Oncology Letters, doi 10.3892/ol.2026.15552: the audit of all printed figures.

293 figures can be recomputed from the (reconstructed) counts: 155 of the text, 130 of Table III and 8 P-values of the
tests of Egger and Begg. 285 follow; the other 8 are flagged, each with its reason.
"""

import pytest

from tests.review.wang2026 import audited

FAULTS = {
    ("Table III", "AE: Hyperglycemia", ">=3", "ci_low_pct"): ("3.5", "5.3", "two digits are exchanged"),
    ("Table III", "AE: Constipation", "all", "ci_low_pct"): ("11.8", "-11.8", "it is -11.8 with its sign lost"),
    ("Table III", "All-grade AE", "all", "ci_low_pct"): ("77.0", "76.7", "recomputed 76.7"),
    ("Table III", "AE: All", ">=3", "estimate_pct"): ("85.0", "86.0", "104/121 is 86.0"),
    ("Table III", "AE: All", ">=3", "ci_low_pct"): ("78.0", "78.5", "exact (Clopper-Pearson) interval"),
    ("Table III", "AE: All", ">=3", "ci_high_pct"): ("92.0", "91.6", "exact (Clopper-Pearson) interval"),
    ("bias", "MRD response", "", "egger_p"): ("0.05", "0.23", "Egger's test on logs of proportions"),
    ("bias", "MRD response", "", "begg_p"): ("0.10", "0.31", "Begg's test (continuity-corrected)"),
}


@pytest.fixture(scope="module")
def whole():
    return audited()


@pytest.fixture(scope="module")
def recomputed():
    """The tables whose figures pooling gives, each figure once: Table V repeats some of Table III."""
    return audited("text", "Table III", "bias")


def test_the_convention_is_raw_proportions_with_exact_standard_errors_and_dersimonian_laird(recomputed):
    first, second = recomputed.conventions.iloc[0], recomputed.conventions.iloc[1]
    assert first[["convention", "tau2_method", "ci_method"]].tolist() == ["raw-exact", "DL", "wald"]
    assert recomputed.best.startswith(
        "raw proportions, SE = width of the exact (Clopper-Pearson) 95 % interval / 3.919928"
    )
    assert (first["explained"], first["figures"]) == (279, 285)
    assert recomputed.margin == first["explained"] - second["explained"] == 63
    usual = recomputed.conventions[~recomputed.conventions["convention"].isin(["raw-exact"])]
    assert usual["explained"].max() < 0.45 * 285


def test_155_of_155_figures_of_the_text_are_reproduced(recomputed):
    assert not (recomputed.faults["table"] == "text").any()
    figures = recomputed.figures[recomputed.figures["table"] == "text"]
    without_counts = figures[figures["status"] != "explained"]
    assert len(figures) - len(without_counts) == 155
    # survival rates of Kaplan-Meier curves
    assert without_counts["outcome"].unique().tolist() == ["1-year OS", "2-year OS", "3-year OS"]
    assert without_counts["status"].tolist() == ["no data"] * 11


def test_285_of_all_293_figures_follow_and_exactly_the_other_8_are_flagged(recomputed):
    pooled = recomputed.figures[recomputed.figures["status"] != "no data"]
    small_study = 8
    assert len(pooled) + small_study == 293
    faults = recomputed.faults
    assert len(faults) == 8
    assert (pooled["status"] == "explained").sum() + small_study - (faults["kind"] == "small-study").sum() == 285
    found = {
        (row.table, row.outcome, row.subgroup, row.column): (row.printed, row.should_be, row.reason)
        for row in faults.itertuples()
    }
    assert found.keys() == FAULTS.keys()
    for place, (printed, should_be, reason) in FAULTS.items():
        assert found[place][:2] == (printed, should_be)
        assert reason in found[place][2], place
    assert set(faults["kind"]) == {"differs", "small-study"}


def test_the_other_tables_repeat_two_of_the_faults_and_add_pvalues_and_totals(whole):
    faults = whole.faults[whole.faults["table"].isin(["Table V", "Table II"])]
    differs = faults[faults["kind"] == "differs"]
    assert differs[["outcome", "column", "should_be"]].to_numpy().tolist() == [
        ["AE: Constipation", "ci_low_pct", "-11.8"],
        ["All-grade AE", "ci_low_pct", "76.7"],
    ]
    totals = faults[faults["kind"] == "sum"]
    assert totals[["table", "printed", "should_be"]].to_numpy().tolist() == [["Table II", "16.0", "14"]] * 2
    # no test of the two counts gives any of the twelve
    pvalues = faults[faults["kind"] == "pvalue"]
    assert len(pvalues) == 12
    neutropenia = pvalues.set_index("outcome").loc["AE: Neutropenia"]
    assert neutropenia["printed"] == "0.87"
    assert float(neutropenia["should_be"]) == pytest.approx(1e-6, rel=0.1)
    assert neutropenia["reason"].startswith("67/160 against 53/267 gives chi-squared 9.5e-07")
    assert len(whole.faults) == 8 + len(faults) == 24


def test_the_events_and_patients_of_table_iii_are_the_sums_of_the_counts(whole):
    assert not whole.faults["column"].isin(["events", "n", "k", "combination_events", "tower_pct"]).any()


def test_the_text_says_all_this(whole):
    text = str(whole)
    assert "raw-exact DL wald                     313 of 321" in text
    assert "Table III, row 9 (AE: Hyperglycemia, >=3), ci_low_pct: 3.5, should be 5.3" in text
    assert "tests of Egger and Begg: 6 of 8 P-values by logs of proportions" in text
    assert "text: columns that were not read: k_source" in text
    assert max(map(len, text.splitlines())) <= 100
