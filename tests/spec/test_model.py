"""Does a model say what it is, refuse what it cannot be, and stay as it was made?"""

import dataclasses
import pickle

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSource, ModelSpec
from bayesmeta.spec.priors import Prior


def refusal(*args, **kwargs) -> str:
    with pytest.raises(SpecError) as caught:
        ModelSpec(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_binomial_defaults():
    spec = ModelSpec("binomial")
    assert spec == ModelSpec(likelihood="binomial", mu="Normal(0, 1.5)", tau="HalfNormal(1)")
    assert (spec.link, spec.effects, spec.name, spec.title, spec.source) == ("logit", "normal", "", "", None)
    assert dict(spec.why) == dict(spec.sensitivity) == {}


def test_priors_are_given_as_records_or_text():
    spec = ModelSpec("normal", mu=Prior("Normal", 0, 2), tau="Flat()")
    assert spec.mu == Prior("Normal", 0, 2)
    assert spec.tau == Prior("HalfFlat")
    assert spec.link == "identity"
    assert ModelSpec("normal", mu="Flat()", tau="HalfNormal(1)", link="logit").link == "logit"


def test_a_normal_likelihood_without_priors_says_which_to_give():
    example = "ModelSpec('normal', mu='Normal(0, 2)', tau='HalfNormal(1)')"
    both = refusal("normal")
    assert "no default prior for mu and tau" in both
    assert example in both
    assert "no default prior for tau," in refusal("normal", mu="Flat()")
    assert "no default prior for mu," in refusal("normal", tau="HalfNormal(1)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"likelihood": "binomail"}, "unknown likelihood 'binomail'. Did you mean 'binomial'?"),
        ({"likelihood": "poisson"}, "likelihood='poisson' has no default prior for mu and tau, because the scale"),
        ({"likelihood": None}, "unknown likelihood None."),
        ({"link": "identity"}, "unknown link for likelihood='binomial': 'identity'. Allowed: logit, probit, cloglog."),
        (
            {"link": "probitt"},
            "unknown link for likelihood='binomial': 'probitt'. Did you mean 'probit'? Allowed: logit, probit,",
        ),
        ({"link": "lgoit"}, "Did you mean 'logit'?"),
        (
            {"effects": "student"},
            "unknown effects for likelihood='binomial': 'student'. Did you mean 'student-t'?",
        ),
        (
            {"effects": "none", "tau": "HalfNormal(1)"},
            "effects='none' gives all studies one effect, so there is no tau",
        ),
        ({"effects": "student-t", "nu": 0.1}, "nu=0.1 must be at least 0.5."),
        ({"effects": "student-t", "nu": "4"}, "nu='4' must be a number"),
        ({"nu": 4.0}, "nu=4.0 is for effects='student-t'; with effects='normal' leave it out."),
        ({"effects": "beta", "link": "probit", "mu": "Normal(0, 1)", "tau": "HalfNormal(1)"}, "goes with link='logit'"),
        ({"baseline": "Normal(0, 1)"}, "baseline is for likelihood='binomial-two-arm'; with 'binomial' leave it out."),
        ({"likelihood": "binomial-two-arm", "baseline": "Cauchy(0, 1)"}, "with light tails: use Normal(0, 1.5)."),
        ({"link": "probit"}, "its defaults are for the logit link, not probit: give both"),
        ({"effects": "nromal"}, "unknown effects for likelihood='binomial': 'nromal'. Did you mean 'normal'?"),
        ({"tau": "Normal(0, 1)"}, "Use HalfNormal(1)."),
        ({"mu": "HalfNormal(1)"}, "Use Normal(0, 1)."),
        ({"mu": "Nomal(0, 1)"}, "prior for mu: unknown prior 'Nomal'. Did you mean 'Normal'?"),
        ({"name": 3}, "name must be a string, not int."),
        ({"title": "\ud800"}, "cannot be written as UTF-8"),
        ({"why": {"ta": "x"}}, "unknown parameter in why 'ta'. Did you mean 'tau'? Allowed: mu, tau, baseline."),
        ({"why": {"tau": 1}}, "why['tau'] must be a string, not int."),
        ({"sensitivity": {"beta": []}}, "unknown parameter in sensitivity 'beta'. Allowed: mu, tau."),
        ({"sensitivity": {"tau": "HalfNormal(1)"}}, "sensitivity['tau'] must be a list of priors"),
        ({"sensitivity": {"tau": ["Normal(0, 1)"]}}, "for tau reaches below 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, message):
    assert message in refusal(**arguments)


def test_the_repr_is_the_model_statement():
    spec = ModelSpec("normal", mu="Flat()", tau="HalfCauchy(0.5)", name="mine", title="A title")
    assert repr(spec).splitlines() == [
        "ModelSpec 'mine': A title",
        "  y     ~ Normal(theta, se)",
        "  theta ~ Normal(mu, tau)",
        "  mu    ~ Flat() (improper, flat on the whole line)",
        "  tau   ~ HalfCauchy(beta=0.5)",
    ]
    assert "  events ~ Binomial(n, p),  logit p = theta" in repr(ModelSpec())


def test_the_repr_says_what_a_flat_prior_of_tau_means():
    assert repr(ModelSpec(tau="Flat()")).endswith("tau    ~ HalfFlat() (improper, flat above 0)")


def test_a_model_is_a_frozen_value():
    make = {"why": {"tau": "because"}, "sensitivity": {"tau": ["HalfNormal(2)"]}, "name": "m"}
    spec = ModelSpec("binomial", **make)
    assert spec == ModelSpec("binomial", **make)
    assert hash(spec) == hash(ModelSpec("binomial", **make))
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec != ModelSpec("binomial")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.tau = Prior("HalfNormal", 2)
    with pytest.raises(TypeError):
        spec.why["mu"] = "no"


def test_where_a_model_was_read_from_is_no_part_of_equality():
    assert ModelSpec(source=ModelSource("a.toml", "00")) == ModelSpec()


def test_empty_reasons_and_alternatives_are_the_same_as_none():
    assert ModelSpec(why={"mu": ""}, sensitivity={"tau": []}) == ModelSpec()


def test_order_of_reasons_and_alternatives_does_not_matter():
    spec = ModelSpec(why={"tau": "b", "mu": "a"}, sensitivity={"tau": ["HalfNormal(2)"], "mu": ["Flat()"]})
    assert list(spec.why) == list(spec.sensitivity) == ["mu", "tau"]


def test_with_priors_drops_the_reason_of_the_prior_that_changed():
    spec = ModelSpec(why={"mu": "a", "tau": "b"}, name="m", source=ModelSource("a.toml", "00"))
    changed = spec.with_priors(tau="HalfNormal(2)")
    assert changed.tau == Prior("HalfNormal", 2)
    assert changed.mu == spec.mu
    assert dict(changed.why) == {"mu": "a"}
    assert changed.source is None
    assert changed.name == "m"
    same = spec.with_priors(mu="Normal(0, 1.5)")
    assert same == spec
    assert same.source == spec.source
    with pytest.raises(SpecError, match="reaches below 0"):
        spec.with_priors(tau="Normal(0, 1)")


def test_dataclasses_replace_checks_again():
    spec = dataclasses.replace(ModelSpec(name="m"), tau="HalfNormal(2)")
    assert spec == ModelSpec(tau="HalfNormal(2)", name="m")


def test_a_model_says_what_its_priors_are_about_and_which_are_improper():
    lines = repr(ModelSpec("normal", link="logit", mu="Beta(2, 5)", tau="Jeffreys")).splitlines()
    assert "  p_median ~ Beta(alpha=2, beta=5)" in lines
    assert "  tau      ~ Jeffreys() (improper)" in lines
    assert "tau   ~ uniform() (improper, flat above 0)" in repr(ModelSpec("normal", mu="Flat()", tau="uniform"))
    assert "improper" not in repr(ModelSpec("normal", mu="Normal(0, 1)", tau="DuMouchel"))


def test_a_prior_on_a_proportion_is_none_of_a_coefficient():
    with pytest.raises(SpecError, match=r"for beta is a prior on a proportion, which a coefficient is not"):
        ModelSpec(formula="~ year", beta="Beta(1, 1)")
