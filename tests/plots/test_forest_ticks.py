"""Are ticks round, and few enough to be read?"""

import numpy as np
import pytest

from bayesmeta.plots.forest_ticks import choose_ticks, tick_words


def at_most(number: int):
    return lambda ticks: len(ticks) <= number


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 100.0, 6, [0, 20, 40, 60, 80, 100]),
        (-2.5, 102.5, 5, [0, 25, 50, 75, 100]),
        (28.0, 100.0, 8, [30, 40, 50, 60, 70, 80, 90, 100]),
        (0.0, 1.0, 3, [0, 0.5, 1]),
        (-3.2, 2.6, 8, [-3, -2, -1, 0, 1, 2]),
        (0.0, 55.0, 6, [0, 10, 20, 30, 40, 50]),
    ],
)
def test_ticks_are_the_finest_round_ones_that_fit(low, high, most, expected):
    assert choose_ticks(low, high, is_log=False, fits=at_most(most)) == expected


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.2, 5.0, 8, [0.2, 0.5, 1, 2, 5]),
        (0.01, 100.0, 6, [0.01, 0.1, 1, 10, 100]),
        (0.6, 0.9, 4, [0.6, 0.7, 0.8, 0.9]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_the_usual_ones(low, high, most, expected):
    assert choose_ticks(low, high, is_log=True, fits=at_most(most)) == pytest.approx(expected)


@pytest.mark.parametrize("is_log", [False, True])
def test_some_ticks_are_found_on_every_axis(is_log):
    for power in np.arange(-6, 7):
        for ratio in (1.02, 1.3, 2.0, 9.0, 1e3, 1e8):
            low = 10.0**power
            ticks = choose_ticks(low, low * ratio, is_log=is_log, fits=at_most(4))
            assert 1 <= len(ticks) <= 4
            assert ticks == sorted(ticks)
            assert low * (1 - 1e-6) <= ticks[0] <= ticks[-1] <= low * ratio * (1 + 1e-6)


def test_there_are_no_ticks_where_no_label_fits():
    assert choose_ticks(0.0, 1.0, is_log=False, fits=at_most(0)) == []


def test_ticks_are_printed_without_needless_digits_and_with_a_true_minus():
    assert tick_words([-0.5, 0.0, 20.0, 0.30000000000000004, 2e7]) == ["−0.5", "0", "20", "0.3", "2e+07"]
