"""Is a beta prior on the proportion carried to mu by each link?"""

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import SpecError
from bayesmeta.spec.priors import Prior, as_prior

SHAPES = [(1, 1), (0.5, 0.5), (2, 7), (30, 4)]
every = pytest.mark.parametrize(("alpha", "beta"), SHAPES, ids=str)
links = pytest.mark.parametrize("link", PROPORTION_LINKS)
Q = np.array([1e-9, 1e-4, 0.025, 0.3, 0.5, 0.7, 0.975, 1 - 1e-4, 1 - 1e-9])


INVERSE = {"logit": special.expit, "probit": special.ndtr, "cloglog": lambda x: -np.expm1(-np.exp(x))}


@links
@every
def test_density_is_the_slope_of_the_distribution_function_of_the_proportion(link, alpha, beta):
    prior, step = Prior("Beta", alpha, beta).resolved(link=link), 1e-4
    for mu in (-3.0, -0.4, 0.0, 0.9, 1.2):
        # five points: an error of step^4
        at = [stats.beta(alpha, beta).cdf(INVERSE[link](mu + i * step)) for i in (-2, -1, 1, 2)]
        slope = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step)
        assert np.exp(prior.logpdf(mu)) == pytest.approx(slope, rel=1e-8, abs=1e-11)


@links
@every
def test_far_out_the_density_is_its_leading_term(link, alpha, beta):
    prior = Prior("Beta", alpha, beta).resolved(link=link)
    constant = -special.betaln(alpha, beta)
    left = {"logit": -40.0 * alpha, "cloglog": -40.0 * alpha}.get(link)
    if left is not None:
        assert prior.logpdf(-40.0) == pytest.approx(left + constant, abs=1e-12)
    right = {"logit": (40.0, -40.0 * beta), "cloglog": (5.0, 5.0 - beta * np.exp(5.0))}.get(link)
    if right is not None:
        assert prior.logpdf(right[0]) == pytest.approx(right[1] + constant, abs=1e-12)
    if link == "probit":  # Mills: 1 - Phi(x) ~ phi(x)/x, to a relative 1/x²
        expected = (beta - 1) * np.log(stats.norm.pdf(30.0) / 30.0) + stats.norm.logpdf(30.0) + constant
        assert prior.logpdf(30.0) == pytest.approx(expected, abs=abs(beta - 1) / 890.0 + 1e-12)


@links
@every
def test_it_integrates_to_one_and_quantiles_are_those_of_the_proportion(link, alpha, beta):
    prior = Prior("Beta", alpha, beta).resolved(link=link)
    x = prior.ppf(Q)
    pieces = [
        integrate.quad(lambda x: np.exp(prior.logpdf(x)), low, high, epsabs=1e-13)[0]
        for low, high in zip([-np.inf, *x], [*x, np.inf], strict=True)
    ]
    np.testing.assert_allclose(np.cumsum(pieces), [*Q, 1.0], atol=1e-9)
    np.testing.assert_allclose(prior.cdf(x), Q, rtol=1e-11)
    p = np.exp(PROPORTION_LINKS[link].log_p(x))
    np.testing.assert_allclose(p, stats.beta(alpha, beta).ppf(Q), rtol=1e-9)
    assert tuple(prior.ppf([0.0, 1.0])) == prior.support == (-np.inf, np.inf)


def test_uniform_on_the_proportion_is_logistic_on_the_logit():
    x = np.linspace(-30.0, 30.0, 13)
    prior, logistic = Prior("Beta", 1, 1).resolved(link="logit"), Prior("Logistic", 0, 1)
    np.testing.assert_allclose(prior.logpdf(x), logistic.logpdf(x), rtol=1e-14)
    np.testing.assert_allclose(prior.cdf(x), logistic.cdf(x), rtol=1e-14)


def test_uniform_on_the_proportion_is_normal_on_the_probit():
    x = np.linspace(-30.0, 30.0, 13)
    np.testing.assert_allclose(
        Prior("Beta", 1, 1).resolved(link="probit").logpdf(x), Prior("Normal", 0, 1).logpdf(x), rtol=1e-14
    )


@links
def test_far_out_the_density_vanishes_faster_than_every_power(link):
    prior = Prior("Beta", 0.5, 0.5).resolved(link=link)
    assert prior.tail_order == np.inf
    assert prior.is_proper
    values = prior.logpdf([-np.inf, -1e4, 1e4, np.inf, np.nan])
    assert (values[:4] < -1e3).all()
    assert np.isnan(values[4])


def test_without_a_link_it_is_no_density_of_mu():
    prior = as_prior("Beta(2, 3)")
    assert prior.is_proper
    assert not prior.is_resolved
    for ask in (prior.logpdf, prior.cdf, prior.ppf):
        with pytest.raises(SpecError, match="of mu only once the link is known"):
            ask(0.5)


def test_a_link_that_leads_to_no_proportion_is_refused_in_one_line():
    with pytest.raises(SpecError, match="is a prior on a proportion, which link='identity' does not lead to") as raised:
        Prior("Beta", 1, 1).resolved(link="identity")
    assert "\n" not in str(raised.value)


def test_resolved_priors_are_values_of_their_own():
    prior = Prior("Beta", 2, 3)
    logit = prior.resolved(link="logit")
    assert logit == prior.resolved(link="logit") != prior.resolved(link="probit") != prior
    assert logit.resolved(link="logit") == logit
    assert str(logit) == str(prior)
