"""Does the axis show what matters without squeezing it, with ticks that can be read?"""

import numpy as np
import pandas as pd
import pytest

from bayesmeta.plots.forest_axis import axis_range, choose_ticks, tick_words
from bayesmeta.plots.forest_units import PROPORTION_UNITS, Unit

PERCENT = PROPORTION_UNITS["percent"]
RATIO = Unit("ratio", 1.0, "", "Ratio", 2, is_log=True)
EFFECT = Unit("effect", 1.0, "", "Effect", 1)


def frame_of(studies: list[tuple[float, float, float]], pooled: tuple[float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame([*studies, pooled], columns=["lower", "estimate", "upper"])
    return frame.assign(kind=["study"] * len(studies) + ["summary"], shrunken=np.nan)


def test_all_intervals_are_shown_where_none_is_far_away():
    frame = frame_of([(0.3, 0.5, 0.7), (0.4, 0.6, 0.75)], (0.45, 0.55, 0.65))
    assert axis_range(PERCENT, frame, None) == (0.3, 0.75)


def test_limits_that_are_far_away_are_cut():
    studies = [(10.0, 11.0, 12.0), (10.0, 11.0, 12.5), (10.0, 11.0, 1e6)]
    low, high = axis_range(EFFECT, frame_of(studies, (10.5, 11.0, 11.5)), None)
    assert low == 10.0
    assert 12.5 < high < 14.0


def test_every_estimate_is_shown_however_far_away():
    frame = frame_of([(0.0, 1.0, 2.0), (999.0, 1000.0, 1001.0)], (-5.0, 1.0, 5.0))
    assert axis_range(EFFECT, frame, None)[1] >= 1000.0


def test_the_axis_of_a_proportion_reaches_a_bound_that_is_near_and_never_goes_beyond():
    frame = frame_of([(0.02, 0.1, 0.3), (0.05, 0.2, 0.4)], (0.05, 0.15, 0.25))
    assert axis_range(PERCENT, frame, None) == (0.0, 0.4)
    frame = frame_of([(0.6, 0.9, 0.97), (0.65, 0.9, 1.3)], (0.7, 0.8, 0.9))
    assert axis_range(PERCENT, frame, None) == (0.6, 1.0)


def test_the_axis_zooms_into_rare_events():
    frame = frame_of([(1e-4, 2e-4, 3e-4), (1e-4, 2e-4, 0.01)], (1.5e-4, 2e-4, 2.5e-4))
    low, high = axis_range(PERCENT, frame, None)
    assert low == 1e-4
    assert 3e-4 < high < 4e-4


def test_ratios_are_measured_on_the_log_scale():
    frame = frame_of([(0.5, 1.0, 2.0), (0.25, 1.0, 4.0), (0.001, 1.0, 1000.0)], (0.5, 1.0, 2.0))
    low, high = axis_range(RATIO, frame, None)
    assert low == pytest.approx(1.0 / high)
    assert 4.0 < high < 20.0


def test_limits_that_are_infinite_or_missing_do_not_matter():
    frame = frame_of([(0.5, 1.0, np.inf), (np.nan, 1.0, 2.0)], (0.6, 1.0, 1.5))
    low, high = axis_range(RATIO, frame, None)
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(2.0, rel=0.2)


def test_values_that_are_all_the_same_get_an_axis():
    low, high = axis_range(EFFECT, frame_of([(2.0, 2.0, 2.0)], (2.0, 2.0, 2.0)), None)
    assert low < 2.0 < high


def test_the_range_that_the_user_wants_is_taken():
    frame = frame_of([(0.3, 0.5, 0.7)], (0.4, 0.5, 0.6))
    assert axis_range(PERCENT, frame, (0.1, 0.9)) == (0.1, 0.9)


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
