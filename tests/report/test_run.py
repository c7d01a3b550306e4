import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, OutputError, SpecError
from bayesmeta.report.folder import MARKER
from bayesmeta.report.run import run_analysis

FOLDER = Path("analysis-results")
FILES = {
    "report.html", "report.md", "methods.txt", "forest-170mm.png", "results.json", "summary_exact.csv",
    "summary_frequentist.csv", "compare.csv", "study_effects.csv", "loo.csv", "leave_one_out.csv", "small_study.csv",
    "data.csv", "analysis.toml", MARKER,
}  # fmt: skip
NUTS = "[engines.nuts]\nsampler = 'pymc'\ndraws = 100\ntune = 200\nchains = 2\n"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_holds_what_the_report_lists(write):
    results = run_analysis(write())
    assert results.folder == FOLDER
    assert names(FOLDER) == FILES
    report = (FOLDER / "report.md").read_text("utf-8")
    assert all(name.rpartition(".")[0].replace("_", "\\_") in report for name in FILES - {MARKER})


def test_the_tables_are_those_of_python(write):
    studies = run_analysis(write()).inputs.studies
    fit = bm.fit(studies)
    for name, frame in (
        ("summary_exact", fit.summary()),
        ("study_effects", bm.study_effects(fit)),
        ("loo", bm.loo(fit)),
    ):
        written = pd.read_csv(FOLDER / f"{name}.csv", index_col=0)
        pd.testing.assert_frame_equal(written, frame, rtol=1e-14)
    assert (FOLDER / "data.csv").read_bytes() == Path("counts.csv").read_bytes()


@pytest.mark.usefixtures("corners_anew")
def test_a_second_run_gives_the_same_bytes_in_every_file(write):
    run_analysis(write())
    run_analysis("analysis.toml", out="again")
    assert contents(Path("again")) == contents(FOLDER)


def test_an_earlier_result_is_kept_unless_it_may_be_replaced(write):
    run_analysis(write())
    before = contents(FOLDER)
    with pytest.raises(OutputError, match="holds an earlier result, which is kept"):
        run_analysis("analysis.toml")
    assert contents(FOLDER) == before
    run_analysis(write(('"Response"', '"Another title"')), overwrite=True)
    assert (FOLDER / "report.md").read_text("utf-8").startswith("# Another title\n")


def test_the_folder_is_enough_to_make_it_again(write, monkeypatch):
    path = write(('name = "binomial-normal"', 'file = "my.toml"'))
    Path("my.toml").write_text(bm.load_model("binomial-normal").with_priors(tau="HalfNormal(0.7)").to_toml(), "utf-8")
    run_analysis(path)
    FOLDER.rename("moved")
    Path("counts.csv").unlink()
    Path("my.toml").unlink()
    run_analysis("moved/analysis.toml", out="again")
    for name in ("compare.csv", "study_effects.csv", "forest-170mm.png", "methods.txt", "analysis.toml"):
        assert Path("again", name).read_bytes() == Path("moved", name).read_bytes()


def test_a_failure_leaves_nothing_behind(write, monkeypatch):
    with pytest.raises(SpecError):
        run_analysis(write(("[engines.frequentist]", '[engines.frequentist]\nmeasure = "PLX"')))
    with pytest.raises(DataError):
        run_analysis(write(data="study,events,n\nLee,9,5\n"))

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bayesmeta.report.run.write_files", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run_analysis(write())
    assert names(Path()) == {"analysis.toml", "counts.csv"}


def test_the_folder_is_looked_at_before_anything_is_computed(write, monkeypatch):
    monkeypatch.setattr("bayesmeta.report.run.compute", lambda *args, **options: pytest.fail("a fit was computed"))
    FOLDER.mkdir()
    (FOLDER / "thesis.docx").write_text("mine")
    with pytest.raises(OutputError, match=r"'thesis\.docx'"):
        run_analysis(write(), overwrite=True)


def test_a_kill_while_writing_leaves_nothing_half_written(write):
    write()
    script = (
        "import sys, time\n"
        "import bayesmeta.report.run as run\n"
        "def write_half(results, folder):\n"
        "    (folder / 'report.md').write_text('half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "run.write_files = write_half\n"
        "run.run_analysis('analysis.toml')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert not FOLDER.exists()
    assert all(name.startswith(".") for name in names(Path()) - {"analysis.toml", "counts.csv"})
    run_analysis("analysis.toml")
    assert names(FOLDER) == FILES


def test_sampling_that_is_interrupted_still_gives_a_folder_that_says_so(write, nuts_without_sampling, monkeypatch):
    nuts_without_sampling()
    monkeypatch.setattr("bayesmeta.nuts.fit.NutsFit.interrupted", True)
    results = run_analysis(write(("[engines.exact]", "[engines.exact]\n[engines.nuts]")))
    assert "sampling was interrupted" in results.problems[0]
    assert "sampling was interrupted" in (FOLDER / "report.md").read_text("utf-8").splitlines()[2]
    assert "sampling was interrupted" in json.loads((FOLDER / "results.json").read_text("utf-8"))["problems"][0]


def test_sampling_gives_the_same_bytes_with_the_same_seed_and_pins_it(write):
    run_analysis(write(("[engines.exact]", NUTS)))
    run_analysis("analysis.toml", out="again")
    assert contents(Path("again")) == contents(FOLDER)
    assert {"summary_nuts.csv", "verification.csv"} <= names(FOLDER)
    assert 'sampler = "pymc"\n' in (FOLDER / "analysis.toml").read_text("utf-8")
    assert "seed = 1\n" in (FOLDER / "analysis.toml").read_text("utf-8")
