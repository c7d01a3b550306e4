"""Replicates follow the likelihood: their frequencies are the probabilities that the exact engine integrates."""

import numpy as np
import pytest
from scipy import stats

from bayesmeta.exact.likelihoods import terms_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Counts, Estimates, observed_by
from bayesmeta.surface.simulate import SIMULATORS, replicate

SIZE = 40_000
MCSE = 4.5
PRIORS = {"mu": "Normal(0, 1)", "tau": "HalfNormal(1)"}
THETA = np.array([-0.7, 0.2, 0.9, 0.0])


def replicates(model, studies_for, *, new):
    data = observed_by(model, studies_for(model))
    theta = THETA - 2.9 if model.likelihood == "poisson" else THETA
    drawn = replicate(model, data, np.repeat(theta[:, None], SIZE, axis=1), np.random.default_rng(1), new=new)
    return data, theta, drawn


@pytest.mark.parametrize("likelihood", SIMULATORS)
def test_the_likelihood_of_the_data_is_the_frequency_of_the_same_replicate(likelihood, studies_for):
    model = ModelSpec(likelihood, **PRIORS)
    data, theta, made = replicates(model, studies_for, new=True)
    probability = np.exp(terms_of(model, data).log_likelihood_at(theta[:, None]))[:, 0]
    same = np.all([made[role] == data.data[role][:, None] for role in made], axis=0).mean(axis=1)
    assert (np.abs(same - probability) < MCSE * np.sqrt(probability * (1.0 - probability) / SIZE)).all()
    assert probability.max() > 0.003


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_other_links_of_a_proportion_are_obeyed(link, studies_for):
    model = ModelSpec("binomial", link=link, **PRIORS)
    data, theta, made = replicates(model, studies_for, new=False)
    p = stats.norm.cdf(theta) if link == "probit" else 1.0 - np.exp(-np.exp(theta))
    assert made["events"].mean(axis=1) / data.data["n"] == pytest.approx(p, abs=0.01)


def test_estimates_replicate_with_their_standard_errors():
    data = Estimates(np.array([0.1, 0.4]), np.array([0.2, 0.5]), "identity", "GEN")
    made = replicate(ModelSpec("normal", **PRIORS), data, np.full((2, SIZE), 0.3), np.random.default_rng(2))["y"]
    assert made.mean(axis=1) == pytest.approx([0.3, 0.3], abs=0.012)
    assert made.std(axis=1) == pytest.approx([0.2, 0.5], rel=0.02)


@pytest.mark.parametrize("counts", [([3.0], [20.0], [12.0], [25.0]), ([0.0], [9.0], [8.0], [8.0])])
def test_the_baseline_of_a_study_is_drawn_from_its_posterior(counts):
    """Against a sum over a fine grid of the control arm's log odds."""
    model = ModelSpec("binomial-two-arm", baseline="Normal(-1, 1.5)", **PRIORS)
    roles = ("events_treatment", "n_treatment", "events_control", "n_control")
    x1, n1, x0, n0 = (np.array(values) for values in counts)
    data = Counts(dict(zip(roles, (x1, n1, x0, n0), strict=True)), "log")
    made = replicate(model, data, np.full((1, SIZE // 4), 0.6), np.random.default_rng(3))
    alpha = np.linspace(-14.0, 14.0, 20_001)
    p0, p1 = 1.0 / (1.0 + np.exp(-alpha)), 1.0 / (1.0 + np.exp(-alpha - 0.6))
    weight = stats.norm.pdf(alpha, -1.0, 1.5) * stats.binom.pmf(x0, n0, p0) * stats.binom.pmf(x1, n1, p1)
    weight /= weight.sum()
    for values, n, p in ((made["events_control"], n0, p0), (made["events_treatment"], n1, p1)):
        count = np.arange(int(n[0]) + 1)
        exact = stats.binom.pmf(count[:, None], n, p) @ weight
        found = (values[0] == count[:, None]).mean(axis=1)
        assert (np.abs(found - exact) < MCSE * np.sqrt(exact * (1.0 - exact) / (SIZE // 4)) + 1e-4).all()


def test_rates_of_a_far_tail_have_counts():
    data = Counts({"events": np.array([1.0]), "time": np.array([10.0])}, "log")
    model = ModelSpec("poisson", **PRIORS)
    made = replicate(model, data, np.array([[-800.0, 0.0, 700.0]]), np.random.default_rng(4))["events"]
    assert made[0, 0] == 0.0
    assert made[0, 2] > 1e14
