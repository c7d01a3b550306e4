"""Do leave-one-out and cumulative plots draw the numbers of their analyses?"""

from dataclasses import replace

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.analyses import sampled_parts
from bayesmeta.errors import SpecError

NUMBERS = ["estimate", "lower", "upper"]


def steps(frame):
    return frame[frame["kind"] == "step"]


def test_the_frame_without_each_study_is_that_of_leave_one_out(remission, remission_dl):
    for fit, parameter, point in ((remission, "p_median", "median"), (remission_dl, "p_mean", "estimate")):
        frame, table = bm.leave_one_out_frame(fit), bm.leave_one_out(fit, ci_prob=0.95)
        rows = table[table["parameter"] == parameter]
        assert steps(frame)["label"].tolist() == rows["study"].tolist() == list(fit.studies.study)
        np.testing.assert_array_equal(steps(frame)[NUMBERS], rows[[point, "lower", "upper"]])
        np.testing.assert_array_equal(steps(frame)["shift"], rows["shift"])
        last, summary = frame.iloc[-1], fit.summary().loc[parameter]
        assert (last["kind"], last["k"]) == ("summary", fit.k)
        assert last[NUMBERS].tolist() == summary[[point, "lower", "upper"]].tolist()
        assert set(steps(frame)["k"]) == {fit.k - 1}


def test_tau_and_i2_of_each_step_are_those_of_the_fit_of_its_studies(remission, remission_dl):
    rest = remission.studies.take(np.arange(1, remission.k))
    bayes = bm.leave_one_out_frame(remission)
    assert bayes["tau"].iloc[0] == pytest.approx(bm.fit(rest).summary().at["tau", "median"], abs=1e-6)
    assert bayes["tau"].iloc[-1] == pytest.approx(remission.summary().at["tau", "median"], abs=1e-6)
    assert bayes["i2"].isna().all()
    dl = bm.fit(rest, engine="frequentist", measure="PR", variance="exact-ci")
    classical = bm.leave_one_out_frame(remission_dl)
    assert classical[["tau", "i2"]].iloc[0].tolist() == pytest.approx([dl.tau, dl.i2])
    assert classical[["tau", "i2"]].iloc[-1].tolist() == [remission_dl.tau, remission_dl.i2]


def test_the_cumulative_frame_is_that_of_cumulative(remission):
    frame, table = bm.cumulative_frame(remission, by="year", estimand="p_mean"), bm.cumulative(remission, by="year")
    rows = table[table["parameter"] == "p_mean"]
    np.testing.assert_array_equal(steps(frame)[NUMBERS], rows[["mean", "lower", "upper"]])
    assert steps(frame)[["k", "label", "by"]].to_numpy().tolist() == rows[["k", "study", "by"]].to_numpy().tolist()
    assert steps(frame)["estimate"].iloc[-1] == pytest.approx(frame["estimate"].iloc[-1], abs=1e-6)


def test_one_study_tells_a_frequentist_nothing_of_heterogeneity(remission_dl):
    frame = bm.cumulative_frame(remission_dl)
    assert frame.loc[0, ["tau", "i2"]].isna().all()
    assert frame.loc[1:, ["tau", "i2"]].notna().all(axis=None)


def test_ratios_are_on_their_natural_scale_and_the_line_of_no_effect_is_drawn(hazard):
    table = bm.leave_one_out(hazard).query("parameter == 'mu'")
    expected = np.exp(table[["median", "lower", "upper"]])
    np.testing.assert_allclose(steps(bm.leave_one_out_frame(hazard))[NUMBERS], expected, rtol=1e-14)
    ax = bm.plot_leave_one_out(hazard)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "Hazard ratio"
    (line,) = [line for line in ax.lines if line.get_label() == "_null"]
    assert set(line.get_xdata()) == {1.0}


@pytest.mark.parametrize("order", ["estimate", "-shift", "study"])
def test_steps_stand_in_the_order_wanted_with_the_whole_below(remission, order):
    frame = bm.leave_one_out_frame(remission, order=order)
    name = "label" if order == "study" else order.removeprefix("-")
    values = steps(frame)[name]
    assert values.is_monotonic_decreasing if order.startswith("-") else values.is_monotonic_increasing
    assert frame["kind"].iloc[-1] == "summary"


