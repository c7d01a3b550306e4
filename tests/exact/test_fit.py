"""Two routes to one number: identities that hold for the model, so that they must hold for the fit."""

import itertools

import numpy as np
import pytest
from scipy import integrate, special

from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import fit_exact
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.model import ModelSpec

DATA = {
    "ordinary": ([4, 10, 25, 12], [8, 12, 42, 12]),
    "rare": ([0, 1, 3, 0, 2], [40, 35, 120, 9, 60]),
    "one study": ([4], [5]),
    "all events": ([6, 9, 12], [6, 9, 12]),
    "one and a million": ([1, 3, 700_000], [1, 7, 1_000_000]),
}
EVERY_DATA = pytest.mark.parametrize(("events", "n"), DATA.values(), ids=DATA.keys())
NUMBERS = ["mean", "sd", "median", "lower", "upper"]


def allowed(*tables):
    """How far two summaries may differ: the sum of their stated errors, row by row."""
    return sum(table["numerical_error"].to_numpy()[:, None] for table in tables)


@EVERY_DATA
def test_the_order_of_studies_does_not_matter(fit_counts, events, n):
    one, other = fit_counts(events, n), fit_counts(events[::-1], n[::-1])
    assert np.abs(one.summary()[NUMBERS] - other.summary()[NUMBERS]).to_numpy().max() < 1e-9
    assert one.log_evidence == pytest.approx(other.log_evidence, rel=0, abs=1e-11 + 1e-15 * max(n))
    assert one.loo["elpd_loo"].to_numpy() == pytest.approx(other.loo["elpd_loo"].to_numpy()[::-1], abs=1e-8)
    assert study_effects(one)["mean"].to_numpy() == pytest.approx(
        study_effects(other)["mean"].to_numpy()[::-1], abs=1e-7
    )


@EVERY_DATA
def test_the_evidence_is_that_without_a_study_plus_its_loo(fit_counts, events, n):
    fit = fit_counts(events, n)
    for i, (elpd, error) in enumerate(fit.loo.to_numpy()):
        rest = [j for j in range(len(n)) if j != i]
        without = fit_counts([events[j] for j in rest], [n[j] for j in rest]) if rest else None
        log_evidence, its_error = (without.log_evidence, without.log_evidence_error) if without else (0.0, 0.0)
        assert abs(fit.log_evidence - log_evidence - elpd) <= fit.log_evidence_error + its_error + error


@EVERY_DATA
def test_the_means_of_p_new_and_p_mean_are_equal(fit_counts, events, n):
    summary = fit_counts(events, n).summary()
    assert summary.loc["p_new", "mean"] == pytest.approx(summary.loc["p_mean", "mean"], abs=1e-13)
    assert summary.loc["p_new", "sd"] >= summary.loc["p_mean", "sd"]


@EVERY_DATA
def test_counting_non_events_mirrors_every_number(fit_counts, events, n):
    one = fit_counts(events, n, mu="Normal(0.4, 1.2)").summary()
    other = fit_counts([b - a for a, b in zip(events, n, strict=True)], n, mu="Normal(-0.4, 1.2)").summary()
    for name, shift in (("mu", 0.0), ("p_median", 1.0), ("p_mean", 1.0), ("p_new", 1.0)):
        mirrored = shift - other.loc[name, ["mean", "median", "upper", "lower"]].to_numpy(float)
        got = one.loc[name, ["mean", "median", "lower", "upper"]].to_numpy(float)
        assert np.abs(got - mirrored).max() <= one.loc[name, "numerical_error"] + other.loc[name, "numerical_error"]
    assert (np.abs(one - other)[["sd"]].to_numpy() <= allowed(one, other)).all()
    assert (np.abs(one - other).loc["tau", NUMBERS] <= allowed(one, other)[1, 0]).all()


