"""The normal-normal model against R's bayesmeta, value by value.

R's program cuts and interpolates on a grid that it states to be good to about 1e-3; so the unit of every tolerance is
1e-3 of the posterior standard deviation. Means and quantiles of mu lie next to 0 in some data sets, so that a
relative tolerance would say nothing there; 1e-3 SDs is stricter than 2e-3 of every value that exceeds half an SD.
"""

import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.model import ModelSpec

FOLDER = Path(__file__).parents[1] / "reference" / "bayesmeta_r"
DATA = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
CASES = [(data, entry) for data in DATA for entry in data["fits"]]
PROPER = [i for i, (_, entry) in enumerate(CASES) if entry["mu_prior_mean"] is not None]
FLAT = [i for i in range(len(CASES)) if i not in PROPER]
GRID = 1e-3  # of a posterior standard deviation: what R's grid is good to
COLUMNS = ("mode", "median", "mean", "sd", "lower", "upper")
QUANTILES = {"mu": "mu_q", "tau": "tau_q", "theta_new": "pred_q"}
# Without a proper prior tau's density falls like tau^-5 (flat) or tau^-5.5 (sqrt) with these six studies, and R cuts
# the tail: its second moments are too small, by up to this much of themselves (see the test of them below).
CUT_TAIL = {("uniform", "mu"): 3e-3, ("uniform", "theta_new"): 4e-3, ("sqrt", "mu"): 2e-3, ("sqrt", "theta_new"): 3e-3}
NAMES = (
    "HalfNormal(0.5)", "HalfNormal(1)", "HalfCauchy(0.5)", "HalfStudentT(nu=3,scale=1)", "HalfNormal(1)", "uniform",
    "Jeffreys", "BergerDeely", "conventional", "DuMouchel", "shrinkage", "I2", "sqrt",
)  # fmt: skip


def prior_of_mu(entry):
    if entry["mu_prior_mean"] is None:
        return "Flat()"
    return f"Normal({entry['mu_prior_mean']}, {entry['mu_prior_sd']})"


def prior_of_tau(entry):
    return entry["tau_prior"].replace("scale=", "sigma=")


def label(index):
    data, entry = CASES[index]
    return f"{data['dataset']}-{prior_of_mu(entry)}-{prior_of_tau(entry)}"


@cache
def fitted(index):
    data, entry = CASES[index]
    names = tuple(f"study {i}" for i in range(len(data["yi"])))
    studies = Studies(names, y=np.array(data["yi"]), se=np.sqrt(data["vi"]))
    return fit_exact(studies, ModelSpec("normal", mu=prior_of_mu(entry), tau=prior_of_tau(entry)))


def compared(index):
    """Compare one entry's summaries, shortest intervals and quantiles; return how many values there were."""
    (data, entry), fit = CASES[index], fitted(index)
    summary = fit.summary()  # shortest intervals are those of the marginals, as `test_summary.py` shows
    count = 0
    for name, key in QUANTILES.items():
        sd = summary.loc[name, "sd"]
        theirs = dict(zip(COLUMNS, entry[name], strict=True))
        ours = dict(zip(("lower", "upper"), fit.marginal(name).hdi(0.95), strict=True))
        ours |= summary.loc[name, ["median", "mean", "sd"]]
        for column in ("median", "mean", "sd", "lower", "upper"):
            cut = data["dataset"] == "crins2014" and column == "sd"
            within = CUT_TAIL.get((entry["tau_prior"], name), GRID) if cut else GRID
            assert ours[column] == pytest.approx(theirs[column], abs=within * sd), (name, column)
        assert fit.marginal(name).ppf(entry["q"]) == pytest.approx(entry[key], abs=GRID * sd), name
        count += 5 + len(entry["q"])
    effects = study_effects(fit)
    for column in ("mean", "sd"):
        off = np.abs(effects[column] - entry[f"shrinkage_{column}"]) / effects["sd"]
        assert off.max() < GRID, column
        count += off.size
    return count


@pytest.mark.parametrize("index", PROPER, ids=label)
def test_posteriors_with_proper_priors_equal_r_bayesmeta(index):
    assert compared(index) == 30 + 2 * len(CASES[index][0]["yi"])


@pytest.mark.parametrize("index", PROPER, ids=label)
def test_log_evidence_equals_r_bayesmeta(index):
    assert fitted(index).log_evidence == pytest.approx(CASES[index][1]["log_marginal_likelihood"], abs=1e-8)


