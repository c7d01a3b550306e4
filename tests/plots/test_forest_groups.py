"""Are groups drawn with their own studies, estimates and heterogeneity, whatever made these?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError

NUMBERS = ["estimate", "lower", "upper"]


def of(frame: pd.DataFrame, group: str, kind: str) -> pd.DataFrame:
    return frame[(frame["group"] == group) & (frame["kind"] == kind)]


def lines(ax, *, weight: str = "normal", style: str = "normal") -> list[str]:
    return [t.get_text() for t in ax.texts if (t.get_weight(), t.get_style()) == (weight, style)]


def test_each_group_has_its_studies_and_the_numbers_of_the_table(judged, by_regimen):
    frame = bm.forest_frame(judged, groups=by_regimen)
    regimen = judged.studies.moderators["regimen"]
    for level, table in by_regimen.groupby("level"):
        rows = table.set_index("parameter")
        expected = [name for name, value in zip(judged.studies.study, regimen, strict=True) if value == level]
        assert of(frame, level, "study")["label"].tolist() == expected
        summaries = of(frame, level, "summary").set_index("parameter")
        assert list(summaries.index) == ["p_median", "p_mean"]
        np.testing.assert_array_equal(summaries[NUMBERS], rows.loc[summaries.index, NUMBERS].astype(float))
        (prediction,) = of(frame, level, "prediction")[["lower", "upper"]].to_numpy()
        np.testing.assert_array_equal(prediction, rows.loc["p_new", ["lower", "upper"]].astype(float))
        tau = rows.loc["tau"]
        (words,) = of(frame, level, "heterogeneity")["label"]
        limits = f"{tau['lower']:.2f} to {tau['upper']:.2f}"
        assert words == f"tau = {tau['estimate']:.2f} (95 % CrI {limits}), logit scale"


def test_the_estimates_of_all_studies_and_of_other_fits_stand_below(judged, by_regimen):
    dl = bm.fit(judged.studies, engine="frequentist")
    grouped, plain = bm.forest_frame(judged, groups=by_regimen, compare=dl), bm.forest_frame(judged, compare=dl)
    overall = grouped[grouped["group"] == ""].reset_index(drop=True)
    pd.testing.assert_frame_equal(overall, plain[plain["kind"] != "study"].reset_index(drop=True))


def test_studies_are_ordered_within_their_groups(judged, by_regimen):
    frame = bm.forest_frame(judged, groups=by_regimen, order="-year")
    for level in ("TKI", "chemotherapy"):
        assert of(frame, level, "study")["year"].is_monotonic_decreasing
    assert frame.loc[frame["kind"] == "study", "group"].tolist() == ["chemotherapy"] * 3 + ["TKI"] * 7


def test_a_fit_with_a_formula_shows_its_groups_and_no_estimate_of_all(of_regimens):
    frame, table = bm.forest_frame(of_regimens), of_regimens.summary()
    assert (frame["group"] != "").all()
    rows = frame[frame["kind"].isin(["summary", "prediction"])]
    names = rows["parameter"] + "[" + rows["group"] + "]"
    expected = table.loc[names, ["lower", "upper"]]
    np.testing.assert_array_equal(rows[["lower", "upper"]], expected)
    weights = frame.groupby("group")["weight"].sum()
    assert weights.to_numpy() == pytest.approx(1.0)
    ax = bm.plot_forest(of_regimens)
    assert lines(ax, weight="bold")[:1] == ["Study"]
    assert {"TKI", "chemotherapy"} <= set(lines(ax, weight="bold"))
    notes = " ".join(lines(ax)).replace("\N{NO-BREAK SPACE}", " ")
    assert notes.count(f"heterogeneity: tau = {table.at['tau', 'median']:.2f} (95 % CrI") == 1
    assert "area proportional to weight in its group." in notes
    assert not [line for line in ax.lines if line.get_label() == "_reference"]


def test_a_classical_meta_regression_shows_its_groups(judged):
    fit = bm.fit(judged.studies, engine="frequentist", formula="~ 0 + regimen")
    frame, table = bm.forest_frame(fit), fit.summary()
    for group in ("TKI", "chemotherapy"):
        found = of(frame, group, "summary")[NUMBERS].to_numpy(dtype=float)
        np.testing.assert_array_equal(found[0], table.loc[f"p_median[{group}]", NUMBERS].to_numpy(dtype=float))
    beside = bm.forest_frame(judged, groups=fit)
    columns = ["label", *NUMBERS, "group"]
    groups = [each[each["kind"].isin(["summary", "prediction"]) & (each["group"] != "")] for each in (frame, beside)]
    pd.testing.assert_frame_equal(*(each[columns].reset_index(drop=True) for each in groups))


def test_ratios_of_groups_are_on_their_natural_scale(hazard):
    studies = replace(hazard.studies, moderators=pd.DataFrame({"arm": ["x", "y", "x"]}))
    fit = bm.fit(studies, hazard.model)
    table = bm.subgroups(studies, hazard.model, by="arm")
    frame = bm.forest_frame(fit, groups=table)
    mu = table[(table["level"] == "x") & (table["parameter"] == "mu")][NUMBERS].to_numpy(dtype=float)
    np.testing.assert_array_equal(of(frame, "x", "summary")[NUMBERS].to_numpy(dtype=float), np.exp(mu))
    assert of(frame, "x", "heterogeneity")["label"].iloc[0].endswith(", log scale")


def test_a_dict_of_fits_gives_each_group_its_own_engine_and_words(judged, regimen_fits):
    frame = bm.forest_frame(judged, groups=regimen_fits)
    dl = regimen_fits["None"]
    (words,) = of(frame, "None", "heterogeneity")["label"]
    assert words == f"tau² = {dl.tau2:.3g}, I² = {100 * dl.i2:.1f} %, Q = {dl.q:.2f}, df = 2, P = {dl.q_pvalue:.3f}"
    np.testing.assert_array_equal(
        of(frame, "None", "summary")[NUMBERS].to_numpy(dtype=float)[0], dl.summary().loc["p_median", NUMBERS]
    )


def test_a_group_whose_fit_failed_its_diagnosis_says_so(judged, regimen_fits):
    frame = bm.forest_frame(judged, groups=regimen_fits)
    failed = frame[~frame["is_reliable"]]
    assert set(failed["group"]) == {"TKI"}
    assert "study" not in set(failed["kind"])
    ax = bm.plot_forest(judged, groups=regimen_fits, width_mm=85)
    bold = " ".join(lines(ax, weight="bold"))
    assert "NOT RELIABLE: TKI" in lines(ax, weight="bold")
    assert "NOT RELIABLE: TKI; do not use the estimates there. R-hat" in bold
    assert "NOT RELIABLE: None" not in bold


def test_the_verdict_in_a_table_of_subgroups_is_drawn_too(judged, by_regimen):
    table = by_regimen.copy()
    table.loc[table["level"] == "TKI", "note"] = "NOT RELIABLE: R-hat 2.84: the chains have not met; 3 divergent"
    bold = lines(bm.plot_forest(judged, groups=table), weight="bold")
    assert {"NOT RELIABLE: TKI", "chemotherapy", "Bayesian model"} <= set(bold)
    assert "NOT RELIABLE: TKI; do not use the estimates there. R-hat 2.84: the chains have not met." in bold


def test_a_tau_that_the_groups_share_is_told_once(judged):
    table = bm.subgroups(judged.studies, by="regimen", engine="frequentist", tau="common")
    frame = bm.forest_frame(judged, groups=table)
    assert "heterogeneity" not in set(frame["kind"])
    notes = " ".join(lines(bm.plot_forest(judged, groups=table))).replace("\N{NO-BREAK SPACE}", " ")
    assert notes.count("Groups by regimen, heterogeneity within each: tau = 1.03, logit scale") == 1


def test_a_level_that_cannot_be_analysed_says_why(judged, by_regimen):
    table = by_regimen[by_regimen["level"] == "TKI"].copy()
    other = (
        by_regimen[by_regimen["level"] != "TKI"]
        .iloc[:1]
        .assign(
            parameter="", estimate=np.nan, lower=np.nan, upper=np.nan, note="not analysed: the posterior is improper"
        )
    )
    ax = bm.plot_forest(judged, groups=pd.concat([other, table]))
    assert "not analysed: the posterior is improper" in lines(ax, style="italic")


def test_only_the_estimands_that_are_wanted_are_shown(judged, by_regimen):
    frame = bm.forest_frame(judged, groups=by_regimen, estimands=["p_median", "p_new"])
    assert set(frame["parameter"]) == {"", "tau", "p_median", "p_new"}
    assert frame["kind"].value_counts()["prediction"] == 3


def test_groups_do_not_move_the_studies_numbers(judged, by_regimen):
    columns = ["label", "estimate", "lower", "upper", "shrunken", "weight", "year"]
    grouped, plain = bm.forest_frame(judged, groups=by_regimen), bm.forest_frame(judged)
    one, other = (each[each["kind"] == "study"][columns].set_index("label") for each in (grouped, plain))
    pd.testing.assert_frame_equal(one.loc[other.index], other)


def test_marks_stand_at_the_rows_of_their_labels(judged, by_regimen):
    ax = bm.plot_forest(judged, groups=by_regimen, style="classic")
    frame = bm.forest_frame(judged, groups=by_regimen)
    (squares,) = [child for child in ax.collections if child.get_label() == "_observed"]
    y = {text.get_text(): text.get_position()[1] for text in ax.texts}
    studies = frame[frame["kind"] == "study"]
    assert squares.get_offsets()[:, 1].tolist() == pytest.approx([y[label] for label in studies["label"]])
    assert squares.get_offsets()[:, 0].tolist() == studies["estimate"].tolist()
    diamonds = [patch for patch in ax.patches if patch.get_label() in ("_p_median", "_p_mean")]
    lowest = [patch.get_xy()[0, 0] for patch in diamonds]
    assert lowest == frame.loc[frame["kind"] == "summary", "lower"].tolist()


def bad_groups(judged, by_regimen, remission_dl, of_regimens):
    both = bm.subgroups(judged.studies, by=["regimen", "year"], engine="frequentist")
    slope = bm.fit(judged.studies, engine="frequentist", formula="~ year")
    part = bm.fit(judged.studies.take([0, 1]), engine="frequentist")
    return [
        ("regimen", r"groups is a str; give bm\.subgroups\(studies, by='regimen'\), a fit with a formula"),
        (remission_dl, r"groups is a FrequentistFit; give bm\.subgroups"),
        (slope, r"takes no model with a formula yet \(here '~ year'\) that does not code groups by cell means"),
        (by_regimen.drop(columns="level"), "groups is a DataFrame that lacks the column 'level'"),
        (by_regimen.iloc[:0], "groups is a DataFrame that is empty"),
        (both, r"groups holds 'regimen', 'year', of which a plot shows one; give groups=table\[table\['variable'\]"),
        (by_regimen[by_regimen["level"] == "TKI"], "groups has no level 'chemotherapy' of 'regimen'"),
        (by_regimen.assign(k=4), "groups has 4 studies of 'chemotherapy', the plot 3"),
        (by_regimen.assign(variable="regime"), r"unknown moderator 'regime'\. Did you mean 'regimen'\?"),
        ({"a": part}, r"study 'Sokolov 2017' is in no group; each study of the plot must be in one"),
        ({"a": part, "b": part}, "is in 2 groups"),
        ({"a": of_regimens}, r"groups: 'a' is a RegressionFit; give fits without a formula"),
        (3, r"groups is an int; give bm\.subgroups"),
    ]


def test_wrong_groups_are_refused_in_one_line(judged, by_regimen, remission_dl, of_regimens, hazard):
    for groups, words in bad_groups(judged, by_regimen, remission_dl, of_regimens):
        with pytest.raises(SpecError, match=words) as caught:
            bm.plot_forest(judged, groups=groups)
        assert "\n" not in str(caught.value)
    with pytest.raises(SpecError, match=r"groups has intervals of ci_prob=0\.95, the plot of 0\.9; make both with one"):
        bm.plot_forest(judged, groups=by_regimen, ci_prob=0.9)
    with pytest.raises(SpecError, match="groups holds a fit of a hazard ratio, but the plot shows a proportion"):
        bm.plot_forest(judged, groups={"a": hazard})
    with pytest.raises(SpecError, match="groups is a fit of other studies"):
        bm.plot_forest(hazard, groups=of_regimens)
    with pytest.raises(SpecError, match=r"compare holds a fit with the formula '~ 0 \+ regimen', which has groups"):
        bm.plot_forest(judged, compare=of_regimens)
    with pytest.raises(SpecError, match=r"unknown estimand 'p_man'\. Did you mean 'p_mean'\?"):
        bm.forest_frame(judged, estimands="p_man")
    with pytest.raises(SpecError, match="estimands=3 must be a name"):
        bm.forest_frame(judged, estimands=3)
