import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayesmeta as bm


@pytest.fixture(scope="module")
def counts(pritz):
    return bm.pymc_model(pritz, bm.ModelSpec(mu="Normal(0.3, 1.5)", tau="HalfStudentT(3, 0.7)"))


@pytest.fixture(scope="module")
def hazards():
    frame = pd.DataFrame({"study": ["A", "B", "C"], "y": [-0.3, 0.1, -0.7], "se": [0.2, 0.15, 0.4]})
    studies = bm.Studies.from_frame(frame, measure="HR")
    return studies, bm.pymc_model(studies, bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)"))


def log_density(model, mu, tau, z, z_new):
    """Return the log density of the parameters themselves: without the Jacobian of PyMC's log transform of tau."""
    point = model.initial_point()
    point |= {"mu": np.array(mu), "tau_log__": np.log(np.array(tau)), "z": np.array(z), "z_new": np.array(z_new)}
    return float(model.compile_logp(jacobian=False)(point))


def test_variables_have_the_names_and_dimensions_of_the_contributor_guide(counts, pritz):
    assert [variable.name for variable in counts.free_RVs] == ["mu", "tau", "z", "z_new"]
    assert {v.name for v in counts.deterministics} == {"theta", "theta_new", "p", "p_median", "p_mean", "p_new"}
    assert tuple(counts.coords["study"]) == pritz.study
    assert {name: dims for name, dims in counts.named_vars_to_dims.items() if dims} == dict.fromkeys(
        ("z", "theta", "p", "n", "events", "events_observed"), ("study",)
    )


@pytest.mark.parametrize(("mu", "tau"), [(0.4, 0.3), (-2.0, 1e-3), (1.5, 4.0)])
def test_log_density_of_counts_is_the_sum_written_out_with_scipy(counts, pritz, mu, tau):
    z, z_new = np.random.default_rng(7).normal(size=pritz.k), 0.5
    expected = (
        stats.norm.logpdf(mu, 0.3, 1.5)
        + np.log(2.0)
        + stats.t.logpdf(tau, 3, 0, 0.7)
        + stats.norm.logpdf([*z, z_new]).sum()
        + stats.binom.logpmf(pritz.events, pritz.n, special.expit(mu + tau * z)).sum()
    )
    # PyMC's log 2 of half distributions is in single precision: 2e-9.
    assert log_density(counts, mu, tau, z, z_new) == pytest.approx(expected, abs=1e-8)


def test_log_density_of_estimates_is_the_sum_written_out_with_scipy(hazards):
    studies, model = hazards
    mu, tau, z, z_new = -0.2, 0.5, np.array([0.1, -1.2, 2.0]), -0.3
    expected = (
        stats.norm.logpdf(mu, 0, 2)
        + stats.halfnorm.logpdf(tau)
        + stats.norm.logpdf([*z, z_new]).sum()
        + stats.norm.logpdf(studies.y, mu + tau * z, studies.se).sum()
    )
    assert log_density(model, mu, tau, z, z_new) == pytest.approx(expected, abs=1e-8)


def test_estimates_that_are_no_proportions_have_no_proportions(hazards):
    _, model = hazards
    assert {v.name for v in model.deterministics} == {"theta", "theta_new"}


@pytest.mark.parametrize(("mu", "tau"), [(0.0, 0.01), (1.3, 0.9), (-6.0, 3.0), (4.0, 20.0), (-30.0, 50.0)])
def test_p_mean_is_the_integral_over_studies(counts, mu, tau):
    value = counts["p_mean"].eval({counts["mu"]: mu, counts["tau"]: tau})

    def integrand(z):
        return special.expit(mu + tau * z) * stats.norm.pdf(z)

    middle = -mu / tau
    points = sorted({min(max(middle + side / tau, -9.0), 9.0) for side in (-30.0, -3.0, 0.0, 3.0, 30.0)})
    expected, _ = integrate.quad(integrand, -9.0, 9.0, points=points, epsabs=1e-12, limit=500)
    assert float(value) == pytest.approx(expected, abs=2e-8)


def test_a_user_can_add_to_the_model(pritz):
    import pymc as pm

    with bm.pymc_model(pritz) as model:
        pm.Deterministic("odds", pm.math.exp(model["mu"]))
    assert "odds" in model.named_vars


def test_estimates_without_a_model_are_refused_because_their_scale_is_unknown(hazards):
    with pytest.raises(bm.SpecError, match="need a model with priors on their scale"):
        bm.pymc_model(hazards[0])


def test_what_are_no_studies_is_named():
    with pytest.raises(bm.SpecError, match="studies is a list, not Studies"):
        bm.pymc_model([1, 2])
