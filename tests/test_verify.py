from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.spec.pymc_forms import pymc_variable


@pytest.fixture(scope="module")
def cmr():
    frame = bm.load_dataset("blinatumomab_outcomes")
    return bm.Studies.from_frame(frame[frame["outcome"] == "CMR"], events="events", n="n")


@pytest.fixture(scope="module")
def exact(cmr):
    return bm.fit(cmr)


@pytest.mark.usefixtures("compiled_anew")
def test_a_prior_scale_doubled_behind_the_models_back_is_caught(cmr, monkeypatch):
    def doubled(pm, family, varname, parameters, **options):
        factor = 2.0 if varname == "tau" else 1.0
        scaled = {name: value * (factor if name == "sigma" else 1.0) for name, value in parameters.items()}
        return pymc_variable(pm, family, varname, scaled, **options)

    monkeypatch.setattr("bayesmeta.nuts.priors.pymc_variable", doubled)
    fit = bm.fit(cmr, engine="nuts", seed=1, sampler="pymc", draws=600, chains=2, quiet=True)
    assert fit.verification.agrees is False
    assert fit.verification.largest > 10.0
    assert not fit.is_reliable
    assert "NOT RELIABLE" in repr(fit)
    assert "of tau" in fit.verification.verdict or "of p_" in fit.verification.verdict


def test_independent_draws_of_the_posterior_agree(exact, as_nuts):
    found = bm.verify(as_nuts(exact, draws=1000))
    assert found.agrees
    assert found.verdict.startswith("verified against the exact posterior: 25 numbers agree within 4 MCSE")


def test_few_draws_that_agree_verify_nothing_and_say_so(exact, as_nuts):
    fit = as_nuts(exact, draws=10)
    found = bm.verify(fit)
    assert found.agrees is None
    assert found.verdict == f"not verified: too few draws (effective {found.effective:.0f}) to tell"
    assert len(found.table) == 25
    judged = replace(fit, verification=found)
    assert not judged.is_reliable
    assert "from exact" not in judged.diagnosis.verdict


def test_few_draws_that_differ_are_told_all_the_same(exact, as_nuts):
    fit = as_nuts(exact, draws=20)
    fit.tree["posterior"]["tau"] = fit.tree["posterior"]["tau"] + 5.0
    found = bm.verify(fit)
    assert found.effective < 100.0
    assert found.agrees is False


def test_differences_are_standard_normal_when_nothing_is_wrong(exact, as_nuts):
    every, fit = exact.to_datatree(draws=250, chains=160, seed=11)["posterior"].to_dataset(), as_nuts(exact, draws=250)
    differences = []
    for i in range(40):
        four = every[list(exact.parameters)].isel(chain=slice(4 * i, 4 * i + 4)).assign_coords(chain=np.arange(4))
        tree = fit.tree.copy()
        tree["posterior"] = type(tree)(fit.tree["posterior"].to_dataset().assign(four.data_vars))
        differences.append(bm.verify(replace(fit, tree=tree)).table["difference"])
    spread = np.array(differences).std(axis=0)
    # The SD of 40 standard normal values is 1 with standard error 0.11; mcse of a skewed SD is itself uncertain.
    assert ((spread > 0.6) & (spread < 1.5)).all(), spread
    assert np.abs(differences).max() < 4.5


def test_a_shift_of_six_standard_errors_is_found_in_its_row_only(exact, as_nuts):
    fit = as_nuts(exact)
    error = float(bm.verify(fit).table.query("parameter == 'tau' and statistic == 'mean'")["mcse"].iloc[0])
    fit.tree["posterior"]["tau"] = fit.tree["posterior"]["tau"] + 6.0 * error
    table = bm.verify(fit).table
    assert table.loc[table["difference"].abs() > 4.0, "parameter"].unique().tolist() == ["tau"]


def test_a_posterior_that_exact_refuses_is_not_verified_and_the_reason_is_given(exact, as_nuts):
    two = bm.fit(exact.studies.take([0, 1]))
    fit = replace(as_nuts(two), model=bm.ModelSpec(mu="Flat()", tau="Flat()"))
    found = bm.verify(fit)
    assert found.agrees is None
    assert np.isnan(found.largest)
    assert found.verdict.startswith("not verified: the exact engine has no answer: ")
    assert replace(fit, verification=found).is_reliable


def test_a_moment_that_does_not_exist_is_left_out(as_nuts):
    frame = pd.DataFrame({"study": ["A"], "y": [0.2], "se": [0.3]})
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfCauchy(1)")
    exact = bm.fit(bm.Studies.from_frame(frame), model)
    table = bm.verify(as_nuts(exact)).table
    assert np.isfinite(table["exact"]).all()
    assert "sd" not in table.query("parameter == 'tau'")["statistic"].tolist()


def test_only_nuts_fits_are_verified(exact):
    with pytest.raises(bm.SpecError, match="verify takes a fit made by engine='nuts'; got an ExactFit"):
        bm.verify(exact)


def test_a_quantile_at_the_end_of_the_support_is_not_compared(as_nuts):
    frame = bm.load_dataset("blinatumomab_cr").iloc[:2]
    studies = bm.Studies.from_frame(frame, study="study", events="events", n="n")
    exact = bm.fit(studies, bm.ModelSpec(tau="Flat()"))
    table = bm.verify(as_nuts(exact)).table
    rows = table.index.to_frame() if "parameter" in table.index.names else table
    assert exact.summary().at["p_new", "upper"] == 1.0
    assert "upper" not in set(rows.loc[rows["parameter"] == "p_new"].iloc[:, 1])
