"""ArviZ's approximations from draws beside the exact answers: where they agree, and where only one of them is right."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bayesmeta as bm

MCSE = 4.5  # standard errors
FRAME = pd.DataFrame({"study": list("ABCDEFG"), "y": [2.8, 0.8, -0.3, 0.7, -0.1, 0.1, 1.8], "year": range(7)})
ESTIMATES = bm.Studies.from_frame(FRAME.assign(se=[1.5, 1.0, 1.6, 1.1, 0.9, 1.1, 1.0]), moderators=["year"])


def counts(name):
    return bm.Studies.from_frame(bm.load_dataset(name), study="study", events="events", n="n")


@pytest.fixture(scope="module")
def debruin():
    fit = bm.fit(counts("debruin2009"))
    return fit, {kind: bm.psis_loo(fit, log_likelihood=kind, seed=1) for kind in ("conditional", "marginal")}


FITS = {
    "counts": lambda: bm.fit(counts("pritz1997")),
    "estimates": lambda: bm.fit(ESTIMATES, bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")),
    "regression": lambda: bm.fit(
        ESTIMATES, bm.ModelSpec("normal", formula="~ year", beta="Normal(0, 2)", tau="HalfNormal(1)")
    ),
    "one effect": lambda: bm.fit(counts("pritz1997"), bm.ModelSpec(effects="none")),
}


@pytest.mark.parametrize("name", FITS)
def test_psis_of_the_marginal_likelihood_is_the_exact_density_within_its_error(name):
    table = bm.psis_loo(FITS[name](), log_likelihood="marginal", seed=2)
    table = table[table["pareto_k"] < 0.5]
    assert len(table) >= 6
    assert (np.abs(table["elpd_psis"] - table["elpd_loo"]) < MCSE * table["mcse"]).all()
    assert table["mcse"].max() < 0.1


def test_where_the_pareto_shape_is_bad_psis_is_wrong_and_the_exact_density_right(debruin):
    """The worst study: against the mean of its probability over draws of theta_new from a fit of all others."""
    fit, tables = debruin
    bad = tables["conditional"][~tables["conditional"]["is_reliable"]]
    assert len(bad) >= 8
    assert (bad["elpd_psis"] > bad["elpd_loo"]).all()
    assert ((bad["elpd_psis"] - bad["elpd_loo"]) > 4.0 * bad["mcse"]).sum() >= 6
    worst = int(np.argmax(tables["conditional"]["pareto_k"]))
    others = bm.fit(fit.studies.take(np.delete(np.arange(fit.k), worst)))
    rng = np.random.default_rng(3)
    mu, tau = others.drawable.sample(100_000, rng)
    theta = rng.normal(mu[0], tau)
    p = stats.binom.pmf(fit.studies.events[worst], fit.studies.n[worst], special.expit(theta))
    error = p.std() / np.sqrt(p.size) / p.mean()
    assert abs(np.log(p.mean()) - fit.loo["elpd_loo"].iloc[worst]) < MCSE * error
    assert abs(np.log(p.mean()) - tables["conditional"]["elpd_psis"].iloc[worst]) > 20.0 * error


def test_integrating_the_study_effects_out_mends_psis(debruin):
    table = debruin[1]["marginal"]
    assert table["is_reliable"].all()
    good = table[table["pareto_k"] < 0.5]
    assert (np.abs(good["elpd_psis"] - good["elpd_loo"]) < MCSE * good["mcse"]).all()


def test_the_conditional_numbers_are_those_of_arviz():
    fit = FITS["counts"]()
    table = bm.psis_loo(fit, seed=4)
    with pytest.warns(UserWarning, match="Pareto"):
        found = az.loo(fit.to_datatree(seed=4), pointwise=True)
    assert table["elpd_psis"].to_numpy() == pytest.approx(np.asarray(found.elpd_i))
    assert table["pareto_k"].to_numpy() == pytest.approx(np.asarray(found.pareto_k))


def test_stacking_by_arviz_of_draws_agrees_with_the_exact_weights():
    """Within what the Monte-Carlo error of the densities does to the weights, some 0.05 here."""
    studies = counts("pritz1997")
    fits = [bm.fit(studies, bm.ModelSpec(tau=tau)) for tau in ("HalfNormal(0.3)", "HalfNormal(2)")]
    exact = bm.stacking(fits)
    trees = {str(i): fit.to_datatree(seed=5, log_likelihood="marginal") for i, fit in enumerate(fits)}
    compared = az.compare(trees, round_to="none").loc[["0", "1"]]
    tables = [bm.psis_loo(fit, log_likelihood="marginal", seed=5) for fit in fits]
    error = np.array([np.sqrt((table["mcse"] ** 2).sum()) for table in tables])
    assert (np.abs(compared["elpd"].to_numpy() - exact["elpd_loo"].to_numpy()) < MCSE * error).all()
    assert compared["weight"].to_numpy(float) == pytest.approx(exact["weight"].to_numpy(), abs=0.05)
    assert np.argmax(compared["elpd"]) == np.argmax(exact["elpd_loo"])


def test_power_sensitivity_by_arviz_of_draws_agrees_with_the_exact_one():
    """Means over 8 sets of draws, in standard errors of the mean."""
    studies = bm.Studies(("A", "B", "C", "D"), events=np.array([4.0, 10, 25, 12]), n=np.array([8.0, 12, 42, 20]))
    fit = bm.fit(studies, bm.ModelSpec(mu="Normal(0, 0.5)", tau="HalfNormal(0.3)"))
    exact = bm.power_sensitivity(fit)
    rng = np.random.default_rng(6)
    names, found = ["mu", "tau", "p_mean"], []
    for _ in range(8):
        tree = fit.to_datatree(seed=rng)
        found.append(az.psense_summary(tree, var_names=names, round_to=9)[["prior", "likelihood"]].astype(float))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(8)
    difference = mean - exact.loc[names, ["prior", "likelihood"]].to_numpy(float)
    assert (np.abs(difference) < 4.5 * error + 0.005).all(), difference / error
    assert error.max() < 0.02


def test_other_fits_and_options_are_refused_in_one_line():
    studies = counts("pritz1997")
    with pytest.raises(bm.SpecError, match="psis_loo takes a fit by engine='exact' or 'nuts'; got a fit"):
        bm.psis_loo(bm.fit(studies, engine="frequentist"))
    with pytest.raises(bm.SpecError, match=r"unknown log_likelihood 'marginl'\. Did you mean 'marginal'"):
        bm.psis_loo(bm.fit(studies), log_likelihood="marginl")