def common_effect_log_evidence(y, v, m, sd):
    """log p(y | tau = 0) in closed form: jointly normal, with covariance diag(v) + sd²."""
    w = 1.0 / v
    precision = 1.0 / sd**2 + w.sum()
    mean = (m / sd**2 + (w * y).sum()) / precision
    quadratic = (w * y**2).sum() + m**2 / sd**2 - precision * mean**2
    return -0.5 * (np.log(2 * np.pi * v).sum() + np.log(sd**2 * precision) + quadratic)


@pytest.mark.parametrize("index", PROPER, ids=label)
def test_bayes_factor_for_no_heterogeneity_equals_r_bayesmeta(index):
    data, entry = CASES[index]
    y, v = np.array(data["yi"]), np.array(data["vi"])
    ours = common_effect_log_evidence(y, v, entry["mu_prior_mean"], entry["mu_prior_sd"]) - fitted(index).log_evidence
    assert ours == pytest.approx(np.log(entry["bayes_factor_tau0"]), abs=2e-6)


@pytest.mark.parametrize("index", PROPER, ids=label)
def test_bayes_factor_for_no_effect_equals_r_bayesmeta(index):
    data, entry = CASES[index]
    y, v, prior = np.array(data["yi"]), np.array(data["vi"]), fitted(index).model.tau
    peak = max(stats.norm.logpdf(y, 0.0, np.sqrt(v + tau**2)).sum() for tau in np.geomspace(0.01, 10.0, 200))

    def integrand(tau):
        return np.exp(stats.norm.logpdf(y, 0.0, np.sqrt(v + tau**2)).sum() + prior.logpdf(tau) - peak)

    ends = [0.0, 0.1, 0.5, 1.0, 2.0, 5.0, np.inf]
    total = sum(integrate.quad(integrand, *pair, epsabs=0, epsrel=1e-9)[0] for pair in itertools.pairwise(ends))
    ours = np.log(total) + peak - fitted(index).log_evidence
    assert ours == pytest.approx(np.log(entry["bayes_factor_mu0"]), abs=2e-6)


@pytest.mark.parametrize("index", FLAT, ids=label)
def test_posteriors_with_flat_priors_equal_r_bayesmeta(index):
    assert compared(index) == 30 + 2 * len(CASES[index][0]["yi"])
    assert fitted(index).log_evidence is None


@pytest.mark.parametrize(
    ("tau_prior", "power", "low_mu", "low_new"), [("uniform", 0.0, 1.5e-3, 2e-3), ("sqrt", -0.5, 7e-4, 1.3e-3)]
)
def test_an_improper_prior_of_tau_leaves_r_bayesmeta_short_of_a_tail(tau_prior, power, low_mu, low_new):
    (index,) = (i for i in FLAT if label(i) == f"crins2014-Flat()-{tau_prior}")
    data, entry = CASES[index]
    y, v = np.array(data["yi"]), np.array(data["vi"])

    def density_and_variance(tau):
        w = 1.0 / (v + tau**2)
        mean = (w * y).sum() / w.sum()
        density = np.exp(0.5 * np.log(w).sum() - 0.5 * (w * (y - mean) ** 2).sum()) / np.sqrt(w.sum())
        return density, mean, 1.0 / w.sum()

    def moment(f):
        # in x = sqrt(tau), where tau^(-1/2) dtau = 2 dx is no longer singular
        def integrand(x):
            density, mean, var = density_and_variance(x * x)
            return density * f(x * x, mean, var) * 2.0 * (1.0 if power else x)

        return integrate.quad(integrand, 0.0, np.inf, epsabs=0, epsrel=1e-10, limit=200)[0]

    total = moment(lambda tau, mean, var: 1.0)
    mean = moment(lambda tau, mean, var: mean) / total
    of_mu = np.sqrt(moment(lambda tau, m, var: var + (m - mean) ** 2) / total)
    of_new = np.sqrt(moment(lambda tau, m, var: tau**2 + var + (m - mean) ** 2) / total)
    summary = fitted(index).summary()
    assert summary.loc["mu", "sd"] == pytest.approx(of_mu, rel=1e-6)
    assert summary.loc["theta_new", "sd"] == pytest.approx(of_new, rel=1e-6)
    assert low_mu < 1.0 - entry["mu"][3] / of_mu < CUT_TAIL[tau_prior, "mu"]
    assert low_new < 1.0 - entry["theta_new"][3] / of_new < CUT_TAIL[tau_prior, "theta_new"]


@pytest.mark.parametrize("data", DATA, ids=lambda data: data["dataset"])
def test_every_data_set_has_all_thirteen_priors(data):
    assert tuple(entry["tau_prior"] for entry in data["fits"]) == NAMES


def test_all_cases_are_there():
    assert (len(DATA), len(PROPER), len(FLAT)) == (7, 28, 63)
    assert sum(30 + 2 * len(data["yi"]) for data, _ in CASES) == 5330
