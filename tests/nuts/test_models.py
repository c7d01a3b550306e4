"""Is the PyMC model of every likelihood, link, distribution of effects and structure the one that is stated?

Its log density is held against the sum written out with the priors of the specification and scipy.stats.
"""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from scipy import special, stats

import bayesmeta as bm
from bayesmeta.nuts.beta_shapes import beta_shapes
from bayesmeta.nuts.build import build_model
from bayesmeta.nuts.hypergeometric import draw_hypergeometric
from bayesmeta.nuts.information import variance_at
from bayesmeta.nuts.numbers import numbers_of
from bayesmeta.nuts.structure import OVERALL, structure_by, structure_of
from bayesmeta.spec.observed import seen_by
from bayesmeta.surface.beta_kernel import BetaKernel

MU, TAU = 0.3, 0.6
MU_TAU = {"mu": "Normal(0.1, 1.2)", "tau": "HalfNormal(0.8)"}
# PyMC's constants of half distributions are in single precision: 2e-9.
TOLERANCE = 1e-8
MODERATORS = pd.DataFrame({"drug": ["TKI", "none", "TKI", "none"], "year": [2001.0, 2004.0, 2010.0, 2011.0]})


@pytest.fixture(autouse=True)
def _quick():
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.fixture
def _as_sampled(_quick):
    with pytensor.config.change_flags(mode="Mode"):
        yield


def log_density(built: pm.Model, **values) -> float:
    """Return the log density of the parameters themselves: without the Jacobians of PyMC's transforms."""
    point = {}
    for variable in built.free_RVs:
        value, transform = np.asarray(values.pop(variable.name)), built.rvs_to_transforms[variable]
        if transform is not None:
            value = transform.forward(value, *variable.owner.inputs).eval()
        point[built.rvs_to_values[variable].name] = value
    assert not values
    return float(built.compile_logp(jacobian=False)(point))


def likelihood(model, data, theta, baseline=None):
    """Return the log likelihoods by scipy.stats, shape (k,)."""
    match model.likelihood:
        case "normal":
            return stats.norm.logpdf(data["y"], theta, data["se"])
        case "binomial":
            p = {"logit": special.expit, "probit": stats.norm.cdf, "cloglog": lambda x: -np.expm1(-np.exp(x))}
            return stats.binom.logpmf(data["events"], data["n"], p[model.link](theta))
        case "poisson":
            return stats.poisson.logpmf(data["events"], data["time"] * np.exp(theta))
        case "binomial-two-arm":
            of_treatment = stats.binom.logpmf(
                data["events_treatment"], data["n_treatment"], special.expit(baseline + theta)
            )
            return of_treatment + stats.binom.logpmf(data["events_control"], data["n_control"], special.expit(baseline))
        case "binomial-conditional":
            total, patients = (data[f"{x}_treatment"] + data[f"{x}_control"] for x in ("events", "n"))
            law = stats.nchypergeom_fisher(patients, data["n_treatment"], total, np.exp(theta))
            return law.logpmf(data["events_treatment"])
    expected = data["time_treatment"] * np.exp(theta)
    share = expected / (expected + data["time_control"])
    return stats.binom.logpmf(data["events_treatment"], data["events_treatment"] + data["events_control"], share)


MODELS = {
    "logit": bm.ModelSpec(**MU_TAU),
    "probit": bm.ModelSpec(link="probit", **MU_TAU),
    "cloglog": bm.ModelSpec(link="cloglog", effects="student-t", nu=3, **MU_TAU),
    "estimates": bm.ModelSpec("normal", effects="student-t", **MU_TAU),
    "common": bm.ModelSpec("normal", mu="Normal(0.1, 1.2)", effects="none"),
    "rates": bm.ModelSpec("poisson", **MU_TAU),
    "two arms": bm.ModelSpec("binomial-two-arm", baseline="Normal(-1, 0.7)", **MU_TAU),
    "conditional": bm.ModelSpec("binomial-conditional", **MU_TAU),
    "conditional rates": bm.ModelSpec("poisson-conditional", **MU_TAU),
}


@pytest.mark.parametrize("name", MODELS)
def test_log_density_is_the_sum_written_out_with_scipy(name, studies_for):
    model, rng = MODELS[name], np.random.default_rng(4)
    studies = studies_for(model)
    z, z_new, baseline = rng.normal(size=4), 0.4, rng.normal(-1.0, 0.5, size=4)
    values, expected = {"mu": MU}, model.mu.logpdf(MU)
    if model.has_tau:
        standard = stats.t(model.nu) if model.effects == "student-t" else stats.norm
        values |= {"tau": TAU, "z": z, "z_new": z_new}
        expected += model.tau.logpdf(TAU) + standard.logpdf([*z, z_new]).sum()
    if model.baseline is not None:
        values |= {"baseline": baseline}
        expected += model.baseline.logpdf(baseline).sum()
    theta = MU + TAU * z if model.has_tau else np.full(4, MU)
    expected += likelihood(model, studies.data, theta, baseline).sum()
    built = bm.pymc_model(studies, model)
    assert log_density(built, **values) == pytest.approx(expected, abs=TOLERANCE)


