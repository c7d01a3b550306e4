"""The regions of many posteriors, found in step with likelihoods good to 1e-2, hold all but a negligible part."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta._arrays import FloatArray
from bayesmeta.exact.fit import pose_model
from bayesmeta.exact.solve import Problem
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import Region, find_region
from bayesmeta.surface.regions import DROP, can_search_together, find_regions

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
def test_regions_end_where_densities_have_fallen(mu: str, tau: str, centre: float, spread: float, largest: int) -> None:
    problems = simulated(centre, spread, largest, mu, tau)
    terms = [one.terms for one in problems if can_search_together(one.terms)]
    scale = np.array([one.tau_coordinate.scale for one in problems if isinstance(one.tau_coordinate, HalfLine)])
    together = find_regions(terms, scale, problems[0].prior_mu, problems[0].prior_tau)
    for problem, region in zip(problems, together, strict=True):
        alone = find_region(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate)
        assert 0.6 < region.sd_q / alone.sd_q < 1.6  # a second difference, at other points
        assert alone.q[0] < region.q[0] < region.q[-1] < alone.q[-1]
        assert (np.abs(np.log(np.interp(region.q, alone.q, alone.sd) / region.sd)) < 0.7).all()
        tau_at = problem.tau_coordinate.value(region.q)
        log_mass, fall = falls(problem, region, tau_at)
        assert (fall > DROP - 6.0).all()
        assert (fall < DROP + 9.0).all()
        log_mass += problem.prior_tau.logpdf(tau_at) + problem.tau_coordinate.log_jacobian(region.q)
        assert (log_mass.max() - log_mass[[0, -1]] > DROP - 6.0).all()
        rough = region.log_mass - region.log_mass.max()
        heavy = rough > -15.0
        assert rough[heavy] == pytest.approx((log_mass - log_mass.max())[heavy], abs=0.3)


def falls(problem: Problem, region: Region, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log masses of rows (R,), and by how much the density of mu has fallen at both ends (R, 2)."""
    mu = region.lower[:, None] + (region.upper - region.lower)[:, None] * np.linspace(0.0, 1.0, 81)
    at = mu.ravel(), np.repeat(tau, 81)
    log_f = problem.of_mu(*at, problem.terms.marginal(level(1))(*at))[0].reshape(mu.shape)
    peak = log_f.max(axis=1)
    log_mass = peak + np.log(np.trapezoid(np.exp(log_f - peak[:, None]), mu, axis=1))
    return log_mass, peak[:, None] - log_f[:, [0, -1]]


def test_only_log_odds_without_offsets_are_searched_together() -> None:
    counts = np.array([1.0, 2.0]), np.array([5.0, 9.0])
    assert can_search_together(BinomialTerms(*counts))
    assert not can_search_together(BinomialTerms(*counts, link="probit"))
    assert not can_search_together(BinomialTerms(*counts, offset=np.zeros(2)))
    assert not can_search_together(BinomialTerms(np.empty(0), np.empty(0)))
