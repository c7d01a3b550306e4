import numpy as np
import pytest

from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import DEFAULT_MEASURES, MEASURES, ROLES_OF_DATA, effect_sizes, get_measure
from bayesmeta.effects.one_arm import logit_proportion, raw_proportion
from bayesmeta.errors import SpecError


def test_every_measure_has_a_known_link_and_is_computed_unless_it_is_of_estimates():
    for code, measure in MEASURES.items():
        assert measure.code == code
        assert measure.link in LINKS
        assert (measure.compute is None) == (measure.data == "estimates")
        assert (measure.estimand is not None) == (measure.data == "counts")


def test_the_estimands_are_the_median_study_for_plo_and_the_mean_for_pr():
    assert (get_measure("PLO").estimand, get_measure("PR").estimand) == ("p_median", "p_mean")


@pytest.mark.parametrize("measure", [code for code, record in MEASURES.items() if record.data == "counts"])
def test_every_listed_variance_can_be_computed(measure):
    for variance in get_measure(measure).variances:
        assert np.isfinite(effect_sizes(measure, [0, 3, 5], [5, 5, 5], variance=variance).se).all()


def test_effect_sizes_are_those_of_the_measures_own_function():
    events, n = [0, 3, 18], [5, 9, 18]
    np.testing.assert_array_equal(effect_sizes("PLO", events, n).y, logit_proportion(events, n).y)
    exact = effect_sizes("PR", events, n, variance="exact-ci")
    np.testing.assert_array_equal(exact.se, raw_proportion(events, n, variance="exact-ci").se)


def test_an_unknown_measure_names_the_nearest():
    with pytest.raises(
        SpecError,
        match=r"unknown measure 'PLX'. Did you mean 'P..'. Allowed: PR, PLN, PLO, PAS, PFT, OR, RR, RD,",
    ):
        get_measure("PLX")
    with pytest.raises(SpecError, match=r"unknown measure None"):
        effect_sizes(None, [1], [2])


def test_a_variance_of_another_measure_is_refused():
    with pytest.raises(SpecError, match=r"variance for measure PLO 'exact-ci'.*Allowed: wald"):
        effect_sizes("PLO", [1], [5], variance="exact-ci")


def test_a_measure_of_estimates_is_not_computed_from_counts():
    with pytest.raises(
        SpecError, match=r"'HR' is not computed from counts or rates; allowed here: PR, PLN, PLO, PAS, PFT,"
    ):
        effect_sizes("HR", [1], [5])


def test_each_kind_of_data_has_a_default_measure_of_that_kind():
    assert set(DEFAULT_MEASURES) == set(ROLES_OF_DATA)
    assert all(MEASURES[code].data == kind for kind, code in DEFAULT_MEASURES.items())


def test_the_number_of_arrays_is_checked():
    with pytest.raises(
        SpecError, match="OR is computed from events_treatment, n_treatment, events_control, n_control; got 2 arrays"
    ):
        effect_sizes("OR", [1], [2])
