"""Is the posterior of no studies the prior, of every quantity?"""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.exact.before import quantities_before

AT = np.array([0.025, 0.25, 0.5, 0.75, 0.975])
DRAWS = 200_000
MC_ERROR = 4.5 * 0.5 / np.sqrt(DRAWS)  # of a share of draws; ten comparisons


@pytest.fixture(scope="module")
def studies() -> bm.Studies:
    return bm.Studies.from_frame(pd.DataFrame({"study": list("AB"), "events": [3, 5], "n": [10, 20]}))


@pytest.mark.parametrize("tau", ["HalfNormal(1)", "HalfCauchy(0.5)", "Uniform(0, 5)", "LogNormal(-1, 1)"])
@pytest.mark.parametrize("mu", ["Normal(0, 1.5)", "Normal(-2, 0.3)", "Logistic(0, 1)"])
def test_mu_and_tau_have_their_priors_and_derived_quantities_those_of_draws(studies, mu, tau):
    model = bm.ModelSpec("binomial", mu=mu, tau=tau)
    found = quantities_before(model, studies)
    for name, prior in (("mu", model.mu), ("tau", model.tau)):
        assert found.marginal(name).cdf(prior.ppf(AT)) == pytest.approx(AT, abs=1e-4)
    rng = np.random.default_rng(7)
    of_mu, of_tau = model.mu.rvs(DRAWS, seed=rng), model.tau.rvs(DRAWS, seed=rng)
    theta = rng.normal(of_mu, of_tau)
    assert found.marginal("p_new").cdf(np.quantile(special.expit(theta), AT)) == pytest.approx(AT, abs=MC_ERROR)
    z, weight = np.polynomial.hermite_e.hermegauss(41)
    mean = special.expit(of_mu[:40_000, None] + of_tau[:40_000, None] * z) @ (weight / weight.sum())
    assert found.marginal("p_mean").cdf(np.quantile(mean, AT)) == pytest.approx(AT, abs=MC_ERROR * np.sqrt(5.0))


def test_the_next_effect_of_normal_priors_is_known(studies):
    model = bm.ModelSpec("binomial", mu="Normal(0.3, 1.5)", effects="none")
    found = quantities_before(model, studies).marginal("p_new")
    assert found.ppf(AT) == pytest.approx(special.expit(stats.norm(0.3, 1.5).ppf(AT)), abs=1e-5)


def test_an_improper_prior_says_nothing_before_the_data(studies):
    with pytest.raises(SpecError, match="the prior of mu is improper, so that nothing can be said before the data"):
        quantities_before(bm.ModelSpec("binomial", mu="Flat()"), studies)
