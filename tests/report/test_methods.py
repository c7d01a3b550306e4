import pytest

from bayesmeta.frequentist.intervals import CI_METHODS
from bayesmeta.report import methods

CLASSICAL = {
    "measure": "PR", "variance": "exact-ci", "tau2_method": "DL", "ci_method": "wald", "pi_method": "hts",
    "ci_prob": 0.9, "add": 0.5, "to": "only0",
}  # fmt: skip
NUTS = {"sampler": "nutpie", "draws": 500, "tune": 700, "chains": 3, "seed": 7, "target_accept": 0.95}
VERSIONS = {"bayesmeta": "1.2", "python": "3.13", "pymc": "6.4", "nutpie": "0.16"}


def test_sampling_is_told_with_program_settings_and_versions():
    text = methods.nuts_sentences(NUTS, VERSIONS, verified=True)
    assert "of nutpie 0.16, from a model built with PyMC 6.4 (Abril-Pla et al. 2023)" in text
    assert "3 chains of 500 draws each after 700 tuning steps, a target acceptance rate of 0.95" in text
    assert "random seed 7" in text
    assert "differences of up to 4 were accepted" in text
    text = methods.nuts_sentences({**NUTS, "sampler": "pymc"}, VERSIONS, verified=False)
    assert "(Hoffman and Gelman 2014) of PyMC 6.4" in text
    assert "nutpie" not in text
    assert "exact posterior" not in text


def test_a_frequentist_analysis_is_told_with_its_conventions():
    text = methods.frequentist_sentences(CLASSICAL)
    assert text.startswith("Raw proportions (PR) were pooled by inverse variance under a random-effects model with")
    assert "(DerSimonian and Laird 1986); the 90 % confidence interval (CI) is Wald's." in text
    assert "exact 95 % confidence interval (Clopper and Pearson 1934)" in text
    assert "t distribution with k − 2 degrees of freedom (Higgins et al. 2009)" in text
    assert "continuity correction" not in text
    text = methods.frequentist_sentences({**CLASSICAL, "measure": "PLO", "variance": "wald"}, k_corrected=2)
    assert "A continuity correction of 0.5 was added to the cells of 2 studies." in text


@pytest.mark.parametrize("ci_method", list(CI_METHODS))
def test_every_interval_of_the_mean_is_told_in_words_and_all_but_walds_with_paper_or_distribution(ci_method):
    text = methods.frequentist_sentences({**CLASSICAL, "ci_method": ci_method})
    words = {"wald": "is Wald's.", "t": "k − 1 degrees of freedom", "hartung-knapp": "(Hartung and Knapp 2001)"}
    words |= {"hartung-knapp-adhoc": "(Knapp and Hartung 2003)", "henmi-copas": "(Henmi and Copas 2010)"}
    words |= {"profile": "(Hardy and Thompson 1996)"}
    assert words[ci_method] in text


def test_a_common_effect_analysis_has_no_prediction_interval():
    text = methods.frequentist_sentences({**CLASSICAL, "tau2_method": "EE"})
    assert "by a common-effect model" in text
    assert "prediction" not in text


def test_what_is_reported_is_told_with_its_probability():
    assert "90 % equal-tailed credible intervals (CrI); that of p_new" in methods.report_sentences("logit", ci_prob=0.9)
    assert "p_mean" not in methods.report_sentences("log", ci_prob=0.9)
    for link in ("probit", "cloglog"):
        assert methods.report_sentences(link, ci_prob=0.9) == methods.report_sentences("logit", ci_prob=0.9)


def test_of_a_common_effect_no_prediction_and_no_heterogeneity_is_told():
    for link in ("logit", "log"):
        text = methods.report_sentences(link, ci_prob=0.9, effects="none")
        assert "posterior medians" in text
        assert "prediction" not in text
        assert "p_mean" not in text
    assert "τ" not in methods.exact_sentences(has_tau=False)
    assert methods.subgroup_sentences(["a"], has_tau=False) == "Subgroups by a were analysed separately."


def test_the_median_study_of_the_beta_binomial_model_is_not_told_as_the_inverse_link_of_mu():
    assert "the inverse link of μ" in methods.report_sentences("logit", ci_prob=0.9)
    assert "the inverse link of μ" not in methods.report_sentences("logit", ci_prob=0.9, effects="beta")


def test_several_subgroups_are_listed():
    assert methods.subgroup_sentences(["a", "b", "c"]).startswith("Subgroups by a, b and c were analysed separately")
