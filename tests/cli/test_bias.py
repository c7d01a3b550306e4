"""`bayesmeta bias`."""

import io
import json

import pandas as pd

import bayesmeta as bm
from bayesmeta.analyses.small_study import OWN_ERROR


def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")


def test_the_text_has_tests_reason_and_adjusted_estimates(run):
    result = run("bias", "pritz1997")
    assert result.exit_code == 0
    assert result.stdout.startswith("Tests for small-study effects\n")
    words = " ".join(result.stdout.split())
    assert f"- by study size: {OWN_ERROR}" in words
    assert "trim and fill p_median 0.666" in words
    assert "none of them the corrected estimate" in words
    assert "data: bundled data set pritz1997" in result.stderr


def test_programs_get_the_numbers_of_python(run):
    table = bm.small_study_tests(studies())
    read = pd.read_csv(io.StringIO(run("bias", "pritz1997", "--format", "csv").stdout))
    assert list(read.columns) == list(table.columns)
    assert read["pvalue"].tolist() == table["pvalue"].tolist()
    content = json.loads(run("bias", "pritz1997", "--format", "json").stdout)
    assert list(content) == ["k", "tests", "adjusted"]
    assert [row["bias"] for row in content["tests"]] == table["bias"].tolist()
    adjusted = bm.adjusted_estimates(studies())
    assert [row["estimate"] for row in content["adjusted"]] == adjusted["estimate"].tolist()


def test_tests_and_predictors_are_lists(run):
    arguments = ("--tests", "egger, begg", "--predictors", "sei,vi", "--format", "csv")
    read = pd.read_csv(io.StringIO(run("bias", "pritz1997", *arguments).stdout))
    assert read["test"].tolist() == ["egger"] * 4 + ["begg"] * 2
    assert read["note"].str.startswith("misleading").all()


def test_estimates_name_the_column_of_their_sizes(run):
    frame = pd.DataFrame({"study": list("ABCD"), "y": [0.1, 0.4, 0.2, 0.9], "se": [0.1, 0.3, 0.2, 0.4]})
    frame.assign(patients=[90, 30, 70, 10]).to_csv("trials.csv", index=False)
    result = run("bias", "trials.csv", "--size", "patients", "--predictors", "ninv", "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert pd.read_csv(io.StringIO(result.stdout))["predictor"].unique().tolist() == ["ninv", "vi"]


def test_wrong_usage_ends_with_2_and_bad_data_with_1(run, refused):
    assert "unknown test 'eger'" in refused("bias", "pritz1997", "--tests", "eger", status=2)
    assert "unknown tau2_method" in refused("bias", "pritz1997", "--tau2-method", "XX", status=2)
    assert "unknown alternative 'more'" in refused("bias", "pritz1997", "--alternative", "more", status=2)
    pd.DataFrame({"study": ["A", "B"], "events": [3, 4], "n": [8, 9]}).to_csv("two.csv", index=False)
    assert run("bias", "two.csv").exit_code == 1
    assert "at least 3 studies" in run("bias", "two.csv").stderr
