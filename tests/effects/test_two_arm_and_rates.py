"""Effect sizes of two arms and of rates, against metafor's, value by value."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesmeta.effects.measures import ROLES_OF_DATA, effect_sizes, get_measure
from bayesmeta.effects.rates import garwood, log_rate, rate_difference, rate_ratio, raw_rate
from bayesmeta.effects.sizes import EmptyCellError
from bayesmeta.effects.two_arm import odds_ratio, risk_difference, risk_ratio
from bayesmeta.errors import DataError, SpecError

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
PUBLISHED = json.loads((FOLDER / "dl_fits_two_arms.json").read_text(encoding="utf-8"))["cases"]
ZERO_CELLS = json.loads((FOLDER / "effect_sizes_arms_zero_cells.json").read_text(encoding="utf-8"))
TWO_ARM = (odds_ratio, risk_ratio, risk_difference)
RATIOS_OF_RATES = (rate_ratio, rate_difference)
ONE_ARM = (log_rate, raw_rate)


def label(case):
    return "-".join(str(case[key]) for key in ("dataset", "data", "measure", "to", "add") if key in case)


def arrays_of(case):
    data = pd.read_csv(FOLDER / f"{case['dataset']}.csv")
    return [data[role].to_numpy() for role in ROLES_OF_DATA[get_measure(case["measure"]).data]]


def test_the_reference_holds_as_many_values_as_it_should():
    assert sum(len(case["yi"]) + len(case["vi"]) for case in PUBLISHED) == 2 * (3 * 13 + 3 * 6 + 9)
    assert sum(len(case["yi"]) for case in ZERO_CELLS["effect_sizes"]) == 4 * (3 * 8 + 2 * 5 + 2 * 4)


@pytest.mark.parametrize("case", PUBLISHED, ids=label)
def test_effect_sizes_equal_metafors_on_published_data(case):
    found = effect_sizes(case["measure"], *arrays_of(case))
    np.testing.assert_allclose(found.y, case["yi"], rtol=1e-12)
    np.testing.assert_allclose(found.se**2, case["vi"], rtol=1e-12)


@pytest.mark.parametrize("case", ZERO_CELLS["effect_sizes"], ids=label)
def test_rules_for_empty_cells_equal_metafors(case):
    data = ZERO_CELLS["data"][case["data"]].values()
    found = effect_sizes(case["measure"], *data, add=case["add"], to=case["to"])
    # differences of two terms of size 1 in float64
    np.testing.assert_allclose(found.y, case["yi"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.se**2, case["vi"], rtol=1e-12)


@pytest.mark.parametrize("function", [*TWO_ARM, *RATIOS_OF_RATES])
def test_swapping_the_arms_changes_the_sign_alone(function):
    treatment, control = ([3, 0, 12], [10, 8, 40]), ([5, 2, 0], [11, 9, 30])
    forth, back = function(*treatment, *control), function(*control, *treatment)
    np.testing.assert_allclose(forth.y, -back.y, rtol=1e-14)
    np.testing.assert_allclose(forth.se, back.se, rtol=1e-14)
    assert forth.corrected.tolist() == back.corrected.tolist() == [False, True, True]


def test_counting_the_other_outcome_changes_the_sign_of_odds_ratio_and_risk_difference():
    n, m = np.array([10, 8, 40]), np.array([11, 9, 30])
    a, c = np.array([3, 0, 12]), np.array([5, 2, 0])
    for function in (odds_ratio, risk_difference):
        np.testing.assert_allclose(function(a, n, c, m).y, -function(n - a, n, m - c, m).y, rtol=1e-13)


def test_a_study_without_events_in_both_arms_is_corrected_and_kept():
    both = odds_ratio([0, 4], [10, 9], [0, 3], [10, 9])
    assert both.corrected.tolist() == [True, False]
    assert both.y[0] == 0.0
    assert both.se[0] == pytest.approx(np.sqrt(2 / 0.5 + 2 / 10.5), rel=1e-14)


def test_rates_scale_with_the_unit_of_time_and_ratios_do_not():
    x, t = [7, 0], np.array([1344.0, 12.5])
    np.testing.assert_allclose(log_rate(x, t / 1000).y, log_rate(x, t).y + np.log(1000), rtol=1e-14)
    np.testing.assert_allclose(raw_rate(x, t / 1000).se, raw_rate(x, t).se * 1000, rtol=1e-14)
    np.testing.assert_allclose(rate_ratio(x, t, x, 2 * t).y, np.full(2, np.log(2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "data", "consequence"),
    [
        (odds_ratio, ([2, 5], [9, 5], [2, 3], [9, 9]), "the log odds ratio is infinite"),
        (risk_ratio, ([2, 0], [9, 5], [2, 3], [9, 9]), "the log risk ratio is infinite"),
        (risk_ratio, ([2, 5], [9, 5], [2, 9], [9, 9]), "the variance of the log risk ratio is zero"),
        (risk_difference, ([2, 5], [9, 5], [2, 0], [9, 9]), "the variance of the risk difference is zero"),
        (rate_ratio, ([2, 5], [9, 5], [2, 0], [9, 9]), "the log rate ratio is infinite"),
        (rate_difference, ([2, 0], [9, 5], [2, 0], [9, 9]), "the variance of the rate difference is zero"),
        (log_rate, ([2, 0], [9, 5]), "the log rate is infinite"),
        (raw_rate, ([2, 0], [9, 5]), "the variance of the rate is zero"),
    ],
)
@pytest.mark.parametrize("options", [{"to": "none"}, {"add": 0.0}])
def test_an_empty_cell_left_uncorrected_is_refused_where_it_leaves_no_estimate(function, data, consequence, options):
    with pytest.raises(EmptyCellError, match=rf"study 1 has events.*, so {consequence}; use add=0.5 with to='only0'"):
        function(*data, **options)


def test_an_empty_cell_that_leaves_an_estimate_may_stay():
    kept = risk_difference([0], [10], [3], [12], to="none")
    assert (kept.y[0], kept.corrected[0]) == (-0.25, False)
    assert kept.se[0] == pytest.approx(np.sqrt(0.25 * 0.75 / 12), rel=1e-14)
    assert risk_ratio([5], [5], [3], [6], to="none").y[0] == pytest.approx(np.log(2), rel=1e-14)
    assert rate_difference([0], [10.0], [3], [12.0], add=0.0).y[0] == -0.25


@pytest.mark.parametrize("function", TWO_ARM)
@pytest.mark.parametrize("position", [0, 2])
def test_impossible_counts_of_either_arm_are_named(function, position):
    data = [[1, 1], [5, 5], [1, 1], [5, 5]]
    for value in (7, -1, np.nan, np.inf):
        bad = [list(values) for values in data]
        bad[position][1] = value
        with pytest.raises(DataError, match=r"study 1 has .*; needed: 0 <= events <= n, n > 0 in both arms"):
            function(*bad)


@pytest.mark.parametrize("function", [*RATIOS_OF_RATES, *ONE_ARM])
def test_impossible_rates_are_named(function):
    data = [[1, 1], [5.5, 0.5]] * (1 if function in ONE_ARM else 2)
    assert np.isfinite(function(*data).y).all()
    for position, value in [(0, -1), (0, np.nan), (1, 0.0), (1, np.inf), (1, -2.0)]:
        bad = [list(values) for values in data]
        bad[position][1] = value
        with pytest.raises(DataError, match=r"study 1 has .*; needed: events >= 0, time > 0, both finite"):
            function(*bad)


def test_unknown_options_and_shapes_are_refused():
    with pytest.raises(SpecError, match=r"zero-cell rule to 'zero'.*Allowed: only0, all, if0all, none"):
        odds_ratio([1], [2], [1], [2], to="zero")
    with pytest.raises(SpecError, match=r"add=-1 must be finite and not negative"):
        rate_ratio([1], [2], [1], [2], add=-1)
    with pytest.raises(DataError, match="arrays of the same length"):
        odds_ratio([1, 2], [2, 3], [1, 1, 1], [2])
    with pytest.raises(DataError, match="one dimension; got 2"):
        log_rate([[1.0]], [[2.0]])


POISSON_TEST = [  # poisson.test(x, 12.5, conf.level = p)$conf.int of R 4.2.2
    (0, 0.50, 0, 0.11090354888959125),
    (0, 0.95, 0, 0.29511035632911481),
    (1, 0.50, 0.023014565796142476, 0.21541076231117565),
    (1, 0.95, 0.0020254246387431916, 0.44573147127511192),
    (7, 0.50, 0.40661255221508236, 0.77475440882338065),
    (7, 0.95, 0.22514904412158937, 1.1538140289361902),
    (250, 0.50, 19.132920807751688, 20.91972463734966),
    (250, 0.95, 17.597439650474982, 22.639016403385284),
]


@pytest.mark.parametrize(("events", "ci_prob", "lower", "upper"), POISSON_TEST)
def test_garwood_equals_poisson_test_of_r(events, ci_prob, lower, upper):
    found = garwood([events], [12.5], ci_prob=ci_prob)
    np.testing.assert_allclose(np.ravel(found), [lower, upper], rtol=1e-12)


def test_garwood_refuses_impossible_rates():
    with pytest.raises(DataError, match="study 0 has events=-1, time=2"):
        garwood([-1], [2])
    with pytest.raises(SpecError, match="ci_prob=95"):
        garwood([1], [2], ci_prob=95)
