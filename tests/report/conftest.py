"""What the tests of whole analyses share: an empty folder, a small analysis, and sampling that costs nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

import bayesmeta as bm
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.compute import Results, compute

COUNTS = "study,events,n,kind\nLee 2019,7,15,a\nKim 2020,3,10,a\nAli 2021,9,9,b\n"
ANALYSIS = """\
schema = 1
title = "Response"
[data]
file = "counts.csv"
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
widths_mm = [170]
"""


@pytest.fixture(autouse=True, scope="module")
def _corners_once(corners_once):
    pass


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write() -> Callable[..., Path]:
    """Write the small analysis and its data, with some of its text replaced; return the analysis file."""

    def call(*changes: tuple[str, str], data: str = COUNTS) -> Path:
        text = ANALYSIS
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        Path("counts.csv").write_text(data, encoding="utf-8")
        Path("analysis.toml").write_text(text, encoding="utf-8")
        return Path("analysis.toml")

    return call


@pytest.fixture
def results(write) -> Callable[..., Results]:
    """Compute the small analysis, changed as `write` changes it."""

    def call(*changes: tuple[str, str], data: str = COUNTS) -> Results:
        return compute(Analysis.from_toml(write(*changes, data=data)))

    return call


@pytest.fixture
def nuts_without_sampling(monkeypatch, as_nuts) -> Callable[..., None]:
    """Let engine="nuts" return independent draws of the exact posterior, made by `as_nuts` with these changes."""

    def call(**changes) -> None:
        def fit(studies, model=None, *, engine="exact", **options):
            if engine != "nuts":
                return bm.fit(studies, model, engine=engine, **options)
            asked = {name: options[name] for name in ("seed", "target_accept") if name in options}
            return as_nuts(bm.fit(studies, model), **{**asked, **changes})

        monkeypatch.setattr("bayesmeta.report.compute.fit", fit)

    return call
