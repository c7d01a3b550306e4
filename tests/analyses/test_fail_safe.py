"""The fail-safe N of a fit."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError


@pytest.fixture(scope="module")
def fit():
    y, se = np.array([0.9, 0.7, 0.4, 0.35]), np.array([0.4, 0.3, 0.15, 0.1])
    return bm.fit(Studies(tuple("ABCD"), y=y, se=se), engine="frequentist")


def test_a_stricter_level_needs_fewer_studies(fit):
    for method in ("rosenthal", "rosenberg"):
        assert bm.fail_safe_n(fit, method, alpha=0.01) < bm.fail_safe_n(fit, method)


def test_one_study_has_a_number_too():
    alone = bm.fit(Studies(("A",), y=np.array([0.9]), se=np.array([0.2])), engine="frequentist")
    assert bm.fail_safe_n(alone) == np.ceil((4.5 / 1.6448536269514722) ** 2 - 1)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("rosental", {}, r"unknown method 'rosental'. Did you mean 'rosenthal'\?"),
        ("orwin", {}, "needs target"),
        ("orwin", {"target": 0.0}, "not 0; got 0.0"),
        ("orwin", {"target": 0.1, "alpha": 0.05}, "alpha is not for method='orwin'"),
        ("rosenthal", {"target": 0.1}, "are for method='orwin'"),
        ("rosenberg", {"weighted": False}, "are for method='orwin'"),
        ("rosenthal", {"alpha": 5}, "must lie strictly between 0 and 1"),
    ],
)
def test_wrong_options_are_refused_in_one_line(fit, method, options, message):
    with pytest.raises(SpecError, match=message):
        bm.fail_safe_n(fit, method, **options)


def test_other_fits_are_refused():
    with pytest.raises(SpecError, match="takes a fit with engine='frequentist'"):
        bm.fail_safe_n(3)


def test_of_proportions_a_benchmark_stands_for_no_effect():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    result = bm.fit(studies, engine="frequentist")
    shifted = bm.fit(Studies(tuple(studies.study), y=result.y - 0.4, se=result.se), engine="frequentist")
    for options in ({}, {"method": "rosenberg"}, {"method": "orwin", "target": 0.2}):
        assert bm.fail_safe_n(result, null=0.4, **options) == bm.fail_safe_n(shifted, **options)
        assert bm.fail_safe_n(result, null=0.4, **options) < bm.fail_safe_n(result, **options)
    with pytest.raises(SpecError, match="null=nan must be a finite number"):
        bm.fail_safe_n(result, null=float("nan"))
