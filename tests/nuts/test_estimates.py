import arviz_stats
import numpy as np
import pytest
from arviz_base import from_dict

from bayesmeta.errors import SpecError
from bayesmeta.nuts.estimates import estimate_rows, moment_errors, share_below, share_within


@pytest.fixture(scope="module")
def walk():
    """Draws with autocorrelation 0.8, whose standard deviation is 1."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(4, 1000))
    for i in range(1, 1000):
        values[:, i] = 0.8 * values[:, i - 1] + 0.6 * values[:, i]
    return values


def test_diagnostics_are_those_of_arviz(walk):
    row = estimate_rows({"mu": walk}, ci_prob=0.95).loc["mu"]
    tree = from_dict({"posterior": {"mu": walk}})
    assert row["r_hat"] == float(arviz_stats.rhat(tree)["mu"])
    assert row["ess_bulk"] == float(arviz_stats.ess(tree)["mu"])
    assert row["ess_tail"] == float(arviz_stats.ess(tree, method="tail", prob=(0.05, 0.95))["mu"])
    assert row["mcse_mean"] == float(arviz_stats.mcse(tree)["mu"])
    assert moment_errors(walk) == (row["mcse_mean"], float(arviz_stats.mcse(tree, method="sd")["mu"]))


def test_intervals_are_quantiles_or_the_shortest(walk):
    skewed = {"tau": np.exp(walk)}
    equal, shortest = (estimate_rows(skewed, ci_prob=0.9, ci_kind=kind).loc["tau"] for kind in ("eti", "hdi"))
    assert [equal["lower"], equal["upper"]] == pytest.approx(np.quantile(skewed["tau"], [0.05, 0.95]))
    assert shortest["upper"] - shortest["lower"] < equal["upper"] - equal["lower"]


def test_error_of_a_share_grows_with_autocorrelation(walk):
    independent = np.random.default_rng(6).normal(size=(4, 1000))
    share, error = share_below(independent, -1.96, 0.025)
    assert abs(share - 0.025) < 4 * error
    assert error == pytest.approx(np.sqrt(0.025 * 0.975 / 4000), rel=0.15)
    assert share_below(walk, 0.0, 0.5)[1] > 1.8 * share_below(independent, 0.0, 0.5)[1]


def test_a_share_that_no_draw_informs_takes_the_size_of_the_sample(walk):
    share, error = share_below(walk, 100.0, 0.975)
    ess = estimate_rows({"mu": walk}, ci_prob=0.95).at["mu", "ess_bulk"]
    assert (share, error) == (1.0, pytest.approx(np.sqrt(0.975 * 0.025 / ess)))
    share, error = share_below(walk, 100.0, 1.0 - 1e-7)
    assert (share - (1.0 - 1e-7)) / error < 0.1


def test_r_hat_of_one_chain_is_unknown(walk):
    assert np.isnan(estimate_rows({"mu": walk[:1]}, ci_prob=0.95).at["mu", "r_hat"])


def test_an_interval_of_another_kind_is_refused(walk):
    with pytest.raises(SpecError, match=r"unknown ci_kind 'hpd'\. Did you mean 'hdi'"):
        estimate_rows({"mu": walk}, ci_prob=0.95, ci_kind="hpd")


def test_the_share_within_has_the_error_of_independent_draws():
    draws = np.random.default_rng(3).uniform(size=(4, 5000))
    share, error = share_within(draws, 0.2, 0.9)
    assert share == np.mean((draws > 0.2) & (draws < 0.9))
    assert error == pytest.approx(np.sqrt(0.7 * 0.3 / 20_000), rel=0.1)
    assert abs(share - 0.7) < 4.0 * error


def test_a_share_of_none_or_all_has_an_error_too():
    draws = np.random.default_rng(3).uniform(size=(4, 500))
    for end, expected in ((2.0, 0.0), (-1.0, 1.0)):
        share, error = share_within(draws, end, np.inf)
        assert share == expected
        assert 2e-4 < error < 2e-3  # about one draw in 2000


def test_correlated_draws_have_a_larger_error():
    steps = np.random.default_rng(3).normal(size=(4, 5000))
    draws = np.zeros_like(steps)
    for i in range(1, 5000):
        draws[:, i] = 0.95 * draws[:, i - 1] + steps[:, i]
    assert share_within(draws, 0.0, np.inf)[1] > 3.0 * np.sqrt(0.25 / 20_000)
