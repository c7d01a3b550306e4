import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import bayesmeta as bm
from bayesmeta.nuts.compiled import Ready
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.sample import sample
from bayesmeta.nuts.settings import Settings
from bayesmeta.result.verification import Verification
from bayesmeta.verify import TABLE_COLUMNS


def failed(fit):
    return [check.name for check in bm.diagnose(fit).checks if not check.passed]


def test_a_good_fit_shows_no_sign_of_trouble(exact, as_nuts):
    fit = as_nuts(exact)
    found = bm.diagnose(fit)
    assert found.ok
    assert fit.is_reliable
    assert found.verdict.startswith("no sign of trouble: R-hat 1.00")
    assert "no divergences" in found.verdict
    assert found.table["passed"].all()
    assert [note for note in fit.notes if not note.startswith("study effects sampled by")] == []


def test_chains_that_have_not_met_are_reported_with_what_to_do(exact, as_nuts):
    fit = as_nuts(exact, apart=1.0)
    assert "r_hat" in failed(fit)
    assert "the chains have not met; take more tuning steps and draws (tune=2000, draws=1000)" in fit.diagnosis.verdict


def drawn_numbers(verdict):
    return set(re.findall(r"draws=(\d+)", verdict))


@pytest.mark.parametrize(("draws", "apart"), [(10, 0.0), (10, 0.3), (60, 0.3), (200, 0.05), (500, 1.0)])
def test_there_is_one_advice_on_how_many_draws(exact, as_nuts, draws, apart):
    fit = as_nuts(exact, draws=draws, apart=apart)
    assert "r_hat" in failed(fit)
    (advised,) = drawn_numbers(fit.diagnosis.verdict)
    assert int(advised) >= 2 * draws
    assert fit.diagnosis.table.query("not passed")["advice"].nunique() == 1


def test_few_draws_cannot_tell_whether_the_chains_have_met(exact, as_nuts):
    verdict = as_nuts(exact, draws=10).diagnosis.verdict
    assert "too few draws to tell whether the chains have met; take more (tune=1000, draws=500), or" in verdict


def test_the_engine_exact_is_proposed_only_where_it_knows_the_model(exact, as_nuts):
    fit = as_nuts(exact, draws=50)
    assert fit.diagnosis.verdict.endswith("or the engine 'exact'")
    free = replace(fit, model=bm.ModelSpec(effects="student-t", nu="Gamma(2, 0.1)"))
    assert "exact" not in free.diagnosis.verdict


def test_divergences_ask_for_a_higher_rate_of_acceptance_while_there_is_one(exact, as_nuts):
    usual, highest = (as_nuts(exact, divergent=3, target_accept=rate) for rate in (0.95, 0.99))
    assert failed(usual) == failed(highest) == ["divergences"]
    assert "3 divergences: parts of the posterior may be missing; take target_accept=0.99" in usual.diagnosis.verdict
    assert "use the engine 'exact'" in highest.diagnosis.verdict


def test_few_draws_ask_for_as_many_as_are_needed(exact, as_nuts):
    fit = as_nuts(exact, draws=50)
    assert {"ess_bulk", "ess_tail"} <= {*failed(fit)}
    assert (
        "too few draws to tell whether the chains have met; take more (tune=1000, draws=500)" in fit.diagnosis.verdict
    )
    one = as_nuts(exact, draws=50, chains=1)
    assert "too few draws; take more draws (draws=1000), or the engine 'exact'" in one.diagnosis.verdict


def test_one_chain_cannot_show_that_it_converged(exact, as_nuts):
    assert failed(as_nuts(exact, chains=1)) == ["chains"]


def test_draws_that_do_not_move_are_no_result(exact, as_nuts):
    fit = as_nuts(exact)
    fit.tree["posterior"]["tau"] = 0.0 * fit.tree["posterior"]["tau"] + 0.5
    assert not fit.is_reliable
    verdict = bm.verify(fit)
    assert verdict.agrees is False


