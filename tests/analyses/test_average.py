"""Model averaging against the arithmetic of mixtures, and against integrating over the prior itself."""

import numpy as np
import pytest
from scipy import integrate, stats

import bayesmeta as bm

COLUMNS = ["mean", "sd", "median", "lower", "upper"]


@pytest.fixture(scope="module")
def studies():
    return bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")


@pytest.fixture(scope="module")
def fits(studies):
    priors = (
        ("Normal(0, 1.5)", "HalfNormal(1)"),
        ("Normal(0, 1.5)", "HalfCauchy(0.3)"),
        ("Cauchy(2, 0.2)", "Uniform(0, 0.5)"),
    )
    return [bm.fit(studies, bm.ModelSpec(mu=mu, tau=tau)) for mu, tau in priors]


@pytest.fixture(scope="module")
def averaged(fits):
    return bm.average(fits, prior_weights=[1, 2, 5])


def test_weights_are_prior_times_evidence(fits, averaged):
    share = np.array([1.0, 2.0, 5.0]) / 8.0 * np.exp([fit.log_evidence for fit in fits])
    assert averaged.weights["posterior"].to_numpy() == pytest.approx(share / share.sum(), rel=1e-12)
    assert averaged.weights["posterior"].sum() == pytest.approx(1.0, abs=1e-15)
    assert averaged.weights["prior"].tolist() == [0.125, 0.25, 0.625]
    assert averaged.log_evidence == pytest.approx(np.log(share.sum()), abs=1e-12)
    assert (averaged.weights["numerical_error"] < 3e-8).all()
    assert 0.0 < averaged.log_evidence_error < 1e-7


def test_posterior_odds_are_the_bayes_factor_times_the_prior_odds(studies):
    free = bm.fit(studies)
    common = bm.bayes_factor(free, "tau = 0").log_evidence_h0
    nearly = bm.fit(studies, bm.ModelSpec(tau="HalfNormal(1e-6)"))  # the common-effect model, as a prior
    assert nearly.log_evidence == pytest.approx(common, abs=1e-7)
    odds = bm.average([free, nearly]).weights["posterior"]
    assert odds.iloc[0] / odds.iloc[1] == pytest.approx(bm.bayes_factor(free, "tau = 0").bf10, rel=1e-7)


@pytest.mark.parametrize("name", ["mu", "tau", "p_median", "p_mean", "p_new", "theta_new"])
def test_distribution_functions_are_weighted(fits, averaged, name):
    x = fits[0].marginal(name).ppf([0.01, 0.2, 0.5, 0.8, 0.99])
    expected = sum(
        weight * fit.marginal(name).cdf(x) for weight, fit in zip(averaged.weights["posterior"], fits, strict=True)
    )
    assert averaged.marginal(name).cdf(x) == pytest.approx(expected, abs=1e-12)


def test_the_summary_is_that_of_the_mixture(averaged):
    table = averaged.summary(ci_prob=0.9)
    assert tuple(table.index) == ("mu", "tau", "p_median", "p_mean", "p_new")
    for name, row in table.iterrows():
        marginal = averaged.marginal(name)
        assert marginal.cdf(row[["median", "lower", "upper"]].to_numpy(float)) == pytest.approx(
            [0.5, 0.05, 0.95], abs=1e-10
        )
        if name == "tau":
            continue  # beyond every usual quantile the half-Cauchy's tail still counts for the mean
        low, high = marginal.ppf([1e-8, 1.0 - 1e-8])
        mean = high - integrate.quad(lambda x, m=marginal: float(m.cdf(x)), low, high, epsabs=1e-9, limit=300)[0]
        assert row["mean"] == pytest.approx(mean, abs=1e-5)
    assert (table["numerical_error"] < 1e-5).all()
    assert averaged.numerical_error == averaged.summary()["numerical_error"].max()


