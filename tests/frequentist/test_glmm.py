"""Mixed models against dense integration by scipy, on ordinary data and on the sparse data that stop lme4."""

from functools import cache
from math import inf, isnan, log, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, gammaln, logit
from scipy.stats import nchypergeom_fisher

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError
from bayesmeta.frequentist.glmm import fit_glmm


def names(k):
    return tuple(f"Kim {2001 + i}" for i in range(k))


def counts(events, n):
    return Studies(study=names(len(n)), events=np.array(events, float), n=np.array(n, float))


def rates(events, time):
    return Studies(study=names(len(time)), events=np.array(events, float), time=np.array(time, float))


def two_arms(treatment, control, size="n"):
    """Each arm as (events, size) pairs."""
    (x1, n1), (x0, n0) = np.array(treatment, float).T, np.array(control, float).T
    data = {"events_treatment": x1, f"{size}_treatment": n1, "events_control": x0, f"{size}_control": n0}
    return Studies(study=names(len(x1)), **data)


def integral(log_f, mu, tau):
    """log of the integral of exp(log_f(mu + tau z)) phi(z), by adaptive quadrature about its peak."""
    if tau < 1e-12:
        return log_f(mu)

    def log_g(z):
        return log_f(mu + tau * z) - 0.5 * z * z - 0.5 * log(2 * pi)

    peak = minimize_scalar(lambda z: -log_g(z), bounds=(-40, 40), method="bounded", options={"xatol": 1e-10}).x
    top = log_g(peak)
    halves = [quad(lambda z: np.exp(log_g(z) - top), *ends, epsabs=0, epsrel=1e-12, limit=300)[0] for ends in
              ((peak - 15, peak), (peak, peak + 15))]  # fmt: skip
    return top + log(sum(halves))


def binomial(x, n):
    constant = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return lambda theta: constant - x * np.logaddexp(0, -theta) - (n - x) * np.logaddexp(0, theta)


def log_poisson(x, time):
    return lambda theta: x * (theta + log(time)) - time * np.exp(theta) - gammaln(x + 1)


def one_arm(studies):
    functions = [binomial(x, n) for x, n in zip(studies.events, studies.n, strict=True)]
    return lambda mu, tau: sum(integral(f, mu, abs(tau)) for f in functions)


def gradient(log_likelihood, mu, tau, h=1e-3):
    def along(i, j):
        at = [log_likelihood(mu + i * s * h, tau + j * s * h) for s in (-2, -1, 1, 2)]
        return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)

    return along(1, 0), along(0, 1)


def information(log_likelihood, mu, tau, h=0.02):
    def second(i, j):
        w = np.array([-1, 16, -30, 16, -1]) / (12 * h * h)
        return float(w @ [log_likelihood(mu + i * s * h, tau + j * s * h) for s in (-2, -1, 0, 1, 2)])

    mm, tt, both = second(1, 0), second(0, 1), second(1, 1)
    return -np.array([[mm, 0.5 * (both - mm - tt)], [0.5 * (both - mm - tt), tt]])


def best_of(log_likelihood, starts):
    """The largest log likelihood that a simplex finds from any start, and where."""
    options = {"xatol": 1e-5, "fatol": 1e-9}
    tries = [
        minimize(lambda p: -log_likelihood(p[0], abs(p[1])), s, method="Nelder-Mead", options=options) for s in starts
    ]
    best = min(tries, key=lambda each: each.fun)
    return -best.fun, best.x[0], abs(best.x[1])


SPARSE = {
    "all zero but one": ([0, 0, 0, 0, 3], [12, 30, 9, 15, 20]),
    "two studies": ([1, 9], [10, 12]),
    "a full study of three": ([3, 5, 9, 2], [3, 12, 15, 10]),
    "zero, full, and one between": ([0, 4, 2], [6, 4, 5]),
    "single patients and one study": ([1, 0, 1, 3], [1, 1, 1, 9]),
    "two maxima": ([1, 0, 55], [10, 10, 200]),
}


