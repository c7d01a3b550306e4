import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.frequentist.tau2 import TAU2_METHODS

RNG = np.random.default_rng(8)
SE = RNG.uniform(0.1, 0.6, size=(4, 3, 9))
Y = RNG.normal(0.3, np.sqrt(0.1 + SE**2))
SYMMETRIC = ("wald", "t", "hartung-knapp", "hartung-knapp-adhoc")


@pytest.mark.parametrize("tau2_method", list(TAU2_METHODS))
@pytest.mark.parametrize("ci_method", SYMMETRIC)
def test_each_of_many_is_what_a_single_fit_gives(tau2_method, ci_method):
    many = bm.pool_many(Y, SE, tau2_method=tau2_method, ci_method=ci_method, ci_prob=0.9)
    names = tuple("ABCDEFGHI")
    for index in np.ndindex(4, 3):
        one = bm.fit(
            bm.Studies(names, y=Y[index], se=SE[index]),
            engine="frequentist", tau2_method=tau2_method, ci_method=ci_method, ci_prob=0.9,
        )  # fmt: skip
        for name in ("mu", "se_mu", "lower", "upper", "tau2", "q", "q_pvalue", "i2", "i2_tau2"):
            assert getattr(many, name)[index] == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12), name


def test_the_frame_has_a_row_per_meta_analysis_by_its_position():
    many = bm.pool_many(Y, SE)
    frame = many.to_frame()
    assert frame.columns.tolist() == ["mu", "se_mu", "lower", "upper", "tau2", "q", "q_pvalue", "i2", "i2_tau2"]
    assert frame.loc[(2, 1), "mu"] == many.mu[2, 1]
    assert len(bm.pool_many(Y[0], SE[0]).to_frame()) == 3
    assert len(bm.pool_many(Y[0, 0], SE[0, 0]).to_frame()) == 1


def test_standard_errors_are_broadcast():
    np.testing.assert_array_equal(bm.pool_many(Y, SE[0, 0]).mu, bm.pool_many(Y, np.broadcast_to(SE[0, 0], Y.shape)).mu)


def test_one_study_each_has_no_t_interval_and_equal_effects_none_by_hartung_knapp():
    one = bm.pool_many([[0.1], [0.2]], 0.1, ci_method="t")
    assert one.mu.tolist() == [0.1, 0.2]
    assert np.isnan(one.lower).all()
    many = bm.pool_many([[0.1, 0.1, 0.1], [0.1, 0.2, 0.4]], 0.1, ci_method="hartung-knapp")
    assert np.isnan(many.lower).tolist() == [True, False]


@pytest.mark.parametrize("ci_method", ["henmi-copas", "profile"])
def test_intervals_that_are_searched_for_are_refused_with_the_way_out(ci_method):
    tau2_method = {"henmi-copas": "DL", "profile": "ML"}[ci_method]
    with pytest.raises(bm.SpecError, match=f"pool_many has no ci_method='{ci_method}'.*use bm.fit, or one of wald, t"):
        bm.pool_many(Y, SE, ci_method=ci_method, tau2_method=tau2_method)


@pytest.mark.parametrize(
    ("y", "se", "message"),
    [
        ([[0.1, 0.2], [0.3, 0.4]], [[0.1, 0.2], [0.3, 0.0]], r"y\[1, 1\]=0.4, se\[1, 1\]=0:.* 1 of 4 values"),
        ([0.1, 0.2], [0.1, -0.2], r"y\[1\]=0.2, se\[1\]=-0.2:"),
        ([0.1, np.nan], [0.1, 0.2], r"y\[1\]=nan"),
        ([0.1, 0.2], [0.1, 0.2, 0.3], "must be arrays of numbers of the same shape"),
        ([0.1, "x"], [0.1, 0.2], "must be arrays of numbers"),
        (0.1, 0.2, r"need at least one study along the last axis; got shape \(\)"),
        ([[]], [[]], r"got shape \(1, 0\)"),
    ],
)
def test_what_cannot_be_weighted_is_refused_with_its_position(y, se, message):
    with pytest.raises(bm.DataError, match=message) as caught:
        bm.pool_many(y, se)
    assert "\n" not in str(caught.value)
