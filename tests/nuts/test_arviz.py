"""What a Bayesian fit of any kind gives to ArviZ works there as it comes."""

import warnings

import arviz as az
import numpy as np
import pytest

import bayesmeta as bm

KINDS = ("exact", "regression", "nuts")
STATISTICS = {
    "summary": lambda tree, _: az.summary(tree, ci_prob=0.95),
    "rhat": lambda tree, _: az.rhat(tree),
    "ess": lambda tree, _: az.ess(tree),
    "mcse": lambda tree, _: az.mcse(tree),
    "hdi": lambda tree, _: az.hdi(tree, prob=0.95),
    "loo": lambda tree, _: az.loo(tree, pointwise=True),
    "compare": lambda tree, _: az.compare({"one": tree, "same": tree}),
    "loo_pit": lambda tree, _: az.loo_pit(tree),
    "loo_expectations": lambda tree, _: az.loo_expectations(tree),
    "loo_score": lambda tree, _: az.loo_score(tree),
    "psense_summary": lambda tree, main: az.psense_summary(tree, var_names=[main, "tau"]),
}
PLOTS_OF_PARAMETERS = (
    "plot_trace", "plot_trace_dist", "plot_dist", "plot_forest", "plot_rank", "plot_ess", "plot_mcse", "plot_pair",
    "plot_prior_posterior", "plot_psense_dist", "plot_psense_quantities",
)  # fmt: skip
PLOTS_OF_DATA = (
    "plot_ppc_dist", "plot_ppc_pit", "plot_ppc_interval", "plot_ppc_tstat", "plot_ppc_rootogram", "plot_loo_pit",
    "plot_loo_interval",
)  # fmt: skip


@pytest.fixture(scope="module")
def trees(exact, sampled):
    frame = bm.load_dataset("blinatumomab_cr")
    model = bm.ModelSpec("binomial", formula="~ 0 + ph_status", beta="Normal(0, 1.5)")
    regression = bm.fit(bm.Studies.from_frame(frame, moderators=["ph_status"]), model)
    return {
        "exact": exact.to_datatree(draws=500, seed=1),
        "regression": regression.to_datatree(draws=500, seed=1),
        "nuts": sampled.to_datatree(),
    }


def quietly(call):
    """Call what warns of Pareto shapes, of counts drawn as a density, or of xarray's future: it works all the same."""
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Estimated shape parameter|Variables .* look discrete")
        warnings.filterwarnings("ignore", message="In a future version of xarray", category=FutureWarning)
        result = call()
    plt.close("all")
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STATISTICS)
def test_arviz_computes(trees, kind, name):
    main = "beta" if kind == "regression" else "mu"
    assert quietly(lambda: STATISTICS[name](trees[kind], main)) is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLOTS_OF_PARAMETERS)
def test_arviz_draws_parameters(trees, kind, name):
    main = "beta" if kind == "regression" else "mu"
    made = quietly(lambda: getattr(az, name)(trees[kind], var_names=[main, "tau"]))
    assert made.viz is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLOTS_OF_DATA)
def test_arviz_draws_predictive_checks(trees, kind, name):
    assert quietly(lambda: getattr(az, name)(trees[kind])).viz is not None


@pytest.mark.parametrize("kind", KINDS)
def test_arviz_draws_the_prior_predictive(trees, kind):
    assert quietly(lambda: az.plot_ppc_dist(trees[kind], group="prior_predictive")).viz is not None


def test_arviz_shows_the_energy_of_nuts(trees):
    assert quietly(lambda: az.plot_energy(trees["nuts"])).viz is not None


def test_the_engines_give_the_same_groups_and_names(trees):
    exact, nuts = trees["exact"], trees["nuts"]
    assert {*exact.children} == {*nuts.children} - {"sample_stats"}
    assert {*exact["posterior"].data_vars} == {*nuts["posterior"].data_vars} - {"z", "z_new"}
    for group in ("posterior_predictive", "predictions", "log_likelihood", "log_prior", "observed_data"):
        assert [*exact[group].data_vars] == [*nuts[group].data_vars]
        for name in exact[group].data_vars:
            assert exact[group][name].dims == nuts[group][name].dims
            assert exact[group][name].dtype == nuts[group][name].dtype


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("posterior_predictive", "events"), ("predictions", "events_new"), ("log_likelihood", "events"),
        ("log_prior", "tau"), ("prior", "p_mean"), ("prior_predictive", "events"),
    ],
)  # fmt: skip
def test_the_engines_agree_on_the_distribution_of(trees, group, name):
    """Means and SDs of two independent samples, each from its own program; 5 standard errors of their difference."""
    one, other = (np.asarray(trees[kind][group][name]) for kind in ("exact", "nuts"))
    one, other = (values.reshape(-1, *values.shape[2:]) for values in (one, other))
    ess = 1500.0  # of either at least
    spread = np.maximum(one.std(axis=0), other.std(axis=0))
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 5.0 * spread * np.sqrt(2.0 / ess)).all()
    assert (np.abs(one.std(axis=0) - other.std(axis=0)) < 5.0 * spread * np.sqrt(2.0 / ess)).all()


def test_predictive_checks_of_nuts_are_those_of_exact(sampled, exact):
    one, other = bm.predictive_checks(sampled), bm.predictive_checks(exact, seed=8)
    assert one["observed"].tolist() == other["observed"].tolist()
    error = np.hypot(one["mcse"], other["mcse"])
    assert (np.abs(one["prob_below"] - other["prob_below"]) < 4.5 * error).all()


def test_psis_of_nuts_with_the_study_effects_integrated_out_is_exact_within_its_error(sampled, exact):
    table = bm.psis_loo(sampled, log_likelihood="marginal")
    assert table["elpd_loo"].to_numpy() == pytest.approx(exact.loo["elpd_loo"].to_numpy())
    # its error is that of independent draws; of mu and tau there are at least a quarter as many
    assert (np.abs(table["elpd_psis"] - table["elpd_loo"]) < 4.5 * 2.0 * table["mcse"]).all()
    # the shape of the tail is an estimate too, of draws that are not independent: 0.4 of outliers by exact draws
    assert (table["is_reliable"] == (table["pareto_k"] <= 0.7)).all()
    assert table["pareto_k"].median() < 0.4


def test_transforms_of_nuts_agree_with_the_exact_ones(sampled, exact):
    drawn, known = bm.loo_pit(sampled), bm.loo_pit(exact)
    assert known.is_exact
    assert not drawn.is_exact
    difference = drawn.table["prob_below"] - known.table["prob_below"]
    assert (np.abs(difference) < 4.5 * 1.5 * drawn.table["mcse"]).all()
