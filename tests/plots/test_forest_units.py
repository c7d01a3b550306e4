"""Are values printed in a sensible unit, with as many decimals as they deserve?"""

import pandas as pd
import pytest

from bayesmeta.plots.forest_units import (
    PROPORTION_UNITS,
    choose_unit,
    decimals,
    interval_words,
    value_words,
)


def summary_rows(estimate: float, lower: float, upper: float) -> pd.DataFrame:
    return pd.DataFrame({"kind": ["summary"], "estimate": [estimate], "lower": [lower], "upper": [upper]})


@pytest.mark.parametrize(
    ("estimate", "name"),
    [(0.87, "percent"), (0.01, "percent"), (0.0099, "per 1000"), (0.001, "per 1000"), (2e-4, "per 100000")],
)
def test_the_rarer_the_events_the_larger_the_unit(estimate, name):
    assert choose_unit("proportion", None, summary_rows(estimate, 0.0, 1.0)).name == name


@pytest.mark.parametrize("name", PROPORTION_UNITS)
def test_a_unit_that_is_asked_for_is_taken(name):
    assert choose_unit("proportion", name, summary_rows(0.5, 0.0, 1.0)).name == name


@pytest.mark.parametrize(
    ("name", "width", "places"),
    [
        ("percent", 0.2, 1),
        ("percent", 0.02, 1),
        ("percent", 0.002, 2),
        ("proportion", 0.2, 2),
        ("proportion", 0.03, 3),
        ("proportion", 4e-5, 6),
        ("per 100000", 4e-5, 1),
    ],
)
def test_the_narrowest_summary_is_printed_with_two_digits_at_least(name, width, places):
    assert decimals(PROPORTION_UNITS[name], summary_rows(0.1, 0.1, 0.1 + width)) == places


def test_intervals_without_width_do_not_ask_for_decimals():
    assert decimals(PROPORTION_UNITS["percent"], summary_rows(0.1, 0.1, 0.1)) == 1


def test_negative_values_have_a_true_minus_and_intervals_a_to():
    unit = choose_unit("effect", None, summary_rows(0.0, 0.0, 1.0))
    assert value_words(unit, 2, -0.5) == "−0.50"
    assert value_words(unit, 2, -0.001) == "0.00"
    assert interval_words(unit, 1, -1.0, 2.0) == "−1.0 to 2.0"
    assert interval_words(unit, 1, 1.0, 2.0) == "1.0–2.0"


def test_infinite_limits_are_printed():
    unit = choose_unit("ratio", None, summary_rows(1.0, 0.5, 2.0))
    assert interval_words(unit, 2, 0.5, float("inf")) == "0.50–∞"
