import pytest

from bayesmeta.data.cells import read_number
from bayesmeta.data.rules import row_rule


def findings(kind, measure=None, **cells):
    return row_rule(kind, measure)({role: read_number(cell) for role, cell in cells.items()})


def texts(kind, measure=None, **cells):
    return {role: text for role, text, severity in findings(kind, measure, **cells) if severity == "error"}


@pytest.mark.parametrize(("events", "n"), [(0, 1), (5, 5), ("3", "10"), (3.0, 10), (0, 2**53 - 1)])
def test_possible_counts_are_not_criticised(events, n):
    assert findings("counts", events=events, n=n) == []


@pytest.mark.parametrize(
    ("events", "n", "role", "text"),
    [
        (7, 5, "events", "events=7 > n=5; correct one of them"),
        ("7.0", "5", "events", "events=7 > n=5; correct one of them"),
        (-3, 5, "events", "-3 is negative; give a count, 0 or more"),
        (0, -5, "n", "-5 is negative; give a count, 1 or more"),
        (0, 0, "n", "n=0 means no patients; n must be 1 or more"),
        (3.5, 9, "events", "3.5 is not a whole number; counts are needed"),
        (-0.5, 9, "events", "-0.5 is not a whole number; counts are needed"),
        (1, 0.5, "n", "0.5 is a fraction; counts are needed: the number of patients"),
        (None, 9, "events", "the value is missing; give a count, or leave out the study"),
        ("seven", 9, "events", "'seven' is not a number; give a count"),
        ("12/31", 31, "events", "'12/31' holds two numbers; put events and n into a column each"),
        ("12 (39%)", 31, "events", "'12 (39%)' holds two numbers; put events and n into a column each"),
        (True, 9, "events", "True is a truth value; give a count"),
        ("inf", 9, "events", "'inf' is not finite; give a count"),
        ("1,234", 5000, "events", "'1,234' has a thousands separator; write 1234"),
        (1, "1.234.567", "n", "'1.234.567' has a thousands separator; write 1234567"),
        (
            1,
            "5.000",
            "n",
            "'5.000' has a point; write the count without it (5000, if it separates thousands)",
        ),
        ("12,5", 99, "events", "'12,5' has a comma; write the decimals with a point"),
        (0, 2**53 + 1, "n", "9007199254740993 is too large for a count (2**53 or more); correct it"),
    ],
)
def test_an_impossible_count_is_named_with_what_to_do(events, n, role, text):
    assert texts("counts", events=events, n=n) == {role: text}


@pytest.mark.parametrize("events", [0.87, "0.87", "87%", "87 %", "0.870"])
def test_a_proportion_is_refused_with_a_hint_and_without_a_count_made_up(events):
    found = texts("counts", events=events, n=31)["events"]
    assert "counts are needed: look up the number of patients with the event" in found
    assert "(a hint only: 0.87 × 31 = 27.0)" in found


def test_a_proportion_without_a_usable_n_has_no_hint():
    assert "hint" not in texts("counts", events=0.87, n="x")["events"]
    assert "hint" not in texts("counts", events="150%", n=10)["events"]


def test_all_faults_of_a_row_are_found():
    assert set(texts("counts", events="x", n=-1)) == {"events", "n"}
    assert set(texts("estimates", y="x", se=0)) == {"y", "se"}
    assert set(texts("intervals", "HR", estimate=-1, lower="x", upper=None)) == {"estimate", "lower", "upper"}


@pytest.mark.parametrize("se", [0, -0.1, "0.0"])
def test_a_standard_error_is_positive(se):
    assert "must be greater than 0" in texts("estimates", y=0.1, se=se)["se"]


@pytest.mark.parametrize("y", [None, "inf", "0,5", "87%", True])
def test_an_estimate_is_a_plain_finite_number(y):
    assert list(texts("estimates", y=y, se=1)) == ["y"]


@pytest.mark.parametrize(
    ("lower", "estimate", "upper", "roles"),
    [
        (0.8, 0.7, 0.9, {"lower"}),
        (0.5, 0.7, 0.6, {"upper"}),
        (0.9, 0.7, 0.5, {"lower", "upper"}),
        (0.7, 0.7, 0.9, {"lower"}),
    ],
)
def test_an_interval_encloses_its_estimate(lower, estimate, upper, roles):
    assert set(texts("intervals", "HR", lower=lower, estimate=estimate, upper=upper)) == roles


def test_a_ratio_is_positive_and_a_difference_need_not_be():
    found = texts("intervals", "HR", lower=-0.6, estimate=-0.3, upper=0.1)
    assert set(found) == {"lower", "estimate"}
    assert "if the values are logs already, leave out measure" in found["estimate"]
    assert findings("intervals", "GEN", lower=-0.6, estimate=-0.25, upper=0.1) == []


@pytest.mark.parametrize(
    ("lower", "estimate", "upper"),
    [(0.55, 0.71, 0.93), (0.18, 0.33, 0.61), (0.08, 0.28, 1.02), (0.32, 0.65, 1.3), (0.1, 0.1001, 0.2)],
)
def test_a_warning_means_the_estimate_is_off_the_log_centre(lower, estimate, upper):
    severities = [severity for *_, severity in findings("intervals", "HR", lower=lower, estimate=estimate, upper=upper)]
    assert severities == (["warning"] if estimate == 0.1001 else [])


def test_rounding_alone_raises_no_warning():
    # 0.014 (0.006 to 0.030) as printed with two decimals
    assert findings("intervals", "HR", lower=0.01, estimate=0.01 + 1e-9, upper=0.03) != []
    assert findings("intervals", "HR", lower=0.01, estimate=0.02, upper=0.03) == []


ARM = {"events_treatment": 1, "events_control": 2}


def test_two_arms_follow_the_rules_of_counts_each():
    found = texts("two-arm-counts", **ARM, n_treatment=0, n_control=1)
    assert found == {
        "n_treatment": "n_treatment=0 means no patients; n_treatment must be 1 or more",
        "events_control": "events_control=2 > n_control=1; correct one of them",
    }


def test_studies_without_an_event_in_either_arm_are_allowed():
    none = {"events_treatment": 0, "events_control": 0}
    assert findings("two-arm-counts", **none, n_treatment=9, n_control=8) == []
    assert findings("two-arm-rates", **none, time_treatment=0.5, time_control=1e6) == []


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "time=0 must be greater than 0; give the person-time"),
        (-2.5, "time=-2.5 must be greater than 0; give the person-time"),
        ("1,344", "'1,344' has a thousands separator; write 1344"),
        (float("inf"), "inf is not finite; give the person-time"),
        (None, "the value is missing; give the person-time, or leave out the study"),
    ],
)
def test_an_impossible_person_time_is_named_with_what_to_do(time, text):
    assert texts("rates", events=3, time=time) == {"time": text}
    two = texts("two-arm-rates", **ARM, time_treatment=10, time_control=time)
    assert two == {"time_control": text.replace("time=", "time_control=")}


def test_more_events_than_person_time_are_possible_and_events_need_no_patients():
    assert findings("rates", events=7, time=0.5) == []
    assert texts("rates", events="7/15", time=20) == {
        "events": "'7/15' holds two numbers; put events and time into a column each"
    }
