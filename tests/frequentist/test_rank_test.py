"""The rank correlation test of Begg and Mazumdar."""

from itertools import permutations
from math import isnan

import numpy as np
import pytest

from bayesmeta.frequentist.rank_test import MAX_EXACT, rank_test, standardised


def compare(case):
    ranks, expected = rank_test(case.y, case.se), case.metafor["ranktest"]
    assert ranks.tau == pytest.approx(expected["tau"], rel=1e-12, abs=1e-14)
    has_exact = not isnan(ranks.exact_pvalue)
    pvalue = ranks.exact_pvalue if has_exact else ranks.normal_pvalue(continuity=False)
    assert pvalue == pytest.approx(expected["pval"], rel=1e-10)
    return has_exact


def test_tau_and_pvalue_equal_metafor_ranktest(case):
    compare(case)


def test_all_reference_rank_tests_are_compared_and_most_are_exact(cases):
    exact = [compare(case) for case in cases.values()]
    assert (len(exact), sum(exact)) == (24, 16)


def test_ties_are_corrected_for_as_in_r(ties):
    ranks = rank_test(np.array(ties["y"]), np.sqrt(ties["v"]))
    assert isnan(ranks.exact_pvalue)
    assert ranks.tau == pytest.approx(ties["tau"], rel=1e-12)
    assert ranks.normal_pvalue(continuity=False) == pytest.approx(ties["pvalue"], rel=1e-12)


def test_the_exact_pvalue_counts_all_orders():
    y, se = np.array([0.9, 0.1, 0.4, 0.35, -0.2]), np.array([0.5, 0.2, 0.3, 0.1, 0.4])
    ranks = rank_test(y, se)
    upper = np.triu_indices(5, 1)
    scores = [int(np.sign(np.subtract.outer(p, p)[upper]).sum()) for p in permutations(range(5))]
    share = np.mean([abs(score) >= abs(ranks.score) for score in scores])
    assert ranks.exact_pvalue == pytest.approx(share, rel=1e-12)
    assert ranks.se_score == pytest.approx(np.std(scores), rel=1e-12)


def test_exact_pvalues_of_many_studies_are_those_of_scipy():
    from scipy.stats import kendalltau

    rng = np.random.default_rng(3)
    y, se = rng.normal(size=120), rng.uniform(0.1, 1.0, 120)
    expected = kendalltau(standardised(y, se), se**2, method="exact")
    ranks = rank_test(y, se)
    assert ranks.tau == pytest.approx(expected.statistic, rel=1e-12)
    assert ranks.exact_pvalue == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_continuity_correction_takes_1_from_the_score(cases):
    case = cases["bcg-OR"]
    ranks = rank_test(case.y, case.se)
    assert ranks.score == 2
    assert ranks.z(continuity=True) == pytest.approx(1.0 / np.sqrt(13 * 12 * 31 / 18))


def test_a_score_of_0_has_pvalue_1_with_and_without_correction():
    y, se = np.array([0.0, 1.0, 1.1, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    ranks = rank_test(y, se)
    assert ranks.score == 0
    assert ranks.normal_pvalue(continuity=True) == ranks.normal_pvalue(continuity=False) == 1.0
    assert ranks.exact_pvalue == 1.0


def test_equal_variances_have_no_rank_correlation():
    ranks = rank_test(np.array([0.1, 0.5, 0.3]), np.full(3, 0.2))
    assert isnan(ranks.tau)
    assert isnan(ranks.normal_pvalue(continuity=True))


def test_equal_effects_are_not_ranked_by_rounding():
    ranks = rank_test(np.full(4, 0.1 + 0.2), np.array([0.1, 0.2, 0.3, 0.4]))
    assert ranks.score == 0
    assert isnan(ranks.tau)


def test_a_study_of_all_the_weight_is_standardised_without_cancellation():
    y, se = np.array([0.0, 1.0, 2.0]), np.array([1e-10, 1.0, 2.0])
    z = standardised(y, se)
    deviation = (1.0 + 2.0 / 4.0) * 1e-20
    assert z[0] == pytest.approx(-deviation / (1e-20 * np.sqrt(1.25)), rel=1e-9)


def test_more_studies_than_the_exact_sum_holds_have_the_normal_pvalue():
    rng = np.random.default_rng(4)
    ranks = rank_test(rng.normal(size=MAX_EXACT + 1), rng.uniform(0.1, 1.0, MAX_EXACT + 1))
    assert isnan(ranks.exact_pvalue)
    assert 0.0 < ranks.normal_pvalue(continuity=True) < 1.0
