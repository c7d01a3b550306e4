"""Leave-one-out, cumulative and prior sensitivity by NUTS: the tables of the exact engine, by refits."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses import sampled_parts
from bayesmeta.nuts import refits
from bayesmeta.nuts.refits import sample_each

QUICKER = "engine='exact' answers this model in milliseconds"
DIAGNOSTICS = ["mcse_mean", "ess_bulk", "ess_tail", "r_hat"]


@pytest.fixture(scope="module")
def studies():
    frame = pd.DataFrame(
        {"study": list("ABCD"), "events": [14, 25, 9, 32], "n": [40, 52, 31, 66], "year": [2004, 2001, 2009, 2001]}
    )
    return bm.Studies.from_frame(frame, moderators=["year"])


@pytest.fixture(scope="module")
def exact(studies):
    return bm.fit(studies)


@pytest.fixture(scope="module")
def sampled(studies):
    return bm.fit(studies, engine="nuts", seed=1, draws=800, tune=800, sampler="nutpie", quiet=True)


def compare(table, expected, heads):
    """Hold sampled rows against exact ones, in Monte-Carlo standard errors; half a per cent exceed 2.8 by chance."""
    pd.testing.assert_frame_equal(table[heads], expected[heads], check_dtype=False, check_categorical=False)
    off = ((table["mean"] - expected["mean"]) / table["mcse_mean"]).abs()
    assert off.max() < 4.0
    assert (table["sd"] / expected["sd"] - 1.0).abs().max() < 0.25


def test_leave_one_out_by_nuts_is_that_of_the_exact_engine(sampled, exact):
    table, expected = bm.leave_one_out(sampled, quiet=True), bm.leave_one_out(exact)
    compare(table, expected, ["study", "parameter"])
    own = [*DIAGNOSTICS, "shift", "is_reliable", "note"]
    assert list(table.columns) == ["study", "parameter", "mean", "sd", "median", "lower", "upper", *own]
    assert table.attrs["note"] == QUICKER
    assert not table["note"].str.contains("exact").any()
    assert ((table["shift"] - expected["shift"]).abs() < 0.3).all()
    pd.testing.assert_frame_equal(bm.leave_one_out(sampled, quiet=True), table)


def test_cumulative_by_nuts_is_that_of_the_exact_engine(sampled, exact):
    table, expected = bm.cumulative(sampled, by="year", quiet=True), bm.cumulative(exact, by="year")
    compare(table, expected, ["k", "study", "by", "parameter"])
    last = table[table["k"] == 4].set_index("parameter")
    assert last["mean"].tolist() == sampled.summary()["mean"].tolist()
    assert last["note"].eq("").all()
    assert table.attrs["note"] == QUICKER
    assert table["note"].str.contains("tie in year").sum() == 10


def test_sensitivity_by_nuts_is_that_of_the_exact_engine(sampled, exact):
    told = []
    options = {"mu": ["Normal(0, 0.3)"], "tau": ["HalfNormal(0.3)"]}
    table = bm.sensitivity(sampled, **options, quiet=True, progress=lambda *done: told.append(done))
    expected = bm.sensitivity(exact, **options)
    compare(table, expected, ["mu", "tau", "parameter", "estimand"])
    assert list(table.columns)[9:] == [*DIAGNOSTICS, "shift", "shift_mcse", "is_reliable", "note"]
    assert (table.loc[:4, ["shift", "shift_mcse"]] == 0.0).all(axis=None)
    assert ((table["shift"] - expected["shift"]).abs() <= 4.0 * table["shift_mcse"]).all()
    assert told == [(1, 3), (2, 3), (3, 3)]
    one = bm.sensitivity(sampled, tau=["HalfNormal(0.3)"], parameters=["tau"], quiet=True)
    assert one["parameter"].tolist() == ["tau", "tau"]


def test_subsets_and_influence_by_nuts_are_refused_with_the_reason(sampled):
    for verb in (bm.subsets, bm.influence):
        with pytest.raises(
            bm.SpecError, match=r"would sample anew .*; bm\.leave_one_out and bm\.cumulative take this fit"
        ):
            verb(sampled)


def test_options_are_refused_before_anything_is_sampled(exact, as_nuts, monkeypatch):
    monkeypatch.setattr(refits, "sample_each", None)
    fit = as_nuts(exact)
    with pytest.raises(bm.SpecError, match="DuMouchel of tau is R bayesmeta's for estimates"):
        bm.sensitivity(fit, tau=["DuMouchel"])
    with pytest.raises(bm.SpecError, match="unknown parameter 'p'"):
        bm.sensitivity(fit, tau=["HalfNormal(2)"], parameters=["p"])
    with pytest.raises(bm.SpecError, match="ci_prob=95 must lie strictly"):
        bm.leave_one_out(fit, ci_prob=95)
    with pytest.raises(bm.SpecError, match="there is no study 'Z'"):
        bm.cumulative(fit, by=list("ABCZ"))


def test_a_model_with_a_formula_has_no_mu_to_vary(exact, as_nuts, studies):
    from dataclasses import replace

    fit = replace(as_nuts(exact), model=bm.ModelSpec(formula="~ year"))
    with pytest.raises(bm.SpecError, match="a model with a formula has no mu; give priors of tau"):
        bm.sensitivity(fit, mu=["Normal(0, 1)"])


@pytest.fixture
def refitted(monkeypatch, as_nuts):
    """Let each refit be one by the exact engine, in independent draws, with what a test adds."""

    def arrange(change=lambda count: {}):
        count = 0

        def fit_part(fit, include, *, seed):
            nonlocal count
            count += 1
            return as_nuts(bm.fit(fit.studies.take(include), fit.model), **change(count))

        monkeypatch.setattr(sampled_parts, "fit_part", fit_part)

    return arrange


def test_a_refit_that_is_not_reliable_says_so_in_its_rows(exact, as_nuts, refitted):
    refitted(lambda count: {"divergent": 5 * (count == 2)})
    table = bm.leave_one_out(as_nuts(exact), quiet=True)
    assert table["is_reliable"].tolist() == [True] * 5 + [False] * 5 + [True] * 10
    assert table["note"][5].startswith("NOT RELIABLE: 5 divergences")
    assert table["note"][0] == ""


def test_rows_without_a_posterior_say_why(studies, as_nuts, refitted):
    from dataclasses import replace

    refitted()
    model = bm.ModelSpec(tau="Flat()")
    fit = replace(as_nuts(bm.fit(studies)), model=model)
    table = bm.cumulative(fit, quiet=True)
    first = table[table["k"] == 1]
    assert first["note"].str.startswith("the posterior of tau is improper").all()
    assert first[["mean", *DIAGNOSTICS]].isna().all(axis=None)
    assert not first["is_reliable"].any()
    assert table.loc[table["k"] > 2, "mean"].notna().all()
    one = replace(as_nuts(bm.fit(studies.take([0]))))
    assert bm.leave_one_out(one, quiet=True)["note"].eq("no study is left").all()


def test_ctrl_c_keeps_the_rows_that_are_there(exact, as_nuts, refitted):
    refitted(lambda count: {} if count < 3 else os.kill(os.getpid(), signal.SIGINT) or time.sleep(1))
    table = bm.leave_one_out(as_nuts(exact), quiet=True)
    assert table["mean"].notna().tolist() == [True] * 10 + [False] * 10
    assert table["note"].tolist() == [""] * 10 + ["not sampled: interrupted"] * 10


def test_a_refit_that_was_interrupted_ends_the_work_with_what_it_has(exact, as_nuts, refitted):
    refitted(lambda count: {"draws": 300, "asked_for": 500} if count == 2 else {})
    table = bm.leave_one_out(as_nuts(exact), quiet=True)
    assert table["mean"].notna().tolist() == [True] * 10 + [False] * 10
    assert "sampling was interrupted: 4 chains of 300 draws kept, of 4 of 500 asked for" in table["note"][5]


def test_ctrl_c_before_the_first_refit_leaves_no_result(exact, as_nuts, refitted):
    refitted(lambda count: os.kill(os.getpid(), signal.SIGINT) or time.sleep(1))
    with pytest.raises(bm.AccuracyError, match="leave-one-out was interrupted before the first refit"):
        bm.leave_one_out(as_nuts(exact), quiet=True)


@pytest.mark.parametrize("quiet", [True, False])
def test_a_progress_bar_is_shown_on_standard_error_unless_quiet(exact, as_nuts, refitted, quiet, capfd, monkeypatch):
    import sys

    from pymc.progress_bar import rich_progress

    monkeypatch.setattr(rich_progress, "stderr", sys.stderr)
    refitted()
    bm.leave_one_out(as_nuts(exact), quiet=quiet)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert ("leave-one-out" in captured.err) is not quiet


def test_each_refit_has_a_seed_of_its_own_that_repeats(exact, as_nuts):
    fit, seeds = as_nuts(exact), []
    for _ in range(2):
        sample_each([lambda seed: seeds.append(seed) or fit] * 3, seed=4, what="test", quiet=True)
    assert seeds[:3] == seeds[3:]
    assert len({*seeds}) == 3
    assert np.iinfo(np.uint32).max >= max(seeds)
