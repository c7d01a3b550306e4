from pathlib import Path

import pytest

from bayesmeta.report.examples import example_path


def test_the_files_are_those_of_the_example_and_are_named(run):
    result = run("init")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["analysis.toml", "complete-remission.csv", "complete-remission-printed.csv"]
    assert "bayesmeta run analysis.toml" in result.stderr
    assert Path("analysis.toml").read_bytes() == example_path().read_bytes()


def test_a_folder_is_made(run):
    assert run("init", "my analyses/first").stderr.endswith("bayesmeta run 'my analyses/first/analysis.toml'\n")
    assert Path("my analyses/first/complete-remission.csv").exists()


@pytest.mark.parametrize("there", ["analysis.toml", "complete-remission.csv"])
def test_a_file_that_is_there_is_kept(refused, there):
    Path(there).write_text("mine")
    assert f"{there} exists and is kept" in refused("init")
    assert Path(there).read_text() == "mine"


def test_the_file_explains_itself_and_shows_what_else_can_be_said(run):
    run("init")
    lines = Path("analysis.toml").read_text("utf-8").splitlines()
    assert sum("#" in line for line in lines) > 15
    for part in (
        "sha256",
        "on_bad",
        "moderators",
        "[model.priors]",
        "my-model.toml",
        "[data.where]",
        "[outcomes]",
        "[checks]",
        "[printed]",
        "plots = ",
        "status = ",
    ):
        assert any(part in line for line in lines), part


def test_another_example_is_named(run, refused):
    assert run("init", "--example", "survival").stdout.splitlines() == [
        "analysis.toml", "survival.csv", "one-proportion.toml", "survival-printed.csv",
    ]  # fmt: skip
    assert "unknown example 'surviva'. Did you mean 'survival'?" in refused("init", "--example", "surviva", status=2)
