"""Does a comparison name every model, and explain its rows, as they are?"""

import numpy as np
import pytest

import bayesmeta as bm

PRIORS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(1)"}
LABELS = {
    "binomial likelihood, probit link, mu ~ Normal(mu=0, sigma=2), tau ~ HalfNormal(sigma=1)": bm.ModelSpec(
        link="probit", **PRIORS
    ),
    "binomial likelihood, Student-t effects (nu = 3), mu ~ Normal(mu=0, sigma=1.5), tau ~ HalfNormal(sigma=1)": (
        bm.ModelSpec(effects="student-t", nu=3)
    ),
    "binomial likelihood, common effect, mu ~ Normal(mu=0, sigma=1.5)": bm.ModelSpec(effects="none"),
    "binomial-two-arm likelihood, mu ~ Normal(mu=0, sigma=2.82), tau ~ HalfNormal(sigma=0.5), "
    "baseline ~ Normal(mu=-1, sigma=1)": bm.ModelSpec("binomial-two-arm", baseline="Normal(-1, 1)"),
}


@pytest.mark.parametrize("label", LABELS)
def test_the_label_names_what_tells_a_model_from_others(label, studies_for):
    model = LABELS[label]
    assert bm.compare(bm.fit(studies_for(model), model))["fit"].unique().tolist() == [label]


def test_under_a_common_effect_there_is_no_tau_and_the_next_study_is_as_the_others(studies_for):
    model = bm.ModelSpec(effects="none")
    table = bm.compare(bm.fit(studies_for(model), model)).set_index("parameter")
    assert table.index.tolist() == ["mu", "p_median", "p_mean", "p_new"]
    assert table.at["p_median", "explanation"] == "the true proportion that all studies are taken to share"
    assert table.at["p_new", "explanation"].startswith("the same: a model with a common effect")
    assert table.at["p_new", "lower"] == table.at["p_median", "lower"]


@pytest.mark.parametrize(
    ("model", "noun"),
    [
        (bm.ModelSpec("poisson", **PRIORS), "incidence rate"),
        (bm.ModelSpec("poisson-conditional"), "incidence rate ratio"),
        (bm.ModelSpec("binomial-conditional"), "odds ratio"),
        (bm.ModelSpec("binomial-conditional", effects="none"), "odds ratio"),
    ],
)
def test_rates_and_ratios_are_called_so(model, noun, studies_for):
    table = bm.compare(bm.fit(studies_for(model), model)).set_index("parameter")
    assert table.at["mu", "explanation"].endswith(f"link scale (log {noun})")
    if model.has_tau:
        assert table.at["theta_new", "explanation"].startswith(f"the true log {noun} of the next study; wide")


def test_tau_of_student_effects_is_called_a_scale(studies_for):
    model = bm.ModelSpec(effects="student-t")
    table = bm.compare(bm.fit(studies_for(model), model)).set_index("parameter")
    assert table.at["tau", "explanation"] == "scale of Student's t (nu = 4) of the study effects, link scale"


def test_power_weights_are_named(studies_for):
    studies = studies_for(bm.ModelSpec())
    table = bm.compare([bm.fit(studies), bm.fit(studies, power_weights={"Lee 2019": 0.5})])
    assert table["fit"].nunique() == 2
    assert table["fit"].iloc[-1].endswith(", power weights")


def test_a_frequentist_common_effect_has_no_prediction_for_its_own_reason(studies_for):
    fit = bm.fit(studies_for(bm.ModelSpec()), engine="frequentist", tau2_method="EE")
    table = bm.compare(fit).set_index("parameter")
    assert np.isnan(table.at["p_new", "lower"])
    for name in ("tau", "p_new"):
        assert table.at[name, "explanation"] == "none: a common effect is assumed"
