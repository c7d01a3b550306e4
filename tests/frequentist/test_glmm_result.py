"""What a mixed model says besides its estimates: intervals, tests, the studies' own effects, and words."""

from math import isnan, pi, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom

import bayesmeta as bm
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.glmm import fit_glmm
from bayesmeta.frequentist.glmm_intervals import hartung_knapp_factor
from bayesmeta.frequentist.glmm_maximum import maximise
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.tables.results import render_fit


def names(k):
    return tuple(f"Kim {2001 + i}" for i in range(k))


def counts(events, n):
    return Studies(study=names(len(n)), events=np.array(events, float), n=np.array(n, float))


def test_the_wald_and_t_intervals_have_their_quantiles():
    studies = counts([3, 9, 6, 0], [10, 11, 12, 8])
    fits = {name: fit_glmm(studies, ci_method=name) for name in ("wald", "t", "hartung-knapp", "hartung-knapp-adhoc")}
    half = {name: (fit.upper - fit.mu) / fit.se_mu for name, fit in fits.items()}
    assert half["wald"] == pytest.approx(1.959964, abs=1e-6)
    assert half["t"] == pytest.approx(3.182446, abs=1e-6)
    assert half["hartung-knapp-adhoc"] == pytest.approx(max(half["hartung-knapp"], half["t"]))
    assert half["hartung-knapp"] != pytest.approx(half["t"])


def test_normal_likelihoods_give_maximum_likelihood_and_the_factor_of_hartung_and_knapp():
    y, se = np.array([0.4, -0.2, 1.1, 0.9, 0.1]), np.array([0.2, 0.3, 0.25, 0.5, 0.15])
    found = maximise(NormalTerms(y, se))
    studies = Studies(study=names(5), y=y, se=se)
    ml = bm.fit(studies, engine="frequentist", tau2_method="ML")
    assert (found.mu, found.tau**2) == pytest.approx((ml.mu, ml.tau2), rel=1e-7)
    w = 1 / (se**2 + ml.tau2)
    factor = sqrt(np.sum(w * (y - ml.mu) ** 2) / 4)
    assert hartung_knapp_factor(found.slopes, 5) == pytest.approx(factor, rel=1e-7)
    assert -found.slopes.mu_mu == pytest.approx(w, rel=1e-6)


def test_the_prediction_interval_takes_t_or_the_quantile_of_the_confidence_interval():
    studies = counts([3, 9, 6, 0], [10, 11, 12, 8])
    fit = fit_glmm(studies)
    spread = sqrt(fit.tau2 + fit.se_mu**2)
    assert fit.prediction_interval[1] == pytest.approx(fit.mu + 4.302653 * spread, abs=1e-5)
    metafor = fit_glmm(studies, pi_method="metafor", ci_method="t")
    assert metafor.prediction_interval[0] == pytest.approx(fit.mu - 3.182446 * spread, abs=1e-5)
    pair = fit_glmm(counts([1, 9], [10, 12]))
    assert isnan(pair.prediction_interval[0])
    assert any("no prediction interval" in note for note in pair.notes)


def test_the_mean_proportion_is_the_average_over_the_distribution_of_studies():
    fit = fit_glmm(counts([3, 9, 6, 0], [10, 11, 12, 8]))
    row = fit.summary().loc["p_mean"]

    def p_mean(mu, tau):
        return quad(lambda z: expit(mu + tau * z) * np.exp(-z * z / 2) / sqrt(2 * pi), -12, 12)[0]

    assert row["estimate"] == pytest.approx(p_mean(fit.mu, fit.tau), abs=1e-9)
    h = 1e-4
    slope = np.array([p_mean(fit.mu + h, fit.tau) - p_mean(fit.mu - h, fit.tau),
                      p_mean(fit.mu, fit.tau + h) - p_mean(fit.mu, fit.tau - h)]) / (2 * h)  # fmt: skip
    assert row["se"] == pytest.approx(sqrt(slope @ fit.maximum.covariance @ slope), rel=1e-5)
    assert fit.summary().loc["p_median", "estimate"] == pytest.approx(expit(fit.mu))


def test_the_tests_of_heterogeneity_are_likelihood_ratios():
    x, n = np.array([3.0, 9, 6, 0]), np.array([10.0, 11, 12, 8])
    fit = fit_glmm(counts(x, n))
    saturated = sum(binom.logpmf(a, b, a / b) for a, b in zip(x, n, strict=True))
    common = sum(binom.logpmf(a, b, x.sum() / n.sum()) for a, b in zip(x, n, strict=True))
    assert fit.q == pytest.approx(2 * (saturated - common), abs=1e-8)
    assert fit.lrt == pytest.approx(2 * (fit.log_likelihood - common), abs=1e-8)
    y, w = logit(x[:3] / n[:3]), x[:3] * (n[:3] - x[:3]) / n[:3]
    assert fit.q_wald == pytest.approx(np.sum(w * (y - np.average(y, weights=w)) ** 2), rel=1e-6)
    assert fit.df == 3


def empirical_bayes(x, n, mu, tau):
    """Mean, SD and 2.5 % quantile of theta given x of n, at (mu, tau)."""
    ends = mu - 15 * tau, mu + 12 * tau

    def integral(f, upper=ends[1]):
        def density(t):
            return f(t) * expit(t) ** x * expit(-t) ** (n - x) * np.exp(-0.5 * ((t - mu) / tau) ** 2)

        return quad(density, ends[0], upper, limit=300, epsabs=0, epsrel=1e-11)[0]

    total = integral(lambda t: 1.0)
    mean = integral(lambda t: t) / total
    variance = integral(lambda t: (t - mean) ** 2) / total
    return mean, sqrt(variance), brentq(lambda q: integral(lambda t: 1.0, q) / total - 0.025, *ends)


