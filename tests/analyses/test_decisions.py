"""Probabilities that decide: equal to what the distributions say, exact at the ends of the support, and numbers."""

import copy
import json
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, special

import bayesmeta as bm
from bayesmeta.analyses.decisions import Probability
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.settings import check_settings


@pytest.fixture(scope="module")
def fit():
    return bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))


QUANTITIES = {
    "mu": 1.3, "tau": 0.8, "p_median": 0.8, "p_mean": 0.8, "p_new": 0.8, "theta_new": 1.0, "theta[1]": 2.0, "p[1]": 0.9,
}  # fmt: skip


def named(fit, name):
    return name.replace("[1]", f"[{fit.studies.study[0]}]")


@pytest.mark.parametrize(("name", "threshold"), QUANTITIES.items())
def test_the_probability_is_that_of_the_distribution(fit, name, threshold):
    name = named(fit, name)
    above = bm.prob_above(fit, name, threshold=threshold)
    marginal = fit.marginal(name)
    assert above == pytest.approx(1.0 - float(marginal.cdf(threshold)), abs=1e-15)
    end = {"p": 1.0, "t": 30.0, "m": 30.0}[name[0]]
    area = integrate.quad(lambda x: float(marginal.pdf(x)), threshold, end, epsabs=1e-9, limit=400)[0]
    assert above == pytest.approx(area, abs=1e-6)
    assert 1e-7 <= above.numerical_error < 1e-6
    assert above.mcse is None


@pytest.mark.parametrize(("name", "threshold"), QUANTITIES.items())
def test_above_below_and_between_add_up_to_one(fit, name, threshold):
    name = named(fit, name)
    below = bm.prob_rope(fit, name, rope=(-math.inf, 0.5 * threshold))
    between = bm.prob_rope(fit, name, rope=(0.5 * threshold, threshold))
    above = bm.prob_above(fit, name, threshold=threshold)
    assert below + between + above == pytest.approx(1.0, abs=1e-8)


def test_a_monotone_map_of_a_quantity_has_the_same_probability(fit):
    on_link = bm.prob_above(fit, "mu", threshold=float(special.logit(0.8)))
    assert bm.prob_above(fit, "p_median", threshold=0.8) == pytest.approx(on_link, abs=1e-12)


def test_a_quantile_is_exceeded_with_its_probability(fit):
    for name in fit.parameters:
        lower, upper = fit.summary(ci_prob=0.9).loc[name, ["lower", "upper"]]
        assert bm.prob_rope(fit, name, rope=(lower, upper)) == pytest.approx(0.9, abs=1e-7)
        assert bm.prob_above(fit, name, threshold=upper) == pytest.approx(0.05, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "threshold", "value"),
    [("tau", 0.0, 1.0), ("tau", -1.0, 1.0), ("p_new", 1.0, 0.0), ("p_new", 0.0, 1.0), ("p[1]", 1.2, 0.0)],
)
def test_thresholds_at_or_beyond_the_support_give_exactly_0_or_1(fit, name, threshold, value):
    result = bm.prob_above(fit, named(fit, name), threshold=threshold)
    assert result == value
    assert result.numerical_error == 0.0
    assert "always lies between 0 and" in result.note
    assert result.note in repr(result)


def test_a_percentage_in_place_of_a_proportion_is_noted(fit):
    result = bm.prob_above(fit, "p_new", threshold=80)
    assert repr(result) == (
        "P(p_new > 80) = 0 (numerical error 0); true proportion of the next study; p_new always lies between 0 and 1; "
        "did you mean 0.8?"
    )


def test_the_result_is_a_number(fit):
    result = bm.prob_above(fit, "p_new", threshold=0.8)
    assert isinstance(result, float)
    assert result.statement == "P(p_new > 0.8)"
    assert result > 0.4
    assert 1.0 - result == 1.0 - float(result)
    assert f"{result:.3f}" == f"{float(result):.3f}"
    assert json.dumps([result]) == json.dumps([float(result)])
    assert str(result) == str(float(result))
    for same in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert isinstance(same, Probability)
        assert repr(same) == repr(result)
    with pytest.raises(AttributeError, match="cannot be changed"):
        result.note = "other"


