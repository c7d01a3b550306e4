"""The summary, and the marginal distributions behind it."""

import itertools

import numpy as np
import pytest
from scipy import integrate

from bayesmeta.errors import SpecError
from bayesmeta.result.summary import summary

NAMES = ("mu", "tau", "theta_new", "p_median", "p_mean", "p_new")
DATA = {
    "ordinary": ([4, 10, 25, 12], [8, 12, 42, 12], "Normal(0, 1.5)", "HalfNormal(1)"),
    "no events": ([0, 0, 0], [10, 25, 8], "Normal(0, 1.5)", "HalfNormal(1)"),
    "certain tau": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "HalfNormal(0.01)"),
    "bounded tau": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "Uniform(0, 2)"),
}
EVERY_FIT = pytest.mark.parametrize("fit", DATA.values(), ids=DATA.keys(), indirect=True)
EVERY_NAME = pytest.mark.parametrize("name", NAMES)
P = np.array([1e-6, 1e-3, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999, 1.0 - 1e-6])


@pytest.fixture(scope="module")
def fit(request, fit_counts):
    return fit_counts(*request.param)


def points_of(marginal, count=2001):
    """Points that cover the distribution, dense where it is."""
    inner = marginal.ppf(np.linspace(1e-7, 1.0 - 1e-7, 400))
    low, high = inner[0], inner[-1]
    return np.unique(np.r_[np.linspace(low, high, count), inner])


@EVERY_FIT
@EVERY_NAME
def test_quantiles_invert_the_distribution_function(fit, name):
    marginal = fit.marginal(name)
    assert marginal.cdf(marginal.ppf(P)) == pytest.approx(P, abs=1e-9)


@EVERY_FIT
@EVERY_NAME
def test_quantiles_increase_to_the_most_extreme(fit, name):
    assert (np.diff(fit.marginal(name).ppf(P)) > 0.0).all()
    ends = fit.marginal(name).ppf([0.0, 1.0])
    support = {"mu": (-np.inf, np.inf), "theta_new": (-np.inf, np.inf), "tau": (0.0, np.inf)}.get(name, (0.0, 1.0))
    assert tuple(ends) == support


@EVERY_FIT
@EVERY_NAME
def test_the_density_is_the_derivative_of_the_distribution_function(fit, name):
    marginal = fit.marginal(name)
    x = marginal.ppf(np.array([0.03, 0.2, 0.5, 0.7, 0.96]))
    h = 1e-4 * np.minimum(x[-1] - x[0], np.abs(x) if name == "tau" else np.inf)
    difference = (marginal.cdf(x + h) - marginal.cdf(x - h)) / (2.0 * h)
    assert marginal.pdf(x) == pytest.approx(difference, rel=2e-4)


@EVERY_FIT
@EVERY_NAME
def test_the_density_integrates_to_one_and_to_the_moments(fit, name):
    marginal = fit.marginal(name)
    edges = np.r_[marginal.ppf([1e-9]), marginal.ppf(np.linspace(0.001, 0.999, 80)), marginal.ppf([1.0 - 1e-9])]
    x, w = np.polynomial.legendre.leggauss(12)
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    at, weight = (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()
    density = marginal.pdf(at) * weight
    mean = density @ at
    assert density.sum() == pytest.approx(1.0, abs=2e-6)
    assert mean == pytest.approx(marginal.mean(), abs=2e-5)
    assert np.sqrt(density @ (at - mean) ** 2) == pytest.approx(marginal.sd(), abs=2e-4)


@EVERY_FIT
def test_outside_the_support_nothing_is_possible(fit):
    for name, below, above in (("tau", -1.0, None), ("p_new", -0.1, 1.1), ("p_mean", 0.0, 1.0)):
        marginal = fit.marginal(name)
        assert (marginal.cdf([below])[0], marginal.pdf([below])[0]) == (0.0, 0.0)
        if above is not None:
            assert (marginal.cdf([above])[0], marginal.pdf([above])[0]) == (1.0, 0.0)


@EVERY_FIT
def test_summary_quantiles_are_those_of_the_marginals(fit):
    table = fit.summary(ci_prob=0.9)
    for name in table.index:
        marginal = fit.marginal(name)
        row = table.loc[name, ["lower", "median", "upper"]].to_numpy(float)
        assert row == pytest.approx(marginal.ppf([0.05, 0.5, 0.95]), abs=1e-9)
        assert row[[0, 2]] == pytest.approx(marginal.eti(0.9), abs=1e-9)
        assert tuple(table.loc[name, ["mean", "sd"]]) == (marginal.mean(), marginal.sd())


@EVERY_FIT
@pytest.mark.parametrize("prob", [0.5, 0.95])
def test_the_shortest_interval_holds_its_probability_and_is_no_longer_than_the_equal_tailed(fit, prob):
    for name in NAMES:
        marginal = fit.marginal(name)
        lower, upper = marginal.hdi(prob)
        inside = np.diff(marginal.cdf([lower, upper]))[0]
        assert inside == pytest.approx(prob, abs=1e-9)
        equal = marginal.eti(prob)
        assert upper - lower <= (equal[1] - equal[0]) * (1.0 + 1e-9)


@EVERY_FIT
def test_the_density_is_equal_at_the_ends_of_a_shortest_interval(fit):
    for name in ("mu", "theta_new", "tau", "p_median", "p_mean"):
        marginal = fit.marginal(name)
        lower, upper = marginal.hdi(0.8)
        if marginal.cdf([lower])[0] < 1e-8:  # it begins where the support does: the density is higher there
            assert name == "tau"
            assert marginal.pdf([1e-6 * upper])[0] >= marginal.pdf([upper])[0]
        else:
            at = marginal.pdf([lower, upper])
            assert at[0] == pytest.approx(at[1], rel=2e-3)


@EVERY_FIT
def test_hdi_rows_of_the_summary_are_those_of_the_marginals(fit):
    table = fit.summary(ci_kind="hdi")
    assert list(table.columns) == ["mean", "sd", "median", "lower", "upper", "numerical_error"]
    for name in ("mu", "p_mean"):
        assert table.loc[name, ["lower", "upper"]].to_list() == pytest.approx(fit.marginal(name).hdi(0.95), abs=1e-9)
    assert table["median"].to_numpy() == pytest.approx(fit.summary()["median"].to_numpy(), abs=1e-12)


@EVERY_FIT
def test_every_row_is_ordered_and_certified(fit):
    table = fit.summary()
    assert ((table["lower"] < table["median"]) & (table["median"] < table["upper"])).all()
    assert ((table["numerical_error"] >= 1e-8) & (table["numerical_error"] <= 1.01e-6)).all()


@EVERY_FIT
def test_wider_intervals_hold_narrower_ones(fit):
    tables = [fit.summary(ci_prob=p) for p in (0.5, 0.9, 0.99)]
    for inner, outer in itertools.pairwise(tables):
        assert (outer["lower"] < inner["lower"]).all()
        assert (outer["upper"] > inner["upper"]).all()


def test_intervals_are_what_a_user_gets_from_the_public_function(fit_counts):
    fit = fit_counts([4, 10], [8, 12])
    assert summary(fit, ci_prob=0.8).equals(fit.summary(ci_prob=0.8))


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan])
def test_a_quantile_at_no_probability_is_refused(fit_counts, q):
    with pytest.raises(SpecError, match="probabilities between 0 and 1"):
        fit_counts([4, 10], [8, 12]).marginal("mu").ppf([0.5, q])


