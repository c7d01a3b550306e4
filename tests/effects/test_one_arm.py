import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from bayesmeta.data.datasets import load_dataset
from bayesmeta.effects.measures import effect_sizes
from bayesmeta.effects.one_arm import clopper_pearson, logit_proportion, raw_proportion
from bayesmeta.errors import DataError, SpecError

REFERENCE = Path(__file__).parents[1] / "reference" / "metafor"
DATASETS = ("crisafulli2020", "debruin2009", "pritz1997")
ZERO_CELLS = json.loads((REFERENCE / "effect_sizes_zero_cells.json").read_text(encoding="utf-8"))


def reference_of(name):
    return json.loads((REFERENCE / f"effect_sizes_{name}.json").read_text(encoding="utf-8"))["measures"]


def test_the_reference_holds_as_many_values_as_it_should():
    values = sum(len(entry["yi"]) + len(entry["vi"]) for n in DATASETS for entry in reference_of(n).values())
    assert values == 2 * 2 * (26 + 13 + 14)
    assert len(ZERO_CELLS["effect_sizes"]) == 2 * 4 * 2
    assert len(ZERO_CELLS["binom_test"]) == 3 * 6


@pytest.mark.parametrize("measure", ["PLO", "PR"])
@pytest.mark.parametrize("name", DATASETS)
def test_effect_sizes_equal_metafors_on_published_data(name, measure):
    data = load_dataset(name)
    found = effect_sizes(measure, data["events"], data["n"])
    expected = reference_of(name)[measure]
    np.testing.assert_allclose(found.y, expected["yi"], rtol=1e-12)
    np.testing.assert_allclose(found.se**2, expected["vi"], rtol=1e-12)


@pytest.mark.parametrize("case", ZERO_CELLS["effect_sizes"], ids=lambda c: f"{c['measure']}-{c['to']}-{c['add']}")
def test_rules_for_empty_cells_equal_metafors(case):
    found = effect_sizes(case["measure"], case["events"], case["n"], add=case["add"], to=case["to"])
    # R printed 15 significant digits
    np.testing.assert_allclose(found.y, case["yi"], rtol=1e-13)
    np.testing.assert_allclose(found.se**2, case["vi"], rtol=1e-13)


def test_only_studies_with_an_empty_cell_are_corrected_by_default():
    assert logit_proportion([0, 3, 5], [5, 5, 5]).corrected.tolist() == [True, False, True]
    assert raw_proportion([0, 3, 5], [5, 5, 5]).corrected.tolist() == [True, False, True]
    assert logit_proportion([1, 3, 5], [5, 5, 5], to="if0all").corrected.all()
    assert not logit_proportion([1, 3, 4], [5, 5, 5], to="if0all").corrected.any()


@pytest.mark.parametrize("case", ZERO_CELLS["binom_test"], ids=lambda c: f"{c['events']}of{c['n']}-{c['ci_prob']}")
def test_clopper_pearson_equals_binom_test_of_r(case):
    lower, upper = clopper_pearson([case["events"]], [case["n"]], ci_prob=case["ci_prob"])
    np.testing.assert_allclose([lower[0], upper[0]], [case["lower"], case["upper"]], rtol=1e-12)


@pytest.mark.parametrize(
    ("events", "n", "percent"),
    [(4, 5, (28, 99)), (9, 11, (48, 98))],
    ids=["Gibson 2024, complete remission", "Sokolov 2017, complete molecular response"],
)
def test_clopper_pearson_equals_the_intervals_printed_by_wang_2026(events, n, percent):
    lower, upper = clopper_pearson([events], [n])
    assert (round(100 * lower[0]), round(100 * upper[0])) == percent


@pytest.mark.parametrize(("events", "n"), [(1, 3), (7, 9), (1, 1_000_000), (999_999, 1_000_000), (123_456, 700_001)])
def test_clopper_pearson_limits_are_where_the_one_sided_tests_turn(events, n):
    (lower,), (upper,) = clopper_pearson(events, n, ci_prob=0.9)
    assert binom.sf(events - 1, n, lower) == pytest.approx(0.05, rel=1e-8)
    assert binom.cdf(events, n, upper) == pytest.approx(0.05, rel=1e-8)


