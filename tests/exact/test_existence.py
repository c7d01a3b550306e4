"""Whether a posterior is proper and which of its moments exist: the rules, and what is printed where they fail."""

import numpy as np
import pytest

from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.exact.existence import tail_orders
from bayesmeta.spec.priors import Prior

INTERIOR, NONE, ALL = (3, 10), (0, 10), (10, 10)
NORMAL, CAUCHY, FLAT = Prior("Normal", 0, 1.5), Prior("Cauchy", 0, 1), Prior("Flat")
HALF_NORMAL, HALF_CAUCHY, HALF_FLAT = Prior("HalfNormal", 1), Prior("HalfCauchy", 1), Prior("HalfFlat")
HALF_T4, STUDENT_T4 = Prior("HalfStudentT", 4, 1), Prior("StudentT", 4, 0, 1)
INF = np.inf

# prior of mu, prior of tau, studies; density of tau falls like tau^-order, of mu to either side
TABLE = [
    (NORMAL, HALF_NORMAL, [INTERIOR], (INF, INF, INF)),
    (NORMAL, HALF_NORMAL, [NONE, NONE], (INF, INF, INF)),
    (NORMAL, HALF_CAUCHY, [NONE, NONE], (2.0, INF, INF)),
    (NORMAL, HALF_CAUCHY, [INTERIOR, NONE, INTERIOR], (4.0, INF, INF)),
    (NORMAL, HALF_T4, [INTERIOR], (6.0, INF, INF)),
    (NORMAL, HALF_FLAT, [INTERIOR, INTERIOR], (2.0, INF, INF)),
    (NORMAL, HALF_FLAT, [INTERIOR] * 5, (5.0, INF, INF)),
    (CAUCHY, HALF_NORMAL, [ALL, ALL], (INF, INF, 2.0)),
    (CAUCHY, HALF_NORMAL, [NONE], (INF, 2.0, INF)),
    (CAUCHY, HALF_NORMAL, [NONE, INTERIOR], (INF, INF, INF)),
    (CAUCHY, HALF_CAUCHY, [INTERIOR, ALL], (3.0, 4.0, 4.0)),
    (CAUCHY, HALF_CAUCHY, [ALL], (2.0, 3.0, 2.0)),
    (STUDENT_T4, HALF_T4, [INTERIOR] * 2, (7.0, 11.0, 11.0)),
    (FLAT, HALF_NORMAL, [INTERIOR], (INF, INF, INF)),
    (FLAT, HALF_NORMAL, [NONE, ALL], (INF, INF, INF)),
    (FLAT, HALF_CAUCHY, [INTERIOR], (2.0, 2.0, 2.0)),
    (FLAT, HALF_CAUCHY, [INTERIOR] * 2, (3.0, 3.0, 3.0)),
    (FLAT, HALF_FLAT, [INTERIOR] * 3, (2.0, 2.0, 2.0)),
    (Prior("Uniform", -5, 5), Prior("Uniform", 0, 3), [NONE], (INF, INF, INF)),
]

IMPROPER = [
    (NORMAL, HALF_FLAT, [INTERIOR], "tau"),
    (NORMAL, HALF_FLAT, [INTERIOR, NONE, ALL, NONE], "tau"),
    (NORMAL, HALF_FLAT, [NONE, ALL], "tau"),
    (FLAT, HALF_FLAT, [INTERIOR, INTERIOR, ALL], "tau"),
    (FLAT, HALF_CAUCHY, [NONE, ALL], "tau"),
    (FLAT, HALF_NORMAL, [NONE, NONE, NONE], "mu"),
    (FLAT, HALF_NORMAL, [ALL], "mu"),
]


def ends(studies):
    events, n = np.array(studies).T
    return events == 0, events == n


def label(value):
    return str(value) if isinstance(value, Prior) else None


@pytest.mark.parametrize(("mu", "tau", "studies", "orders"), TABLE, ids=label)
def test_tail_orders_follow_from_priors_and_interior_studies(mu, tau, studies, orders):
    got = tail_orders(mu, tau, *ends(studies))
    assert (got.tau, got.mu_left, got.mu_right) == orders


@pytest.mark.parametrize(("mu", "tau", "studies", "orders"), TABLE, ids=label)
def test_a_moment_exists_if_it_is_less_than_the_order_minus_one(mu, tau, studies, orders):
    got = tail_orders(mu, tau, *ends(studies))
    for name, order in (("tau", orders[0]), ("mu", min(orders[1:])), ("theta_new", min(orders))):
        assert got.highest_moment(name) == (2 if order > 3.0 else 1 if order > 2.0 else 0)


@pytest.mark.parametrize(("mu", "tau", "studies", "which"), IMPROPER, ids=label)
def test_an_improper_posterior_is_refused_with_its_rule(mu, tau, studies, which):
    with pytest.raises(ImproperPosteriorError) as raised:
        tail_orders(mu, tau, *ends(studies))
    message = str(raised.value)
    assert f"the posterior of {which} is improper" in message
    assert "\n" not in message
    assert "give a proper prior" in message
    assert str(mu) in message
    if which == "tau":
        assert str(tau) in message
        assert "which needs at least " in message


@pytest.mark.parametrize(
    ("mu", "k", "proper"),
    [("Normal(0, 1.5)", 1, False), ("Normal(0, 1.5)", 2, True), ("Flat()", 2, False), ("Flat()", 3, True)],
)
def test_binomial_data_with_a_flat_prior_of_tau_need_two_interior_studies_and_three_with_flat_mu(
    fit_counts, mu, k, proper
):
    # however many studies are at an end
    events, n = [*[3, 7, 2][:k], 0, 8, 0], [*[9, 8, 11][:k], 5, 8, 30]
    if proper:
        summary = fit_counts(events, n, mu, "HalfFlat()").summary()
        assert np.isfinite(summary.loc[["p_median", "p_mean", "p_new"]].to_numpy()).all()
        assert np.isfinite(summary[["median", "lower", "upper"]].to_numpy()).all()
    else:
        with pytest.raises(
            ImproperPosteriorError, match=rf"at least {k + 1} studies .* and {k} of {k + 3} studies qualif"
        ):
            fit_counts(events, n, mu, "HalfFlat()")


