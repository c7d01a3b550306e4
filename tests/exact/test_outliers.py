"""The mixture with outliers, against an enumeration of who is one."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special

from bayesmeta.analyses.outliers import outliers
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact import outliers as module
from bayesmeta.exact.fit import fit_exact
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.spec.model import ModelSpec

EVENTS, N = np.array([10, 11, 9, 38]), np.array([40, 40, 40, 40])


def allocations(k, a, b):
    """Every way to be an outlier or not, (2^k, k), with its log prior probability."""
    who = np.array(list(itertools.product([0, 1], repeat=k)))
    count = who.sum(axis=1)
    return who, special.betaln(a + count, b + k - count) - special.betaln(a, b)


@pytest.mark.parametrize("kind", ["counts", "estimates"])
def test_the_mixture_matches_an_enumeration_by_brute_force(kind, fit_counts, fit_estimates, independent):
    added, a, b = 1.5, 1.0, 9.0
    if kind == "counts":
        fit = fit_counts(EVENTS, N, tau="HalfNormal(0.3)")
        log_m = [lambda x, t, r=r, n=n: independent.log_m_binomial(r, n, x, t) for r, n in zip(EVENTS, N, strict=True)]
    else:
        y, se = [0.1, 0.4, -0.3, 2.1], [0.2, 0.3, 0.15, 0.4]
        fit = fit_estimates(y, se, "Normal(0, 2)", "HalfNormal(0.5)")
        log_m = [lambda x, t, y=y, s=s: independent.log_m_normal(y, s, x, t) for y, s in zip(y, se, strict=True)]
    who, log_prior = allocations(4, a, b)

    def of_allocations(x, t):
        inside = np.stack([f(x, t) for f in log_m])
        wide = np.stack([f(x, np.sqrt(t**2 + added**2)) for f in log_m])
        return (1 - who) @ inside + who @ wide + log_prior[:, None]

    size = {"panels_u": 8, "nodes_mu": 101, "tau_range": (0.0, 4.0)}
    brute = independent.BruteForce(
        lambda x, t: special.logsumexp(of_allocations(x, t), axis=0), fit.model.mu, fit.model.tau, **size
    )
    at = of_allocations(brute.mu.ravel(), np.repeat(brute.tau, brute.mu.shape[1]))
    probability = np.exp(at - special.logsumexp(at, axis=0)) @ brute.weight.ravel()
    found = outliers(fit, share=(a, b), added=added)
    assert found.studies["prob_outlier"].to_numpy() == pytest.approx(who.T @ probability, abs=1e-7)
    assert found.prob_none == pytest.approx(probability[0], abs=1e-7)
    assert found.log_bf10 == pytest.approx(brute.log_evidence - fit.log_evidence, abs=1e-7)
    expected_share = ((a + who.sum(axis=1)) / (a + b + 4)) @ probability
    assert found.share_mean == pytest.approx(expected_share, abs=1e-7)
    mean, sd = brute.mean_sd(brute.mu)
    row = found.summary().loc["mu"]
    assert row[["mean", "sd"]].to_list() == pytest.approx([mean, sd], abs=float(row["numerical_error"]) + 1e-8)
    assert brute.cdf_tau(found.summary().loc["tau", "upper"]) == pytest.approx(0.975, abs=1e-7)


def test_a_component_that_is_no_wider_changes_nothing(fit_counts):
    fit = fit_counts(EVENTS, N)
    found = outliers(fit, added=1e-9)
    assert found.studies["prob_outlier"].to_numpy() == pytest.approx([0.1] * 4, abs=1e-8)
    assert found.log_bf10 == pytest.approx(0.0, abs=1e-9)
    assert found.share_mean == pytest.approx(0.1, abs=1e-9)
    both = found.summary(), fit.summary()
    assert both[0]["median"].to_numpy() == pytest.approx(both[1]["median"].to_numpy(), abs=1e-6)


def test_a_fixed_share_is_the_limit_of_a_narrow_prior(fit_counts):
    fit = fit_counts(EVENTS, N)
    fixed, near, narrow = (outliers(fit, share=share) for share in (0.2, (50, 200), (200, 800)))
    wide, less = (other.studies["prob_outlier"] - fixed.studies["prob_outlier"] for other in (near, narrow))
    assert (less.abs() < 1e-3).all()
    assert (less / wide).to_numpy() == pytest.approx([0.25] * 4, abs=0.02)  # as the variance of the share
    assert fixed.share_mean == pytest.approx(0.2, abs=1e-12)


def test_outliers_count_for_less(fit_counts):
    fit = fit_counts(EVENTS, N, tau="HalfNormal(0.3)")
    found = outliers(fit)
    assert found.studies["prob_outlier"].idxmax() == "study 3"
    assert found.added == pytest.approx(3 * 0.3 * 0.6744897501960817, rel=1e-9)
    assert found.summary().loc["tau", "median"] < 0.9 * fit.summary().loc["tau", "median"]
    assert found.summary().loc["mu", "median"] < fit.summary().loc["mu", "median"]


def test_a_peak_at_each_of_two_groups_of_studies_is_resolved(fit_counts):
    # given a small tau, mu lies with the three or, hardly, with the one: a hundred SDs apart
    fit = fit_counts([1000, 1010, 995, 9500], [10_000] * 4, tau="HalfNormal(0.05)")
    found = outliers(fit, added=3.0)
    rest = fit_counts([1000, 1010, 995], [10_000] * 3, tau="HalfNormal(0.05)")
    assert found.studies["prob_outlier"].to_numpy() == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=0.01)
    assert found.summary()["median"].to_numpy() == pytest.approx(rest.summary()["median"].to_numpy(), abs=1e-3)
    assert found.log_bf10 > 80.0
    assert found.numerical_error < 1e-6


def test_what_cannot_be_resolved_is_refused(fit_counts):
    fit = fit_counts([100_000, 101_000, 99_500, 950_000], [1_000_000] * 4, tau="HalfNormal(0.01)")
    with pytest.raises(AccuracyError, match="the mixture could not be computed to "):
        outliers(fit, added=3.0)


def test_more_studies_than_the_rule_of_the_share_is_exact_for(fit_counts, monkeypatch):
    fit = fit_counts(np.arange(60) % 9, [12] * 60)
    found = outliers(fit)
    monkeypatch.setattr(module, "SHARES_PER_LEVEL", 100)  # now it is exact
    exact = outliers(fit)
    difference = found.studies["prob_outlier"] - exact.studies["prob_outlier"]
    assert (difference.abs() <= found.studies["numerical_error"] + exact.studies["numerical_error"]).all()
    assert (found.studies["numerical_error"] < 1e-6).all()


@pytest.mark.parametrize("share", [(1.0, 999.0), (500.0, 500.0), (0.1, 0.1), (999.0, 1.0)])
def test_extreme_priors_of_the_share_are_integrated(share, fit_counts):
    found = outliers(fit_counts(np.arange(30) % 9, [12] * 30), share=share)
    # by counting: the posterior mean of the share is that of Beta(a + outliers, b + the rest)
    expected = (share[0] + found.studies["prob_outlier"].sum()) / (sum(share) + 30)
    assert found.share_mean == pytest.approx(expected, abs=1e-8)


def test_order_and_labels_do_not_matter(fit_counts):
    fit, order = fit_counts(EVENTS, N), np.array([3, 1, 0, 2])
    turned = Studies(tuple("wxyz"), events=EVENTS[order].astype(float), n=N[order].astype(float))
    other = outliers(fit_exact(turned, fit.model)).studies
    expected = outliers(fit).studies["prob_outlier"].to_numpy()[order]
    assert other["prob_outlier"].to_numpy() == pytest.approx(expected, abs=1e-8)
    assert list(other.index) == list("wxyz")


def test_one_study_tells_little(fit_counts):
    found = outliers(fit_counts([4], [8]))
    assert 0.05 < found.studies["prob_outlier"].iloc[0] < 0.1
    assert found.prob_none == pytest.approx(1.0 - found.studies["prob_outlier"].iloc[0], abs=1e-9)


def test_improper_priors_leave_the_bayes_factor_defined(fit_counts):
    flat, wide = (outliers(fit_counts(EVENTS, N, mu=mu)) for mu in ("Flat()", "Normal(0, 30000)"))
    assert flat.log_bf10 == pytest.approx(wide.log_bf10, abs=1e-6)
    fit = fit_counts(EVENTS, N, tau="HalfFlat()")
    with pytest.raises(SpecError, match="has no median to derive added from; give added"):
        outliers(fit)
    assert 0.0 < outliers(fit, added=2.0).prob_none < 1.0


@pytest.mark.parametrize(
    "share", [0.0, 1.0, -0.1, 10, "much", (1,), (1, 0), (1, 2, 3), (1, np.inf), (9, 992), None, np.nan]
)
def test_a_share_that_is_none_is_refused(share, fit_counts):
    with pytest.raises(SpecError, match="is no share of outliers; give a number between 0 and 1"):
        outliers(fit_counts([4, 3], [8, 9]), share=share)


@pytest.mark.parametrize("added", [0.0, -1.0, np.inf, np.nan, "two"])
def test_an_added_sd_that_is_none_is_refused(added, fit_counts):
    with pytest.raises(SpecError, match=r"added=.*(must be above 0 and finite|is not a number)"):
        outliers(fit_counts([4, 3], [8, 9]), added=added)


def test_other_fits_are_refused(fit_counts):
    with pytest.raises(SpecError, match="outliers needs an exact fit"):
        outliers(fit_frequentist(fit_counts([4, 10], [8, 12]).studies))


def test_the_text_names_the_model_and_the_studies(fit_counts):
    text = repr(outliers(fit_counts(EVENTS, N)))
    assert text.startswith("Outliers, k = 4: share ~ Beta(1, 9), added SD 2.02; log_bf10 = ")
    assert "share ~ 0.2," in repr(outliers(fit_counts(EVENTS, N), share=0.2))
    first = text.splitlines()[3]
    assert first.startswith("study 3")
    assert isinstance(outliers(fit_counts(EVENTS, N)).studies, pd.DataFrame)


def test_effects_that_are_not_normal_are_refused(fit_counts):
    studies = fit_counts(EVENTS, N).studies
    with pytest.raises(SpecError, match="the model has effects='student-t'; fit it with effects='normal'"):
        outliers(fit_exact(studies, ModelSpec("binomial", effects="student-t")))
