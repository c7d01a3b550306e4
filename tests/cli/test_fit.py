import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.effects.measures import MEASURES
from bayesmeta.frequentist.intervals import CI_METHODS, PI_METHODS
from bayesmeta.frequentist.tau2 import TAU2_METHODS
from bayesmeta.nuts.settings import SAMPLERS

HAZARDS = "trial,hr,low,high\nTOWER,0.71,0.55,0.93\nAALL,0.5,0.3,0.9\nTHIRD,0.8,0.6,1.05\n"
HAZARD_OPTIONS = ("--study", "trial", "--estimate", "hr", "--lower", "low", "--upper", "high")


@pytest.fixture
def pritz() -> str:
    """The bundled data as a user's own file, with column names of their own."""
    frame = bm.load_dataset("pritz1997").rename(columns={"study": "trial", "events": "r", "n": "size"})
    frame.to_csv("pritz.csv", index=False)
    return "pritz.csv"


OWN_COLUMNS = ("--study", "trial", "--events", "r", "--n", "size")


@pytest.fixture
def hazards() -> str:
    Path("hazards.csv").write_text(HAZARDS)
    return "hazards.csv"


def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"))


def estimates(result) -> pd.DataFrame:
    return pd.DataFrame(json.loads(result.stdout)["estimates"]).set_index("parameter")


def test_the_json_of_an_exact_fit_is_that_of_python(run, pritz):
    result = run("fit", pritz, *OWN_COLUMNS, "--format", "json")
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert list(record) == ["engine", "k", "estimates", "log_evidence", "numerical_error"]
    fit = bm.fit(studies())
    assert (record["engine"], record["k"]) == ("exact", 14)
    assert (record["log_evidence"], record["numerical_error"]) == (fit.log_evidence, fit.numerical_error)
    pd.testing.assert_frame_equal(estimates(result), bm.summary(fit), check_exact=True)


def test_the_json_of_a_frequentist_fit_is_that_of_python(run, pritz):
    options = ("--engine", "frequentist", "--measure", "PR", "--variance", "exact-ci", "--ci-prob", "0.9")
    result = run("fit", pritz, *OWN_COLUMNS, *options, "--format", "json")
    fit = bm.fit(studies(), engine="frequentist", measure="PR", variance="exact-ci", ci_prob=0.9)
    record = json.loads(result.stdout)
    intervals = ["prediction_interval", "prediction_interval_natural"]
    assert list(record) == ["engine", "k", "estimates", "choices", *intervals, "heterogeneity"]
    assert (record["choices"]["measure"], record["choices"]["ci_prob"]) == ("PR", 0.9)
    assert record["prediction_interval"] == list(fit.prediction_interval)
    names = ("q", "df", "q_pvalue", "i2", "i2_tau2", "h2", "tau2")
    assert record["heterogeneity"] == {name: getattr(fit, name) for name in names}
    pd.testing.assert_frame_equal(estimates(result), bm.summary(fit, ci_prob=0.9), check_exact=True)


def test_the_estimators_and_intervals_of_python_can_be_had_from_the_shell(run, pritz):
    options = ("--tau2-method", "REML", "--ci-method", "hartung-knapp")
    result = run("fit", pritz, *OWN_COLUMNS, "--engine", "frequentist", *options, "--format", "json")
    fit = bm.fit(studies(), engine="frequentist", tau2_method="REML", ci_method="hartung-knapp")
    pd.testing.assert_frame_equal(estimates(result), bm.summary(fit), check_exact=True)


def test_csv_keeps_the_full_precision(run, pritz):
    result = run("fit", pritz, *OWN_COLUMNS, "--format", "csv")
    frame = pd.read_csv(io.StringIO(result.stdout), dtype=str).set_index("parameter").astype(float)
    pd.testing.assert_frame_equal(frame, bm.summary(bm.fit(studies())), check_exact=True)


def test_the_table_is_rounded_for_reading(run, pritz):
    result = run("fit", pritz, *OWN_COLUMNS)
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("p_median"))
    assert row[1:6] == ["0.790", "0.0491", "0.791", "0.687", "0.880"]


