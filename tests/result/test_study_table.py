"""What is shown of each study, whatever its data."""

from pathlib import Path

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.data.read import read_studies
from bayesmeta.effects.measures import effect_sizes
from bayesmeta.effects.rates import garwood

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
NORMAL = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
ARMS = read_studies(FOLDER / "crins2014.csv")
RATIOS = read_studies(FOLDER / "nielweise2008.csv")
RATES = bm.Studies(("Lee", "Kim", "Han"), events=np.array([7.0, 0, 3]), time=np.array([1344.0, 12.5, 310.25]))
Z = 1.959963984540054


@pytest.mark.parametrize(
    ("studies", "measure"), [(ARMS, None), (ARMS, "RR"), (ARMS, "RD"), (RATIOS, None), (RATIOS, "IRD")]
)
def test_of_two_arms_the_effect_of_the_measure_is_shown_with_its_normal_interval(studies, measure):
    table = bm.study_effects(bm.fit(studies, NORMAL, measure=measure))
    used = measure or ("OR" if studies is ARMS else "IRR")
    sizes = effect_sizes(used, *studies.data.values())
    inverse = (lambda values: values) if used in ("RD", "IRD") else np.exp
    np.testing.assert_allclose(table["observed"], inverse(sizes.y), rtol=1e-14)
    np.testing.assert_allclose(table["observed_lower"], inverse(sizes.y - Z * sizes.se), rtol=1e-12)
    np.testing.assert_allclose(table["observed_upper"], inverse(sizes.y + Z * sizes.se), rtol=1e-12)
    assert list(table.columns[:4]) == list(studies.data)
    assert ("ratio" in table) == (used not in ("RD", "IRD"))
    for role, values in studies.data.items():
        np.testing.assert_array_equal(table[role], values)


def test_of_rates_the_raw_rate_is_shown_with_its_exact_interval_and_the_study_has_a_rate():
    table = bm.study_effects(bm.fit(RATES, NORMAL), ci_prob=0.9)
    lower, upper = garwood(RATES.events, RATES.time, ci_prob=0.9)
    np.testing.assert_array_equal(table["observed"], RATES.events / RATES.time)
    np.testing.assert_array_equal(table[["observed_lower", "observed_upper"]], np.c_[lower, upper])
    np.testing.assert_allclose(table["rate"], np.exp(table["median"]), rtol=1e-14)
    assert (str(table["events"].dtype), str(table["time"].dtype)) == ("int64", "float64")


@pytest.mark.parametrize(
    ("studies", "observed", "constant"),
    [
        (ARMS, ["events_treatment", "events_control"], ["n_treatment", "n_control"]),
        (RATIOS, ["events_treatment", "events_control"], ["time_treatment", "time_control"]),
        (RATES, ["events"], ["time"]),
    ],
)
def test_the_datatree_holds_the_data_of_each_arm_by_study(studies, observed, constant):
    model = bm.ModelSpec("poisson", mu="Normal(-3, 2)", tau="HalfNormal(1)") if studies is RATES else None
    tree = bm.fit(studies, model).to_datatree(draws=10)
    assert list(tree["posterior_predictive"].data_vars) == observed
    assert list(tree["observed_data"].data_vars) == observed
    assert list(tree["constant_data"].data_vars) == constant
    assert all(tree["observed_data"][name].dims == ("study",) for name in observed)


def test_of_estimates_made_from_counts_the_datatree_holds_estimates_as_observed_and_counts_as_given():
    tree = bm.fit(RATIOS, NORMAL).to_datatree(draws=10)
    assert list(tree["observed_data"].data_vars) == list(tree["log_likelihood"].data_vars) == ["y"]
    assert list(tree["constant_data"].data_vars) == ["se", *RATIOS.data]
    assert list(tree["predictions_constant_data"].data_vars) == ["se_new"]
    assert list(tree["predictions"].data_vars) == ["y_new"]
