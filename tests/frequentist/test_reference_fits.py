"""All fits of metafor's that the data sets' files hold: 11 estimators of tau2, 3 tests, 24 sets of effects."""

import json
from dataclasses import replace
from functools import cache
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaincinv

import bayesmeta as bm
from bayesmeta.data.studies import Studies
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.intervals import ci_record
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.pooled import pool_arrays
from bayesmeta.frequentist.tau2 import TAU2_METHODS

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
DATASETS = ("bcg", "crins2014", "crisafulli2020", "debruin2009", "hackshaw1998", "nielweise2008", "pritz1997")
DATASETS += ("raudenbush1985",)
CI_METHODS = {"z": "wald", "knha": "hartung-knapp", "adhoc": "hartung-knapp-adhoc"}
CLOSED = {"rel": 1e-8, "abs": 1e-14}  # 15 printed digits, through differences
ITERATED = {"rel": 1e-6, "abs": 1e-14}
# metafor's search for the root of PM and PMM stops at an absolute tolerance of 1.2e-4 (`uniroot`'s own, which the
# files' settings did not reach); for the raw proportions of crisafulli2020, whose tau2 is 7e-10, so do ML, REML and EB.
# `tight_fits.json` holds metafor's own values at the end of the search.
STOPPED_EARLY = {"PM": 1.3e-4, "PMM": 1.3e-4}
STOPPED_EARLY_AT_TINY_TAU2 = {"ML": 2e-5, "REML": 2e-5, "EB": 3e-4}  # relative


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@cache
def pooled():
    """Return the sets of effects by (dataset, measure)."""
    return {(name, case["measure"]): case for name in DATASETS for case in read(name)["pooled"]}


@cache
def tight():
    """Return metafor's fits at the end of their iteration by (dataset, measure, method, test)."""
    cases = read("tight_fits")["cases"]
    return {(c["dataset"], c["measure"], f["method"], f["test"]): f for c in cases for f in c["fits"]}


KEYS = [(name, case["measure"]) for name in DATASETS for case in read(name)["pooled"]]


def studies_of(case):
    names = tuple(f"study {i}" for i in range(len(case["yi"])))
    return Studies(names, y=np.array(case["yi"]), se=np.sqrt(case["vi"]))


def fit_like(case, expected):
    options = {"tau2_method": expected["method"], "ci_method": CI_METHODS[expected["test"]]}
    return fit_frequentist(studies_of(case), pi_method="metafor", **options)


def compare(fit, expected, tolerance):
    """Compare every value of one fit of metafor's, and return how many there were."""
    i2 = fit.i2 if expected["method"] == "EE" else fit.i2_tau2  # metafor's I2 of DL is both
    ours = {
        "beta": fit.mu,
        "se": fit.se_mu,
        "stat": fit.statistic,
        "pval": fit.pvalue,
        "ci_low": fit.lower,
        "ci_high": fit.upper,
        "tau2": fit.tau2,
        "se_tau2": fit.se_tau2,
        "QE": fit.q,
        "QEp": fit.q_pvalue,
        "QM": fit.statistic**2,
        "QMp": fit.pvalue,
        "I2": 100 * i2,
        "H2": fit.h2,
        "k": fit.k,
        "pi_low": fit.prediction_interval[0],
        "pi_high": fit.prediction_interval[1],
    }
    count = 0
    for name, value in ours.items():
        if expected[name] in (None, []):
            assert isnan(value), name
            continue
        if name in ("pval", "QMp", "QEp") and expected[name] != 0:
            # the relative error of a tail probability is that of the statistic times its square
            scale = 1 + (fit.q if name == "QEp" else fit.statistic**2)
            assert value == pytest.approx(expected[name], rel=scale * tolerance["rel"], abs=0), name
        else:
            assert value == pytest.approx(expected[name], **tolerance), name
        count += 1
    return count


def at_tau2(fit, tau2):
    """Return the same analysis at another value of tau2."""
    rule = replace(TAU2_METHODS[fit.tau2_method], estimator=lambda y, variance, x: np.asarray(tau2))
    pooled = pool_arrays(fit.y, fit.se, rule, ci_record(fit.ci_method))
    ratio = tau2 * (fit.i2_tau2 / (1 - fit.i2_tau2) / fit.tau2)
    return replace(
        fit, mu=float(pooled.mu), se_mu=float(pooled.se_mu), tau2=tau2, i2_tau2=ratio / (1 + ratio), h2=1 + ratio
    )


