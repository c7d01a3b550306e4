import numpy as np
import pytest
from scipy import integrate, special, stats

import bayesmeta as bm
from bayesmeta.errors import DataError, SpecError

LIMITS = (0.848, 0.763, 0.904)  # overall survival at 3 years, E1910
X = np.linspace(-30.0, 30.0, 241)


@pytest.mark.parametrize(("prior", "shape"), [("Beta(1, 1)", 1.0), ("Beta(0.5, 0.5)", 0.5)])
@pytest.mark.parametrize(("events", "n"), [(0, 12), (88, 113), (40, 40)])
def test_counts_under_a_beta_prior_give_its_conjugate_posterior(prior, shape, events, n):
    rate, beta = bm.Control.from_counts(events, n, prior=prior).rate, stats.beta(shape + events, shape + n - events)
    assert rate.moments() == pytest.approx((beta.mean(), beta.std()), abs=1e-14)
    assert rate.cdf(X) == pytest.approx(beta.cdf(special.expit(X)), abs=1e-13)
    p = np.linspace(0.01, 0.99, 50)
    assert np.exp(rate.logpdf(special.logit(p))) == pytest.approx(beta.pdf(p) * p * (1.0 - p), rel=1e-10)
    q = np.array([1e-8, 0.025, 0.5, 0.999])
    assert rate.cdf(rate.logit_ppf(q)) == pytest.approx(q, rel=1e-9)


def test_the_default_prior_is_uniform_and_is_stated():
    assert bm.Control.from_counts(3, 10) == bm.Control.from_counts(3.0, 10, prior=bm.Prior("Beta", 1, 1))
    assert str(bm.Control.from_counts(3, 10)) == "3/10 under Beta(1, 1): mean 0.3333, SD 0.1307"


@pytest.mark.parametrize(
    ("scale", "g"),
    [
        ("logit", special.logit),
        ("cloglog", lambda p: np.log(-np.log1p(-p))),
        ("log-log", lambda p: -np.log(-np.log(p))),
    ],
)
def test_limits_give_a_normal_distribution_on_their_scale(scale, g):
    estimate, lower, upper = LIMITS
    rate = bm.Control.from_limits(*LIMITS, scale=scale).rate
    normal = stats.norm(g(estimate), (g(upper) - g(lower)) / (2.0 * stats.norm.ppf(0.975)))
    p = np.linspace(0.3, 0.995, 60)
    assert rate.cdf(special.logit(p)) == pytest.approx(normal.cdf(g(p)), abs=1e-13)
    slope = (g(p + 1e-6) - g(p - 1e-6)) / 2e-6 * p * (1.0 - p)
    assert np.exp(rate.logpdf(special.logit(p))) == pytest.approx(normal.pdf(g(p)) * slope, rel=1e-6)
    q = np.array([1e-6, 0.5, 0.975])
    assert rate.cdf(rate.logit_ppf(q)) == pytest.approx(q, rel=1e-10)

    def density(x, power):
        return special.expit(x) ** power * np.exp(rate.logpdf(np.array([x])))[0]

    first, second = (integrate.quad(density, -8.0, 12.0, args=(power,), epsabs=1e-12)[0] for power in (1, 2))
    assert rate.moments() == pytest.approx((first, np.sqrt(second - first**2)), abs=1e-9)


@pytest.mark.parametrize("scale", ["logit", "cloglog", "log-log"])
def test_densities_far_out_are_finite_and_integrate_to_one(scale):
    rate = bm.Control.from_limits(0.5, 0.2, 0.8, scale="logit").rate if scale == "logit" else None
    rate = rate or bm.Control.from_limits(*LIMITS, scale=scale).rate
    wide = np.linspace(-60.0, 60.0, 24_001)
    assert not np.isnan(rate.logpdf(wide)).any()
    assert np.exp(rate.logpdf(wide)).sum() * 0.005 == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize(
    ("events", "n", "message"),
    [
        (12, 10, "control events=12 of n=10: needed is 0 <= events <= n, and n of at least 1."),
        (0, 0, "control events=0 of n=0: needed is 0 <= events <= n, and n of at least 1."),
        (2.5, 10, "control events=2.5 is not a count; give a whole number from 0 on."),
        (-1, 10, "control events=-1 is not a count; give a whole number from 0 on."),
        (1, True, "control n=True is not a count; give a whole number from 0 on."),
        ("3", 10, "control events='3' is not a count; give a whole number from 0 on."),
        (float("nan"), 10, "control events=nan is not a count; give a whole number from 0 on."),
    ],
)
def test_bad_counts_are_told(events, n, message):
    with pytest.raises(DataError) as caught:
        bm.Control.from_counts(events, n)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((84.8, 76.3, 90.4), "control lower=76.3 must lie strictly between 0 and 1; did you mean 0.763?"),
        ((0.8, 0.85, 0.9), "control estimate 0.8 (0.85 to 0.9): needed is lower < estimate < upper."),
        ((1.0, 0.9, 1.0), "control estimate=1 must lie strictly between 0 and 1."),
        (
            (0.848, 0.763, 0.87),
            "control estimate 0.848 (0.763 to 0.87) is far from the centre of its limits on scale 'logit'; "
            "compare with the paper.",
        ),
        (
            (0.95, 0.70, 0.9926),
            "control estimate 0.95 (0.7 to 0.9926) is far from the centre of its limits on scale 'cloglog'; "
            "scale='log-log' suits them better.",
        ),
    ],
)
def test_bad_limits_are_told(limits, message):
    with pytest.raises(DataError) as caught:
        bm.Control.from_limits(*limits, scale="cloglog" if "cloglog" in message else "logit")
    assert str(caught.value) == message


def test_other_priors_and_scales_are_refused_with_what_is_allowed():
    with pytest.raises(SpecError, match=r"is Normal\(mu=0, sigma=1\), but must be a beta distribution by its shapes"):
        bm.Control.from_counts(3, 10, prior="Normal(0, 1)")
    with pytest.raises(SpecError, match=r"unknown scale 'log'. Did you mean 'loglog'|Allowed: logit, cloglog, log-log"):
        bm.Control.from_limits(*LIMITS, scale="log")
