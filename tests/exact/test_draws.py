"""Independent draws: they follow the exact posterior, can be repeated, and are what ArviZ expects."""

import numpy as np
import pytest
from scipy import special

from bayesmeta.errors import SpecError
from bayesmeta.result.study_table import study_effects

SIZE = 20_000
GROUPS = {
    "posterior", "prior", "posterior_predictive", "prior_predictive", "predictions", "log_likelihood", "log_prior",
    "observed_data", "constant_data", "predictions_constant_data",
}  # fmt: skip
MCSE = 5.0  # standard errors: one comparison in two million is further off by chance
Q = np.array([0.025, 0.25, 0.5, 0.75, 0.975])
DATA = {
    "ordinary": ([4, 10, 25, 12], [8, 12, 42, 12], "Normal(0, 1.5)", "HalfNormal(1)"),
    "all events": ([6, 9], [6, 9], "Normal(0, 1.5)", "HalfNormal(0.5)"),
    "one and a million": ([1, 3, 700_000], [1, 7, 1_000_000], "Normal(0, 1.5)", "HalfNormal(1)"),
    "certain tau": ([3, 10, 4], [5, 12, 8], "Normal(0, 1.5)", "HalfNormal(0.01)"),
    "bounded": ([3, 10, 4], [5, 12, 8], "Uniform(-1, 2)", "Uniform(0, 2)"),
    "a heavy tail": ([0, 3, 5], [9, 9, 8], "StudentT(4, 0, 1)", "HalfCauchy(0.5)"),
}