@pytest.mark.parametrize("case", SPARSE)
def test_sparse_data_have_the_maximum_that_dense_integration_finds(case):
    studies = counts(*SPARSE[case])
    fit = fit_glmm(studies)
    dense = one_arm(studies)
    assert fit.log_likelihood == pytest.approx(dense(fit.mu, fit.tau), abs=1e-8)
    height, mu, tau = best_of(dense, [(fit.mu - 0.5, 0.05), (fit.mu + 0.3, 2.0)])
    assert fit.log_likelihood >= height - 1e-8
    if height > fit.log_likelihood - 1e-7:
        assert (fit.mu, fit.tau) == pytest.approx((mu, tau), abs=2e-3)
    slopes = gradient(dense, fit.mu, fit.tau) if fit.tau > 0 else (gradient(dense, fit.mu, 0.0)[0], 0.0)
    assert slopes == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("case", ["two studies", "zero, full, and one between", "two maxima"])
def test_standard_errors_are_those_of_the_observed_information(case):
    studies = counts(*SPARSE[case])
    fit = fit_glmm(studies)
    assert fit.tau > 0.1
    covariance = np.linalg.inv(information(one_arm(studies), fit.mu, fit.tau))
    assert fit.se_mu == pytest.approx(sqrt(covariance[0, 0]), rel=1e-5)
    assert fit.se_tau2 == pytest.approx(2 * fit.tau * sqrt(covariance[1, 1]), rel=1e-5)


def test_of_two_maxima_the_higher_is_found_and_said():
    fit = fit_glmm(counts(*SPARSE["two maxima"]))
    dense = one_arm(counts(*SPARSE["two maxima"]))
    common = logit(56 / 220)
    assert dense(common, 0.0) > dense(common, 0.05)  # tau = 0 is a maximum, too
    assert fit.tau > 0.5
    assert "the profile likelihood of tau has 2 maxima; this is the highest" in fit.notes


def test_homogeneous_studies_give_tau_zero_and_the_pooled_logit():
    fit = fit_glmm(counts([5, 10, 16], [10, 21, 31]))
    assert (fit.tau, fit.tau2) == (0.0, 0.0)
    assert fit.mu == pytest.approx(logit(31 / 62), abs=1e-9)
    assert fit.se_mu == pytest.approx(sqrt(4 / 62), rel=1e-6)
    assert (fit.lrt, fit.lrt_pvalue) == (0.0, 1.0)
    assert isnan(fit.se_tau2)
    assert fit.tau2_interval[0] == 0.0
    assert fit.tau2_interval[1] > 0.0
    assert any("tau2 is estimated as 0, at its boundary" in note for note in fit.notes)


def test_one_study_gives_itself():
    fit = fit_glmm(counts([4], [15]))
    assert (fit.mu, fit.tau, fit.k) == (pytest.approx(logit(4 / 15), abs=1e-9), 0.0, 1)
    assert fit.se_mu == pytest.approx(sqrt(15 / 44), rel=1e-6)
    assert fit.q == pytest.approx(0, abs=1e-9)
    assert fit.notes[0].startswith("k = 1: the estimate is that of the one study")
    with_t = fit_glmm(counts([4], [15]), ci_method="t")
    assert isnan(with_t.lower)
    assert "t with k - 1 = 0 df does not exist" in with_t.notes[0]


@pytest.mark.parametrize(("events", "end"), [([0, 0, 0], "-inf"), ([5, 9, 12], "inf"), ([0], "-inf")])
def test_no_events_at_all_and_only_events_are_refused_with_the_reason(events, end):
    n = [5, 9, 12][: len(events)]
    with pytest.raises(DataError, match=f"grows without bound as mu -> {end}, .* use engine='exact'"):
        fit_glmm(counts(events, n))


@pytest.mark.parametrize(("events", "n"), [([0, 4], [6, 4]), ([0, 0, 1], [1, 1, 1]), ([0, 5, 0, 7], [3, 5, 9, 7])])
def test_only_studies_without_and_with_nothing_but_events_are_refused(events, n):
    with pytest.raises(DataError, match="the likelihood does not fall as tau -> inf"):
        fit_glmm(counts(events, n))


def test_no_likelihood_rises_above_that_limit():
    # (1 - P)^2 P^2 at P = 1/2 is what tau -> inf tends to; any finite (mu, tau) has less
    dense = one_arm(counts([0, 5, 0, 7], [3, 5, 9, 7]))
    limit = 4 * log(0.5)
    for tau in (0.0, 0.5, 2.0, 10.0, 100.0):
        best = minimize_scalar(lambda mu, tau=tau: -dense(mu, tau), bounds=(-20, 20), method="bounded")
        assert -best.fun < limit


