"""Is the joint density that whose margins are the posteriors of mu and tau?"""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.analyses.joint_density import joint_density
from bayesmeta.errors import SpecError
from bayesmeta.exact.draws import draw_mu_tau


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))


def lattice(table):
    mu, tau = np.unique(table["mu"]), np.unique(table["tau"])
    return mu, tau, *(table[name].to_numpy().reshape(tau.size, mu.size) for name in ("density", "prob"))


def test_its_margins_are_the_posteriors_of_mu_and_tau(fit):
    mu, tau, density, _ = lattice(joint_density(fit))
    of_tau, of_mu = np.trapezoid(density, mu, axis=1), np.trapezoid(density, tau, axis=0)
    assert of_tau == pytest.approx(fit.marginal("tau").pdf(tau), abs=5e-4)
    assert of_mu == pytest.approx(fit.marginal("mu").pdf(mu), abs=5e-4)


@pytest.mark.parametrize("prob", [0.5, 0.8, 0.95])
def test_a_region_of_highest_density_holds_its_share_of_draws(fit, prob):
    mu, tau, _, mass = lattice(joint_density(fit))
    from scipy.interpolate import RegularGridInterpolator

    drawn = draw_mu_tau(fit.solution.fine.posterior, 40_000, np.random.default_rng(1))
    at = RegularGridInterpolator((tau, mu), mass, bounds_error=False, fill_value=1.0)(np.column_stack(drawn[::-1]))
    assert (at < prob).mean() == pytest.approx(prob, abs=0.01)


def test_that_of_draws_is_near(fit, as_nuts):
    table = joint_density(as_nuts(fit))
    mu, tau, density, _ = lattice(table)
    assert np.trapezoid(np.trapezoid(density, mu, axis=1), tau) == pytest.approx(1.0, abs=0.02)
    best, exact = (t.loc[t["density"].idxmax(), ["mu", "tau"]].to_numpy() for t in (table, joint_density(fit)))
    assert best == pytest.approx(exact, abs=0.15)


def test_a_common_effect_has_no_tau(fit):
    with pytest.raises(SpecError, match="so there is no tau to draw"):
        joint_density(bm.fit(fit.studies, bm.ModelSpec("binomial", effects="none")))
