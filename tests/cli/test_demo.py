import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bayesmeta.cli.main import main
from bayesmeta.report.examples import example_path

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
    assert names == {f"forest-{width}mm.{suffix}" for width in (170, 85) for suffix in ("png", "svg", "pdf")}


def test_an_earlier_demo_is_replaced_but_nothing_else(run, refused, monkeypatch):
    quick = example_path("first-relapse")
    monkeypatch.setattr("bayesmeta.report.examples.example_path", lambda name="": quick)
    assert run("demo", "--quiet").exit_code == 0
    assert run("demo", "--quiet").exit_code == 0
    (FOLDER / "thesis.docx").write_text("mine")
    assert "'thesis.docx'" in refused("demo")