def test_slow_energy_is_reported(exact, as_nuts):
    fit = as_nuts(exact)
    fit.tree["sample_stats"]["energy"] = fit.tree["sample_stats"]["energy"].cumsum("draw")
    assert failed(fit) == ["bfmi"]


def test_a_difference_from_exact_fails_the_fit(exact, as_nuts):
    table = pd.DataFrame([("tau", "mean", 0.87, 1.2, 0.01, 33.0)], columns=list(TABLE_COLUMNS))
    fit = replace(as_nuts(exact), verification=Verification(table))
    assert failed(fit) == ["difference from exact, MCSE"]
    assert "largest difference from exact 33.0 MCSE" in fit.notes[0]


@pytest.mark.parametrize("problem", [{"apart": 1.0}, {"divergent": 1}, {"draws": 20}])
def test_a_fit_that_fails_says_so_wherever_it_is_shown(exact, as_nuts, problem):
    from bayesmeta.tables.records import fit_record
    from bayesmeta.tables.results import render_compare, render_fit

    fit = as_nuts(exact, **problem)
    assert fit.notes[0].startswith("NOT RELIABLE: ")
    table = bm.compare([exact, fit])
    for text in (repr(fit), render_fit(fit), render_compare(table)):
        assert "NOT RELIABLE" in text
    assert fit_record(fit)["diagnosis"]["ok"] is False
    warned = table["explanation"].str.startswith("NOT RELIABLE")
    assert warned.tolist() == (table["engine"] == "nuts").tolist()


def test_the_wording_counts(exact, as_nuts):
    assert "1 divergence:" in as_nuts(exact, divergent=1).diagnosis.verdict


@pytest.mark.parametrize("other", [None, "fit", np.zeros(3)])
def test_something_else_is_not_diagnosed(other):
    with pytest.raises(bm.SpecError, match="diagnose takes a fit by engine='exact' or 'nuts'; got a "):
        bm.diagnose(other)


def test_a_classical_fit_is_not_diagnosed(pritz):
    with pytest.raises(bm.SpecError, match="got a fit by engine='frequentist'"):
        bm.diagnose(bm.fit(pritz, engine="frequentist"))


def test_an_exact_fit_is_judged_by_its_numerical_error(exact):
    found = bm.diagnose(exact)
    assert found.ok
    assert found.verdict == f"no sign of trouble: exact, with errors of at most {exact.numerical_error:.0e}"
    assert found.table["check"].tolist() == ["numerical_error", "identified"]


@pytest.mark.parametrize(
    ("events", "tau", "note"),
    [
        (0.0, "HalfCauchy(1)", "the mean and sd of tau do not exist"),
        (3.0, "HalfNormal(1)", "the data say nothing about tau: its posterior is its prior"),
    ],
)
def test_what_a_reader_of_an_exact_fit_should_know_is_noted(events, tau, note):
    one = bm.Studies(("A",), events=np.array([events]), n=np.array([10.0]))
    found = bm.diagnose(bm.fit(one, bm.ModelSpec(tau=tau)))
    assert found.ok
    assert any(line.startswith(note) for line in found.notes)
    assert note in repr(found)


@pytest.mark.parametrize("formula", [None, "~ arm"])
def test_a_mean_that_the_data_say_nothing_of_is_named(formula, as_nuts):
    """Standard errors so large that every prior stays as it is."""
    frame = pd.DataFrame({"study": list("ABCD"), "y": [0.1, 0.4, 0.2, 0.9], "se": [3e3] * 4, "arm": list("abab")})
    studies = bm.Studies.from_frame(frame, moderators=["arm"])
    means = {"mu": "Normal(0, 1)"} if formula is None else {"formula": formula, "beta": "Normal(0, 1)"}
    fit = bm.fit(studies, bm.ModelSpec("normal", tau="HalfNormal(1)", **means))
    names = "mu" if formula is None else r"beta\[Intercept\] and beta\[arm\[T.b\]\]"
    judged = [bm.diagnose(fit)] if formula else [bm.diagnose(fit), bm.diagnose(as_nuts(fit))]
    for found in judged:
        assert not found.ok
        assert re.search(
            f"NOT RELIABLE: the data say nothing about {names}, whose posterior is its prior", found.verdict
        )