def test_circles_stand_at_the_estimates_and_the_diamond_at_that_of_all(remission):
    ax, frame = bm.plot_leave_one_out(remission, order="estimate"), bm.leave_one_out_frame(remission, order="estimate")
    (circles,) = [child for child in ax.collections if child.get_label() == "_step"]
    assert circles.get_offsets().tolist() == [[x, i] for i, x in enumerate(steps(frame)["estimate"])]
    (diamond,) = ax.patches
    assert diamond.get_xy()[[0, 1, 2], 0].tolist() == frame.iloc[-1][["lower", "estimate", "upper"]].tolist()
    found = [text.get_text() for text in ax.texts]
    assert {"Study left out", "Median study", "tau", "83.5 (70.0–92.3)"} <= set(found)
    assert "Studies" not in found


def test_the_columns_of_a_cumulative_plot_tell_year_and_number_of_studies(remission_dl):
    found = [text.get_text() for text in bm.plot_cumulative(remission_dl, by="year").texts]
    assert {"Study added", "Year", "Studies", "2017", "10", "I²", "tau"} <= set(found)
    assert "Tie in year: in the order of the data." in found
    narrow = [text.get_text() for text in bm.plot_cumulative(remission_dl, by="year", width_mm=85).texts]
    assert not {"Year", "Studies", "tau"} & set(narrow)


def test_a_step_without_a_number_says_why():
    one = bm.fit(bm.Studies(("Lee 2019",), events=[3.0], n=[9.0]))
    frame = bm.leave_one_out_frame(one)
    assert np.isnan(frame["estimate"].iloc[0])
    assert "Lee 2019: no study is left." in [text.get_text() for text in bm.plot_leave_one_out(one).texts]


def test_refits_by_nuts_are_drawn_and_say_where_they_failed(remission, as_nuts, monkeypatch):
    count, few = 0, bm.fit(remission.studies.take(np.arange(4)))

    def refit(fit, include, *, seed):
        nonlocal count
        count += 1
        return as_nuts(bm.fit(fit.studies.take(include), fit.model), divergent=12 if count == 2 else 0)

    monkeypatch.setattr(sampled_parts, "fit_part", refit)
    frame, known = bm.leave_one_out_frame(as_nuts(few)), bm.leave_one_out_frame(few)
    assert steps(frame)["is_reliable"].tolist() == [True, False, True, True]
    assert frame["note"].str.startswith("NOT RELIABLE").sum() == 1
    np.testing.assert_allclose(frame[NUMBERS], known[NUMBERS], atol=0.06)  # Monte-Carlo error of 2000 draws
    np.testing.assert_allclose(frame["tau"], known["tau"], atol=0.2)
    count = 0
    texts = [text.get_text() for text in bm.plot_leave_one_out(as_nuts(few, apart=3.0, divergent=12)).texts]
    assert any(text.startswith(f"{remission.studies.study[1]}: NOT RELIABLE") for text in texts)
    assert any(text.startswith("NOT RELIABLE: Bayesian model") for text in texts)


def test_what_cannot_be_drawn_is_refused_in_one_line(remission, of_regimens, as_nuts):
    by_formula = replace(as_nuts(remission), model=of_regimens.model)
    for call, words in (
        (lambda: bm.plot_leave_one_out(by_formula), "a figure of leave_one_out is for models without a formula"),
        (lambda: bm.plot_cumulative(of_regimens), "cumulative is for models without a formula"),
        (lambda: bm.plot_leave_one_out(remission, estimand="p_new"), r"unknown estimand 'p_new'\. .*p_median, p_mean"),
        (lambda: bm.plot_cumulative(remission, by="yeer"), r"unknown moderator 'yeer'\. Did you mean 'year'\?"),
        (lambda: bm.plot_leave_one_out(remission, order="-shiift"), r"unknown column for order 'shiift'"),
        (lambda: bm.plot_leave_one_out(remission, ci_prob=95), "ci_prob=95 must lie strictly between 0 and 1"),
        (lambda: bm.plot_cumulative(remission, style="lancet"), "unknown style 'lancet'"),
        (lambda: bm.plot_cumulative(remission, width_mm=-1), "width_mm=-1 must be a positive number"),
        (lambda: bm.plot_leave_one_out("fit"), "got a str"),
    ):
        with pytest.raises(SpecError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_mixed_model_is_left_out_of_too(remission):
    glmm = bm.fit(remission.studies, engine="frequentist", method="glmm")
    frame = bm.leave_one_out_frame(glmm)
    assert frame["i2"].iloc[-1] == glmm.i2_tau2
    common = bm.leave_one_out_frame(bm.fit(remission.studies, bm.ModelSpec(effects="none")))
    assert common["tau"].isna().all()
    assert replace(glmm).k == len(frame) - 1
