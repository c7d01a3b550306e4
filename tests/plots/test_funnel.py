"""Do funnel plots put studies and limits where they belong?"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.plots.funnel import funnel_frame, plot_funnel
from tests.plots.figures import CASES


def limits(frame: pd.DataFrame, prob: float) -> pd.DataFrame:
    return frame[(frame["kind"] == "limit") & (frame["prob"] == prob)].reset_index(drop=True)


def test_proportions_stand_by_n_between_binomial_limits(remission):
    frame = funnel_frame(remission, contours=[0.95])
    points = frame[frame["kind"] == "study"]
    assert points["x"].to_numpy() == pytest.approx(remission.studies.events / remission.studies.n)
    assert points["size"].to_numpy() == pytest.approx(remission.studies.n)
    about = frame.attrs["funnel"].null
    assert about == pytest.approx(float(remission.marginal("p_median").ppf([0.5])[0]))
    own = limits(frame, 0.95)
    for row in own.iloc[[0, 40, -1]].itertuples():
        law = stats.binom(int(row.size), about)
        # the interpolated quantile lies within one count below the exact one
        for limit, q in ((row.lower, 0.025), (row.upper, 0.975)):
            assert law.ppf(q) - 1.0 <= limit * row.size <= law.ppf(q) + 1e-9


def test_interpolated_limits_come_to_those_of_the_normal_distribution():
    studies = bm.Studies.from_frame(pd.DataFrame({"study": ["a", "b"], "events": [40_000, 60_000], "n": [100_000] * 2}))
    fit = bm.fit(studies, engine="frequentist", tau2_method="EE")
    frame = funnel_frame(fit, contours=[0.9], null=0.5)
    last = limits(frame, 0.9).iloc[-1]
    half = stats.norm.ppf(0.95) * np.sqrt(0.25 / last["size"])
    assert [last["lower"], last["upper"]] == pytest.approx([0.5 - half, 0.5 + half], abs=2e-5)


def test_rates_stand_by_person_time_between_poisson_limits():
    data = {"study": list("abc"), "events": [12, 30, 4], "time": [100.0, 210.0, 55.0]}
    studies = bm.Studies.from_frame(pd.DataFrame(data), events="events", time="time")
    fit = bm.fit(studies, engine="frequentist")
    frame = funnel_frame(fit, contours=[0.95])
    assert frame.attrs["funnel"].by == "time"
    row = limits(frame, 0.95).iloc[-1]
    law = stats.poisson(row["size"] * frame.attrs["funnel"].null)
    assert law.ppf(0.975) - 1.0 <= row["upper"] * row["size"] <= law.ppf(0.975)
    plot_funnel(fit)


def test_two_arms_stand_by_standard_error_with_contours_of_significance():
    fit = CASES["k = 15"].odds_ratio
    frame = funnel_frame(fit, contours=[0.95, 0.9])
    assert frame.attrs["funnel"].null == 0.0
    points = frame[frame["kind"] == "study"]
    assert points["x"].to_numpy() == pytest.approx(fit.y)
    p = 2.0 * stats.norm.sf(np.abs(fit.y / fit.se))
    assert points["tail"].to_numpy() == pytest.approx(p)
    row = limits(frame, 0.9).iloc[-1]
    assert row["upper"] == pytest.approx(stats.norm.ppf(0.95) * row["size"])
    ax = plot_funnel(fit)
    assert ax.get_ylim()[1] == 0.0
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert ax.figure.texts[0].get_text().replace("\N{NO-BREAK SPACE}", " ") == (
        "Contours lie about 1, not about the pooled value."
    )


def test_filled_studies_are_drawn_open():
    dl = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"), engine="frequentist")
    filled = bm.trim_fill(dl)
    frame = funnel_frame(filled)
    assert (frame["kind"] == "filled").sum() == filled.k0 > 0
    ax = plot_funnel(filled)
    (line,) = [line for line in ax.lines if line.get_label() == "_filled"]
    assert line.get_markerfacecolor() == "white"
    assert sorted(line.get_xdata()) == pytest.approx(sorted(filled.y))


def test_names_are_those_of_studies_outside(remission):
    frame = funnel_frame(remission)
    outside = frame.loc[frame["tail"] < 0.01, "study"].tolist()
    ax = plot_funnel(remission)
    named = [text.get_text().partition("…")[0] for text in ax.texts if text.get_label() == "_name"]
    assert all(any(label.startswith(name) for label in outside) for name in named)
    assert not plot_funnel(remission, labels="none").texts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "N"}, "unknown size 'N'. Did you mean 'n'"),
        ({"labels": "some"}, "unknown labels 'some'"),
        ({"contours": 0.95}, "contours=0.95 must be a list of at most 4 probabilities"),
        ({"contours": [0.5, 1.5]}, "contours=1.5 must lie strictly between 0 and 1"),
        ({"null": 1.5}, "null=1.5 must be a proportion strictly between 0 and 1"),
        ({"scale": "promille"}, "unknown scale 'promille'"),
    ],
)
def test_bad_options_are_refused_in_one_line(remission, options, message):
    with pytest.raises(SpecError) as error:
        plot_funnel(remission, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_sizes_that_do_not_suit_the_data_are_refused(hazard, remission):
    with pytest.raises(SpecError, match="size='n' is for proportions and rates, but the studies hold estimates"):
        plot_funnel(hazard, size="n")
    with pytest.raises(SpecError, match=r"plot_funnel takes a fit made by bm\.fit"):
        plot_funnel(remission.studies)
