"""The command ``bayesmeta sensitivity`` prints what `sensitivity` returns."""

import io
import json

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

TAU = "HalfNormal(0.5); HalfCauchy(0.5)"


@pytest.fixture(scope="module")
def table():
    fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    return bm.sensitivity(fit, tau=["HalfNormal(0.5)", "HalfCauchy(0.5)"])


def test_csv_holds_the_table_of_python(run, table):
    result = run("sensitivity", "pritz1997", "--tau-alternatives", TAU, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    printed = pd.read_csv(io.StringIO(result.stdout))
    assert list(printed.columns) == list(table.columns)
    np.testing.assert_allclose(printed["median"], table["median"], rtol=1e-12)
    assert printed["tau"].tolist() == table["tau"].astype(str).tolist()


def test_json_holds_one_object_per_row(run, table):
    arguments = ("--tau-alternatives", "HalfNormal(0.5)", "--tau-alternatives", "HalfCauchy(0.5)", "--format", "json")
    record = json.loads(run("sensitivity", "pritz1997", *arguments, "--parameter", "p_mean").stdout)
    assert (record["engine"], record["k"]) == ("exact", 14)
    assert [row["parameter"] for row in record["rows"]] == ["p_mean"] * 3
    expected = table.loc[table["parameter"] == "p_mean", "hellinger"]
    assert [row["hellinger"] for row in record["rows"]] == pytest.approx(expected.tolist(), abs=1e-9)


def test_the_table_has_a_line_for_each_pair(run):
    result = run("sensitivity", "pritz1997", "--tau-alternatives", TAU, "--mu-alternatives", "Normal(0, 3)")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Posterior of p_median under 6 pairs of priors; the first row is the analysis itself"
    assert sum("HalfCauchy(beta=0.5)" in line for line in lines) == 2
    assert "k = 14" in result.stderr


def test_without_alternatives_those_of_the_model_are_tried(run):
    result = run("sensitivity", "pritz1997", "--format", "csv", "--parameter", "tau")
    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv(io.StringIO(result.stdout))) == 24


def test_a_pair_without_a_posterior_is_said_on_standard_error(run, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("study,events,n\na,0,10\nb,3,12\n")
    result = run("sensitivity", str(path), "--tau-alternatives", "Flat()")
    assert result.exit_code == 0
    assert "not analysed: mu ~ Normal(mu=0, sigma=1.5), tau ~ HalfFlat()" in result.stderr


def test_wrong_options_are_refused_in_one_line(refused):
    assert "Did you mean 'p_mean'" in refused("sensitivity", "pritz1997", "--parameter", "p_meann", status=2)
    assert "HalfNorml" in refused("sensitivity", "pritz1997", "--tau-alternatives", "HalfNorml(1)", status=2)
