"""Is every mistake in a prior's parameters named, with its remedy, in one line?"""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.priors import Prior


def refusal(*args, **kwargs) -> str:
    with pytest.raises(SpecError) as caught:
        Prior(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_name_gets_the_nearest_and_the_list():
    message = refusal("HalfNorml", 1)
    assert message.startswith("unknown prior 'HalfNorml'. Did you mean 'HalfNormal'? Allowed: Normal, StudentT,")
    assert "Did you mean 'HalfNormal'?" in refusal("halfnormal", 1)
    assert refusal(3).startswith("unknown prior 3.")
    assert len(refusal("x" * 10_000)) < 400


def test_an_unknown_parameter_gets_the_nearest_and_the_list():
    assert refusal("HalfNormal", sgma=1) == (
        "unknown parameter of HalfNormal 'sgma'. Did you mean 'sigma'? Allowed: sigma."
    )
    assert "Allowed: lam, scale." in refusal("Exponential", rate=1)
    assert refusal("Flat", mu=0) == "Flat takes no parameters; 'mu' was given. Write Flat()."


def test_missing_surplus_and_doubled_parameters_are_named():
    assert refusal("Normal", 0) == "Normal lacks sigma; write Normal(mu=..., sigma=...)."
    assert refusal("HalfNormal") == "HalfNormal lacks sigma; write HalfNormal(sigma=...)."
    assert refusal("Normal", 0, 1, 2) == "Normal takes mu, sigma; 3 given. Write Normal(mu=..., sigma=...)."
    assert refusal("Flat", 0) == "Flat takes no parameters; 1 given. Write Flat()."
    assert refusal("Normal", 0, mu=1) == "Normal: mu is given twice, by position and by name."


def test_two_forms_cannot_be_mixed():
    both = "write Gamma(alpha=..., beta=...) or Gamma(mu=..., sigma=...)."
    assert refusal("Gamma", alpha=1, sigma=2) == f"Gamma cannot take alpha, sigma together; {both}"
    assert refusal("Gamma", mu=1) == f"Gamma lacks sigma; {both}"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Normal", {"mu": 0, "sigma": 0}),
        ("Normal", {"mu": 0, "sigma": -1}),
        ("StudentT", {"nu": 0, "mu": 0, "sigma": 1}),
        ("Cauchy", {"alpha": 0, "beta": -1}),
        ("Logistic", {"mu": 0, "s": 0}),
        ("HalfNormal", {"sigma": -0.5}),
        ("HalfCauchy", {"beta": 0}),
        ("HalfStudentT", {"nu": -1, "sigma": 1}),
        ("Exponential", {"lam": 0}),
        ("Exponential", {"scale": -1}),
        ("Gamma", {"alpha": 1, "beta": 0}),
        ("Gamma", {"mu": -1, "sigma": 1}),
        ("InverseGamma", {"alpha": 0, "beta": 1}),
        ("LogNormal", {"mu": 0, "sigma": 0}),
        ("Weibull", {"alpha": 1, "beta": -2}),
    ],
)
def test_scales_and_shapes_must_be_above_zero(name, parameters):
    assert refusal(name, **parameters).endswith("must be above 0.")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400, np.float64("nan")])
def test_values_must_be_finite(value):
    assert refusal("Normal", value, 1).endswith("must be finite.")
    assert refusal("HalfNormal", sigma=value).endswith("must be finite.")


@pytest.mark.parametrize("value", ["1", None, True, np.True_, 1j, [1.0], np.array([1.0, 2.0]), Decimal(1)])
def test_values_must_be_numbers(value):
    assert refusal("HalfNormal", value).endswith("is not a number.")


def test_a_fraction_is_a_number():
    assert Prior("HalfNormal", Fraction(1, 2)) == Prior("HalfNormal", 0.5)


def test_lower_must_be_below_upper():
    assert refusal("Uniform", 5, 1) == "Uniform: lower=5 must be below upper=1."
    assert refusal("Uniform", 1, 1) == "Uniform: lower=1 must be below upper=1."


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("LogNormal", (800, 1)),
        ("LogNormal", (-800, 1)),
        ("Uniform", (-1.7e308, 1.7e308)),
        ("Exponential", (1e-320,)),
    ],
)
def test_a_scale_that_overflows_is_refused(name, values):
    assert "is too extreme to compute with" in refusal(name, *values)


def test_moments_that_overflow_are_refused():
    assert "is too extreme to compute with" in refusal("Gamma", mu=1e300, sigma=1e-300)
