"""The rule over (mu, tau): its weights integrate known densities, its maps are one another's inverse."""

import numpy as np
import pytest
from scipy import special, stats

from bayesmeta.exact.solve import pose
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.coordinates import HalfLine, Interval, RealLine, SteepInterval
from bayesmeta.surface.grid import make_grid
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.region import find_region

FLAT_TERMS = NormalTerms(np.array([0.3]), np.array([1.0]))


class Targets:
    """Densities of (mu, tau) that do not depend on the studies, as pairs of functions of (mu, tau) and of tau."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def of_mu(self, mu, tau, log_m):
        return np.stack([given_tau(mu, tau) for given_tau, _ in self.pairs])

    def of_tau(self, tau):
        return np.stack([marginal(tau) for _, marginal in self.pairs])


def grid_of(target, mu=RealLine(), tau=HalfLine(0.1), index=1, terms=FLAT_TERMS):  # noqa: B008
    return make_grid(find_region(terms, target, mu, tau), level(index), mu, tau)


def total(grid, log_f):
    """Integral of a density of mu given tau, times one of tau, over the grid."""
    mu, tau = grid.mu, np.broadcast_to(grid.tau[:, None], grid.shape)
    given_tau, marginal = log_f
    values = (given_tau(mu.ravel(), tau.ravel()) + marginal(tau.ravel())).reshape(grid.shape)
    return float(np.exp(special.logsumexp(values + grid.log_weight_mu + grid.log_weight_tau[:, None])))


def normal_half_normal(m, s, t):
    return (lambda mu, tau: stats.norm.logpdf(mu, m, s), lambda tau: stats.halfnorm.logpdf(tau, scale=t))


@pytest.mark.parametrize("t", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (-7.0, 0.01), (40.0, 25.0)])
def test_the_weights_integrate_a_normal_times_a_half_normal_density(m, s, t):
    log_f = normal_half_normal(m, s, t)
    assert total(grid_of(Targets(log_f)), log_f) == pytest.approx(1.0, abs=1e-7)


def test_the_integral_converges_as_levels_rise():
    log_f = normal_half_normal(0.0, 1.0, 1.0)
    errors = [abs(total(grid_of(Targets(log_f), index=i), log_f) - 1.0) for i in (0, 2, 4)]
    assert errors[0] < 1e-5
    assert errors[2] < 1e-11


def test_mu_that_scatters_with_tau_is_followed():
    log_f = (lambda mu, tau: stats.norm.logpdf(mu, 1.0, 1e-3 + tau), lambda tau: stats.lognorm.logpdf(tau, 2.0))
    assert total(grid_of(Targets(log_f), index=2), log_f) == pytest.approx(1.0, abs=1e-6)


def test_bounded_supports_are_covered_to_their_bounds():
    log_f = (lambda mu, tau: stats.uniform.logpdf(mu, -1.0, 4.0), lambda tau: stats.uniform.logpdf(tau, 0.5, 2.0))
    grid = grid_of(Targets(log_f), Interval(-1.0, 3.0), SteepInterval(0.5, 2.5), index=3)
    assert total(grid, log_f) == pytest.approx(1.0, abs=1e-8)


def test_the_region_of_every_target_is_covered():
    left, right = normal_half_normal(-30.0, 1.0, 0.1), normal_half_normal(25.0, 2.0, 5.0)
    grid = grid_of(Targets(left, right), index=3)
    assert grid.mu.min() < -35.0
    assert grid.mu.max() > 35.0


def test_nodes_lie_where_their_coordinates_say():
    grid = grid_of(Targets(normal_half_normal(0.0, 1.0, 1.0)))
    assert grid.mu.shape == grid.shape == grid.log_weight_mu.shape
    assert grid.position(grid.mu) == pytest.approx(np.tile(np.arange(grid.shape[1]), (grid.shape[0], 1)), abs=1e-9)
    assert np.diff(grid.q) == pytest.approx(grid.q[1] - grid.q[0])
    assert grid.tau == pytest.approx(HalfLine(0.1).value(grid.q))


def test_the_slope_is_the_derivative_of_the_position():
    grid = grid_of(Targets(normal_half_normal(0.0, 1.0, 1.0)))
    mu, h = np.tile([-2.0, -0.1, 0.0, 1.7], (grid.shape[0], 1)), 1e-6
    difference = (grid.position(mu + h) - grid.position(mu - h)) / (2.0 * h)
    assert np.exp(grid.log_slope(mu)) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize(
    ("events", "n"),
    [
        ([1.0, 0.0, 220.0], [17361.0, 18538.0, 1497.0]),
        ([886.0], [889.0]),
        ([692.0, 0.0, 145.0], [14508.0, 13595.0, 3929.0]),
    ],
)
def test_the_region_is_found_where_priors_and_data_are_far_apart(events, n):
    """The likelihoods are far steeper there than at their maxima, where a rough rule takes their widths from."""
    problem = pose(
        BinomialTerms(np.array(events, float), np.array(n, float)),
        Prior("Normal", -2.0, 0.3),
        Prior("HalfNormal", 0.1),
        link="logit",
    )
    region = find_region(problem.terms, problem, problem.mu_coordinate, problem.tau_coordinate)
    for index in (0, 2):
        weight = problem.posterior(region, level(index)).weight
        edges = weight[0].sum(), weight[-1].sum(), weight[:, 0].sum(), weight[:, -1].sum()
        assert max(edges) < 1e-8
