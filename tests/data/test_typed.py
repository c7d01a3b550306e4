import numpy as np
import pytest

from bayesmeta.data.typed import point_decimals, typed_column
from bayesmeta.errors import DataError


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", "-2"], np.int64, [1, -2]),
        (["1", ""], np.float64, [1.0, np.nan]),
        (["1.50", "NA"], np.float64, [1.5, np.nan]),
        (["\u22121.5", "0"], np.float64, [-1.5, 0.0]),
        (["", "NA"], np.float64, [np.nan, np.nan]),
    ],
)
def test_columns_of_plain_numbers_become_numbers(cells, dtype, values):
    column = typed_column(cells, as_text=False)
    assert column.dtype == dtype
    np.testing.assert_array_equal(column, values)


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "x"],
        ["007", "1"],
        ["1", "1,000"],
        ["1", "87%"],
        ["1", "inf"],
        ["1", "9" * 30],
        ["9" * 5000],
        ["1", "1_0"],
    ],
)
def test_other_columns_keep_their_cells_as_written(cells):
    assert typed_column(cells, as_text=False).tolist() == cells


def test_a_column_of_text_stays_text_on_request():
    column = typed_column(["1.10", "1.1", ""], as_text=True)
    assert column.tolist()[:2] == ["1.10", "1.1"]
    assert column.isna().tolist() == [False, False, True]


def test_a_text_column_keeps_words_that_elsewhere_mean_missing():
    assert typed_column(["NA", "DE"], as_text=False).tolist() == ["NA", "DE"]


def test_decimal_commas_become_points_where_most_cells_are_numbers():
    columns = point_decimals({"y": ["0,87", "1", "x"], "note": ["in 1,5 years", "1,5", "no"]}, "f.csv")
    assert columns == {"y": ["0.87", "1", "x"], "note": ["in 1,5 years", "1,5", "no"]}


def test_both_decimal_signs_in_one_file_are_refused():
    with pytest.raises(DataError, match=r"f.csv writes decimals with a comma in column 'a'.* point in column 'b'"):
        point_decimals({"a": ["0,87"], "b": ["1.234"]}, "f.csv")
