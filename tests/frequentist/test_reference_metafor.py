"""DerSimonian-Laird and common-effect fits against metafor's, value by value."""

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from bayesmeta.data.read import read_studies
from bayesmeta.data.studies import Studies
from bayesmeta.frequentist.fit import fit_frequentist

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
CASES = json.loads((FOLDER / "dl_fits.json").read_text(encoding="utf-8"))["cases"]
TWO_ARMS = json.loads((FOLDER / "dl_fits_two_arms.json").read_text(encoding="utf-8"))["cases"]
EDGE = json.loads((FOLDER / "dl_edge_cases.json").read_text(encoding="utf-8"))["fits"]
OF_COUNTS = [case for case in CASES if "events" in case]
WITHIN = {"rel": 1e-8, "abs": 1e-10}  # metafor's 15 printed digits, through one or two differences


def label(case):
    return "-".join(case[key] for key in ("dataset", "case", "measure", "method", "to") if key in case)


def from_counts(case):
    names = tuple(f"study {i}" for i in range(len(case["n"])))
    return Studies(study=names, events=np.array(case["events"], float), n=np.array(case["n"], float))


def from_estimates(case):
    names = tuple(f"study {i}" for i in range(len(case["yi"])))
    return Studies(study=names, y=np.array(case["yi"]), se=np.sqrt(case["vi"]))


def compare(fit, expected):
    """Compare every value of one metafor fit, and return how many there were."""
    scalars = {
        "mu": fit.mu,
        "se": fit.se_mu,
        "lower": fit.lower,
        "upper": fit.upper,
        "tau2": fit.tau2,
        "q": fit.q,
        "q_pvalue": fit.q_pvalue,
        "i2": 100 * fit.i2,
        "h2": fit.h2,
    }
    for name, value in scalars.items():
        tolerance = {"rel": 1e-8, "abs": 0} if name == "q_pvalue" else WITHIN
        assert value == pytest.approx(expected[name], **tolerance), name
    if expected["method"] == "DL":
        assert 100 * fit.i2_tau2 == pytest.approx(expected["i2"], **WITHIN)
        assert fit.prediction_interval == pytest.approx(expected["pi"], **WITHIN)
        return len(scalars) + 3
    assert all(isnan(limit) for limit in fit.prediction_interval)
    return len(scalars)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_fits_of_given_effects_equal_metafor(case):
    for expected in case["fits"]:
        fit = fit_frequentist(from_estimates(case), tau2_method=expected["method"], pi_method="metafor")
        compare(fit, expected)


@pytest.mark.parametrize("case", OF_COUNTS, ids=label)
def test_fits_of_counts_equal_metafor_with_its_zero_cell_rule(case):
    for expected in case["fits"]:
        fit = fit_frequentist(
            from_counts(case), measure=case["measure"], tau2_method=expected["method"], pi_method="metafor"
        )
        assert fit.y == pytest.approx(case["yi"], rel=1e-12)
        assert fit.se**2 == pytest.approx(case["vi"], rel=1e-12)
        compare(fit, expected)


@pytest.mark.parametrize("case", TWO_ARMS, ids=label)
def test_fits_of_two_arms_equal_metafor(case):
    studies = read_studies(FOLDER / f"{case['dataset']}.csv")
    for expected in case["fits"]:
        options = {"tau2_method": expected["method"], "pi_method": "metafor"}
        fit = fit_frequentist(studies, measure=case["measure"], **options)
        compare(fit, expected)
        if case["measure"] in ("OR", "IRR"):
            assert fit_frequentist(studies, **options).estimates.equals(fit.estimates)


@pytest.mark.parametrize("case", EDGE, ids=label)
def test_degenerate_proportions_give_what_metafor_gives(case):
    options = {"measure": case["measure"], "tau2_method": case["method"], "to": case["to"]}
    fit = fit_frequentist(from_counts(case), pi_method="metafor", **options)
    compare(fit, case)
    assert fit.y == pytest.approx(case["yi"], rel=1e-12)
    assert fit.se**2 == pytest.approx(case["vi"], rel=1e-12)
    assert fit.weights == pytest.approx(case["weights"], rel=1e-8)
    hts = fit_frequentist(from_counts(case), pi_method="hts", **options).prediction_interval
    if "pi_hts" in case:
        assert hts == pytest.approx(case["pi_hts"], **WITHIN)
    else:
        assert all(isnan(limit) for limit in hts)


def test_all_reference_fits_are_there():
    assert len(CASES) == 24
    assert sum(len(case["fits"]) for case in CASES) == 48
    assert [len(case["fits"]) for case in OF_COUNTS] == [2] * 6
    assert [len(case["fits"]) for case in TWO_ARMS] == [2] * 7
    assert len(EDGE) == 56
    assert sum("pi_hts" in case for case in EDGE) == 20


def test_all_reference_values_are_compared():
    compared = sum(
        compare(
            fit_frequentist(from_estimates(case), tau2_method=expected["method"], pi_method="metafor"),
            expected,
        )
        for case in CASES
        for expected in case["fits"]
    )
    assert compared == 24 * 12 + 24 * 9