def test_p_median_is_the_link_of_mu(fit_counts):
    summary = fit_counts(*DATA["ordinary"]).summary()
    columns = ["median", "lower", "upper"]
    assert summary.loc["p_median", columns].to_numpy(float) == pytest.approx(
        special.expit(summary.loc["mu", columns].to_numpy(float)), abs=1e-12
    )


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0.0), (0.1, 5.0), (40.0, -7.0), (1e4, 1e5)])
def test_changing_the_unit_of_the_estimates_changes_the_unit_of_the_answer(fit_estimates, scale, shift):
    y, se = np.array([0.3, -0.5, 0.9, 0.1]), np.array([0.2, 0.3, 0.25, 0.6])
    one = fit_estimates(y, se, "Normal(0.1, 1)", "HalfNormal(0.5)")
    other = fit_estimates(
        shift + scale * y, scale * se, f"Normal({shift + 0.1 * scale}, {scale})", f"HalfNormal({0.5 * scale})"
    )
    expected = one.summary()[NUMBERS] * scale
    expected.loc[["mu", "theta_new"], ["mean", "median", "lower", "upper"]] += shift
    stated = scale * one.summary()["numerical_error"] + other.summary()["numerical_error"]
    assert (np.abs(other.summary()[NUMBERS] - expected).max(axis=1) <= stated).all()
    assert other.log_evidence == pytest.approx(one.log_evidence - 4 * np.log(scale), abs=1e-7)


@pytest.mark.parametrize(("events", "n"), [DATA["ordinary"], DATA["rare"]])
def test_a_flat_prior_of_mu_is_the_limit_of_wide_ones(fit_counts, events, n):
    flat, wide = fit_counts(events, n, "Flat()"), fit_counts(events, n, "Normal(0, 30000)")
    assert np.abs(flat.summary()[NUMBERS] - wide.summary()[NUMBERS]).to_numpy().max() < 1e-6
    assert flat.log_evidence is None
    # the flat density is 1, the wide one 1/(30000 sqrt(2 pi)): the evidence only differs by that constant
    constant = np.log(30000.0 * np.sqrt(2.0 * np.pi))
    assert wide.log_evidence + constant == pytest.approx(flat.solution.fine.posterior.log_evidence, abs=1e-6)


def test_a_flat_prior_of_tau_is_the_limit_of_wide_uniform_ones(fit_counts):
    events, n = [4, 10, 25, 12, 7, 3, 30], [8, 12, 42, 13, 15, 9, 50]
    flat, wide = fit_counts(events, n, tau="HalfFlat()"), fit_counts(events, n, tau="Uniform(0, 2000)")
    assert np.abs(flat.summary()[NUMBERS] - wide.summary()[NUMBERS]).to_numpy().max() < 2e-6
    assert flat.log_evidence is None


@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(1)", "Exponential(1)", "Uniform(0, 3)"])
@pytest.mark.parametrize(("r", "n"), [(4, 5), (5, 5), (0, 40), (60_000, 100_000)])
def test_one_study_sees_mu_and_tau_only_through_their_sum(fit_counts, independent, r, n, tau):
    # theta ~ Normal(mu0, sigma0^2 + tau^2), so that the evidence is an integral over tau alone
    fit = fit_counts([r], [n], "Normal(0.3, 1.2)", tau)

    def integrand(t):
        sd = np.array([np.hypot(1.2, t)])
        log_m = independent.log_m_binomial(float(r), float(n), np.array([0.3]), sd)[0]
        return float(np.exp(log_m + fit.model.tau.logpdf(t) - fit.log_evidence))

    top = fit.model.tau.support[1]
    edges = [0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 3.0] + ([10.0, 100.0, 1e4, 1e7] if np.isinf(top) else [])
    total = sum(integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in itertools.pairwise(edges))
    if np.isinf(top):  # what a half-Cauchy has beyond; the others have nothing
        total += integrand(1e7) * 1e7
    assert np.log(total) == pytest.approx(0.0, abs=1e-9)
    assert fit.loo["elpd_loo"].iloc[0] == pytest.approx(fit.log_evidence, abs=fit.loo["numerical_error"].iloc[0] + 1e-9)


