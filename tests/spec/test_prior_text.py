"""Is a prior's text parsed strictly, and never evaluated?"""

import time

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS
from bayesmeta.spec.priors import Prior, as_prior

HOSTILE = [
    "__import__('os').system('touch pwned')",
    "HalfNormal(sigma=open('x'))",
    "HalfNormal(sigma=__import__('os').getpid())",
    "HalfNormal(1).__class__",
    "HalfNormal.__init__(1)",
    "(lambda: HalfNormal(1))()",
    "HalfNormal(HalfNormal(1))",
    "HalfNormal(*[1])",
    "HalfNormal(**{'sigma': 1})",
    "HalfNormal(x)",
    "HalfNormal(sigma=sigma)",
    "HalfNormal(1/2)",
    "HalfNormal(1+1)",
    "HalfNormal(1) or 1",
    "HalfNormal(1); HalfNormal(2)",
    "HalfNormal(1)HalfNormal(2)",
    "HalfNormal('1')",
    "HalfNormal(True)",
    "HalfNormal(1j)",
    "HalfNormal(0x10)",
    "HalfNormal(1_000)",
    "HalfNormal(1e)",
    "HalfNormal(.)",
    "HalfNormal(--1)",
    "HalfNormal(1,)",
    "HalfNormal(,)",
    "HalfNormal(1 2)",
    "HalfNormal(sigma==1)",
    "HalfNormal(sigma:=1)",
    "HalfNormal(=1)",
    "HalfNormal(\u0661)",
    "H\u0430lfNormal(1)",
    "HalfNormal(1",
    "HalfNormal 1",
    "HalfNormal[1]",
    "HalfNormal((1))",
    "(1)",
    "()",
    "",
    " ",
    "\x00",
    "HalfNormal(1)\x00",
    "Normal(mu=0, 1)",
    "HalfNormal(sigma=1, sigma=1)",
    "HalfNormal(" * 10_000,
    "HalfNormal(" + "1" * 10_000 + ")",
    "HalfNormal(" + " " * 10_000 + ")",
    "A" * 10_000,
    "(" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_and_malformed_text_is_refused_in_one_short_line(text):
    with pytest.raises(SpecError) as caught:
        as_prior(text)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500


def test_refusal_takes_no_time_even_at_the_length_limit():
    started = time.perf_counter()
    for text in (
        "a " * 100,
        "Normal(" + " " * 190,
        "Normal(" + "a=" * 95,
        "Normal(" + "1" * 190,
        "Normal(" + "," * 190,
    ):
        with pytest.raises(SpecError):
            as_prior(text)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("HalfNormal(0.5)", Prior("HalfNormal", 0.5)),
        ("HalfNormal(sigma=0.5)", Prior("HalfNormal", 0.5)),
        (" HalfNormal ( sigma = .5 ) ", Prior("HalfNormal", 0.5)),
        ("HalfNormal(5e-1)", Prior("HalfNormal", 0.5)),
        ("HalfNormal(+1.)", Prior("HalfNormal", 1)),
        ("Normal(0, 1.5)", Prior("Normal", 0, 1.5)),
        ("Normal(-1,sigma=1)", Prior("Normal", -1, 1)),
        ("StudentT(3, sigma=2, mu=-1e-3)", Prior("StudentT", 3, -1e-3, 2)),
        ("Exponential(scale=2)", Prior("Exponential", scale=2)),
        ("Flat()", Prior("Flat")),
        ("Flat( )", Prior("Flat")),
    ],
)
def test_text_is_read_by_position_and_by_name(text, prior):
    assert as_prior(text) == prior


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-5, 1e16, 1.7976931348623157e308, 5e-300, 2.0**-60])
def test_text_reads_back_to_the_same_number(value):
    prior = Prior("HalfNormal", value)
    assert as_prior(str(prior)).parameters["sigma"] == value


@pytest.mark.parametrize("text", ["HalfNormal(inf)", "HalfNormal(nan)", "Normal(-inf, 1)", "HalfNormal(1e400)"])
def test_text_with_a_number_that_is_not_finite_is_refused_as_such(text):
    with pytest.raises(SpecError, match="must be finite"):
        as_prior(text)


@pytest.mark.parametrize("name", R_BAYESMETA_PRIORS)
def test_r_bayesmeta_names_are_read_with_and_without_parentheses(name):
    assert as_prior(name) == as_prior(f"{name}()") == as_prior(f" {name} ") == Prior(name)
    assert str(Prior(name)) == f"{name}()"
    with pytest.raises(SpecError):
        as_prior(f"{name}(1)")


@pytest.mark.parametrize("name", ["Flat", "HalfFlat"])
def test_a_family_without_parameters_needs_no_parentheses(name):
    assert as_prior(name) == as_prior(f"{name}()") == as_prior(f" {name} ") == Prior(name)


def test_a_family_without_parentheses_is_told_how_to_be_written():
    for name, family in PRIORS.items():
        if not family.parameter_names:
            continue
        with pytest.raises(SpecError) as caught:
            as_prior(name)
        assert str(caught.value).endswith(f"write {family.template()!r}.")


def test_a_misspelt_family_gets_the_nearest_name():
    for text in ("uniform(0, 5)", "Unifrom(0, 5)", "Unifrom"):
        with pytest.raises(SpecError, match="Did you mean 'Uniform'"):
            as_prior(text)
