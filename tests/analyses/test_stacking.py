"""Stacking weights: provably optimal, whatever the predictions look like."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

import bayesmeta as bm
from bayesmeta.analyses.stacking import optimality_gap, stacking_weights

PRIORS = ("HalfNormal(0.01)", "HalfNormal(0.3)", "HalfNormal(1)", "HalfCauchy(2)")


def relative(log_density):
    return np.exp(log_density - log_density.max(axis=1, keepdims=True))


def score(log_density, weight):
    return special.logsumexp(log_density, b=weight, axis=1).sum()


@pytest.fixture(scope="module")
def fits():
    studies = bm.Studies.from_frame(bm.load_dataset("debruin2009"), events="events", n="n")
    return [bm.fit(studies, bm.ModelSpec(tau=tau)) for tau in PRIORS]


CASES = {
    "two models that each know half of the studies": np.array([[0.0, -3.0]] * 5 + [[-3.0, 0.0]] * 5),
    "one that is best everywhere": np.array([[-1.0, -2.0, -1.1]] * 4),
    "noise": np.random.default_rng(1).normal(-3.0, 2.0, (14, 5)),
    "many models, few studies": np.random.default_rng(2).normal(-3.0, 1.0, (3, 12)),
    "many studies": np.random.default_rng(3).normal(-3.0, 1.0, (4000, 3)),
    "one study": np.array([[-1.0, -2.0]]),
    "far apart": np.array([[-5.0, -900.0, -3000.0], [-4.0, -3.0, -2000.0]]),
    "nearly alike": np.random.default_rng(4).normal(-3.0, 1.0, (10, 1)) + 1e-7 * np.eye(10)[:, :4],
    "on the edge of a third model": np.log([[0.8, 0.2, 0.5], [0.2, 0.8, 0.5]]),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_satisfy_the_karush_kuhn_tucker_conditions(name):
    log_density = CASES[name]
    weight = stacking_weights(log_density)
    gradient = (relative(log_density) / (relative(log_density) @ weight)[:, None]).sum(axis=0)
    k = len(log_density)
    assert weight.sum() == pytest.approx(1.0, abs=1e-14)
    assert (weight >= 0.0).all()
    assert (gradient <= k + 1e-8).all()
    assert weight * (gradient - k) == pytest.approx(np.zeros(weight.size), abs=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_no_other_optimiser_finds_a_better_score(name):
    log_density = CASES[name]
    count = log_density.shape[1]
    best = score(log_density, stacking_weights(log_density))
    corners = np.vstack([np.eye(count), np.random.default_rng(5).dirichlet(np.ones(count), 200)])
    assert max(score(log_density, weight) for weight in corners) <= best + 1e-8
    found = optimize.minimize(
        lambda x: -score(log_density, special.softmax(x)), np.zeros(count), method="Nelder-Mead",
        options={"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-12},
    )  # fmt: skip
    assert -found.fun <= best + 1e-8


def test_two_models_have_the_closed_form():
    # of ten studies, three are predicted 4 times as well by the first, seven 4 times as well by the second
    log_density = np.log([[0.8, 0.2]] * 3 + [[0.2, 0.8]] * 7)
    # d/dw of 3 log(0.2 + 0.6 w) + 7 log(0.8 - 0.6 w) = 0
    assert stacking_weights(log_density) == pytest.approx([0.3 * 5 / 3 - 1 / 3, 1 + 1 / 3 - 0.3 * 5 / 3], abs=1e-9)


def test_models_that_predict_alike_share_equally():
    log_density = CASES["two models that each know half of the studies"]
    weight = stacking_weights(log_density[:, [0, 1, 1, 0, 0]])
    assert weight[[0, 3, 4]] == pytest.approx(np.full(3, 1.0 / 6.0), abs=1e-9)
    assert weight[[1, 2]] == pytest.approx(np.full(2, 0.25), abs=1e-9)


def test_the_bound_of_the_gap_holds():
    log_density = CASES["noise"]
    best = score(log_density, stacking_weights(log_density))
    for weight in np.random.default_rng(6).dirichlet(np.ones(5), 50):
        assert best - score(log_density, weight) <= optimality_gap(relative(log_density), weight) + 1e-12


def test_the_table_is_that_of_the_leave_one_out_densities(fits):
    table = bm.stacking(fits)
    elpd = np.column_stack([bm.loo(fit)["elpd_loo"] for fit in fits])
    assert list(table.index) == [f"tau ~ {fit.model.tau}" for fit in fits]
    assert table["elpd_loo"].to_numpy() == pytest.approx(elpd.sum(axis=0), abs=1e-12)
    assert table["weight"].to_numpy() == pytest.approx(stacking_weights(elpd), abs=1e-15)
    best = int(elpd.sum(axis=0).argmax())
    assert table["elpd_diff"].iloc[best] == 0.0
    assert table["se_diff"].iloc[best] == 0.0
    assert (table["elpd_diff"] <= 0.0).all()
    k = len(elpd)
    assert table["se"].to_numpy() == pytest.approx(np.sqrt(k * elpd.var(axis=0)), abs=1e-12)
    assert (table["numerical_error"] < 1e-5).all()


def test_a_hopeless_model_gets_nothing(fits):
    hopeless = bm.fit(fits[0].studies, bm.ModelSpec(mu="Normal(-6, 0.1)", tau="HalfNormal(1)"))
    table = bm.stacking([hopeless, *fits[1:]])
    assert table["weight"].iloc[0] == 0.0
    assert table["elpd_diff"].iloc[0] < -10.0


def test_a_model_that_is_worse_on_the_whole_may_still_help(fits):
    table = bm.stacking(fits)  # tau of 0.01 is hopeless for most studies, but predicts those in the middle best
    assert table["elpd_diff"].iloc[0] < -10.0
    assert 0.05 < table["weight"].iloc[0] < 0.1


def test_the_table_joins_that_of_averaging(fits):
    joined = bm.average(fits).weights.join(bm.stacking(fits)[["elpd_loo", "weight"]])
    assert joined.notna().to_numpy().all()


def test_one_model_has_all_the_weight(fits):
    table = bm.stacking(fits[:1])
    assert table["weight"].tolist() == [1.0]
    assert isinstance(table, pd.DataFrame)


def test_a_flat_prior_of_mu_may_be_stacked(fits):
    flat = bm.fit(fits[0].studies, bm.ModelSpec(mu="Flat()"))
    assert bm.stacking([flat, fits[2]])["weight"].sum() == pytest.approx(1.0, abs=1e-14)


def test_a_posterior_that_needs_each_study_cannot_be_stacked():
    studies = bm.Studies(("a", "b"), y=np.array([0.1, 0.4]), se=np.array([0.2, 0.1]))
    flat = bm.fit(studies, bm.ModelSpec("normal", mu="Normal(0, 1)", tau="HalfFlat()"))
    with pytest.raises(bm.ImproperPosteriorError, match="leave-one-out is not defined: without study 'a'"):
        bm.stacking([flat])
