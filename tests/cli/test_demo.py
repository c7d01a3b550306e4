from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bayesmeta as bm
from bayesmeta.cli.demo import DATASET, FILES
from bayesmeta.cli.folder import MARKER
from bayesmeta.cli.main import main

FOLDER = Path("bayesmeta-demo")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Result]:
    """The folder that one run of the demo made, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / FOLDER
    result = CliRunner().invoke(main, ["demo", "--out", str(folder)])
    assert result.exit_code == 0, result.stderr
    return folder, result


def test_the_folder_holds_what_is_announced_and_no_more(made):
    folder, result = made
    assert {entry.name for entry in folder.iterdir()} == {*FILES, "forest.svg", MARKER}
    assert all(name in result.stdout for name in FILES)
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


def test_the_summary_says_what_the_reader_must_know(made):
    folder, result = made
    words = " ".join(result.stdout.split())
    for part in ("86.8 %", "81.3 %", "86.5 %", "31.4 %", "I2 = 77.0 %", "printed 87 % (78 to 95)"):
        assert part in words
    assert "Only 2 of the 10 counts are reported by the review; the others are reconstructed" in words
    assert "doi 10.3892/ol.2026.15552" in words
    assert "not clinical advice" in words
    assert f"Look into {folder}" in words
    assert result.stderr == ""


def test_the_text_explains_why_the_estimates_differ(made):
    words = " ".join((made[0] / "summary.txt").read_text("utf-8").split())
    for part in ("each counting alike", "precision-weighted mean", "reconstructed", "not clinical advice"):
        assert part in words


def test_the_tables_are_those_of_python(made):
    studies = bm.Studies.from_frame(bm.load_dataset(DATASET))
    fit = bm.fit(studies)
    classical = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    expected = {
        "data.csv": bm.load_dataset(DATASET),
        "summary.csv": bm.summary(fit).reset_index(),
        "study_effects.csv": bm.study_effects(fit).reset_index(),
        "compare.csv": bm.compare([fit, classical]).replace("", float("nan")),
    }
    for name, frame in expected.items():
        written = pd.read_csv(made[0] / name)
        pd.testing.assert_frame_equal(written, frame, check_dtype=False, rtol=1e-12)


def test_the_data_keep_their_status(made):
    data = pd.read_csv(made[0] / "data.csv")
    assert (data["status"] == "reported").sum() == 2
    assert data["status"].str.startswith("reconstructed").sum() == 8


def test_the_figures_are_figures_and_say_that_counts_are_reconstructed(made):
    assert (made[0] / "forest.png").read_bytes().startswith(b"\x89PNG")
    assert (made[0] / "forest.png").stat().st_size > 50_000
    svg = (made[0] / "forest.svg").read_text("utf-8")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "others are reconstructed from its printed pooled figures" in svg


def test_a_second_run_replaces_the_folder_with_the_same_files(made, run):
    before = {entry.name: entry.read_bytes() for entry in made[0].iterdir()}
    assert run("demo", "--out", str(made[0])).exit_code == 0
    assert {entry.name: entry.read_bytes() for entry in made[0].iterdir()} == before


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_computed(refused, monkeypatch):
    def computed(*args, **options):
        pytest.fail("a fit was computed")

    monkeypatch.setattr("bayesmeta.api.fit", computed)
    Path("file").write_text("mine")
    assert refused("demo", "--out", "file/demo").endswith("name another folder with --out.")
    assert "is a file" in refused("demo", "--out", "file")
    FOLDER.mkdir()
    (FOLDER / "thesis.docx").write_text("mine")
    assert "'thesis.docx'" in refused("demo")


def test_a_failure_leaves_nothing_behind(run, monkeypatch):
    def fail(*args, **options):
        raise bm.AccuracyError("too far off")

    monkeypatch.setattr("bayesmeta.analyses.compare.compare", fail)
    result = run("demo")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: too far off\n")
    assert list(Path().iterdir()) == []


def test_a_real_process_needs_no_screen_and_says_nothing_on_standard_error(shell):
    done = shell("demo", env={"MPLBACKEND": "", "DISPLAY": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert (FOLDER / "forest.svg").exists()
