import numpy as np
import pytest

from bayesmeta.analyses.conclusions import as_conclusion
from bayesmeta.analyses.tipping import tipping_point
from bayesmeta.api import fit as fit_model
from bayesmeta.errors import SpecError


@pytest.fixture(scope="module")
def fit(counts_fit):
    return counts_fit((14, 22, 9, 26), (20, 31, 11, 40))


def bisection(fit, parameter, prior, holds, low, high):
    """The scale at which ``holds`` changes, by fits of its own."""
    first = holds(fit_model(fit.studies, fit.model.with_priors(**{parameter: prior.format(low)})))
    for _ in range(40):
        middle = np.sqrt(low * high)
        same = holds(fit_model(fit.studies, fit.model.with_priors(**{parameter: prior.format(middle)}))) == first
        low, high = (middle, high) if same else (low, middle)
    return np.sqrt(low * high)


@pytest.mark.parametrize(
    ("conclusion", "parameter", "prior", "holds"),
    [
        ("P(p_new > 0.5) >= 0.95", "tau", "HalfNormal({})", lambda f: 1 - f.marginal("p_new").cdf(0.5) > 0.95),
        ("the interval of p_new excludes 0.4", "tau", "HalfNormal({})", lambda f: f.marginal("p_new").ppf(0.025) > 0.4),
        (
            "the 90% interval of mu includes 0.4",
            "mu",
            "Normal(0, {})",
            lambda f: f.marginal("mu").cdf(0.4) > 0.05 and f.marginal("mu").cdf(0.4) < 0.95,
        ),
    ],
)
def test_the_tipping_point_is_that_of_bisection_with_fits(fit, conclusion, parameter, prior, holds):
    found = tipping_point(fit, conclusion, parameter=parameter)
    assert len(found.scales) == 1
    exact = bisection(fit, parameter, prior, holds, 0.01, 10.0)
    assert abs(found.scales[0] - exact) <= found.numerical_error + 1e-6 * exact
    assert found.numerical_error < 1e-5
    assert found.holds == holds(fit)
    assert f"it changes at scale {found.scales[0]:.4g}" in str(found)


def test_a_conclusion_that_never_changes_has_no_tipping_point(fit):
    found = tipping_point(fit, "P(p_mean > 0.1) >= 0.9")
    assert found.scales == ()
    assert found.holds
    assert "does not change for scales from 0.01 to 10" in str(found)


def test_a_function_is_a_conclusion_too(fit):
    text = tipping_point(fit, "P(p_new > 0.5) >= 0.95")
    function = tipping_point(fit, lambda f: 1.0 - float(f.marginal("p_new").cdf(0.5)) >= 0.95)
    assert function.scales[0] == pytest.approx(text.scales[0], rel=1e-6)


def test_signs_and_directions_are_read(fit):
    above = float(1.0 - fit.marginal("p_mean").cdf(0.6))
    for text, margin in [
        ("P(p_mean > 0.6) >= 0.2", above - 0.2),
        ("P( p_mean ≥ .6 ) ≤ 0.2", 0.2 - above),
        ("P(p_mean < 0.6) > 1e-1", 1.0 - above - 0.1),
    ]:
        assert as_conclusion(text, fit).margin(fit) == pytest.approx(margin, abs=1e-12)
    lower, upper = fit.marginal("mu").eti(0.8)
    for x, verb in [(lower - 0.01, "excludes"), (upper + 0.01, "excludes"), (lower + 0.01, "includes")]:
        assert as_conclusion(f"the 80 % interval of mu {verb} {x}", fit).holds(fit)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("p_new is large",), {}, "is no conclusion; write"),
        (("P(p_new > 0.5) >= 95",), {}, "Did you mean 0.95"),
        (("P(p_neww > 0.5) >= 0.95",), {}, "Did you mean 'p_new'"),
        (("__import__('os').system('true')",), {}, "is no conclusion"),
        (("P(p_new > 1.5) >= 0.95",), {}, "p_new is a proportion, so 1.5 must lie strictly between 0 and 1"),
        (("P(p_mean > 80) >= 0.95",), {}, "Did you mean 0.8"),
        (("P(p_mean < 0) >= 0.95",), {}, "strictly between 0 and 1"),
        (("the interval of p_median excludes -0.2",), {}, "p_median is a proportion, so -0.2 must"),
        (("P(p_new > 0.5) >= 0",), {}, "P=0.0 must lie strictly between 0 and 1"),
        (("P(tau > 0) >= 0.95",), {}, "tau is a standard deviation, so 0 must be above 0"),
        (("the interval of tau includes -1",), {}, "tau is a standard deviation, so -1 must be above 0"),
        (("P(mu > 1e999) >= 0.95",), {}, "give a finite number"),
        (("P(p_new > 0.5) >= 0.95",), {"parameter": "sigma"}, "unknown parameter"),
        (("P(p_new > 0.5) >= 0.95",), {"scale_range": (1, 0.1)}, "two ascending numbers above 0"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(fit, arguments, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        tipping_point(fit, *arguments, **options)
    assert "\n" not in str(caught.value)


def test_a_prior_without_a_scale_is_refused(counts_fit):
    with pytest.raises(SpecError, match="has no scale to vary"):
        tipping_point(counts_fit(tau="LogNormal(-1, 1)"), "P(p_new > 0.5) >= 0.95")
