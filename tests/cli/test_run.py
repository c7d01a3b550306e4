import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pymc as pm
import pytest

import bayesmeta as bm

ANALYSIS = """\
schema = 1
title = "Response"
[data]
file = "counts.csv"
on_bad = "drop"
[data.columns]
study = "study"
events = "events"
n = "n"
[model]
name = "binomial-normal"
[engines.exact]
[engines.frequentist]
[checks]
sensitivity = false
[output]
figures = ["png"]
plots = ["forest"]
widths_mm = [85]
"""
COUNTS = "study,events,n\nLee 2019,7,15\nKim 2020,3,10\nAli 2021,99,9\n"


@pytest.fixture
def write():
    def call(old: str = "", new: str = "") -> None:
        Path("analysis.toml").write_text(ANALYSIS.replace(old, new) if old else ANALYSIS, "utf-8")
        Path("counts.csv").write_text(COUNTS, "utf-8")

    return call


@pytest.fixture
def nuts_without_sampling(monkeypatch, as_nuts):
    def call(**changes) -> None:
        def fit(studies, model=None, *, engine="exact", **options):
            if engine != "nuts":
                return bm.fit(studies, model, engine=engine, **options)
            return as_nuts(bm.fit(studies, model), **changes)

        monkeypatch.setattr("bayesmeta.report.compute.fit", fit)

    return call


def test_an_analysis_file_is_run_into_a_folder_named_after_it(run, write):
    write()
    Path("analysis.toml").rename("my.toml")
    result = run("run", "my.toml")
    assert result.exit_code == 0
    assert Path("my-results/report.md").exists()
    assert "p_median" in result.stdout
    assert "Look into my-results/" in result.stdout
    assert "data: counts.csv, sha256 " in result.stderr
    assert "dropped: line 4, study Ali 2021: " in result.stderr


def test_without_a_name_analysis_toml_is_run(run, write):
    write()
    assert run("run", "--out", "here").exit_code == 0
    assert json.loads(Path("here/results.json").read_text("utf-8"))["title"] == "Response"


def test_without_a_file_the_way_to_one_is_said(refused):
    assert "bayesmeta init" in refused("run", status=2)
    assert "'nowhere.toml' does not exist" in refused("run", "nowhere.toml", status=2)


def test_quiet_says_nothing_but_the_results(run, write):
    write()
    result = run("run", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "p_median" in result.stdout


def test_an_earlier_result_is_kept_unless_it_may_be_replaced(run, refused, write):
    write()
    run("run")
    assert "--out" in refused("run")
    assert "--overwrite" in refused("run")
    assert run("run", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        ("[output]", "[outptu]", 2, "analysis.toml: unknown section 'outptu'"),
        ('n = "n"', 'n = "events"', 2, "[data.columns] maps column 'events' twice"),
        ("[engines.frequentist]", '[engines.frequentist]\nmeasure = "HR"', 2, "[engines.frequentist] measure='HR'"),
        ('"counts.csv"', '"count.csv"', 1, "[data] count.csv does not exist."),
        ('on_bad = "drop"', "", 1, "[data] counts.csv, line 4, study 'Ali 2021'"),
        ('on_bad = "drop"', f'sha256 = "{"0" * 64}"', 1, "counts.csv has changed since"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_and_leaves_nothing(refused, write, old, new, status, said):
    write(old, new)
    assert said in refused("run", status=status)


def test_sampling_that_failed_is_said_and_the_exit_status_too(run, write, nuts_without_sampling):
    write("[engines.exact]", "[engines.exact]\n[engines.nuts]")
    nuts_without_sampling(apart=1.0)
    result = run("run")
    assert result.exit_code == 1
    assert "Error: nuts: NOT RELIABLE: " in result.stderr
    assert result.stderr.count("NOT RELIABLE") == 1
    assert "NOT RELIABLE" in result.stdout
    assert Path("analysis-results/report.md").exists()


def test_sampling_that_was_interrupted_is_said_and_the_exit_status_too(run, write, nuts_without_sampling, monkeypatch):
    write("[engines.exact]", "[engines.exact]\n[engines.nuts]")
    nuts_without_sampling(draws=1000)
    monkeypatch.setattr("bayesmeta.nuts.fit.NutsFit.interrupted", True)
    result = run("run", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nuts: sampling was interrupted")
    assert Path("analysis-results/report.md").exists()


def test_ctrl_c_while_sampling_keeps_what_was_drawn_and_counts_it(run, write, monkeypatch):
    sample = pm.sample

    def interrupted(*, callback, **options):
        transitions = itertools.count(1)

        def press(**state):
            if next(transitions) == 350:
                os.kill(os.getpid(), signal.SIGINT)
            callback(**state)

        return sample(callback=press, cores=1, **options)

    monkeypatch.setattr(pm, "sample", interrupted)
    write("[engines.exact]", "[engines.nuts]\nsampler = 'pymc'\ntune = 100\ndraws = 500\nchains = 2")
    result = run("run")
    assert result.exit_code == 1
    assert "Error: nuts: sampling was interrupted; its results are those of the draws made until then" in result.stderr
    sampling = json.loads(Path("analysis-results/results.json").read_text("utf-8"))["fits"]["nuts"]["sampling"]
    assert sampling["interrupted"] is True
    assert sampling["chains"] == 1
    assert 240 < sampling["draws"] < 260
    assert "draws = 500\n" in Path("analysis-results/analysis.toml").read_text("utf-8")


def test_ctrl_c_before_there_is_a_result_leaves_nothing(run, write, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    write()
    monkeypatch.setattr("bayesmeta.report.run.compute", stop)
    result = run("run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert sorted(path.name for path in Path().iterdir()) == ["analysis.toml", "counts.csv"]


def test_a_real_process_needs_no_screen_and_without_nuts_no_pymc(write):
    write()
    script = (
        "import sys; from bayesmeta.cli.main import main\n"
        "main(['run', '--quiet'], standalone_mode=False)\n"
        "print('pymc' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    environment = {**os.environ, "MPLBACKEND": "", "DISPLAY": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "False"
    assert Path("analysis-results/forest-85mm.png").exists()
