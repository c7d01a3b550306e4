from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
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
    assert fit.notes == ()


def test_chains_that_have_not_met_are_reported_with_what_to_do(exact, as_nuts):
    fit = as_nuts(exact, apart=1.0)
    assert "r_hat" in failed(fit)
    assert "the chains have not met; take more tuning steps and draws (tune=2000, draws=1000)" in fit.diagnosis.verdict


def test_divergences_ask_for_a_higher_rate_of_acceptance_while_there_is_one(exact, as_nuts):
    usual, highest = (as_nuts(exact, divergent=3, target_accept=rate) for rate in (0.95, 0.99))
    assert failed(usual) == failed(highest) == ["divergences"]
    assert "3 divergences: parts of the posterior may be missing; take target_accept=0.99" in usual.diagnosis.verdict
    assert "use the engine 'exact'" in highest.diagnosis.verdict


def test_few_draws_ask_for_as_many_as_are_needed(exact, as_nuts):
    fit = as_nuts(exact, draws=50)
    assert {"ess_bulk", "ess_tail"} <= {*failed(fit)}
    assert "take more draws (draws=500)" in fit.diagnosis.verdict


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
    with pytest.raises(bm.SpecError, match="diagnose takes a fit made by engine='nuts'; got a "):
        bm.diagnose(other)


def test_an_exact_fit_has_no_chains_to_judge(exact):
    with pytest.raises(bm.SpecError, match="engine='exact' draws no chains"):
        bm.diagnose(exact)
