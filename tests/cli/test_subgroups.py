"""`bayesmeta subgroups`."""

import io
import json

import pandas as pd
import pytest

import bayesmeta as bm

STUDIES = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen", "design"])


def test_the_table_shows_each_level_and_where_the_next_study_may_lie(run):
    result = run("subgroups", "blinatumomab_cr", "--by", "regimen")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[1] for row in rows] == ["level", "chemotherapy", "chemotherapy", "TKI", "TKI"]
    assert [row[5] for row in rows[1:]] == ["p_median", "p_new"] * 2
    assert "model: binomial-normal" in result.stderr


def test_csv_has_the_numbers_of_python(run):
    given = (
        "--by",
        "regimen",
        "--by",
        "design",
        "--tau",
        "hierarchical",
        "--omega",
        "HalfNormal(0.3)",
        "--format",
        "csv",
    )
    read = pd.read_csv(io.StringIO(run("subgroups", "blinatumomab_cr", *given).stdout))
    model = bm.load_model("binomial-normal")
    options = {"by": ["regimen", "design"], "tau": "hierarchical", "omega": "HalfNormal(0.3)"}
    expected = bm.subgroups(STUDIES, model, **options)
    assert list(read.columns) == list(expected.columns)
    for column in ("level", "parameter", "estimate", "lower", "upper"):
        assert read[column].tolist() == expected[column].tolist()


def test_json_of_the_frequentist_engine_has_the_tests(run):
    options = ("--engine", "frequentist", "--tau", "common", "--measure", "PR", "--variance", "exact-ci")
    result = run("subgroups", "blinatumomab_cr", "--by", "regimen", *options, "--format", "json")
    record = json.loads(result.stdout)
    chosen = {"by": "regimen", "measure": "PR", "variance": "exact-ci"}
    table = bm.subgroups(STUDIES, engine="frequentist", tau="common", **chosen)
    assert [row["estimate"] for row in record["rows"]] == table["estimate"].tolist()
    assert [row["pvalue"] for row in record["tests"]] == bm.subgroup_test(STUDIES, **chosen)["pvalue"].tolist()
    assert record["engine"] == "frequentist"


def test_the_table_of_the_frequentist_engine_has_the_tests_and_their_notes(run):
    result = run("subgroups", "blinatumomab_cr", "--by", "age_group", "--engine", "frequentist", "--ci-method", "wald")
    lines = result.stdout.splitlines()
    assert any(line.startswith("Do the means differ?") for line in lines)
    assert [line.split()[1] for line in lines[-3:]] == ["separate", "common", "none"]
    assert "nan" not in "\n".join(lines[-4:])
    assert "note: test of age_group, tau separate: tau2 of one study is unknown and taken as 0: <18" in result.stderr


def test_a_prior_and_the_way_to_share_are_told_apart(run):
    given = ("--by", "regimen", "--tau", "common", "--tau", "HalfNormal(0.2)", "--parameter", "tau", "--format", "csv")
    result = run("subgroups", "blinatumomab_cr", *given)
    assert "tau ~ HalfNormal(sigma=0.2)" in result.stderr
    read = pd.read_csv(io.StringIO(result.stdout))
    assert read["parameter"].tolist() == ["tau", "tau"]
    assert read["estimate"].iloc[0] == pytest.approx(read["estimate"].iloc[1], abs=1e-8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--by", "regimen", "--engine", "nuts"), "unknown engine 'nuts'"),
        (("--by", "regimen", "--tau2-method", "DL"), "--tau2-method is for --engine frequentist"),
        (("--by", "regimen", "--engine", "frequentist", "--tau", "HalfNormal(1)"), "--tau is for --engine exact"),
        (("--by", "regimen", "--tau", "common", "--tau", "separate"), "--tau takes one of separate, common"),
        (("--by", "regimen", "--omega", "0.3"), "--omega is for --tau hierarchical"),
        (("--by", "regimen", "--parameter", "p"), "unknown parameter 'p'"),
        (
            ("--by", "regimen", "--engine", "frequentist", "--tau", "hierarchical"),
            "tau='hierarchical' needs engine='exact' or 'nuts', not 'frequentist'",
        ),
    ],
)
def test_wrong_usage_ends_with_2(refused, options, said):
    assert said in refused("subgroups", "blinatumomab_cr", *options, status=2)


def test_a_column_that_is_not_there_ends_with_an_error_of_one_line(refused):
    assert "did you mean 'regimen'?" in refused("subgroups", "blinatumomab_cr", "--by", "regimn", status=1)


def test_the_column_must_be_named(run):
    result = run("subgroups", "blinatumomab_cr")
    assert result.exit_code == 2
    assert "Missing option '--by'" in result.stderr


def test_a_mixed_model_of_each_level_is_shown_with_its_test(run):
    options = ("--engine", "frequentist", "--method", "glmm", "--ci-method", "t")
    result = run("subgroups", "blinatumomab_cr", "--by", "regimen", *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1].split()[:2] == ["regimen", "separate"]
    assert result.stdout.splitlines()[-4] == "Do the means differ?"


def test_a_mixed_model_with_a_common_tau_is_refused_in_one_line(refused):
    options = ("--by", "regimen", "--engine", "frequentist", "--method", "glmm", "--tau", "common")
    assert "tau='common' needs method='inverse-variance'" in refused("subgroups", "blinatumomab_cr", *options, status=2)