def test_clopper_pearson_is_exact_at_no_events_and_at_all():
    lower, upper = clopper_pearson([0, 10], [10, 10])
    assert (lower[0], upper[1]) == (0.0, 1.0)
    assert upper[0] == pytest.approx(1 - 0.025 ** (1 / 10), rel=1e-13)
    assert lower[1] == pytest.approx(0.025 ** (1 / 10), rel=1e-13)


def test_clopper_pearson_of_the_complement_is_mirrored():
    n = np.array([5, 40, 1_000_000])
    events = np.array([2, 39, 12])
    lower, upper = clopper_pearson(events, n)
    mirrored_lower, mirrored_upper = clopper_pearson(n - events, n)
    np.testing.assert_allclose([lower, upper], [1 - mirrored_upper, 1 - mirrored_lower], rtol=1e-9)


def test_logit_effects_of_the_complement_change_sign_only():
    one, other = logit_proportion([0, 3, 5], [5, 9, 5]), logit_proportion([5, 6, 0], [5, 9, 5])
    np.testing.assert_allclose(one.y, -other.y, rtol=1e-14)
    np.testing.assert_allclose(one.se, other.se, rtol=1e-14)


def test_exact_ci_standard_error_is_the_width_of_the_exact_95_percent_interval():
    events, n = [0, 4, 18], [7, 5, 18]
    found = raw_proportion(events, n, variance="exact-ci")
    lower, upper = clopper_pearson(events, n, ci_prob=0.95)
    np.testing.assert_allclose(found.y, [0.0, 0.8, 1.0], rtol=1e-15)
    np.testing.assert_allclose(found.se, (upper - lower) / (2 * 1.959963984540054), rtol=1e-14)
    assert not found.corrected.any()


def test_results_are_read_only_and_of_one_value_per_study():
    found = logit_proportion([1, 2], 4)
    assert found.y.shape == found.se.shape == found.corrected.shape == (2,)
    assert not any(array.flags.writeable for array in (found.y, found.se, found.corrected))


@pytest.mark.parametrize(
    ("events", "n"),
    [
        ([3], [2]),
        ([-1], [2]),
        ([0], [0]),
        ([np.nan], [2]),
        ([1], [np.inf]),
        (["a"], [2]),
        ([1, 2], [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("function", [clopper_pearson, logit_proportion, raw_proportion])
def test_impossible_counts_are_refused(function, events, n):
    with pytest.raises(DataError):
        function(events, n)


def test_impossible_counts_are_named():
    with pytest.raises(DataError, match=r"study 1 has events=7, n=5"):
        logit_proportion([1, 7], [5, 5])
    with pytest.raises(DataError, match=r"one dimension; got 2"):
        logit_proportion([[1, 2]], [[5, 5]])


@pytest.mark.parametrize("options", [{"to": "none"}, {"add": 0.0}])
@pytest.mark.parametrize(("function", "why"), [(logit_proportion, "infinite"), (raw_proportion, "variance is zero")])
def test_an_empty_cell_left_uncorrected_is_refused(function, why, options):
    with pytest.raises(DataError, match=rf"study 1 has events=5, n=5.*{why}"):
        function([1, 5], [5, 5], **options)


def test_unknown_options_name_what_is_allowed():
    with pytest.raises(SpecError, match=r"Did you mean 'only0'.*if0all"):
        logit_proportion([1], [5], to="only")
    with pytest.raises(SpecError, match=r"Did you mean 'exact-ci'"):
        raw_proportion([1], [5], variance="exact")
    with pytest.raises(SpecError, match=r"add=-1 must be finite and not negative"):
        raw_proportion([1], [5], add=-1)
    with pytest.raises(SpecError, match=r"ci_prob=95 .* Did you mean 0.95"):
        clopper_pearson([1], [5], ci_prob=95)