def imbalance(fit, tau2):
    """Return by which share the two sides of the equation that defines an estimate differ at tau2."""
    projection = Projection.of_mean(1 / (fit.se**2 + tau2))
    if fit.tau2_method in ("ML", "REML"):
        square = ((projection.w * projection.residuals(fit.y)) ** 2).sum()
        return abs(square / (projection.trace() if fit.tau2_method == "REML" else projection.w.sum()) - 1)
    median = 2 * gammaincinv(fit.df / 2, 0.5)
    return abs(projection.quadratic(fit.y) / (median if fit.tau2_method == "PMM" else fit.df) - 1)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_all_fits_equal_metafor(key):
    """Closed forms to 1e-8, iterated ones to 1e-6 of metafor's at the end of its iteration."""
    case = pooled()[key]
    for expected in case["fits"]:
        fit = fit_like(case, expected)
        last = tight().get((*key, expected["method"], expected["test"]))
        if last is None:
            iterated = expected["method"] in ("ML", "REML", "EB")
            compare(fit, expected, ITERATED if iterated else CLOSED)
        else:
            compare(fit, last, ITERATED)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_where_metafor_stopped_early_ours_solves_the_equation_and_all_else_agrees_at_its_tau2(key):
    case = pooled()[key]
    for expected in case["fits"]:
        if (*key, expected["method"], expected["test"]) not in tight():
            continue
        fit = fit_like(case, expected)
        assert fit.tau2 > 0
        assert imbalance(fit, fit.tau2) < 1e-10
        if fit.tau2 != pytest.approx(expected["tau2"], rel=1e-7):
            assert imbalance(fit, expected["tau2"]) > 1e-7
        if expected["method"] in STOPPED_EARLY:
            assert abs(fit.tau2 - expected["tau2"]) < STOPPED_EARLY[expected["method"]]
        else:
            assert fit.tau2 == pytest.approx(expected["tau2"], rel=STOPPED_EARLY_AT_TINY_TAU2[expected["method"]])
        compare(at_tau2(fit, expected["tau2"]), expected, CLOSED)


def test_all_fits_and_values_of_metafor_are_compared():
    fits = [(key, expected) for key, case in pooled().items() for expected in case["fits"]]
    assert (len(pooled()), len(fits), len(tight())) == (24, 792, 153)
    values = sum(value not in (None, []) for _, f in fits for name, value in f.items() if not isinstance(value, str))
    assert values == 13248
    key = KEYS[0]
    counted = [compare(fit_like(pooled()[key], f), f, {"rel": 1e-2}) for f in pooled()[key]["fits"][:6]]
    assert counted == [14, 14, 14, 17, 17, 17]
    assert 72 * 14 + 720 * 17 == 13248


def test_paule_mandel_equals_metafors_empirical_bayes_which_was_iterated_to_its_end():
    for key, case in pooled().items():
        if key != ("crisafulli2020", "PR"):
            expected = next(f for f in case["fits"] if f["method"] == "EB" and f["test"] == "z")
            assert fit_like(case, {"method": "PM", "test": "z"}).tau2 == pytest.approx(expected["tau2"], **ITERATED)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_predictions_of_the_studies_effects_equal_metafors_blups(key):
    case = pooled()[key]
    table = bm.study_effects(fit_like(case, {"method": "DL", "test": "z"}))
    assert len(case["blup_DL"]["pred"]) == len(table)
    np.testing.assert_allclose(table["estimate"], case["blup_DL"]["pred"], rtol=1e-8)
    np.testing.assert_allclose(table["se"], case["blup_DL"]["se"], rtol=1e-8)


HENMI_COPAS = read("henmi_copas")["cases"]


def test_henmi_copas_intervals_equal_metafors_hc():
    assert len(HENMI_COPAS) == 48
    for expected in HENMI_COPAS:
        studies = studies_of(pooled()[expected["dataset"], expected["measure"]])
        fit = fit_frequentist(studies, ci_method="henmi-copas", ci_prob=expected["level"] / 100)
        assert (fit.mu, fit.se_mu, fit.tau2) == pytest.approx(
            (expected["mu"], expected["se"], expected["tau2"]), **CLOSED
        )
        half = expected["ci_high"] - expected["mu"]
        assert (fit.lower, fit.upper) == pytest.approx((expected["ci_low"], expected["ci_high"]), abs=1e-6 * half)
