"""Many posteriors summarised together: the numbers of their own fits, or none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.fit import pose_model
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Problem
from bayesmeta.exact.stacked import Stack
from bayesmeta.exact.stacked_rows import StackedRows
from bayesmeta.exact.together import summarise_together
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.region import Region, find_region
from bayesmeta.surface.terms import Terms

ROWS = ("mu", "tau", "p_median", "p_mean", "p_new")


def simulated(count: int, *, seed: int = 1, largest: int = 150) -> list[bm.Studies]:
    """Return meta-analyses of 1 to 16 studies, from alike to very unlike, some with 0 or n events."""
    rng = np.random.default_rng(seed)
    every = []
    for _ in range(count):
        k = int(rng.integers(1, 17))
        n = rng.integers(1, largest, k)
        theta = rng.normal(rng.normal(0.0, 2.0), abs(rng.normal(0.0, 1.2)), k)
        events = rng.binomial(n, 1.0 / (1.0 + np.exp(-theta)))
        every.append(bm.Studies(tuple(f"s{i}" for i in range(k)), events=events, n=n))
    return every


def compared(every: list[bm.Studies], model: bm.ModelSpec, names: tuple[str, ...], **options: Any) -> int:
    """Hold all against their own fits; return for how many of those that need no finer resolution it was None."""
    together = summarise_together([pose_model(studies, model)[0] for studies in every], names, **options)
    missing = 0
    for studies, summary in zip(every, together, strict=True):
        fit = bm.fit(studies, model)
        if summary is None:
            missing += fit.solution.index == 1
            continue
        own = fit.summary(**options).loc[list(names)]
        error = own["numerical_error"].to_numpy() + summary.error
        assert (np.abs(own.iloc[:, :5].to_numpy() - summary.values) <= error[:, None]).all()
        assert (summary.error <= 1.5e-6 * np.maximum(1.0, np.abs(summary.values).max(axis=1))).all()
        if fit.log_evidence is not None:
            assert summary.log_evidence == pytest.approx(fit.log_evidence, abs=2e-8)
    assert any(summary is not None for summary in together)
    return missing


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_proportions_agree_with_their_own_fits(link: str) -> None:
    assert (
        compared(simulated(16), bm.ModelSpec("binomial", link=link, mu="Normal(0, 1.5)", tau="HalfNormal(1)"), ROWS)
        == 0
    )


def test_intervals_of_another_probability_agree() -> None:
    assert compared(simulated(6, seed=2), bm.ModelSpec("binomial"), ROWS, ci_prob=0.8) == 0


def test_large_studies_and_flat_priors_agree() -> None:
    model = bm.ModelSpec("binomial", mu="Flat()", tau="HalfNormal(0.5)")
    every = [studies for studies in simulated(12, seed=3, largest=20_000) if studies.k > 4]
    assert compared(every, model, ROWS) == 0


def test_normal_likelihoods_agree() -> None:
    rng = np.random.default_rng(4)
    every = [
        bm.Studies(("a", "b", "c", "d"), y=rng.normal(0.0, 0.5, 4), se=np.exp(rng.normal(-1.0, 0.5, 4)))
        for _ in range(8)
    ]
    model = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(0.7)")
    assert compared(every, model, ("mu", "tau", "theta_new")) == 0


@pytest.mark.parametrize(
    "model",
    [
        bm.ModelSpec("binomial", tau="HalfCauchy(0.5)"),
        bm.ModelSpec("binomial", tau="Uniform(0, 4)"),
        bm.ModelSpec("binomial", mu="Cauchy(0, 1)"),
        bm.ModelSpec("binomial", effects="student-t", nu=4),
        bm.ModelSpec("binomial", effects="none"),
    ],
    ids=str,
)
def test_what_needs_another_rule_is_left_to_its_own_fit(model: bm.ModelSpec) -> None:
    names = ROWS if model.has_tau else ("mu",)
    assert summarise_together([pose_model(one, model)[0] for one in simulated(2)], names) == [None, None]


def test_what_has_other_priors_than_the_first_is_left_to_its_own_fit() -> None:
    studies = simulated(3)[2]
    models = [bm.ModelSpec("binomial"), bm.ModelSpec("binomial", tau="HalfNormal(2)")]
    first, second = summarise_together([pose_model(studies, model)[0] for model in models], ROWS)
    assert first is not None
    assert second is None


def test_a_posterior_that_cannot_be_placed_does_not_harm_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    every = simulated(5)[2:]
    whole = summarise_together([pose_model(one, bm.ModelSpec("binomial"))[0] for one in every], ROWS)
    fails = _fails_for(every[1].k)
    monkeypatch.setattr("bayesmeta.exact.together.find_regions", _fail)
    monkeypatch.setattr("bayesmeta.exact.together.find_region", fails)
    some = summarise_together([pose_model(one, bm.ModelSpec("binomial"))[0] for one in every], ROWS)
    assert some[1] is None
    for i in (0, 2):
        a, b = whole[i], some[i]
        assert a is not None
        assert b is not None
        assert b.values == pytest.approx(a.values, abs=a.error.max() + b.error.max())


def _fail(*_: Any) -> Any:
    raise AccuracyError("not found")


def _fails_for(k: int) -> Callable[..., Region]:
    def found(terms: Terms, *rest: Any) -> Region:
        if terms.k == k:
            raise AccuracyError("not found")
        return find_region(terms, *rest)

    return found


def test_distribution_functions_are_those_of_the_posteriors() -> None:
    """Theta_new to 1e-9, as it is summed over the nodes here, and there over finer ones, where its kernels are wide.

    P_mean to 1e-9 as well, as it is interpolated between Chebyshev's points here. Tau to 1e-11, interpolated in a table
    instead of summed over nodes.

    The density of p_mean only guides the search and scales errors: its slope is from before the last Newton step.
    """
    fits = [bm.fit(studies) for studies in simulated(5, seed=5)]
    alone = [fit.solution.fine for fit in fits]
    stack = _stacked([fit.solution.problem for fit in fits], [quantities.posterior for quantities in alone])
    assert stack.log_evidence == pytest.approx([fit.log_evidence for fit in fits], abs=1e-10)
    of_stack = {
        "mu": stack.mu_cdf_pdf,
        "tau": stack.tau_cdf_pdf,
        "theta_new": stack.next_cdf_pdf,
        "p_mean": stack.mean_cdf_pdf,
    }
    for name, function in of_stack.items():
        x = np.stack([quantities.marginal(name).base_ppf(np.array([0.001, 0.3, 0.9])) for quantities in alone])
        cdf, pdf = function(x)
        for i, quantities in enumerate(alone):
            own_cdf, own_pdf = _base(quantities, name)(x[i])
            tolerance = {"mu": 1e-12, "tau": 1e-11}.get(name, 1e-9)
            assert cdf[i] == pytest.approx(own_cdf, abs=tolerance)
            assert pdf[i] == pytest.approx(own_pdf, rel={"mu": 1e-9, "tau": 1e-8}.get(name, 1e-6))


def _stacked(problems: list[Problem], posteriors: list[Posterior]) -> Stack:
    """Return posteriors on grids of their own as a stack."""
    settings = posteriors[0].surface.settings
    coordinates = [one.tau_coordinate for one in problems if isinstance(one.tau_coordinate, HalfLine)]
    regions = [find_region(one.terms, one, one.mu_coordinate, one.tau_coordinate) for one in problems]
    rows = StackedRows.of(regions, settings, coordinates)
    log_m = np.zeros(rows.grid.mu.shape)
    for first, posterior in zip(rows.start, posteriors, strict=True):
        count, size = posterior.surface.grid.shape
        assert rows.grid.mu[first : first + count, :size] == pytest.approx(posterior.surface.grid.mu, rel=1e-15)
        log_m[first : first + count, :size] = posterior.surface.log_m.sum(axis=0)
    return Stack.of(rows, log_m, problems[0].prior_mu, problems[0].prior_tau, problems[0].link, settings)


def _base(quantities: Quantities, name: str) -> Callable[..., Any]:
    return quantities.base(name)