def test_beta_effects_are_integrated_out_to_beta_binomials(studies_for):
    model = bm.ModelSpec(effects="beta", **MU_TAU)
    studies = studies_for(model)
    a, b = (float(shape) for shape in BetaKernel().shapes(np.array(MU), np.array(TAU)))
    expected = (
        model.mu.logpdf(MU) + model.tau.logpdf(TAU) + stats.betabinom.logpmf(studies.events, studies.n, a, b).sum()
    )
    built = bm.pymc_model(studies, model)
    assert log_density(built, mu=MU, tau=TAU, u_new=0.3) == pytest.approx(expected, abs=TOLERANCE)
    variables = [built[name] for name in ("p_mean", "p_median", "p_new")]
    found = pytensor.function([built[name] for name in ("mu", "tau", "u_new")], variables)(MU, TAU, 0.3)
    wanted = a / (a + b), stats.beta.median(a, b), stats.beta.ppf(0.3, a, b)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_beta_shapes_and_their_derivatives_solve_the_two_equations():
    import pytensor.tensor as pt

    eta, tau = (each.ravel() for each in np.meshgrid(np.linspace(-9.0, 9.0, 13), np.geomspace(1e-3, 20.0, 15)))
    x, y = pt.dvectors("x", "y")
    a, b = beta_shapes(x, y)
    slopes = [*pt.grad(a.sum(), [x, y]), *pt.grad(b.sum(), [x, y])]
    a, b, a_eta, a_tau, b_eta, b_tau = pytensor.function([x, y], [a, b, *slopes])(eta, tau)
    first, second = (special.polygamma(order, [a, b]) for order in (1, 2))
    np.testing.assert_allclose(special.psi(a) - special.psi(b), eta, atol=1e-12 * (1.0 + 1.0 / tau.min()))
    np.testing.assert_allclose(first.sum(axis=0), tau**2, rtol=1e-11)
    # the derivatives of the two equations
    np.testing.assert_allclose(first[0] * a_eta - first[1] * b_eta, 1.0, rtol=1e-6)
    np.testing.assert_allclose(second[0] * a_tau + second[1] * b_tau, 2.0 * tau, rtol=1e-6)


def with_moderators(model, studies_for):
    studies = studies_for(model)
    return bm.Studies(studies.study, **studies.data, moderators=MODERATORS)


def test_a_formula_has_coefficients_with_their_priors(studies_for):
    model = bm.ModelSpec(formula="~ year + drug", beta={
        "Intercept": "Normal(0.2, 2)", "year": "StudentT(3, 0, 0.5)", "drug[T.none]": "Normal(0, 1)",
    }, tau="HalfNormal(0.8)")  # fmt: skip
    studies = with_moderators(model, studies_for)
    built = bm.pymc_model(studies, model)
    beta, z = {"Intercept": 0.5, "year": 0.1, "drug[T.none]": -0.7}, np.array([0.3, -1.0, 0.5, 2.0])
    year, control = MODERATORS["year"] - MODERATORS["year"].mean(), MODERATORS["drug"] == "none"
    theta = (0.5 + 0.1 * year - 0.7 * control + TAU * z).to_numpy()
    expected = sum(model.beta[name].logpdf(value) for name, value in beta.items())
    expected += model.tau.logpdf(TAU) + stats.norm.logpdf(z).sum() + likelihood(model, studies.data, theta).sum()
    named = {f"beta[{name}]": value for name, value in beta.items()}
    assert log_density(built, **named, tau=TAU, z=z) == pytest.approx(expected, abs=TOLERANCE)
    assert built.named_vars_to_dims["beta"] == ("coef",)
    assert built.coords["coef"] == tuple(beta)


