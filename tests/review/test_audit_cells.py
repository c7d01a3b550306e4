"""Printed figures and the numbers that round to them."""

import numpy as np
import pytest

from bayesmeta.review.audit_cells import read_column, read_figure


@pytest.mark.parametrize(
    ("cell", "factor", "low", "high", "decimals"),
    [
        ("86.3", 100.0, 0.8625, 0.8635, 1),
        ("86.0 %", 100.0, 0.8595, 0.8605, 1),
        ("87", 100.0, 0.865, 0.875, 0),
        (".05", 1.0, 0.045, 0.055, 2),
        ("−11.8", 100.0, -0.1185, -0.1175, 1),
        ("<0.001", 1.0, -np.inf, 0.001, 3),
        ("P < .001", 1.0, -np.inf, 0.001, 3),
        ("≥ 0.05", 1.0, 0.05, np.inf, 2),
        ("P=0.12", 1.0, 0.115, 0.125, 2),
        ("1e-3", 1.0, 0.0005, 0.0015, 3),
    ],
)  # fmt: skip
def test_a_figure_is_the_interval_that_rounds_to_it(cell, factor, low, high, decimals):
    figure = read_figure(cell, factor=factor)
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=1e-12)
    assert figure.decimals == decimals


@pytest.mark.parametrize("cell", ["", None, np.nan, "NR", "–", "not reported", "NA", "."])
def test_cells_without_a_figure_give_none(cell):
    assert read_figure(cell) is None


@pytest.mark.parametrize("cell", ["abc", "8,5", True, "86.3%", "1 234", np.inf])
def test_cells_that_are_no_number_are_quoted(cell):
    with pytest.raises(ValueError, match=r".") as caught:
        read_figure(cell)
    assert str(caught.value) in (repr(cell), str(cell))


def test_numbers_have_the_decimals_of_the_longest_and_text_its_own():
    as_numbers, as_text = read_column([85.0, 86.35, np.nan]), read_column(["85.0", "86.35", ""])
    assert [figure.decimals for figure in as_numbers[:2]] == [2, 2]
    assert [figure.text for figure in as_numbers[:2]] == ["85.00", "86.35"]
    assert [figure.decimals for figure in as_text[:2]] == [1, 2]
    assert as_numbers[2] is as_text[2] is None
    assert [figure.decimals for figure in read_column([3, 16])] == [0, 0]


def test_rounding_half_goes_either_way():
    for value in (0.125, 0.135):  # exact halves of a per cent: 12.5 may be printed 12 or 13
        for text in (f"{np.floor(100 * value):.0f}", f"{np.ceil(100 * value):.0f}"):
            assert read_figure(text, factor=100.0).holds(value)
    assert not read_figure("12", factor=100.0).holds(0.12501)
    assert not read_figure("12", factor=100.0).holds(np.nan)


def test_every_rounded_number_is_held_by_its_print():
    rng = np.random.default_rng(1)
    for decimals in range(5):
        for value in rng.uniform(-1, 2, 200):
            figure = read_figure(f"{100 * value:.{decimals}f}", factor=100.0)
            assert figure.holds(value)
            assert figure.printed_as(value) == figure.text or abs(100 * value) < 0.5 * 10.0**-decimals
            assert not figure.holds(value + 1.01 * 10.0**-decimals / 100.0)
