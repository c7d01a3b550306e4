"""The normal-normal model against R's bayesmeta, value by value.

R's program cuts and interpolates on a grid that it states to be good to about 1e-3; so the unit of every tolerance is
1e-3 of the posterior standard deviation.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate

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
# Without a proper prior tau's density falls like tau^-5 with these six studies, and R cuts the tail: its second
# moments are too small, by up to this much of themselves (see the test of them below).
CUT_TAIL = {("crins2014", "mu"): 3e-3, ("crins2014", "theta_new"): 4e-3}


def prior_of_mu(entry):
    if entry["mu_prior_mean"] is None:
        return "Flat()"
    return f"Normal({entry['mu_prior_mean']}, {entry['mu_prior_sd']})"


def prior_of_tau(entry):
    return "HalfFlat()" if entry["tau_prior"] == "uniform" else entry["tau_prior"].replace("scale=", "sigma=")


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
    summary = fit.summary(ci_kind="hdi")
    count = 0
    for name, key in QUANTILES.items():
        sd = summary.loc[name, "sd"]
        theirs = dict(zip(COLUMNS, entry[name], strict=True))
        for column in ("median", "mean", "sd", "lower", "upper"):
            flat = entry["tau_prior"] == "uniform"
            within = CUT_TAIL.get((data["dataset"], name), GRID) if flat and column == "sd" else GRID
            assert summary.loc[name, column] == pytest.approx(theirs[column], abs=within * sd), (name, column)
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
    # R integrates the marginal likelihood adaptively, to about 1e-4
    assert fitted(index).log_evidence == pytest.approx(CASES[index][1]["log_marginal_likelihood"], abs=2e-4)


@pytest.mark.parametrize("index", FLAT, ids=label)
def test_posteriors_with_flat_priors_equal_r_bayesmeta(index):
    assert compared(index) == 30 + 2 * len(CASES[index][0]["yi"])
    assert fitted(index).log_evidence is None


def test_a_flat_prior_of_tau_leaves_r_bayesmeta_short_of_a_tail():
    (index,) = (i for i in FLAT if label(i) == "crins2014-Flat()-HalfFlat()")
    data, entry = CASES[index]
    y, v = np.array(data["yi"]), np.array(data["vi"])

    def density_and_variance(tau):
        w = 1.0 / (v + tau**2)
        mean = (w * y).sum() / w.sum()
        density = np.exp(0.5 * np.log(w).sum() - 0.5 * (w * (y - mean) ** 2).sum()) / np.sqrt(w.sum())
        return density, mean, 1.0 / w.sum()

    def moment(f):
        return integrate.quad(lambda tau: (d := density_and_variance(tau))[0] * f(tau, *d[1:]), 0.0, np.inf)[0]

    total = moment(lambda tau, mean, var: 1.0)
    mean = moment(lambda tau, mean, var: mean) / total
    of_mu = np.sqrt(moment(lambda tau, m, var: var + (m - mean) ** 2) / total)
    of_new = np.sqrt(moment(lambda tau, m, var: tau**2 + var + (m - mean) ** 2) / total)
    summary = fitted(index).summary()
    assert summary.loc["mu", "sd"] == pytest.approx(of_mu, rel=1e-6)
    assert summary.loc["theta_new", "sd"] == pytest.approx(of_new, rel=1e-6)
    assert 1.5e-3 < 1.0 - entry["mu"][3] / of_mu < CUT_TAIL["crins2014", "mu"]
    assert 2e-3 < 1.0 - entry["theta_new"][3] / of_new < CUT_TAIL["crins2014", "theta_new"]


def test_all_cases_are_there():
    assert (len(DATA), len(PROPER), len(FLAT)) == (7, 28, 14)
    assert sum(30 + 2 * len(data["yi"]) for data, _ in CASES) == 2460
