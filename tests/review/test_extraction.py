import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.effects.study_intervals import agresti_coull, jeffreys, wald, wilson
from bayesmeta.review.extraction_schema import FIELDS

HR = {"study": "Lee 2019", "setting": "relapsed", "arm": "contrast", "outcome": "survival", "endpoint": "OS",
      "measure": "HR", "estimate": "0.71", "lower": "0.55", "upper": "0.93", "interval": "95% CI",
      "n": "405"}  # fmt: skip
COUNT = {"study": "Lee 2019", "setting": "relapsed", "arm": "treatment", "outcome": "complete remission",
         "endpoint": "CR", "measure": "count", "events": "92", "n": "271", "denominator": "all"}  # fmt: skip
RATE = {"study": "Lee 2019", "setting": "frontline", "arm": "treatment", "outcome": "survival", "endpoint": "DFS",
        "timepoint": "3 y", "measure": "percent", "estimate": "96.0", "lower": "94.8", "upper": "97.2",
        "interval": "95% CI", "n": "718"}  # fmt: skip


def problems_of(*rows):
    return bm.read_extraction(pd.DataFrame(list(rows)), on_bad="keep").problems


@pytest.fixture(scope="module")
def review_2():
    return bm.read_extraction(bm.load_dataset("blinatumomab_extraction"))