def test_uninformative_data_return_the_prior_down_to_tau_of_1e_4(fit_counts, fit_estimates):
    mass = special.erf(1e-4 / np.sqrt(2.0))  # of HalfNormal(1) below 1e-4: 8e-5, which a log grid would miss
    assert mass == pytest.approx(8e-5, rel=0.01)
    for fit in (fit_estimates([0.0], [1e6], "Normal(0, 1)", "HalfNormal(1)"), fit_counts([1], [2], "Normal(0, 1e-4)")):
        got = fit.marginal("tau").cdf([1e-4])[0]
        if fit.link == "identity":
            assert got == pytest.approx(mass, rel=1e-6)
        else:  # by symmetry 1 of 2 says little about tau: the likelihood is 2 E[p(1-p)] <= 1/2
            assert got > mass
    both = [fit_counts(events, [1], "Normal(0, 1.5)") for events in ([0], [1])]
    for fit in both:  # by symmetry one patient says nothing at all
        assert fit.marginal("tau").cdf([1e-4])[0] == pytest.approx(mass, rel=1e-6)
        assert fit.log_evidence == pytest.approx(np.log(0.5), abs=1e-9)


@pytest.mark.parametrize("q", [1e-3, 0.1, 0.5, 0.9, 0.999])
def test_one_patient_returns_the_prior_of_tau(fit_counts, q):
    for tau in ("HalfNormal(1)", "Exponential(2)", "Uniform(0, 2)", "LogNormal(-1, 0.5)"):
        fit = fit_counts([1], [1], tau=tau)
        assert fit.marginal("tau").ppf([q])[0] == pytest.approx(float(fit.model.tau.ppf(q)), abs=1e-6, rel=1e-6)


def test_normal_likelihood_with_counts_uses_the_measure():
    frame = load_dataset("pritz1997")
    studies = Studies.from_frame(frame, events="events", n="n")
    fit = fit_exact(studies, ModelSpec("normal", mu="Normal(0, 1.5)", tau="HalfNormal(1)"))
    assert (fit.measure, fit.link) == ("PLO", "logit")
    assert "p_mean" in fit.summary().index
    raw = fit_exact(studies, ModelSpec("normal", mu="Normal(0.5, 1)", tau="HalfNormal(0.5)"), measure="PR")
    assert (raw.measure, raw.link) == ("PR", "identity")
    assert list(raw.summary().index) == ["mu", "tau", "theta_new"]


def test_errors_say_what_was_given(fit_counts, fit_estimates):
    fit = fit_counts([3], [5])
    with pytest.raises(SpecError, match=r"unknown quantity 'p_men'\. Did you mean 'p_mean'\?"):
        fit.marginal("p_men")
    with pytest.raises(SpecError, match="unknown quantity"):
        fit.marginal("theta[study 9]")
    with pytest.raises(SpecError, match="unknown quantity 'p_new'"):
        fit_estimates([0.2], [0.3], "Normal(0, 1)", "HalfNormal(1)").marginal("p_new")
    with pytest.raises(SpecError, match="unknown ci_kind 'equal'"):
        fit.summary(ci_kind="equal")
    with pytest.raises(SpecError, match=r"Did you mean 0\.95"):
        fit.summary(ci_prob=95)
    estimates = Studies(("a",), y=np.array([0.1]), se=np.array([0.2]))
    with pytest.raises(SpecError, match="use likelihood='normal'"):
        fit_exact(estimates, ModelSpec("binomial"))
    with pytest.raises(SpecError, match="contradicts the studies"):
        fit_exact(estimates, ModelSpec("normal", mu="Normal(0, 1)", tau="HalfNormal(1)"), measure="PLO")
    counts = Studies(("a",), events=np.array([1.0]), n=np.array([2.0]))
    with pytest.raises(SpecError, match="not used by the binomial likelihood"):
        fit_exact(counts, ModelSpec("binomial"), measure="PLO")


def test_estimates_are_the_summary_in_tidy_form(fit_counts):
    fit = fit_counts([3, 4], [9, 8])
    estimates = fit.estimates
    assert list(estimates.columns[:2]) == ["parameter", "estimand"]
    assert estimates.set_index("parameter")[NUMBERS].equals(fit.summary()[NUMBERS])
    assert fit.numerical_error == fit.summary()["numerical_error"].max()
