"""Are models without tau, with other links, of rates and of two arms drawn under their right names?"""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.plots.forest_fits import method_title, noun_of
from bayesmeta.plots.forest_frame import forest_frame
from bayesmeta.plots.forest_units import RATE_UNITS, choose_unit
from bayesmeta.plots.forest_words import heterogeneity_line

PRIORS = {"mu": "Normal(-2, 2)", "tau": "HalfNormal(1)"}
MODELS = {
    "common": bm.ModelSpec(effects="none"),
    "probit": bm.ModelSpec(link="probit", **PRIORS),
    "cloglog": bm.ModelSpec(link="cloglog", **PRIORS),
    "student": bm.ModelSpec(effects="student-t"),
    "rates": bm.ModelSpec("poisson", **PRIORS),
    "common rate": bm.ModelSpec("poisson", mu="Normal(-2, 2)", effects="none"),
    "two arms": bm.ModelSpec("binomial-two-arm"),
    "rate ratio": bm.ModelSpec("poisson-conditional"),
}


@pytest.fixture(scope="module")
def fitted(studies_for):
    return {name: bm.fit(studies_for(model), model) for name, model in MODELS.items()}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("common", ["Common proportion (p_median)"]),
        ("probit", ["Median study (p_median)", "Average study (p_mean)", "Next study (p_new)"]),
        ("rates", ["Median rate (mu)", "Next study (theta_new)"]),
        ("common rate", ["Common rate (mu)"]),
        ("two arms", ["Mean effect (mu)", "Next study (theta_new)"]),
    ],
)
def test_each_estimate_is_called_what_it_is(name, labels, fitted):
    frame = forest_frame(fitted[name])
    assert frame.loc[frame["kind"] != "study", "label"].tolist() == labels


def test_a_common_effect_shows_no_shrunken_values_and_no_prediction(fitted):
    frame = forest_frame(fitted["common"])
    assert frame["shrunken"].isna().all()
    assert "prediction" not in set(frame["kind"])
    line = heterogeneity_line("Model", fitted["common"], ci_prob=0.95)
    assert line.startswith("Model, heterogeneity: none assumed; exact posterior, numerical error < 1e")


@pytest.mark.parametrize("name", ["probit", "cloglog"])
def test_proportions_of_other_links_are_drawn_as_proportions(name, fitted):
    frame, table = forest_frame(fitted[name]), fitted[name].summary()
    pooled = frame.set_index("parameter")
    assert pooled.at["p_median", "estimate"] == table.at["p_median", "median"]
    assert frame["shrunken"].dropna().between(0.0, 1.0).all()
    assert f", {name} scale;" in heterogeneity_line("Model", fitted[name], ci_prob=0.95)


def test_rates_are_drawn_as_rates(fitted):
    frame = forest_frame(fitted["rates"]).set_index("parameter")
    assert frame.at["mu", "estimate"] == pytest.approx(np.exp(fitted["rates"].summary().at["mu", "median"]))
    ax = bm.plot_forest(fitted["rates"])
    assert ax.get_xlabel() == "Rate per 100 person-time"
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    ("typical", "name"), [(0.3, "per 1"), (0.04, "per 100"), (0.002, "per 1000"), (2e-4, "per 100000")]
)
def test_the_unit_of_rates_follows_their_size(typical, name, fitted):
    frame = forest_frame(fitted["rates"])
    frame["estimate"] = typical
    assert choose_unit("rate", None, frame) is RATE_UNITS[name]
    assert choose_unit("rate", "per 1000", frame) is RATE_UNITS["per 1000"]
    with pytest.raises(bm.SpecError, match="unknown scale 'percent'"):
        choose_unit("rate", "percent", frame)


@pytest.mark.parametrize(
    ("name", "noun"), [("two arms", "odds ratio"), ("rate ratio", "incidence rate ratio"), ("probit", "proportion")]
)
def test_the_axis_says_what_is_drawn(name, noun, fitted):
    assert noun_of(fitted[name]) == noun
    assert bm.plot_forest(fitted[name]).get_xlabel().startswith(noun.capitalize())


def test_models_beside_one_another_are_told_apart_by_what_is_unusual(fitted):
    titles = [method_title(fitted[name]) for name in ("common", "probit", "student", "two arms")]
    assert titles == [
        "Bayesian model, common effect",
        "Bayesian model, probit link",
        "Bayesian model, Student-t effects (nu = 4)",
        "Bayesian model",
    ]
    bm.plot_forest(fitted["student"], compare=[fitted["probit"], fitted["common"]])
