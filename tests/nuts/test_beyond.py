"""Models that only NUTS can fit: is their density the one that is stated, and what is said of data that do not go?"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy import optimize, special, stats

import bayesmeta as bm
from bayesmeta.nuts.lkj import correlation_root, lkj_shapes
from bayesmeta.nuts.predict import predict_draws
from bayesmeta.nuts.structure import structure_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import beyond  # noqa: E402
import beyond_reference  # noqa: E402

TRIAL, OUTCOME = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
EVENTS, N = np.array([3, 9, 4, 0, 7, 6]), np.array([9, 12, 8, 5, 9, 11])
X = np.array([1.0, 4.0, 2.5, 6.0, np.nan, 3.0])
FRAME = pd.DataFrame(
    {
        "trial": list("uuvvww"), "outcome": ["CR", "MRD"] * 3, "x": X, "w": np.arange(6.0), "own": list("abcdef"),
        "one": "same",
    }
)  # fmt: skip
STUDIES = bm.Studies(tuple("ABCDEF"), events=EVENTS, n=N, moderators=FRAME)
OUTCOMES = bm.ModelSpec(formula="~ 0 + outcome", random="(0 + outcome | trial)")


def log_density(model: bm.ModelSpec, **at: object) -> float:
    """Return the log density of a PyMC model at values of its variables."""
    built = bm.pymc_model(STUDIES, model)
    point = built.initial_point()
    for key in point:
        name, _, transform = key.removesuffix("__").rpartition("_") if key.endswith("__") else (key, "", "")
        value = np.asarray(at.pop(name), dtype=float)
        moved = {"log": np.log, "logodds": special.logit, "interval": lambda v: np.log(v - 1.0)}.get(transform)
        point[key] = value if moved is None else moved(value)
    assert not at
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        return float(built.compile_logp(jacobian=False)(point))


def binomial(theta: np.ndarray) -> float:
    return float(stats.binom.logpmf(EVENTS, N, special.expit(theta)).sum())


def normal(*values: object) -> float:
    return float(sum(stats.norm.logpdf(value).sum() for value in values))


RNG = np.random.default_rng(3)
Z, Z_TRIAL, Z_BOTH = RNG.normal(size=6), RNG.normal(size=3), RNG.normal(size=(3, 2))


def test_three_levels_have_the_stated_density():
    model = bm.ModelSpec(random="(1 | trial)", tau_of={"trial": "HalfNormal(0.5)"})
    at = {"mu": 0.3, "tau": 0.7, "tau[trial]": 0.4, "z[trial]": Z_TRIAL, "z": Z, "z_new": 0.2}
    known = stats.norm.logpdf(0.3, 0, 1.5) + stats.halfnorm.logpdf(0.7) + stats.halfnorm.logpdf(0.4, scale=0.5)
    known += normal(Z_TRIAL, Z, 0.2) + binomial(0.3 + 0.4 * Z_TRIAL[TRIAL] + 0.7 * Z)
    assert log_density(model, **at) == pytest.approx(known, abs=1e-9)


def test_correlated_outcomes_have_the_stated_density():
    beta, tau, rho, new = np.array([0.5, -0.2]), np.array([0.7, 0.4]), -0.35, np.array([0.1, 0.9])
    at = {"beta": beta, "tau": tau, "partial": [(1 + rho) / 2], "z[trial]": Z_BOTH, "z_new": new}
    root = np.linalg.cholesky(np.array([[1.0, rho], [rho, 1.0]]))
    theta = (beta + (Z_BOTH @ root.T) * tau)[TRIAL, OUTCOME]
    known = stats.norm.logpdf(beta, 0, 1.5).sum() + stats.halfnorm.logpdf(tau).sum() + normal(Z_BOTH, new)
    # of (1 + rho) / 2, whose density is twice that of rho, (1 - rho^2)^(lkj - 1) / (4 / 3) for lkj = 2
    known += np.log(2.0 * (1.0 - rho**2) * 3.0 / 4.0) + binomial(theta)
    assert log_density(OUTCOMES, **at) == pytest.approx(known, abs=1e-9)


def test_free_degrees_of_freedom_have_the_stated_density():
    model = bm.ModelSpec(effects="student-t", nu="Gamma(2, 0.1)")
    nu, law = 3.5, stats.gamma(2, scale=10)
    known = stats.norm.logpdf(0.3, 0, 1.5) + stats.halfnorm.logpdf(0.7) + law.logpdf(nu) - law.logsf(1.0)
    known += stats.t.logpdf(np.append(Z, 0.2), nu).sum() + binomial(0.3 + 0.7 * Z)
    assert log_density(model, mu=0.3, tau=0.7, nu=nu, z=Z, z_new=0.2) == pytest.approx(known, abs=1e-9)


def test_a_scale_has_the_stated_density():
    model = bm.ModelSpec(scale="~ w")
    known = stats.norm.logpdf(0.3, 0, 1.5) + stats.halfnorm.logpdf(0.7) + stats.norm.logpdf(0.4, 0, 0.5) + normal(Z)
    known += binomial(0.3 + 0.7 * np.exp(0.4 * (FRAME["w"].to_numpy() - 2.5)) * Z)
    assert log_density(model, mu=0.3, tau=0.7, alpha=[0.4], z=Z) == pytest.approx(known, abs=1e-9)


def test_missing_moderators_have_the_stated_density():
    model = bm.ModelSpec(formula="~ x", missing="impute")
    seen = X[~np.isnan(X)]
    mean, sd = seen.mean(), seen.std(ddof=1)
    beta, m, s, z_x = np.array([0.4, -0.2]), 3.0, 1.7, 0.6
    x = np.where(np.isnan(X), m + s * z_x, X) - mean
    known = stats.norm.logpdf(beta, 0, 1.5).sum() + stats.halfnorm.logpdf(0.7) + normal(z_x, Z)
    known += (
        stats.norm.logpdf(m, mean, 2.5 * sd) + stats.expon.logpdf(s, scale=sd) + stats.norm.logpdf(seen, m, s).sum()
    )
    known += binomial(beta[0] + beta[1] * x + 0.7 * Z)
    at = {"beta": beta, "m[x]": m, "s[x]": s, "z[x]": [z_x], "tau": 0.7, "z": Z}
    assert log_density(model, **at) == pytest.approx(known, abs=1e-9)


def test_partial_correlations_give_the_lkj_density():
    import pytensor.tensor as pt

    d, lkj = 3, 1.7
    halves = pt.vector("halves")
    root = correlation_root(halves, d)
    above = np.triu_indices(d, 1)
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        made = pytensor.function([halves], pt.dot(root, root.T))
    shapes = lkj_shapes(lkj, d)

    def excess(point: np.ndarray) -> float:
        step = 1e-5
        slopes = [(made(point + step * e)[above] - made(point - step * e)[above]) / (2 * step) for e in np.eye(3)]
        log_p = stats.beta.logpdf(point, shapes, shapes).sum() - np.linalg.slogdet(np.array(slopes))[1]
        matrix = made(point)
        np.testing.assert_allclose(np.diag(matrix), 1.0, atol=1e-12)
        return float(log_p - (lkj - 1.0) * np.linalg.slogdet(matrix)[1])

    values = [excess(np.random.default_rng(i).uniform(0.1, 0.9, 3)) for i in range(5)]
    np.testing.assert_allclose(values, values[0], atol=1e-7)


def test_the_reference_of_three_levels_is_that_of_metafor():
    # metafor 3.8-1: rma.mv(yi, vi, random = ~ 1 | district/school, data = dat.konstantopoulos2011), by REML
    y, v = np.array(beyond.Y), np.array(beyond.V)
    shared, x = beyond_reference.grouped(beyond.DISTRICT), np.ones((56, 1))

    def pooled(log_tau2: np.ndarray) -> tuple[np.ndarray, ...]:
        district, school = np.exp(log_tau2)
        covariance = np.diag(v + school) + district * shared
        return beyond_reference._gaussian(covariance[None], x, y, 0.0, 1e2)  # a wider prior costs digits

    found = optimize.minimize(lambda at: -pooled(at)[0][0], np.log([0.1, 0.1]), method="Nelder-Mead", tol=1e-10)
    np.testing.assert_allclose(np.exp(found.x), [0.06506194, 0.03273652], rtol=1e-5)
    _, mean, sd = pooled(found.x)
    np.testing.assert_allclose([mean[0, 0], sd[0, 0]], [0.1847132, 0.08455592], rtol=1e-5)


def test_stored_draws_agree_with_the_references():
    stored = json.loads(beyond.RESULTS.read_text("utf-8"))
    table = pd.DataFrame(stored["rows"])
    assert stored["seed"] == beyond.SEED
    assert table["case"].nunique() == len(beyond.CASES) == 7
    assert len(table) == 192
    assert (table["difference"].abs() <= 4.0).all()
    divergent = table.groupby("case")["n_divergent"].max()
    assert divergent[divergent > 0].to_dict() == {"two outcomes": 3}  # of 8000 draws


REFUSED = {
    "(1 | own)": "every row has a 'own' of its own, whose heterogeneity is tau already",
    "(1 | one)": "'one' is same for every row",
    "(1 | trail)": "unknown moderator 'trail'. Did you mean 'trial'?",
}


@pytest.mark.parametrize("random", REFUSED)
def test_groups_that_tell_nothing_are_refused(random):
    with pytest.raises(bm.SpecError) as error:
        bm.pymc_model(STUDIES, bm.ModelSpec(random=random))
    assert REFUSED[random] in str(error.value)


def test_two_factors_that_group_alike_are_refused():
    studies = replace(STUDIES, moderators=FRAME.assign(lab=list("ppqqrr")))
    with pytest.raises(bm.SpecError, match=r"'lab' and 'trial' of random=.* group the rows alike"):
        bm.pymc_model(studies, bm.ModelSpec(random="(1 | trial) + (1 | lab)"))


def test_an_outcome_that_a_trial_has_twice_is_refused():
    frame = FRAME.assign(outcome=["CR", "CR", "CR", "MRD", "CR", "MRD"])
    with pytest.raises(bm.DataError, match="study 'B': the outcome 'CR' of 'u' is there already, as 'A'"):
        bm.pymc_model(replace(STUDIES, moderators=frame), OUTCOMES)


def test_outcomes_of_no_trial_in_common_are_refused():
    model = replace(OUTCOMES, random="(0 + outcome | own)")
    with pytest.raises(bm.SpecError, match="no 'own' has more than one 'outcome'"):
        bm.pymc_model(STUDIES, model)


def test_improper_priors_and_a_scale_without_moderators_are_refused():
    for options, message in (
        ({"mu": "Flat()", "random": "(1 | trial)"}, "Flat() is improper"),
        ({"scale": "~ 1"}, "names no moderator"),
        ({"scale": "~ 0 + w"}, "has no intercept, which is log tau"),
    ):
        with pytest.raises(bm.SpecError) as error:
            bm.pymc_model(STUDIES, bm.ModelSpec(**options))
        assert message in str(error.value)


def test_moderators_that_cannot_be_imputed_are_refused():
    model = bm.ModelSpec(formula="~ x + I(x**2)", missing="impute")
    with pytest.raises(bm.SpecError, match="it can be imputed only where it stands in the formula by its name alone"):
        bm.pymc_model(STUDIES, model)
    texts = replace(STUDIES, moderators=FRAME.assign(trial=["u", None, "v", "v", "w", "w"]))
    with pytest.raises(bm.DataError, match="study 'B': the moderator 'trial' is missing, and as it is no number"):
        bm.pymc_model(texts, bm.ModelSpec(formula="~ trial", missing="impute"))
    with pytest.raises(bm.DataError, match=r"study 'E': the moderator 'x' is missing.*missing='impute'"):
        bm.pymc_model(STUDIES, bm.ModelSpec(formula="~ x"))


@pytest.mark.parametrize(
    "model",
    [
        bm.ModelSpec(random="(1 | trial)"), OUTCOMES, bm.ModelSpec(effects="student-t", nu="Gamma(2, 0.1)"),
        bm.ModelSpec(scale="~ w"), bm.ModelSpec(formula="~ x", missing="impute"),
    ],
)  # fmt: skip
def test_the_exact_engine_says_to_use_nuts(model):
    with pytest.raises(bm.SpecError, match=r"engine='exact' cannot take .*; use bm.fit\(..., engine='nuts'\)"):
        bm.fit(STUDIES, model)
    assert bm.ModelSpec.from_toml_text(model.to_toml()) == model
    assert model.with_priors(tau="HalfNormal(0.3)").with_priors(tau=model.tau) == model


def test_rows_with_missing_moderators_are_kept_where_that_is_asked_for():
    frame = pd.DataFrame({"study": ["A", "B", "C"], "events": [1, 2, 3], "n": [5, 5, 5], "age": ["31", "NA", "40"]})
    with pytest.raises(bm.DataError, match="missing_moderators='keep'"):
        bm.Studies.from_frame(frame, moderators=["age"])
    kept = bm.Studies.from_frame(frame, moderators=["age"], missing_moderators="keep")
    assert kept.moderators["age"].tolist()[::2] == [31.0, 40.0]
    assert np.isnan(kept.moderators["age"][1])
    with pytest.raises(bm.SpecError, match="unknown missing_moderators 'drop'"):
        bm.Studies.from_frame(frame, moderators=["age"], missing_moderators="drop")


def drawn(as_nuts, model: bm.ModelSpec, **draws: np.ndarray):
    """Return a fit of a model with made-up draws."""
    import xarray as xr

    fit = as_nuts(bm.fit(STUDIES))
    named = {name: (("chain", "draw", *[f"{name}_dim"] * (v.ndim - 2)), v) for name, v in draws.items()}
    groups = {"posterior": xr.Dataset(named), "sample_stats": fit.tree["sample_stats"].to_dataset()}
    return replace(fit, model=model, structure=structure_of(model, STUDIES), tree=xr.DataTree.from_dict(groups))


def test_predictions_have_the_heterogeneity_of_the_stated_moderators(as_nuts):
    rng = np.random.default_rng(1)
    mu, tau, alpha = rng.normal(size=(4, 500)), np.full((4, 500), 0.6), np.full((4, 500, 1), 0.5)
    fit = drawn(as_nuts, bm.ModelSpec(scale="~ w"), mu=mu, tau=tau, alpha=alpha)
    table = predict_draws(fit, {"w": 4.5})
    z = np.linspace(-9.0, 9.0, 901)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    known = (special.expit(mu[..., None] + 0.6 * np.exp(0.5 * (4.5 - 2.5)) * z) @ weight).mean()
    assert table.at["p_mean", "mean"] == pytest.approx(known, abs=1e-9)
    assert fit.parameters == ("mu", "tau", "alpha[w]", "p_median")
    with pytest.raises(bm.SpecError, match="unknown moderator 'year'"):
        predict_draws(fit, {"year": 3})
    with pytest.raises(bm.SpecError, match="the value of 'w' is missing"):
        predict_draws(fit, {})


def test_predictions_average_over_free_degrees_of_freedom(as_nuts):
    rng = np.random.default_rng(2)
    draws = {"beta": rng.normal(size=(4, 50, 2)), "tau": np.full((4, 50), 0.8), "nu": rng.uniform(1.0, 30.0, (4, 50))}
    fit = drawn(as_nuts, bm.ModelSpec(formula="~ 0 + outcome", effects="student-t", nu="Gamma(2, 0.1)"), **draws)
    table = predict_draws(fit, {"outcome": "CR"})
    levels = (np.arange(20_000) + 0.5) / 20_000
    known = [
        special.expit(eta + 0.8 * stats.t.ppf(levels, nu)).mean()
        for eta, nu in zip(draws["beta"][..., 0].ravel(), draws["nu"].ravel(), strict=True)
    ]
    assert table.at["p_mean", "mean"] == pytest.approx(np.mean(known), abs=2e-5)
