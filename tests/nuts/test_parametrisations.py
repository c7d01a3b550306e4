"""Is every form of the study effects the same posterior, and is the fastest chosen?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
from scipy import stats

import bayesmeta as bm
from bayesmeta.nuts.build import build_model
from bayesmeta.nuts.conditional import draw_standardised
from bayesmeta.nuts.log_concave import GROWTH
from bayesmeta.nuts.marginalised import COUNTED, LogMarginal, log_marginal
from bayesmeta.nuts.mean_rule import mean_of_proportions, mean_rule
from bayesmeta.nuts.parametrisations import PARAMETRISATIONS, choose_parametrisation
from bayesmeta.nuts.rough import rough_effects
from bayesmeta.nuts.structure import OVERALL, structure_of
from bayesmeta.spec.observed import seen_by
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.poisson import PoissonTerms
from bayesmeta.surface.quadrature import level

MU_TAU = {"mu": "Normal(0.1, 1.2)", "tau": "HalfNormal(0.8)"}
MODELS = {
    "binomial": bm.ModelSpec(**MU_TAU),
    "probit": bm.ModelSpec(link="probit", **MU_TAU),
    "student-t": bm.ModelSpec(effects="student-t", nu=3, **MU_TAU),
    "normal": bm.ModelSpec("normal", **MU_TAU),
    "poisson": bm.ModelSpec("poisson", **MU_TAU),
    "conditional": bm.ModelSpec("binomial-conditional", **MU_TAU),
    "conditional rates": bm.ModelSpec("poisson-conditional", **MU_TAU),
}
# where: mu, tau and the study effects
POINTS = [
    (0.3, 0.6, [0.5, -1.0, 0.2, 1.4]),
    (-1.0, 0.05, [-1.1, -0.95, -1.0, -1.04]),
    (2.0, 3.0, [-2.0, 5.0, 1.0, 0.1]),
]


@pytest.fixture(autouse=True)
def _quick():
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.fixture
def _as_sampled(_quick):
    with pytensor.config.change_flags(mode="Mode"):
        yield


def differences(built, points) -> np.ndarray:
    """Return log densities of a model at values of its variables, less that at the first of them."""
    density, found = built.compile_logp(jacobian=False), []
    for values in points:
        point = {}
        for variable in built.free_RVs:
            value, transform = np.asarray(values[variable.name]), built.rvs_to_transforms[variable]
            if transform is not None:
                value = transform.forward(pytensor.tensor.as_tensor(value), *variable.owner.inputs).eval()
            point[built.rvs_to_values[variable].name] = value
        found.append(float(density(point)))
    return np.array(found) - found[0]


def variables_at(form: str, model, studies, mu, tau, theta) -> tuple[dict, float]:
    """Return the variables of a form where mu, tau and theta are given, and log |d theta / d variables|."""
    theta, k = np.array(theta), len(theta)
    values = {"mu": mu, "tau": tau}
    match form:
        case "centred":
            return values | {"theta": theta}, 0.0
        case "sum-to-zero":
            return values | {"theta_mean": theta.mean(), "s": theta - theta.mean()}, 0.0
        case "non-centred":
            return values | {"z": (theta - mu) / tau}, k * np.log(tau)
    return of_partial(*rough_effects(model, seen_by(model, studies)), mu, tau, theta)


def of_partial(y, v, mu, tau, theta) -> tuple[dict, float]:
    """Return the variables of the partially centred form, and log |d (mu, theta) / d variables|."""
    total = (1.0 / (v + tau**2)).sum() + 1.0 / 1.2**2
    middle = ((y / (v + tau**2)).sum() + 0.1 / 1.2**2) / total
    centre, scale = (tau**2 * y + v * mu) / (tau**2 + v), tau * np.sqrt(v / (tau**2 + v))
    values = {"u": (mu - middle) * np.sqrt(total), "tau": tau, "w": (theta - centre) / scale}
    return values, np.log(scale).sum() - 0.5 * np.log(total)


def density_of_theta(form: str, model, studies) -> np.ndarray:
    """Return the log joint density of mu, tau and theta that a form implies, less that at the first point."""
    points, jacobians = zip(*(variables_at(form, model, studies, *point) for point in POINTS), strict=True)
    built = build_model(model, seen_by(model, studies), studies.study, form=form, lean=True)
    return differences(built, points) - (np.array(jacobians) - jacobians[0])


@pytest.mark.parametrize("form", ["centred", "partially-centred", "sum-to-zero"])
@pytest.mark.parametrize("name", MODELS)
def test_every_form_is_the_same_density_of_mean_heterogeneity_and_effects(form, name, studies_for):
    model = MODELS[name]
    studies = studies_for(model)
    if PARAMETRISATIONS[form].refusal(model, OVERALL, studies.k):
        with pytest.raises(bm.SpecError):
            choose_parametrisation(form, model, OVERALL, studies.k)
        return
    wanted = density_of_theta("non-centred", model, studies)
    np.testing.assert_allclose(density_of_theta(form, model, studies), wanted, rtol=1e-9, atol=1e-8)


def test_deviations_that_sum_to_zero_about_mu_itself_are_another_model(studies_for):
    model = MODELS["binomial"]
    studies = studies_for(model)
    with pm.Model(coords={"study": studies.study}) as naive:
        mu, tau = pm.Normal("mu", 0.1, 1.2), pm.HalfNormal("tau", 0.8)
        s = pm.ZeroSumNormal("s", sigma=tau, dims="study")
        n, events = (studies.data[name].astype(int) for name in ("n", "events"))
        pm.Binomial("events", n=n, logit_p=mu + s, observed=events, dims="study")
    # both know of an effect of exactly the mean of the studies; only the naive form takes it for mu
    points = [(np.mean(theta), tau, theta) for _, tau, theta in POINTS]
    of_naive = differences(naive, [{"mu": m, "tau": t, "s": np.array(x) - m} for m, t, x in points])
    built = build_model(model, seen_by(model, studies), studies.study, form="sum-to-zero", lean=True)
    of_ours = differences(built, [{"mu": m, "tau": t, "theta_mean": m, "s": np.array(x) - m} for m, t, x in points])
    log_tau = np.log([tau for _, tau, _ in POINTS])
    np.testing.assert_allclose(of_ours - of_naive, -(log_tau - log_tau[0]), atol=1e-8)  # the density of theta_mean


def test_partial_centring_is_the_same_posterior_whatever_the_rough_effects(studies_for):
    model = MODELS["binomial"]
    studies = studies_for(model)
    built = build_model(model, seen_by(model, studies), studies.study, form="partially-centred", lean=True)
    y, v = np.array([3.0, -1.0, 0.0, 0.5]), np.array([0.1, 4.0, 1e6, 1e-3])
    with built:
        pm.set_data({"rough_y": y, "rough_v": v})
    points, jacobians = zip(*(of_partial(y, v, mu, tau, np.array(theta)) for mu, tau, theta in POINTS), strict=True)
    found = differences(built, points) - (np.array(jacobians) - jacobians[0])
    np.testing.assert_allclose(found, density_of_theta("non-centred", model, studies), atol=1e-7)


EVENTS = np.array([0.0, 8.0, 3.0, 1.0, 190.0, 0.0, 200.0, 1e6, 0.0, 3e5])
SIZE = np.array([8.0, 8.0, 20.0, 1.0, 200.0, 200.0, 200.0, 1e6, 1e6, 1e6])


def log_m(likelihood, events, eta, tau, size):
    record, symbols = COUNTED[likelihood], pytensor.tensor.dvectors(4)
    value = LogMarginal(likelihood)(*symbols)[0] + record.constant(symbols[0], symbols[3])
    return pytensor.function(list(symbols), value)(events, eta, tau, size)


@pytest.fixture(scope="module")
def binomial_and_poisson():
    """Log m by PyTensor, and by the surface, at means around each study and tau from 0 to 3."""
    found = []
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        for likelihood, terms in (("binomial", BinomialTerms), ("poisson", PoissonTerms)):
            rough = terms(EVENTS, SIZE).rough()[0]
            tau = np.array([0.0, 1e-6, 0.1, 0.3, 1.0, 3.0])
            shift = np.array([-2.0, 0.0, 0.7])
            shape = np.broadcast_shapes(tau[:, None, None].shape, shift[:, None].shape, EVENTS.shape)
            eta = (rough + shift[:, None] * np.sqrt(tau**2 + 0.1)[:, None, None]).ravel()
            given = [np.broadcast_to(each, shape).ravel() for each in (EVENTS, tau[:, None, None], SIZE)]
            ours = log_m(likelihood, given[0], eta, given[1], given[2])
            theirs = np.empty(ours.size)
            for i in range(len(EVENTS)):
                at = np.flatnonzero((given[0] == EVENTS[i]) & (given[2] == SIZE[i]))
                one = terms(EVENTS[i : i + 1], SIZE[i : i + 1]).marginal(level(2))
                theirs[at] = one(eta[at], given[1][at])[0]
            found.append((given[0], given[2], given[1], ours, theirs))
    return found


def test_integrated_likelihoods_are_those_of_the_surface(binomial_and_poisson):
    for _, _, tau, ours, theirs in binomial_and_poisson:
        near = theirs > -500.0  # farther out the surface has a floor, which no posterior reaches
        inside = near & (tau <= 1.0)
        assert inside.sum() > 100
        assert np.abs(ours - theirs)[inside].max() < 1e-8
        assert np.abs(ours - theirs)[near].max() < 1e-6


@pytest.mark.parametrize("likelihood", ["binomial", "poisson"])
def test_derivatives_of_integrated_likelihoods_are_those_by_differences(likelihood):
    events, size = np.array([0.0, 8.0, 3.0, 190.0]), np.array([8.0, 8.0, 20.0, 200.0])
    centre, step = np.array([-1.0, 0.5, -2.0, 1.0]), 1e-5
    for tau in (np.full(4, 0.05), np.full(4, 0.7), np.full(4, 2.5)):
        _, *found = log_marginal(GROWTH[likelihood], events, centre, tau, size)
        for slope, d_centre, d_tau in zip(found, (step, 0.0), (0.0, step), strict=True):
            ends = [
                log_marginal(GROWTH[likelihood], events, centre + side * d_centre, tau + side * d_tau, size)[0]
                for side in (-1.0, 1.0)
            ]
            np.testing.assert_allclose(slope, (ends[1] - ends[0]) / (2.0 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["binomial", "normal", "poisson", "conditional rates"])
def test_effects_drawn_after_sampling_have_their_conditional_distribution(name, studies_for):
    model, rng = MODELS[name], np.random.default_rng(3)
    studies = studies_for(model)
    data = seen_by(model, studies)
    built = build_model(model, data, studies.study, lean=True)
    for mu, tau in ((0.2, 1e-8), (-0.5, 0.7), (1.0, 6.0)):
        full = (1, 4000, 1)
        z = draw_standardised(model, data, np.full(full, mu), np.full(full, tau), rng)[0]
        at = z.mean(axis=0) + z.std(axis=0) * np.linspace(-9.0, 9.0, 361)[:, None]
        log_f = log_by_study(built, [{"mu": mu, "tau": tau, "z": each} for each in at])
        weight = np.exp(log_f - log_f.max(axis=0))
        cdf = (np.cumsum(weight, axis=0) - 0.5 * weight) / weight.sum(axis=0)
        for i in range(4):
            assert stats.kstest(z[:, i], np.interp, args=(at[:, i], cdf[:, i])).pvalue > 1e-4


def log_by_study(built, points) -> np.ndarray:
    """Return the log density of z_i given all else, up to a constant, shape (points, study)."""
    parts = built.compile_fn(built.logp(vars=built.observed_RVs, sum=False, jacobian=False), inputs=built.value_vars)
    rows = []
    for values in points:
        point = {"mu": np.array(values["mu"]), "tau_log__": np.log(values["tau"]), "z": values["z"]}
        rows.append(parts(point)[0] - 0.5 * values["z"] ** 2)
    return np.array(rows)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_the_quick_mean_of_proportions_is_that_of_the_full_rule(link):
    model, rng = bm.ModelSpec(link=link, **MU_TAU), np.random.default_rng(2)
    eta, tau = rng.normal(0.0, 3.0, (2, 300)), rng.choice([0.0, 0.4, 1.0, 1.9, 4.0, 9.0], (2, 300))
    z, weight = mean_rule(model)
    from bayesmeta.effects.links import LINKS

    full = LINKS[link].inverse(eta[..., None] + tau[..., None] * z) @ weight
    np.testing.assert_allclose(mean_of_proportions(model, link, eta, tau), full, atol=1e-10)


CHOICE = {
    "partially-centred": ["binomial", "probit", "student-t", "poisson", "conditional", "conditional rates"],
    "marginalised": ["normal"],
}


def test_the_rule_of_choice_is_the_documented_one(studies_for):
    for form, names in CHOICE.items():
        for name in names:
            studies = studies_for(MODELS[name])
            assert choose_parametrisation(None, MODELS[name], OVERALL, studies.k) == form
    two_arm = bm.ModelSpec("binomial-two-arm", **MU_TAU)
    assert choose_parametrisation(None, two_arm, OVERALL, 4) == "non-centred"
    assert choose_parametrisation(None, bm.ModelSpec("normal", effects="student-t", **MU_TAU), OVERALL, 4) == (
        "partially-centred"
    )
    for effects in ("none", "beta"):
        model = bm.ModelSpec(mu="Normal(0, 1)", effects=effects)
        assert choose_parametrisation(None, model, OVERALL, 4) == ""


def test_the_default_form_is_faster_than_a_hand_written_model_in_every_cell_measured():
    table = pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "results" / "parametrisation.csv")
    default = table[table["form"] == "partially-centred"]
    assert len(default) == 2 * 4 * 2  # samplers, numbers of studies, small and large
    assert (default["ratio"] > 1.0).all()
    assert (default["divergences"] == 0).all()


REFUSED = {
    "unknown parametrisation 'centered'. Did you mean 'centred'": ("centered", {}),
    "says nothing of study effects that are all one": ("centred", {"effects": "none"}),
    "beta-distributed and integrated out in any case": ("marginalised", {"effects": "beta"}),
    "'sum-to-zero' needs normal study effects, not student-t": ("sum-to-zero", {"effects": "student-t"}),
    "integrates over normal study effects, not student-t": ("marginalised", {"effects": "student-t"}),
    "has no rule for the integral of the binomial likelihood with link probit": ("marginalised", {"link": "probit"}),
    "which of two arms depends on their baselines": ("partially-centred", {"likelihood": "binomial-two-arm"}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_forms_that_a_model_cannot_have_are_refused_in_one_line(message, studies_for):
    form, changes = REFUSED[message]
    mu_tau = MU_TAU if changes.get("effects") != "none" else {"mu": "Normal(0, 1)"}
    model = bm.ModelSpec(changes.get("likelihood", "binomial"), **{
        name: value for name, value in changes.items() if name != "likelihood"
    }, **mu_tau)  # fmt: skip
    with pytest.raises(bm.SpecError) as caught:
        bm.fit(studies_for(model), model, engine="nuts", parametrisation=form)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(bm.SpecError):
        bm.pymc_model(studies_for(model), model, parametrisation=form)


def test_deviations_that_sum_to_zero_need_one_mean_and_two_studies(studies_for):
    frame = bm.load_dataset("pritz1997").assign(year=range(14))
    studies = bm.Studies.from_frame(frame, study="study", events="events", n="n", moderators=["year"])
    model = bm.ModelSpec(formula="~ year")
    with pytest.raises(bm.SpecError, match="needs studies that share one mean"):
        choose_parametrisation("sum-to-zero", model, structure_of(model, studies), studies.k)
    with pytest.raises(bm.SpecError, match="needs two studies or more"):
        choose_parametrisation("sum-to-zero", MODELS["binomial"], OVERALL, 1)


def test_the_model_handed_out_is_non_centred_unless_another_form_is_asked_for(pritz):
    def names(form):
        return [variable.name for variable in bm.pymc_model(pritz, parametrisation=form).free_RVs]

    assert names(None) == names("non-centred") == ["mu", "tau", "z", "z_new"]
    assert names("centred") == ["mu", "tau", "theta", "z_new"]
    assert names("partially-centred") == ["mu", "tau", "w", "z_new"]
    assert names("sum-to-zero") == ["mu", "tau", "theta_mean", "s", "z_new"]
    assert names("marginalised") == ["mu", "tau", "z_new"]


@pytest.mark.usefixtures("_as_sampled")
@pytest.mark.parametrize("form", ["non-centred", "centred", "sum-to-zero"])
def test_other_forms_agree_with_exact_too(form, pritz):
    few = {"draws": 500, "tune": 500, "chains": 2}
    fit = bm.fit(pritz, engine="nuts", seed=4, sampler="pymc", quiet=True, parametrisation=form, **few)
    assert fit.settings.parametrisation == fit.parametrisation == form
    assert fit.verification.agrees, fit.verification


@pytest.mark.usefixtures("_as_sampled")
def test_integrated_effects_of_counts_agree_with_exact_too():
    studies = bm.Studies(("a", "b", "c"), events=np.array([1.0, 14.0, 13.0]), n=np.array([13.0, 19.0, 17.0]))
    few = {"draws": 300, "tune": 300, "chains": 2}
    fit = bm.fit(studies, engine="nuts", seed=4, sampler="pymc", quiet=True, parametrisation="marginalised", **few)
    assert fit.parametrisation == "marginalised"
    assert fit.verification.table["difference"].abs().max() <= 4.0, fit.verification


@pytest.mark.usefixtures("_as_sampled")
def test_a_fit_has_every_variable_of_the_model_in_its_draws(sampled, pritz):
    fit, built = sampled, bm.pymc_model(pritz)
    wanted = {variable.name: built.named_vars_to_dims.get(variable.name) or () for variable in built.unobserved_RVs}
    posterior = fit.tree["posterior"]
    assert {name: tuple(posterior[name].dims[2:]) for name in posterior.data_vars} == wanted
    assert any("partially centred" in note for note in fit.notes)
    np.testing.assert_allclose(
        fit.draws_of("theta"), fit.draws_of("mu")[..., None] + fit.draws_of("tau")[..., None] * fit.draws_of("z")
    )