def test_what_was_read_and_believed_goes_to_standard_error(run, pritz):
    result = run("fit", pritz, *OWN_COLUMNS, "--format", "json")
    first, second = result.stderr.splitlines()
    assert first == "data: file pritz.csv, k = 14, 246/326 events"
    assert second.startswith("model: binomial-normal, mu ~ Normal(mu=0, sigma=1.5), tau ~ HalfNormal(sigma=1) (file ")
    assert bm.load_model("binomial-normal").source.sha256[:12] in second


def test_the_default_model_is_that_of_python():
    model = bm.load_model("binomial-normal")
    default = bm.ModelSpec("binomial")
    assert (model.likelihood, model.link, model.mu, model.tau) == (
        default.likelihood,
        default.link,
        default.mu,
        default.tau,
    )


def test_priors_of_the_command_line_replace_those_of_the_model(run, pritz):
    options = ("--mu", "Logistic(0, 1)", "--tau", "HalfCauchy(0.5)")
    result = run("fit", pritz, *OWN_COLUMNS, *options, "--format", "json")
    model = bm.ModelSpec("binomial", mu="Logistic(0, 1)", tau="HalfCauchy(0.5)")
    pd.testing.assert_frame_equal(estimates(result), bm.summary(bm.fit(studies(), model)), check_exact=True)
    assert "tau ~ HalfCauchy(beta=0.5)" in result.stderr
    assert "sha256" not in result.stderr


def test_a_model_file_is_used_and_named_with_its_hash(run, pritz):
    model = bm.load_model("binomial-normal").with_priors(tau="HalfNormal(0.5)")
    Path("own.toml").write_text(model.to_toml())
    result = run("fit", pritz, *OWN_COLUMNS, "--model", "own.toml", "--format", "json")
    pd.testing.assert_frame_equal(estimates(result), bm.summary(bm.fit(studies(), model)), check_exact=True)
    assert f"(file own.toml, sha256 {bm.load_model('own.toml').source.sha256[:12]})" in result.stderr


def test_the_interval_is_the_one_asked_for(run, pritz):
    result = run("fit", pritz, *OWN_COLUMNS, "--ci-prob", "0.5", "--ci-kind", "hdi", "--format", "json")
    expected = bm.summary(bm.fit(studies()), ci_prob=0.5, ci_kind="hdi")
    pd.testing.assert_frame_equal(estimates(result), expected, check_exact=True)


def test_hazard_ratios_are_fitted_with_a_model_for_their_scale(run, hazards):
    options = (*HAZARD_OPTIONS, "--measure", "HR", "--format", "json")
    named = run("fit", hazards, *options, "--model", "normal-normal")
    given = run("fit", hazards, *options, "--mu", "Normal(0, 2)", "--tau", "HalfNormal(1)")
    assert named.exit_code == given.exit_code == 0
    assert json.loads(named.stdout) == json.loads(given.stdout)
    assert "measure HR" in named.stderr


def test_estimates_without_priors_on_their_scale_are_refused(refused, hazards):
    message = refused("fit", hazards, *HAZARD_OPTIONS, "--measure", "HR", status=2)
    assert "--mu and --tau, or --model normal-normal" in message


def test_estimates_need_no_prior_for_a_frequentist_fit(run, hazards):
    result = run("fit", hazards, *HAZARD_OPTIONS, "--measure", "HR", "--engine", "frequentist")
    assert result.exit_code == 0
    assert "mu as a hazard ratio" in result.stdout


def test_counts_can_be_fitted_as_estimates(run, pritz):
    options = ("--model", "normal-normal", "--measure", "PLO", "--format", "json")
    result = run("fit", pritz, *OWN_COLUMNS, *options)
    expected = bm.fit(studies(), bm.load_model("normal-normal"), measure="PLO")
    pd.testing.assert_frame_equal(estimates(result), bm.summary(expected), check_exact=True)


def test_a_bundled_data_set_is_taken_where_no_file_has_its_name(run):
    result = run("fit", "pritz1997", "--format", "json")
    assert json.loads(result.stdout)["k"] == 14
    assert "bundled data set pritz1997 (there is no file of this name)" in result.stderr


