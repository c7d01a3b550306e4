"""What an analysis does not take is said in one line, and what it does take with a formula works."""

import pytest

import bayesmeta as bm
from bayesmeta.errors import SpecError


@pytest.fixture(scope="module")
def studies():
    df = bm.load_dataset("blinatumomab_cr")
    return bm.Studies.from_frame(df, study="study", events="events", n="n", moderators=["regimen", "year"])


@pytest.fixture(scope="module")
def fit(studies):
    return bm.fit(studies)


@pytest.fixture(scope="module")
def regression(studies):
    return bm.fit(studies, bm.ModelSpec(formula="~ 0 + regimen"))


def refusal(call):
    with pytest.raises(SpecError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "call",
    [
        lambda fit: bm.average([fit]),
        lambda fit: bm.stacking([fit]),
        lambda fit: bm.bayes_factor(fit, "mu = 0"),
        lambda fit: bm.sensitivity(fit, tau=["HalfNormal(2)"]),
        lambda fit: bm.tipping_point(fit, "P(p_new > 0.5) >= 0.9"),
        lambda fit: bm.power_scale(fit),
        lambda fit: bm.leave_one_out(fit),
        lambda fit: bm.influence(fit),
        lambda fit: bm.conflict(fit),
        lambda fit: bm.outliers(fit),
    ],
)
def test_a_fit_with_a_formula_is_refused_with_the_way_out(regression, call):
    assert "is for models without a formula, not '~ 0 + regimen'" in refusal(lambda: call(regression))


def test_an_average_is_not_taken_for_a_fit_with_a_formula(fit):
    assert "influence takes a fit made by bm.fit; got an AveragedFit" in refusal(
        lambda: bm.influence(bm.average([fit]))
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s, f: bm.power_scale(f, alpha=2), "alpha=2 must be a list of powers"),
        (lambda s, f: bm.cumulative(f, by=3), "by=3 must be the name of a moderator"),
        (lambda s, f: bm.subgroups(s, by=3), "by=3 must be the name of a moderator"),
        (lambda s, f: bm.subgroups(f, by="regimen"), "is an ExactFit, not Studies"),
        (lambda s, f: bm.sensitivity(f, tau=5), "tau=5 must be a list of priors, such as tau=['HalfNormal(0.5)']"),
        (lambda s, f: bm.sensitivity(f, tau=["HalfNormal(2)"], parameters=5), "parameters=5 must be a list of mu, tau"),
        (lambda s, f: bm.Studies.from_frame(s.to_frame(), moderators=3), "moderators=3 must be a list of columns"),
    ],
)
def test_a_wrong_type_is_refused_with_the_right_one(studies, fit, call, said):
    assert said in refusal(lambda: call(studies, fit))


@pytest.mark.parametrize("at", [3, [3]])
def test_predict_says_what_values_look_like(regression, at):
    assert "must be values of the moderators, such as {'year': 2020}" in refusal(lambda: bm.predict(regression, at))


@pytest.mark.parametrize("tau", ["common", "hierarchical"])
def test_without_heterogeneity_no_tau_is_shared(studies, tau):
    model = bm.load_model("binomial-common")
    assert "effects='none' has no tau" in refusal(lambda: bm.subgroups(studies, model, by="regimen", tau=tau))


def test_groups_of_a_common_effect_have_no_tau_and_equal_their_own_fits(studies):
    fit = bm.fit(studies, bm.ModelSpec(formula="~ 0 + regimen", effects="none"))
    assert "tau" not in fit.summary().index
    own = bm.fit(studies.take(studies.moderators["regimen"].to_numpy() == "TKI"), bm.ModelSpec(effects="none"))
    columns = ["mean", "sd", "median", "lower", "upper"]
    off = (fit.summary().loc["beta[regimen[TKI]]", columns] - own.summary().loc["mu", columns]).abs().max()
    assert off <= fit.numerical_error + own.numerical_error


