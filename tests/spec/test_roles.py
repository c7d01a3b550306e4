"""Is a prior refused for a parameter that it does not suit, and the right one named?"""

import re

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.roles import PARAMETERS, SUITABLE, prior_for


def refusal(parameter, value) -> str:
    with pytest.raises(SpecError) as caught:
        prior_for(parameter, value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("Normal(0, 1)", "HalfNormal(1)"),
        ("Normal(2, 0.5)", "HalfNormal(0.5)"),
        ("StudentT(3, 0, 2)", "HalfStudentT(3, 2)"),
        ("Cauchy(0, 0.3)", "HalfCauchy(0.3)"),
        ("Logistic(0, 1)", "HalfLogistic(1)"),
        ("Uniform(-1, 5)", "Uniform(0, 5)"),
        ("Uniform(-5, -1)", "Uniform(0, 5)"),
    ],
)
def test_a_prior_of_tau_that_reaches_below_zero_is_refused(given, instead):
    message = refusal("tau", given)
    assert "for tau reaches below 0, but tau is a standard deviation" in message
    assert message.endswith(f"Use {instead}.")
    prior_for("tau", instead)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("HalfNormal(0.5)", "Normal(0, 0.5)"),
        ("HalfStudentT(3, 2)", "StudentT(3, 0, 2)"),
        ("HalfCauchy(0.3)", "Cauchy(0, 0.3)"),
        ("HalfFlat()", "Flat()"),
        ("HalfLogistic(0.4)", "Logistic(0, 0.4)"),
        ("Lomax(6, 2)", "Normal(0, 1.5)"),
        ("Exponential(1)", "Normal(0, 1.5)"),
        ("Gamma(2, 1)", "Normal(0, 1.5)"),
        ("InverseGamma(2, 1)", "Normal(0, 1.5)"),
        ("LogNormal(0, 1)", "Normal(0, 1.5)"),
        ("Weibull(2, 1)", "Normal(0, 1.5)"),
    ],
)
def test_a_half_line_prior_of_mu_is_refused(given, instead):
    message = refusal("mu", given)
    assert "for mu allows no negative value" in message
    assert message.endswith(f"Use {instead}.")
    prior_for("mu", instead)


def test_flat_on_tau_is_flat_on_the_half_line():
    assert prior_for("tau", "Flat()") == prior_for("tau", "HalfFlat()") == Prior("HalfFlat")
    assert prior_for("mu", Prior("Flat")) == Prior("Flat")


def test_a_bounded_prior_suits_both_parameters():
    assert prior_for("mu", "Uniform(0, 5)") == prior_for("tau", "Uniform(0, 5)") == Prior("Uniform", 0, 5)


@pytest.mark.parametrize("given", ["Nonsense(1)", "Nonsense", "unifrm", "Norml(0, 1)"])
def test_an_unknown_prior_is_answered_with_those_that_suit_the_parameter(given):
    listed = {key: re.split(r"(?:Allowed|Supported): ", refusal(key, given))[1] for key in PARAMETERS}
    assert listed["mu"] == "Normal, StudentT, Cauchy, Logistic, Uniform, Beta, Flat."
    assert {"HalfNormal", "Uniform", "LogNormal", "Flat", "Jeffreys", "I2"} <= set(
        listed["tau"].removesuffix(".").split(", ")
    )
    assert not {"Normal", "StudentT", "Cauchy", "Logistic", "Beta"} & set(listed["tau"].removesuffix(".").split(", "))
    for key, allowed in listed.items():
        near = re.search(r"Did you mean '(\w+)'", refusal(key, given))
        assert near is None or near[1] in allowed


def test_every_family_suits_a_parameter():
    assert {*SUITABLE["mu"], *SUITABLE["tau"]} == {*PRIORS, *R_BAYESMETA_PRIORS}


def test_a_prior_on_a_proportion_is_one_of_mu_and_r_bayesmetas_are_of_tau():
    assert str(prior_for("mu", "Beta(2, 3)")) == "Beta(alpha=2, beta=3)"
    assert refusal("tau", "Beta(1, 1)").endswith(
        "for tau is a prior on a proportion, which tau is not; use HalfNormal(1)."
    )
    assert prior_for("tau", "Jeffreys") == Prior("Jeffreys")
    assert refusal("mu", "uniform").endswith("is a prior of tau in R bayesmeta; for a flat prior of mu use Flat().")


def test_an_error_in_the_prior_names_the_parameter():
    assert refusal("tau", "HalfNorml(1)").startswith("prior for tau: unknown prior 'HalfNorml'.")
    assert refusal("mu", 3).startswith("prior for mu: 3 is not a prior;")
