"""Regression tests for small-study effects."""

import numpy as np
import pytest

from bayesmeta.effects.measures import effect_sizes
from bayesmeta.frequentist.egger import PREDICTORS, SIZE_TESTS, egger, score_and_information, sizes
from bayesmeta.frequentist.line import fit_line
from bayesmeta.frequentist.tau2 import TAU2_METHODS

CLOSED = {"rel": 1e-9, "abs": 1e-13}
ITERATED = {"rel": 1e-6, "abs": 1e-9}  # REML: metafor's iterations stop at 1e-12


def compare(line, expected, tolerance, *, has_limit):
    """Compare a line with metafor's, and return how many values there were."""
    assert line.statistic == pytest.approx(expected["stat"], **tolerance)
    assert line.pvalue == pytest.approx(expected["pval"], **tolerance)
    if not has_limit:
        assert expected["limit"] in ([], None)
        return 2
    values = (line.intercept, *line.intercept_interval(0.95))
    assert values == pytest.approx((expected["limit"], expected["limit_low"], expected["limit_high"]), **tolerance)
    return 5


def line_of(y, se, n, expected, tau2_method="DL"):
    x = PREDICTORS[expected["predictor"]].value(se, n)
    model = "mixed" if expected["model"] == "rma" else "lm"
    return egger(y, se, x, model=model, tau2_rule=TAU2_METHODS[tau2_method])


def compare_case(case):
    return sum(
        compare(
            line_of(case.y, case.se, case.n, expected),
            expected,
            CLOSED,
            has_limit=PREDICTORS[expected["predictor"]].has_limit,
        )
        for expected in case.metafor["regtest"]
    )


def test_egger_equals_metafor_regtest_with_every_predictor_and_model(case):
    assert compare_case(case) > 0


def test_all_reference_regressions_are_compared(cases):
    assert len(cases) == 24
    assert sum(len(case.metafor["regtest"]) for case in cases.values()) == 219
    assert sum(compare_case(case) for case in cases.values()) == 963


def test_egger_equals_regtest_with_further_predictors_and_estimators(two_arm_case):
    data, reference = two_arm_case
    effects = effect_sizes("OR", *data.values())
    names = {"statistic": "stat", "pvalue": "pval", "lower": "limit_low", "upper": "limit_high"}
    count = 0
    for given in reference["regtest"]:
        expected = {names.get(name, name): value for name, value in {"limit": None, **given}.items()}
        line = line_of(effects.y, effects.se, sizes(data), expected, given["tau2_method"])
        tolerance = ITERATED if given["tau2_method"] == "REML" else CLOSED
        count += compare(line, expected, tolerance, has_limit=PREDICTORS[given["predictor"]].has_limit)
    assert count == 144


@pytest.mark.parametrize("test", SIZE_TESTS)
def test_tests_by_size_equal_calls_of_lm_in_r(two_arm_case, test):
    data, reference = two_arm_case
    line = SIZE_TESTS[test].regress(effect_sizes("OR", *data.values()).y, data)
    values = (line.slope, line.se_slope, line.statistic, line.pvalue, line.intercept, *line.intercept_interval(0.95))
    expected = reference["by_size"][test]
    names = ("bias", "se", "statistic", "pvalue", "limit", "lower", "upper")
    assert values == pytest.approx(tuple(expected[name] for name in names), rel=1e-9)
    assert line.df == expected["df"]


def test_the_slope_on_the_standard_error_is_eggers_intercept(cases):
    case = cases["bcg-OR"]
    own = fit_line(case.y / case.se, 1.0 / case.se, np.ones(len(case.y)), dispersion=True)
    line = egger(case.y, case.se, case.se, model="lm", tau2_rule=TAU2_METHODS["DL"])
    assert (line.slope, line.se_slope) == pytest.approx((own.intercept, own.se_intercept), rel=1e-10)


def test_peters_of_logits_of_one_arm_is_the_regression_on_1_over_n():
    data = {"events": np.array([3.0, 9, 20, 31]), "n": np.array([10.0, 25, 33, 90])}
    effects = effect_sizes("PLO", *data.values())
    by_n = egger(effects.y, effects.se, 1.0 / data["n"], model="lm", tau2_rule=TAU2_METHODS["DL"])
    assert SIZE_TESTS["peters"].regress(effects.y, data).pvalue == pytest.approx(by_n.pvalue, rel=1e-12)


def test_a_balanced_study_is_as_large_as_it_is_effective():
    arms = {name: np.array([20.0, 50.0, 80.0, 10.0]) for name in ("n_treatment", "n_control")}
    counts = {"events_treatment": np.array([3.0, 9, 20, 3]), "events_control": np.array([5.0, 9, 30, 4])}
    y = np.array([0.1, 0.5, 0.2, 0.9])
    one_arm = {"events": counts["events_treatment"] + counts["events_control"], "n": 2.0 * arms["n_treatment"]}
    both = SIZE_TESTS["deeks"].regress(y, {**counts, **arms})
    assert both.pvalue == pytest.approx(SIZE_TESTS["deeks"].regress(y, one_arm).pvalue, rel=1e-12)


def test_the_score_is_that_of_the_hypergeometric_distribution():
    from scipy.stats import hypergeom

    data = {"events_treatment": [7.0], "n_treatment": [30.0], "events_control": [12.0], "n_control": [25.0]}
    z, v = score_and_information({name: np.array(values) for name, values in data.items()})
    null = hypergeom(55, 19, 30)
    assert (z[0], v[0]) == pytest.approx((7.0 - null.mean(), null.var()), rel=1e-12)


def test_studies_without_events_have_no_score_and_are_left_out_by_harbord():
    data = {
        "events_treatment": np.array([3.0, 0, 9, 5]), "n_treatment": np.array([20.0, 10, 40, 33]),
        "events_control": np.array([5.0, 0, 11, 9]), "n_control": np.array([20.0, 12, 41, 30]),
    }  # fmt: skip
    rest = {name: np.delete(values, 1) for name, values in data.items()}
    harbord = SIZE_TESTS["harbord"].regress
    assert harbord(np.zeros(4), data) == harbord(np.zeros(3), rest)
    assert np.isnan(harbord(np.zeros(3), {name: values[:3] for name, values in data.items()}).pvalue)


def test_peters_keeps_a_study_in_which_all_have_the_event():
    data = {"events": np.array([18.0, 9, 20, 31]), "n": np.array([18.0, 25, 33, 90])}
    line = SIZE_TESTS["peters"].regress(np.array([2.0, 0.1, 0.5, 0.4]), data)
    without = SIZE_TESTS["peters"].regress(
        np.array([0.1, 0.5, 0.4]), {name: values[1:] for name, values in data.items()}
    )
    assert line.df == 2
    assert line.slope != pytest.approx(without.slope, rel=1e-3)
