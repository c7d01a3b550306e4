import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.exact.causes import likely_cause
from bayesmeta.surface.binomial import BinomialTerms

NARROW, WIDE = bm.Prior("Normal", 0.0, 1.5), bm.Prior("Cauchy", 0.0, 2.5)
HALF, HEAVY = bm.Prior("HalfNormal", 1.0), bm.Prior("HalfCauchy", 1.0)


def cause(events, mu, tau):
    return likely_cause(BinomialTerms(np.array(events, float), np.full(len(events), 9.0)), mu, tau)


@pytest.mark.parametrize(
    ("events", "mu", "tau", "expected"),
    [
        ([0, 0], NARROW, HALF, ["all 2 studies have 0 events, which bounds", "use a narrow prior of mu, such as"]),
        ([9, 9, 9], NARROW, HALF, ["all 3 studies have an event for everyone"]),
        ([0, 9], NARROW, HALF, ["have 0 events, or one for everyone"]),
        (
            [3, 9],
            WIDE,
            HALF,
            ["the prior of mu, Cauchy(alpha=0, beta=2.5), has a heavy tail", "such as Normal(0, 1.5)"],
        ),
        ([3, 9], NARROW, HEAVY, ["the prior of tau, HalfCauchy(beta=1), has a heavy tail", "such as HalfNormal(1)"]),
        ([3, 9], NARROW, HALF, ["extreme scales", "now Normal(mu=0, sigma=1.5) for mu, HalfNormal(sigma=1) for tau"]),
    ],
)
def test_the_likely_cause_names_data_or_prior_and_says_what_to_do(events, mu, tau, expected):
    text = cause(events, mu, tau)
    assert "\n" not in text
    assert all(part in text for part in expected)


def test_each_parameter_is_given_one_cure():
    text = cause([0, 0], WIDE, HEAVY)
    assert (text.count("prior of mu, such as"), text.count("such as HalfNormal(1)")) == (1, 1)


def test_an_error_of_the_exact_engine_ends_with_its_likely_cause():
    studies = bm.Studies(("a", "b"), events=np.array([0.0, 0.0]), n=np.array([10.0, 20.0]))
    model = bm.ModelSpec("binomial", mu="StudentT(1.05, 0, 1e4)", tau="HalfStudentT(1.05, 1e6)")
    with pytest.raises(
        bm.AccuracyError, match=r"could not be found: all 2 studies have 0 events.*use a narrow prior of mu"
    ):
        bm.fit(studies, model)
