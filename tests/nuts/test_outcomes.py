"""Three outcomes of blinatumomab in one model: CR, MRD and CMR of each trial, with their correlations."""

import numpy as np
import pytest

import bayesmeta as bm

OUTCOMES = ("CR", "MRD", "CMR")


@pytest.fixture(scope="module")
def outcomes():
    frame = bm.load_dataset("blinatumomab_outcomes")
    frame = frame[frame["outcome"].isin(["CR", "MRD response", "CMR"])]
    outcome = frame["outcome"].replace("MRD response", "MRD")
    frame = frame.assign(trial=frame["study"], outcome=outcome, study=frame["study"] + ", " + outcome)
    studies = bm.Studies.from_frame(frame, moderators=["trial", "outcome"])
    model = bm.ModelSpec(formula="~ 0 + outcome", random="(0 + outcome | trial)")
    return bm.fit(studies, model, engine="nuts", draws=500, tune=700, chains=2, sampler="pymc", seed=1, quiet=True)


def test_it_samples_without_divergences(outcomes):
    assert outcomes.n_divergent == 0
    assert outcomes.is_reliable, outcomes.diagnosis
    assert outcomes.k == 23
    assert "not verified: the exact engine cannot take random='(0 + outcome | trial)'" in outcomes.notes[-1]


def test_its_summary_has_a_row_for_each_outcome_and_correlation(outcomes):
    table = bm.summary(outcomes)
    spreads = [f"tau[{name}]" for name in OUTCOMES] + ["rho[CR, MRD]", "rho[CR, CMR]", "rho[MRD, CMR]"]
    assert table.index.tolist()[3:9] == spreads
    assert [name for name in table.index if name.startswith("p_new")] == ["p_new[CMR]", "p_new[CR]", "p_new[MRD]"]
    assert outcomes.marginal("rho[CR, CMR]").mean() == pytest.approx(table.at["rho[CR, CMR]", "mean"])
    with pytest.raises(bm.SpecError, match="unknown quantity 'tau'"):
        outcomes.marginal("tau")


def test_each_outcome_is_close_to_that_outcome_alone(outcomes):
    table = bm.summary(outcomes)
    for name, part in outcomes.studies.to_frame().groupby("outcome"):
        alone = bm.fit(bm.Studies.from_frame(part)).summary()
        gap = table.at[f"p_mean[{name}]", "mean"] - alone.at["p_mean", "mean"]
        assert abs(gap) < 0.25 * alone.at["p_mean", "sd"]


def test_predictions_are_the_summary_of_the_same_outcome(outcomes):
    predicted, table = bm.predict(outcomes, {"outcome": "MRD"}).set_index("parameter"), bm.summary(outcomes)
    for name in ("p_median", "p_mean"):
        assert predicted.at[name, "mean"] == pytest.approx(table.at[f"{name}[MRD]", "mean"], rel=1e-6)
    gap = predicted.at["p_new", "mean"] - table.at["p_new[MRD]", "mean"]
    assert abs(gap) < 4.0 * np.hypot(predicted.at["p_new", "mcse_mean"], table.at["p_new[MRD]", "mcse_mean"])


def test_its_datatree_names_trials_outcomes_and_pairs(outcomes):
    tree = outcomes.to_datatree()
    posterior = tree["posterior"]
    assert posterior["ranef[trial]"].dims == ("chain", "draw", "trial", "outcome")
    assert posterior["tau"].dims == ("chain", "draw", "outcome")
    assert posterior["rho"]["pair"].to_numpy().tolist() == ["CR, MRD", "CR, CMR", "MRD, CMR"]
    assert list(tree["log_likelihood"].data_vars) == list(tree["posterior_predictive"].data_vars) == ["events"]
    assert {"prior", "prior_predictive", "predictions", "log_prior"} <= {*tree.children}
    tau, trial = posterior["tau"], posterior["ranef[trial]"].sel(trial="Foa 2020")
    theta = posterior["eta"].sel(study="Foa 2020, CMR") + trial.sel(outcome="CMR")
    np.testing.assert_allclose(posterior["theta"].sel(study="Foa 2020, CMR"), theta, rtol=1e-10)
    known = np.stack([bm.Prior("HalfNormal", 1.0).logpdf(tau[..., i]) for i in range(3)], axis=-1)
    np.testing.assert_allclose(tree["log_prior"]["tau"], known)


def test_its_study_effects_stand_beside_the_data(outcomes):
    table = bm.study_effects(outcomes)
    assert table["proportion"].between(0.0, 1.0).all()
    assert table.loc["Foa 2020, CMR", ["events", "n"]].tolist() == [16, 29]
    assert table["weight"].isna().all()


def test_what_does_not_take_it_says_so(outcomes):
    with pytest.raises(bm.SpecError, match="compare takes no model with a formula yet"):
        bm.compare(outcomes)
    with pytest.raises(bm.SpecError, match=r"log_likelihood='marginal' takes no model with random="):
        bm.psis_loo(outcomes, log_likelihood="marginal")
    assert bm.psis_loo(outcomes)["elpd_loo"].isna().all()


def test_its_methods_are_told(outcomes):
    from bayesmeta.report.model_methods import model_sentences

    text = model_sentences(outcomes.model, outcomes.studies)
    assert "correlations whose matrix has an LKJ prior with shape 2" in text
    assert "The prior of each coefficient of the formula was normal with mean 0" in text