@pytest.mark.parametrize("omega", ["HalfNormal(0.4)", 0.3])
def test_a_hierarchy_of_tau_is_the_one_of_subgroups(omega, studies_for):
    model = bm.ModelSpec(mu="Beta(2, 3)", tau="HalfNormal(0.8)")
    studies = with_moderators(model, studies_for)
    built = bm.pymc_model(studies, model, by="drug", tau="hierarchical", omega=omega)
    p, z_tau, z, z_new = np.array([0.3, 0.4]), np.array([0.5, -1.5]), np.array([0.3, -1.0, 0.5, 2.0]), np.ones(2)
    scale = 0.2 if isinstance(omega, str) else omega
    tau = TAU * np.exp(scale * z_tau)
    theta = special.logit(p)[[0, 1, 0, 1]] + tau[[0, 1, 0, 1]] * z
    expected = stats.beta.logpdf(p, 2, 3).sum() + stats.norm.logpdf([*z_tau, *z, *z_new]).sum()
    expected += model.tau.logpdf(TAU) + likelihood(model, studies.data, theta).sum()
    values = {"p_median": p, "tau0": TAU, "z_tau": z_tau, "z": z, "z_new": z_new}
    if isinstance(omega, str):
        expected += bm.Prior("HalfNormal", 0.4).logpdf(scale)
        values |= {"omega": scale}
    assert log_density(built, **values) == pytest.approx(expected, abs=TOLERANCE)
    assert built.coords["level"] == ("TKI", "none")


def test_p_mean_of_heavy_tails_is_the_integral_over_studies():
    from scipy import integrate

    model = bm.ModelSpec(effects="student-t", nu=2)
    built = bm.pymc_model(bm.Studies(("A",), events=[3.0], n=[9.0]), model)
    value = built["p_mean"].eval({built["mu"]: 1.3, built["tau"]: 0.9})
    expected = integrate.quad(lambda z: special.expit(1.3 + 0.9 * z) * stats.t.pdf(z, 2), -np.inf, np.inf, epsabs=1e-11)
    assert float(value) == pytest.approx(expected[0], abs=1e-8)


@pytest.mark.usefixtures("_as_sampled")
def test_the_tails_of_links_keep_their_digits():
    for link, far in (("probit", 9.0), ("cloglog", 4.0)):
        model = bm.ModelSpec(link=link, mu="Flat()", effects="none")
        built = bm.pymc_model(bm.Studies(("A",), events=[1.0], n=[2.0]), model)
        density = built.compile_logp(jacobian=False)  # in the mode that samples: it rewrites log(1 - p)
        log_p, log_q = stats.norm.logcdf(far), stats.norm.logsf(far)
        if link == "cloglog":
            log_p, log_q = np.log(-np.expm1(-np.exp(far))), -np.exp(far)
        assert float(density({"mu": np.array(far)})) == pytest.approx(np.log(2.0) + log_p + log_q, rel=1e-12)


NEW = {
    "events_observed": [1, 2, 3, 4], "n": [10, 11, 12, 13], "prior_mu_sigma": 0.7, "prior_tau_sigma": 2.0,
    "prior_mu_mu": -0.4,
}  # fmt: skip


def test_other_data_and_priors_in_the_containers_make_the_other_model(studies_for):
    old, new = bm.ModelSpec(**MU_TAU), bm.ModelSpec(mu="Normal(-0.4, 0.7)", tau="HalfNormal(2)")
    studies = bm.Studies(tuple("abcd"), events=NEW["events_observed"], n=NEW["n"])
    built, other = bm.pymc_model(studies_for(old), old), bm.pymc_model(studies, new)
    values = {"mu": MU, "tau": TAU, "z": np.arange(4.0), "z_new": 0.0}
    before = log_density(built, **values)
    with built:
        pm.set_data({name: np.asarray(value) for name, value in NEW.items()})
    assert log_density(built, **values) == log_density(other, **values) != before
    numbers = numbers_of(new, seen_by(new, studies), OVERALL)
    assert numbers.keys() == {variable.name for variable in built.data_vars} == NEW.keys()
    for name, number in numbers.items():
        np.testing.assert_array_equal(number.value, NEW[name])


@pytest.mark.parametrize("tau", ["Jeffreys", "I2", "DuMouchel"])
def test_a_prior_made_from_the_studies_follows_their_standard_errors(tau, studies_for):
    model = bm.ModelSpec("normal", mu="Normal(0, 1)", tau=tau)
    studies = studies_for(model)
    built = bm.pymc_model(studies, model)
    with built:
        pm.set_data({"se": 2.0 * studies.se})
    other = bm.pymc_model(bm.Studies(studies.study, y=studies.y, se=2.0 * studies.se), model)
    values = {"mu": MU, "tau": TAU, "z": np.arange(4.0), "z_new": 0.0}
    assert log_density(built, **values) == pytest.approx(log_density(other, **values), abs=1e-12)


