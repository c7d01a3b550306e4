"""The regions of many posteriors, found in step with likelihoods good to 1e-2: those that are found one by one."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.exact.fit import pose_model
from bayesmeta.exact.solve import Problem
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.region import find_region
from bayesmeta.surface.regions import can_search_together, find_regions

PRIORS = [("Normal(0, 1.5)", "HalfNormal(1)"), ("Flat()", "HalfNormal(0.5)"), ("Normal(0, 10)", "HalfNormal(5)")]


def simulated(centre: float, spread: float, largest: int, mu: str, tau: str) -> list[Problem]:
    """Return posteriors of 2 to 16 studies, in the last of which 1 of 2 patients has an event."""
    rng = np.random.default_rng(4)
    problems = []
    for _ in range(6):
        k = int(rng.integers(2, 17))
        n = rng.integers(1, largest, k)
        events = rng.binomial(n, 1.0 / (1.0 + np.exp(-rng.normal(centre, spread, k))))
        n[-1], events[-1] = 2, 1
        studies = bm.Studies(tuple(f"s{i}" for i in range(k)), events=events, n=n)
        problems.append(pose_model(studies, bm.ModelSpec("binomial", mu=mu, tau=tau))[0])
    return problems


@pytest.mark.parametrize(("mu", "tau"), PRIORS)
@pytest.mark.parametrize(
    ("centre", "spread", "largest"), [(0.0, 1.0, 150), (-4.5, 1.0, 100), (0.0, 3.0, 5), (-7.0, 1.0, 30_000)]
)
def test_regions_are_those_found_one_by_one(mu: str, tau: str, centre: float, spread: float, largest: int) -> None:
    problems = simulated(centre, spread, largest, mu, tau)
    terms = [one.terms for one in problems if can_search_together(one.terms)]
    scale = np.array([one.tau_coordinate.scale for one in problems if isinstance(one.tau_coordinate, HalfLine)])
    together = find_regions(terms, scale, problems[0].prior_mu, problems[0].prior_tau)
    for problem, region in zip(problems, together, strict=True):
        alone = find_region(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate)
        assert region.q[[0, -1]] == pytest.approx(alone.q[[0, -1]], abs=0.7)
        assert region.sd_q == pytest.approx(alone.sd_q, rel=0.1)
        width = alone.upper - alone.lower
        for ends, own in (region.lower, alone.lower), (region.upper, alone.upper):
            assert (np.abs(np.interp(alone.q, region.q, ends) - own) <= 0.15 * width).all()
        assert (np.abs(np.log(np.interp(alone.q, region.q, region.sd) / alone.sd)) < 0.7).all()


def test_only_log_odds_without_offsets_are_searched_together() -> None:
    counts = np.array([1.0, 2.0]), np.array([5.0, 9.0])
    assert can_search_together(BinomialTerms(*counts))
    assert not can_search_together(BinomialTerms(*counts, link="probit"))
    assert not can_search_together(BinomialTerms(*counts, offset=np.zeros(2)))
    assert not can_search_together(BinomialTerms(np.empty(0), np.empty(0)))
