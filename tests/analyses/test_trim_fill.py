"""Trim and fill of a fit."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError


@pytest.fixture(scope="module")
def fit():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    return bm.fit(studies, engine="frequentist", ci_prob=0.9)


def test_the_filled_fit_keeps_the_options_and_holds_the_added_effects(fit):
    result = bm.trim_fill(fit)
    filled = result.filled
    assert (filled.k, filled.measure, filled.tau2_method, filled.ci_prob) == (20, "PLO", "DL", 0.9)
    assert filled.y[14:].tolist() == result.y.tolist()
    assert filled.se[14:].tolist() == result.se.tolist()
    assert list(result.summary().index) == ["mu", "p_median"]
    direct = bm.fit(Studies(tuple(map(str, range(20))), y=filled.y, se=filled.se), engine="frequentist")
    assert (filled.mu, filled.se_mu, filled.tau2) == (direct.mu, direct.se_mu, direct.tau2)


def test_the_frame_tells_observed_from_filled_studies(fit):
    frame = bm.trim_fill(fit).frame
    assert list(frame.columns) == ["study", "y", "se", "is_filled"]
    assert frame["is_filled"].sum() == 6
    assert frame["study"].is_unique
    assert frame["study"].tolist()[-1] == "filled 6"


def test_labels_of_added_studies_are_new():
    y, se = np.array([0.0, 0.3, 1.2, 1.6, 2.1]), np.array([0.05, 0.2, 0.6, 0.7, 0.8])
    names = ("filled 1", "B", "C", "D", "E")
    result = bm.trim_fill(bm.fit(Studies(names, y=y, se=se), engine="frequentist"), estimator="R0")
    assert result.k0 > 0
    assert result.filled.studies.study[5] == "filled* 1"


def test_nothing_to_add_leaves_the_fit_as_it_is(fit):
    result = bm.trim_fill(fit, side="right")
    assert result.k0 == 0
    assert result.filled is fit


def test_the_print_says_what_was_added(fit):
    text = repr(bm.trim_fill(fit, estimator="R0"))
    assert text.startswith("Trim and fill (R0): ")
    assert "added on the left side; none missing: P = " in text
    assert "p_median" in text


def test_arrays_are_read_only(fit):
    with pytest.raises(ValueError, match="read-only"):
        bm.trim_fill(fit).y[0] = 1.0


def test_what_cannot_be_filled_is_refused_in_one_line(fit):
    with pytest.raises(SpecError, match=r"unknown estimator 'L1'. Allowed: L0, R0, Q0"):
        bm.trim_fill(fit, estimator="L1")
    with pytest.raises(SpecError, match=r"unknown side 'lft'. Did you mean 'left'\?"):
        bm.trim_fill(fit, side="lft")
    with pytest.raises(SpecError, match=r"takes a fit with engine='frequentist' .* got a Studies"):
        bm.trim_fill(fit.studies)
    two = bm.fit(fit.studies.take([0, 1]), engine="frequentist")
    with pytest.raises(DataError, match="at least 3 studies"):
        bm.trim_fill(two)


def test_fits_of_counts_cannot_be_filled():
    counts = {"events_treatment": [3.0, 9, 5], "n_treatment": [20.0, 40, 33], "events_control": [5.0, 11, 9]}
    arrays = {name: np.array(values) for name, values in counts.items()}
    studies = Studies(tuple("ABC"), **arrays, n_control=np.array([20.0, 41, 30]))
    peto = bm.fit(studies, engine="frequentist", method="peto")
    with pytest.raises(SpecError, match="needs method='inverse-variance'; 'peto' pools counts"):
        bm.trim_fill(peto)


def test_a_funnel_of_proportions_is_said_to_be_asymmetric_by_itself():
    studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    for measure in ("PLO", "PR"):
        result = bm.trim_fill(bm.fit(studies, engine="frequentist", measure=measure))
        assert "is asymmetric where nothing is missing" in repr(result).splitlines()[-1]
    y, se = np.array([0.9, 0.7, 0.4, 0.35]), np.array([0.4, 0.3, 0.15, 0.1])
    plain = bm.trim_fill(bm.fit(bm.Studies(tuple("ABCD"), y=y, se=se), engine="frequentist"))
    assert plain.notes == ()
