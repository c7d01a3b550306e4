"""One row per study: what it does, and how well it fits."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.study_influence import influence

FRAME = pd.DataFrame({"study": list("ABCDE"), "events": [10, 11, 9, 12, 38], "n": [40] * 5})


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(FRAME), bm.ModelSpec(tau="HalfNormal(0.3)"))


def test_it_puts_leave_one_out_beside_the_conflict(fit):
    table = influence(fit)
    rows = leave_one_out(fit).query("parameter == 'p_median'").set_index("study")
    assert table["median"].tolist() == rows["median"].tolist()
    assert table["elpd_loo"].tolist() == rows["elpd_loo"].tolist()
    assert table["conflict_pvalue"].tolist() == conflict(fit)["conflict_pvalue"].tolist()
    assert (table["numerical_error"] >= rows["numerical_error"]).all()
    assert table["conflict_pvalue"].idxmin() == table["elpd_loo"].idxmin() == table["shift"].abs().idxmax() == "E"


def test_any_row_of_the_summary_can_be_shown(fit):
    assert set(influence(fit, parameter="tau")["parameter"]) == {"tau"}
    with pytest.raises(bm.SpecError, match=r"unknown parameter 'p_mena'\. Did you mean 'p_mean'"):
        influence(fit, parameter="p_mena")


def test_estimates_show_mu():
    studies = bm.Studies(tuple("ABC"), y=np.array([0.1, 0.4, -0.3]), se=np.array([0.2, 0.3, 0.15]))
    fit = bm.fit(studies, bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(0.5)"))
    assert set(influence(fit)["parameter"]) == {"mu"}


def test_a_classical_fit_has_its_own_columns(fit):
    table = influence(bm.fit(fit.studies, engine="frequentist", measure="PR"))
    assert list(table.columns) == [
        "parameter",
        "estimate",
        "lower",
        "upper",
        "shift",
        "tau2",
        "i2",
        "q",
        "q_pvalue",
        "rstudent",
        "dffits",
        "cook_d",
        "cov_r",
        "hat",
        "weight",
        "dfbetas",
        "influential",
        "note",
    ]
    assert set(table["parameter"]) == {"p_mean"}


def test_one_study_conflicts_with_the_prior_only(fit):
    row = influence(bm.fit(fit.studies.take([4]), fit.model)).iloc[0]
    assert row["note"] == "no study is left"
    assert np.isnan(row["median"])
    assert 0.0 < row["conflict_pvalue"] < 1.0


def test_where_no_conflict_is_defined_the_note_says_so(fit):
    table = influence(bm.fit(fit.studies, bm.ModelSpec("binomial", effects="student-t")))
    assert table["conflict_pvalue"].isna().all()
    assert table["median"].notna().all()
    assert table["note"].str.startswith("no conflict p-value: conflict p-values are not defined yet").all()
