import time

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayesmeta as bm
from bayesmeta.exact.gaussian import gaussian_terms
from bayesmeta.exact.nuisance import IntegratedTerms
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import level


def counts(events, n, **moderators):
    labels = tuple(f"s{i}" for i in range(len(n)))
    return bm.Studies(labels, events=np.array(events, float), n=np.array(n, float), moderators=pd.DataFrame(moderators))


def model(formula, beta="Normal(0, 1.5)", tau="HalfNormal(1)", likelihood="binomial"):
    return bm.ModelSpec(likelihood, formula=formula, beta=beta, tau=tau)


EVENTS, N = [3, 9, 4, 12, 0, 7, 5], [12, 20, 9, 15, 8, 10, 30]
GROUP = list("abcabca")
X = np.array([1.0, 2.5, 4.0, -1.0, 0.5, 3.0, 2.0])
STUDIES = counts(EVENTS, N, g=GROUP, x=X)


def differences(one, other):
    """Largest difference of two summaries beyond the sum of their numerical errors."""
    columns = ["mean", "sd", "median", "lower", "upper"]
    allowed = (one["numerical_error"].to_numpy() + other["numerical_error"].to_numpy())[:, None]
    return float((np.abs(one[columns].to_numpy() - other[columns].to_numpy()) - allowed).max())


def test_an_intercept_alone_is_the_model_without_a_formula():
    fit, plain = bm.fit(STUDIES, model("~ 1")), bm.fit(STUDIES, bm.ModelSpec("binomial"))
    assert isinstance(fit, RegressionFit)
    rows = ["beta[Intercept]", "tau", "p_median[Intercept]", "p_mean[Intercept]", "p_new[Intercept]"]
    assert differences(fit.summary().loc[rows], plain.summary()) <= 0.0
    assert fit.log_evidence == pytest.approx(plain.log_evidence, abs=1e-9)
    assert fit.loo["elpd_loo"].to_numpy() == pytest.approx(plain.loo["elpd_loo"].to_numpy(), abs=1e-7)
    table, expected = bm.study_effects(fit), bm.study_effects(plain)
    assert table["mean"].to_numpy() == pytest.approx(expected["mean"].to_numpy(), abs=1e-6)
    assert table["weight"].to_numpy() == pytest.approx(expected["weight"].to_numpy(), abs=1e-6)


def test_order_of_studies_and_names_of_levels_do_not_matter():
    fit = bm.fit(STUDIES, model("~ 0 + g"))
    order = np.array([6, 2, 4, 0, 1, 5, 3])
    renamed = STUDIES.moderators["g"].map({"a": "z", "b": "y", "c": "x"})
    other = counts(np.array(EVENTS)[order], np.array(N)[order], g=renamed.to_numpy()[order])
    again = bm.fit(other, model("~ 0 + g"))
    columns = ["mean", "sd", "median", "lower", "upper"]
    for old, new in (("a", "z"), ("b", "y"), ("c", "x")):
        one = fit.summary().loc[[f"beta[g[{old}]]", f"p_mean[{old}]", f"p_new[{old}]"], columns]
        two = again.summary().loc[[f"beta[g[{new}]]", f"p_mean[{new}]", f"p_new[{new}]"], columns]
        assert np.abs(one.to_numpy() - two.to_numpy()).max() < 1e-10
    assert fit.log_evidence == pytest.approx(again.log_evidence, abs=1e-10)


def test_the_same_prior_in_another_coding_gives_the_same_posterior():
    """Independent Normal(0, s^2) cell means are independent Normal(0, s^2/2) half-sums and half-differences."""
    side = np.where(np.array(GROUP) == "a", 1.0, -1.0)
    studies = counts(EVENTS, N, g=np.where(side > 0, "a", "b"), side=side)
    cells = bm.fit(studies, model("~ 0 + g"))
    sums = bm.fit(studies, model("~ I(side)", f"Normal(0, {float(1.5 / np.sqrt(2.0))})"))
    assert sums.log_evidence == pytest.approx(cells.log_evidence, abs=1e-8)
    assert differences(sums.summary().loc[["tau"]], cells.summary().loc[["tau"]]) <= 0.0
    for label, value in (("a", 1.0), ("b", -1.0)):
        predicted = bm.predict(sums, {"side": value}).set_index("parameter")
        rows = [f"beta[g[{label}]]", *(f"{name}[{label}]" for name in ("p_median", "p_mean", "p_new"))]
        assert differences(predicted, cells.summary().loc[rows]) <= 0.0
    assert sums.loo["elpd_loo"].to_numpy() == pytest.approx(cells.loo["elpd_loo"].to_numpy(), abs=1e-7)


