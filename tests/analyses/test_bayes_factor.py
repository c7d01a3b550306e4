"""Bayes factors: R bayesmeta's values, what hypotheses may say, and what is refused in one line."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bayesmeta as bm

REFERENCE = Path(__file__).parents[1] / "reference"
CASES = json.loads((REFERENCE / "bayesmeta_r_evidence" / "bayes_factors.json").read_text(encoding="utf-8"))["fits"]


def labels(k):
    return tuple(f"study {i}" for i in range(k))


def fit_counts(events, n, **priors):
    studies = bm.Studies(labels(len(n)), events=np.array(events, float), n=np.array(n, float))
    return bm.fit(studies, bm.ModelSpec("binomial", **priors))


def fit_estimates(y, se, mu, tau):
    studies = bm.Studies(labels(len(y)), y=np.array(y, float), se=np.array(se, float))
    return bm.fit(studies, bm.ModelSpec("normal", mu=mu, tau=tau))


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['dataset']}-{case['tau']}")
def test_bayes_factors_equal_r_bayesmeta(case):
    data = json.loads((REFERENCE / "bayesmeta_r" / f"{case['dataset']}.json").read_text(encoding="utf-8"))
    model = fit_estimates(data["yi"], np.sqrt(data["vi"]), case["mu"], case["tau"])
    # R integrates these adaptively rather than on its grid: the largest difference is 5e-13
    for name in ("mu", "tau"):
        result = bm.bayes_factor(model, f"{name} = 0")
        assert result.log_bf10 == pytest.approx(-math.log(case[f"bayes_factor_{name}0"]), abs=1e-10)
        assert result.numerical_error < 3e-8


def test_all_cases_of_r_bayesmeta_are_there():
    assert len(CASES) == 28


def test_a_value_on_the_proportion_scale_is_the_same_hypothesis(fit):
    on_link = bm.bayes_factor(fit, f"mu = {float(special.logit(0.7))!r}")
    assert bm.bayes_factor(fit, "p_median = 0.7").log_bf10 == pytest.approx(on_link.log_bf10, abs=1e-12)
    assert bm.bayes_factor(fit, "p_median = 0.5").log_bf10 == bm.bayes_factor(fit, "mu = 0").log_bf10


def test_the_record_is_consistent(fit):
    result = bm.bayes_factor(fit, " tau=0 , mu = +1.2e0")
    assert result.hypothesis == "tau = 0, mu = 1.2"
    assert result.log_bf10 == result.log_evidence_h1 - result.log_evidence_h0
    assert result.log_evidence_h1 == fit.log_evidence
    assert float(result) == result.bf10 == math.exp(result.log_bf10)
    assert result.bf01 == pytest.approx(1.0 / result.bf10, rel=1e-15)
    assert 0.0 < result.numerical_error < 5e-8


@pytest.mark.parametrize(
    ("p", "words", "least", "most"),
    [
        (0.5, "very strong evidence against", 150.0, np.inf),
        (0.55, "strong evidence against", 20.0, 150.0),
        (0.62, "positive evidence against", 3.0, 20.0),
        (0.67, "evidence not worth more than a bare mention against", 1.0, 3.0),
        (0.7, "evidence not worth more than a bare mention for", 1.0 / 3.0, 1.0),
        (0.79, "positive evidence for", 1.0 / 20.0, 1.0 / 3.0),
    ],
)
def test_the_strength_is_that_of_kass_and_raftery(fit, p, words, least, most):
    result = bm.bayes_factor(fit, f"p_median = {p}")
    assert least <= result.bf10 < most
    assert f"\n  {words} p_median = {p} (Kass & Raftery 1995)" in repr(result)


def test_data_that_rule_a_hypothesis_out_overflow_without_a_warning():
    result = bm.bayes_factor(fit_counts([100_000, 120_000], [10**6] * 2), "mu = 0, tau = 0")
    assert result.bf10 == np.inf
    assert result.bf01 == 0.0
    assert "bf10 = exp(694" in repr(result)


MODELS = {
    "probit": {"link": "probit"},
    "cloglog": {"link": "cloglog"},
    "student-t": {"effects": "student-t", "nu": 3.0},
    "beta": {"effects": "beta"},
    "none": {"effects": "none"},
}


def integrated(model, centre, scale):
    """Integral and mean of the posterior of mu, its density by Savage and Dickey at the nodes of a sinh rule."""
    v = np.linspace(-4.5, 4.5, 65)
    mu, width = centre + scale * np.sinh(v), scale * np.cosh(v) * (v[1] - v[0])
    bf01 = np.array([bm.bayes_factor(model, f"mu = {float(value)!r}").bf01 for value in mu])
    density = bf01 * np.exp(model.model.mu.logpdf(mu))
    return float(density @ width), float((density * mu) @ width)


@cache
def with_effects(name):
    options = {"mu": "Normal(0, 1.5)", **({} if name == "none" else {"tau": "HalfNormal(1)"}), **MODELS[name]}
    return fit_counts([4, 30, 11], [10, 40, 30], **options)


@pytest.mark.parametrize("name", MODELS)
def test_whatever_the_study_effects_posterior_densities_by_bayes_factors_integrate_to_one(name):
    model = with_effects(name)
    total, mean = integrated(model, -0.2, 0.3)
    assert total == pytest.approx(1.0, abs=1e-8)
    assert mean == pytest.approx(model.summary().loc["mu", "mean"], abs=1e-8)


@pytest.mark.parametrize(
    ("likelihood", "events", "size", "priors", "centre"),
    [
        ("binomial-conditional", ("events", "control"), {"n": ("n", "n_control")}, {}, -0.5),
        ("binomial-two-arm", ("events", "control"), {"n": ("n", "n_control")}, {}, -0.5),
        ("poisson-conditional", ("events", "control"), {"time": ("n", "n_control")}, {}, -0.5),
        ("poisson", "events", {"time": "n"}, {"mu": "Normal(-3, 2)", "tau": "HalfNormal(1)"}, -2.0),
    ],
)
def test_whatever_the_likelihood_posterior_densities_by_bayes_factors_integrate_to_one(
    likelihood, events, size, priors, centre
):
    rows = {
        "study": ["a", "b", "c"],
        "events": [3, 0, 1],
        "n": [20, 15, 30],
        "control": [6, 0, 0],
        "n_control": [22, 14, 33],
    }
    studies = bm.Studies.from_frame(pd.DataFrame(rows), study="study", events=events, **size)
    model = bm.fit(studies, bm.ModelSpec(likelihood, **priors))
    total, mean = integrated(model, centre, 0.5)
    assert total == pytest.approx(1.0, abs=1e-9)
    assert mean == pytest.approx(model.summary().loc["mu", "mean"], abs=1e-9)


def test_a_common_effect_has_the_closed_form():
    y, se = np.array([0.3, -0.1, 0.9]), np.array([0.2, 0.1, 0.4])
    studies = bm.Studies(labels(3), y=y, se=se)
    result = bm.bayes_factor(bm.fit(studies, bm.ModelSpec("normal", mu="Normal(0, 0.7)", effects="none")), "mu = 0.2")
    free = stats.multivariate_normal(np.zeros(3), np.diag(se**2) + 0.49).logpdf(y)
    assert result.log_bf10 == pytest.approx(free - stats.norm(0.2, se).logpdf(y).sum(), abs=1e-8)
    assert repr(result).startswith("Bayes factor of H1, mu ~ Normal(mu=0, sigma=0.7), common effect, over H0, mu = 0.2")


def test_a_model_cannot_be_tested_for_what_it_does_not_have():
    with pytest.raises(bm.SpecError, match=r"Allowed: mu, p_median\."):
        bm.bayes_factor(with_effects("none"), "tau = 0")
    with pytest.raises(bm.SpecError, match=r"Allowed: mu, tau\."):  # its p_median depends on tau
        bm.bayes_factor(with_effects("beta"), "p_median = 0.5")


def test_with_a_flat_mu_a_hypothesis_about_tau_is_defined_and_is_the_limit_of_wide_priors():
    y, se = [0.3, -0.1, 0.9, 0.45], [0.2, 0.1, 0.4, 0.05]
    flat = bm.bayes_factor(fit_estimates(y, se, "Flat()", "HalfNormal(0.5)"), "tau = 0")
    wide = bm.bayes_factor(fit_estimates(y, se, "Normal(0, 1e5)", "HalfNormal(0.5)"), "tau = 0")
    assert flat.log_bf10 == pytest.approx(wide.log_bf10, abs=1e-8)
    assert flat.log_evidence_h1 is None
    assert flat.log_evidence_h0 is None


@pytest.mark.parametrize(
    ("mu", "tau", "hypothesis", "reason"),
    [
        ("Flat()", "HalfNormal(0.5)", "mu = 0", "the prior of mu, Flat(), is improper"),
        ("Flat()", "HalfNormal(0.5)", "mu = 0, tau = 0", "the prior of mu, Flat(), is improper"),
        ("Normal(0, 1)", "Flat()", "tau = 0", "the prior of tau, HalfFlat(), is improper"),
        ("Normal(0, 1)", "Flat()", "mu = 0", "the prior of tau, HalfFlat(), is improper"),
    ],
)
def test_improper_priors_are_refused_with_reason_and_remedy(mu, tau, hypothesis, reason):
    improper = fit_estimates([0.3, -0.1, 0.9, 0.45], [0.2, 0.1, 0.4, 0.05], mu, tau)
    with pytest.raises(bm.SpecError) as caught:
        bm.bayes_factor(improper, hypothesis)
    assert reason in str(caught.value)
    assert "give a proper prior, such as" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("hypothesis", "message"),
    [
        ("mu", "cannot be read"),
        ("", "cannot be read"),
        ("mu = ", "cannot be read"),
        ("mu == 0", "cannot be read"),
        ("mu = log(2)", "a plain number; write for example 'mu = 0'"),
        ("mu = 1/2", "cannot be read"),
        ("mu = __import__('os')", "cannot be read"),
        ("mu = 0, ", "cannot be read"),
        ("mu = nan", "cannot be read"),
        ("mu > 0", "cannot be read"),
        ("mu = 1e400", "must be finite"),
        ("tau2 = 0", "Did you mean 'tau'? Allowed: mu, p_median, tau."),
        ("p_new = 0.5", "Allowed: mu, p_median, tau."),
        ("mu = 0, mu = 1", "gives mu twice"),
        ("mu = 0, p_median = 0.5", "one parameter on two scales"),
        ("p_median = 0", "strictly between 0 and 1"),
        ("p_median = 80", "Did you mean 0.8?"),
        ("tau = -1", "must not be negative"),
        ("mu = 0" + " " * 300, "is not a short text"),
        (0, "is not a short text"),
    ],
)
def test_nonsense_is_refused_in_one_line(fit, hypothesis, message):
    with pytest.raises(bm.SpecError) as caught:
        bm.bayes_factor(fit, hypothesis)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_estimates_have_no_proportion_to_test():
    with pytest.raises(bm.SpecError, match=r"Allowed: mu, tau\."):
        bm.bayes_factor(fit_estimates([0.3, -0.1], [0.2, 0.1], "Normal(0, 1)", "HalfNormal(1)"), "p_median = 0.5")


def test_other_engines_are_refused(fit):
    other = bm.fit(fit.studies, engine="frequentist")
    with pytest.raises(bm.SpecError, match="needs a fit made by engine='exact'; engine='frequentist' has no evidence"):
        bm.bayes_factor(other, "mu = 0")
    with pytest.raises(bm.SpecError, match="got a str"):
        bm.bayes_factor("fit", "mu = 0")