def test_probabilities_of_coefficients_are_those_of_their_distributions(regression):
    name = "beta[regimen[TKI]]"
    assert bm.prob_above(regression, name, threshold=1.0) == pytest.approx(1.0 - regression.marginal(name).cdf(1.0))


def test_power_weights_of_subgroups_are_those_of_their_studies(studies):
    weights = {"Foa 2020": 0.5}
    table = bm.subgroups(studies, by="regimen", power_weights=weights)
    part = studies.take(studies.moderators["regimen"].to_numpy() == "TKI")
    own = bm.fit(part, power_weights=weights).summary()
    row = table[(table["level"] == "TKI") & (table["parameter"] == "p_mean")].iloc[0]
    assert row["lower"] == pytest.approx(own.at["p_mean", "lower"], abs=1e-12)
    shared = refusal(lambda: bm.subgroups(studies, by="regimen", tau="common", power_weights=weights))
    assert "power_weights need tau='separate'" in shared
    formula = bm.ModelSpec(formula="~ year")
    assert "not taken by models with a formula" in refusal(lambda: bm.fit(studies, formula, power_weights=weights))


def test_leave_one_out_of_a_beta_binomial_model_equals_its_own_fit(studies):
    model = bm.ModelSpec(effects="beta")
    table = bm.leave_one_out(bm.fit(studies, model))
    left = studies.study[2]
    own = bm.fit(studies.take([i for i in range(studies.k) if i != 2]), model).summary()
    rows = table[table["study"] == left].set_index("parameter")
    columns = ["mean", "sd", "median", "lower", "upper"]
    off = (rows[columns] - own.loc[rows.index, columns]).abs().max(axis=1)
    assert (off <= rows["numerical_error"] + own.loc[rows.index, "numerical_error"]).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: bm.fit(s, engine="frequentist", formula="~ year", glmm_model="CM.EL"), "glmm_model='CM.EL' does"),
        (lambda s: bm.fit(s, engine="frequentist", formula=""), "formula='' is empty"),
        (lambda s: bm.small_study_tests(s, 3), "tests=3 must be one or more of egger"),
        (lambda s: bm.small_study_tests(s, []), "tests is empty; name at least one of egger"),
        (lambda s: bm.pet_peese(s, null="x"), "null='x' must be a finite number"),
        (lambda s: bm.pet_peese(s, null=float("nan")), "null=nan must be a finite number"),
        (lambda s: bm.selection_model(s, null=None), "null=None must be a finite number"),
        (lambda s: bm.selection_model(s, steps="a"), "steps='a' must be P-values"),
        (lambda s: bm.selection_model(s, delta="a"), "delta='a' must be 1 number"),
        (lambda s: bm.selection_model(s, delta_max=None), "delta_max=None must be a finite number"),
    ],
)
def test_a_wrong_value_of_a_classical_analysis_is_refused_in_one_line(studies, call, said):
    assert said in refusal(lambda: call(studies))


@pytest.mark.parametrize("options", [{"method": "glmm"}, {"formula": "~ year"}])
def test_what_needs_a_fit_by_inverse_variance_says_so_of_other_classical_fits(studies, options):
    other = bm.fit(studies, engine="frequentist", **options)
    for call in (bm.heterogeneity, bm.trim_fill, bm.fail_safe_n):
        said = refusal(lambda call=call: call(other))
        assert f"method='inverse-variance', without a formula; got a {type(other).__name__}" in said
        assert "Bayesian" not in said
    if "method" in options:
        assert "fit.tau2_interval" in refusal(lambda: bm.heterogeneity(other))
        for call in (bm.baujat, lambda fit: bm.cluster_robust(fit, "study")):
            assert "with or without a formula; got a GlmmFit" in refusal(lambda call=call: call(other))


def test_a_fit_with_a_formula_that_cannot_be_compared_is_not_said_to_come_from_elsewhere(studies):
    other = bm.fit(studies, engine="frequentist", formula="~ year")
    for call in (bm.study_effects, bm.compare):
        assert "takes no model with a formula yet (here '~ year')" in refusal(lambda call=call: call(other))