def test_poisson_rates_have_the_maximum_of_dense_integration():
    studies = rates([0, 3, 11, 2, 0], [20.0, 15.0, 21.0, 8.0, 3.0])

    functions = [log_poisson(x, t) for x, t in zip(studies.events, studies.time, strict=True)]
    dense = lambda mu, tau: sum(integral(f, mu, abs(tau)) for f in functions)  # noqa: E731
    fit = fit_glmm(studies)
    assert fit.measure == "IRLN"
    assert fit.log_likelihood == pytest.approx(dense(fit.mu, fit.tau), abs=1e-8)
    assert gradient(dense, fit.mu, fit.tau) == pytest.approx((0, 0), abs=1e-6)
    with pytest.raises(DataError, match="as mu -> -inf"):
        fit_glmm(rates([0, 0], [3.0, 4.0]))


ARMS = two_arms([(0, 20), (3, 40), (1, 9), (7, 30), (0, 15)], [(4, 20), (9, 41), (0, 8), (6, 31), (0, 14)])


def test_the_conditional_model_has_the_maximum_of_dense_integration():
    def log_f(x1, n1, x0, n0):
        m = x1 + x0
        return lambda theta: nchypergeom_fisher.logpmf(x1, n1 + n0, n1, m, np.exp(theta)) if m else 0.0

    functions = [log_f(*map(int, row)) for row in zip(*ARMS.data.values(), strict=True)]
    dense = lambda mu, tau: sum(integral(f, mu, abs(tau)) for f in functions)  # noqa: E731
    fit = fit_glmm(ARMS, glmm_model="CM.EL")
    assert fit.log_likelihood == pytest.approx(dense(fit.mu, fit.tau), abs=1e-7)
    assert gradient(dense, fit.mu, fit.tau, h=5e-3) == pytest.approx((0, 0), abs=1e-5)
    assert fit.weights[-1] == 0.0
    assert "1 of 5 studies says nothing of the effect" in " ".join(fit.notes)


@cache
def unconditional(poisson_arms):
    """The dense log likelihood with the best intercept of each study, and the studies."""
    size = "time" if poisson_arms else "n"
    studies = two_arms([(0, 20), (3, 40), (1, 9), (7, 30)], [(4, 20), (9, 41), (0, 8), (6, 31)], size)

    def log_arm(x, n, eta):
        return (log_poisson if poisson_arms else binomial)(x, n)(eta)

    def profiled(row, mu, tau):
        x1, n1, x0, n0 = row

        def height(alpha):
            return -integral(lambda t: log_arm(x1, n1, alpha + t / 2) + log_arm(x0, n0, alpha - t / 2), mu, tau)

        return -minimize_scalar(height, bracket=(-3, -1), options={"xtol": 1e-9}).fun

    rows = list(zip(*studies.data.values(), strict=True))
    return studies, lambda mu, tau: sum(profiled(row, mu, abs(tau)) for row in rows)


@pytest.mark.parametrize("poisson_arms", [False, True])
def test_fixed_study_effects_have_the_maximum_of_dense_integration(poisson_arms):
    studies, dense = unconditional(poisson_arms)
    fit = fit_glmm(studies)
    assert fit.glmm_model == "UM.FS"
    assert fit.log_likelihood == pytest.approx(dense(fit.mu, fit.tau), abs=1e-8)
    slopes = gradient(dense, fit.mu, fit.tau, h=0.02) if fit.tau > 0 else (0.0, 0.0)
    assert slopes == pytest.approx((0, 0), abs=1e-5)
    for mu, tau in ((fit.mu + 0.1, fit.tau), (fit.mu - 0.1, fit.tau), (fit.mu, fit.tau + 0.3)):
        assert dense(mu, tau) < fit.log_likelihood


def test_a_trial_without_events_in_either_arm_changes_nothing():
    treatment, control = [(2, 20), (3, 40), (1, 9)], [(4, 20), (9, 41), (0, 8)]
    for model in ("UM.FS", "CM.EL", "CM.AL"):
        without = fit_glmm(two_arms(treatment, control), glmm_model=model)
        fit = fit_glmm(two_arms([*treatment, (0, 30)], [*control, (0, 31)]), glmm_model=model)
        assert (fit.mu, fit.se_mu, fit.tau, fit.q) == pytest.approx(
            (without.mu, without.se_mu, without.tau, without.q), abs=1e-7
        )
        assert fit.weights[-1] == 0.0
        assert bm.study_effects(fit)["mean"].iloc[-1] == pytest.approx(fit.mu, abs=1e-6)