def test_an_improper_prior_that_lets_the_draws_run_away_is_named(exact, as_nuts):
    fit = replace(as_nuts(exact), model=bm.ModelSpec(mu="Flat()"))
    assert fit.is_reliable
    fit.tree["posterior"]["mu"] = 1e6 * (fit.tree["posterior"]["mu"] - 1.0)
    again = replace(fit)
    assert failed(again) == ["bounded"]
    assert (
        "draws of mu that nothing bounds: the model is not identified: take a proper prior" in again.diagnosis.verdict
    )


@pytest.mark.parametrize("name", ["reached_max_treedepth", "maxdepth_reached"])
def test_trees_cut_at_their_greatest_depth_are_reported(exact, as_nuts, name):
    fit = as_nuts(exact)
    fit.tree["sample_stats"][name] = fit.tree["sample_stats"]["energy"] > 0.0
    assert failed(fit) == ["tree_depth"]
    assert "% of the trees at their greatest depth: the sampler needs more steps" in fit.diagnosis.verdict


def test_divergences_at_small_tau_are_called_a_funnel(exact, as_nuts):
    fit, elsewhere = as_nuts(exact), as_nuts(exact)
    tau = fit.tree["posterior"]["tau"]
    fit.tree["sample_stats"]["diverging"] = tau < float(tau.quantile(0.02))
    elsewhere.tree["sample_stats"]["diverging"] = tau > float(tau.quantile(0.98))
    assert "most of them where tau is small (the neck of a funnel)" in fit.diagnosis.verdict
    assert "funnel" not in elsewhere.diagnosis.verdict
    assert failed(fit) == failed(elsewhere) == ["divergences"]


def test_a_sampler_that_diverges_on_purpose_is_found_out():
    """The centred form of three sparse studies, with long steps: tau is a funnel."""
    studies = bm.Studies(("A", "B", "C"), events=np.array([1.0, 0.0, 2.0]), n=np.array([4.0, 3.0, 5.0]))
    settings = Settings(draws=500, tune=500, chains=2, seed=1, sampler="pymc", target_accept=0.6)
    with pm.Model(coords={"study": list(studies.study)}) as centred:
        mu, tau = pm.Normal("mu", 0, np.float64(1.5)), pm.HalfNormal("tau", np.float64(1.0))
        theta = pm.Normal("theta", mu, tau, dims="study")
        theta_new = pm.Normal("theta_new", mu, tau)
        for name, value in (("p_median", mu), ("p_mean", mu), ("p_new", theta_new)):
            pm.Deterministic(name, pm.math.invlogit(value))
        pm.Binomial("events", studies.n.astype(int), logit_p=theta, observed=studies.events.astype(int), dims="study")
    fit = NutsFit(studies, bm.ModelSpec(), None, "logit", settings, sample(Ready(centred, {}), settings, quiet=True))
    assert fit.n_divergent > 50
    assert "divergences, most of them where tau is small (the neck of a funnel)" in fit.diagnosis.verdict
    assert "take target_accept=0.95 (it was 0.6)" in fit.diagnosis.verdict
    assert bm.summary(fit)["is_reliable"].tolist() == [False] * 5


def test_one_chain_of_few_draws_says_both(exact, as_nuts):
    fit = as_nuts(exact, chains=1, draws=10)
    assert {"chains", "ess_bulk"} <= {*failed(fit)}
    assert "only one chain: R-hat cannot be computed" in fit.diagnosis.verdict
    assert "too few draws; take more draws (draws=" in fit.diagnosis.verdict


@pytest.mark.parametrize(
    "call",
    [
        lambda fit: bm.summary(fit),
        lambda fit: bm.study_effects(fit),
    ],
)
def test_tables_of_a_fit_that_fails_say_so_in_a_column(exact, as_nuts, call):
    assert call(as_nuts(exact))["is_reliable"].all()
    assert not call(as_nuts(exact, divergent=1))["is_reliable"].any()
