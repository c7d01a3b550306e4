"""Random study effects (UM.RS) against dense integration by scipy and numpy, and against metafor's approximation."""

import json
from functools import cache
from math import isnan, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import binom

import bayesmeta as bm
from bayesmeta.data.read import read_studies
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, DataError, SpecError
from bayesmeta.frequentist.glmm import fit_glmm
from bayesmeta.frequentist.random_intercepts import RandomIntercepts
from bayesmeta.frequentist.study_intercepts import ArmPair
from bayesmeta.tables.records import fit_record

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"


def two_arms(treatment, control, size="n"):
    """Each arm as (events, size) pairs."""
    (x1, n1), (x0, n0) = np.array(treatment, float).T, np.array(control, float).T
    data = {"events_treatment": x1, f"{size}_treatment": n1, "events_control": x0, f"{size}_control": n0}
    return Studies(study=tuple(f"Kim {2001 + i}" for i in range(len(x1))), **data)


SPARSE = two_arms([(0, 20), (3, 40), (1, 9), (7, 30), (0, 15)], [(4, 20), (9, 41), (0, 8), (6, 31), (0, 14)])
HOMOGENEOUS = two_arms([(3, 20)] * 4, [(5, 22)] * 4)
DATA = {
    **{name: read_studies(FOLDER / f"{name}.csv") for name in ("bcg", "crins2014", "nielweise2008")},
    "sparse": SPARSE,
}


@cache
def fit_of(name):
    return fit_glmm(DATA[name], glmm_model="UM.RS")


def dense(studies, place, step=0.05, reach=9.0):
    """The log likelihood by a fixed grid over both standardised random effects, one study at a time."""
    alpha, mu, sigma, tau = place
    z = np.arange(-reach, reach + step / 2, step)
    a, u = np.meshgrid(alpha + sigma * z, mu + tau * z, indexing="ij")
    prior = np.exp(-0.5 * (z[:, None] ** 2 + z**2)) * step**2 / (2 * np.pi)
    total = 0.0
    for x1, n1, x0, n0 in zip(*studies.data.values(), strict=True):
        log_f = log_arm(x1, n1, a + u / 2, studies) + log_arm(x0, n0, a - u / 2, studies)
        total += log_f.max() + np.log((prior * np.exp(log_f - log_f.max())).sum())
    return total


def log_arm(x, n, eta, studies):
    """The log probability of x events."""
    if "rates" in studies.kind:
        return x * (eta + np.log(n)) - n * np.exp(eta) - gammaln(x + 1)
    return x * eta - n * np.logaddexp(0, eta) + gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0, 0.0), (0.3, -0.4, 0.5, 0.4), (-0.5, 0.2, -0.3, 0.0)])
def test_the_likelihood_is_that_of_dense_integration(name, shift):
    fit = fit_of(name)
    place = np.maximum(fit.maximum.place + shift, [-9, -9, 0, 0])
    likelihood = RandomIntercepts(ArmPair.of(fit.terms), 2)
    ours = likelihood.at(place).log_m.sum()
    # the narrowest likelihoods of bcg have an SD of a fiftieth of sigma
    assert ours == pytest.approx(dense(DATA[name], place, step=0.013 if name == "bcg" else 0.05), abs=1e-8)


def test_one_integral_is_that_of_adaptive_quadrature():
    alpha, mu, sigma, tau = -1.5, 0.7, 0.8, 0.6

    def f(z, w):
        a, u = alpha + sigma * z, (mu + tau * w) / 2
        p1, p0 = 1 / (1 + np.exp(-a - u)), 1 / (1 + np.exp(-a + u))
        return binom.pmf(3, 10, p1) * binom.pmf(0, 9, p0) * np.exp(-0.5 * (z * z + w * w)) / (2 * np.pi)

    expected = dblquad(f, -8, 8, -8, 8, epsabs=1e-12, epsrel=1e-9)[0]
    terms = fit_glmm(two_arms([(3, 10), (2, 9)], [(0, 9), (4, 11)]), glmm_model="UM.RS").terms
    ours = RandomIntercepts(ArmPair.of(terms), 2).at(np.array([alpha, mu, sigma, tau])).log_m[0]
    assert ours == pytest.approx(np.log(expected), abs=1e-8)


def test_slopes_are_differences_of_values_and_of_slopes():
    fit, place, h = fit_of("sparse"), np.array([-2.0, -0.5, 0.7, 0.9]), 1e-4
    likelihood = RandomIntercepts(ArmPair.of(fit.terms), 3)
    here = likelihood.at(place)
    for j, e in enumerate(h * np.eye(4)):
        above, below = likelihood.at(place + e), likelihood.at(place - e)
        assert here.score[:, j] == pytest.approx((above.log_m - below.log_m) / (2 * h), abs=1e-7)
        assert here.hessian[:, j] == pytest.approx((above.score - below.score) / (2 * h), abs=1e-6)


