"""Do the figures of prior sensitivity and of several fits show what their tables hold?"""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from tests.plots.figures import CASES


@pytest.fixture(scope="module")
def table(remission) -> pd.DataFrame:
    return bm.sensitivity(remission, mu=["Normal(0, 1)"], tau=["HalfNormal(0.5)", "HalfCauchy(0.5)"])


@pytest.fixture(scope="module")
def tipping(remission):
    return bm.tipping_point(remission, "P(p_new > 0.5) >= 0.9", scale_range=(0.1, 5.0))


def intervals(ax) -> list[list[float]]:
    return [list(line.get_xdata()) for line in ax.lines if line.get_label() == "_interval"]


def test_every_pair_of_priors_has_its_point_and_interval(table):
    frame = bm.sensitivity_frame(table)
    rows = table[table["parameter"] == "p_mean"]
    assert frame["estimate"].to_list() == rows["mean"].to_list()
    assert frame[["row", "series"]].drop_duplicates().shape == (6, 2)
    assert frame["is_reference"].to_list() == [True, *[False] * 5]
    ax = bm.plot_sensitivity(table)
    assert sorted(intervals(ax)) == sorted(rows[["lower", "upper"]].to_numpy().tolist())
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "HalfNormal(1) *",
        "HalfNormal(0.5)",
        "HalfCauchy(0.5)",
    ]
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert legend == ["mu ~ Normal(0, 1.5)", "mu ~ Normal(0, 1)"]


def test_priors_of_mu_alone_are_rows_of_their_own(remission):
    table = bm.sensitivity(remission, mu=["Normal(0, 1)", "Flat()"])
    ax = bm.plot_sensitivity(table, "tau")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["Normal(0, 1.5) *", "Normal(0, 1)", "Flat()"]


def test_the_tipping_curve_is_that_of_fits_and_crosses_its_threshold_at_the_tipping_point(remission, tipping):
    frame = bm.tipping_frame(tipping)
    assert frame["scale"].is_monotonic_increasing
    at = frame[frame["kind"] == "curve"].iloc[7]
    fit = bm.fit(remission.studies, remission.model.with_priors(tau=f"HalfNormal({at['scale']})"))
    assert at["value"] == pytest.approx(1.0 - float(fit.marginal("p_new").cdf(0.5)), abs=1e-6)
    ax = bm.plot_tipping_point(tipping)
    (change,) = [line for line in ax.lines if line.get_label() == "_tipping"]
    assert list(change.get_xdata()) == pytest.approx(list(tipping.scales))
    assert list(change.get_ydata()) == pytest.approx([0.9] * len(tipping.scales))


def test_a_conclusion_that_never_changes_and_one_by_a_function_are_drawn(remission):
    tip = bm.tipping_point(remission, lambda fit: fit.marginal("mu").mean() > 0.0, scale_range=(0.9, 1.0))
    assert tip.scales == ()
    frame = bm.tipping_frame(bm.tipping_point(remission, "the interval of p_mean includes 0.8", scale_range=(0.5, 1.0)))
    assert frame["threshold"].unique() == pytest.approx([0.025])
    bm.plot_tipping_point(tip)


def test_power_scaling_shows_its_own_table_and_verdicts():
    fit = CASES["k = 3"].exact
    frame = bm.power_frame(fit, "tau", alpha=[0.5])
    rows = bm.power_scale(fit, alpha=[0.5]).query("parameter == 'tau'")
    assert frame["estimate"].to_list() == rows["median"].to_list()
    found = bm.power_sensitivity(fit).loc["tau"]
    assert frame["sensitivity"].to_list() == [found["prior"], found["likelihood"]]
    assert frame["verdict"].unique().tolist() == [found["verdict"]]


def test_a_comparison_is_drawn_in_groups_and_names_the_kind_of_interval(remission, remission_dl):
    table = bm.compare([remission, remission_dl])
    frame = bm.compare_frame(table)
    assert frame["parameter"].drop_duplicates().to_list() == ["p_median", "p_mean", "p_new"]
    assert np.isfinite(frame["estimate"]).all()
    ax = bm.plot_compare(table)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert "Average study (p_mean)" in labels
    assert "Bayes, exact, CrI" in labels
    assert len(labels) == len(frame) + 3
    assert sorted(intervals(ax)) == sorted(frame[["lower", "upper"]].dropna().to_numpy().tolist())


def test_a_comparison_with_a_fit_that_failed_says_so(remission, remission_failed):
    ax = bm.plot_compare(bm.compare([remission, remission_failed]), width_mm=85)
    assert ax.figure.texts[0].get_text().startswith("NOT RELIABLE: do not use the estimates of")
    assert any(text.get_text().startswith("NOT RELIABLE") for text in ax.get_yticklabels())


def test_the_legend_of_one_column_tells_the_whole_model(remission, remission_dl):
    ax = bm.plot_compare(bm.compare([remission, remission_dl]), width_mm=85)
    first, *_ = (text.get_text() for text in ax.figure.legends[0].get_texts())
    words = " ".join(first.replace("\N{NO-BREAK SPACE}", " ").split("\n"))
    assert words == "Bayes, exact: binomial likelihood, mu ~ Normal(0, 1.5), tau ~ HalfNormal(1)"
    assert all(line.count("(") == line.count(")") for line in first.split("\n"))


def test_other_tables_are_refused_with_the_call_that_makes_the_right_one(table, remission):
    for plot, call in (
        (bm.plot_sensitivity, "bm.sensitivity"),
        (bm.plot_compare, "bm.compare"),
        (bm.plot_tipping_point, "bm.tipping_point"),
        (bm.plot_gosh, "bm.subsets"),
        (bm.plot_influence, "bm.influence"),
        (bm.plot_conflict, "bm.conflict"),
        (bm.plot_baujat, "bm.baujat"),
    ):
        with pytest.raises(SpecError, match=rf"takes .*{call}.*; got an ExactFit\."):
            plot(remission)
    with pytest.raises(SpecError, match=r"unknown parameter 'p_meen'\. Did you mean 'p_mean'"):
        bm.plot_sensitivity(table, "p_meen")
    with pytest.raises(SpecError, match="are on different scales"):
        bm.plot_compare(bm.compare(remission), ["mu", "p_mean"])