def test_many_sparse_and_some_huge_studies_have_their_region_found():
    rng = np.random.default_rng(5)
    n = np.r_[rng.integers(5, 40, 120), 80_000, 150_000].astype(float)
    side = np.where(np.arange(n.size) % 2 == 0, 1.0, -1.0)
    events = rng.binomial(n.astype(int), special.expit(-2.0 + 0.4 * side + rng.normal(size=n.size)))
    studies = counts(events, n, g=np.where(side > 0, "a", "b"), side=side)
    cells = bm.fit(studies, model("~ 0 + g"))
    sums = bm.fit(studies, model("~ I(side)", f"Normal(0, {float(1.5 / np.sqrt(2.0))})"))
    assert sums.log_evidence == pytest.approx(cells.log_evidence, abs=1e-6)
    assert differences(sums.summary().loc[["tau"]], cells.summary().loc[["tau"]]) <= 0.0


def test_centring_moves_the_intercept_only():
    fit, raw = bm.fit(STUDIES, model("~ x", "Flat()")), bm.fit(STUDIES, model("~ I(x)", "Flat()"))
    rows = ["beta[x]", "tau"]
    assert differences(fit.summary().loc[rows], raw.summary().loc[["beta[I(x)]", "tau"]]) <= 0.0
    at_mean = bm.predict(raw, {"x": X.mean()}).set_index("parameter").loc[["eta"]]
    assert differences(fit.summary().loc[["beta[Intercept]"]], at_mean) <= 0.0
    assert fit.log_evidence is None
    assert "x is centred at its mean, 1.71429" in fit.notes[0]


def test_three_coefficients_by_quadrature_are_those_of_the_closed_form():
    rng = np.random.default_rng(3)
    y, se, design = rng.normal(size=9), rng.uniform(0.1, 0.5, 9), np.c_[np.ones(9), rng.normal(size=(9, 2))]
    priors = [bm.Prior("Normal", 0.3, 1.5), bm.Prior("Normal", 0.0, 1.0), bm.Prior("Flat")]
    e, tau = np.tile(np.linspace(-1.0, 1.0, 5), 3), np.repeat([1e-6, 0.4, 3.0], 5)
    for target in np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, -0.5, 2.0]]):
        exact = gaussian_terms(y, se, design, priors, target).marginal(level(1))(e, tau)
        summed = IntegratedTerms(NormalTerms(y, se), design, priors, target).marginal(level(1))(e, tau)
        assert np.abs(exact - summed).max() < 1e-7


def test_normal_likelihood_agrees_with_quad_over_tau_and_multivariate_normal_densities():
    rng = np.random.default_rng(7)
    y, se, x = rng.normal(size=6), rng.uniform(0.1, 0.5, 6), rng.normal(size=(6, 3))
    frame = pd.DataFrame(x, columns=["u", "v", "w"])
    studies = bm.Studies(tuple("abcdef"), y=y, se=se, moderators=frame)
    fit = bm.fit(studies, model("~ u + v + w", "Normal(0.2, 2)", "HalfNormal(0.7)", "normal"))
    design = np.c_[np.ones(6), x - x.mean(axis=0)]

    def joint(tau):
        covariance = np.diag(se**2 + tau**2) + 4.0 * design @ design.T
        density = stats.multivariate_normal(design @ np.full(4, 0.2), covariance).pdf(y)
        return density * stats.halfnorm(scale=0.7).pdf(tau)

    def given(tau, order):
        precision = np.eye(4) / 4.0 + design.T / (se**2 + tau**2) @ design
        covariance = np.linalg.inv(precision)
        mean = covariance @ (0.2 / 4.0 * np.ones(4) + design.T @ (y / (se**2 + tau**2)))
        return mean if order == 1 else mean**2 + np.diag(covariance)

    options = {"epsabs": 1e-14, "epsrel": 1e-12}
    z = integrate.quad(joint, 0.0, 6.0, **options)[0]
    first, second = (
        np.array([integrate.quad(lambda t: joint(t) * given(t, order)[j], 0.0, 6.0, **options)[0] for j in range(4)])  # noqa: B023
        / z
        for order in (1, 2)
    )
    rows = fit.summary().iloc[:4]
    assert fit.log_evidence == pytest.approx(np.log(z), abs=1e-9)
    assert rows["mean"].to_numpy() == pytest.approx(first, abs=1e-7)
    assert rows["sd"].to_numpy() == pytest.approx(np.sqrt(second - first**2), abs=1e-7)


def test_given_tau_flat_priors_reproduce_metafors_meta_regression():
    """metafor: rma(yi, vi, mods = ~ ablat, data = dat.bcg), REML: tau2 0.0764, intercept 0.2515 (0.2491), ablat
    -0.0291 (0.0072), as its documentation prints."""
    vaccinated = np.array([4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27.0])
    treated = np.array([123, 306, 231, 13598, 5069, 1541, 2545, 88391, 7499, 1716, 50634, 2498, 16913.0])
    cases = np.array([11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29.0])
    control = np.array([139, 303, 220, 12867, 5808, 1451, 629, 88391, 7277, 1665, 27338, 2341, 17854.0])
    latitude = np.array([44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33.0])
    y = np.log(vaccinated / treated / (cases / control))
    se = np.sqrt(1 / vaccinated - 1 / treated + 1 / cases - 1 / control)
    design, tau = np.c_[np.ones(13), latitude], np.array([np.sqrt(0.0764)])
    flat = [bm.Prior("Flat")] * 2
    slope, variance, _ = gaussian_terms(y, se, design, flat, np.array([0.0, 1.0])).given(tau)
    assert (slope[0], np.sqrt(variance[0])) == pytest.approx((-0.0291, 0.0072), abs=5e-5)
    intercept, variance, _ = gaussian_terms(y, se, design, flat, np.array([1.0, 0.0])).given(tau)
    assert (intercept[0], np.sqrt(variance[0])) == pytest.approx((0.2515, 0.2491), abs=5e-4)