def test_a_finer_resolution_changes_nothing_and_there_is_a_finest():
    fit = fit_of("crins2014")
    coarse = fit.maximum.likelihood
    assert coarse.finer.at(fit.maximum.place).log_m == pytest.approx(fit.maximum.moments.log_m, abs=1e-9)
    assert fit.numerical_error < 1e-9
    with pytest.raises(AccuracyError, match="could not be computed accurately"):
        _ = RandomIntercepts(coarse.pair, 6).finer


def test_many_studies_are_integrated_in_blocks(monkeypatch):
    fit = fit_of("bcg")
    whole = fit.maximum.likelihood.at(fit.maximum.place)
    monkeypatch.setattr("bayesmeta.frequentist.random_intercepts.MOST", 50_000)
    blocks = fit.maximum.likelihood.at(fit.maximum.place)
    assert blocks.log_m == pytest.approx(whole.log_m, abs=1e-12)
    assert blocks.hessian == pytest.approx(whole.hessian, abs=1e-9)


@pytest.mark.parametrize("name", ["crins2014", "nielweise2008", "sparse"])
def test_no_simplex_climbs_higher_and_the_gradient_is_zero(name):
    fit, studies = fit_of(name), DATA[name]
    place = fit.maximum.place
    assert np.abs(fit.maximum.moments.score.sum(axis=0)).max() < 1e-9

    def coarse(p):
        return dense(studies, [p[0], p[1], abs(p[2]), abs(p[3])], step=0.15, reach=7.0)

    for start in (place + np.array([0.3, -0.3, 0.3, 0.5]), [place[0], place[1], 0.2, 0.1]):
        found = minimize(lambda p: -coarse(p), start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
        assert -found.fun < fit.log_likelihood + 1e-6
    h = 1e-2
    for e in h * np.eye(4)[place > 0.0]:
        below, above = ([dense(studies, place + s * j * e) for j in (1, 2)] for s in (-1, 1))
        slope = (8 * (above[0] - below[0]) - (above[1] - below[1])) / (12 * h)
        assert slope == pytest.approx(0, abs=1e-5)


def test_standard_errors_are_those_of_the_observed_information_of_all_four():
    fit, h = fit_of("crins2014"), 0.02
    place, studies = fit.maximum.place, DATA["crins2014"]

    def second(e, f):
        corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        return sum(s * t * dense(studies, place + s * e + t * f, step=0.1) for s, t in corners) / (4 * h * h)

    information = -np.array([[second(e, f) for e in h * np.eye(4)] for f in h * np.eye(4)])
    covariance = np.linalg.inv(information)
    assert fit.se_mu == pytest.approx(sqrt(covariance[1, 1]), rel=2e-3)
    assert fit.se_tau2 == pytest.approx(2 * fit.tau * sqrt(covariance[3, 3]), rel=2e-2)


@pytest.mark.parametrize("name", ["bcg", "crins2014", "nielweise2008"])
def test_metafors_laplace_approximation_is_near_by_and_its_estimates_are_less_likely(name):
    entries = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["glmm"]
    entry = next(each for each in entries if each["model"] == "UM.RS")
    fit = fit_of(name)
    assert fit.mu == pytest.approx(entry["beta"], abs=1e-3)
    assert fit.se_mu == pytest.approx(entry["se"], rel=0.02)
    assert fit.tau2 == pytest.approx(entry["tau2"], abs=8e-3)
    assert fit.log_likelihood == pytest.approx(entry["ll"], abs=0.1)
    theirs = np.array([fit.maximum.place[0], entry["beta"], fit.study_sd, sqrt(entry["tau2"])])
    best = minimize(
        lambda p: -fit.maximum.likelihood.at(np.array([p[0], theirs[1], p[1], theirs[3]])).log_m.sum(), theirs[[0, 2]]
    )
    assert fit.log_likelihood - 0.01 < -best.fun < fit.log_likelihood


def test_homogeneous_studies_have_neither_spread_and_the_pooled_odds_ratio():
    fit = fit_glmm(HOMOGENEOUS, glmm_model="UM.RS")
    assert (fit.tau, fit.study_sd, fit.lrt) == (0.0, 0.0, 0.0)
    assert fit.mu == pytest.approx(np.log(3 * 17 / (17 * 5)), abs=1e-9)
    assert fit.se_mu == pytest.approx(sqrt((1 / 3 + 1 / 17 + 1 / 5 + 1 / 17) / 4), rel=1e-9)
    assert isnan(fit.se_tau2)
    assert fit.tau2_interval[0] == 0.0 < fit.tau2_interval[1]
    assert fit.q == pytest.approx(0, abs=1e-6)
    assert any("tau2 is estimated as 0, at its boundary" in note for note in fit.notes)


def test_one_study_gives_itself():
    fit = fit_glmm(two_arms([(3, 20)], [(5, 22)]), glmm_model="UM.RS")
    assert (fit.mu, fit.tau) == (pytest.approx(np.log(3 * 17 / (17 * 5)), abs=1e-9), 0.0)


def test_trials_without_events_count():
    without = fit_glmm(two_arms([(2, 20), (3, 40), (1, 9)], [(4, 20), (9, 41), (0, 8)]), glmm_model="UM.RS")
    fit = fit_glmm(
        two_arms([(2, 20), (3, 40), (1, 9), (0, 30)], [(4, 20), (9, 41), (0, 8), (0, 31)]), glmm_model="UM.RS"
    )
    assert fit.study_sd > without.study_sd + 0.1
    assert 0.0 < fit.weights[-1] < fit.weights[0]
    assert fit.weights.sum() == pytest.approx(1)


def test_huge_trials_give_the_normal_answer():
    n, rng = np.full(6, 1_000_000), np.random.default_rng(1)
    base, effect = rng.normal(-2.0, 0.5, 6), rng.normal(0.3, 0.2, 6)
    arms = [
        [(int(x), 1_000_000) for x in rng.binomial(n, 1 / (1 + np.exp(-base - side * effect)))] for side in (0.5, -0.5)
    ]
    fit = fit_glmm(two_arms(*arms), glmm_model="UM.RS")
    normal = bm.fit(two_arms(*arms), engine="frequentist", measure="OR", tau2_method="ML")
    assert (fit.mu, fit.tau2) == pytest.approx((normal.mu, normal.tau2), abs=1e-4)


@pytest.mark.parametrize(
    ("treatment", "control", "why"),
    [
        ([(0, 20), (0, 30)], [(4, 20), (3, 30)], "as mu -> -inf, because the treatment arms have no events"),
        ([(4, 20), (3, 30)], [(0, 20), (0, 30)], "as mu -> inf, because the control arms have no events"),
        ([(20, 20), (30, 30)], [(4, 20), (3, 30)], "as mu -> inf, because the treatment arms have only events"),
        ([(4, 20), (3, 30)], [(20, 20), (30, 30)], "as mu -> -inf, because the control arms have only events"),
        ([(0, 20), (0, 30)], [(0, 20), (0, 30)], "no study says anything of the effect"),
        ([(0, 20), (30, 30)], [(20, 20), (0, 30)], "does not fall as the variances grow"),
    ],
)
def test_likelihoods_without_a_maximum_are_refused_with_the_reason(treatment, control, why):
    with pytest.raises(DataError, match=why):
        fit_glmm(two_arms(treatment, control), glmm_model="UM.RS")


def test_the_tests_of_heterogeneity_are_likelihood_ratios():
    fit, studies = fit_of("crins2014"), DATA["crins2014"]
    options = {"xatol": 1e-6, "fatol": 1e-9}
    common = minimize(
        lambda p: -dense(studies, [*p, 0.0], step=0.1), [-1, -1.6, 1.2], method="Nelder-Mead", options=options
    )
    assert fit.lrt == pytest.approx(2 * (fit.log_likelihood + common.fun), abs=1e-6)

    z = np.arange(-9, 9.01, 0.05)[:, None]
    x1, n1, x0, n0 = studies.data.values()

    def saturated(p):
        """Minus the log likelihood with an effect per study, p being alpha, sigma and those."""
        eta = [p[0] + p[1] * z + side * p[2:] for side in (0.5, -0.5)]
        log_f = log_arm(x1, n1, eta[0], studies) + log_arm(x0, n0, eta[1], studies)
        return -np.log(np.exp(log_f - 0.5 * z**2).sum(axis=0) * 0.05 / sqrt(2 * np.pi)).sum()

    best = minimize(saturated, [-1.0, 1.2, *([-1.6] * studies.k)], method="BFGS", options={"gtol": 1e-4})
    assert fit.q == pytest.approx(2 * (common.fun - best.fun), abs=1e-5)


def test_profile_intervals_are_where_the_likelihood_has_fallen_by_half_a_chi_squared_quantile():
    fit = fit_glmm(DATA["crins2014"], glmm_model="UM.RS", ci_method="profile")
    target = fit.log_likelihood - 1.920729410347062  # half the 95 % quantile of chi-squared with 1 df
    likelihood = fit.maximum.likelihood
    for limit in (fit.lower, fit.upper):
        best = minimize(
            lambda p, m=limit: -likelihood.at(np.array([p[0], m, p[1], p[2]])).log_m.sum(), [-0.9, 1.2, 0.6]
        )
        assert -best.fun == pytest.approx(target, abs=1e-5)
    low, high = fit.tau_interval
    assert low == 0.0
    best = minimize(lambda p: -likelihood.at(np.array([*p, high])).log_m.sum(), [-0.9, -1.6, 1.2])
    assert -best.fun == pytest.approx(target, abs=1e-5)
    wald = fit_of("crins2014")
    assert (wald.upper - wald.mu) / wald.se_mu == pytest.approx(1.959964, abs=1e-6)


def test_a_limit_of_tau_that_cannot_be_computed_accurately_is_not_given(monkeypatch):
    fit = fit_glmm(two_arms([(0, 50), (1, 60), (0, 40)], [(1, 50), (0, 60), (0, 44)]), glmm_model="UM.RS")
    monkeypatch.setattr("bayesmeta.frequentist.random_intercepts.NODES", (20, 32, 33))
    assert fit.tau_interval[0] == 0.0
    assert isnan(fit.tau_interval[1])


def test_study_effects_are_the_posterior_given_the_estimates():
    fit, studies = fit_of("sparse"), DATA["sparse"]
    alpha, mu, sigma, tau = fit.maximum.place
    table = bm.study_effects(fit)
    z = np.arange(-9, 9.01, 0.05)
    a, theta = np.meshgrid(alpha + sigma * z, mu + tau * z, indexing="ij")
    for i in (0, 3):
        x1, n1, x0, n0 = (values[i] for values in studies.data.values())
        log_f = log_arm(x1, n1, a + theta / 2, studies) + log_arm(x0, n0, a - theta / 2, studies)
        weight = np.exp(log_f - (z[:, None] ** 2 + z**2) / 2)
        mean = (weight * theta).sum() / weight.sum()
        sd = sqrt((weight * (theta - mean) ** 2).sum() / weight.sum())
        row = table.iloc[i]
        assert (row["mean"], row["sd"]) == pytest.approx((mean, sd), abs=1e-7)
        assert row["sd"] ** 2 == pytest.approx(fit.tau2 * row["shrinkage"], rel=1e-6)
    assert table["weight"].tolist() == pytest.approx(fit.weights.tolist())


def test_the_fit_tells_what_it_is():
    fit = fit_of("crins2014")
    text = repr(fit)
    assert text.startswith("Mixed model by maximum likelihood (UM.RS: unconditional, random study effects), ")
    assert f"SD of the study effects (baselines) {fit.study_sd:.4f}" in text
    other = fit_glmm(DATA["crins2014"], glmm_model="unconditional-random")
    assert (other.glmm_model, other.mu) == ("UM.RS", pytest.approx(fit.mu))
    record = fit_record(fit)["heterogeneity"]
    assert (record["study_sd"], record["tau2"]) == (fit.study_sd, fit.tau2)
    assert "study_sd" not in fit_record(fit_glmm(DATA["crins2014"]))["heterogeneity"]
    assert isnan(fit_glmm(DATA["crins2014"]).study_sd)
    half = (fit.prediction_interval[1] - fit.prediction_interval[0]) / 2
    assert half == pytest.approx(2.776445 * sqrt(fit.tau2 + fit.se_mu**2), rel=1e-6)


@pytest.mark.parametrize("ci_method", ["hartung-knapp", "hartung-knapp-adhoc"])
def test_hartung_and_knapps_intervals_are_refused(ci_method):
    with pytest.raises(SpecError, match=r"does not exist for glmm_model='UM\.RS'.*use 'wald', 't' or 'profile'"):
        fit_glmm(SPARSE, glmm_model="UM.RS", ci_method=ci_method)


def test_leave_one_out_and_compare_take_it():
    fit = fit_of("sparse")
    table = bm.leave_one_out(fit)
    alone = fit_glmm(SPARSE.take([0, 1, 2, 4]), glmm_model="UM.RS")
    row = table[table["study"] == "Kim 2004"].iloc[0]
    assert (row["estimate"], row["tau2"]) == pytest.approx((alone.mu, alone.tau2), abs=1e-7)
    rows = bm.compare([fit])
    assert isinstance(rows, pd.DataFrame)
    assert rows["fit"].iloc[0].startswith("GLMM UM.RS")
