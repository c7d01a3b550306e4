import json
from pathlib import Path

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.effects.study_intervals import STUDY_INTERVALS, study_interval_record
from bayesmeta.errors import DataError, SpecError

REFERENCE = Path(__file__).parents[1] / "reference" / "metafor" / "study_intervals.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]
NEWCOMBE = {  # Statistics in Medicine 17:857-872 (1998), table I: 81/263, 15/148, 0/20, 1/29
    "wald": [(0.2522, 0.3638), (0.0527, 0.1500), (0.0, 0.0), (0.0, 0.1009)],  # his last begins below 0
    "wilson": [(0.2553, 0.3662), (0.0624, 0.1605), (0.0, 0.1611), (0.0061, 0.1718)],
    "clopper-pearson": [(0.2527, 0.3676), (0.0578, 0.1617), (0.0, 0.1684), (0.0009, 0.1776)],
}


@pytest.mark.parametrize("name", STUDY_INTERVALS)
def test_the_limits_equal_rs(name):
    cases = [case for case in CASES if case["interval"] == name]
    assert len(cases) == 30
    for case in cases:
        lower, upper = STUDY_INTERVALS[name].limits([case["events"]], [case["n"]], ci_prob=case["ci_prob"])
        # base R's qbeta stops at about 1e-11, and its sums of roots cancel near 0
        np.testing.assert_allclose([lower[0], upper[0]], [case["lower"], case["upper"]], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", NEWCOMBE)
def test_the_limits_equal_those_that_newcombe_printed(name):
    lower, upper = STUDY_INTERVALS[name].limits([81, 15, 0, 1], [263, 148, 20, 29])
    assert list(zip(lower.round(4), upper.round(4), strict=True)) == NEWCOMBE[name]


@pytest.mark.parametrize("name", STUDY_INTERVALS)
def test_the_limits_of_complements_are_complements_and_hold_the_observed_proportion(name):
    events, n = np.arange(13.0), np.full(13, 12.0)
    lower, upper = STUDY_INTERVALS[name].limits(events, n)
    low, high = STUDY_INTERVALS[name].limits(n - events, n)
    np.testing.assert_allclose(lower, 1.0 - high, atol=1e-13)
    np.testing.assert_allclose(upper, 1.0 - low, atol=1e-13)
    assert (lower[0], upper[-1]) == (0.0, 1.0)
    assert ((lower <= events / n) & (events / n <= upper)).all()


def test_wilsons_limits_are_where_the_score_test_turns():
    lower, upper = STUDY_INTERVALS["wilson"].limits([4], [17], ci_prob=0.9)
    for p in (lower[0], upper[0]):
        assert abs(4 / 17 - p) / np.sqrt(p * (1 - p) / 17) == pytest.approx(1.6448536269514722, rel=1e-12)


def test_bad_counts_and_names_are_refused():
    with pytest.raises(DataError, match="needed: 0 <= events <= n"):
        STUDY_INTERVALS["wilson"].limits([3], [2])
    with pytest.raises(SpecError, match=r"ci_prob=95 .* Did you mean 0\.95"):
        STUDY_INTERVALS["jeffreys"].limits([1], [2], ci_prob=95)
    with pytest.raises(SpecError, match=r"unknown study_interval 'wilsn'. Did you mean 'wilson'\? Allowed: clopper-"):
        study_interval_record("wilsn")


def test_tables_and_forests_show_the_interval_that_is_asked_for():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), study="study", events="events", n="n")
    for name, record in STUDY_INTERVALS.items():
        lower, _ = record.limits(studies.events, studies.n)
        for fit in (bm.fit(studies), bm.fit(studies, engine="frequentist")):
            frame = bm.forest_frame(fit, study_interval=name)
            np.testing.assert_array_equal(frame.loc[frame["kind"] == "study", "lower"].astype(float), lower)
        table = bm.study_effects(bm.fit(studies), study_interval=name)
        np.testing.assert_array_equal(table["observed_lower"], lower)
    with pytest.raises(SpecError, match="unknown study_interval 'exact'"):
        bm.forest_frame(fit, study_interval="exact")


def test_an_interval_of_proportions_is_refused_for_other_data():
    hackshaw = bm.Studies(("a", "b"), y=np.array([0.1, 0.2]), se=np.array([0.1, 0.2]))
    fit = bm.fit(hackshaw, engine="frequentist")
    with pytest.raises(SpecError, match="study_interval='wilson' is for proportions, but the studies hold estimates"):
        bm.forest_frame(fit, study_interval="wilson")
