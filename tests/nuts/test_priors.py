"""Are the priors that the data complete the same densities in PyMC as in the exact engine?"""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.nuts.groups import add_groups
from bayesmeta.spec.from_studies import STUDIES_LAWS
from bayesmeta.spec.observed import observed_by

FRAME = pd.DataFrame({"study": ["A", "B", "C"], "y": [-0.3, 0.1, -0.7], "se": [0.2, 0.15, 0.4]})
ESTIMATES = bm.Studies.from_frame(FRAME)
COUNTS = bm.Studies(("A", "B"), events=np.array([3, 5]), n=np.array([10, 12]))
TAU = np.array([0.03, 0.4, 2.5])
MU = np.array([-3.0, 0.0, 1.7])


def log_densities(studies, model, **values):
    """Return log densities, on the scale of the parameters themselves, at values of one variable."""
    built = bm.pymc_model(studies, model)
    ((name, points),) = values.items()
    point = built.initial_point()
    assert name in point
    density = built.compile_logp(jacobian=False)
    return np.array([float(density(point | {name: np.array(x)})) for x in points])


def model_of(tau, mu="Normal(0, 1)"):
    return bm.ModelSpec("normal", mu=mu, tau=tau)


@pytest.mark.parametrize(
    "tau", [*STUDIES_LAWS, "HalfLogistic(0.4)", "Lomax(2, 0.5)", "Turner2015(-3.95, 1.34)", "Rhodes2015(-3.44, 2.59)"]
)
def test_density_of_tau_is_that_of_the_exact_engine_up_to_a_constant(tau):
    at = {"tau_log__": np.log(TAU)}
    theirs = log_densities(ESTIMATES, model_of(tau), **at) - log_densities(ESTIMATES, model_of("HalfNormal(1)"), **at)
    prior = model_of(tau).tau.resolved(se=ESTIMATES.se)
    ours = prior.logpdf(TAU) - bm.Prior("HalfNormal", 1).logpdf(TAU)
    constant = theirs[0] - ours[0]
    assert tau == "conventional" or abs(constant) < 1e-8
    np.testing.assert_allclose(theirs - constant, ours, atol=1e-8)


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.5, 0.5), (2, 7)])
def test_density_of_mu_under_a_beta_prior_is_that_of_the_exact_engine(alpha, beta):
    prior = f"Beta({alpha}, {beta})"
    # without the Jacobian, PyMC's is the density of p_median
    theirs = log_densities(COUNTS, bm.ModelSpec(mu=prior), p_median_logodds__=MU)
    base = log_densities(COUNTS, bm.ModelSpec(mu="Normal(0, 1.5)"), mu=MU)
    p = 1.0 / (1.0 + np.exp(-MU))
    ours = bm.Prior("Beta", alpha, beta).resolved(link="logit").logpdf(MU) - np.log(p * (1.0 - p))
    np.testing.assert_allclose(theirs - base, ours - bm.Prior("Normal", 0, 1.5).logpdf(MU), atol=1e-8)


def test_a_beta_prior_names_the_proportion_and_derives_mu():
    built = bm.pymc_model(COUNTS, bm.ModelSpec(mu="Beta(2, 5)"))
    assert [variable.name for variable in built.free_RVs] == ["p_median", "tau", "z", "z_new"]
    assert {v.name for v in built.deterministics} == {"mu", "theta", "theta_new", "p", "p_mean", "p_new"}
    mu = built["mu"].eval({built["p_median"]: 0.8})
    assert float(mu) == pytest.approx(np.log(4.0), abs=1e-12)


def test_the_prior_can_be_drawn_unless_it_is_a_potential():
    import pymc as pm

    with bm.pymc_model(ESTIMATES, model_of("Rhodes2015(-3.44, 2.59)")) as drawable:
        draws = np.asarray(pm.draw(drawable["tau"], draws=500, random_seed=1))
    assert not drawable.potentials
    prior = bm.Prior("Rhodes2015", -3.44, 2.59)
    assert abs(np.mean(draws < prior.ppf(0.5)) - 0.5) < 0.1
    assert bm.pymc_model(ESTIMATES, model_of("shrinkage")).potentials


def test_data_that_a_prior_does_not_go_with_are_refused_here_too():
    with pytest.raises(bm.SpecError, match="the prior Jeffreys of tau is R bayesmeta's for estimates"):
        bm.pymc_model(COUNTS, bm.ModelSpec(tau="Jeffreys"))
    with pytest.raises(bm.SpecError, match="says nothing about logits of single arms"):
        bm.pymc_model(COUNTS, bm.ModelSpec(tau="Turner2015(-3.95, 1.34)"))


@pytest.mark.parametrize(("tau", "groups"), [("shrinkage", set()), ("Lomax(2, 0.5)", {"prior", "prior_predictive"})])
def test_a_prior_that_is_a_potential_leaves_out_the_prior_group_only(tau, groups):
    import xarray as xr

    rng, model = np.random.default_rng(1), model_of(tau)
    values = {name: (("chain", "draw"), rng.uniform(0.1, 1.0, (2, 5))) for name in ("mu", "tau", "z_new")}
    values |= {name: (("chain", "draw", "study"), rng.normal(size=(2, 5, 3))) for name in ("z", "theta")}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(values, {"study": list(ESTIMATES.study)})})
    full = add_groups(tree, model, observed_by(model, ESTIMATES), ESTIMATES.study, seed=1)
    assert set(full.children) - {"posterior"} - groups >= {"log_likelihood", "posterior_predictive"}
    assert groups == {"prior", "prior_predictive"} & set(full.children)
