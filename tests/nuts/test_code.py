"""Does the printed PyMC program state the same model, and does it run?"""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytensor
import pytest

from bayesmeta import pymc_model
from bayesmeta.data.datasets import load_dataset
from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.nuts.code import pymc_code
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model

COUNTS = pd.DataFrame({"study": ["Lee 2019", "Rossi", 'K\'o "x"'], "events": [0, 7, 12], "n": [5, 9, 12]})
ARMS = pd.DataFrame(
    {
        "study": ["A", "B", "C"], "events_treatment": [0, 7, 12], "n_treatment": [5, 9, 12],
        "events_control": [2, 1, 3], "n_control": [6, 8, 15],
    }
)  # fmt: skip
TIMES = ARMS.rename(columns={"n_treatment": "time_treatment", "n_control": "time_control"})
RATES = pd.DataFrame({"study": ["A", "B", "C"], "events": [0, 7, 12], "time": [5.5, 90.0, 120.25]})
MODERATED = pd.DataFrame(
    {
        "study": list("ABCDE"), "events": [0, 7, 12, 3, 4], "n": [5, 9, 12, 8, 9],
        "year": [2001, 2004, 2010, 2011, 2019],
        "drug": ["TKI", "none", "TKI", "other", "none"],
    }
)  # fmt: skip
ESTIMATES = pd.DataFrame({"study": ["A", "B", "C"], "y": [-0.4, 0.1, 0.9], "se": [0.2, 0.5, 0.3]})
PRIORS = {
    "mu": [
        "Normal(0, 1.5)", "StudentT(3, 0, 2.5)", "Uniform(-4, 3)", "Flat()", "Logistic(0, 1)", "Cauchy(0, 0.7)",
        "Beta(2, 5)",
    ],
    "tau": [
        "HalfNormal(1)", "HalfCauchy(0.5)", "HalfStudentT(3, 1)", "Uniform(0, 5)", "LogNormal(-1, 1)", "Flat()",
        "Exponential(lam=2)", "Exponential(scale=0.5)", "Gamma(mu=1, sigma=0.6)", "InverseGamma(2.5, 0.3)",
        "Weibull(1.5, 0.8)", "HalfLogistic(0.4)", "Lomax(2, 0.5)",
    ],
    "tau of estimates": [
        "Turner2015(-3.95, 1.34)", "Rhodes2015(-3.44, 2.59)", "uniform", "sqrt", "Jeffreys", "BergerDeely",
        "conventional", "DuMouchel", "shrinkage", "I2",
    ],
}  # fmt: skip
# The program's plain numbers are held in single precision (see `pymc_code`), whose unit is 1.2e-7; the log
# densities compared here lie between -40 and -5. A prior scale that is off by 2e-5 moves them by more, as is tested.
DENSITY_TOLERANCE = 2e-6
SAMPLER_OPTIONS = {"draws", "tune", "chains", "random_seed", "nuts_sampler", "target_accept"}


ARM_NAMES = ("treatment", "control")
FRAMES = {
    "binomial": COUNTS, "normal": ESTIMATES, "poisson": RATES, "binomial-two-arm": ARMS, "binomial-conditional": ARMS,
    "poisson-conditional": TIMES,
}  # fmt: skip


def execute(code: str, frame: pd.DataFrame, name: str = "imported") -> dict:
    """Run the program where the data file is, by default without sampling."""
    frame.to_csv("studies.csv", index=False)
    names = {"__name__": name}
    exec(compile(code, "printed.py", "exec"), names)
    return names


ROLES = ("events", "n", "time", "y", "se", *(f"{role}_{arm}" for role in ("events", "n", "time") for arm in ARM_NAMES))


def built(model: ModelSpec, frame: pd.DataFrame):
    data = {role: frame[role].to_numpy() for role in frame if role in ROLES}
    moderators = frame.drop(columns=["study", *data])
    return pymc_model(Studies(tuple(frame["study"]), **data, moderators=moderators), model)


def values_at(model, points: list[dict]) -> list[list[np.ndarray]]:
    """Return the log density and every deterministic quantity at points of the unconstrained space."""
    outputs = [model.logp(), *model.replace_rvs_by_values(model.deterministics)]
    with pytensor.config.change_flags(mode="FAST_COMPILE"):  # of functions within functions, too
        function = model.compile_fn(outputs, inputs=model.value_vars)
        return [[np.asarray(value) for value in function(point)] for point in points]


def assert_same_model(model: ModelSpec, frame: pd.DataFrame, code: str | None = None) -> None:
    printed, own = execute(code or pymc_code(model), frame)["model"], built(model, frame)
    for kind in ("free_RVs", "deterministics", "potentials", "observed_RVs", "value_vars"):
        assert [rv.name for rv in getattr(printed, kind)] == [rv.name for rv in getattr(own, kind)]
    assert _dims(printed) == _dims(own)
    assert {key: [*labels] for key, labels in printed.coords.items()} == {
        key: [*labels] for key, labels in own.coords.items()
    }
    rng = np.random.default_rng(1)
    start = own.initial_point()
    points = [{key: value + rng.normal(size=np.shape(value)) for key, value in start.items()} for _ in range(4)]
    for one, other in zip(values_at(printed, points), values_at(own, points), strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=0, atol=DENSITY_TOLERANCE)
        for value, wanted in zip(one[1:], other[1:], strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-13, atol=1e-13)


