"""Are the means of study effects given tau those of closed forms, of quadrature, and of draws?"""

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.analyses.conditional_means import OVERALL, conditional_means
from bayesmeta.errors import SpecError

FEW = np.array([-0.3, 0.4, 1.2, -1.1]), np.array([0.2, 0.4, 0.3, 0.5])
RNG = np.random.default_rng(3)
MANY = RNG.normal(0.0, 1.0, 60), RNG.uniform(0.1, 0.3, 60)
"""Their posterior of tau has no weight near 0, and no nodes of quadrature."""


@pytest.mark.parametrize(("y", "se"), [FEW, MANY])
def test_means_of_normal_estimates_are_the_closed_form(y, se):
    labels = [f"S{i:02d}" for i in range(y.size)]
    studies = bm.Studies.from_frame(pd.DataFrame({"study": labels, "y": y, "se": se}), y="y", se="se")
    fit = bm.fit(studies, bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)"))
    wide = conditional_means(fit).pivot(index="tau", columns="study", values="mean")
    tau = wide.index.to_numpy()[:, None]
    precision = 1.0 / (se**2 + tau**2)
    mu = (precision @ y) / (precision.sum(axis=1) + 0.25)
    share = tau**2 / (tau**2 + se**2)
    assert wide[OVERALL].to_numpy() == pytest.approx(mu, abs=1e-6)
    assert wide[labels].to_numpy() == pytest.approx(share * y + (1.0 - share) * mu[:, None], abs=1e-6)


@pytest.fixture(scope="module")
def counts():
    frame = bm.load_dataset("pritz1997")
    return bm.fit(bm.Studies.from_frame(frame, events="events", n="n"))


def test_averaged_over_the_posterior_of_tau_they_are_the_posterior_means(counts):
    table = conditional_means(counts)
    tau = np.unique(table["tau"])
    density = counts.marginal("tau").pdf(tau)
    wide = table.pivot(index="tau", columns="study", values="mean").loc[:, list(counts.studies.study)]
    mean = np.trapezoid(wide.to_numpy() * density[:, None], tau, axis=0) / np.trapezoid(density, tau)
    # the tail beyond the last tau, 0.5 % of the posterior, is left out
    assert mean == pytest.approx(counts.theta_table()["mean"].to_numpy(), abs=0.02)


def test_draws_give_the_same_lines_within_their_noise(counts, as_nuts):
    exact = conditional_means(counts).pivot(index="tau", columns="study", values="mean")
    drawn = conditional_means(as_nuts(counts)).pivot(index="tau", columns="study", values="mean")
    low, high = counts.marginal("tau").ppf([0.1, 0.9])
    tau = drawn.index[(drawn.index > low) & (drawn.index < high)].to_numpy()
    for name in exact.columns:
        expected = np.interp(tau, exact.index, exact[name])
        # 2000 draws, some 500 of them under the kernel; SDs of study effects are about 0.6
        assert drawn.loc[tau, name].to_numpy() == pytest.approx(expected, abs=0.2)


def test_lines_begin_together_where_tau_is_0_even_if_its_posterior_does_not_reach_it():
    rng = np.random.default_rng(1)
    p = 1.0 / (1.0 + np.exp(-rng.normal(0.0, 1.5, 40)))
    frame = pd.DataFrame({"study": [f"S{i}" for i in range(40)], "events": rng.binomial(200, p), "n": 200})
    fit = bm.fit(bm.Studies.from_frame(frame))
    table = conditional_means(fit)
    first = table[table["tau"] == table["tau"].min()]["mean"]
    assert fit.marginal("tau").cdf(0.6) < 1e-6
    assert np.ptp(first) < 0.02
    one = bm.fit(fit.studies, bm.ModelSpec(effects="none", mu=str(fit.model.mu)))
    assert first.iloc[0] == pytest.approx(one.marginal("mu").mean(), abs=1e-3)


def test_other_study_effects_are_drawn(counts):
    fit = bm.fit(counts.studies.take([0, 3, 8, 12]), bm.ModelSpec("binomial", effects="student-t", nu=4))
    table = conditional_means(fit, seed=1)
    assert table.groupby("tau")["mean"].std().iloc[[0, -1]].is_monotonic_increasing


def test_models_without_tau_and_with_moderators_are_refused(counts):
    with pytest.raises(SpecError, match="so that nothing shrinks"):
        conditional_means(bm.fit(counts.studies, bm.ModelSpec("binomial", effects="none")))
    with pytest.raises(SpecError, match="conditional_means takes a fit by engine"):
        conditional_means(bm.fit(counts.studies, engine="frequentist"))
