"""Is every model told as it is: likelihood, link, study effects, priors, discounts, each with its reference?"""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.report.model_methods import model_sentences
from bayesmeta.report.references import cited_in

STUDIES = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
HAZARDS = bm.Studies(("A", "B"), y=[0.1, 0.2], se=[0.1, 0.1], measure="HR")
PRIORS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(1)"}


def test_the_model_is_told_with_likelihood_link_and_priors_with_their_reasons():
    model = bm.ModelSpec("binomial", tau="HalfNormal(0.5)", why={"tau": "few studies are expected to differ"})
    assert model_sentences(model, STUDIES) == (
        "The 14 studies were pooled with a Bayesian random-effects model. The number of events in each study was "
        "modelled by its exact binomial likelihood, without continuity correction, with the probability of an event "
        "related to the study's effect by the logit link (Stijnen et al. 2010). The study effects on the logit scale "
        "were taken as normally distributed with mean μ and standard deviation τ; μ and τ were independent a priori. "
        "The prior of μ was normal with mean 0 and standard deviation 1.5. The prior of τ was half-normal with scale "
        "0.5. Few studies are expected to differ."
    )


def test_estimates_are_told_with_their_measure():
    text = model_sentences(bm.load_model("normal-normal"), HAZARDS, measure="HR")
    assert "The log hazard ratio of each study was taken as normally distributed about its true value" in text
    assert "The study effects on the log scale" in text
    text = model_sentences(bm.load_model("normal-normal"), STUDIES, measure="PLO")
    assert "The logit-transformed proportion of each study, computed from its counts, was taken" in text


def test_effects_of_two_arms_are_told_with_their_measure_and_the_corrected_cells():
    arms = {"events_treatment": [0, 3], "n_treatment": [9, 9], "events_control": [2, 4], "n_control": [8, 9]}
    studies = bm.Studies(("A", "B"), **arms)
    model = bm.ModelSpec("normal", **PRIORS)
    text = model_sentences(model, studies)
    assert "The log odds ratio of each study, computed from its counts, was taken as normally" in text
    assert "To all cells of the one study that has an empty one, 1/2 was added." in text
    assert "1/2" not in model_sentences(model, studies.take([1]), measure="RR")


@pytest.mark.parametrize(
    ("model", "said", "cited"),
    [
        (bm.ModelSpec(link="probit", **PRIORS), "by the probit link (Stijnen", ["Stijnen"]),
        (bm.ModelSpec(link="cloglog", **PRIORS), "effects on the complementary log-log scale", ["Stijnen"]),
        (bm.ModelSpec("poisson", **PRIORS), "Poisson-distributed, without continuity correction", ["Stijnen"]),
        (bm.ModelSpec("binomial-conditional"), "non-central hypergeometric distribution", ["Stijnen"]),
        (bm.ModelSpec("poisson-conditional"), "the ratio of the person-times", ["Stijnen"]),
        (
            bm.ModelSpec("binomial-two-arm", baseline="Normal(-2, 1)"),
            "The log odds under control were integrated out; their prior in every study, independently of its effect, "
            "was normal with mean -2 and standard deviation 1.",
            [],
        ),
        (bm.ModelSpec(effects="student-t", nu=3), "t distribution with 3 degrees", ["Baker", "Lee", "Stijnen"]),
        (bm.ModelSpec(effects="beta"), "beta-distributed (the beta-binomial model, Kuss 2015)", ["Kuss"]),
    ],
)
def test_each_likelihood_link_and_distribution_is_told_with_its_reference(model, said, cited, studies_for):
    text = model_sentences(model, studies_for(model))
    assert said in text
    assert [entry.split()[0] for entry in cited_in(text)] == cited
    assert "The prior of τ was" in text


def test_a_common_effect_is_told_without_heterogeneity():
    text = model_sentences(bm.load_model("binomial-common"), STUDIES)
    assert text.startswith("The 14 studies were pooled with a Bayesian common-effect model.")
    assert "All studies were taken to share one effect μ on the logit scale. The prior of μ was" in text
    assert "τ" not in text
    assert "random" not in text


def test_discounted_studies_are_named_with_their_powers_or_counted_if_many():
    power = np.ones(14)
    assert "power" not in model_sentences(bm.ModelSpec(), STUDIES, power_weights=power)
    power[[0, 4]] = 0.5, 0.25
    text = model_sentences(bm.ModelSpec(), STUDIES, power_weights=power)
    assert "likelihood of 2 studies was raised to a power below 1, so that they count less" in text
    assert "(Ibrahim and Chen 2000) (Giannotta et al.: 0.5, Tanabe et al.: 0.25)." in text
    power[:] = np.linspace(0.2, 0.8, 14)
    assert "(from 0.2 to 0.8)." in model_sentences(bm.ModelSpec(), STUDIES, power_weights=power)


@pytest.mark.parametrize("name", bm.list_models()["name"])
def test_every_reason_of_a_shipped_model_ends_up_in_the_methods(name, studies_for):
    model = bm.load_model(name)
    text = model_sentences(model, studies_for(model))
    parts = ("mu", *(["tau"] if model.has_tau else []), *(["baseline"] if model.baseline else []))
    assert tuple(model.why) == parts
    assert all(why in text for why in model.why.values())
