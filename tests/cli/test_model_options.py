"""Do --likelihood, --link, --effects, --nu and --baseline give the model that Python gives?"""

import json
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm

ARMS = "study,r1,m1,r2,m2\nAronson 1948,4,123,11,139\nRosenthal 1960,3,231,11,220\nHart 1977,62,1598,248,1867\n"
COUNTS = ("arms.csv", "--events", "r1", "--n", "m1")
PAIRS = ("arms.csv", "--events", "r1,r2", "--n", "m1,m2")
RATES = ("arms.csv", "--events", "r1", "--time", "m1")
RATE_PAIRS = ("arms.csv", "--events", "r1,r2", "--time", "m1,m2")
PRIORS = ("--mu", "Normal(0, 1)", "--tau", "HalfNormal(0.7)")
OF_PRIORS = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.7)"}


@pytest.fixture(autouse=True)
def _arms():
    Path("arms.csv").write_text(ARMS)


def studies(data) -> bm.Studies:
    frame = pd.read_csv("arms.csv")
    columns = {data[1].strip("-"): data[2].split(","), data[3].strip("-"): data[4].split(",")}
    return bm.Studies.from_frame(
        frame, **{role: names[0] if len(names) == 1 else tuple(names) for role, names in columns.items()}
    )


CASES = [
    (COUNTS, ("--effects", "none"), bm.ModelSpec(effects="none")),
    (COUNTS, ("--effects", "student-t", "--nu", "3"), bm.ModelSpec(effects="student-t", nu=3)),
    (COUNTS, ("--effects", "beta", "--tau", "HalfNormal(2)"), bm.ModelSpec(effects="beta", tau="HalfNormal(2)")),
    (COUNTS, ("--link", "probit", *PRIORS), bm.ModelSpec(link="probit", **OF_PRIORS)),
    (COUNTS, ("--likelihood", "normal", *PRIORS), bm.ModelSpec("normal", **OF_PRIORS)),
    (COUNTS, ("--model", "beta-binomial"), bm.ModelSpec(effects="beta")),
    (PAIRS, (), bm.ModelSpec("binomial-conditional")),
    (PAIRS, ("--baseline", "Normal(-2, 1)"), bm.ModelSpec("binomial-two-arm", baseline="Normal(-2, 1)")),
    (PAIRS, ("--likelihood", "binomial-conditional"), bm.ModelSpec("binomial-conditional")),
    (PAIRS, ("--likelihood", "normal", *PRIORS), bm.ModelSpec("normal", **OF_PRIORS)),
    (RATES, PRIORS, bm.ModelSpec("poisson", **OF_PRIORS)),
    (
        RATES,
        ("--effects", "none", "--mu", "Normal(-3, 2)"),
        bm.ModelSpec("poisson", mu="Normal(-3, 2)", effects="none"),
    ),
    (RATE_PAIRS, (), bm.ModelSpec("poisson-conditional")),
    (RATE_PAIRS, ("--effects", "student-t"), bm.ModelSpec("poisson-conditional", effects="student-t")),
]


@pytest.mark.parametrize(("data", "options", "model"), CASES)
def test_the_fit_is_that_of_python(data, options, model, run):
    result = run("fit", *data, *options, "--format", "json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    fit = bm.fit(studies(data), model)
    shown = pd.DataFrame(record["estimates"]).set_index("parameter")
    pd.testing.assert_frame_equal(shown, bm.summary(fit), check_exact=True)
    assert record["log_evidence"] == fit.log_evidence
    assert ("tau" in shown.index) == model.has_tau


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (RATES, (), "rates of one arm need priors on their scale: give --mu and --tau."),
        (RATES, ("--effects", "none"), "rates of one arm need priors on their scale: give --mu."),
        (
            COUNTS,
            ("--link", "probit", "--mu", "Normal(0, 1)"),
            "effects on the probit scale need priors on their scale: ",
        ),
        (
            COUNTS,
            ("--likelihood", "normal"),
            "estimates need priors on their scale: give --mu and --tau, or --model norm",
        ),
        (COUNTS, ("--likelihood", "binomal"), "unknown likelihood 'binomal'. Did you mean 'binomial'?"),
        (
            COUNTS,
            ("--likelihood", "poisson", *PRIORS),
            "the poisson likelihood needs events and person-time of one arm",
        ),
        (COUNTS, ("--effects", "students"), "unknown effects for likelihood='binomial': 'students'. Did you mean"),
        (COUNTS, ("--nu", "3"), "nu=3.0 is for effects='student-t'"),
        (COUNTS, ("--baseline", "Normal(0, 1)"), "baseline is for likelihood='binomial-two-arm'"),
        (COUNTS, ("--effects", "none", "--tau", "HalfNormal(1)"), "effects='none' gives all studies one effect, so th"),
        (
            COUNTS,
            ("--model", "binomial-common", "--tau", "HalfNormal(2)"),
            "effects='none' gives all studies one effect",
        ),
        (
            COUNTS,
            ("--model", "binomial-normal", "--effects", "none"),
            "--effects is a part of the model, which --model",
        ),
        (COUNTS, ("--engine", "frequentist", "--effects", "none"), "--effects is for --engine exact, not frequentist."),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(data, options, message, refused):
    assert refused("fit", *data, *options, status=2).startswith(message)


def test_a_measure_of_two_arms_means_the_normal_likelihood_of_it(run):
    result = run("fit", *PAIRS, *PRIORS, "--measure", "RR", "--format", "json")
    fit = bm.fit(studies(PAIRS), bm.ModelSpec("normal", **OF_PRIORS), measure="RR")
    assert json.loads(result.stdout)["log_evidence"] == fit.log_evidence


def test_standard_error_names_the_model_without_tau(run):
    result = run("fit", *COUNTS, "--model", "binomial-common")
    assert "model: binomial-common, mu ~ Normal(mu=0, sigma=1.5) (file " in result.stderr
    assert "tau" not in result.stdout
    assert "p_median: proportion that all studies share" in " ".join(result.stdout.split())
    result = run("fit", *COUNTS, "--effects", "none")
    assert "model: binomial likelihood, common effect, mu ~ Normal(mu=0, sigma=1.5)\n" in result.stderr


@pytest.mark.parametrize("name", bm.list_models()["name"])
def test_every_named_model_is_printed_for_pymc(name, run):
    code = run("models", "show", name, "--as", "pymc").stdout
    compile(code, name, "exec")
    assert "with pm.Model(" in code


def test_the_help_names_the_options_and_every_likelihood(run):
    text = " ".join(run("fit", "--help").stdout.split()).replace("- ", "-")  # click breaks lines at hyphens
    for word in ("--likelihood", "--link", "--effects", "--nu", "--baseline", *bm.spec.likelihoods.LIKELIHOODS):
        assert word in text