def test_a_file_of_ones_own_wins_over_a_bundled_data_set(run):
    Path("pritz1997").write_text("study,events,n\nA,1,2\nB,2,3\n")
    result = run("fit", "pritz1997", "--format", "json")
    assert json.loads(result.stdout)["k"] == 2
    assert "file pritz1997" in result.stderr


def test_dropped_rows_are_named_with_their_reasons(run):
    Path("a.csv").write_text("study,events,n\nA,1,12\nB,9,3\nC,2,13\n")
    result = run("fit", "a.csv", "--on-bad", "drop", "--format", "json")
    assert json.loads(result.stdout)["k"] == 2
    assert "dropped: line 3, study 'B': events=9 > n=3; correct one of them" in result.stderr


def test_notes_of_the_fit_go_to_standard_error(run):
    Path("a.csv").write_text("study,events,n\nA,0,12\nB,3,9\nC,2,13\n")
    result = run("fit", "a.csv", "--engine", "frequentist", "--format", "json")
    assert "note: 1 of 3 studies has a zero cell" in result.stderr
    assert json.loads(result.stdout)["k"] == 3


def test_a_moment_that_does_not_exist_is_null_in_json_and_inf_elsewhere(run):
    Path("a.csv").write_text("study,events,n\nA,3,10\nB,5,9\n")
    options = ("fit", "a.csv", "--mu", "Flat()", "--tau", "HalfCauchy(1)")
    result = run(*options, "--format", "json")
    record = json.loads(result.stdout, parse_constant=pytest.fail)
    assert record["estimates"][1]["sd"] is None
    assert "log_evidence" not in record
    assert "note: " in result.stderr
    assert " inf " in run(*options).stdout
    assert ",inf," in run(*options, "--format", "csv").stdout


@pytest.mark.parametrize("rows", ["A,0,10\nB,0,8\n", "A,10,10\nB,8,8\n", "A,3,10\n", "A,1,1\nB,500000,1000000\n"])
@pytest.mark.parametrize("engine", ["exact", "frequentist"])
def test_extreme_data_have_finite_answers(run, rows, engine):
    Path("a.csv").write_text(f"study,events,n\n{rows}")
    result = run("fit", "a.csv", "--engine", engine, "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert "null" not in result.stdout


def test_the_help_names_every_method_there_is(run):
    shown = run("fit", "--help").stdout
    for name in (*MEASURES, *CI_METHODS, *PI_METHODS, *TAU2_METHODS, *MEASURES["PR"].variances):
        assert name in shown
    for name in SAMPLERS:
        assert name in shown
    assert "\b" not in shown


@pytest.fixture
def nuts_result(monkeypatch, as_nuts):
    """Let the shell's NUTS return given draws, and keep what it was asked for: none is sampled."""
    import bayesmeta.api

    def arrange(**problem):
        asked = {}

        def fit(studies, model, *, engine, **options):
            asked.update(options, engine=engine)
            return as_nuts(exact_fit(studies, model), **problem)

        exact_fit = bayesmeta.api.fit_exact
        monkeypatch.setattr(bayesmeta.api, "fit", fit)
        return asked

    return arrange


def test_nuts_takes_its_options_and_prints_how_it_was_sampled(run, nuts_result):
    asked = nuts_result()
    options = ("--draws", "200", "--tune", "300", "--chains", "3", "--seed", "7", "--sampler", "pymc")
    result = run("fit", "pritz1997", "--engine", "nuts", *options, "--target-accept", "0.9")
    assert result.exit_code == 0, result.stderr
    assert asked == {
        "engine": "nuts", "draws": 200, "tune": 300, "chains": 3, "seed": 7, "sampler": "pymc", "target_accept": 0.9,
        "quiet": True,  # standard error is no terminal here
    }  # fmt: skip
    assert "Posterior by PyMC's NUTS, k = 14, 4 chains of 500 draws, seed 1" in result.stdout
    assert "no sign of trouble: R-hat 1.00" in " ".join(result.stdout.split())


def test_a_nuts_fit_as_json_says_how_far_it_can_be_trusted(run, nuts_result):
    nuts_result()
    record = json.loads(run("fit", "pritz1997", "--engine", "nuts", "--format", "json").stdout)
    assert record["engine"] == "nuts"
    assert record["diagnosis"]["ok"] is True
    assert record["sampling"]["sampler"] == "pymc"
    assert {"mcse_mean", "ess_bulk", "ess_tail", "r_hat"} <= {*record["estimates"][0]}


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ({"divergent": 5}, "note: NOT RELIABLE: 5 divergences"),
        ({"apart": 1.0}, "the chains have not met"),
        ({"draws": 400, "asked_for": 1000}, "note: sampling was interrupted: 4 chains of 400 draws kept, of 4 of 1000"),
    ],
)
def test_a_nuts_fit_that_is_not_fit_for_use_is_printed_and_the_exit_status_says_so(run, nuts_result, problem, words):
    nuts_result(**problem)
    result = run("fit", "pritz1997", "--engine", "nuts")
    assert result.exit_code == 1
    assert "p_median" in result.stdout
    assert words in result.stderr


