"""Posteriors of many subsets of the studies from one surface."""

import numpy as np
import pytest

from bayesmeta.errors import AccuracyError
from bayesmeta.exact import batch
from bayesmeta.exact.batch import summarise
from bayesmeta.exact.study_sets import part_orders, pose_part
from bayesmeta.exact.subsets import Subsets, SubsetTarget, SubsetWeights
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import find_region
from bayesmeta.surface.surface import tabulate

EVENTS, N = [3, 9, 4, 12, 0, 7], [8, 11, 6, 30, 5, 7]


def every_subset(k):
    return ((np.arange(1, 2**k)[:, None] >> np.arange(k)) & 1).astype(bool)


@pytest.fixture(scope="module")
def problem(fit_counts):
    return fit_counts(EVENTS, N).solution.problem


@pytest.fixture(scope="module")
def surface(problem):
    coordinates = problem.mu_coordinate, problem.tau_coordinate
    target = SubsetTarget(problem, np.eye(6), np.zeros(6), np.zeros(6))
    return tabulate(
        problem.terms, make_grid(find_region(problem.terms, target, *coordinates), level(1), *coordinates), level(1)
    )


def test_weights_are_products_over_the_studies(problem, surface):
    # one study at a time: the ratio of two subsets' weights is the likelihood of the study that differs
    weights = SubsetWeights(problem, surface, np.array([[1, 0, 1, 0, 0, 0], [1, 0, 1, 1, 0, 0]], float))
    nodes = np.eye(surface.grid.mu.size).reshape(*surface.grid.shape, -1)[:, :, ::97]
    sums = weights.sums(nodes)
    seen = (sums > 0.0).all(axis=0)
    assert seen.sum() > 5
    without, added = np.log(sums[:, seen])
    expected = surface.log_m[3].ravel()[::97] - np.diff(weights.log_evidence)
    assert added - without == pytest.approx(expected[seen], abs=1e-10)


def test_the_evidence_of_a_chain_of_subsets_telescopes(problem, surface):
    weights = SubsetWeights(problem, surface, np.tri(6))
    for i in range(1, 6):
        ratio = SubsetWeights(problem, surface, np.tri(6)[i - 1 : i]).sums(np.exp(surface.log_m[i])[:, :, None])
        assert np.log(ratio[0, 0]) == pytest.approx(np.diff(weights.log_evidence)[i - 1], abs=1e-10)


def test_probabilities_of_tau_sum_to_one(problem, surface):
    weights = SubsetWeights(problem, surface, every_subset(6).astype(float))
    assert np.exp(weights.log_tau).sum(axis=1) == pytest.approx(np.ones(63), abs=1e-12)
    assert weights.sums(np.ones((*surface.grid.shape, 1)))[:, 0] == pytest.approx(np.ones(63), abs=1e-12)


CASES = {
    "ordinary": (EVENTS, N, "Normal(0, 1.5)", "HalfNormal(1)"),
    "one precise and one far": ([3, 9, 4, 500, 97], [8, 11, 6, 2000, 100], "Normal(0, 1.5)", "HalfNormal(0.5)"),
    "a heavy tail": ([3, 9, 4, 12], [8, 11, 6, 30], "Normal(0, 1.5)", "HalfCauchy(0.5)"),
    "bounded priors": ([3, 9, 4, 12], [8, 11, 6, 30], "Uniform(-4, 4)", "Uniform(0, 3)"),
}


@pytest.mark.parametrize(("events", "n", "mu", "tau"), CASES.values(), ids=CASES.keys())
def test_every_subset_equals_its_own_fit_within_the_sum_of_both_errors(events, n, mu, tau, fit_counts):
    whole, include = fit_counts(events, n, mu, tau), every_subset(len(n))
    found = summarise(Subsets(whole.solution.problem, include), len(include), whole.parameters)
    assert not found.failure
    for i in range(0, len(include), 3):
        own = fit_counts(np.array(events)[include[i]], np.array(n)[include[i]], mu, tau)
        table = own.summary()
        expected = table.drop(columns="numerical_error").to_numpy()
        finite = np.isfinite(expected)
        assert (np.isfinite(found.values[i]) == finite).all()
        allowed = (found.error[i] + table["numerical_error"].to_numpy())[:, None] + 1e-15 * np.abs(expected)
        assert (np.abs(found.values[i][finite] - expected[finite]) <= allowed[finite]).all()
        wrong = found.log_evidence_error[i] + own.log_evidence_error
        assert found.log_evidence[i] == pytest.approx(own.log_evidence, abs=wrong)


def test_estimates_are_summarised_as_well(fit_estimates):
    y, se = [0.1, 0.4, -0.3, 2.1], [0.2, 0.3, 0.15, 0.4]
    whole, include = fit_estimates(y, se, "Normal(0, 2)", "HalfNormal(0.5)"), every_subset(4)
    found = summarise(Subsets(whole.solution.problem, include), 15, whole.parameters)
    for i in (0, 6, 14):
        own = fit_estimates(
            np.array(y)[include[i]], np.array(se)[include[i]], "Normal(0, 2)", "HalfNormal(0.5)"
        ).summary()
        assert found.values[i, :, 2] == pytest.approx(own["median"].to_numpy(), abs=4e-7)


def test_a_subset_that_cannot_be_computed_has_the_reason(problem, monkeypatch):
    def refuse(*_, **__):
        raise AccuracyError("too hard")

    monkeypatch.setattr(batch, "solve_alone", refuse)
    found = summarise(Subsets(problem, np.eye(6, dtype=bool)), 6, ("mu", "tau"))
    assert found.failure == dict.fromkeys(range(6), "too hard")
    assert np.isnan(found.values).all()


def test_tail_orders_of_a_subset_are_those_of_its_own_problem(fit_counts):
    problem = fit_counts(EVENTS, N, tau="HalfCauchy(1)").solution.problem
    include = every_subset(6)
    for order, mask in zip(part_orders(problem, include), include, strict=True):
        assert order == pose_part(problem, mask).orders


def test_improper_subsets_are_told_apart(fit_counts):
    problem = fit_counts([3, 5, 0], [8, 11, 6], tau="HalfFlat()").solution.problem
    include = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 0, 1]], bool)
    reasons = list(part_orders(problem, include))
    assert [isinstance(reason, str) for reason in reasons] == [False, False, True, True]
    assert reasons[2].startswith("the posterior of tau is improper")