def test_complete_separation_with_a_proper_prior_has_a_finite_answer_and_with_a_flat_one_is_refused():
    studies = counts([3, 5, 0, 0], [10, 12, 9, 8], g=list("aabb"), x=[0.0, 0.0, 1.0, 1.0])
    for formula in ("~ 0 + g", "~ x"):
        fit = bm.fit(studies, model(formula))
        assert np.isfinite(fit.summary().to_numpy()).all()
        assert fit.numerical_error < 1e-6
    for formula, name in (("~ 0 + g", r"g\[b\]"), ("~ x", "Intercept")):
        with pytest.raises(bm.ImproperPosteriorError, match=rf"beta\[{name}\] is improper.*completely separated"):
            bm.fit(studies, model(formula, "Flat()"))


def test_a_bound_from_few_interior_studies_suffices_for_flat_coefficients():
    studies = counts([3, 5, 0, 0], [10, 12, 9, 8], x=[1.0, 2.0, 3.0, 4.0])
    assert np.isfinite(bm.fit(studies, model("~ x", "Flat()")).summary()["median"]).all()


def test_what_cannot_be_integrated_is_refused_in_one_line():
    studies = counts(EVENTS, N, g=list("aabbccd"), x=X)
    with pytest.raises(bm.SpecError, match="integrates at most 3 together"):
        bm.fit(studies, model("~ x + g"))
    with pytest.raises(bm.SpecError, match=r"Uniform.* bounded"):
        bm.fit(studies, model("~ x", "Uniform(-3, 3)"))
    separated = counts([0, 0, 9, 8], [9, 8, 9, 8], x=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(bm.SpecError, match="completely separated along coefficients whose priors have heavy tails"):
        bm.fit(separated, model("~ x", "Cauchy(0, 2.5)"))
    frame = pd.DataFrame({"x": [1, 2, 4, 8, 9], "g": list("aabbc")})
    estimates = bm.Studies(tuple("abcde"), y=[0.1, 0.2, 0.3, 0.1, 0.4], se=[0.1] * 5, moderators=frame)
    with pytest.raises(bm.ImproperPosteriorError, match="4 of 4 coefficients have a flat prior"):
        bm.fit(estimates, model("~ x + g", "Flat()", "Flat()", "normal"))


def test_priors_by_name_are_checked_and_used():
    named = bm.fit(STUDIES, model("~ x", {"Intercept": "Normal(0, 1.5)", "x": "Normal(0, 0.1)"}))
    assert named.summary().at["beta[x]", "sd"] < 0.1
    with pytest.raises(bm.SpecError, match=r"unknown coefficient in beta 'X'\. Did you mean 'x'"):
        bm.fit(STUDIES, model("~ x", {"Intercept": "Normal(0, 1.5)", "X": "Normal(0, 0.1)"}))
    with pytest.raises(bm.SpecError, match="beta has no prior for 'x'"):
        bm.fit(STUDIES, model("~ x", {"Intercept": "Normal(0, 1.5)"}))


def test_marginals_are_named_as_the_rows():
    fit = bm.fit(STUDIES, model("~ 0 + g"))
    row = fit.summary().loc["p_mean[c]"]
    assert fit.marginal("p_mean[c]").eti() == (row["lower"], row["upper"])
    with pytest.raises(bm.SpecError, match=r"Did you mean 'p_mean\[c\]'"):
        fit.marginal("p_mean[d]")


def test_time_grows_linearly_with_the_number_of_studies():
    """Forty times the studies take less than eighty times as long, and more than a few studies' overhead."""
    rng = np.random.default_rng(2)

    def seconds(k):
        n, x = rng.integers(10, 90, k).astype(float), rng.normal(size=k)
        events = rng.binomial(n.astype(int), 0.3).astype(float)
        priors = [bm.Prior("Normal", 0.0, 1.5)] * 2
        design = np.c_[np.ones(k), x]
        terms = IntegratedTerms(BinomialTerms(events, n), design, priors, np.array([0.0, 1.0]))
        e, tau = np.tile(np.linspace(-0.1, 0.1, 10), 10), np.repeat(np.linspace(0.05, 0.5, 10), 10)
        start = time.process_time()
        terms.marginal(level(0))(e, tau)
        return time.process_time() - start

    few, many = min(seconds(50) for _ in range(3)), seconds(2000)
    assert many < 80.0 * few
