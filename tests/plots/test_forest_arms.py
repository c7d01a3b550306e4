"""Does a forest plot of two arms or of rates show each arm's data and the right effect?"""

from pathlib import Path

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.read import read_studies
from bayesmeta.effects.rates import garwood
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_fits import natural_scale

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
NORMAL = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
BCG = bm.fit(read_studies(FOLDER / "bcg.csv", moderators=["year"]), NORMAL)
LINES = bm.fit(read_studies(FOLDER / "nielweise2008.csv"), NORMAL)
RATES = bm.fit(bm.Studies(("A", "B"), events=np.array([7.0, 1]), time=np.array([1344.0, 12.5])), NORMAL)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_each_arm_has_a_column_of_counts_and_the_axis_the_name_of_the_measure():
    ax = bm.plot_forest(BCG)
    written = texts(ax)
    for words in ("Treatment", "Control", "4/123", "11/139", "505/88,391"):
        assert words in written
    assert "Odds ratio" in [*written, ax.get_xlabel()]
    of_lines = texts(bm.plot_forest(LINES))
    assert {"Treatment", "7/1,344", "11/1,988"} <= set(of_lines)
    assert {"Events/time", "7/1,344", "1/12.5"} <= set(texts(bm.plot_forest(RATES)))


def test_the_arms_can_be_chosen_one_by_one_and_have_own_headings():
    written = texts(bm.plot_forest(BCG, columns={"data_control": "No vaccine", "estimate": "OR"}))
    assert {"No vaccine", "11/139"} <= set(written)
    assert "4/123" not in written
    with pytest.raises(SpecError, match="'data' is a column for each arm here; name 'data_treatment' and"):
        bm.plot_forest(BCG, columns={"data": "Counts"})


def test_the_frame_holds_the_data_of_each_arm_and_both_engines_show_the_same_observed_effects():
    exact, dl = bm.forest_frame(BCG), bm.forest_frame(bm.fit(BCG.studies, engine="frequentist"))
    roles = [*BCG.studies.data]
    for frame in (exact, dl):
        studies = frame[frame["kind"] == "study"]
        np.testing.assert_array_equal(studies[roles].to_numpy(float), np.c_[*BCG.studies.data.values()])
        assert frame[roles].iloc[-1].isna().all()
    columns = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(
        exact.loc[exact["kind"] == "study", columns], dl.loc[dl["kind"] == "study", columns], rtol=1e-13
    )


def test_studies_are_ordered_by_the_size_of_both_arms():
    total = BCG.studies.n_treatment + BCG.studies.n_control
    frame = bm.forest_frame(BCG, order="-data")
    wanted = [BCG.studies.study[i] for i in np.argsort(-total, kind="stable")]
    assert frame.loc[frame["kind"] == "study", "label"].tolist() == wanted


def test_rates_are_shown_as_rates_with_exact_intervals_by_both_engines():
    assert natural_scale(RATES) == "rate"
    limits = np.c_[garwood(RATES.studies.events, RATES.studies.time)]
    for fit in (RATES, bm.fit(RATES.studies, engine="frequentist")):
        rows = bm.forest_frame(fit).iloc[:2]
        np.testing.assert_array_equal(rows[["lower", "upper"]].to_numpy(), limits)
    assert "exact (Garwood) 95 % CI" in " ".join(" ".join(texts(bm.plot_forest(RATES))).split())


def test_two_measures_of_the_same_arms_are_not_drawn_on_one_axis():
    risk = bm.fit(BCG.studies, engine="frequentist", measure="RR")
    with pytest.raises(SpecError, match="compare holds a fit of a risk ratio, but the plot shows an odds ratio"):
        bm.plot_forest(BCG, compare=risk)
