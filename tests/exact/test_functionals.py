"""The tables of shares against the functions of one posterior, which compute the same numbers one by one."""

import numpy as np
import pytest

from bayesmeta.exact.functionals import Functionals, axes_for
from bayesmeta.exact.quantities import Quantities

DATA = {"ordinary": ([9, 14, 3, 22], [20, 31, 11, 40]), "sparse": ([0, 1, 0], [12, 20, 9]), "single": ([3], [10])}


@pytest.fixture(params=DATA)
def quantities(request, fit_counts) -> Quantities:
    return fit_counts(*DATA[request.param]).solution.fine


def of(quantities):
    problem = quantities.posterior.surface
    grid = problem.grid
    return Functionals(problem, axes_for(problem.terms, grid.mu_coordinate, grid.tau_coordinate))


@pytest.mark.parametrize("base", ["mu", "p_mean", "theta_new"])
def test_shares_add_up_to_the_distribution_functions_and_densities_of_one_posterior(quantities, base):
    x = quantities.marginal(base).base_ppf(np.array([0.01, 0.025, 0.3, 0.5, 0.9, 0.975]))
    cdf, pdf = quantities.base(base)(x)
    posterior = quantities.posterior
    shares = of(quantities).distribution(base, x, posterior.rows)
    weight = posterior.weight[posterior.rows]
    np.testing.assert_allclose(np.einsum("ju,jux->x", weight, shares[0]), cdf, atol=3e-9)
    np.testing.assert_allclose(np.einsum("ju,jux->x", weight, shares[1]), pdf, rtol=1e-6)


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new", "p_median", "p_mean", "p_new"])
def test_shares_add_up_to_the_moments_of_one_posterior(quantities, name):
    functionals = of(quantities)
    first, second = np.einsum("ju,jum->m", quantities.posterior.weight, functionals.moments(name))
    centre = functionals.centre if name in ("mu", "theta_new") else 0.0
    np.testing.assert_allclose([first + centre, np.sqrt(second - first**2)], quantities.moments(name), atol=1e-10)


def test_tails_are_the_probabilities_beyond_two_points(quantities):
    weight, functionals = quantities.posterior.weight, of(quantities)
    for base in ("mu", "p_mean", "theta_new"):
        ends = quantities.marginal(base).base_ppf(np.array([0.2, 0.9]))
        tails = np.einsum("ju,jum->m", weight, functionals.tails(base, ends))
        np.testing.assert_allclose(tails, [0.2, 0.1], atol=0.03)