def test_draws_of_a_marginal_follow_it(fit_counts):
    marginal = fit_counts([4, 10], [8, 12]).marginal("p_new")
    drawn = marginal.rvs(4000, seed=3)
    assert marginal.rvs(4000, seed=3) == pytest.approx(drawn)
    assert drawn.mean() == pytest.approx(marginal.mean(), abs=5.0 * marginal.sd() / np.sqrt(4000))
    assert (drawn < marginal.ppf([0.25])).mean() == pytest.approx(0.25, abs=5.0 * 0.433 / np.sqrt(4000))


@pytest.mark.parametrize("x", [[-1.0, 2.0], np.zeros((2, 3)), 0.3])
def test_the_shape_of_what_is_asked_is_that_of_the_answer(fit_counts, x):
    marginal = fit_counts([4, 10], [8, 12]).marginal("mu")
    assert marginal.cdf(x).shape == marginal.pdf(x).shape == np.shape(x)


# narrow kernels: a sum of kernels narrower than the nodes of mu would be a comb


@pytest.mark.parametrize("sigma", [1e-4, 0.001, 0.01, 0.05, 0.2])
def test_predictive_quantiles_at_small_tau_are_no_comb(fit_estimates, sigma):
    y, se = np.array([0.3, -0.5, 0.9]), np.array([0.2, 0.3, 0.25])
    fit = fit_estimates(y, se, "Normal(0, 1)", f"HalfNormal({sigma})")
    tau = np.linspace(0.0, 9.0 * sigma, 4001)
    precision = np.r_["0,2", 1.0 / (se[:, None] ** 2 + tau**2), np.ones((1, tau.size))]
    mean = (precision * np.r_[y, 0.0][:, None]).sum(axis=0) / precision.sum(axis=0)
    variance = 1.0 / precision.sum(axis=0)
    log_f = -0.5 * (tau / sigma) ** 2 + 0.5 * np.log(precision).sum(axis=0) + 0.5 * np.log(variance)
    log_f -= 0.5 * (precision * (np.r_[y, 0.0][:, None] - mean) ** 2).sum(axis=0)
    density = np.exp(log_f - log_f.max())
    marginal = fit.marginal("theta_new")
    from scipy.special import ndtr

    for p in (1e-3, 0.025, 0.25, 0.5, 0.975):
        x = marginal.ppf([p])[0]
        below = ndtr((x - mean) / np.sqrt(variance + tau**2))
        assert integrate.simpson(density * below, x=tau) / integrate.simpson(density, x=tau) == pytest.approx(
            p, abs=1e-7
        )
    x = np.linspace(*marginal.ppf([0.01, 0.99]), 1500)
    pdf = marginal.pdf(x)
    bends = np.diff(np.sign(np.diff(pdf)))
    assert np.count_nonzero(bends) <= 1  # one mode; a comb has one per node