@pytest.mark.parametrize("engine", ["exact", "frequentist"])
def test_an_option_of_nuts_is_refused_by_another_engine(refused, engine):
    message = refused("fit", "pritz1997", "--engine", engine, "--draws", "10", status=2)
    assert message == f"--draws is for --engine nuts, not {engine}."


def test_a_bad_setting_of_nuts_is_refused_before_anything_is_compiled():
    script = (
        "import sys; from bayesmeta.cli.main import main; sys.argv[1:] = ['fit', 'pritz1997', '--engine', 'nuts', "
        "'--sampler', 'nutpy']\ntry: main()\nfinally: print('pymc' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "Error: unknown sampler 'nutpy'. Did you mean 'nutpie'? Allowed: pymc, nutpie.\n"
    assert result.stdout == "False\n"


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["--mu", "Nromal(0, 1)"], "Did you mean 'Normal'?"),
        (["--tau", "HalfNormal(sgma=1)"], "sigma"),
        (["--tau", "__import__('os').system('touch hacked')"], "is not a prior"),
        (["--mu", "Normal(0, 2**3)"], "not evaluated"),
        (["--mu", "Normal(" * 500], "too long"),
        (["--tau", "Normal(0, 1)"], "HalfNormal(1)"),
        (["--measure", "PLX"], "Did you mean 'PLO'?"),
        (["--measure", "PLO"], "leave it out"),
        (["--measure", "HR", "--events", "events"], "for estimates"),
        (["--engine", "exakt"], "Did you mean 'exact'?"),
        (["--model", "binomal-normal"], "Did you mean 'binomial-normal'?"),
        (["--model", "missing.toml"], "does not exist"),
        (["--ci-kind", "hid"], "Did you mean 'hdi'?"),
        (["--ci-prob", "95"], "Did you mean 0.95?"),
        (["--on-bad", "dorp"], "Did you mean 'drop'?"),
        (["--tau2-method", "DL"], "--tau2-method is for --engine frequentist"),
        (["--engine", "frequentist", "--mu", "Normal(0, 1)"], "--mu is for --engine exact"),
        (["--engine", "frequentist", "--tau2-method", "RML"], "Did you mean 'REML'?"),
        (["--engine", "frequentist", "--ci-method", "profile"], "goes with tau2_method='ML' only; got 'DL'"),
        (["--engine", "frequentist", "--ci-method", "wlad"], "Did you mean 'wald'?"),
        (["--engine", "frequentist", "--pi-method", "hst"], "Did you mean 'hts'?"),
        (["--engine", "frequentist", "--ci-kind", "hdi"], "eti"),
        (["--engine", "frequentist", "--measure", "PR", "--variance", "exact"], "Did you mean 'exact-ci'?"),
    ],
)
def test_a_wrong_option_is_refused_with_the_nearest_right_one(refused, args, part):
    assert part in refused("fit", "pritz1997", *args, status=2)


