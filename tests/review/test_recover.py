"""Counts behind printed per cents, against brute force."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError


def brute_force(text, sizes):
    """All r/n that round to the text, half a unit either way, in exact arithmetic."""
    value = Fraction(text) / 100
    half = Fraction(1, 2 * 100 * 10 ** len(text.partition(".")[2]))
    return [(r, n) for n in sizes for r in range(n + 1) if abs(Fraction(r, n) - value) <= half]


@pytest.mark.parametrize("text", ["86.0", "85.0", "12.5", "13", "0", "0.0", "100", "33.33", "0.4", "99.9"])
def test_all_counts_are_found_and_no_others(text):
    found = bm.possible_counts(text, (1, 130))
    expected = brute_force(text, range(1, 131))
    assert list(zip(found["events"], found["n"], strict=True)) == expected
    assert set(found["status"]) == ({f"reconstructed-one-of-{len(expected)}"} if expected else set())


@pytest.mark.parametrize(("method", "name"), [("exact", "clopper-pearson"), ("wilson", "wilson")])
def test_limits_leave_the_counts_whose_interval_rounds_to_them(method, name):
    rng = np.random.default_rng(5)
    for _ in range(4):
        n = int(rng.integers(3, 40))
        r = int(rng.integers(0, n + 1))
        limits = binomtest(r, n).proportion_ci(method=method)
        printed = [f"{100 * x:.0f}" for x in (r / n, limits.low, limits.high)]
        found = bm.possible_counts(printed[0], (1, 45), lower=printed[1], upper=printed[2], interval=name)
        expected = []
        for other in brute_force(printed[0], range(1, 46)):
            low, high = binomtest(*other).proportion_ci(method=method)
            if abs(100 * low - float(printed[1])) <= 0.5 and abs(100 * high - float(printed[2])) <= 0.5:
                expected.append(other)
        assert (r, n) in expected
        assert list(zip(found["events"], found["n"], strict=True)) == expected


def test_the_counts_of_the_bundled_review_come_back():
    """Single studies that Wang et al. print with exact limits: 4/5, 9/11 and Stolz's 3/17."""
    for printed, n, events in (
        (("80", "28", "99"), 5, 4),
        (("82", "48", "98"), 11, 9),
        (("17.6", "3.8", "43.4"), 17, 3),
    ):
        found = bm.possible_counts(printed[0], (1, 130), lower=printed[1], upper=printed[2], interval="clopper-pearson")
        assert [events, n] in found[["events", "n"]].to_numpy().tolist()
        unique = bm.possible_counts(printed[0], n, lower=printed[1], upper=printed[2])
        assert unique["status"].tolist() == ["reconstructed-unique"]


def test_a_table_names_the_per_cents_that_no_count_gives():
    table = pd.DataFrame(
        {
            "study": ["A", "B", "C"], "outcome": "CR", "estimate_pct": ["86.0", "85.0", "50"],
            "n": ["121", "121", ""], "n_min": ["", "", "2"], "n_max": ["", "", "5"],
        }
    )  # fmt: skip
    found = bm.recover_counts(table)
    assert found["study"].tolist() == ["A", "B", "C", "C"]
    assert found["status"].tolist() == ["reconstructed-unique", "impossible", *["reconstructed-one-of-2"] * 2]
    assert found["events"].fillna(-1).tolist() == [104, -1, 1, 2]
    assert found["n"].tolist() == [121, 121, 2, 4]
    assert found.loc[1, ["row", "outcome", "printed"]].tolist() == ["row 1", "CR", "85.0"]


def test_fractions_and_per_cents_say_the_same():
    per_cent = bm.recover_counts(pd.DataFrame({"estimate_pct": ["80.0"], "n": [5]}))
    fraction = bm.recover_counts(pd.DataFrame({"estimate": ["0.800"], "n": [5]}))
    assert per_cent[["events", "n"]].equals(fraction[["events", "n"]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("abc", 5), "percent: 'abc' is no number"),
        ((None, 5), "percent is missing"),
        (("80", 0), "n=0 must be a whole number from 1"),
        (("80", 2.5), "n=2.5 must be"),
        (("80", (9, 3)), "the least n is above the most"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(DataError, match=message):
        bm.possible_counts(*arguments)


def test_bad_tables_are_named_by_row_and_column():
    with pytest.raises(DataError, match=r"row 1, column 'estimate_pct': the figure is missing"):
        bm.recover_counts(pd.DataFrame({"estimate_pct": ["80", ""], "n": [5, 5]}))
    with pytest.raises(
        DataError, match=r"no column 'n \(or n_min and n_max\)'; rename one to that. Its columns: estimate_pct"
    ):
        bm.recover_counts(pd.DataFrame({"estimate_pct": ["80"]}))
    with pytest.raises(DataError, match=r"row 0, column 'estimate_pct': '8O' is no number"):
        bm.recover_counts(pd.DataFrame({"estimate_pct": ["8O"], "n": [5]}))
    with pytest.raises(SpecError, match=r"unknown interval 'wilsn'\. Did you mean 'wilson'"):
        bm.possible_counts("80", 5, interval="wilsn")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"percent": 180}, "percent=180 must be from 0 to 100 per cent"),
        ({"percent": -1}, "percent=-1 must be from 0 to 100 per cent"),
        ({"percent": 80, "lower": 99, "upper": 28}, "lower=99 exceeds upper=28; exchange them"),
        ({"percent": 80, "lower": 85, "upper": 99}, "percent=80 lies outside its limits"),
    ],
)
def test_what_no_proportion_can_be_is_refused(given, words):
    with pytest.raises(bm.DataError, match=words):
        bm.possible_counts(n=(1, 12), **given)
