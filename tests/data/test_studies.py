import pickle

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
        ({}, r"need one of: events, n; or y, se; or .*\. Given: none\."),
        ({"events": [1.0], "y": [1.0]}, "Given: events, y"),
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


def test_an_unknown_way_with_bad_rows_is_refused():
    with pytest.raises(SpecError, match="unknown on_bad"):
        Studies.from_frame(COUNTS, on_bad="ignore")


ARMS = pd.DataFrame(
    {
        "study": ["a", "b", "c"],
        "r1": [4, 0, 3],
        "r2": [11, 0, 2],
        "m1": [123, 30, 31],
        "m2": [139, 29, 33.5],
        "x": [1, 2, 3],
    }
)
FORMS = {
    "two-arm-counts": ("events_treatment", "n_treatment", "events_control", "n_control"),
    "two-arm-rates": ("events_treatment", "time_treatment", "events_control", "time_control"),
    "rates": ("events", "time"),
}


def studies_of(kind, **options):
    size = "n" if kind == "two-arm-counts" else "time"
    named = ("r1", "m1") if kind == "rates" else (("r1", "r2"), ("m1", "m2"))
    df = ARMS.assign(m2=[139, 29, 33]) if size == "n" else ARMS
    return Studies.from_frame(df, events=named[0], **{size: named[1]}, **options)


@pytest.mark.parametrize("kind", FORMS)
def test_two_arms_and_rates_are_kept_taken_and_written_like_counts(kind):
    studies = studies_of(kind, moderators="x")
    assert (studies.kind, studies.has_counts, studies.measure, tuple(studies.data)) == (kind, False, None, FORMS[kind])
    values = {"r": [4.0, 0.0, 3.0], "m": [123.0, 30.0, 31.0]}
    assert [array.tolist() for array in studies.data.values()][:2] == list(values.values())
    assert all(getattr(studies, role) is array for role, array in studies.data.items())
    assert (studies.n, studies.y, studies.se) == (None, None, None)
    assert not any(array.flags.writeable for array in studies.data.values())
    part = studies.take([2, 0])
    assert part.study == ("c", "a")
    assert [array.tolist() for array in part.data.values()][:2] == [[3.0, 4.0], [31.0, 123.0]]
    assert list(studies.to_frame().columns) == ["study", *FORMS[kind], "x"]
    again = Studies.from_frame(studies.to_frame(), moderators="x")
    assert again.kind == kind
    pd.testing.assert_frame_equal(again.to_frame(), studies.to_frame())


def test_two_arms_and_rates_print_their_totals_and_each_study():
    assert repr(studies_of("two-arm-counts")).splitlines() == [
        "Studies: k = 3, treatment 7/184, control 13/201 events, from data frame",
        "  a  4/123 vs 11/139",
        "  b  0/30 vs 0/29",
        "  c  3/31 vs 2/33",
    ]
    assert repr(studies_of("two-arm-rates")).splitlines()[::3] == [
        "Studies: k = 3, treatment 7/184, control 13/201.5 events/person-time, from data frame",
        "  c  3/31 vs 2/33.5",
    ]
    assert repr(studies_of("rates")).splitlines()[:2] == [
        "Studies: k = 3, 7 events in person-time 184, from data frame",
        "  a  4/123",
    ]
    assert "<th>treatment</th><th>control</th>" in studies_of("two-arm-counts")._repr_html_()
    assert "<th>events/time</th>" in studies_of("rates")._repr_html_()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("r2", 140, r"row 0, study 'a', column 'r2': events_control=140 > n_control=139; correct one of them\."),
        ("r1", -1, r"study 'a', column 'r1': -1.0 is negative"),
        ("r1", 1.5, r"study 'a', column 'r1': 1.5 is not a whole number"),
        ("m2", 0, r"study 'a', column 'm2': n_control=0 means no patients; n_control must be 1 or more"),
        ("m1", None, r"study 'a', column 'm1': the value is missing; give a count"),
    ],
)
def test_a_bad_value_in_either_arm_names_row_study_and_column(column, value, message):
    df = ARMS.assign(m2=[139, 29, 33]).astype({column: float})
    df.loc[0, column] = value
    roles = {"events": ("r1", "r2"), "n": ("m1", "m2")}
    with pytest.raises(DataError, match=message):
        Studies.from_frame(df, **roles)
    kept = Studies.from_frame(df, **roles, on_bad="drop")
    assert kept.study == ("b", "c")
    assert kept.dropped["study"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"events": [1.0], "time": [0.0]}, "column 'time': time=0 must be greater than 0; give the person-time"),
        ({"events": [1.0], "time": [np.inf]}, "column 'time': inf is not finite; give the person-time"),
        ({"events": [0.5], "time": [3.0]}, "column 'events': 0.5 is a fraction; .*: the number of events"),
        ({"events_treatment": [1.0], "n_treatment": [2.0]}, "Given: events_treatment, n_treatment"),
        ({"events": [1.0], "n": [2.0], "time": [3.0]}, "Given: events, n, time"),
    ],
)
def test_impossible_rates_and_single_arms_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        Studies(("a",), **{role: np.array(array) for role, array in values.items()})


def test_studies_sent_to_another_process_are_the_same() -> None:
    df = pd.DataFrame({"study": ["a", "b"], "events": [1, 12], "n": [9, 10], "region": ["x", "y"]})
    for on_bad, moderators in ("drop", ["region"]), ("drop", []):
        studies = Studies.from_frame(df, moderators=moderators, on_bad=on_bad)
        sent = pickle.loads(pickle.dumps(studies))
        assert vars(sent).keys() == vars(studies).keys()
        assert (sent.study, sent.events.tolist(), sent.n.tolist()) == (("a",), [1.0], [9.0])
        pd.testing.assert_frame_equal(sent.moderators, studies.moderators, check_column_type=False)
        pd.testing.assert_frame_equal(sent.dropped, studies.dropped)
        sent.moderators["own"] = 1
        assert list(studies.moderators) == list(pickle.loads(pickle.dumps(studies)).moderators) == moderators
    whole = Studies.from_frame(df.head(1))
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(whole)).dropped, whole.dropped)