def test_every_container_of_a_formula_has_its_dimension(studies_for):
    model = bm.ModelSpec(formula="~ 0 + drug", beta="Normal(0, 1.5)")
    studies = with_moderators(model, studies_for)
    numbers = numbers_of(model, seen_by(model, studies), structure_of(model, studies))
    assert {name: number.dims for name, number in numbers.items()} == {
        "n": ("study",), "events_observed": ("study",), "design": ("study", "coef"), "prior_beta_mu": ("coef",),
        "prior_beta_sigma": ("coef",), "prior_tau_sigma": (),
    }  # fmt: skip


def test_hypergeometric_draws_follow_their_law():
    theta, given = np.array([0.7, -0.4]), (np.array([20, 8]), np.array([15, 9]), np.array([12, 5]))
    draws = draw_hypergeometric(theta, *given, rng=np.random.default_rng(2), size=(20_000, 2))
    law = stats.nchypergeom_fisher(given[0] + given[1], given[0], given[2], np.exp(theta))
    assert draws.shape == (20_000, 2)
    assert np.abs(draws.mean(axis=0) - law.mean()).max() < 4.0 * np.max(law.std()) / np.sqrt(20_000)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "common"])
def test_information_for_weights_is_that_of_the_exact_engine(name, studies_for):
    from bayesmeta.exact.likelihoods import terms_of

    model = MODELS[name]
    data, theta = seen_by(model, studies_for(model)), np.array([-0.4, 0.0, 0.3, 0.8])
    theirs = terms_of(model, data).variance_at(theta)
    # tabulated likelihoods have their curvature from differences over their own steps
    np.testing.assert_allclose(
        variance_at(model, data, theta), theirs, rtol=0.02 if "arm" in model.likelihood else 1e-3
    )


BAD = {
    "tau='separate' is a model for each level alone": {"by": "drug", "tau": "separate"},
    "unknown tau 'comon'. Did you mean 'common'": {"by": "drug", "tau": "comon"},
    "unknown moderator 'drugs'. Did you mean 'drug'": {"by": "drugs"},
    "name the moderator that makes them by `by`": {"tau": "hierarchical"},
    "omega=-1 must be 0": {"by": "drug", "tau": "hierarchical", "omega": -1},
    "Normal(mu=0, sigma=1) for omega reaches below 0": {
        "by": "drug",
        "tau": "hierarchical",
        "omega": "Normal(0, 1)",
    },
    "omega=HalfFlat(), the SD of log tau": {"by": "drug", "tau": "hierarchical", "omega": "Flat()"},
}


@pytest.mark.parametrize("message", BAD)
def test_groups_that_cannot_be_are_refused_in_one_line(message, studies_for):
    studies = with_moderators(bm.ModelSpec(), studies_for)
    with pytest.raises(bm.SpecError) as caught:
        bm.pymc_model(studies, **BAD[message])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_groups_of_models_that_have_none_are_refused(studies_for):
    studies = with_moderators(bm.ModelSpec(), studies_for)
    with pytest.raises(bm.SpecError, match="so the model needs no formula"):
        bm.pymc_model(studies, bm.ModelSpec(formula="~ year"), by="drug")
    with pytest.raises(bm.SpecError, match="has no tau"):
        bm.pymc_model(studies, bm.ModelSpec(effects="none"), by="drug")
    with pytest.raises(bm.SpecError, match="needs a proper prior of tau"):
        bm.pymc_model(studies, bm.ModelSpec(tau="Flat()"), by="drug", tau="hierarchical")
    with pytest.raises(bm.SpecError, match="is TKI for every study"):
        bm.pymc_model(studies.take([0, 2]), by="drug")


def test_a_single_group_structure_is_the_formula_of_cell_means(studies_for):
    model = bm.ModelSpec(**MU_TAU)
    studies = with_moderators(model, studies_for)
    by = structure_by(studies, model, "drug", tau="common", omega=0.0)
    values = {"beta": np.array([0.2, -0.5]), "tau": TAU, "z": np.arange(4.0), "z_new": np.zeros(2)}
    of_formula = bm.ModelSpec(formula="~ 0 + drug", beta=MU_TAU["mu"], tau=MU_TAU["tau"])
    one = build_model(model, seen_by(model, studies), studies.study, by)
    assert log_density(one, **values) == log_density(bm.pymc_model(studies, of_formula), **values)


def test_quiet_is_true_or_false(studies_for):
    with pytest.raises(bm.SpecError, match=r"quiet='no' must be True or False"):
        bm.fit(studies_for(bm.ModelSpec()), engine="nuts", quiet="no")


def test_an_improper_posterior_of_a_formula_is_refused_before_sampling(studies_for):
    model = bm.ModelSpec(formula="~ drug", beta="Flat()", tau="Flat()")
    studies = with_moderators(model, studies_for).take([0, 1, 2])
    with pytest.raises(bm.ImproperPosteriorError):
        bm.fit(studies, model, engine="nuts")
