"""A mixed model in an analysis file: its report, its methods text and its record."""

import json

import pytest

from bayesmeta.report.run import run_analysis

TEXT = """\
schema = 1
title = "Vasospasm"
[data]
dataset = "pritz1997"
[engines.frequentist]
method = "glmm"
ci_method = "profile"
[checks]
sensitivity = false
[output]
figures = []
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glmm")
    (folder / "analysis.toml").write_text(TEXT, encoding="utf-8")
    run_analysis(folder / "analysis.toml", out=folder / "out")
    return folder / "out"


def test_the_methods_name_model_and_intervals(folder):
    text = (folder / "methods.txt").read_text(encoding="utf-8")
    assert "(PLO; binomial events, normal random effects; BN) was fitted by maximum likelihood" in text
    assert "confidence interval (CI) is by profile likelihood" in text
    assert "Stijnen" in text


def test_the_record_holds_settings_and_estimates(folder):
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    fit = record["fits"]["frequentist"]
    assert fit["method"]["glmm_model"] == "BN"
    mu = fit["estimates"][0]
    assert mu["lower"] == pytest.approx(0.8451607, abs=1e-6)
    assert fit["heterogeneity"]["tau2"] == pytest.approx(0.5893095, abs=1e-6)


def test_the_report_shows_the_interval_of_tau(folder):
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Heterogeneity: tau = 0.77 (0.34 to 1.54) on the logit scale." in text
