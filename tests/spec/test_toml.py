"""Is the TOML form strict, and its round trip the identity?"""

import hashlib
import tomllib
from pathlib import Path

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec.families import R_BAYESMETA_PRIORS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior, as_prior

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.toml"))

GOOD = """
schema = 1
likelihood = "binomial"
[priors]
mu = "Normal(0, 1.5)"
tau = { dist = "HalfNormal", sigma = 1, why = "weak" }
"""


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        ModelSpec.from_toml_text(text, origin="my.toml")
    message = str(caught.value)
    assert "my.toml" in message
    assert "\n" not in message
    return message


SPECS = [
    ModelSpec(),
    ModelSpec("normal", mu="Flat()", tau="Flat()", link="logit"),
    ModelSpec(
        "binomial",
        mu=Prior("StudentT", 3, -0.1, 1 / 3),
        tau=Prior("Exponential", scale=1e-5),
        name="mine",
        title='A "quoted" title, \\ back\\slashed, in two\nlines\r\n\t'
        "with \u00e9, \u03c4, \U0001f600, \x00, \x1f, \x7f and \u2028",
        why={"mu": "because 'it' is", "tau": '"""'},
        sensitivity={
            "mu": ["Logistic(0, 1)", "Cauchy(0, 2.5)"],
            "tau": [
                "HalfCauchy(0.5)", "Gamma(mu=1, sigma=0.5)", "InverseGamma(2, 1e16)", "Uniform(0, 5)",
                "HalfStudentT(4, 1)", "LogNormal(-1, 1)", "Weibull(2, 1)", "Flat()",
            ],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_writing_and_reading_is_the_identity(spec):
    text = spec.to_toml()
    again = ModelSpec.from_toml_text(text)
    assert again == spec
    assert again.to_toml() == text


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_shipped_model_parses_and_writes_back_equal(path):
    spec = ModelSpec.from_toml(path)
    assert ModelSpec.from_toml_text(spec.to_toml()) == spec
    assert spec.source.path == str(path)
    assert spec.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_shipped_model_is_named_as_its_file_and_justifies_its_priors(path):
    spec = ModelSpec.from_toml(path)
    assert spec.name == path.stem
    assert spec.title
    for parameter in ("mu", "tau") if spec.has_tau else ("mu",):
        reason = spec.why[parameter]
        assert reason.endswith(".")
        assert spec.sensitivity[parameter]
        assert getattr(spec, parameter) not in spec.sensitivity[parameter]


def test_the_shipped_binomial_model_has_the_default_priors():
    spec = ModelSpec.from_toml(next(path for path in MODELS if path.stem == "binomial-normal"))
    assert (spec.mu, spec.tau) == (ModelSpec().mu, ModelSpec().tau)


def test_a_prior_is_a_table_or_text():
    spec = ModelSpec.from_toml_text(GOOD)
    assert spec == ModelSpec(why={"tau": "weak"})


def test_written_text_is_toml_with_tables_for_priors():
    written = tomllib.loads(SPECS[2].to_toml())
    assert written["schema"] == 1
    assert written["priors"]["tau"] == {"dist": "Exponential", "scale": 1e-5, "why": '"""'}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 1", "", "my.toml: the key 'schema' is missing; the first line must be: schema = 1"),
        ("schema = 1", "schema = 2", "my.toml: schema = 2 is not known; this version"),
        ("schema = 1", "schema = '1'", "schema = '1' is not known"),
        ("schema = 1", "schema = true", "schema = True is not known"),
        ("schema = 1", "schema = 1.0", "schema = 1.0 is not known"),
        ("likelihood =", "likelihod =", "my.toml: unknown key 'likelihod'. Did you mean 'likelihood'?"),
        ('likelihood = "binomial"', "", "my.toml: the key 'likelihood' is missing."),
        ('"binomial"', "1", "my.toml: likelihood must be a string, not int."),
        ('"binomial"', '"binomail"', "my.toml: unknown likelihood 'binomail'. Did you mean 'binomial'?"),
        ("schema = 1", "schema = 1\nlink = 'lgoit'", "my.toml: unknown link"),
        ("schema = 1", "schema = 1\neffects = 'nune'", "for likelihood='binomial': 'nune'. Did you mean 'none'"),
        ("schema = 1", "schema = 1\nformla = '~ x'", "my.toml: unknown key 'formla'. Did you mean 'formula'"),
        ("schema = 1", "schema = 1\nformula = '~ x'", "my.toml: a model with a formula has no mu"),
        ("schema = 1", "schema = 1\nsensitivity = 1", "my.toml: [sensitivity] must be a table, not int."),
        ("[priors]", "[prior]", "my.toml: unknown key 'prior'. Did you mean 'priors'?"),
        ("[priors]", "[priors]\nbeta = 1", "my.toml: [priors]: unknown key 'beta'. Allowed: mu, tau."),
        ("tau =", "ta =", "my.toml: [priors]: unknown key 'ta'. Did you mean 'tau'?"),
        ('mu = "Normal(0, 1.5)"', "", "my.toml: [priors]: the key 'mu' is missing."),
        ('"Normal(0, 1.5)"', "1.5", "my.toml: [priors] mu: a prior must be a table, such as {"),
        ('"Normal(0, 1.5)"', '"Normal(0, 3/2)"', "expressions are not evaluated"),
        ('"Normal(0, 1.5)"', '"HalfNormal(1)"', "my.toml: [priors] mu: HalfNormal(sigma=1) for mu allows no"),
        ('"HalfNormal"', '"HalfNorml"', "my.toml: [priors] tau: unknown prior 'HalfNorml'. Did you mean"),
        ('"HalfNormal"', '"Normal", mu = 0', "my.toml: [priors] tau: Normal(mu=0, sigma=1) for tau"),
        ('dist = "HalfNormal", ', "", "my.toml: [priors] tau: a prior's table needs the key 'dist'"),
        ("sigma = 1", "sgma = 1", "my.toml: [priors] tau: unknown parameter of HalfNormal 'sgma'."),
        ("sigma = 1", "sigma = '1'", "my.toml: [priors] tau: HalfNormal: sigma='1' is not a number."),
        ("sigma = 1", "sigma = true", "sigma=True is not a number."),
        ("sigma = 1", "sigma = [1]", "sigma=[1] is not a number."),
        ("sigma = 1", "sigma = 2020-01-01", "is not a number."),
        ("sigma = 1", "sigma = inf", "must be finite."),
        ("sigma = 1", "sigma = nan", "must be finite."),
        ("sigma = 1", "sigma = 1e999", "must be finite."),
        ("sigma = 1", "sigma = -1", "must be above 0."),
        ('why = "weak"', "why = 1", "my.toml: [priors] tau.why must be a string, not int."),
        ("schema = 1", "schema = ", "my.toml is not valid TOML: "),
        ("schema = 1", "schema = 1\nschema = 1", "my.toml is not valid TOML: "),
        ("schema = 1", "schema = " + "1" * 5000, "my.toml is not valid TOML: "),
        ("schema = 1", "schema = " + "[" * 20_000, "my.toml is not valid TOML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_names_file_table_and_key(old, new, message):
    assert old in GOOD
    assert message in refusal(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("sensitivity", "message"),
    [
        ('tau = "HalfNormal(1)"', "my.toml: [sensitivity] tau must be an array of priors"),
        ('tau = ["HalfNormal(1)", 2]', "my.toml: [sensitivity] tau[1]: a prior must be a table"),
        (
            'tau = ["Normal(0, 1)"]',
            "my.toml: [sensitivity] tau[0]: Normal(mu=0, sigma=1) for tau reaches below 0",
        ),
        ('taus = ["HalfNormal(1)"]', "my.toml: [sensitivity]: unknown key 'taus'. Did you mean 'tau'?"),
        (
            'tau = [{ dist = "HalfNormal", sigma = 1, why = "x" }]',
            "only the priors under [priors] take the key 'why'",
        ),
    ],
)
def test_what_is_wrong_in_the_alternatives_names_their_place(sensitivity, message):
    assert message in refusal(f"{GOOD}\n[sensitivity]\n{sensitivity}")


def test_text_that_is_no_model_is_refused():
    for text in ("", "\x00", "hello", "[[priors]]", "schema = 1\nlikelihood = 'binomial'\npriors = 3"):
        refusal(text)


def test_a_file_may_start_with_a_byte_order_mark_and_end_its_lines_as_on_windows(tmp_path):
    path = tmp_path / "model.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    spec = ModelSpec.from_toml(path)
    assert spec == ModelSpec.from_toml_text(GOOD)
    assert spec.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"the model file '.*gone\.toml' does not exist\."):
        ModelSpec.from_toml(tmp_path / "gone.toml")
    with pytest.raises(SpecError, match=r"the model file '.*' cannot be read: "):
        ModelSpec.from_toml(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"the model file '.*binary\.toml' is not UTF-8 text"):
        ModelSpec.from_toml(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    "tau", [*R_BAYESMETA_PRIORS, "Rhodes2015(-3.44, 2.59)", "Turner2015(-3.95, 1.34)", "Lomax(6, 2)"]
)
def test_priors_that_the_data_complete_survive_the_round_trip(tau):
    spec = ModelSpec("normal", mu="Beta(2, 5)", tau=tau, why={"tau": "as in R"}, sensitivity={"tau": [tau, "sqrt"]})
    again = ModelSpec.from_toml_text(spec.to_toml())
    assert again == spec
    assert again.tau == as_prior(tau)
    assert f'dist = "{again.tau.name}"' in spec.to_toml()


def test_a_named_prior_takes_no_parameters():
    text = GOOD.replace('"HalfNormal"', '"Jeffreys"')
    assert text != GOOD
    assert "unknown prior 'Jeffreys'" in refusal(text)
