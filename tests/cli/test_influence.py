"""`bayesmeta influence`."""

import io
import json

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.study_influence import influence


def test_the_table_names_the_studies_and_explains_its_columns(run):
    result = run("influence", "pritz1997")
    assert result.exit_code == 0
    assert result.stdout.startswith("p_median without each study\n")
    lines = {line.split("  ")[0]: line for line in result.stdout.splitlines()}
    assert "0.809" in lines["Otsubo et al."]
    assert "conflict_pvalue: two-sided mid-p" in result.stdout
    assert "model: binomial-normal" in result.stderr


@pytest.mark.parametrize("form", ["csv", "json"])
def test_programs_get_the_numbers_of_python(run, form):
    result = run("influence", "pritz1997", "--format", form)
    read = pd.read_csv(io.StringIO(result.stdout)) if form == "csv" else pd.DataFrame(json.loads(result.stdout))
    model = bm.load_model("binomial-normal")
    expected = influence(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")), model)).reset_index()
    assert list(read.columns) == list(expected.columns)
    for column in ("median", "shift", "elpd_loo", "conflict_pvalue", "numerical_error"):
        assert read[column].tolist() == expected[column].tolist()


def test_a_classical_analysis_has_its_own_columns(run):
    result = run("influence", "pritz1997", "--engine", "frequentist", "--measure", "PR", "--format", "csv")
    before = "study,parameter,estimate,lower,upper,shift,tau2,i2,q,q_pvalue"
    statistics = "rstudent,dffits,cook_d,cov_r,hat,weight,dfbetas,influential"
    assert result.stdout.splitlines()[0] == f"{before},{statistics},note"


def test_rows_without_numbers_say_why(run):
    result = run("influence", "pritz1997", "--tau", "HalfNormal(1)", "--parameter", "tau")
    assert result.stdout.startswith("tau without each study\n")
    pd.DataFrame({"study": ["A"], "events": [3], "n": [8]}).to_csv("one.csv", index=False)
    alone = run("influence", "one.csv")
    assert alone.exit_code == 0
    assert "no study is left" in alone.stdout


def test_wrong_usage_ends_with_2_and_bad_data_with_1(refused):
    assert "unknown engine 'nuts'" in refused("influence", "pritz1997", "--engine", "nuts", status=2)
    assert "--ci-method is for --engine frequentist" in refused(
        "influence", "pritz1997", "--ci-method", "wald", status=2
    )
    assert "unknown parameter 'p'" in refused("influence", "pritz1997", "--parameter", "p", status=2)
    assert "neither a file nor a bundled data set" in refused("influence", "nowhere", status=1)