def test_clean_rows_have_no_problem():
    assert problems_of(HR, COUNT, COUNT | {"arm": "control", "events": "21", "n": "134", "percent": "16"}).empty


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        (HR | {"estimate": "0.95"}, "upper", "estimate=0.95 is not below upper=0.93"),
        (HR | {"estimate": "0.5"}, "lower", "lower=0.55 is not below estimate=0.5"),
        (HR | {"estimate": "0.63"}, "estimate", "the limits 0.55 and 0.93 is 0.715, but the HR is 0.63"),
        (HR | {"estimate": "1.2", "lower": "0.4", "upper": "2.0"}, "estimate", "is it the estimate +/- an SE"),
        (HR | {"lower": "0.66", "upper": "0.76"}, "interval", "too narrow for a 95% CI of 405 patients"),
        (HR | {"reference": "treatment"}, "reference", "turned round it is 1.41 (1.08 to 1.82)"),
        (HR | {"interval": ""}, "interval", "limits are given, but not what they are"),
        (HR | {"upper": ""}, "upper", "one limit is given"),
        (HR | {"arm": "treatment"}, "arm", "compares two arms; its arm is contrast"),
        (HR | {"estimate": "-0.3"}, "estimate", "must be greater than 0 for HR"),
        (HR | {"estimate": "0,71"}, "estimate", "is not a plain number"),
        (HR | {"estimate": ""}, "estimate", "a HR needs an estimate"),
        (HR | {"setting": ""}, "setting", "the value is missing; give clinical setting"),
        (HR | {"outcome": "surviving"}, "outcome", "Did you mean 'survival'"),
        (COUNT | {"percent": "43"}, "percent", "92/271 is 33.95 %, not 43 %"),
        (COUNT | {"events": "", "n": "11", "percent": "34"}, "percent", "no count of 11 gives 34 %: 4/11 is 36.36 %"),
        (COUNT | {"events": "300"}, "events", "events=300 > n=271"),
        (COUNT | {"events": "9.5"}, "events", "not a whole number"),
        (COUNT | {"events": ""}, "events", "a count needs n, and events or percent"),
        (COUNT | {"n": ""}, "n", "a count needs n"),
        (COUNT | {"arm": "contrast"}, "arm", "give a row for each arm"),
        (COUNT | {"events": "", "percent": "134"}, "percent", "134 is no percentage"),
        (RATE, "interval", "94.8 to 97.2 is too narrow for a 95% CI of 718 patients, even without censoring"),
        (RATE | {"interval": "+/-1 SE", "upper": "98.2"}, "interval", "are not +/-1 SE, which are alike"),
        (RATE | {"n": "0"}, "n", "'0' is no number of patients"),
        (RATE | {"upper": "101", "n": ""}, "upper", "101 is no percentage"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused_with_its_line_study_and_column(tmp_path, row, column, message):
    file = tmp_path / "extraction.csv"
    pd.DataFrame([row]).to_csv(file, index=False)
    with pytest.raises(bm.DataError) as error:
        bm.read_extraction(file)
    assert f"extraction.csv, line 2, study 'Lee 2019', column {column!r}: " in str(error.value)
    assert message in str(error.value)
    kept = bm.read_extraction(file, on_bad="keep")
    assert len(kept.table) == 1
    assert kept.problems["column"].tolist()[0] == column


def test_an_exact_interval_may_end_at_its_estimate():
    assert problems_of(RATE | {"estimate": "100", "lower": "80", "upper": "100", "n": "17"}).empty
    assert problems_of(RATE | {"estimate": "0", "lower": "0", "upper": "20", "n": "17"}).empty
    found = problems_of(RATE | {"estimate": "100", "lower": "100", "upper": "100", "n": "17"})
    assert set(found["kind"]) == {"error"}


def test_an_se_that_is_said_to_be_one_is_kept_with_a_warning():
    (row,) = problems_of(RATE | {"interval": "+/-1 SE"}).to_dict("records")
    assert row["kind"] == "warning"
    assert "no 95% CI, which would be about 93.65 to 98.35" in row["problem"]


def test_a_count_is_reconstructed_in_words_only():
    extraction = bm.read_extraction(pd.DataFrame([COUNT | {"events": "", "percent": "34"}]), on_bad="keep")
    assert "34 % of 271 is 91 to 93 (reconstructed" in extraction.problems["problem"].item()
    assert extraction.problems["kind"].item() == "warning"
    assert np.isnan(extraction.table["events"].item())


def test_percentages_are_tested_as_brute_force_tests_them():
    for n in (8, 38):
        for decimals in (0, 1) if n == 8 else (0,):
            possible = {f"{100 * r / n:.{decimals}f}" for r in range(n + 1)}
            every = {f"{i / 10**decimals:.{decimals}f}" for i in range(100 * 10**decimals + 1)}
            rows = [COUNT | {"study": f"S {p}", "events": "", "n": str(n), "percent": p} for p in sorted(every)]
            found = problems_of(*rows)
            refused = set(found.loc[found["kind"] == "error", "study"].str.removeprefix("S "))
            # a half is rounded either way: 12.5 % prints 12 or 13
            ties = {p for p in every for r in range(n + 1)
                    if abs(100 * r / n - float(p)) <= 0.5 * 10.0**-decimals + 1e-9}  # fmt: skip
            assert refused == every - possible - ties


def test_no_rounded_wald_interval_of_a_ratio_is_called_off_centre_and_wrong_ones_are():
    rng = np.random.default_rng(11)
    clean, shifted = [], []
    for i in range(200):
        y, se = rng.normal(-0.2, 0.4), rng.uniform(0.12, 0.5)
        low, middle, high = np.exp([y - 1.959964 * se, y, y + 1.959964 * se])
        row = HR | {
            "study": f"S{i}",
            "n": "",
            "estimate": f"{middle:.2f}",
            "lower": f"{low:.2f}",
            "upper": f"{high:.2f}",
        }
        clean.append(row)
        shifted.append(row | {"estimate": f"{np.exp(y + 0.8 * se):.2f}"})
    assert problems_of(*clean).empty
    found = problems_of(*shifted)
    assert (found["kind"] == "error").all()
    assert len(found) > 190  # of the rest, the rounding to two decimals leaves room for it


def log_log(p, n, z=1.959963984540054):
    """Return the limits of a survival rate on the scale of log(-log), without censoring."""
    centre, se = np.log(-np.log(p)), np.sqrt((1.0 - p) / (n * p)) / abs(np.log(p))
    return p_of(centre + z * se), p_of(centre - z * se)


def p_of(x):
    return np.exp(-np.exp(x))


def test_no_usual_interval_of_a_rate_is_called_too_narrow_and_an_se_printed_for_one_is():
    rng = np.random.default_rng(5)
    clean, narrow = [], []
    for i in range(150):
        n = int(rng.integers(15, 800))
        r = int(rng.integers(1, n))
        limits = [f(r, n) for f in (wald, wilson, jeffreys, agresti_coull)] + [log_log(r / n, n)]
        for j, (low, high) in enumerate(limits):
            low, high = float(np.squeeze(low)), float(np.squeeze(high))
            if 0.0 <= low < r / n < high <= 1.0:
                shown = {"lower": f"{100 * low:.1f}", "upper": f"{100 * high:.1f}"}
                clean.append(RATE | shown | {"study": f"S{i}.{j}", "n": str(n), "estimate": f"{100 * r / n:.1f}"})
        se = np.sqrt(r / n * (1 - r / n) / n)
        if r / n - se > 0.001 and r / n + se < 0.999 and se > 0.004:  # limits at an end may be cut off there
            shown = {"lower": f"{100 * (r / n - se):.1f}", "upper": f"{100 * (r / n + se):.1f}"}
            narrow.append(RATE | shown | {"study": f"N{i}", "n": str(n), "estimate": f"{100 * r / n:.1f}"})
    assert len(clean) > 600
    assert problems_of(*clean).empty
    found = problems_of(*narrow)
    assert found["column"].tolist() == ["interval"] * len(narrow)
    assert (found["kind"] == "error").all()


def test_a_ratio_turned_round_is_found_by_its_other_row_and_by_the_survival_of_the_arms():
    other = HR | {"estimate": "1.41", "lower": "1.08", "upper": "1.82", "preferred": "0", "definition": "a review"}
    found = problems_of(HR | {"preferred": "1"}, other)
    assert found[["row", "column", "kind"]].values.tolist() == [["row 1", "estimate", "error"]]
    assert "1.41 is 1 / 0.71, the HR of row 0: it is of control against treatment" in found["problem"].item()
    arms = [RATE | {"endpoint": "OS", "arm": arm, "estimate": p, "lower": "", "upper": "", "interval": ""}
            for arm, p in (("treatment", "71.3"), ("control", "58.4"))]  # fmt: skip
    found = problems_of(HR | {"estimate": "1.6", "lower": "1.02", "upper": "2.56"}, *arms)
    assert found["kind"].tolist() == ["error"]
    assert "HR 1.6 favours control, but at 3 y 71.3 % under treatment and 58.4 %" in found["problem"].item()
    assert problems_of(HR, *arms).empty


def test_the_inverse_hazard_ratios_that_a_review_prints_are_caught_in_review_2(review_2):
    table = bm.load_dataset("blinatumomab_extraction")
    for endpoint, values in (("DFS", (1.43, 0.97, 2.13)), ("OS", (1.6, 1.02, 2.56))):
        changed = table.copy()
        wrong = (changed["study"] == "AALL1331 HR/IR (Brown)") & (changed["endpoint"] == endpoint)
        wrong &= changed["measure"] == "HR"
        changed.loc[wrong, ["estimate", "lower", "upper"]] = values
        found = bm.read_extraction(changed, on_bad="keep").problems.query("column == 'estimate'")
        assert found["study"].tolist() == ["AALL1331 HR/IR (Brown)"]
        assert "is it of control against treatment?" in found["problem"].item()


def test_one_cohort_in_several_rows_needs_one_that_is_preferred():
    for flags, words in ((("", ""), "2 are to be pooled"), (("0", "0"), "none is"), (("1", "1"), "2 are")):
        rows = [HR | {"preferred": flag, "definition": name} for flag, name in zip(flags, "ab", strict=True)]
        (row,) = problems_of(*rows).to_dict("records")
        assert (row["row"], row["column"], row["kind"]) == ("row 1", "preferred", "error")
        assert f"row 0, row 1 are of one cohort and endpoint, and {words}" in row["problem"]
    assert problems_of(HR | {"preferred": "1"}, HR | {"preferred": "0", "definition": "later cutoff"}).empty


def test_two_labels_of_one_publication_are_pointed_out():
    rows = [HR | {"publication": "10.1/x"}, HR | {"study": "Lee 2021", "publication": "10.1/x", "endpoint": "EFS"}]
    found = problems_of(*rows)
    assert found[["row", "column", "kind"]].values.tolist() == [["row 1", "cohort", "warning"]]
    assert problems_of(rows[0], rows[1] | {"cohort": "Lee 2019"}).empty


def test_kinds_of_denominator_must_be_said_and_are_not_mixed():
    toxic = COUNT | {"endpoint": "CRS", "n": "267", "outcome": "adverse event"}
    (row,) = problems_of(COUNT, toxic | {"denominator": ""}).to_dict("records")
    assert (row["row"], row["column"], row["kind"]) == ("row 1", "denominator", "error")
    assert "counted with n = 267, 271; say who" in row["problem"]
    other = COUNT | {"study": "Kim", "denominator": "evaluable", "events": "20", "n": "30"}
    (row,) = problems_of(COUNT, other).to_dict("records")
    assert "several kinds of patients (all: row 0; evaluable: row 1); pool one kind" in row["problem"]
    mixed = bm.read_extraction(pd.DataFrame([COUNT, other]))
    with pytest.raises(bm.SpecError, match="several values of denominator: 'all', 'evaluable'"):
        mixed.studies("CR", arm="treatment")
    assert mixed.studies("CR", arm="treatment", denominator="evaluable").study == ("Kim",)


def test_what_is_no_extraction_table_is_refused():
    for given, message in (
        (pd.DataFrame([HR | {"hr": 3}]), "unknown column 'hr'"),
        (pd.DataFrame([HR]).drop(columns="arm"), "no column 'arm'; needed: study, setting, arm"),
        (pd.DataFrame([HR]).iloc[:0], "has no rows"),
        (3, "not as an int"),
    ):
        with pytest.raises(bm.BayesmetaError, match=message):
            bm.read_extraction(given)


def test_the_template_is_read_back_without_a_problem_and_no_file_is_replaced(tmp_path):
    file = bm.write_extraction_template(tmp_path / "extraction.csv")
    extraction = bm.read_extraction(file)
    assert extraction.problems.empty
    assert list(pd.read_csv(file).columns) == bm.extraction_fields()["column"].tolist() == list(FIELDS)
    assert extraction.studies("CR").kind == "two-arm-counts"
    with pytest.raises(bm.OutputError, match="exists and is kept"):
        bm.write_extraction_template(file)
    with pytest.raises(bm.OutputError, match="cannot be written"):
        bm.write_extraction_template(tmp_path / "none" / "extraction.csv")


def test_all_six_outcomes_and_three_descriptions_of_the_template_are_there():
    fields = bm.extraction_fields().set_index("column")
    described = fields.loc[["design", "population", "regimen"], "variable"].tolist()
    outcomes = fields.loc["outcome", "allowed"].split(", ")
    assert [name.split()[0] for name in described] == ["1", "2", "3"]
    assert len(outcomes) == 7  # adverse events and treatment-related mortality are one of the nine variables


def test_review_2_reads_without_an_error_and_its_standard_errors_are_pointed_out(review_2):
    assert set(review_2.problems["kind"]) == {"warning"}
    assert review_2.problems["study"].tolist() == ["AALL1731 (Gupta)"] * 6
    assert review_2.problems["problem"].str.contains("no 95% CI").all()


def sorted_rows(frame):
    return sorted(tuple(None if pd.isna(cell) else cell for cell in row) for row in frame.to_numpy(dtype=object))


def test_the_long_table_holds_every_number_of_the_four_data_sets(review_2):
    table = review_2.table
    effects = bm.load_dataset("blinatumomab_comparative_effects")
    ratios = table[table["measure"] == "HR"]
    assert sorted_rows(ratios[["study", "setting", "estimate", "lower", "upper", "preferred"]]) == sorted_rows(
        effects[["study", "setting", "estimate", "ci_low", "ci_high", "preferred"]]
    )
    counts = table[table["measure"] == "count"]
    binary = bm.load_dataset("blinatumomab_comparative_binary")
    for arm in ("treatment", "control"):
        assert sorted_rows(counts.loc[counts["arm"] == arm, ["study", "events", "n", "status"]]) == sorted_rows(
            binary[["study", f"events_{arm}", f"n_{arm}", "status"]]
        )
    single = bm.load_dataset("blinatumomab_singlearm")
    assert sorted_rows(counts.loc[counts["arm"] == "single", ["study", "events", "n", "status"]]) == sorted_rows(
        single[["study", "events", "n", "status"]]
    )
    marks = bm.load_dataset("blinatumomab_comparative_landmarks")
    rest = table[table["measure"].isin(["percent", "median", "rate", "difference"])].fillna(-1.0)
    for arm, own in (("treatment", ("treatment", "contrast")), ("control", ("control",))):
        columns = [arm, f"{arm}_low", f"{arm}_high"]
        expected = marks.loc[marks[arm].notna(), ["study", *columns]].fillna(-1.0)
        assert sorted_rows(rest.loc[rest["arm"].isin(own), ["study", "estimate", "lower", "upper"]]) == sorted_rows(
            expected
        )
    assert len(table) == len(effects) + 2 * len(binary) + len(single) + 2 * len(marks) - 1


def test_hazard_ratios_become_the_studies_of_the_wide_table(review_2):
    setting = "high/intermediate-risk first relapse, consolidation"
    frame = bm.load_dataset("blinatumomab_comparative_effects").query("endpoint == 'DFS' and preferred == 1")
    wide = bm.Studies.from_frame(frame, estimate="estimate", lower="ci_low", upper="ci_high", measure="HR")
    settings = [setting, "low-risk first relapse", "frontline, standard-risk"]
    long = review_2.studies("DFS", measure="HR", setting=settings)
    assert (long.study, long.measure) == (wide.study, "HR")
    np.testing.assert_allclose(long.y, wide.y, atol=1e-15)
    np.testing.assert_allclose(long.se, wide.se, atol=1e-15)
    assert long.moderators["setting"].tolist() == settings
    with pytest.raises(bm.SpecError, match=r"OS has several values of setting: .*; results are pooled within one"):
        review_2.studies("OS", measure="HR")


def test_the_preferred_row_of_e1910_is_the_one_that_is_pooled(review_2):
    studies = review_2.studies("OS", measure="HR", setting="frontline consolidation, MRD-negative")
    assert np.exp(studies.y).tolist() == pytest.approx([0.41])


def test_counts_of_two_arms_of_one_arm_and_landmarks_become_studies(review_2):
    two = review_2.studies("MRD negativity", setting="high-risk first relapse, consolidation")
    assert (two.events_treatment.item(), two.n_treatment.item()) == (44, 49)
    assert (two.events_control.item(), two.n_control.item()) == (26, 48)
    one = review_2.studies("CR/CRh", setting="relapsed/refractory")
    assert list(zip(one.study, one.events, one.n, strict=True)) == [
        ("Topp 2015 (MT103-211)", 81, 189), ("Martinelli 2017 (ALCANTARA)", 16, 45),
    ]  # fmt: skip
    setting = "frontline consolidation, MRD-negative"
    options = {"measure": "percent", "setting": setting, "arm": "treatment"}
    mark = review_2.studies("OS", timepoint="3 y", **options)
    logit = np.log(np.array([0.763, 0.848, 0.904]) / np.array([0.237, 0.152, 0.096]))
    assert mark.y.item() == pytest.approx(logit[1])
    assert mark.se.item() == pytest.approx((logit[2] - logit[0]) / (2 * 1.959963984540054))
    with pytest.raises(bm.SpecError, match="several values of timepoint: '3 y', '5 y'"):
        review_2.studies("OS", **options)
    of_se = review_2.studies("DFS", measure="percent", setting="frontline, standard-risk", arm="control")
    assert of_se.se.item() == pytest.approx(0.021 / (0.879 * 0.121))


def test_single_arms_are_not_dropped_in_silence_beside_pairs_of_arms():
    pair = [COUNT, COUNT | {"arm": "control", "events": "21", "n": "134"}]
    extraction = bm.read_extraction(pd.DataFrame([*pair, COUNT | {"study": "Kim", "arm": "single"}]))
    with pytest.raises(bm.SpecError, match="there are several arms, treatment, control, single; say which"):
        extraction.studies("CR")
    assert extraction.studies("CR", arm="both").kind == "two-arm-counts"
    assert extraction.studies("CR", arm=["single", "treatment"]).study == ("Lee 2019", "Kim")
    for arm in ("singel", []):
        with pytest.raises(bm.SpecError, match="unknown arm"):
            extraction.studies("CR", arm=arm)


def test_no_study_is_made_of_what_cannot_be_pooled(review_2):
    with pytest.raises(bm.DataError, match=r"row 89, study .*column 'lower': the estimate has no limits"):
        review_2.studies("CR full recovery", measure="percent", setting="relapsed/refractory", arm="treatment")
    with pytest.raises(bm.SpecError, match="unknown endpoint 'CRR'"):
        review_2.studies("CRR")
    with pytest.raises(bm.SpecError, match=r"setting=\[\] names no setting"):
        review_2.studies("OS", measure="HR", setting=[])


def test_allowed_values_that_hold_commas_are_quoted(review_2):
    quoted = "'high-risk first relapse, consolidation'"
    for setting in ("relapsed", []):
        with pytest.raises(bm.SpecError) as refused:
            review_2.studies("EFS", measure="HR", setting=setting)
        assert str(refused.value).endswith(f"Allowed: {quoted}.")
    with pytest.raises(bm.SpecError, match="unknown measure 'median'"):
        review_2.studies("OS", measure="median")
    kept = bm.read_extraction(pd.DataFrame([HR | {"estimate": "0.95"}]), on_bad="keep")
    with pytest.raises(bm.DataError, match="no study is made of a wrong row"):
        kept.studies("OS", measure="HR")
    alone = bm.read_extraction(pd.DataFrame([COUNT, COUNT | {"study": "Kim", "arm": "control"}]))
    with pytest.raises(bm.DataError, match="cohort 'Kim' has no row of the treatment arm"):
        alone.studies("CR")


def test_the_evidence_table_shows_each_number_once_by_setting(review_2):
    table = bm.evidence_table(review_2)
    assert table["setting"].tolist() == sorted(table["setting"], key=list(dict.fromkeys(table["setting"])).index)
    rows = [row for cell in table["rows"] for row in cell.split(", ")]
    assert sorted(rows) == sorted(review_2.table["row"])
    tower = table.query("study == 'TOWER (Kantarjian)' and endpoint == 'OS'").iloc[0]
    assert tower["treatment"] == "median 7.7 months (5.6 to 9.6)"
    assert tower["contrast"] == "HR 0.71 (0.55 to 0.93)"
    gupta = table.query("study == 'AALL1731 (Gupta)' and endpoint == 'DFS'")
    assert "96% (SE 1.2)" in gupta["treatment"].tolist()
    with pytest.raises(bm.SpecError, match="unknown column 'sett'"):
        bm.evidence_table(review_2, by="sett")


def test_table_1_of_review_1_is_an_evidence_table_by_setting():
    table = bm.evidence_table(bm.load_dataset("blinatumomab_studies"), by="setting")
    assert table["setting"].tolist() == ["first-line"] * 3 + ["R/R"] * 8
    assert table.set_index("study").loc["Hogan 2023", "age_group"] == "not reported"
    assert table["n"].sum() == 402
    with pytest.raises(bm.SpecError, match=r"unknown column 'settings'. Did you mean 'setting'"):
        bm.evidence_table(bm.load_dataset("blinatumomab_studies"), by="settings")
    with pytest.raises(bm.SpecError, match="takes an Extraction or a data frame"):
        bm.evidence_table([])
