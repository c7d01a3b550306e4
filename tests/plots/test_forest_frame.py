"""Does the frame of a forest plot hold the numbers of the fits, each named after what it estimates?"""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.effects.one_arm import clopper_pearson
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_frame import FRAME_DTYPES, forest_frame


def of_kind(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    return frame[frame["kind"] == kind]


def values(rows: pd.DataFrame, *columns: str) -> np.ndarray:
    return rows[list(columns)].to_numpy(dtype=np.float64)


def test_columns_and_types_are_the_documented_ones_for_every_kind_of_fit(remission, remission_dl, hazard):
    for fit in (remission, remission_dl, hazard):
        frame = forest_frame(fit)
        assert list(frame.columns) == [*FRAME_DTYPES, *fit.studies.moderators]
        assert frame.index.equals(pd.RangeIndex(len(frame)))
        assert str(frame["events"].dtype) == "Int64"


def test_studies_hold_the_raw_proportion_with_its_exact_interval(remission):
    rows, studies = of_kind(forest_frame(remission, ci_prob=0.9), "study"), remission.studies
    lower, upper = clopper_pearson(studies.events, studies.n, ci_prob=0.9)
    assert rows["label"].tolist() == list(studies.study)
    assert rows["events"].tolist() == studies.events.tolist()
    assert rows["n"].tolist() == studies.n.tolist()
    expected = np.column_stack([studies.events / studies.n, lower, upper])
    np.testing.assert_array_equal(values(rows, "estimate", "lower", "upper"), expected)
    assert set(rows["interval"]) == {"CI"}


def test_shrunken_proportions_and_weights_are_those_of_study_effects(remission):
    rows = of_kind(forest_frame(remission, ci_prob=0.8), "study")
    effects = bm.study_effects(remission, ci_prob=0.8)
    expected = values(effects, "proportion", "proportion_lower", "proportion_upper", "weight")
    found = values(rows, "shrunken", "shrunken_lower", "shrunken_upper", "weight")
    np.testing.assert_array_equal(found, expected)
    assert rows["weight"].sum() == pytest.approx(1.0, abs=1e-12)


def test_the_three_estimands_are_the_summarys_rows(remission):
    rows = forest_frame(remission, ci_prob=0.9).iloc[remission.k :].set_index("parameter")
    table = remission.summary(ci_prob=0.9)
    assert list(rows.index) == ["p_median", "p_mean", "p_new"]
    assert rows["kind"].tolist() == ["summary", "summary", "prediction"]
    assert rows["interval"].tolist() == ["CrI", "CrI", "PI"]
    np.testing.assert_array_equal(values(rows, "lower", "upper"), values(table.loc[rows.index], "lower", "upper"))
    assert rows.at["p_median", "estimate"] == table.at["p_median", "median"]
    assert rows.at["p_mean", "estimate"] == table.at["p_mean", "mean"]
    assert np.isnan(rows.at["p_new", "estimate"])
    assert rows["point"].tolist() == ["median", "mean", ""]


def test_each_estimand_is_named_in_words_and_by_its_parameter(remission):
    labels = forest_frame(remission)["label"].tolist()[-3:]
    assert labels == ["Median study (p_median)", "Average study (p_mean)", "Next study (p_new)"]


@pytest.mark.parametrize(("measure", "estimand"), [("PLO", "p_median"), ("PR", "p_mean")])
def test_a_compared_frequentist_fit_is_named_after_its_method_and_estimand(remission, measure, estimand):
    dl = bm.fit(remission.studies, engine="frequentist", measure=measure)
    rows = forest_frame(remission, compare=dl).iloc[-2:]
    assert rows["parameter"].tolist() == [estimand, "p_new"]
    assert rows["method"].str.startswith("DerSimonian-Laird").all()
    table = dl.summary().loc[estimand]
    assert values(rows.iloc[:1], "estimate", "lower", "upper")[0].tolist() == [*table[["estimate", "lower", "upper"]]]
    assert tuple(values(rows.iloc[1:], "lower", "upper")[0]) == dl.prediction_interval_natural


def test_ci_prob_holds_for_a_frequentist_fit_made_with_another(remission):
    at_95, at_80 = (bm.fit(remission.studies, engine="frequentist", measure="PR", ci_prob=prob) for prob in (0.95, 0.8))
    pd.testing.assert_frame_equal(forest_frame(at_95, ci_prob=0.8), forest_frame(at_80, ci_prob=0.8))


def test_a_frequentist_fit_alone_has_no_shrunken_estimates_and_its_own_weights(remission_dl):
    rows = of_kind(forest_frame(remission_dl), "study")
    assert rows[["shrunken", "shrunken_lower", "shrunken_upper"]].isna().all(axis=None)
    np.testing.assert_array_equal(rows["weight"], remission_dl.weights)


def test_no_prediction_row_where_there_is_no_prediction_interval(remission):
    equal_effects = bm.fit(remission.studies, engine="frequentist", tau2_method="EE")
    assert of_kind(forest_frame(equal_effects), "prediction").empty


def test_ratios_are_shown_on_their_natural_scale(hazard):
    frame, table = forest_frame(hazard), hazard.summary()
    rows = frame.set_index("label")
    assert rows.at["TOWER", "estimate"] == pytest.approx(0.71, abs=1e-12)
    limits = values(frame.iloc[-2:], "lower", "upper")
    expected = np.exp(values(table.loc[["mu", "theta_new"]], "lower", "upper"))
    np.testing.assert_allclose(limits, expected, rtol=1e-14)
    assert frame.iloc[-2:]["parameter"].tolist() == ["mu", "theta_new"]
    effects = bm.study_effects(hazard)
    np.testing.assert_array_equal(of_kind(frame, "study")["shrunken"], effects["ratio"])


def test_frequentist_ratios_have_the_same_studies_as_bayesian_ones(hazard):
    dl = bm.fit(hazard.studies, engine="frequentist")
    columns = ["label", "estimate", "lower", "upper"]
    bayes, classical = (of_kind(forest_frame(fit), "study")[columns] for fit in (hazard, dl))
    pd.testing.assert_frame_equal(bayes, classical, rtol=1e-14)


def test_effects_have_normal_intervals(effects):
    rows, studies = of_kind(forest_frame(effects), "study"), effects.studies
    half = 1.959963984540054 * studies.se
    expected = np.column_stack([studies.y, studies.y - half, studies.y + half])
    np.testing.assert_allclose(values(rows, "estimate", "lower", "upper"), expected, atol=1e-12)
    assert rows["n"].isna().all()


@pytest.mark.parametrize(("measure", "first"), [("PLO", "p_median"), ("PR", "mu")])
def test_a_normal_likelihood_of_counts_shows_raw_proportions_too(remission, measure, first):
    studies = remission.studies
    fit = bm.fit(studies, bm.load_model("normal-normal"), measure=measure)
    frame = forest_frame(fit, compare={"exact likelihood": remission})
    np.testing.assert_array_equal(of_kind(frame, "study")["estimate"], studies.events / studies.n)
    assert of_kind(frame, "summary")["parameter"].iloc[0] == first
    assert of_kind(frame, "study")["shrunken"].between(0.0, 1.2).all()


def test_a_dict_labels_the_compared_fits(remission, remission_dl):
    frame = forest_frame(remission, compare={"As published": remission_dl})
    assert frame["method"].unique().tolist() == ["Bayesian model", "As published"]


def test_one_fit_and_a_sequence_of_it_give_the_same_frame(remission, remission_dl):
    pd.testing.assert_frame_equal(
        forest_frame(remission, compare=remission_dl), forest_frame(remission, compare=[remission_dl])
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compare": ["dl"]}, r"fits made by bm\.fit; got a str"),
        ({"compare": "dl"}, r"fits made by bm\.fit; got a str"),
        ({"compare": 3}, r"fits made by bm\.fit; got an int"),
        ({"ci_prob": 95}, r"ci_prob=95 must lie strictly between 0 and 1\. Did you mean 0\.95\?"),
    ],
)
def test_wrong_options_are_refused_in_one_line(remission, options, words):
    with pytest.raises(SpecError, match=words) as caught:
        forest_frame(remission, **options)
    assert "\n" not in str(caught.value)


def test_two_fits_of_the_same_name_must_be_told_apart(remission):
    other = bm.fit(remission.studies, bm.ModelSpec("binomial", tau="HalfNormal(0.5)"))
    with pytest.raises(SpecError, match=r"two fits are called 'Bayesian model'; name them: compare=\{"):
        forest_frame(remission, compare=other)
    assert len(forest_frame(remission, compare={"tau ~ HalfNormal(0.5)": other})) == remission.k + 6


def test_fits_on_different_scales_are_not_compared(remission, hazard):
    with pytest.raises(SpecError, match="a fit of a hazard ratio, but the plot shows a proportion"):
        forest_frame(remission, compare=hazard)


def test_the_frame_is_had_without_matplotlib():
    script = "import sys, bayesmeta.plots.forest_frame; print(sorted(m for m in sys.modules if m == 'matplotlib'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
