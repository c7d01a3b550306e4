"""Do the words of a forest plot say what was done?"""

import pytest

import bayesmeta as bm
from bayesmeta.plots.forest_fits import method_title
from bayesmeta.plots.forest_frame import forest_frame
from bayesmeta.plots.forest_words import heterogeneity_line, marks_line, percent_words


def test_methods_are_named_with_their_measure(remission, remission_dl, hazard):
    logit = bm.fit(remission.studies, engine="frequentist")
    assert method_title(remission) == "Bayesian model"
    assert method_title(remission_dl) == "DerSimonian-Laird, raw proportion"
    assert method_title(logit) == "DerSimonian-Laird, logit"
    assert method_title(bm.fit(hazard.studies, engine="frequentist")) == "DerSimonian-Laird"
    equal = bm.fit(remission.studies, engine="frequentist", tau2_method="EE")
    assert method_title(equal) == "Equal effects, logit"


@pytest.mark.parametrize(("prob", "words"), [(0.95, "95 %"), (0.9, "90 %"), (0.999, "99.9 %"), (0.29, "29 %")])
def test_probabilities_are_printed_as_per_cent(prob, words):
    assert percent_words(prob) == words


def test_tau_has_its_interval_its_scale_and_its_numerical_error(remission, hazard, effects):
    for fit, scale in ((remission, ", logit scale"), (hazard, ", log scale"), (effects, "")):
        tau = fit.summary(ci_prob=0.9).loc["tau"]
        numbers = f"tau = {tau['median']:.2f} (90 % CrI {tau['lower']:.2f} to {tau['upper']:.2f})"
        line = heterogeneity_line("Bayes", fit, ci_prob=0.9)
        assert line.startswith(f"Bayes, heterogeneity: {numbers}{scale}; exact posterior, numerical error < ")
        bound = float(line.rpartition("< ")[2])
        assert bound / 10 < fit.summary(ci_prob=0.9)["numerical_error"].max() <= bound


def test_moments_that_do_not_exist_leave_the_line_as_it_is():
    studies = bm.Studies(("A",), events=[3.0], n=[9.0])
    fit = bm.fit(studies, bm.ModelSpec("binomial", tau="HalfCauchy(0.5)"))
    assert "numerical error < 1e-" in heterogeneity_line("Bayes", fit, ci_prob=0.95)


def test_the_classical_line_gives_tau2_i2_and_the_test(remission_dl):
    line = heterogeneity_line("DL", remission_dl, ci_prob=0.95)
    assert line == "DL, heterogeneity: tau² = 0.0113, I² = 77.0 %, Q = 39.07, df = 9, P < 0.001"


def test_one_study_and_a_model_without_heterogeneity_say_so(remission):
    one = bm.fit(remission.studies.take([0]), engine="frequentist")
    assert heterogeneity_line("DL", one, ci_prob=0.95).endswith("cannot be estimated from one study")
    equal = bm.fit(remission.studies, engine="frequentist", tau2_method="EE")
    assert "heterogeneity: none assumed; I² = 64.2 %" in heterogeneity_line("EE", equal, ci_prob=0.95)


def test_the_marks_that_are_drawn_are_explained_and_no_others(remission, remission_dl, effects):
    both = marks_line(forest_frame(remission, compare=remission_dl), ci_prob=0.95)
    assert "exact (Clopper-Pearson) 95 % CI" in both
    assert "posterior median (p_mean: posterior mean) with 95 % CrI, or pooled estimate with 95 % CI." in both
    assert "Circles" in both
    classical = marks_line(forest_frame(remission_dl), ci_prob=0.9)
    assert "Circles" not in classical
    assert "Diamonds: pooled estimate with 90 % CI." in classical
    assert "Clopper" not in marks_line(forest_frame(effects), ci_prob=0.95)