def test_the_average_over_scales_is_the_fit_with_the_mixed_prior(studies):
    """A mixture of priors is a prior: half-t with 4 degrees of freedom mixes half-normals over their scale."""
    step = 0.2
    scales = np.exp(np.arange(-2.2, 5.0, step))
    density = stats.invgamma(2.0, scale=2.0).pdf(scales**2) * 2.0 * scales**2  # of the log scale: nu = 4, sigma = 1
    assert density.sum() * step == pytest.approx(1.0, abs=1e-11)
    fits = [bm.fit(studies, bm.ModelSpec(tau=f"HalfNormal({scale})")) for scale in scales]
    mixed, direct = bm.average(fits, prior_weights=density), bm.fit(studies, bm.ModelSpec(tau="HalfStudentT(4, 1)"))
    assert mixed.log_evidence == pytest.approx(direct.log_evidence, abs=1e-8)
    difference = (mixed.summary() - direct.summary())[COLUMNS].abs().max(axis=1)
    assert (difference <= mixed.summary()["numerical_error"] + direct.summary()["numerical_error"]).all()


@pytest.mark.parametrize("ci_kind", ["eti", "hdi"])
def test_two_fits_of_one_model_average_to_that_fit(studies, ci_kind):
    fits = [bm.fit(studies), bm.fit(studies)]
    both = bm.average(fits)
    assert both.weights["posterior"].tolist() == [0.5, 0.5]
    expected = fits[0].summary(ci_kind=ci_kind)
    table = both.summary(ci_kind=ci_kind)
    assert table[COLUMNS].to_numpy() == pytest.approx(expected[COLUMNS].to_numpy(), abs=1e-9)
    label = f"theta[{studies.study[0]}]"
    assert both.marginal(label).ppf(0.3) == pytest.approx(fits[0].marginal(label).ppf(0.3), abs=1e-9)


def test_a_model_that_the_data_rule_out_changes_nothing(fits):
    hopeless = bm.fit(fits[0].studies, bm.ModelSpec(mu="Normal(-30, 0.1)", tau="HalfNormal(0.01)"))
    both = bm.average([fits[0], hopeless])
    assert both.weights["posterior"].tolist() == [1.0, 0.0]
    assert both.summary()[COLUMNS].to_numpy() == pytest.approx(fits[0].summary()[COLUMNS].to_numpy(), abs=1e-12)


def test_models_far_apart_have_a_bimodal_average(studies):
    ends = [bm.fit(studies, bm.ModelSpec(mu=f"Normal({at}, 0.01)", tau="HalfNormal(1)")) for at in (0.7, 1.9)]
    equal = np.exp([-fit.log_evidence for fit in ends])
    both = bm.average(ends, prior_weights=equal / equal.max())
    table = both.summary()
    assert table.loc["mu", "mean"] == pytest.approx(
        np.mean([fit.summary().loc["mu", "mean"] for fit in ends]), abs=1e-7
    )
    assert table.loc["mu", "lower"] == pytest.approx(ends[0].marginal("mu").ppf(0.05), abs=1e-7)
    assert table.loc["mu", "upper"] == pytest.approx(ends[1].marginal("mu").ppf(0.95), abs=1e-7)


def test_on_different_links_only_proportions_are_averaged(studies):
    fits = [
        bm.fit(studies, bm.ModelSpec(link=link, mu="Normal(0, 1)", tau="HalfNormal(1)")) for link in ("logit", "probit")
    ]
    mixed = bm.average(fits)
    assert mixed.parameters == ("p_median", "p_mean", "p_new")
    assert mixed.notes == ("not averaged: mu, tau (on the link scale, and the links differ)",)
    p = np.array([1e-6, 0.5, 0.75, 0.8, 0.99])
    for name in (*mixed.parameters, f"p[{studies.study[1]}]"):
        expected = sum(w * fit.marginal(name).cdf(p) for w, fit in zip(mixed.weights["posterior"], fits, strict=True))
        assert mixed.marginal(name).cdf(p) == pytest.approx(expected, abs=1e-10)
    with pytest.raises(bm.SpecError, match=r"mu cannot be averaged \(on the link scale, and the links differ\)"):
        mixed.marginal("mu")
    with pytest.raises(bm.SpecError, match="unknown quantity 'p_nwe'"):
        mixed.marginal("p_nwe")