def test_arms_without_events_on_one_side_everywhere_are_refused():
    studies = two_arms([(0, 20), (0, 30)], [(4, 20), (3, 30)])
    for model in ("UM.FS", "CM.EL", "CM.AL"):
        with pytest.raises(DataError, match="as mu -> -inf"):
            fit_glmm(studies, glmm_model=model)
    empty = two_arms([(0, 20), (0, 30)], [(0, 20), (0, 30)])
    with pytest.raises(DataError, match="no study says anything of the effect"):
        fit_glmm(empty)


def test_opposite_one_sided_trials_that_fit_one_effect_have_an_answer():
    # the first pulls theta below 4.6, the second above -4.6: any effect in between explains both
    studies = two_arms([(0, 10), (1, 1000)], [(1, 1000), (0, 10)])
    fit = fit_glmm(studies, glmm_model="conditional")
    assert (fit.mu, fit.tau) == (pytest.approx(0, abs=1e-8), 0.0)
    assert fit.log_likelihood > 2 * log(0.5)


def test_huge_trials_give_the_normal_answer():
    rng = np.random.default_rng(1)
    n = np.full(6, 4_000_000.0)
    events = rng.binomial(n.astype(int), expit(rng.normal(-1.0, 0.3, 6))).astype(float)
    fit = fit_glmm(counts(events, n))
    normal = bm.fit(counts(events, n), engine="frequentist", tau2_method="ML")
    assert (fit.mu, fit.tau2) == pytest.approx((normal.mu, normal.tau2), rel=1e-5)
    assert fit.se_mu == pytest.approx(normal.se_mu, rel=1e-4)
    assert fit.weights == pytest.approx(normal.weights, rel=1e-4)


def profile(log_likelihood, mu):
    best = minimize_scalar(lambda t: -log_likelihood(mu, t), bounds=(0, 20), method="bounded", options={"xatol": 1e-9})
    return max(-best.fun, log_likelihood(mu, 0.0))


def test_profile_intervals_are_where_the_dense_profile_has_fallen_by_half_a_chi_squared_quantile():
    studies = counts([3, 9, 6, 0], [10, 11, 12, 8])
    fit, dense = fit_glmm(studies, ci_method="profile"), one_arm(studies)
    drop = 1.920729410347062  # half the 95 % quantile of chi-squared with 1 df
    for limit in (fit.lower, fit.upper):
        assert profile(dense, limit) == pytest.approx(fit.log_likelihood - drop, abs=1e-6)
    for tau in fit.tau_interval:
        best = minimize_scalar(lambda mu, tau=tau: -dense(mu, tau), bracket=(-2, 1), tol=1e-10)
        assert -best.fun == pytest.approx(fit.log_likelihood - drop, abs=1e-6)
    narrower = fit.summary(ci_prob=0.5).loc["mu"]
    assert fit.lower < narrower["lower"] < fit.mu < narrower["upper"] < fit.upper


def test_the_interval_of_tau2_is_unbounded_where_the_likelihood_hardly_falls():
    fit = fit_glmm(two_arms([(0, 10), (1, 1000)], [(1, 1000), (0, 10)]), glmm_model="conditional")
    assert fit.tau2_interval == (0.0, inf)


def test_words_name_the_models_too():
    for code, words in (("UM.FS", "unconditional-fixed"), ("CM.EL", "conditional")):
        one, other = fit_glmm(ARMS, glmm_model=code), fit_glmm(ARMS, glmm_model=words)
        assert (one.mu, one.glmm_model) == (other.mu, other.glmm_model)


def test_a_trial_with_events_in_all_of_one_arm_and_none_of_the_other_has_its_limit():
    studies = two_arms([(1, 1), (0, 1), (1, 1), (2, 4)], [(0, 1), (1, 1), (1, 1), (2, 5)])
    fit = fit_glmm(studies)
    far = fit.terms.log_likelihood_at(np.array([[100.0], [-100.0], [0.0], [0.0]]))
    assert far[:3, 0] == pytest.approx(0, abs=1e-12)
    assert fit.own.theta[:2].tolist() == [inf, -inf]
