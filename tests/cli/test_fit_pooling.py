"""How studies are pooled, chosen in the shell."""

import io
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.data.read import read_studies

BCG = Path(__file__).parents[1] / "reference" / "metafor" / "bcg.csv"


def table_of(result):
    assert result.exit_code == 0, result.stderr
    return pd.read_csv(io.StringIO(result.stdout)).set_index("parameter")


@pytest.mark.parametrize(("method", "measure"), [("mantel-haenszel", "RR"), ("peto", "PETO"), ("glmm", "OR")])
def test_the_method_is_that_of_python(run, method, measure):
    options = ("--engine", "frequentist", "--method", method, "--measure", measure)
    fit = bm.fit(read_studies(BCG), engine="frequentist", method=method, measure=measure)
    pd.testing.assert_frame_equal(table_of(run("fit", str(BCG), *options, "--format", "csv")), bm.summary(fit))


def test_the_back_transformation_is_that_of_python_and_its_warning_is_said(run):
    options = ("--engine", "frequentist", "--measure", "PFT", "--back-transformation", "variance")
    result = run("fit", "pritz1997", *options, "--format", "csv")
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    fit = bm.fit(studies, engine="frequentist", measure="PFT", back_transformation="variance")
    pd.testing.assert_frame_equal(table_of(result), bm.summary(fit))
    assert "note: PFT is transformed back as if all studies had one size" in result.stderr


def test_an_option_of_another_method_is_refused(refused):
    options = ("--engine", "frequentist", "--method", "peto", "--tau2-method", "DL")
    assert "method='peto' takes no tau2_method; leave it out" in refused("fit", str(BCG), *options, status=2)
    assert "--method is for --engine frequentist, not exact" in refused("fit", str(BCG), "--method", "peto", status=2)
