import numpy as np
import pandas as pd
import pytest

from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError

COUNTS = pd.DataFrame({"study": ["a", "b", "c"], "events": [1, 2, 3], "n": [4, 5, 6], "year": [2001, 2002, 2003]})


def test_counts_are_kept_with_labels_and_moderators():
    studies = Studies.from_frame(COUNTS, moderators=["year"])
    assert (studies.k, studies.has_counts, studies.measure) == (3, True, None)
    assert studies.study == ("a", "b", "c")
    assert studies.events.tolist() == [1.0, 2.0, 3.0]
    assert studies.n.dtype == np.float64
    assert studies.y is None
    assert studies.moderators["year"].tolist() == [2001, 2002, 2003]
    assert studies.dropped.empty


def test_the_frame_round_trip_is_the_identity():
    studies = Studies.from_frame(COUNTS, moderators=["year"])
    again = Studies.from_frame(studies.to_frame(), moderators=["year"])
    pd.testing.assert_frame_equal(studies.to_frame(), again.to_frame())
    assert list(studies.to_frame().columns) == ["study", "events", "n", "year"]
    estimates = Studies.from_frame(pd.DataFrame({"study": ["a"], "y": [0.1], "se": [0.2]}))
    assert estimates.to_frame().values.tolist() == [["a", 0.1, 0.2]]


def test_arrays_are_read_only_and_the_source_frame_is_not_shared():
    df = COUNTS.copy()
    studies = Studies.from_frame(df, moderators=["year"])
    with pytest.raises(ValueError, match="read-only"):
        studies.events[0] = 9
    df.loc[0, "year"] = 0
    assert studies.moderators["year"][0] == 2001


def test_hazard_ratios_are_taken_to_the_log_scale():
    df = pd.DataFrame({"study": ["TOWER"], "hr": [0.71], "low": [0.55], "high": [0.93]})
    studies = Studies.from_frame(df, estimate="hr", lower="low", upper="high", measure="HR")
    assert studies.measure == "HR"
    assert studies.y[0] == pytest.approx(np.log(0.71), rel=1e-14)
    assert studies.se[0] == pytest.approx((np.log(0.93) - np.log(0.55)) / (2 * 1.959963984540054), rel=1e-13)


def test_other_estimates_stay_on_their_scale_at_any_interval_probability():
    df = pd.DataFrame({"study": ["a"], "estimate": [1.0], "lower": [-0.5], "upper": [2.5]})
    studies = Studies.from_frame(df, interval_prob=0.9)
    assert studies.measure == "GEN"
    assert studies.y[0] == 1.0
    assert studies.se[0] == pytest.approx(3.0 / (2 * 1.6448536269514722), rel=1e-13)


def test_hazard_ratios_of_the_example_can_be_read():
    effects = load_dataset("blinatumomab_comparative_effects").query("preferred == 1 and endpoint == 'OS'")
    studies = Studies.from_frame(effects, lower="ci_low", upper="ci_high", measure="HR", moderators=["setting"])
    assert studies.k == 4
    assert np.all(studies.y < 0.0)


def test_take_selects_by_position_and_by_mask():
    studies = Studies.from_frame(COUNTS, moderators=["year"])
    assert studies.take([2, 0]).study == ("c", "a")
    assert studies.take([2, 0]).moderators["year"].tolist() == [2003, 2001]
    assert studies.take([2, 0]).moderators.index.tolist() == [0, 1]
    assert studies.take(np.array([True, False, True])).events.tolist() == [1.0, 3.0]
    assert studies.take(-1).study == ("c",)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ([], "no study is selected"),
        ([False, False, False], "no study is selected"),
        ([True, False], "needs one truth value for each of 3 studies"),
        ([3], "has 3 studies, at positions 0 to 2"),
        ([0, -3], "each study can be selected once"),
        (["a"], "by position or by truth value"),
        ([0.5], "by position or by truth value"),
    ],
)
def test_take_refuses_what_selects_nothing_sensible(which, message):
    with pytest.raises(DataError, match=message):
        Studies.from_frame(COUNTS).take(which)


def test_take_keeps_source_and_refused_rows():
    df = pd.concat([COUNTS, pd.DataFrame({"study": ["d"], "events": [9], "n": [1]})], ignore_index=True)
    part = Studies.from_frame(df, on_bad="drop", source="f.csv").take([0])
    assert part.source == "f.csv"
    assert part.dropped["study"].tolist() == ["d"]


def test_the_text_form_shows_totals_source_refused_rows_and_the_first_studies():
    df = pd.DataFrame({"study": [f"s{i}" for i in range(7)], "events": [*range(1, 7), 99], "n": [10] * 7})
    text = repr(Studies.from_frame(df, on_bad="drop", source="f.csv"))
    assert text.splitlines() == [
        "Studies: k = 6, 21/60 events, from f.csv; 1 row refused, see .dropped",
        *(f"  s{i}  {i + 1}/10" for i in range(5)),
        "  and 1 more",
    ]


def test_the_text_form_of_estimates_shows_the_measure():
    text = repr(Studies(("a",), y=np.array([-0.342]), se=np.array([0.134]), measure="HR"))
    assert text == "Studies: k = 1, measure HR, from data frame\n  a  -0.342 (0.134)"


def test_the_html_form_escapes_labels():
    assert "&lt;script&gt;" in Studies(("<script>",), events=np.array([1]), n=np.array([2]))._repr_html_()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "need events and n, or y and se; got neither"),
        ({"events": [1.0], "y": [1.0]}, "got events, y"),
        ({"events": [1.0, 2.0], "n": [3.0, 4.0]}, "need 1 values, one per study"),
        ({"events": [7.0], "n": [5.0]}, "study 'a', column 'events': events=7 > n=5"),
        ({"y": [np.nan], "se": [1.0]}, "column 'y': the value is missing"),
        ({"y": [1.0], "se": [0.0]}, "se=0 must be greater than 0"),
    ],
)
def test_a_record_made_directly_obeys_the_same_rules(values, message):
    with pytest.raises(DataError, match=message):
        Studies(("a",), **{role: np.array(array) for role, array in values.items()})


def test_a_record_needs_a_study_and_distinct_labels():
    with pytest.raises(DataError, match="holds no studies"):
        Studies((), events=np.array([]), n=np.array([]))
    with pytest.raises(DataError, match="make the labels distinct"):
        Studies(("a", "a"), events=np.array([1, 1]), n=np.array([2, 2]))


def test_a_missing_moderator_is_a_bad_row_only_if_it_was_asked_for():
    df = COUNTS.assign(year=[2001, None, 2003])
    assert Studies.from_frame(df).k == 3
    with pytest.raises(DataError, match="study 'b', column 'year': the value is missing"):
        Studies.from_frame(df, moderators=["year"])
    assert Studies.from_frame(df, moderators=["year"], on_bad="drop").study == ("a", "c")


def test_unsupported_data_are_declined_before_anything_else():
    with pytest.raises(DataError, match="two-arm data are not supported"):
        Studies.from_frame(COUNTS, events=("a", "b"), n=("c", "d"))
    with pytest.raises(DataError, match="rates"):
        Studies.from_frame(COUNTS, time="year")
    with pytest.raises(SpecError, match="unknown on_bad"):
        Studies.from_frame(COUNTS, on_bad="ignore")
