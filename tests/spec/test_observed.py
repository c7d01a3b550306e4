"""Which data a model sees, of counts, rates and estimates."""

from pathlib import Path

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.api import fit
from bayesmeta.data.read import read_studies
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import DEFAULT_MEASURES, effect_sizes
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, model_for, observed_by

FOLDER = Path(__file__).parents[1] / "reference" / "metafor"
NORMAL = ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")
BCG = read_studies(FOLDER / "bcg.csv")
RATES = read_studies(FOLDER / "nielweise2008.csv")
ONE_ARM_RATES = Studies(("a", "b"), events=np.array([7.0, 0.0]), time=np.array([1344.0, 12.5]))


@pytest.mark.parametrize(("studies", "link"), [(BCG, "log"), (RATES, "log"), (ONE_ARM_RATES, "log")])
def test_the_normal_likelihood_sees_the_effects_of_the_default_measure(studies, link):
    data = observed_by(NORMAL, studies)
    assert isinstance(data, Estimates)
    assert (data.measure, data.link) == (DEFAULT_MEASURES[studies.kind], link)
    expected = effect_sizes(data.measure, *studies.data.values())
    np.testing.assert_array_equal(data.y, expected.y)
    np.testing.assert_array_equal(data.se, expected.se)


@pytest.mark.parametrize(
    ("studies", "measure", "link"),
    [(BCG, "RR", "log"), (BCG, "RD", "identity"), (RATES, "IRD", "identity"), (ONE_ARM_RATES, "IR", "identity")],
)
def test_another_measure_of_the_same_data_can_be_chosen(studies, measure, link):
    data = observed_by(NORMAL, studies, measure=measure)
    assert (data.measure, data.link) == (measure, link)


@pytest.mark.parametrize("measure", ["PLO", "IRR", "HR", "IRLN"])
def test_a_measure_of_other_data_is_refused(measure):
    with pytest.raises(
        SpecError, match=rf"measure='{measure}' needs .*hold two-arm-counts; allowed: OR, RR, RD, AS, PETO\."
    ):
        observed_by(NORMAL, BCG, measure=measure)


@pytest.mark.parametrize(
    ("studies", "words"),
    [
        (BCG, "the counts of two arms"),
        (RATES, "events and person-time of two arms"),
        (ONE_ARM_RATES, "person-time of one arm;"),
    ],
)
def test_the_binomial_likelihood_of_one_arm_refuses_two_arms_and_rates(studies, words):
    with pytest.raises(SpecError, match=f"needs events and n of one arm, but the studies hold .*{words}"):
        observed_by(ModelSpec("binomial"), studies)


@pytest.mark.parametrize(("studies", "likelihood"), [(BCG, "binomial-conditional"), (RATES, "poisson-conditional")])
def test_two_arms_have_a_default_model_with_the_priors_of_log_ratios(studies, likelihood):
    model = model_for(studies, None)
    assert model == ModelSpec(likelihood, mu="Normal(0, 2.82)", tau="HalfNormal(0.5)")


def test_the_default_model_of_two_arms_sees_no_effect_where_the_arms_are_alike_however_rare_the_events():
    events, n = np.array([1, 1, 0, 1, 0]), np.full(5, 100)
    arms = {"events_treatment": events, "n_treatment": n, "events_control": events, "n_control": n}
    mu = bm.fit(Studies(tuple("ABCDE"), **arms)).marginal("mu")
    assert mu.ppf(0.5) == pytest.approx(0.0, abs=1e-6)
    assert mu.ppf(0.025) == pytest.approx(-mu.ppf(0.975), abs=1e-5)


@pytest.mark.parametrize(
    ("studies", "likelihood"),
    [(ONE_ARM_RATES, "poisson"), (Studies(("a", "b"), y=np.array([0.1, 0.2]), se=np.ones(2)), "normal")],
)
def test_rates_of_one_arm_and_estimates_need_a_model_with_priors(studies, likelihood):
    message = rf"need a model with priors on their scale, for example bm.ModelSpec\('{likelihood}', mu=.*\)\.$"
    with pytest.raises(SpecError, match=message):
        model_for(studies, None)


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_two_arms_and_their_effect_sizes_have_the_same_posterior(measure):
    sizes = effect_sizes(measure, *BCG.data.values())
    of_counts = fit(BCG, NORMAL, measure=measure).summary()
    of_estimates = fit(Studies(BCG.study, y=sizes.y, se=sizes.se), NORMAL).summary()
    np.testing.assert_array_equal(of_counts.to_numpy(), of_estimates.to_numpy())
