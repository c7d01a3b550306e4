"""Does a whole analysis run, and tell the truth, with every kind of model?"""

import json
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.report.run import run_analysis

ANALYSIS = """\
schema = 1
title = "Everything"
[data]
file = "studies.csv"
[model]
file = "model.toml"
[engines.exact]
[engines.frequentist]
[checks]
sensitivity = false
[output]
figures = ["svg"]
plots = ["forest"]
widths_mm = [170]
"""
PRIORS = {"mu": "Normal(-1, 2)", "tau": "HalfNormal(1)"}
MODELS = {
    **{name: bm.load_model(name) for name in bm.list_models()["name"]},
    "cloglog": bm.ModelSpec(link="cloglog", **PRIORS),
    "rates": bm.ModelSpec("poisson", **PRIORS),
    "common rate ratio": bm.ModelSpec("poisson-conditional", effects="none"),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_makes_a_report(name, studies_for, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model = MODELS[name]
    studies_for(model).to_frame().to_csv("studies.csv", index=False)
    Path("analysis.toml").write_text(ANALYSIS)
    Path("model.toml").write_text(model.to_toml(), "utf-8")
    results = run_analysis("analysis.toml", out="out")
    assert results.problems == ()
    assert Path("out/model.toml").exists()
    report = Path("out/report.md").read_text("utf-8")
    record = json.loads(Path("out/results.json").read_text("utf-8"))
    assert record["model"]["mu"] == str(model.mu)
    assert ("tau" in record["model"]) == model.has_tau
    assert record["model"].get("baseline") == (str(model.baseline) if model.baseline else None)
    assert record["model"].get("nu") == model.nu
    shown = pd.DataFrame(record["fits"]["exact"]["estimates"]).set_index("parameter")
    pd.testing.assert_frame_equal(shown, bm.summary(results.fits["exact"]), check_exact=True)
    if model.has_tau:
        assert "Heterogeneity: tau = " in report
    else:
        assert "Heterogeneity: none, a common effect is assumed." in report
        assert "τ" not in report.partition("## Methods")[2].partition("Log")[0].partition("PLO")[0]


def test_discounted_studies_are_told(studies_for, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    studies = studies_for(bm.ModelSpec())
    studies.to_frame().to_csv("studies.csv", index=False)
    Path("model.toml").write_text(bm.ModelSpec().to_toml(), "utf-8")
    weights = '[engines.exact]\npower_weights = { "Lee 2019" = 0.5 }'
    Path("analysis.toml").write_text(ANALYSIS.replace("[engines.exact]", weights))
    results = run_analysis("analysis.toml", out="out")
    expected = bm.fit(studies, power_weights={"Lee 2019": 0.5})
    assert results.fits["exact"].log_evidence == expected.log_evidence
    assert "(Ibrahim and Chen 2000) (Lee 2019: 0.5)." in Path("out/methods.txt").read_text("utf-8")
    assert run_analysis("out/analysis.toml", out="again").fits["exact"].log_evidence == expected.log_evidence