def test_a_probability_next_to_0_or_1_does_not_print_as_certain(fit):
    assert "= 1 - " in repr(bm.prob_above(fit, "mu", threshold=-0.8))
    assert "P(mu > 4.5) = 1" in (text := repr(bm.prob_above(fit, "mu", threshold=4.5)))
    assert "e-" in text.split("(numerical")[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: bm.prob_above(fit, "p_nwe", threshold=0.8), "Did you mean 'p_new'?"),
        (lambda fit: bm.prob_above(fit, "p_new", threshold="0.8"), "threshold='0.8' is not a number"),
        (lambda fit: bm.prob_above(fit, "p_new", threshold=math.nan), "threshold=nan is not a number"),
        (lambda fit: bm.prob_above(fit, "p_new", threshold=None), "threshold=None is not a number"),
        (lambda fit: bm.prob_above(fit, "p_new", threshold=True), "threshold=True is not a number"),
        (lambda fit: bm.prob_rope(fit, "mu", rope=0.1), "must be two numbers, as in rope=(-0.1, 0.1)"),
        (lambda fit: bm.prob_rope(fit, "mu", rope=(0.1, -0.1)), "must have its lower end first"),
        (lambda fit: bm.prob_rope(fit, "mu", rope=(0.1, "x")), "rope='x' is not a number"),
        (lambda fit: bm.prob_above("fit", "mu", threshold=0), "got a str"),
        (
            lambda fit: bm.prob_above(bm.fit(fit.studies, engine="frequentist"), "mu", threshold=0),
            "engine='frequentist' has no posterior",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(fit, call, message):
    with pytest.raises(bm.SpecError) as caught:
        call(fit)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def sampled(fit):
    """A NUTS fit whose draws are those of the exact posterior."""
    tree = fit.to_datatree(draws=1000, chains=4, seed=1)
    energy = np.random.default_rng(2).normal(size=(4, 1000))
    stats = xr.Dataset({"diverging": (("chain", "draw"), energy > 99.0), "energy": (("chain", "draw"), energy)})
    tree["sample_stats"] = xr.DataTree(stats)
    settings = check_settings(draws=1000, tune=1000, chains=4, seed=1, sampler="pymc", target_accept=0.95)
    return NutsFit(fit.studies, fit.model, None, "logit", settings, tree)


@pytest.mark.parametrize(("name", "threshold"), QUANTITIES.items())
def test_draws_give_the_exact_probability_within_their_error(fit, sampled, name, threshold):
    name = named(fit, name)
    if name.startswith("p["):
        name, threshold = name.replace("p[", "theta["), special.logit(threshold)  # these draws hold theta only
    for call in (
        lambda any_fit: bm.prob_above(any_fit, name, threshold=threshold),
        lambda any_fit: bm.prob_rope(any_fit, name, rope=(0.9 * threshold, 1.1 * threshold)),
    ):
        exact, share = call(fit), call(sampled)
        assert share.numerical_error is None
        assert share.mcse == pytest.approx(math.sqrt(exact * (1.0 - exact) / 4000.0), rel=0.2)
        assert abs(share - exact) < 4.0 * share.mcse
        assert "(MCSE " in repr(share)


def test_draws_that_are_not_reliable_say_so(fit, sampled):
    assert bm.prob_above(sampled, "mu", threshold=1.0).note == ""
    tree = sampled.tree.copy()
    tree["sample_stats"]["diverging"] = xr.ones_like(tree["sample_stats"]["diverging"])
    bad = replace(sampled, tree=tree)
    assert "NOT RELIABLE" in repr(bm.prob_above(bad, "mu", threshold=1.0))
    assert bm.prob_above(bad, "tau", threshold=-1.0) == 1.0
