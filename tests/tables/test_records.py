import json

import pandas as pd
import pytest

from bayesmeta.api import fit
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.tables.records import fit_record, frame_records


@pytest.fixture(scope="module")
def studies():
    return Studies.from_frame(load_dataset("pritz1997"))


@pytest.fixture(scope="module")
def exact(studies):
    return fit(studies)


def test_an_exact_fit_has_the_keys_of_the_interface(exact):
    record = fit_record(exact)
    assert list(record) == ["engine", "k", "estimates", "log_evidence", "numerical_error"]
    assert [row["parameter"] for row in record["estimates"]] == ["mu", "tau", "p_median", "p_mean", "p_new"]
    columns = ["parameter", "mean", "sd", "median", "lower", "upper", "numerical_error"]
    assert all(list(row) == columns for row in record["estimates"])


def test_the_numbers_of_an_exact_fit_are_those_of_python(exact):
    record = fit_record(exact)
    frame = pd.DataFrame(record["estimates"]).set_index("parameter")
    pd.testing.assert_frame_equal(frame, exact.summary(), check_exact=True)
    assert (record["log_evidence"], record["numerical_error"]) == (exact.log_evidence, exact.numerical_error)


def test_a_frequentist_fit_has_heterogeneity_and_no_evidence(studies):
    classical = fit(studies, engine="frequentist")
    record = fit_record(classical)
    interval = ["prediction_interval", "prediction_interval_natural"]
    assert list(record) == ["engine", "k", "estimates", "choices", *interval, "heterogeneity"]
    assert record["choices"] == {
        "measure": "PLO", "method": "inverse-variance", "tau2_method": "DL", "ci_method": "wald", "pi_method": "hts",
        "ci_prob": 0.95,
    }  # fmt: skip
    assert record["prediction_interval"] == list(classical.prediction_interval)
    assert record["prediction_interval_natural"] == list(classical.prediction_interval_natural)
    assert list(record["estimates"][1]) == ["parameter", "estimate", "se", "lower", "upper"]
    assert record["heterogeneity"] == {
        name: getattr(classical, name) for name in ("q", "df", "q_pvalue", "i2", "i2_tau2", "h2", "tau2")
    }


def test_an_improper_prior_leaves_the_evidence_out(studies):
    assert "log_evidence" not in fit_record(fit(studies, ModelSpec("binomial", mu="Flat()")))


def test_a_moment_that_does_not_exist_is_none_and_the_record_stays_json():
    two = Studies(("A", "B"), events=[3, 5], n=[10, 9])
    heavy = fit(two, ModelSpec("binomial", mu="Flat()", tau="HalfCauchy(1)"))
    assert heavy.summary().loc["tau", "sd"] == float("inf")
    record = fit_record(heavy)
    assert record["estimates"][1]["sd"] is None
    assert record["estimates"][1]["median"] > 0
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert any("tau" in note for note in heavy.notes)


def test_the_interval_asked_for_is_given(exact):
    rows = fit_record(exact, ci_prob=0.5, ci_kind="hdi")["estimates"]
    assert rows[0]["lower"] == exact.summary(ci_prob=0.5, ci_kind="hdi").loc["mu", "lower"]
    with pytest.raises(SpecError, match="ci_kind"):
        fit_record(exact, ci_kind="hid")


def test_missing_values_of_a_frame_become_none():
    frame = pd.DataFrame({"k": pd.array([14, None], dtype="Int64"), "x": [0.1, float("nan")]})
    assert frame_records(frame) == [{"k": 14, "x": 0.1}, {"k": None, "x": None}]