def test_nu_is_averaged_over_a_grid(studies):
    grid = (3.0, 6.0, 1e6)
    fits = [bm.fit(studies, bm.ModelSpec(effects="student-t", nu=nu)) for nu in grid]
    mixed = bm.average(fits, prior_weights=(1, 1, 2))
    assert mixed.parameters == bm.fit(studies).parameters
    assert [f"StudentT({nu:.0f}" in label for nu, label in zip(grid[:2], mixed.weights.index[:2], strict=True)] == [
        True
    ] * 2
    assert fits[2].log_evidence == pytest.approx(bm.fit(studies).log_evidence, abs=1e-4)  # the normal model
    together = bm.average([*fits, bm.fit(studies)])
    assert "tau is a scale in the models with Student's t, whose SD is larger" in together.notes


def test_a_model_without_tau_leaves_tau_out(studies):
    mixed = bm.average([bm.fit(studies), bm.fit(studies, bm.ModelSpec(mu="Normal(0, 1.5)", effects="none"))])
    assert mixed.notes == ("not averaged: tau (not in all models)",)
    result = bm.bayes_factor(bm.fit(studies), "tau = 0")
    odds = mixed.weights["posterior"]
    assert odds.iloc[0] / odds.iloc[1] == pytest.approx(result.bf10, rel=1e-7)


def test_moments_that_do_not_exist_stay_infinite_and_say_why(studies):
    heavy = [
        bm.fit(bm.Studies(("a",), events=[3.0], n=[10.0]), bm.ModelSpec(tau=tau))
        for tau in ("HalfCauchy(0.5)", "HalfNormal(1)")
    ]
    mixed = bm.average(heavy)
    assert mixed.summary().loc["tau", "sd"] == np.inf
    assert any("the sd of tau does not exist" in note for note in mixed.notes)


def test_probabilities_of_the_average_are_weighted(fits, averaged):
    result = bm.prob_above(averaged, "p_new", threshold=0.8)
    parts = [bm.prob_above(fit, "p_new", threshold=0.8) for fit in fits]
    assert result == pytest.approx(float(averaged.weights["posterior"] @ parts), abs=1e-12)
    assert 1e-7 <= result.numerical_error < 1e-6


def test_it_prints_and_summarises_like_a_fit(averaged):
    text = repr(averaged)
    assert text.startswith("Average of 3 models by their posterior probabilities, k = 14")
    assert "tau ~ HalfCauchy(beta=0.3)" in text
    assert bm.summary(averaged).equals(averaged.summary())
    assert averaged.estimates["estimand"].tolist() == list(averaged.parameters)


@pytest.mark.parametrize(("mu", "tau"), [("Flat()", "HalfNormal(1)"), ("Normal(0, 1.5)", "Flat()")])
def test_improper_priors_are_refused_with_the_reason(fits, mu, tau):
    improper = bm.fit(fits[0].studies, bm.ModelSpec(mu=mu, tau=tau))
    with pytest.raises(bm.SpecError, match="leave the constant of its evidence arbitrary") as caught:
        bm.average([fits[0], improper])
    assert "\n" not in str(caught.value)
    assert "Flat()" in str(caught.value)


@pytest.mark.parametrize("weights", [[1], [1, 2, 3, 4], [1, -1, 1], [0, 0, 0], [1, 1, np.nan], "abc", 3, [1, "x", 2]])
def test_prior_weights_that_are_none_are_refused_in_one_line(fits, weights):
    with pytest.raises(bm.SpecError, match="must be 3 numbers, one for each fit") as caught:
        bm.average(fits, prior_weights=weights)
    assert "\n" not in str(caught.value)


def test_a_prior_weight_of_zero_leaves_a_model_out(fits):
    table = bm.average(fits, prior_weights=[0, 1, 0]).summary()
    assert table[COLUMNS].to_numpy() == pytest.approx(fits[1].summary()[COLUMNS].to_numpy(), abs=1e-12)
