import numpy as np
import pytest

from bayesmeta.analyses.sensitivity import SENSITIVITY_COLUMNS, sensitivity
from bayesmeta.api import fit as fit_model
from bayesmeta.errors import SpecError
from bayesmeta.result.summary import COLUMNS

MU = ("Normal(0, 1)", "Normal(0.5, 0.5)")
TAU = ("HalfNormal(0.3)", "HalfNormal(2)", "Exponential(2)")


@pytest.fixture(scope="module")
def fit(counts_fit):
    return counts_fit()


@pytest.fixture(scope="module")
def table(fit):
    return sensitivity(fit, mu=MU, tau=TAU)


def test_every_pair_has_a_row_for_every_parameter_and_the_reference_comes_first(fit, table):
    assert tuple(table.columns) == SENSITIVITY_COLUMNS
    assert len(table) == 3 * 4 * len(fit.parameters)
    assert table[["mu", "tau"]].iloc[0].tolist() == [str(fit.model.mu), str(fit.model.tau)]
    assert not table.duplicated(["mu", "tau", "parameter"]).any()
    assert (table["estimand"] == table["parameter"]).all()


def test_the_reference_pair_has_moved_nowhere(table):
    first = table.iloc[:5]
    assert (first["shift"] == 0.0).all()
    assert (first["shift_error"] == 0.0).all()
    assert first["hellinger"].max() < 1e-9


def test_rows_equal_fits_of_their_own(fit, table):
    for (mu, tau), rows in table.groupby(["mu", "tau"], observed=True):
        own = fit_model(fit.studies, fit.model.with_priors(mu=mu, tau=tau))
        summary = own.summary()
        off = np.abs(rows[list(COLUMNS)].to_numpy() - summary[list(COLUMNS)].to_numpy()).max(axis=1)
        assert (off <= rows["numerical_error"].to_numpy() + summary["numerical_error"].to_numpy()).all()
        evidence = rows[["log_evidence", "log_evidence_error"]].iloc[0]
        assert abs(evidence.iloc[0] - own.log_evidence) <= evidence.iloc[1] + own.log_evidence_error
        reference = fit.summary()
        shift = (summary["mean"] - reference["mean"]) / reference["sd"]
        slack = rows["shift_error"].to_numpy() + 1e-6
        assert (np.abs(rows["shift"].to_numpy() - shift.to_numpy()) <= slack).all()


def test_labels_and_order_of_studies_do_not_matter(fit, table):
    other = fit_model(fit.studies.take(np.array([3, 1, 0, 4, 2])), fit.model)
    turned = sensitivity(other, mu=MU, tau=TAU)
    for column in (*COLUMNS, "log_evidence", "shift", "hellinger"):
        np.testing.assert_allclose(turned[column], table[column], rtol=0, atol=1e-8)


def test_without_lists_the_models_alternatives_are_taken(counts_fit):
    fit = counts_fit(sensitivity={"tau": ["HalfNormal(0.5)", "HalfNormal(1)"], "mu": ["Normal(0, 3)"]})
    table = sensitivity(fit, parameters=["tau"])
    assert list(zip(table["mu"], table["tau"], strict=True)) == [
        ("Normal(mu=0, sigma=1.5)", "HalfNormal(sigma=1)"),
        ("Normal(mu=0, sigma=1.5)", "HalfNormal(sigma=0.5)"),
        ("Normal(mu=0, sigma=3)", "HalfNormal(sigma=1)"),
        ("Normal(mu=0, sigma=3)", "HalfNormal(sigma=0.5)"),
    ]


def test_improper_pairs_are_rows_with_a_reason_and_improper_priors_have_no_evidence(counts_fit):
    fit = counts_fit((0, 3), (10, 12))
    table = sensitivity(fit, mu=["Flat()"], tau=["HalfFlat()", "HalfNormal(0.5)"], parameters=["mu", "p_mean"])
    improper = table[table["note"] != ""]
    assert improper["tau"].unique().tolist() == ["HalfFlat()"]
    assert improper["note"].str.contains("posterior of tau is improper").all()
    assert improper[["mean", "median", "numerical_error", "shift", "hellinger"]].isna().all(axis=None)
    flat = table[(table["mu"] == "Flat()") & (table["note"] == "")]
    assert flat["log_evidence"].isna().all()
    assert flat["median"].notna().all()


def test_moments_that_do_not_exist_have_no_shift(counts_fit):
    fit = counts_fit((0, 0), (10, 12))
    table = sensitivity(fit, tau=["HalfCauchy(0.5)"], parameters=["tau"])
    assert table["mean"].iloc[1] == np.inf
    assert table["shift"].iloc[1] == np.inf
    assert np.isnan(table["shift_error"].iloc[1])
    assert np.isfinite(table["hellinger"]).all()


def test_estimates_have_their_own_rows(estimates_fit):
    table = sensitivity(estimates_fit(mu="Flat()", tau="HalfNormal(1)"), tau=["HalfNormal(0.5)"])
    assert table["parameter"].unique().tolist() == ["mu", "tau", "theta_new"]


def test_progress_reaches_the_number_of_pairs(fit):
    seen = []
    sensitivity(fit, mu=MU, tau=TAU, parameters=["mu"], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "names no alternative priors"),
        ({"tau": ["HalfNormal(-1)"]}, "HalfNormal"),
        ({"tau": ["Normal(0, 1)"]}, "for tau reaches below 0"),
        ({"tau": TAU, "parameters": ["p_meen"]}, "Did you mean 'p_mean'"),
        ({"tau": TAU, "parameters": "tau"}, "must be a list"),
        ({"tau": TAU, "ci_prob": 95}, "Did you mean 0.95"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_one_line(fit, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        sensitivity(fit, **options)
    assert "\n" not in str(caught.value)


def test_fits_that_have_no_priors_are_refused(fit):
    with pytest.raises(SpecError, match="engine='exact'"):
        sensitivity(fit_model(fit.studies, engine="frequentist"), tau=TAU)


def test_a_new_effect_of_a_heavy_tailed_kernel_has_no_sd_on_a_shared_grid(estimates_fit):
    fit = estimates_fit(mu="Normal(0, 2)", tau="HalfNormal(1)", effects="student-t", nu=2.0)
    scales = np.linspace(0.3, 1.2, 9)
    table = sensitivity(fit, tau=[f"HalfNormal({s:.3f})" for s in scales], parameters=["mu", "theta_new"])
    assert np.isinf(table.loc[table["parameter"] == "theta_new", "sd"]).all()
    assert np.isfinite(table.loc[table["parameter"] == "mu", "sd"]).all()
