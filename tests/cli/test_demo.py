import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bayesmeta.cli.main import main
from bayesmeta.report.examples import list_examples

FOLDER = Path("bayesmeta-demo")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Result]:
    """The folder that one run of the demo made, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / FOLDER
    return folder, CliRunner().invoke(main, ["demo", "--out", str(folder)], prog_name="bayesmeta")


def test_all_three_engines_answer_and_agree(made):
    folder, result = made
    assert result.exit_code == 0, result.stderr
    record = json.loads((folder / "results.json").read_text("utf-8"))
    assert record["problems"] == []
    assert list(record["fits"]) == ["exact", "nuts", "frequentist-1", "frequentist-2"]
    assert record["fits"]["nuts"]["verification"]["agrees"] is True
    assert record["fits"]["nuts"]["sampling"]["n_divergent"] == 0


def test_the_screen_says_what_the_reader_must_know(made):
    folder, result = made
    words = " ".join(result.stdout.split())
    for part in ("86.8 (73.5–94.2)", "81.3 (67.3–90.3)", "86.5 (78.2–94.9)", "31.4–99.0", "printed 87 % (78 to 95)"):
        assert part in words
    assert "Only 2 of the 10 counts are reported by that review; the others are reconstructed" in words
    assert "not clinical advice" in words
    assert f"Look into {folder}" in words
    assert "verified against the exact posterior" in result.stderr


def test_the_folder_tells_the_same_and_why_the_estimates_differ(made):
    report = (made[0] / "report.md").read_text("utf-8")
    for part in ("each counting alike", "precision-weighted mean", "doi:10.3892/ol.2026.15552", "I² = 77.0 %"):
        assert part in report
    data = (made[0] / "data.csv").read_text("utf-8")
    assert data.count("reconstructed") == 8


def test_figures_are_there_for_a_page_and_for_a_column(made):
    names = {path.name for path in made[0].glob("forest-*")}
    assert names == {f"forest-{width}mm.{suffix}" for width in (170, 85) for suffix in ("png", "svg")}


def test_an_earlier_demo_is_replaced_but_nothing_else(run, refused):
    quick = ("demo", "--quiet", "--example", "survival")
    assert run(*quick).exit_code == 0
    assert run(*quick).exit_code == 0
    (FOLDER / "thesis.docx").write_text("mine")
    assert "'thesis.docx'" in refused(*quick)


def test_the_examples_are_listed_with_their_titles(run):
    lines = run("demo", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list_examples()
    assert "survival                     Survival after blinatumomab at 1, 2 and 3 years" in lines


def test_one_of_them_is_run_by_name(run, refused):
    result = run("demo", "--example", "landmarks", "--quiet")
    assert result.exit_code == 0
    assert "0.45 (0.25–0.83)" in result.stdout
    assert (FOLDER / "outcomes.csv").exists()
    assert "Did you mean 'landmarks'?" in refused("demo", "--example", "landmark", status=2)
    assert "--all and --example do not go together" in refused("demo", "--all", "--example", "landmarks", status=2)


def test_all_of_them_are_run_each_into_a_folder_of_its_own(run, monkeypatch):
    few = ["landmarks", "survival"]
    monkeypatch.setattr("bayesmeta.report.examples.list_examples", lambda: few)
    assert run("demo", "--all", "--quiet").exit_code == 0
    assert sorted(path.name for path in Path("bayesmeta-examples").iterdir()) == few
    assert all(Path("bayesmeta-examples", name, "report.html").exists() for name in few)
