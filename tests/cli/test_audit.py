"""`bayesmeta audit`."""

import io
import json

import pandas as pd
import pytest

import bayesmeta as bm

CR = bm.load_dataset("blinatumomab_cr")


@pytest.fixture
def files(tmp_path):
    """Data, a right table, and one with a fault, in the working folder."""
    CR.to_csv("counts.csv", index=False)
    header = "subgroup,k,estimate_pct,ci_low_pct,ci_high_pct,i2_pct"
    right = f"{header}\noverall,10,87,78,95,77.0\nregimen: TKI,7,89,79,98,76.3\n"
    (tmp_path / "right.csv").write_text(right)
    (tmp_path / "wrong.csv").write_text(right.replace("79,98", "97,98"))


@pytest.mark.usefixtures("files")
def test_a_right_table_ends_with_0(run):
    result = run("audit", "counts.csv", "--printed", "right.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Audit of printed results: 8 of 8 figures follow from the data\n")
    assert "Faults: none found" in result.stdout


@pytest.mark.usefixtures("files")
def test_a_fault_ends_with_1_and_names_table_line_and_column(run):
    result = run("audit", "counts.csv", "--printed", "right.csv", "--printed", "wrong.csv")
    assert result.exit_code == 1
    assert "wrong.csv, line 3 (regimen: TKI), ci_low_pct: 97, should be 79" in result.stdout
    assert result.stderr == "Error: 1 fault found; see the list.\n"


@pytest.mark.usefixtures("files")
def test_programs_get_the_frames_of_python(run):
    found = bm.audit(CR, {"wrong.csv": bm.read_csv("wrong.csv")}, events="events", n="n")
    read = pd.read_csv(io.StringIO(run("audit", "counts.csv", "--printed", "wrong.csv", "--format", "csv").stdout))
    assert read["reason"].tolist() == found.faults["reason"].tolist()
    content = json.loads(run("audit", "counts.csv", "--printed", "wrong.csv", "--format", "json").stdout)
    assert list(content) == ["best", "margin", "conventions", "figures", "faults", "notes"]
    assert [row["explained"] for row in content["conventions"]] == found.conventions["explained"].tolist()
    assert len(content["figures"]) == 8


def test_bundled_tables_and_names_of_columns_are_taken(run):
    arguments = ("--printed", "blinatumomab_published_results", "--events", "events", "--n", "n", "--on-bad", "drop")
    result = run("audit", "blinatumomab_outcomes", *arguments, "--tau2-methods", "DL")
    assert result.exit_code == 0
    assert "raw-exact DL wald" in result.stdout
    assert "not recomputed" in result.stdout  # the subgroups are in another data set


def test_counts_are_recovered_from_a_table(run, tmp_path):
    (tmp_path / "table.csv").write_text("study,estimate_pct,n\nA,86.0,121\nB,85.0,121\n")
    result = run("audit", "table.csv", "--recover")
    assert result.exit_code == 1
    assert "reconstructed-unique" in result.stdout
    assert result.stderr == "Error: 1 printed figure that no count gives; the first is 85.0 in line 3.\n"
    (tmp_path / "table.csv").write_text("study,estimate_pct,n\nA,86.0,121\n")
    assert json.loads(run("audit", "table.csv", "--recover", "--format", "json").stdout)[0]["events"] == 104
    assert run("audit", "table.csv", "--recover").exit_code == 0


def test_a_printed_table_is_checked_alone(run, tmp_path):
    (tmp_path / "ratios.csv").write_text("study,estimate,lower,upper\nA,0.71,0.55,0.92\nB,0.80,0.30,1.10\n")
    result = run("audit", "ratios.csv", "--alone", "--measure", "HR")
    assert result.exit_code == 1
    assert "ratios.csv, line 3, estimate, lower, upper: 0.80, 0.30, 1.10" in result.stdout
    assert "(geometric mean) is 0.57, not 0.80" in result.stdout


@pytest.mark.usefixtures("files")
def test_wrong_usage_ends_with_2_and_bad_data_with_1(run, refused, tmp_path):
    assert "give one: --printed RESULTS.csv with the data" in refused("audit", "counts.csv", status=2)
    assert "give one" in refused("audit", "counts.csv", "--recover", "--printed", "right.csv", status=2)
    assert "unknown tau2_method 'X'" in refused(
        "audit", "counts.csv", "--printed", "right.csv", "--tau2-methods", "X", status=2
    )
    assert "--interval is for --recover" in refused(
        "audit", "counts.csv", "--printed", "right.csv", "--interval", "wald", status=2
    )
    assert "nothing.csv" in refused("audit", "counts.csv", "--printed", "nothing.csv")
    (tmp_path / "bad.csv").write_text("study,events,n\nA,9,5\n")
    assert "events=9 > n=5" in refused("audit", "bad.csv", "--printed", "right.csv")
