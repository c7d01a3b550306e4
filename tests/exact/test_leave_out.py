"""Leave-one-out predictive densities, exactly."""

import numpy as np
import pytest

from bayesmeta.analyses.influence import loo
from bayesmeta.errors import ImproperPosteriorError, SpecError
from bayesmeta.frequentist.fit import fit_frequentist

DATA = {
    "two contradictory studies": ([5, 116], [119, 170], "Normal(0, 1.5)", "HalfNormal(0.5)"),
    "contradictory under a wide prior": ([5, 116], [119, 170], "Normal(0, 5)", "HalfNormal(1)"),
    "one outlier": ([10, 11, 9, 38], [40, 40, 40, 40], "Normal(0, 1.5)", "HalfNormal(0.2)"),
    "one and a million": ([1, 3, 700_000], [1, 7, 1_000_000], "Normal(0, 1.5)", "HalfNormal(1)"),
    "a heavy tail": ([0, 3, 5], [9, 9, 8], "StudentT(4, 0, 1)", "HalfCauchy(0.5)"),
}


@pytest.fixture(scope="module", params=DATA.values(), ids=DATA.keys())
def fit(request, fit_counts):
    return fit_counts(*request.param)


def test_loo_is_certified_to_a_millionth(fit):
    assert (loo(fit)["numerical_error"] <= 1.01e-6).all()


def test_loo_is_the_difference_of_two_evidences(fit, fit_counts):
    events, n = fit.studies.events, fit.studies.n
    for i, (elpd, error) in enumerate(loo(fit).to_numpy()):
        without = fit_counts(np.delete(events, i), np.delete(n, i), fit.model.mu, fit.model.tau)
        difference = fit.log_evidence - without.log_evidence - elpd
        assert abs(difference) <= error + fit.log_evidence_error + without.log_evidence_error


def test_loo_probabilities_of_all_counts_sum_to_one(fit_counts):
    total = 0.0
    for r in range(7):
        total += np.exp(loo(fit_counts([3, 9, r], [8, 11, 6]))["elpd_loo"].iloc[2])
    assert total == pytest.approx(1.0, abs=1e-7)


def test_loo_needs_every_remaining_posterior_to_be_proper(fit_counts):
    fit = fit_counts([3, 5, 0], [8, 11, 6], tau="HalfFlat()")
    with pytest.raises(ImproperPosteriorError, match="without study 'study 0', the posterior of tau is improper"):
        loo(fit)


def test_loo_with_a_flat_prior_of_mu_is_defined(fit_counts):
    # the constant of the flat prior cancels
    fit = fit_counts([3, 5, 2], [8, 11, 6], mu="Flat()")
    wide = fit_counts([3, 5, 2], [8, 11, 6], mu="Normal(0, 30000)")
    assert loo(fit)["elpd_loo"].to_numpy() == pytest.approx(loo(wide)["elpd_loo"].to_numpy(), abs=1e-6)


def test_loo_needs_a_bayesian_fit(fit_counts):
    with pytest.raises(SpecError, match="needs a Bayesian fit"):
        loo(fit_frequentist(fit_counts([4, 10], [8, 12]).studies))


def test_the_frame_of_loo_is_the_users_own(fit_counts):
    fit = fit_counts([4, 10], [8, 12])
    frame = loo(fit)
    frame.iloc[0, 0] = 5.0
    assert loo(fit).iloc[0, 0] < 0.0
    assert list(loo(fit).index) == list(fit.studies.study)