def _dims(model) -> dict:
    """Return the dimensions of variables; what is held in containers differs."""
    held = {variable.name for variable in model.data_vars}
    return {name: dims for name, dims in model.named_vars_to_dims.items() if name not in held and dims}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SHIPPED = tuple(list_models()["name"])


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_prints_the_model_that_is_sampled(name):
    model = load_model(name)
    assert_same_model(model, FRAMES[model.likelihood])


MU_TAU = {"mu": "Normal(0.3, 1)", "tau": "HalfNormal(1)"}
KINDS = {
    "probit": ModelSpec(link="probit", **MU_TAU),
    "cloglog, Beta prior": ModelSpec(link="cloglog", mu="Beta(2, 5)", tau="HalfNormal(1)"),
    "cloglog, common effect": ModelSpec(link="cloglog", mu="Normal(0, 1)", effects="none"),
    "Student's t, nu = 2.5": ModelSpec(effects="student-t", nu=2.5),
    "beta effects, Beta prior": ModelSpec(effects="beta", mu="Beta(2, 5)"),
    "rates": ModelSpec("poisson", **MU_TAU),
    "two arms, other baseline": ModelSpec("binomial-two-arm", baseline="Logistic(-1, 0.8)", effects="none"),
    "conditional, Student's t": ModelSpec("binomial-conditional", effects="student-t"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_model_prints_the_model_that_is_sampled(name):
    assert_same_model(KINDS[name], FRAMES[KINDS[name].likelihood])


FORMULAS = {
    "slope": ModelSpec(formula="~ year"),
    "cell means": ModelSpec(formula="~ 0 + drug"),
    "cell means, beta effects": ModelSpec(formula="~ 0 + drug", effects="beta"),
    "cell means and slope": ModelSpec(formula="~ 0 + drug + year", beta="StudentT(3, 0, 2)", effects="none"),
    "as written": ModelSpec(formula="~ I(year - 2010)", effects="student-t"),
    "a prior for each": ModelSpec(formula="~ year", beta={"Intercept": "Normal(0.4, 2)", "year": "Normal(0, 0.7)"}),
    "other families": ModelSpec(formula="~ year", beta={"Intercept": "Normal(0.4, 2)", "year": "StudentT(3, 0, 1)"}),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_kind_of_formula_prints_the_model_that_is_sampled(name):
    assert_same_model(FORMULAS[name], MODERATED)


@pytest.mark.parametrize("tau", PRIORS["tau"])
def test_every_prior_of_tau_is_printed_as_it_is_sampled(tau):
    assert_same_model(ModelSpec("binomial", tau=tau), COUNTS)
    assert_same_model(ModelSpec("normal", mu="Normal(0.3, 2)", tau=tau), ESTIMATES)


@pytest.mark.parametrize("tau", PRIORS["tau of estimates"])
def test_every_prior_of_tau_for_estimates_is_printed_as_it_is_sampled(tau):
    model = ModelSpec("normal", mu="Normal(0.3, 2)", tau=tau)
    assert_same_model(model, ESTIMATES)
    assert max(map(len, pymc_code(model).splitlines())) <= 100


@pytest.mark.parametrize("mu", PRIORS["mu"])
def test_every_prior_of_mu_is_printed_as_it_is_sampled(mu):
    assert_same_model(ModelSpec("binomial", mu=mu), COUNTS)


def test_logits_with_standard_errors_have_proportions_too():
    model = ModelSpec("normal", link="logit", mu="Normal(0, 1.5)", tau="HalfNormal(0.7)")
    assert_same_model(model, ESTIMATES)
    assert '"p_mean"' in pymc_code(model)


@pytest.mark.parametrize(("right", "wrong"), [("sigma=1.5", "sigma=1.50002"), ("z_new)", "z[0])"), ("(x**2)", "x")])
def test_the_comparison_sees_a_small_mistake(right, wrong):
    code = pymc_code(ModelSpec()).replace(right, wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_model(ModelSpec(), COUNTS, code)


def test_without_proportions_nothing_is_said_of_them():
    code = pymc_code(ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)"))
    assert "p_" not in code
    assert "numpy" not in code


def test_each_prior_has_its_reason_above_it():
    code = pymc_code(ModelSpec(why={"tau": "Most are below."}))
    above = code[: code.index("tau = pm.HalfNormal")].splitlines()[-2]
    assert above.endswith("Most are below.")


@pytest.mark.parametrize("text", ["a\nraise SystemExit", 'quote """ and \\', "\0\x0c\r", "\u2028 x", "é" * 300, ""])
def test_no_text_of_the_model_becomes_code(text):
    model = ModelSpec(name=text, title=text, why={"mu": text, "tau": text})
    assert_same_model(model, COUNTS)
    assert max(map(len, pymc_code(model).splitlines())) <= 310


def test_the_program_is_short_lines_for_the_shipped_models():
    for name in SHIPPED:
        written = pymc_code(load_model(name)).splitlines()
        longest = 120 if "from typing import Any, Final" in written or "from typing import Any" in written else 100
        assert max(map(len, written)) <= longest


@pytest.fixture
def sampled(monkeypatch):
    """The keywords of `pymc.sample`, which runs in this process and shows nothing."""
    import pymc as pm

    sample, given = pm.sample, {}

    def recording(**options):
        given.update(options)
        options |= {"draws": 500, "tune": 500, "chains": 2}  # enough for 4 Monte-Carlo errors
        with warnings.catch_warnings():  # of programs below PyMC, about themselves
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return sample(**options, cores=1, quiet=True)

    monkeypatch.setattr(pm, "sample", recording)
    return given


def test_the_program_samples_the_posterior_that_exact_computes(sampled, capsys):
    from arviz_stats import ess

    frame, model = load_dataset("pritz1997"), load_model("binomial-normal")
    trace = execute(pymc_code(model), frame[["study", "events", "n"]], name="__main__")["trace"]
    exact = fit_exact(Studies.from_frame(frame, study="study", events="events", n="n"), model).summary()
    assert set(sampled) == SAMPLER_OPTIONS
    shown = capsys.readouterr().out
    for parameter, row in exact.iterrows():
        draws = np.asarray(trace.posterior[parameter])
        mcse = draws.std() / np.sqrt(float(ess(draws)))
        assert draws.mean() == pytest.approx(row["mean"], abs=4 * mcse)
        assert parameter in shown


def test_the_program_samples_with_the_packages_own_settings():
    from bayesmeta.nuts.fit import fit_nuts

    code = pymc_code(ModelSpec())
    defaults = {name: item.default for name, item in inspect.signature(fit_nuts).parameters.items()}
    for name in ("draws", "tune", "chains", "target_accept"):
        assert f" {name}={defaults[name]!r}," in code


ROWS = pd.DataFrame(
    {
        "study": list("ABCDEFGH"), "events": [0, 7, 12, 3, 4, 5, 9, 2], "n": [5, 9, 12, 8, 9, 9, 11, 8],
        "trial": list("uuvvwwxx"), "arm": list("abababab"), "lab": list("sstttsst"),
        "outcome": ["CR", "MRD", "CR", "MRD", "CMR", "CR", "MRD", "CMR"],
        "year": [2001, 2004, 2010, 2011, 2019, 2005, 2007, 2013],
        "age": [31.0, np.nan, 45.5, 38.0, 52.0, np.nan, 47.0, 40.0],
    }
)  # fmt: skip
ROWS_OF_ESTIMATES = ROWS.assign(y=np.linspace(-0.4, 0.9, 8), se=np.linspace(0.2, 0.5, 8)).drop(columns=["events", "n"])
OUTCOMES = {"formula": "~ 0 + outcome", "random": "(0 + outcome | trial)"}
BEYOND = {
    "three levels": ModelSpec(random="(1 | trial)"),
    "nested": ModelSpec(random="(1 | lab/trial)", effects="none", tau_of={"lab": "HalfCauchy(0.3)"}),
    "crossed, formula": ModelSpec(formula="~ year", random="(1 | trial) + (1 | lab)"),
    "crossed, groups, probit": ModelSpec(
        formula="~ 0 + arm", random="(1 | trial) + (1 | lab)", link="probit", beta="Normal(0, 1)", tau="HalfNormal(1)"
    ),
    "outcomes": ModelSpec(**OUTCOMES),
    "outcomes, own priors": ModelSpec(**OUTCOMES, lkj=1.5, tau_of={"MRD": "HalfNormal(0.3)"}),
    "outcomes, other families": ModelSpec(**OUTCOMES, tau_of={"CMR": "HalfCauchy(0.3)"}),
    "outcomes, moderator": ModelSpec(formula="~ 0 + outcome + year", random="(0 + outcome | trial)"),
    "free nu": ModelSpec(effects="student-t", nu="Gamma(2, 0.1)"),
    "free nu, groups, Beta prior": ModelSpec(formula="~ 0 + arm", effects="student-t", nu="Exponential(scale=9)"),
    "scale": ModelSpec(scale="~ year", alpha="StudentT(3, 0, 0.5)"),
    "scale, formula": ModelSpec(formula="~ I(year - 2010)", scale="~ year + arm", effects="student-t", nu=5),
    "scale, free nu, trial": ModelSpec(scale="~ arm", random="(1 | trial)"),
    "missing": ModelSpec(formula="~ age + year", missing="impute"),
    "missing, common effect": ModelSpec(formula="~ age", missing="impute", effects="none"),
    "missing, scale, trial": ModelSpec(formula="~ age", missing="impute", scale="~ year", random="(1 | trial)"),
    "estimates": ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)", random="(1 | trial)"),
}


@pytest.mark.parametrize("name", BEYOND)
def test_models_that_only_nuts_can_fit_print_the_model_that_is_sampled(name):
    model = BEYOND[name]
    assert_same_model(model, ROWS if model.likelihood == "binomial" else ROWS_OF_ESTIMATES)
