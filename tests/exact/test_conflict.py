"""Conflict p-values: each study against its prediction from the others."""

import numpy as np
import pytest
from scipy import special

from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.influence import loo
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import fit_exact
from bayesmeta.frequentist.fit import fit_frequentist

COUNTS = {
    "ordinary": ([3, 9, 4, 28], [8, 11, 6, 30], "Normal(0, 1.5)", "HalfNormal(1)"),
    "one outlier": ([10, 11, 9, 38], [40, 40, 40, 40], "Normal(0, 1.5)", "HalfNormal(0.2)"),
    "zeros and a full house": ([0, 0, 7, 5], [9, 20, 7, 8], "Normal(0, 5)", "HalfNormal(0.5)"),
}


@pytest.mark.parametrize(("events", "n", "mu", "tau"), COUNTS.values(), ids=COUNTS.keys())
def test_below_matches_brute_force(events, n, mu, tau, fit_counts, independent):
    fit = fit_counts(events, n, mu, tau)
    table = conflict(fit)
    assert (table["numerical_error"] <= 2e-7).all()
    i, rest = 3, list(zip(events[:3], n[:3], strict=True))
    other = independent.BruteForce(
        lambda x, t: sum(independent.log_m_binomial(r, m, x, t) for r, m in rest), fit.model.mu, fit.model.tau
    )
    at = other.mu.ravel(), np.repeat(other.tau, other.mu.shape[1])

    def probability(r):
        mass = np.exp(independent.log_m_binomial(r, n[i], *at)).reshape(other.mu.shape)
        return float((other.weight * mass).sum())

    above = sum(probability(r) for r in range(events[i] + 1, n[i] + 1)) + 0.5 * probability(events[i])
    assert table["prob_below"].iloc[i] == pytest.approx(1.0 - above, abs=1e-7)
    assert table["conflict_pvalue"].iloc[i] == pytest.approx(2.0 * min(above, 1.0 - above), abs=2e-7)


def test_below_of_estimates_matches_brute_force(fit_estimates, independent):
    y, se = np.array([0.1, 0.4, -0.3, 2.1]), np.array([0.2, 0.3, 0.15, 0.4])
    fit = fit_estimates(y, se, "Normal(0, 2)", "HalfNormal(0.5)")
    for i, row in enumerate(conflict(fit).itertuples()):
        j = np.arange(4) != i
        other = independent.BruteForce(
            lambda x, t, j=j: sum(independent.log_m_normal(a, s, x, t) for a, s in zip(y[j], se[j], strict=True)),
            fit.model.mu,
            fit.model.tau,
        )
        below = special.ndtr((y[i] - other.mu) / np.sqrt(se[i] ** 2 + other.tau[:, None] ** 2))
        assert row.prob_below == pytest.approx(float((other.weight * below).sum()), abs=1e-7)


def test_below_is_the_sum_of_the_leave_one_out_densities_of_smaller_counts(fit_counts):
    # another route: each density is a difference of two evidences
    mass = [np.exp(loo(fit_counts([3, 9, r], [8, 11, 6]))["elpd_loo"].iloc[2]) for r in range(7)]
    assert sum(mass) == pytest.approx(1.0, abs=1e-7)
    for r in range(7):
        below = conflict(fit_counts([3, 9, r], [8, 11, 6]))["prob_below"].iloc[2]
        assert below == pytest.approx(sum(mass[:r]) + 0.5 * mass[r], abs=1e-7)


def test_a_study_that_contradicts_the_others_gets_a_small_p_value(fit_counts):
    pvalue = conflict(fit_counts(*COUNTS["one outlier"]))["conflict_pvalue"]
    assert pvalue.iloc[3] < 1e-3
    assert (pvalue.iloc[:3] > 0.05).all()


def test_two_large_studies_in_flat_contradiction_are_computed_on_grids_of_their_own(fit_counts):
    fit = fit_counts([50_000, 950_000], [1_000_000, 1_000_000], tau="HalfNormal(0.05)")
    table = conflict(fit)
    assert (table["numerical_error"] < 1e-5).all()
    assert table["prob_below"].iloc[0] == pytest.approx(1.0 - table["prob_below"].iloc[1], abs=1e-6)


def test_order_and_labels_do_not_matter(fit_counts):
    events, n = np.array([3, 9, 4, 0, 12]), np.array([8, 11, 6, 5, 30])
    order = np.array([4, 2, 0, 1, 3])
    table = conflict(fit_counts(events, n))
    turned = Studies(tuple(f"other {i}" for i in order), events=events[order].astype(float), n=n[order].astype(float))
    other = conflict(fit_exact(turned, fit_counts(events, n).model))
    assert other["prob_below"].to_numpy() == pytest.approx(table["prob_below"].to_numpy()[order], abs=1e-8)
    assert list(other.index) == [f"other {i}" for i in order]


def test_one_study_is_held_against_the_prior(fit_counts):
    # symmetric prior: 4 of 8 lies in the middle
    row = conflict(fit_counts([4], [8])).iloc[0]
    assert row["prob_below"] == pytest.approx(0.5, abs=1e-9)
    assert row["conflict_pvalue"] == pytest.approx(1.0, abs=1e-9)


def test_a_study_without_which_the_posterior_is_improper_has_a_note_and_no_numbers(fit_counts):
    table = conflict(fit_counts([3, 5, 0], [8, 11, 6], tau="HalfFlat()"))
    assert table["prob_below"].isna().tolist() == [True, True, False]
    assert table["note"].iloc[0].startswith("without this study, the posterior of tau is improper")
    assert table["note"].iloc[2] == ""
    assert table["prob_below"].iloc[2] < 0.2


def test_other_fits_are_refused_with_the_way_out(fit_counts):
    with pytest.raises(SpecError, match="conflict needs an exact fit, not a fit of engine='frequentist'"):
        conflict(fit_frequentist(fit_counts([4, 10], [8, 12]).studies))
    with pytest.raises(SpecError, match="not an int"):
        conflict(3)
