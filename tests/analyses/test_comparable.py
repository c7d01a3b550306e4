"""Which models may be compared, and what they are called."""

import numpy as np
import pytest

import bayesmeta as bm
from bayesmeta.analyses.comparable import model_labels

EVENTS, N = np.array([3.0, 7.0, 5.0]), np.array([10.0, 12.0, 8.0])


def counts(events=EVENTS, n=N, labels=("a", "b", "c"), **source):
    return bm.Studies(labels, events=np.array(events, float), n=np.array(n, float), **source)


NORMAL = bm.ModelSpec("normal", mu="Normal(0, 2)", tau="HalfNormal(1)")


@pytest.fixture(scope="module")
def fit():
    return bm.fit(counts())


@pytest.mark.parametrize("verb", [bm.average, bm.stacking])
@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (lambda: bm.fit(counts(), NORMAL), bm.SpecError, "likelihood='binomial' and likelihood='normal' of PLO"),
        (lambda: bm.fit(counts(events=[3, 7, 4])), bm.DataError, "the values of the studies differ"),
        (lambda: bm.fit(counts(labels=("a", "b", "d"))), bm.DataError, "study 'c' is in only one of them"),
        (lambda: bm.fit(counts(EVENTS[[1, 0, 2]], N[[1, 0, 2]], ("b", "a", "c"))), bm.DataError, "in another order"),
        (lambda: bm.fit(counts(), engine="frequentist"), bm.SpecError, "got a fit by engine='frequentist'"),
        (lambda: "fit", bm.SpecError, "got a str"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(fit, verb, other, error, message):
    with pytest.raises(error) as caught:
        verb([fit, other()])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_estimates_of_different_measures_are_refused():
    fits = [bm.fit(counts(), NORMAL, measure=measure) for measure in ("PLO", "PR")]
    with pytest.raises(bm.SpecError, match="likelihood='normal' of PLO and likelihood='normal' of PR"):
        bm.average(fits)


@pytest.mark.parametrize("verb", [bm.average, bm.stacking])
def test_none_and_nothing_are_refused(verb):
    with pytest.raises(bm.SpecError, match="needs at least one fit; got none"):
        verb([])
    with pytest.raises(bm.SpecError, match="got an int"):
        verb(3)


def test_the_same_values_from_another_file_may_be_compared(fit):
    again = bm.fit(counts(source="other.csv"), bm.ModelSpec(tau="HalfNormal(0.5)"))
    assert bm.average([fit, again]).k == 3


def test_labels_tell_what_differs_and_number_what_does_not(fit):
    others = [bm.fit(counts(), bm.ModelSpec(mu=mu, tau=tau)) for mu, tau in (("Normal(0, 1)", "HalfNormal(1)"),) * 2]
    assert model_labels([fit]) == ["events ~ Binomial(n, p), logit p = theta; theta ~ Normal(mu, tau); "
                                   "mu ~ Normal(mu=0, sigma=1.5); tau ~ HalfNormal(sigma=1)"]  # fmt: skip
    assert model_labels([fit, *others]) == [
        "mu ~ Normal(mu=0, sigma=1.5)", "mu ~ Normal(mu=0, sigma=1) (1)", "mu ~ Normal(mu=0, sigma=1) (2)",
    ]  # fmt: skip
    assert model_labels(others) == ["same model (1)", "same model (2)"]
    named = [bm.fit(counts(), bm.ModelSpec(name=name)) for name in ("one", "two")]
    assert model_labels(named) == ["one", "two"]
    assert model_labels([*named, fit]) == ["same model (1)", "same model (2)", "same model (3)"]
