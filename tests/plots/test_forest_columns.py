"""Do the columns of text hold what was asked for, under its heading and in its place?"""

from dataclasses import replace

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest import forest_frame, plot_forest
from bayesmeta.plots.forest_columns import COLUMNS, Printing, text_columns
from bayesmeta.plots.forest_units import PROPORTION_UNITS

PRINTING = Printing(PROPORTION_UNITS["percent"], 1, 0.95)


@pytest.fixture(scope="module")
def described() -> FrequentistFit:
    studies = bm.Studies(("A", "B", "C"), events=[3.0, 5.0, 7.0], n=[10.0, 12.0, 1000.0])
    moderators = pd.DataFrame(
        {
            "median_age": [41.25, 50.0, -3.5],
            "year": [1999, 2004, 2024],
            "phase": ["II", "III", "I/II"],
            "blinded": [True, False, True],
            "opened": pd.to_datetime(["2001-02-03", "2004-05-06", None]),
            "weight": [70.0, 80.0, 90.0],
        }
    )
    return bm.fit(replace(studies, moderators=moderators), engine="frequentist")


def column(fit, name, heading=None):
    chosen = [name] if heading is None else {name: heading}
    (found,) = text_columns(forest_frame(fit), chosen, PRINTING, moderators=list(fit.studies.moderators))
    return found


@pytest.mark.parametrize(
    ("name", "cells", "align"),
    [
        ("median_age", ["41.25", "50.00", "−3.50"], "right"),
        ("year", ["1999", "2004", "2024"], "right"),
        ("phase", ["II", "III", "I/II"], "left"),
        ("blinded", ["yes", "no", "yes"], "left"),
        ("opened", ["2001-02-03", "2004-05-06", ""], "left"),
        ("data", ["3/10", "5/12", "7/1,000"], "right"),
        ("events", ["3", "5", "7"], "right"),
        ("n", ["10", "12", "1,000"], "right"),
    ],
)
def test_what_describes_a_study_is_written_beside_it_and_not_beside_estimates(described, name, cells, align):
    found = column(described, name)
    assert list(found.cells[:3]) == cells
    assert set(found.cells[3:]) == {""}
    assert found.align == align
    assert found.is_data


def test_headings_are_the_names_in_words_unless_others_are_given(described):
    assert column(described, "median_age").head == ("Median age", "")
    assert column(described, "median_age", "Age\nyears").head == ("Age", "years")
    assert column(described, "estimate", "Published").head == ("Published", "% (95 % CI)")
    assert column(described, "estimate", "Published\n").head == ("Published", "")


def test_moderators_stand_on_the_left_of_the_marks_in_the_order_chosen(remission):
    ax = plot_forest(remission, columns=["regimen", "weight", "year", "estimate", "data"])
    heads = {text.get_text(): text for text in ax.texts if text.get_weight() == "bold"}
    x = {name: heads[name].get_position()[0] for name in ("Study", "Regimen", "Year", "Events/n", "Weight", "Observed")}
    assert list(x) == sorted(x, key=x.__getitem__)
    low, _ = ax.transAxes.inverted().transform(ax.transData.transform((ax.spines["bottom"].get_bounds()[0], 0.0)))
    assert x["Events/n"] < low < x["Weight"]
    assert heads["Regimen"].get_ha() == "left"
    assert heads["Year"].get_ha() == "right"


def test_moderators_stand_with_their_studies_whatever_the_order(remission):
    frame = forest_frame(remission, order="-weight").iloc[: remission.k]
    year = dict(zip(remission.studies.study, remission.studies.moderators["year"], strict=True))
    assert frame["year"].tolist() == [year[label] for label in frame["label"]]
    found = column(remission, "year")
    assert found.cells[: remission.k] == tuple(str(value) for value in year.values())


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["yeer"], r"unknown column 'yeer'\. Did you mean 'year'\? Allowed: data, events, n, .*, year, phase"),
        ([3], r"unknown column 3\. Allowed: data"),
        (["weight"], "column 'weight' is a column of the plot and a moderator too; rename the moderator"),
        ({"year": 3}, "columns: the heading of 'year' must be a text of one or two lines; got 3"),
        ({"year": "a\nb\nc"}, "the heading of 'year' must be a text of one or two lines"),
    ],
)
def test_a_wrong_choice_of_columns_is_refused(described, chosen, words):
    with pytest.raises(SpecError, match=words) as caught:
        plot_forest(described, columns=chosen)
    assert "\n" not in str(caught.value)


def test_without_moderators_the_message_says_how_to_keep_some(rare):
    with pytest.raises(SpecError, match=r"unknown column 'year'.*name it in Studies\.from_frame\(moderators="):
        plot_forest(rare, columns=["year"])


def test_every_column_of_the_documentation_exists():
    documented = ("data", "events", "n", "estimate", "shrunken", "weight", "data_treatment", "data_control")
    assert tuple(COLUMNS) == documented
    assert all(f'``"{name}"``' in plot_forest.__doc__ for name in documented)
