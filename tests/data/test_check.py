import pandas as pd
import pytest

from bayesmeta.data.check import PROBLEM_COLUMNS, check_frame
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError


def test_good_data_give_an_empty_frame_with_the_same_columns():
    found = check_frame(pd.DataFrame({"study": ["a"], "events": [1], "n": [2]}))
    assert found.empty
    assert tuple(found.columns) == PROBLEM_COLUMNS == ("row", "study", "column", "problem", "kind")


def test_every_problem_is_listed_by_row_and_with_the_users_column_names():
    df = pd.DataFrame(
        {
            "id": ["a", "b", None, "a"],
            "r": [1, 0.5, 3, "x"],
            "size": [9, -1, 2, None],
            "g": ["u", None, "v", "w"],
        },
        index=[10, 11, 12, 13],
    )
    found = check_frame(df, study="id", events="r", n="size", moderators=["g"])
    assert found[["row", "study", "column"]].values.tolist() == [
        [11, "b", "r"],
        [11, "b", "size"],
        [11, "b", "g"],
        [12, "", "id"],
        [12, "", "r"],
        [13, "a", "r"],
        [13, "a", "size"],
        [13, "a", "id"],
    ]
    assert set(found["kind"]) == {"error"}


def test_a_repeated_label_points_at_the_row_that_can_stay():
    df = pd.DataFrame({"study": ["a", "a ", "a"], "events": [5, 1, 1], "n": [2, 2, 2]})
    found = check_frame(df).query("column == 'study'")
    assert found["row"].tolist() == [0, 2]
    assert set(found["problem"]) == {"the label is also that of row 1; make the labels distinct"}


def test_labels_that_look_the_same_are_repeated():
    df = pd.DataFrame({"study": ["Fo\u00e0 2020", "Foa\u0300  2020"], "events": [1, 1], "n": [2, 2]})
    assert check_frame(df)["column"].tolist() == ["study"]


def test_warnings_are_listed_but_do_not_refuse_the_row():
    df = pd.DataFrame({"study": ["a"], "estimate": [0.56], "lower": [0.55], "upper": [0.93]})
    found = check_frame(df, measure="HR")
    assert found["kind"].tolist() == ["warning"]
    assert "far from the centre of its interval of the log scale" in found["problem"][0]
    assert Studies.from_frame(df, measure="HR").k == 1


def test_an_empty_frame_cannot_be_checked():
    with pytest.raises(DataError, match="data frame has no rows"):
        check_frame(pd.DataFrame({"study": [], "events": [], "n": []}))


def test_check_and_from_frame_agree_on_which_rows_are_bad():
    df = pd.DataFrame({"study": list("abcde"), "events": [1, 9, -1, "x", 0], "n": [2, 3, 4, 5, 0]})
    refused = Studies.from_frame(df, on_bad="drop").dropped
    found = check_frame(df)
    assert refused["row"].tolist() == found["row"].tolist() == [1, 2, 3, 4]
    assert refused["reason"].tolist() == found["problem"].tolist()
