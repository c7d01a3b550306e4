from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from bayesmeta.errors import SpecError
from bayesmeta.spec.elicit import elicit, inside
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior

LOWER, UPPER = 0.1, 0.4
HALF = (special.logit(UPPER) - special.logit(LOWER)) / 2.0


@pytest.mark.parametrize(
    ("family", "options"),
    [("HalfNormal", {}), ("HalfStudentT", {"nu": 3.0}), ("HalfStudentT", {"nu": 1.0}), ("LogNormal", {"sigma": 0.8})],
)
@pytest.mark.parametrize("prob", [0.5, 0.95])
def test_the_stated_share_of_studies_lies_in_the_range(family, options, prob):
    prior = elicit(LOWER, UPPER, prob=prob, family=family, **options).prior
    assert prior.name == family

    def share(log_tau):
        tau = np.exp(log_tau)
        return special.erf(HALF / (tau * np.sqrt(2.0))) * np.exp(prior.logpdf(tau)) * tau

    edges = np.linspace(-40.0, 40.0, 41) + np.log(prior.ppf(0.5))
    total = sum(integrate.quad(share, a, b, epsabs=1e-13)[0] for a, b in pairwise(edges))
    assert total == pytest.approx(prob, abs=1e-9)


def test_a_half_normal_prior_makes_differences_between_studies_that_follow_a_product_of_normals():
    # theta - m = tau z with tau = sigma |t|: the product of two standard normals has density K_0(|x|) / pi
    inner, _ = integrate.quad(special.k0, 0.0, HALF / 0.5, limit=200)
    assert inside(Prior("HalfNormal", sigma=0.5), HALF) == pytest.approx(2.0 * inner / np.pi, abs=1e-10)


def test_the_picture_holds_the_range_that_was_stated():
    elicited = elicit(LOWER, UPPER, prob=0.95, family="HalfStudentT", nu=4)
    picture = elicited.picture
    np.testing.assert_allclose(picture.loc[[0.025, 0.975], "proportion"], [LOWER, UPPER], rtol=1e-10)
    assert picture.loc[0.5].tolist() == pytest.approx([elicited.centre] * 4)
    high = special.expit(special.logit(elicited.centre) + special.ndtri(0.95) * elicited.prior.ppf(0.95))
    assert picture.loc[0.95, "proportion_high_tau"] == pytest.approx(float(high), rel=1e-12)
    assert (picture.diff().iloc[1:] > 0.0).all(axis=None)
    assert str(elicited).endswith("95 % of comparable studies have a true rate from 10 % to 40 %, around 21.4 %")


def test_turning_events_round_turns_the_range_round_and_keeps_the_prior():
    one, other = elicit(LOWER, UPPER), elicit(1 - UPPER, 1 - LOWER)
    assert one.prior.parameters["sigma"] == pytest.approx(other.prior.parameters["sigma"], rel=1e-10)
    assert one.centre == pytest.approx(1.0 - other.centre)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0.4, 0.1), {}, "must be below upper"),
        ((10, 40), {}, "Did you mean 0.1"),
        ((0.0, 0.4), {}, "strictly between 0 and 1"),
        ((0.1, 0.4), {"prob": 95}, "Did you mean 0.95"),
        ((0.1, 0.4), {"family": "Halfnormal"}, "Did you mean 'HalfNormal'"),
        ((0.1, 0.4), {"nu": 0}, "nu=0 must be a number above 0"),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(arguments, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        elicit(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_the_result_is_accepted_wherever_a_prior_is():
    found = elicit(0.1, 0.4)
    spec = ModelSpec("binomial", tau=found)
    assert spec.tau == found.prior
    assert spec == ModelSpec("binomial", tau=found.prior)
    assert spec.with_priors(tau=elicit(0.2, 0.4)).tau == elicit(0.2, 0.4).prior
    with pytest.raises(SpecError, match=r"is not a prior; give a Prior, .* or the result of elicit\(\)"):
        ModelSpec("binomial", tau=0.5)
