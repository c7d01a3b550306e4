"""Is a study that is left out of the compiled model left out of the posterior?"""

import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.nuts.build import build_model
from bayesmeta.nuts.fit import fit_nuts
from bayesmeta.nuts.part import _part_of, fit_anew, fit_part, without_data
from bayesmeta.nuts.structure import structure_by, structure_of
from bayesmeta.spec.observed import seen_by

OUT = np.array([False, True, False, True])
MODERATORS = pd.DataFrame({"drug": list("aabb"), "year": [2001.0, 2004.0, 2010.0, 2011.0]})
SHORT = {"tune": 300, "draws": 300, "chains": 2, "seed": 3, "sampler": "pymc", "quiet": True}
LIKE = {name: SHORT[name] for name in ("tune", "draws", "chains", "seed")}  # settings of a fit that is not sampled
MODELS = [
    {},
    {"link": "cloglog", "mu": "Normal(0, 1)", "tau": "HalfNormal(1)"},
    {"effects": "student-t"},
    {"effects": "beta"},
    {"likelihood": "normal", "mu": "Normal(0, 2)", "tau": "HalfNormal(1)"},
    {"likelihood": "poisson", "mu": "Normal(-1, 2)", "tau": "HalfNormal(1)"},
    {"likelihood": "binomial-conditional"},
    {"likelihood": "binomial-two-arm"},
    {"likelihood": "poisson-conditional"},
    {"formula": "~ year"},
]


def density(model, data, labels, structure):
    """Return the function from a point to the log density, and the names of its variables."""
    built = build_model(model, data, labels, structure)
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        return [value.name for value in built.value_vars], built.compile_logp()


def log_prior(model, point):
    """Return the log prior of what belongs to the studies that are left out."""
    law = stats.t(model.nu) if model.effects == "student-t" else stats.norm()
    found = law.logpdf(point["z"][OUT]).sum() if "z" in point else 0.0
    return found + (stats.norm(0.0, 1.5).logpdf(point["baseline"][OUT]).sum() if "baseline" in point else 0.0)


@pytest.mark.parametrize("options", MODELS)
def test_without_its_data_a_study_leaves_the_density_of_the_others(options, studies_for):
    """log p(all else | the others) + the log prior of its own effect, up to a constant, at three points."""
    model = bm.ModelSpec(**options)
    plain = studies_for(model)
    studies = bm.Studies(plain.study, **plain.data, moderators=MODERATORS)
    structure, others = structure_of(model, studies), studies.take(~OUT)
    names, emptied = density(model, without_data(model, seen_by(model, studies), OUT), studies.study, structure)
    _, alone = density(model, seen_by(model, others), others.study, _part_of(structure, ~OUT))
    differences = []
    for at in (-0.4, 0.1, 0.4):
        of_studies = np.array(at + 0.1 * np.arange(4))
        whole = {name: of_studies if name in ("z", "baseline") else np.array(at) for name in names}
        whole |= {"beta": np.array([at, 0.02])} if "beta" in names else {}
        part = {name: value[~OUT] if value.shape == OUT.shape else value for name, value in whole.items()}
        with np.errstate(invalid="ignore"):  # in the branch of a switch that is not taken
            differences.append(emptied(whole) - alone(part) - log_prior(model, whole))
    assert np.ptp(differences) < 1e-9


@pytest.mark.parametrize("options", MODELS[4:6])
def test_a_study_without_data_pulls_at_nothing(options, studies_for):
    """Its effect has the slope of its prior, -z, though its standard error is vast or its time brief."""
    model = bm.ModelSpec(**options)
    studies = studies_for(model)
    data = without_data(model, seen_by(model, studies), OUT)
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        built = build_model(model, data, studies.study)
        slope = built.compile_dlogp([built["z"]])
    z = np.array([0.3, -0.8, 1.1, 2.5])
    found = slope({"mu": 0.2, "tau_log__": -0.1, "z": z, "z_new": 0.4})
    np.testing.assert_allclose(found[OUT], -z[OUT], rtol=1e-12)


def within(sampled, exact, sizes=4.0):
    """Compare every mean, in Monte-Carlo standard errors."""
    table, expected = sampled.summary(), exact.summary()
    assert list(table.index) == list(expected.index)
    assert ((table["mean"] - expected["mean"]).abs() < sizes * table["mcse_mean"]).all()


def sparse(**columns):
    frame = pd.DataFrame({"study": list("ABCD"), "events": [1, 5, 3, 9], "n": [9, 9, 12, 14], **columns})
    return bm.Studies.from_frame(frame, moderators=[*columns])


def test_a_part_is_a_fit_of_its_studies_and_its_draws_are_those_of_its_posterior():
    studies, model = sparse(year=[2001.0, 2004.0, 2010.0, 2011.0]), bm.ModelSpec(formula="~ I(year - 2005)")
    fit, keep = fit_nuts(studies, model, **SHORT), np.array([True, True, False, True])
    part = fit_part(fit, keep, seed=8)
    assert (part.k, part.seed, part.verification) == (3, 8, None)
    assert part.studies.study == tuple(part.tree["posterior"]["study"].values) == ("A", "B", "D")
    assert part.tree["observed_data"]["events"].values.tolist() == [1, 5, 9]
    assert part.design.matrix.shape == (3, 2)
    assert list(part.theta_table().index) == ["A", "B", "D"]
    within(part, bm.fit(studies.take(keep), model))
    assert part.to_datatree()["log_likelihood"].sizes["study"] == 3


def test_beta_effects_of_a_part_are_those_of_its_studies(as_nuts):
    studies, model = sparse(), bm.ModelSpec(effects="beta")
    part = fit_part(as_nuts(bm.fit(studies, model), **LIKE), np.array([False, True, True, True]), seed=8)
    own = bm.fit(studies.take([1, 2, 3]), model)
    within(part, own)
    theta, expected = part.theta_table(), own.theta_table()
    assert ((theta["mean"] - expected["mean"]).abs() < 4.0 * theta["mcse_mean"]).all()


def test_a_prior_made_from_the_studies_is_made_from_those_of_the_part(as_nuts):
    studies = bm.Studies(tuple("ABCD"), y=np.array([0.1, 0.9, 0.4, 2.0]), se=np.array([0.2, 0.3, 0.2, 2.0]))
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="DuMouchel")
    part = fit_part(as_nuts(bm.fit(studies, model), **LIKE), np.array([True, True, True, False]), seed=8)
    within(part, bm.fit(studies.take([0, 1, 2]), model))


def test_groups_keep_their_places_in_a_part():
    studies = sparse(drug=list("aabb"))
    structure = structure_by(studies, bm.ModelSpec(), "drug", tau="common", omega=0.3)
    part = _part_of(structure, np.array([True, True, False, True]))
    assert part.groups == ("a", "b")
    assert part.matrix.sum(axis=0).tolist() == [2.0, 1.0]


def test_other_priors_are_sampled_with_the_settings_of_the_fit(as_nuts):
    studies = sparse()
    fit = as_nuts(bm.fit(studies), **LIKE)
    model = bm.ModelSpec(mu="Normal(1, 0.3)", tau="HalfNormal(0.2)")
    again = fit_anew(fit, model, seed=5)
    assert (again.seed, again.draws, again.chains, again.model) == (5, 300, 2, model)
    within(again, bm.fit(studies, model))
