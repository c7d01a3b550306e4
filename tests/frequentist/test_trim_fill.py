"""Trim and fill, as arrays."""

from math import isnan

import numpy as np
import pytest

from bayesmeta.effects.measures import effect_sizes
from bayesmeta.errors import AccuracyError, DataError
from bayesmeta.frequentist.pool import pooled_mean
from bayesmeta.frequentist.tau2 import TAU2_METHODS
from bayesmeta.frequentist.trim_fill import funnel_side, trim_and_fill

DL, EE = TAU2_METHODS["DL"], TAU2_METHODS["EE"]


def filled_fit(y, se, added, rule):
    y, se = np.concatenate([y, added.y]), np.concatenate([se, added.se])
    tau2 = rule.estimate(y, se)
    return (*pooled_mean(y, se, tau2), tau2)


def compare(case):
    count = 0
    for estimator in ("L0", "R0"):
        expected = case.metafor.get(f"trimfill_{estimator}")
        if expected is None:  # metafor did not fit these data
            continue
        side = funnel_side(case.y, case.se, DL)
        added = trim_and_fill(case.y, case.se, side=side, estimator=estimator, tau2_rule=DL)
        assert (added.k0, added.side) == (expected["k0"], expected["side"])
        values = filled_fit(case.y, case.se, added, DL)
        assert values == pytest.approx((expected["beta"], expected["se"], expected["tau2"]), rel=1e-9, abs=1e-18)
        count += 5
    return count


def test_side_number_and_refit_equal_metafor(case):
    compare(case)


def test_all_reference_trim_and_fills_are_compared(cases):
    assert sum(compare(case) for case in cases.values()) == 23 * 2 * 5


def test_every_estimator_and_side_equals_metafor_with_its_standard_error(two_arm_case):
    data, reference = two_arm_case
    effects = effect_sizes("OR", *data.values())
    for expected in reference["trimfill"]:
        rule = TAU2_METHODS[expected["tau2_method"]]
        options = {"side": expected["side"], "estimator": expected["estimator"], "tau2_rule": rule}
        if expected["failed"]:  # metafor ends with "missing value where TRUE/FALSE needed"
            with pytest.raises(AccuracyError, match="root of a negative number"):
                trim_and_fill(effects.y, effects.se, **options)
            continue
        added = trim_and_fill(effects.y, effects.se, **options)
        assert added.k0 == expected["k0"]
        for value, name in ((added.se_k0, "se_k0"), (added.pvalue, "pvalue")):
            wanted = expected.get(name)
            assert isnan(value) if wanted is None else value == pytest.approx(wanted, rel=1e-10)
        values = filled_fit(effects.y, effects.se, added, rule)
        assert values == pytest.approx((expected["mu"], expected["se"], expected["tau2"]), rel=1e-9, abs=1e-13)


def test_mirrored_effects_are_filled_on_the_other_side(cases):
    case = cases["pritz1997-PLO"]
    left = trim_and_fill(case.y, case.se, side="left", estimator="L0", tau2_rule=DL)
    right = trim_and_fill(-case.y, case.se, side="right", estimator="L0", tau2_rule=DL)
    assert left.k0 == right.k0 == 6
    assert np.sort(-right.y) == pytest.approx(np.sort(left.y), rel=1e-12)


def test_a_symmetric_funnel_needs_nothing():
    y, se = np.array([-0.4, 0.4, -0.2, 0.2, 0.0]), np.array([0.4, 0.4, 0.2, 0.2, 0.1])
    for estimator in ("L0", "R0", "Q0"):
        assert trim_and_fill(y, se, side="left", estimator=estimator, tau2_rule=DL).k0 == 0


def test_equal_effects_are_symmetric():
    se = np.array([0.1, 0.2, 0.3, 0.4])
    for estimator in ("L0", "R0"):
        assert trim_and_fill(np.full(4, 0.1 + 0.2), se, side="left", estimator=estimator, tau2_rule=EE).k0 == 0


def test_equal_standard_errors_show_no_side():
    with pytest.raises(DataError, match="give side='left' or 'right'"):
        funnel_side(np.array([0.1, 0.5, 0.3]), np.full(3, 0.2), DL)