def test_a_model_file_with_an_unknown_key_is_refused_with_the_nearest(refused):
    text = bm.load_model("binomial-normal").to_toml().replace("\nlikelihood", "\nliklihood")
    Path("own.toml").write_text(text)
    message = refused("fit", "pritz1997", "--model", "own.toml", status=2)
    assert "own.toml" in message
    assert "Did you mean 'likelihood'?" in message


def test_an_improper_posterior_is_refused_with_the_rule(refused):
    Path("a.csv").write_text("study,events,n\nA,0,10\nB,0,8\n")
    assert "improper" in refused("fit", "a.csv", "--tau", "Flat()")
    assert "improper" in refused("fit", "a.csv", "--mu", "Flat()")


def test_a_name_that_is_neither_file_nor_data_set_is_refused_with_the_nearest(refused):
    assert "Did you mean 'pritz1997'?" in refused("fit", "pritz1998")
    Path("trials.csv").write_text("study,events,n\nA,1,2\n")
    assert "Did you mean 'trials.csv'?" in refused("fit", "trials")
    assert "Did you mean 'trials.csv'?" in refused("fit", "trails.csv")


def test_the_process_gives_what_the_function_gives(shell, pritz):
    done = shell("fit", pritz, *OWN_COLUMNS, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["log_evidence"] == bm.fit(studies()).log_evidence


ARMS = "study,r1,m1,r2,m2\nAronson 1948,4,123,11,139\nRosenthal 1960,3,231,11,220\n"
PRIORS = ("--mu", "Normal(0, 2)", "--tau", "HalfNormal(1)")


def test_two_arms_and_rates_are_pooled_by_pairs_of_columns(run, refused):
    Path("arms.csv").write_text(ARMS)
    pairs = ("arms.csv", "--events", "r1,r2", "--n", "m1,m2")
    classical = run("fit", *pairs, "--engine", "frequentist")
    assert "log odds ratio (OR), k = 2" in classical.stdout
    assert "treatment 7/354, control 22/359 events" in classical.stderr
    assert "measure RR" in run("fit", *pairs, *PRIORS, "--measure", "RR").stdout
    rates = run("fit", "arms.csv", "--events", "r1", "--time", "m1", *PRIORS)
    assert "mu as an incidence rate: " in rates.stdout
    default = run("fit", *pairs)
    assert "mu as an odds ratio: " in default.stdout
    assert "model: two-arm-conditional, mu ~ Normal(mu=0, sigma=2.82), tau ~ HalfNormal(sigma=0.5)" in default.stderr
    message = refused("fit", "arms.csv", "--events", "r1", "--time", "m1", status=2)
    assert message == "rates of one arm need priors on their scale: give --mu and --tau."


def test_a_classical_regression_reads_its_moderators_from_the_formula(run):
    given = ("--engine", "frequentist", "--formula", "~ year + design", "--ci-method", "hartung-knapp")
    result = run("fit", "blinatumomab_cr", *given, "--format", "json")
    record = json.loads(result.stdout)
    studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year", "design"])
    fit = bm.fit(studies, engine="frequentist", formula="~ year + design", ci_method="hartung-knapp")
    assert [row["estimate"] for row in record["estimates"]] == fit.beta.tolist()
    assert record["moderators"]["df_residual"] == fit.df
    assert record["heterogeneity"]["r2"] == fit.r2
    table = run("fit", "blinatumomab_cr", *given)
    assert table.stdout.startswith("Meta-regression ~ year + design, random effects (DerSimonian-Laird)")
    assert "test of moderators: F(2, 7) = " in table.stdout
    assert "year is centred at its mean" in table.stderr


def test_a_formula_is_for_the_frequentist_engine_and_names_columns(refused):
    assert "--formula is for --engine frequentist" in refused("fit", "blinatumomab_cr", "--formula", "~ year", status=2)
    given = ("--engine", "frequentist", "--formula", "~ yaer")
    assert "did you mean 'year'?" in refused("fit", "blinatumomab_cr", *given, status=1)
