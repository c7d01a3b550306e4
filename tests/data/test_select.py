import pandas as pd
import pytest

from bayesmeta.data.columns import resolve_columns
from bayesmeta.data.select import select_rows
from bayesmeta.errors import DataError, SpecError

DATA = pd.DataFrame({"study": ["a", "b", "c"], "events": [1, 7, None], "n": [2, 5, 3], "g": ["u", "v", "w"]})


def select(df, on_bad, **roles):
    return select_rows(df, resolve_columns(df, source="f.csv", **roles), on_bad=on_bad, source="f.csv")


def test_the_first_problem_is_raised_with_file_row_study_and_column():
    with pytest.raises(DataError) as error:
        select(DATA, "raise")
    assert str(error.value) == (
        "f.csv, row 1, study 'b', column 'events': events=7 > n=5; correct one of them "
        "(1 of 2 problems; `bayesmeta check` or check_frame lists them all)."
    )


def test_rows_of_a_file_are_named_by_line():
    df = DATA.set_axis(pd.Index([2, 3, 4], name="line"))
    with pytest.raises(DataError, match=r"f\.csv, line 3, study 'b'"):
        select(df, "raise")
    assert select(df, "drop").dropped["row"].tolist() == [3, 4]


def test_dropping_keeps_the_good_rows_with_their_moderators():
    kept = select(DATA, "drop", moderators=["g"])
    assert kept.labels == ("a",)
    assert kept.values["n"].tolist() == [2.0]
    assert kept.moderators["g"].tolist() == ["u"]
    assert kept.dropped.values.tolist() == [
        [1, "b", "events=7 > n=5; correct one of them"],
        [2, "c", "the value is missing; give a count, or leave out the study"],
    ]


def test_all_reasons_of_a_row_are_kept():
    df = pd.DataFrame({"study": ["a", None], "events": [1, "x"], "n": [2, 3]})
    reason = select(df, "drop").dropped["reason"][0]
    assert reason == "the label is missing; name the study; 'x' is not a number; give a count"


def test_of_repeated_labels_the_first_good_row_stays():
    df = pd.DataFrame({"study": ["a", "a", "a"], "events": [9, 1, 2], "n": [2, 5, 5]})
    kept = select(df, "drop")
    assert kept.values["events"].tolist() == [1.0]
    assert kept.dropped["row"].tolist() == [0, 2]


def test_nothing_left_is_an_error():
    with pytest.raises(DataError, match=r"f\.csv has no good row; the first problem is: row 1, study 'b', column"):
        select(DATA.iloc[[1, 2]], "drop")


def test_a_missing_label_leaves_the_study_out_of_the_message():
    with pytest.raises(DataError, match=r"f\.csv, row 0, column 'study': the label is missing; name the study\."):
        select(pd.DataFrame({"study": [""], "events": [1], "n": [2]}), "raise")


def test_an_unknown_way_with_bad_rows_is_refused():
    with pytest.raises(SpecError, match=r"unknown on_bad 'dorp'. Did you mean 'drop'"):
        select(DATA, "dorp")