def test_study_effects_are_the_posterior_given_the_estimates():
    studies = counts([3, 9, 6, 0], [10, 11, 12, 8])
    fit = fit_glmm(studies)
    table = bm.study_effects(fit)
    for i in (0, 3):
        row = table.iloc[i]
        expected = empirical_bayes(studies.events[i], studies.n[i], fit.mu, fit.tau)
        assert (row["mean"], row["sd"], row["lower"]) == pytest.approx(expected, abs=1e-6)
        # Tweedie: var(theta | data) = tau^2 shrinkage
        assert row["sd"] ** 2 == pytest.approx(fit.tau2 * row["shrinkage"], rel=1e-6)
        assert row["numerical_error"] < 1e-6
    assert table["weight"].sum() == pytest.approx(1)
    assert table["mean"].iloc[3] < fit.mu


def test_study_effects_coincide_where_tau_is_zero():
    fit = fit_glmm(counts([5, 10, 16], [10, 21, 31]))
    table = bm.study_effects(fit)
    assert table["sd"].tolist() == [0.0] * 3
    assert table["mean"].tolist() == [fit.mu] * 3


def test_the_fit_tells_what_it_is():
    fit = fit_glmm(counts([3, 9, 6, 0], [10, 11, 12, 8]))
    text = repr(fit)
    assert text.startswith("Mixed model by maximum likelihood (BN: binomial events, normal random effects), ")
    assert "numerical error at most" in text
    assert "1 of 4 studies has a zero cell; the model takes it as it is" in text
    assert fit.numerical_error < 1e-6
    assert (fit.engine, fit.method) == ("frequentist", "glmm")
    with pytest.raises(ValueError, match="read-only"):
        fit.y[0] = 1.0


def test_options_that_do_not_fit_are_refused():
    studies = counts([3, 9], [10, 11])
    with pytest.raises(SpecError, match=r"unknown glmm_model for counts 'CM\.EL'\. Allowed: BN, binomial-normal"):
        fit_glmm(studies, glmm_model="CM.EL")
    with pytest.raises(SpecError, match="method='glmm' models PLO of counts, not 'PR'"):
        fit_glmm(studies, measure="PR")
    with pytest.raises(SpecError, match=r"unknown ci_method of method='glmm' 'wild'\. Did you mean 'wald'"):
        fit_glmm(studies, ci_method="wild")
    estimates = Studies(study=names(2), y=np.array([0.1, 0.2]), se=np.array([0.1, 0.1]))
    with pytest.raises(SpecError, match="needs events with n or time; the studies hold estimates"):
        fit_glmm(estimates)
    with pytest.raises(SpecError, match="method='glmm' takes no tau2_method"):
        bm.fit(studies, engine="frequentist", method="glmm", tau2_method="DL")


def test_by_profile_likelihood_the_limits_of_the_mean_proportion_are_said_to_be_walds():
    studies = Studies.from_frame(pd.DataFrame({"study": list("ABCD"), "events": [3, 9, 6, 0], "n": [10, 11, 12, 8]}))
    fit = fit_glmm(studies, ci_method="profile")
    assert any("the limits of p_mean are Wald's" in note for note in fit.notes)
    assert "CI (profile likelihood; p_mean: Wald, on the logit scale)" in repr(fit)
    assert "p_mean: Wald, on the logit" in render_fit(fit)
    assert not any("Wald" in note for note in fit_glmm(studies).notes)


def test_small_proportions_keep_their_digits_in_print():
    frame = pd.DataFrame({"study": list("ABC"), "events": [1, 3, 2], "n": [6000, 9000, 8000]})
    (row,) = (line.split() for line in repr(fit_glmm(Studies.from_frame(frame))).splitlines() if "p_median" in line)
    assert all(float(number) > 0.0 for number in row[1:])


def test_what_leave_one_out_calls_i2_is_what_the_mixed_model_prints():
    frame = pd.DataFrame({"study": list("ABCDE"), "events": [3, 9, 6, 0, 7], "n": [10, 11, 12, 8, 9]})
    fit = fit_glmm(Studies.from_frame(frame))
    table = leave_one_out(fit).query("parameter == 'mu'")
    alone = fit_glmm(Studies.from_frame(frame.iloc[1:]))
    assert table["i2"].iloc[0] == pytest.approx(alone.i2_tau2, rel=1e-9)
    assert table["h2"].iloc[0] == pytest.approx(1.0 / (1.0 - table["i2"].iloc[0]), rel=1e-9)


def two_arms(events, n, events_control, n_control):
    frame = pd.DataFrame({"study": names(len(n)), "a": events, "n": n, "c": events_control, "m": n_control})
    return Studies.from_frame(frame, events=("a", "c"), n=("n", "m"))


def test_the_approximation_for_rare_events_warns_where_they_are_not_rare():
    frequent = two_arms([8, 7, 6], [10, 9, 10], [5, 7, 4], [10, 10, 9])
    for model, warns in (("CM.AL", True), ("CM.EL", False)):
        assert any("which is not rare" in note for note in fit_glmm(frequent, glmm_model=model).notes) == warns
    rare = two_arms([8, 7, 6], [100, 90, 100], [5, 7, 4], [100, 100, 90])
    assert not any("which is not rare" in note for note in fit_glmm(rare, glmm_model="CM.AL").notes)


def test_where_every_patient_has_the_event_there_is_no_odds_ratio():
    with pytest.raises(DataError, match="every patient has the event, so that the odds ratio does not exist"):
        fit_glmm(two_arms([5, 6], [5, 6], [4, 7], [4, 7]), glmm_model="CM.AL")