@pytest.fixture(scope="module", params=DATA.values(), ids=DATA.keys())
def both(request, fit_counts):
    fit = fit_counts(*request.param)
    return fit, fit.to_datatree(draws=SIZE // 4, chains=4, seed=11)


def check(drawn, mean, sd, quantiles):
    """Draws against mean, SD and the quantiles at Q."""
    drawn = np.asarray(drawn).ravel()
    assert drawn.size == SIZE
    if np.isfinite(sd):
        assert abs(drawn.mean() - mean) < MCSE * sd / np.sqrt(SIZE)
    for q, x in zip(Q, quantiles, strict=True):
        assert abs((drawn <= x).mean() - q) < MCSE * np.sqrt(q * (1.0 - q) / SIZE)


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new", "p_median", "p_mean", "p_new"])
def test_draws_follow_the_exact_marginals(both, name):
    fit, tree = both
    marginal = fit.marginal(name)
    check(tree["posterior"][name], marginal.mean(), marginal.sd(), marginal.ppf(Q))


def test_draws_of_study_effects_follow_their_exact_posteriors(both):
    fit, tree = both
    effects = study_effects(fit)
    for label in fit.studies.study:
        drawn = tree["posterior"]["theta"].sel(study=label)
        row = effects.loc[label]
        check(drawn, row["mean"], row["sd"], fit.marginal(f"theta[{label}]").ppf(Q))


def test_mu_and_tau_are_drawn_together(both):
    fit, tree = both
    grid = fit.solution.fine.posterior.surface.grid
    exact = fit.solution.fine.posterior.mean(np.exp(-(grid.mu**2)) * np.exp(-grid.tau[:, None]))
    drawn = np.exp(-(tree["posterior"]["mu"] ** 2) - tree["posterior"]["tau"])
    assert abs(float(drawn.mean()) - exact) < MCSE * float(drawn.std()) / np.sqrt(SIZE)


def test_draws_are_independent(both):
    mu = np.asarray(both[1]["posterior"]["mu"])
    for values in (mu, np.asarray(both[1]["posterior"]["tau"])):
        rank = values.argsort(axis=1).argsort(axis=1).astype(float)  # ranks, for a heavy tail
        for chain in rank:
            assert abs(np.corrcoef(chain[1:], chain[:-1])[0, 1]) < MCSE / np.sqrt(SIZE // 4)


def test_groups_dimensions_and_coordinates(both):
    fit, tree = both
    assert set(tree.children) == GROUPS
    posterior = tree["posterior"]
    assert set(posterior.data_vars) == {"mu", "tau", "theta", "theta_new", "p", "p_median", "p_mean", "p_new"}
    assert set(tree["prior"].data_vars) == set(posterior.data_vars)
    assert posterior["mu"].dims == ("chain", "draw")
    assert posterior["theta"].dims == ("chain", "draw", "study")
    assert posterior["theta"].shape == (4, SIZE // 4, fit.k)
    assert tree["log_likelihood"]["events"].dims == ("chain", "draw", "study")
    assert posterior["study"].values.tolist() == list(fit.studies.study)
    assert tree["observed_data"]["events"].values.tolist() == fit.studies.events.tolist()
    assert tree["constant_data"]["n"].values.tolist() == fit.studies.n.tolist()
    assert posterior.attrs["inference_library"] == "bayesmeta"


def test_derived_quantities_are_functions_of_the_draws(both):
    posterior = both[1]["posterior"]
    assert np.asarray(posterior["p_median"]) == pytest.approx(special.expit(np.asarray(posterior["mu"])))
    assert np.asarray(posterior["p_new"]) == pytest.approx(special.expit(np.asarray(posterior["theta_new"])))
    z = np.linspace(-9.0, 9.0, 601)
    weight = np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    mu, tau = (np.asarray(posterior[name])[0, :50] for name in ("mu", "tau"))
    expected = special.expit(mu[:, None] + tau[:, None] * z) @ weight
    assert np.asarray(posterior["p_mean"])[0, :50] == pytest.approx(expected, rel=1e-6)


def test_the_log_likelihood_is_that_of_each_study_at_its_effect(both):
    fit, tree = both
    theta = np.asarray(tree["posterior"]["theta"])[0, :20]
    r, n = fit.studies.events, fit.studies.n
    coefficient = special.gammaln(n + 1) - special.gammaln(r + 1) - special.gammaln(n - r + 1)
    expected = coefficient + r * special.log_expit(theta) + (n - r) * special.log_expit(-theta)
    assert np.asarray(tree["log_likelihood"]["events"])[0, :20] == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_one_seed_gives_one_set_of_draws(fit_counts):
    fit = fit_counts([4, 10], [8, 12])
    trees = [fit.to_datatree(draws=50, chains=2, seed=seed) for seed in (5, 5, 6, np.random.default_rng(5))]
    mu = [np.asarray(tree["posterior"]["mu"]) for tree in trees]
    assert (mu[0] == mu[1]).all()
    assert (mu[0] == mu[3]).all()
    assert (mu[0] != mu[2]).all()


def test_a_normal_likelihood_has_no_proportions(fit_estimates):
    fit = fit_estimates([0.3, -0.5, 0.9], [0.2, 0.3, 0.25], "Normal(0, 1)", "HalfNormal(0.5)")
    tree = fit.to_datatree(draws=SIZE // 2, chains=2, seed=2)
    assert set(tree["posterior"].data_vars) == {"mu", "tau", "theta", "theta_new"}
    assert tree["constant_data"]["se"].values.tolist() == [0.2, 0.3, 0.25]
    effects = study_effects(fit)
    for label in fit.studies.study:
        row = effects.loc[label]
        quantiles = fit.marginal(f"theta[{label}]").ppf(Q)
        check(tree["posterior"]["theta"].sel(study=label), row["mean"], row["sd"], quantiles)


def test_arviz_summarises_the_draws(both):
    from arviz_stats import summary

    fit, tree = both
    table = summary(tree, var_names=["mu", "tau", "p_mean"], ci_prob=0.95, round_to="none")
    assert table.loc["mu", "r_hat"] == pytest.approx(1.0, abs=0.01)
    assert table.loc["p_mean", "mean"] == pytest.approx(fit.marginal("p_mean").mean(), abs=0.01)


@pytest.mark.parametrize(("draws", "chains"), [(0, 4), (100, 0), (2.5, 4), (100, True), ("100", 4)])
def test_numbers_of_draws_and_chains_must_be_positive_whole_numbers(fit_counts, draws, chains):
    with pytest.raises(SpecError, match="must be a positive whole number"):
        fit_counts([4, 10], [8, 12]).to_datatree(draws=draws, chains=chains)
