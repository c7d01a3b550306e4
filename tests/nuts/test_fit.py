import pickle

import numpy as np
import pytest

import bayesmeta as bm

COLUMNS = ["mean", "sd", "median", "lower", "upper"]
DIAGNOSTICS = ["mcse_mean", "ess_bulk", "ess_tail", "r_hat"]


def test_summary_has_the_rows_of_exact_and_mcmc_columns(sampled, exact):
    table = bm.summary(sampled)
    assert table.index.tolist() == bm.summary(exact).index.tolist()
    assert table.columns.tolist() == [*COLUMNS, *DIAGNOSTICS]


def test_the_result_records_how_it_was_sampled(sampled):
    recorded = (sampled.sampler, sampled.tune, sampled.draws, sampled.chains, sampled.seed, sampled.target_accept)
    assert recorded == ("pymc", 1000, 1000, 4, 1, 0.95)
    assert not sampled.interrupted


def test_the_summary_says_that_it_was_verified(sampled):
    assert "verified against the exact posterior: 25 numbers agree within 4 MCSE" in repr(sampled)


def test_study_effects_are_close_to_the_exact_ones(sampled, exact):
    mine, known = bm.study_effects(sampled), bm.study_effects(exact)
    assert np.abs(mine["median"] - known["median"]).max() < 0.06
    assert np.abs(mine["weight"] - known["weight"]).max() < 0.003
    assert mine["weight"].sum() == pytest.approx(1.0)
    assert np.abs(mine["shrinkage"] - known["shrinkage"]).max() < 0.02
    assert {"mcse_mean", "ess_bulk", "ess_tail", "r_hat"} <= {*mine.columns}


def test_marginals_are_those_of_the_draws(sampled, exact):
    tau, known = sampled.marginal("tau"), exact.marginal("tau")
    assert tau.eti(0.9) == pytest.approx(np.quantile(sampled.draws_of("tau"), [0.05, 0.95]))
    assert np.abs(tau.pdf([0.6, 0.9, 1.2]) - known.pdf([0.6, 0.9, 1.2])).max() < 0.12
    assert tau.cdf(known.ppf(0.3)) == pytest.approx(0.3, abs=0.04)
    assert tau.hdi(0.9)[1] - tau.hdi(0.9)[0] < tau.eti(0.9)[1] - tau.eti(0.9)[0]
    label = sampled.studies.study[0]
    assert sampled.marginal(f"p[{label}]").mean() == pytest.approx(exact.marginal(f"p[{label}]").mean(), abs=0.01)
    assert tau.rvs(5, seed=1).shape == (5,)


def test_an_unknown_quantity_is_refused_with_the_nearest(sampled):
    with pytest.raises(bm.SpecError, match=r"unknown quantity 'tua'\. Did you mean 'tau'"):
        sampled.marginal("tua")


def test_the_datatree_has_every_group_arviz_knows(sampled):
    tree = sampled.to_datatree()
    assert {*tree.children} >= {
        "posterior", "sample_stats", "log_likelihood", "posterior_predictive", "prior", "prior_predictive",
        "observed_data", "constant_data",
    }  # fmt: skip
    assert tree["log_likelihood"]["events"].dims == ("chain", "draw", "study")
    assert tree["posterior_predictive"]["events"].shape == (4, 1000, 14)
    assert tree["constant_data"]["n"].to_numpy().tolist() == sampled.studies.n.tolist()
    prior = np.asarray(tree["prior"]["tau"])
    assert prior.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)
    again = sampled.to_datatree()
    again["posterior"]["mu"] = again["posterior"]["mu"] * 0.0
    assert float(sampled.to_datatree()["posterior"]["mu"].std()) > 0.1


def test_log_likelihood_is_that_of_the_draws(sampled, pritz):
    from scipy import stats

    tree = sampled.to_datatree()
    p = np.asarray(tree["posterior"]["p"])
    expected = stats.binom.logpmf(pritz.events, pritz.n, p)
    assert np.allclose(tree["log_likelihood"]["events"], expected, atol=1e-9)


def test_a_fit_can_be_sent_to_another_process(sampled):
    again = pickle.loads(pickle.dumps(sampled))
    assert again.summary().equals(sampled.summary())


def test_nuts_has_no_evidence(sampled):
    assert sampled.log_evidence is None
