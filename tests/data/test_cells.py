from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from bayesmeta.data.cells import decimals_of, is_missing, quote, read_label, read_number


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12.0),
        (" 12 ", 12.0),
        ("+1.5e3", 1500.0),
        ("-.5", -0.5),
        ("\u22120.35", -0.35),
        ("007", 7.0),
        (np.int64(3), 3.0),
        (np.float32(0.5), 0.5),
        (Decimal("2.5"), 2.5),
        (Fraction(1, 4), 0.25),
    ],
)
def test_plain_numbers_are_read(cell, value):
    reading = read_number(cell)
    assert (reading.value, reading.fault) == (value, None)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        *(
            (cell, "missing")
            for cell in (None, np.nan, pd.NA, pd.NaT, "", "  ", "NA", "nan", "#N/A", np.float32("nan"))
        ),
        *((cell, "boolean") for cell in (True, np.False_)),
        *((cell, "percent") for cell in ("87%", "87.5 %", "87,5%")),
        *((cell, "thousands") for cell in ("1,234", "1 234", "1\u00a0234", "1'234", "1,234,567.8", "1.234.567")),
        *((cell, "comma") for cell in ("0,87", ",5", "12,3456")),
        *((cell, "infinite") for cell in (np.inf, -np.inf, "inf", "-Infinity", "\u221e", "1e999", 10**400)),
        *((cell, "text") for cell in ("seven", "12/31", "0x10", "1_000", "\uff11\uff12", "TRUE", 1j, "--5", "1e")),
        (pd.Timestamp("2020-01-01"), "text"),
    ],
)
def test_other_cells_have_a_fault(cell, fault):
    assert read_number(cell).fault == fault


def test_a_number_too_long_to_print_is_infinite():
    assert read_number(10**5000).fault == "infinite"
    assert "more than 90 digits" in read_number(10**5000).shown


def test_a_per_cent_keeps_the_fraction_it_stands_for():
    assert read_number("87.5%").value == 0.875


def test_a_cell_is_quoted_on_one_short_line():
    assert quote("a\nb") == r"'a\nb'"
    assert len(quote("x" * 500)) == 40
    assert (quote(3), quote(np.float64(0.87)), quote("0.87")) == ("3", "0.87", "'0.87'")


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("  Lee  2019\u00a0\n", "Lee 2019"),
        (3, "3"),
        (3.0, "3"),
        (3.5, "3.5"),
        (None, ""),
        ("NA", ""),
        ("Foà", "Foà"),
    ],
)
def test_labels_are_text_without_surplus_white_space(cell, label):
    assert read_label(cell) == label


def test_zero_is_not_missing():
    assert not is_missing(0)
    assert not is_missing("0")


def test_decimals_of_numbers_are_those_of_their_shortest_form():
    assert [decimals_of(x) for x in (1.5, 2.0, 1e-4, 3, 0.1 + 0.2)] == [1, 0, 4, 0, 12]


def test_decimals_of_text_are_those_that_are_written():
    cells = ("0.710", "34", " 86.3 % ", ".05", "\u22121.20", "1e-3", "1e5")
    assert [decimals_of(cell) for cell in cells] == [3, 0, 1, 2, 2, 3, 0]
