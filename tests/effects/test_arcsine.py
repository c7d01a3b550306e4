"""Log and arcsine measures, Peto's odds ratio and the inverse of the double arcsine, against metafor's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesmeta.data.datasets import load_dataset
from bayesmeta.effects.arcsine import (
    arcsine,
    arcsine_proportion,
    double_arcsine,
    double_arcsine_proportion,
    inverse_arcsine,
    inverse_double_arcsine,
    slope_inverse_double_arcsine,
)
from bayesmeta.effects.measures import MEASURES, effect_sizes, get_measure
from bayesmeta.effects.one_arm import log_proportion
from bayesmeta.effects.sizes import EmptyCellError
from bayesmeta.effects.two_arm import arcsine_difference, peto_odds_ratio
from bayesmeta.errors import DataError

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
REFERENCE = json.loads((FOLDER / "effect_sizes_arcsines_peto.json").read_text(encoding="utf-8"))
PROPORTIONS = ("PR", "PLN", "PLO", "PAS", "PFT")
DATASETS = ("crisafulli2020", "debruin2009", "pritz1997")


def pooled(name):
    return {
        each["measure"]: each
        for each in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["pooled"]
        if each["measure"] in PROPORTIONS
    }


def label(case):
    return f"{case['measure']}-{case['to']}-{case['add']}"


def test_the_reference_holds_as_many_values_as_it_should():
    assert sum(len(case["yi"]) for case in REFERENCE["effect_sizes"]) == 4 * (3 * 7 + 2 * 8)
    assert sum(len(pooled(name)[measure]["yi"]) for name in DATASETS for measure in PROPORTIONS) == 5 * (26 + 13 + 14)
    assert sum(len(case["p"]) for case in REFERENCE["inverses_of_x"]) == 6 * 16


@pytest.mark.parametrize("measure", PROPORTIONS)
@pytest.mark.parametrize("name", DATASETS)
def test_effect_sizes_of_proportions_equal_metafors_on_published_data(name, measure):
    data = load_dataset(name)
    found, expected = effect_sizes(measure, data["events"], data["n"]), pooled(name)[measure]
    np.testing.assert_allclose(found.y, expected["yi"], rtol=1e-12)
    np.testing.assert_allclose(found.se**2, expected["vi"], rtol=1e-12)


@pytest.mark.parametrize("case", REFERENCE["effect_sizes"], ids=label)
def test_rules_for_empty_cells_equal_metafors(case):
    data = REFERENCE["data"][case["data"]].values()
    found = effect_sizes(case["measure"], *data, add=case["add"], to=case["to"])
    np.testing.assert_allclose(found.y, case["yi"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.se**2, case["vi"], rtol=1e-12)


def test_the_arcsines_need_no_correction_and_get_none():
    assert {code for code, record in MEASURES.items() if record.add == 0.0} == {"PAS", "PFT", "AS"}
    assert not arcsine_proportion([0, 5], [5, 5]).corrected.any()
    assert arcsine_proportion([0, 5], [5, 5], add=0.5).corrected.all()


@pytest.mark.parametrize("case", REFERENCE["inverses_of_x"], ids=lambda case: f"n={case['n']:g}")
def test_the_inverse_of_the_double_arcsine_equals_metafors_within_its_range_and_beyond(case):
    # metafor takes the difference of 1 and a root near 1 for small proportions: 1e-16 absolute
    np.testing.assert_allclose(inverse_double_arcsine(REFERENCE["x"], case["n"]), case["p"], rtol=1e-12, atol=2e-15)


@pytest.mark.parametrize("n", [0.3, 1.0, 7.0, 41.5, 1e6])
def test_the_inverse_undoes_the_double_arcsine_at_any_size(n):
    p = np.array([0.0, 1e-6, 0.01, 0.2, 0.5, 0.73, 0.999, 1.0])
    np.testing.assert_allclose(inverse_double_arcsine(double_arcsine(p, n), n), p, rtol=1e-9, atol=1e-15)


def test_without_a_size_both_arcsines_are_one():
    p, x = np.linspace(0.0, 1.0, 11), np.linspace(-0.2, 1.8, 11)
    np.testing.assert_allclose(double_arcsine(p), arcsine(p), rtol=1e-15)
    np.testing.assert_allclose(inverse_double_arcsine(x), inverse_arcsine(x), rtol=1e-14, atol=1e-30)


def test_the_inverses_stay_at_0_and_1_beyond_their_range():
    assert inverse_arcsine([-1.0, 2.0]).tolist() == [0.0, 1.0]
    for n in (1.0, 11.0, 1e4):
        assert inverse_double_arcsine([-1.0, 0.0, np.pi / 2, 2.0], n).tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("n", [1.0, 11.0, 1e4, np.inf])
def test_the_slope_of_the_inverse_is_its_difference_quotient(n):
    x, step = np.array([0.4, 0.6, np.pi / 4, 0.9, 1.15]), 1e-6
    quotient = (inverse_double_arcsine(x + step, n) - inverse_double_arcsine(x - step, n)) / (2 * step)
    np.testing.assert_allclose(slope_inverse_double_arcsine(x, n), quotient, rtol=1e-8)
    assert slope_inverse_double_arcsine([-0.1, 1.6], n).tolist() == [0.0, 0.0]


def test_the_double_arcsine_of_complements_adds_up_to_a_right_angle():
    forth, back = double_arcsine_proportion([0, 3, 9], [9, 9, 9]), double_arcsine_proportion([9, 6, 0], [9, 9, 9])
    np.testing.assert_allclose(forth.y + back.y, np.pi / 2, rtol=1e-15)


def test_millers_own_table_of_transformed_values():
    """Miller (1978), American Statistician 32:138: he leaves out the factor 1/2."""
    found = double_arcsine_proportion([3, 6, 10, 1], [11, 17, 21, 6])
    assert (2 * found.y).round(4).tolist() == [1.1391, 1.2888, 1.5253, 0.9515]


@pytest.mark.parametrize("events", [0, 5])
def test_the_log_of_a_proportion_needs_events_and_non_events(events):
    with pytest.raises(EmptyCellError, match=r"log of the proportion is infinite or has no variance; use add=0\.5"):
        log_proportion([events], [5], to="none")


def test_petos_odds_ratio_is_the_score_of_the_hypergeometric_likelihood():
    from scipy.stats import hypergeom, nchypergeom_fisher

    a, n, c, m = 3, 12, 0, 13
    found = peto_odds_ratio(a, n, c, m, to="none")
    null = hypergeom(n + m, a + c, n)
    assert 1 / found.se[0] ** 2 == pytest.approx(null.var(), rel=1e-12)
    assert found.y[0] == pytest.approx((a - null.mean()) / null.var(), rel=1e-12)
    step = 1e-5
    up, down = (nchypergeom_fisher(n + m, a + c, n, np.exp(h)).logpmf(a) for h in (step, -step))
    assert found.y[0] / found.se[0] ** 2 == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_petos_odds_ratio_needs_events_and_non_events_in_the_study():
    with pytest.raises(EmptyCellError, match="Peto's log odds ratio does not exist"):
        peto_odds_ratio([0], [5], [0], [6], to="none")
    assert np.isfinite(peto_odds_ratio([0], [1], [1], [1], to="none").y).all()


@pytest.mark.parametrize("function", [arcsine_difference, peto_odds_ratio])
def test_swapping_the_arms_changes_the_sign_alone(function):
    treatment, control = ([3, 0, 12], [10, 8, 40]), ([5, 2, 0], [11, 9, 30])
    forth, back = function(*treatment, *control), function(*control, *treatment)
    np.testing.assert_allclose(forth.y, -back.y, rtol=1e-12)
    np.testing.assert_allclose(forth.se, back.se, rtol=1e-14)
    with pytest.raises(DataError, match=r"needed: 0 <= events <= n, n > 0 in both arms"):
        function([3], [2], [1], [5])


def test_petos_odds_ratios_equal_metafors_on_published_tables():
    """The pooled value of rma.peto weighs them by 1 / se^2, and corrects none."""
    for name in ("bcg", "crins2014"):
        data = pd.read_csv(FOLDER / f"{name}.csv")
        arrays = [data[role].to_numpy() for role in ("events_treatment", "n_treatment", "events_control", "n_control")]
        found = effect_sizes("PETO", *arrays, to="none")
        every = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["mantel_haenszel"]
        (expected,) = [each for each in every if each["measure"] == "PETO"]
        weight = 1 / found.se**2
        assert (weight @ found.y) / weight.sum() == pytest.approx(expected["beta"], rel=1e-10)
        assert weight.sum() ** -0.5 == pytest.approx(expected["se"], rel=1e-10)


def test_the_estimands_of_transformed_proportions_are_the_median_study():
    assert {code: get_measure(code).estimand for code in PROPORTIONS} == dict.fromkeys(PROPORTIONS, "p_median") | {
        "PR": "p_mean"
    }
