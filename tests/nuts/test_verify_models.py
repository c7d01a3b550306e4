"""Four models of different kinds, sampled in short: every row within 4 Monte-Carlo errors of the exact posterior."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

import bayesmeta as bm
from bayesmeta.nuts.structure import structure_of

SHORT = {"engine": "nuts", "draws": 500, "tune": 700, "chains": 2, "sampler": "pymc", "quiet": True}


@pytest.fixture(scope="module")
def moderated():
    return bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen", "year"])


@pytest.fixture(scope="module")
def by_regimen(moderated):
    model = bm.ModelSpec(formula="~ 0 + regimen", effects="beta")
    return bm.fit(moderated, model, seed=4, **SHORT)


def test_the_beta_binomial_regression_agrees(by_regimen, moderated):
    exact = bm.fit(moderated, by_regimen.model)
    assert by_regimen.verification.agrees, by_regimen.verification
    assert by_regimen.summary().index.tolist() == exact.summary().index.tolist()
    assert len(by_regimen.verification.table) == 5 * len(exact.summary())


def test_its_study_effects_are_those_of_exact(by_regimen, moderated):
    mine, known = by_regimen.theta_table(), bm.fit(moderated, by_regimen.model).theta_table()
    mcse = mine["mcse_mean"]
    assert ((mine["mean"] - known["mean"]).abs() / mcse).max() < 4.0
    np.testing.assert_allclose(mine["weight"], known["weight"], atol=0.01)
    np.testing.assert_allclose(mine["shrinkage"], known["shrinkage"], atol=0.03)


def test_its_marginals_have_the_names_of_the_summary(by_regimen, moderated):
    for name in by_regimen.parameters:
        assert by_regimen.marginal(name).mean() == pytest.approx(by_regimen.summary().at[name, "mean"])
    label = moderated.study[0]
    assert 0.0 < by_regimen.marginal(f"p[{label}]").mean() < 1.0
    with pytest.raises(bm.SpecError, match=r"unknown quantity 'mu'.*of studies theta, p\[label\]"):
        by_regimen.marginal("mu")


def test_its_datatree_has_every_group(by_regimen):
    tree = by_regimen.to_datatree()
    assert {"posterior", "log_likelihood", "posterior_predictive", "prior", "prior_predictive"} <= {*tree.children}
    assert tree["posterior"]["p_median"].dims == ("chain", "draw", "level")
    assert not [name for name in tree["constant_data"].data_vars if str(name).endswith("_observed")]


def test_what_is_unknown_of_a_regression_is_said(by_regimen, moderated):
    with pytest.raises(bm.SpecError, match="compare takes no model with a formula yet"):
        bm.compare(by_regimen)


def test_the_conditional_likelihood_with_heavy_tailed_effects_agrees(studies_for):
    model = bm.ModelSpec("binomial-conditional", effects="student-t", nu=5)
    fit = bm.fit(studies_for(model), model, seed=5, **SHORT)
    assert fit.verification.agrees, fit.verification
    assert len(fit.verification.table) == 15
    assert bm.compare([fit, bm.fit(fit.studies, model)])["parameter"].tolist() == 2 * ["mu", "tau", "theta_new"]


def test_a_hierarchy_of_subgroups_agrees(moderated):
    options = {"by": "regimen", "tau": "hierarchical", "ci_prob": 0.9}
    mine = bm.subgroups(moderated, **options, seed=7, target_accept=0.99, **SHORT)
    known = bm.subgroups(moderated, **options)
    same = ["variable", "level", "k", "events", "n", "parameter", "estimand", "point", "interval"]
    assert mine[same].equals(known[same])
    assert mine["note"].str.contains("verified against the exact posterior: 50 numbers agree").all(), mine["note"][0]


def test_more_coefficients_than_exact_integrates_are_not_verified(moderated, as_nuts):
    model = bm.ModelSpec(formula="~ poly(year, 3)", beta="Normal(0, 1)", effects="none")
    sampled = as_nuts(bm.fit(moderated))  # draws of another model: nothing of them is looked at
    fit = replace(sampled, model=model, structure=structure_of(model, moderated))
    found = bm.verify(fit)
    assert found.agrees is None
    assert "integrates at most 3 together" in found.reason


def test_predictions_are_those_of_exact(by_regimen, moderated):
    mine, known = (bm.predict(fit, {"regimen": "TKI"}) for fit in (by_regimen, bm.fit(moderated, by_regimen.model)))
    mine, known = mine.set_index("parameter"), known.set_index("parameter")
    assert mine.index.tolist() == known.index.tolist()
    assert ((mine["mean"] - known["mean"]).abs() / mine["mcse_mean"]).max() < 4.0
    with pytest.raises(bm.SpecError, match="unknown level"):
        bm.predict(by_regimen, {"regimen": "none"})


def test_predictions_of_a_slope_are_those_of_its_draws(moderated, as_nuts):
    import xarray as xr

    model = bm.ModelSpec(formula="~ year")
    rng = np.random.default_rng(6)
    draws = {"beta": (("chain", "draw", "coef"), rng.normal(0.5, 0.3, (4, 500, 2)))}
    draws["tau"] = (("chain", "draw"), np.full((4, 500), 0.8))
    sampled = replace(as_nuts(bm.fit(moderated)), model=model, structure=structure_of(model, moderated))
    effects = {"theta": (("chain", "draw", "study"), rng.normal(size=(4, 500, moderated.k)))}
    groups = {"posterior": xr.Dataset({**draws, **effects}), "sample_stats": sampled.tree["sample_stats"].to_dataset()}
    fit = replace(sampled, tree=xr.DataTree.from_dict(groups))
    table = bm.predict(fit, {"year": 2019}).set_index("parameter")
    eta = draws["beta"][1] @ np.array([1.0, 2019.0 - moderated.moderators["year"].mean()])
    z = np.linspace(-9.0, 9.0, 901)
    weight = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    assert table.at["eta", "mean"] == pytest.approx(eta.mean())
    assert table.at["p_mean", "mean"] == pytest.approx(
        (special.expit(eta[..., None] + 0.8 * z) @ weight).mean(), abs=1e-9
    )
    gap = (table.at["p_new", "mean"] - table.at["p_mean", "mean"]) / table.at["p_new", "mcse_mean"]
    assert abs(gap) < 4.0
