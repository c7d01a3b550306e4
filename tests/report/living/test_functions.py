import json

import numpy as np
import pytest
from scipy import special

import bayesmeta as bm

X = np.concatenate([np.linspace(-37.0, 37.0, 297), [1e-8, -1e-8, 0.0]])
PRIORS = [
    ("Normal", 0.3, 1.5), ("StudentT", 4.0, 0.3, 2.0), ("Cauchy", 0.3, 2.0), ("Logistic", 0.3, 0.7), ("Flat",),
    ("Uniform", -1.0, 3.0), ("HalfNormal", 0.7), ("HalfCauchy", 0.7), ("HalfStudentT", 3.0, 0.7), ("Exponential", 2.0),
    ("Gamma", 2.0, 4.0), ("InverseGamma", 1.5, 0.3), ("LogNormal", -1.0, 0.8), ("Weibull", 1.5, 0.7),
    ("HalfLogistic", 0.7), ("Lomax", 2.0, 0.7), ("Turner2015", -2.0, 1.5), ("HalfFlat",),
]  # fmt: skip


def values(chromium, expression, points):
    return np.array(chromium.evaluate(f"{json.dumps(points.tolist())}.map(x => {expression})"), dtype=np.float64)


@pytest.fixture
def page(chromium, report):
    if not chromium.evaluate("typeof living !== 'undefined'"):
        chromium.open(report)
    return chromium


def test_the_normal_distribution_function_is_scipys(page):
    np.testing.assert_allclose(values(page, "living.functions.normalCdf(x)", X), special.ndtr(X), rtol=1e-12)
    np.testing.assert_allclose(values(page, "living.functions.logNormalCdf(x)", X), special.log_ndtr(X), rtol=1e-12)


def test_the_normal_quantile_is_scipys(page):
    p = np.concatenate([np.logspace(-300.0, -1.0, 40), np.linspace(0.1, 0.9, 17)])
    np.testing.assert_allclose(
        values(page, "living.functions.normalQuantile(x)", p), special.ndtri(p), rtol=1e-12, atol=1e-15
    )


def test_log_gamma_is_scipys(page):
    x = np.logspace(-3.0, 5.0, 200)
    np.testing.assert_allclose(
        values(page, "living.functions.logGamma(x)", x), special.gammaln(x), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize("count", [1, 2, 4, 8, 11, 18, 34])
def test_gauss_hermite_nodes_are_scipys(page, count):
    z, weight = np.array(page.evaluate(f"living.functions.hermiteRule({count}).map(a => [...a])"))
    expected, share = special.roots_hermitenorm(count)
    np.testing.assert_allclose(z, expected, atol=1e-13)
    np.testing.assert_allclose(weight, share / np.sqrt(2.0 * np.pi), rtol=1e-11)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior[0])
def test_densities_of_priors_are_pythons(page, prior):
    x = np.array([0.001, 0.1, 0.5, 1.0, 2.5, 20.0])
    made = f"living.functions.makePrior({json.dumps(prior[0])}, {json.dumps(prior[1:])}, 'logit').log(x)"
    found = np.array(
        [
            -np.inf if v is None else v
            for v in page.evaluate(f"{x.tolist()}.map(x => {made}).map(v => Number.isFinite(v) ? v : null)")
        ]
    )
    np.testing.assert_allclose(found, bm.Prior(*prior).logpdf(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_a_beta_prior_of_p_median_is_pythons_by_every_link(page, link):
    x = np.array([-20.0, -3.0, 0.0, 1.0, 3.0])
    found = values(page, f"living.functions.makePrior('Beta', [2, 0.5], '{link}').log(x)", x)
    np.testing.assert_allclose(found, bm.Prior("Beta", 2, 0.5).resolved(link=link).logpdf(x), rtol=1e-11)
