"""What did the priors say, of each kind of quantity and of fit?"""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import bayesmeta as bm
from bayesmeta.analyses.before import Before
from bayesmeta.errors import SpecError

AT = np.array([0.05, 0.5, 0.95])


@pytest.fixture(scope="module")
def studies() -> bm.Studies:
    data = {"study": list("ABC"), "events": [3, 5, 9], "n": [10, 20, 15], "year": [2001, 2005, 2009]}
    return bm.Studies.from_frame(pd.DataFrame(data), moderators=["year"])


def test_tau_has_its_prior(studies):
    found = Before(bm.fit(studies, bm.ModelSpec(tau="HalfNormal(0.5)"))).marginal("tau")
    assert found.ppf(AT) == pytest.approx(bm.Prior("HalfNormal", 0.5).ppf(AT))
    assert found.pdf(np.array([0.4])) == pytest.approx(np.exp(-0.5 * 0.8**2) * np.sqrt(2 / np.pi) / 0.5)


def test_quantities_of_priors_with_tails_too_heavy_for_quadrature_are_drawn(studies):
    fit = bm.fit(studies, bm.ModelSpec(mu="Cauchy(0, 1)", tau="HalfCauchy(0.5)"))
    drawn = Before(fit, seed=1).marginal("p_new").ppf(AT)
    rng = np.random.default_rng(2)
    mu, tau = rng.standard_cauchy(10**5), 0.5 * np.abs(rng.standard_cauchy(10**5))
    expected = np.quantile(special.expit(rng.normal(mu, tau)), AT)
    assert drawn == pytest.approx(expected, abs=0.02)


def test_a_coefficient_has_its_own_prior_and_its_group_none_that_is_drawn(studies):
    model = bm.ModelSpec("binomial", formula="~ year", beta={"Intercept": "Normal(0, 1.5)", "year": "Normal(0, 0.5)"})
    before = Before(bm.fit(studies, model))
    name = next(name for name in before.fit.parameters if "year" in name)
    assert before.marginal(name).ppf(AT) == pytest.approx(bm.Prior("Normal", 0, 0.5).ppf(AT))
    with pytest.raises(SpecError, match="follows from several coefficients"):
        before.marginal("p_new")
