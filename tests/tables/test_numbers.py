import pytest

from bayesmeta.errors import SpecError
from bayesmeta.tables.numbers import error_text, number_texts, percent_text

INF = float("inf")


def test_a_column_has_as_many_decimals_as_its_smallest_number_needs():
    assert number_texts([1.886288, -0.053239]) == ["1.8863", "-0.0532"]
    assert number_texts([1.886288, 0.813]) == ["1.886", "0.813"]


def test_a_tiny_proportion_keeps_its_digits():
    assert number_texts([-8.397412, 0.0002258]) == ["-8.40", "2.26e-04"]


def test_infinite_and_missing_values_are_said():
    assert number_texts([INF, -INF, float("nan"), 1.5]) == ["inf", "-inf", "nan", "1.5"]


def test_whole_numbers_have_no_decimals():
    assert number_texts([29.0, 1_000_000.0, 0.0]) == ["29", "1000000", "0"]


def test_no_decimals_are_made_up():
    assert number_texts([68.0, 8.5, 61.2]) == ["68.0", "8.5", "61.2"]


def test_huge_numbers_are_written_with_an_exponent():
    assert number_texts([1.5e30, 0.25]) == ["1.50e+30", "0.25"]


def test_a_column_of_nothing_is_nothing():
    assert number_texts([]) == []


def test_digits_must_be_a_positive_whole_number():
    with pytest.raises(SpecError, match="digits=0"):
        number_texts([1.0], digits=0)


@pytest.mark.parametrize(
    ("proportion", "text"),
    [
        (0.8683, "86.8 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.000226, "0.0226 %"),
        (0.99995, "99.9950 %"),
        (0.999, "99.9 %"),
        (float("nan"), "nan"),
        (INF, "inf"),
    ],
)
def test_a_per_cent_hides_neither_how_near_0_nor_how_near_100_it_is(proportion, text):
    assert percent_text(proportion) == text


@pytest.mark.parametrize("proportion", [1e-5, 1e-9, 1.0 - 1e-5, 1.0 - 1e-9])
def test_what_is_neither_0_nor_100_per_cent_is_not_written_so(proportion):
    assert float(percent_text(proportion).removesuffix(" %")) not in (0.0, 100.0)


@pytest.mark.parametrize(
    ("error", "text"),
    [(4.7e-8, "<1e-7"), (1e-6, "<1e-5"), (0.0, "<1e-12"), (1e-30, "<1e-12"), (INF, "inf"), (3.0, "<1e1")],
)
def test_a_numerical_error_is_below_the_power_of_ten_that_is_printed(error, text):
    assert error_text(error) == text
    assert not text.startswith("<") or error < float(text.removeprefix("<"))