@pytest.mark.parametrize(
    ("events", "mu", "words"),
    [
        ([3], "Normal(0, 1.5)", "which needs at least 2 studies, and there is 1; give"),
        ([3, 4], "Flat()", "which needs at least 3 studies, and there are 2; give"),
        ([0], "Normal(0, 1.5)", "at least 2 studies with 0 < events < n, and 0 of 1 study qualifies; give"),
        ([0, 3], "Normal(0, 1.5)", "at least 2 studies with 0 < events < n, and 1 of 2 studies qualifies; give"),
        ([0, 9], "Normal(0, 1.5)", "at least 2 studies with 0 < events < n, and 0 of 2 studies qualify; give"),
    ],
)
def test_how_many_studies_are_lacking_is_said_in_good_english(fit_counts, events, mu, words):
    with pytest.raises(ImproperPosteriorError) as caught:
        fit_counts(events, [9] * len(events), mu, "HalfFlat()")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("mu", "k", "proper"),
    [("Normal(0, 1.5)", 1, False), ("Normal(0, 1.5)", 2, True), ("Flat()", 2, False), ("Flat()", 3, True)],
)
def test_estimates_with_a_flat_prior_of_tau_need_two_studies_and_three_with_flat_mu(fit_estimates, mu, k, proper):
    y, se = [0.3, -0.5, 0.9][:k], [0.2, 0.3, 0.25][:k]
    if proper:
        summary = fit_estimates(y, se, mu, "HalfFlat()").summary()
        assert np.isfinite(summary[["median", "lower", "upper"]].to_numpy()).all()
    else:
        with pytest.raises(ImproperPosteriorError, match=rf"at least {k + 1} studies"):
            fit_estimates(y, se, mu, "HalfFlat()")


@pytest.mark.parametrize(("interior", "proper"), [(0, False), (1, True)])
def test_a_half_cauchy_with_flat_mu_needs_an_interior_study(fit_counts, interior, proper):
    events, n = [0, 8, *[2] * interior], [5, 8, *[9] * interior]
    if proper:
        fit = fit_counts(events, n, "Flat()", "HalfCauchy(1)")
        assert np.isfinite(fit.summary().loc[["p_median", "p_mean", "p_new"]].to_numpy()).all()
        assert np.isinf(fit.summary().loc["tau", "mean"])
    else:
        with pytest.raises(ImproperPosteriorError, match="posterior of tau is improper"):
            fit_counts(events, n, "Flat()", "HalfCauchy(1)")


@pytest.mark.parametrize(("events", "proper"), [([0, 0], False), ([5, 8], False), ([0, 8], True), ([1, 0], True)])
def test_a_flat_prior_of_mu_needs_studies_that_contradict_either_direction(fit_counts, events, proper):
    if proper:
        summary = fit_counts(events, [5, 8], "Flat()", "HalfNormal(1)").summary()
        assert np.isfinite(summary.to_numpy()).all()
    else:
        side = "0" if events[0] == 0 else "all"
        with pytest.raises(ImproperPosteriorError, match=f"every study has {side} events"):
            fit_counts(events, [5, 8], "Flat()", "HalfNormal(1)")


@pytest.mark.parametrize(("events", "n"), [([0, 0, 0], [10, 25, 8]), ([10, 25, 8], [10, 25, 8]), ([0, 9], [12, 9])])
def test_a_half_cauchy_and_no_interior_study_leave_tau_without_a_mean(fit_counts, events, n):
    fit = fit_counts(events, n, tau="HalfCauchy(0.5)")
    row = fit.summary().loc["tau"]
    assert (row["mean"], row["sd"]) == (INF, INF)
    assert np.isfinite(row[["median", "lower", "upper", "numerical_error"]].astype(float)).all()
    assert any("mean and sd of tau do not exist" in note and "quantiles remain" in note for note in fit.notes)
    assert "mean and sd of tau do not exist" in repr(fit)
    assert np.isfinite(fit.summary().loc[["mu", "p_median", "p_mean", "p_new"]].to_numpy()).all()


def test_one_interior_study_gives_the_half_cauchy_tau_a_mean_but_no_sd(fit_counts):
    fit = fit_counts([0, 0, 3], [10, 25, 8], tau="HalfCauchy(0.5)")
    assert np.isfinite(fit.summary().loc["tau", "mean"])
    assert fit.summary().loc["tau", "sd"] == INF
    assert any("the sd of tau do" in note for note in fit.notes)


@pytest.mark.parametrize(("events", "mean"), [([6, 9], INF), ([0, 0], -INF)])
def test_a_cauchy_prior_and_only_full_or_empty_studies_leave_mu_without_a_mean(fit_counts, events, mean):
    fit = fit_counts(events, [6, 9], mu="Cauchy(0, 1)")
    row = fit.summary().loc["mu"]
    assert (row["mean"], row["sd"]) == (mean, INF)
    assert np.isfinite(row[["median", "lower", "upper"]].astype(float)).all()
    assert any("mean and sd of mu do not exist" in note for note in fit.notes)
    assert np.isfinite(fit.summary().loc[["p_median", "p_mean", "p_new"]].to_numpy()).all()


def test_no_note_where_all_moments_exist(fit_counts):
    assert fit_counts([3, 4], [9, 8]).notes == ()
