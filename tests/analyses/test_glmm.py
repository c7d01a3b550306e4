"""Mixed models in the analyses that repeat a fit, and beside other fits."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.frequentist.glmm import fit_glmm
from bayesmeta.tables.results import render_fit

FRAME = pd.DataFrame(
    {
        "study": list("ABCDE"),
        "events": [3, 9, 6, 0, 4],
        "n": [10, 11, 12, 8, 9],
        "kind": ["x", "x", "x", "y", "y"],
        "year": [2001, 2004, 2003, 2002, 2005],
    }
)
STUDIES = bm.Studies.from_frame(FRAME, moderators=["kind", "year"])
FIT = bm.fit(STUDIES, engine="frequentist", method="glmm")


def rows_of(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    return table.set_index("parameter")[["estimate", "se", "lower", "upper"]]


def test_leave_one_out_refits_the_others():
    table = bm.leave_one_out(FIT)
    for i, label in enumerate("ABCDE"):
        alone = fit_glmm(STUDIES.take(np.delete(np.arange(5), i)))
        expected = alone.summary().to_numpy()
        assert rows_of(table, study=label).to_numpy() == pytest.approx(expected, rel=1e-9)
        assert (table[table["study"] == label]["tau2"] == alone.tau2).all()


def test_leave_one_out_uses_the_tables_of_two_arms():
    studies = bm.Studies(
        study=("A", "B", "C"), events_treatment=np.array([2.0, 5, 1]), n_treatment=np.array([20.0, 31, 15]),
        events_control=np.array([7.0, 9, 2]), n_control=np.array([21.0, 30, 17]),
    )  # fmt: skip
    fit = fit_glmm(studies, glmm_model="CM.EL", ci_method="t")
    table = bm.leave_one_out(fit)
    alone = fit_glmm(studies.take([0, 2]), glmm_model="CM.EL", ci_method="t")
    assert rows_of(table, study="B").to_numpy() == pytest.approx(alone.summary().to_numpy(), rel=1e-7)


def test_a_part_without_a_maximum_says_why():
    table = bm.cumulative(FIT, by=["D", "A", "B", "C", "E"])
    first = table[table["study"] == "D"]
    assert first["estimate"].isna().all()
    assert first["note"].str.contains("grows without bound as mu -> -inf").all()
    whole = table[table["study"] == "E"]
    assert whole["estimate"].to_numpy() == pytest.approx(FIT.summary()["estimate"].to_numpy(), rel=1e-9)


def test_subgroups_fit_each_level():
    table = bm.subgroups(STUDIES, by="kind", engine="frequentist", method="glmm", ci_method="profile")
    x = fit_glmm(STUDIES.take([0, 1, 2]), ci_method="profile")
    mu = table.query("level == 'x' and parameter == 'mu'").iloc[0]
    assert (mu["estimate"], mu["lower"], mu["upper"]) == pytest.approx((x.mu, x.lower, x.upper), rel=1e-6)


def test_compare_puts_a_mixed_model_beside_the_others():
    table = bm.compare([bm.fit(STUDIES), FIT, bm.fit(STUDIES, engine="frequentist")])
    rows = table[table["fit"].str.startswith("GLMM")].set_index("parameter")
    assert list(rows.index) == ["mu", "tau", "p_median", "p_mean", "p_new"]
    assert (rows["point"] == "ML").all()
    assert rows.loc["tau", ["lower", "upper"]].tolist() == pytest.approx(FIT.tau_interval)
    assert rows.loc["p_mean", "estimate"] == FIT.summary().loc["p_mean", "estimate"]
    assert rows.loc["p_new", ["lower", "upper"]].tolist() == pytest.approx(FIT.prediction_interval_natural)


def test_influence_and_subsets_take_a_mixed_model():
    assert bm.influence(FIT)["shift"].abs().max() > 0.1
    assert len(bm.subsets(FIT, size=4)) == 5


def test_the_screen_and_the_forest_plot_show_it():
    text = render_fit(FIT)
    assert text.startswith("Mixed model by maximum likelihood (BN: ")
    assert "tau2 = 0: likelihood ratio" in text
    frame = bm.forest_frame(FIT)
    assert frame[frame["kind"] == "summary"]["estimate"].iloc[0] == pytest.approx(
        FIT.summary().loc["p_median", "estimate"]
    )
    assert frame["weight"].sum() == pytest.approx(1)
