"""Classical meta-regression: identities, degenerate data, notes, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.coefficients import COEFFICIENT_TESTS

FRAME = pd.DataFrame(
    {
        "study": list("ABCDEFGH"),
        "y": [0.4, -0.2, 1.1, 0.9, 0.1, 1.6, 0.7, 0.2],
        "se": [0.2, 0.3, 0.25, 0.5, 0.15, 0.4, 0.3, 0.2],
        "year": [2001, 2003, 2008, 2010, 2011, 2015, 2016, 2020],
        "arm": list("xyxyxyxy"),
        "constant": 1.5,
        "twice": np.array([2001, 2003, 2008, 2010, 2011, 2015, 2016, 2020]) * 2,
    }
)
STUDIES = bm.Studies.from_frame(FRAME, y="y", se="se", moderators=["year", "arm", "constant", "twice"])
COUNTS = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen", "year"])


def regression(formula, studies=STUDIES, **options):
    return bm.fit(studies, engine="frequentist", formula=formula, **options)


def explicit(x, y, w):
    """Coefficients and covariance with all matrices written out."""
    weights = np.diag(w)
    inverse = np.linalg.inv(x.T @ weights @ x)
    return inverse @ x.T @ weights @ y, inverse


def test_coefficients_are_weighted_least_squares():
    fit = regression("~ I(year - 2010) + arm", tau2_method="REML")
    beta, inverse = explicit(fit.design.matrix, fit.y, 1.0 / (fit.se**2 + fit.tau2))
    assert fit.beta == pytest.approx(beta, rel=1e-12)
    assert fit.vb.ravel() == pytest.approx(inverse.ravel(), rel=1e-11)


def test_dersimonian_laird_sets_the_residual_q_to_its_expectation():
    fit = regression("~ year")
    x, w = fit.design.matrix, fit.se**-2.0
    form = np.diag(w) - np.diag(w) @ x @ np.linalg.inv(x.T @ np.diag(w) @ x) @ x.T @ np.diag(w)
    assert fit.q == pytest.approx(fit.y @ form @ fit.y, rel=1e-11)
    assert np.trace(form @ np.diag(fit.se**2 + fit.tau2)) == pytest.approx(fit.q, rel=1e-11)
    assert fit.i2 == pytest.approx(fit.i2_tau2, rel=1e-10)
    assert fit.h2 == pytest.approx(fit.q / fit.df, rel=1e-10)


@pytest.mark.parametrize("ci_method", COEFFICIENT_TESTS)
def test_one_mean_is_the_pooled_mean_and_its_test_the_square_of_its_statistic(ci_method):
    fit = regression("~ 1", ci_method=ci_method)
    pooled = bm.fit(STUDIES, engine="frequentist")
    assert (fit.beta[0], fit.tau2, fit.q) == pytest.approx((pooled.mu, pooled.tau2, pooled.q), rel=1e-12)
    assert fit.moderator_test.statistic == pytest.approx(fit.coefficients.statistics[0] ** 2, rel=1e-12)
    assert fit.moderator_test.pvalue == pytest.approx(fit.coefficients.pvalues[0], rel=1e-10)
    assert np.isnan(fit.r2)


def test_the_covariance_factor_of_hartung_and_knapp_is_the_mean_squared_residual_and_at_least_1_adhoc():
    names = ("wald", "hartung-knapp", "hartung-knapp-adhoc")
    wald, scaled, adhoc = (regression("~ year", ci_method=name) for name in names)
    factor = float(((wald.y - wald.design.matrix @ wald.beta) ** 2 / (wald.se**2 + wald.tau2)).sum() / 6)
    assert (scaled.vb / wald.vb).ravel() == pytest.approx([factor] * 4, rel=1e-10)
    assert (adhoc.vb / wald.vb).ravel() == pytest.approx([max(1.0, factor)] * 4, rel=1e-10)
    common = regression("~ year", ci_method="hartung-knapp-adhoc", tau2_method="PM")
    assert (common.vb / regression("~ year", tau2_method="PM").vb).ravel() == pytest.approx([1.0] * 4, rel=1e-9)


def test_a_formula_means_the_same_as_in_a_bayesian_model():
    fit = regression("~ year + arm")
    model = bm.ModelSpec("normal", formula="~ year + arm", beta="Normal(0, 10)", tau="HalfNormal(1)")
    bayes = bm.fit(STUDIES, model)
    assert fit.parameters == tuple(name for name in bayes.parameters if name.startswith("beta"))
    assert fit.design.means == bayes.design.means
    assert (fit.design.matrix == bayes.design.matrix).all()
    assert "year is centred at its mean, 2010.5; " in fit.notes[0]
    assert "I(year) in the formula takes it as written (metafor's intercept)" in fit.notes[0]


def test_units_and_centring_change_neither_tests_nor_predictions():
    fits = [regression(formula) for formula in ("~ year", "~ I(year)", "~ I((year - 2010) / 1e6)")]
    for fit in fits[1:]:
        assert fit.moderator_test.statistic == pytest.approx(fits[0].moderator_test.statistic, rel=1e-9)
        assert fit.tau2 == pytest.approx(fits[0].tau2, rel=1e-9)
        table, first = (bm.predict(one, {"year": 2030}).drop(columns="interval") for one in (fit, fits[0]))
        columns = ["estimate", "se", "lower", "upper"]
        assert table[columns].to_numpy().ravel() == pytest.approx(first[columns].to_numpy().ravel(), rel=1e-7)


def test_groups_by_cell_means_have_their_proportions():
    fit = regression("~ 0 + regimen", studies=COUNTS)
    table = fit.summary()
    assert list(table.index[2:]) == ["p_median[TKI]", "p_median[chemotherapy]"]
    logit = table.loc["beta[regimen[TKI]]", ["estimate", "lower", "upper"]].to_numpy(dtype=float)
    assert table.loc["p_median[TKI]", ["estimate", "lower", "upper"]].tolist() == pytest.approx(
        1 / (1 + np.exp(-logit))
    )
    predicted = bm.predict(fit, {"regimen": "TKI"}).set_index("parameter")
    assert list(predicted.index) == ["eta", "p_median", "p_new"]
    assert predicted["interval"].tolist() == ["CI", "CI", "PI"]
    assert predicted.loc["p_median", "upper"] == table.loc["p_median[TKI]", "upper"]
    assert predicted.loc["p_new", "upper"] > predicted.loc["p_median", "upper"]
    assert any("not whether they differ" in note for note in fit.notes)


def test_limits_of_raw_proportions_are_cut_at_0_and_1():
    fit = regression("~ year", studies=COUNTS, measure="PR", variance="exact-ci")
    row = bm.predict(fit, {"year": 2100}).set_index("parameter").loc["p_new"]
    assert row["upper"] == 1.0


def test_summary_and_prediction_take_another_probability():
    fit = regression("~ year", ci_method="t", ci_prob=0.8)
    assert fit.summary().equals(regression("~ year", ci_method="t").summary(ci_prob=0.8))
    narrow, wide = (bm.predict(fit, {"year": 2010}, ci_prob=prob)["upper"] for prob in (None, 0.99))
    assert (narrow < wide).all()
    assert list(fit.estimates.columns[:3]) == ["parameter", "estimand", "estimate"]


def test_the_common_effect_model_has_no_prediction_interval_and_the_adjusted_r2():
    fit = regression("~ year", tau2_method="EE")
    assert bm.predict(fit, {"year": 2010}).set_index("parameter").loc["theta_new", ["lower", "upper"]].isna().all()
    adjusted = 1.0 - (fit.q / fit.df) / (fit.null.q / 7)
    assert fit.r2 == pytest.approx(max(0.0, adjusted), rel=1e-12)
    assert np.isnan(fit.se_tau2)


def test_one_residual_degree_of_freedom_gives_a_fit_but_no_hts_prediction_interval():
    fit = regression("~ year", studies=STUDIES.take([0, 1, 2]), ci_method="t")
    assert fit.df == 1
    assert np.isfinite(fit.summary().to_numpy()).all()
    assert np.isnan(bm.predict(fit, {"year": 2005})["upper"].iloc[1])
    assert any("at least 10 for each are advised" in note for note in fit.notes)


def test_effects_on_a_line_leave_no_heterogeneity_and_a_note_on_hartung_and_knapp():
    frame = FRAME.assign(y=0.25 * (FRAME["year"] - 2010))
    studies = bm.Studies.from_frame(frame, y="y", se="se", moderators=["year"])
    fit = regression("~ I(year - 2010)", studies=studies, tau2_method="REML")
    assert fit.beta == pytest.approx([0.0, 0.25], abs=1e-12)
    assert (fit.tau2, round(fit.r2, 12)) == (0.0, 1.0)
    flat = bm.Studies.from_frame(FRAME.assign(y=0.0), y="y", se="se", moderators=["year"])
    none = regression("~ year", studies=flat, ci_method="hartung-knapp")
    assert not none.vb.any()
    assert any("use 'hartung-knapp-adhoc'" in note for note in none.notes)
    assert any("nothing for them to explain" in note for note in none.notes)


def test_huge_and_tiny_variances_stay_finite():
    frame = FRAME.assign(se=np.geomspace(1e-6, 1e6, 8))
    fit = regression("~ year", studies=bm.Studies.from_frame(frame, y="y", se="se", moderators=["year"]))
    assert np.isfinite(fit.summary().to_numpy()).all()
    assert fit.weights.sum() == pytest.approx(1.0)


def test_the_printed_form_names_model_tests_and_notes():
    text = repr(regression("~ year", tau2_method="REML", ci_method="hartung-knapp"))
    for part in (
        "Meta-regression, random effects (restricted maximum likelihood)",
        "k = 8, ~ year",
        "residual heterogeneity: Q(df = 6) = ",
        "test of moderators: F(1, 6) = ",
        "beta[Intercept]",
        "95 % CI (Hartung-Knapp)",
        "note: year is centred",
    ):
        assert part in text
    assert regression("~ year")._repr_html_().startswith("<pre>Meta-regression")


@pytest.mark.parametrize(
    ("formula", "options", "said"),
    [
        ("~ constant", {}, "the moderator 'constant' is 1.5 for every study"),
        ("~ year + twice", {}, "are collinear"),
        ("~ yaer", {}, "Did you mean 'year'?"),
        ("~ year", {"ci_method": "profile"}, "unknown ci_method 'profile'"),
        ("~ year", {"ci_method": "hartung"}, "Did you mean 'hartung-knapp'?"),
        ("~ year", {"tau2_method": "REM"}, "Did you mean 'REML'?"),
        ("~ year + year + arm", {"ci_prob": 95}, "must lie strictly between 0 and 1"),
        ("year ~ arm", {}, "nothing left of '~'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(formula, options, said):
    with pytest.raises(SpecError) as caught:
        regression(formula, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_moderator_names_its_study():
    gap = pd.DataFrame({"gap": [1, 2, np.nan, 4, 5, 6, 7, 8]})
    studies = bm.Studies(STUDIES.study, y=STUDIES.y, se=STUDIES.se, moderators=gap)
    with pytest.raises(DataError, match="study 'C': the moderator 'gap' is missing"):
        regression("~ gap", studies=studies)


@pytest.mark.parametrize("rows", [[0], [0, 1], [0, 1, 2]])
def test_as_many_coefficients_as_studies_are_refused(rows):
    with pytest.raises(SpecError, match=r"coefficients for (1 study|\d studies)"):
        regression("~ year + I(year**2)", studies=STUDIES.take(rows))


def test_what_is_not_natural_for_a_regression_is_refused_with_the_way_out():
    fit = regression("~ year")
    for verb in (bm.leave_one_out, bm.cumulative, bm.subsets):
        with pytest.raises(SpecError, match=r"for fits without a formula, not '~ year'.* see bm.influence"):
            verb(fit)
    with pytest.raises(SpecError, match="takes no parameter"):
        bm.influence(fit, parameter="mu")
    with pytest.raises(SpecError, match="ci_kind='hdi' is not defined"):
        fit.summary(ci_kind="hdi")
    with pytest.raises(SpecError, match="predict needs a fit of a model with a formula"):
        bm.predict(bm.fit(STUDIES, engine="frequentist"), {"year": 2010})
    for call in (bm.compare, bm.forest_frame):
        for each in (fit, bm.cluster_robust(fit, "study")):
            with pytest.raises(SpecError, match=r"takes no model with a formula yet \(here '~ year'\)"):
                call(each)


def test_a_common_effect_has_as_many_coefficients_as_studies_and_no_tau2_to_estimate():
    frame = pd.DataFrame({"study": ["a", "b"], "y": [0.1, 0.5], "se": [0.2, 0.3], "x": [1.0, 3.0]})
    studies = bm.Studies.from_frame(frame, y="y", se="se", moderators=["x"])
    fit = regression("~ I(x)", studies, tau2_method="EE")
    # metafor 3.8, rma(yi, vi, mods = ~ x, method = "EE"): b -0.1, 0.2; se 0.3354, 0.1803; QE 0, QM 1.2308
    assert fit.beta == pytest.approx([-0.1, 0.2], abs=1e-12)
    assert fit.coefficients.se[1] == pytest.approx(np.hypot(0.2, 0.3) / 2.0, rel=1e-12)
    assert (fit.q, fit.df, fit.q_pvalue, fit.tau2, fit.i2, fit.h2) == (0.0, 0, 1.0, 0.0, 0.0, 1.0)
    assert fit.moderator_test.statistic == pytest.approx(0.16 / 0.13, rel=1e-10)
    assert np.isnan(fit.r2)
    assert "Q(df = 0) = 0.00" in repr(fit)
    with pytest.raises(SpecError, match="leaves none to estimate tau2 from"):
        regression("~ I(x)", studies)
    with pytest.raises(SpecError, match="leaves none to estimate what ci_method='t' needs"):
        regression("~ I(x)", studies, tau2_method="EE", ci_method="t")
