"""Are R bayesmeta's priors of tau the densities of its paper (Röver 2020, doi:10.18637/jss.v093.i06)?"""

import pickle

import numpy as np
import pytest
from scipy import integrate

from bayesmeta.errors import SpecError
from bayesmeta.spec.from_studies import STUDIES_LAWS
from bayesmeta.spec.priors import Prior

SE = np.array([0.21, 0.35, 0.35, 0.8, 1.7])
V = SE**2
S0_SQUARED = len(V) / (1 / V).sum()
I2_SQUARED = (len(V) - 1) * (1 / V).sum() / ((1 / V).sum() ** 2 - (1 / V**2).sum())
# As printed in section 2.2 and on the help page, without the constant of "conventional".
PRINTED = {
    "uniform": lambda t: 1.0,
    "sqrt": lambda t: t**-0.5,
    "Jeffreys": lambda t: np.sqrt(((t / (V + t**2)) ** 2).sum()),
    "BergerDeely": lambda t: np.prod((t / (V + t**2)) ** (1 / len(V))),
    "conventional": lambda t: np.prod((t / (V + t**2) ** 1.5) ** (1 / len(V))),
    "DuMouchel": lambda t: np.sqrt(S0_SQUARED) / (np.sqrt(S0_SQUARED) + t) ** 2,
    "shrinkage": lambda t: 2 * S0_SQUARED * t / (S0_SQUARED + t**2) ** 2,
    "I2": lambda t: 2 * I2_SQUARED * t / (I2_SQUARED + t**2) ** 2,
}
PROPER = [name for name, law in STUDIES_LAWS.items() if law.is_proper]
IMPROPER = [name for name, law in STUDIES_LAWS.items() if not law.is_proper]
TAU = np.array([1e-3, 0.1, 0.4, 1.0, 5.0, 300.0])
Q = np.array([1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6])


def resolved(name, se=SE):
    return Prior(name).resolved(se=se)


def test_which_are_proper():
    assert set(PRINTED) == set(STUDIES_LAWS)
    assert PROPER == ["conventional", "DuMouchel", "shrinkage", "I2"]
    assert [Prior(name).is_proper for name in STUDIES_LAWS] == [law.is_proper for law in STUDIES_LAWS.values()]


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_density_is_the_printed_one(name):
    ours = resolved(name).logpdf(TAU)
    theirs = np.log([PRINTED[name](t) for t in TAU])
    constant = ours[0] - theirs[0] if name == "conventional" else 0.0
    np.testing.assert_allclose(ours - constant, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PROPER)
def test_proper_ones_integrate_to_their_distribution_function(name):
    prior = resolved(name)
    points = np.log(prior.ppf(Q))
    pieces = [
        integrate.quad(lambda u: np.exp(prior.logpdf(np.exp(u)) + u), low, high, epsabs=1e-14)[0]
        for low, high in zip([-45.0, *points], [*points, 35.0], strict=True)
    ]
    np.testing.assert_allclose(np.cumsum(pieces), [*Q, 1.0], rtol=1e-10, atol=2e-13)
    np.testing.assert_allclose(prior.cdf(np.exp(points)), Q, rtol=1e-9, atol=1e-12)
    assert tuple(prior.ppf([0.0, 1.0])) == prior.support == (0.0, np.inf)
    assert tuple(prior.cdf([-1.0, 0.0, np.inf])) == (0.0, 0.0, 1.0)
    assert prior.rvs(3, seed=1).shape == (3,)


@pytest.mark.parametrize("name", IMPROPER)
def test_improper_ones_have_no_quantiles(name):
    for call in (
        lambda: resolved(name).cdf(1.0),
        lambda: resolved(name).ppf(0.5),
        lambda: resolved(name).rvs(2, seed=1),
    ):
        with pytest.raises(SpecError, match="improper and has no"):
            call()


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_tail_order_is_the_slope_on_log_axes(name):
    prior = resolved(name)
    slope = np.diff(prior.logpdf([1e7, 1e9]))[0] / np.log(100.0)
    assert -slope == pytest.approx(prior.tail_order, abs=1e-6)


def test_with_equal_standard_errors_the_formulas_coincide():
    # Röver (2020): Berger-Deely equals Jeffreys up to a constant, and I2 equals uniform shrinkage.
    jeffreys, berger = resolved("Jeffreys", [0.4] * 4), resolved("BergerDeely", [0.4] * 4)
    np.testing.assert_allclose(jeffreys.logpdf(TAU) - berger.logpdf(TAU), np.log(2.0), rtol=1e-12)
    np.testing.assert_allclose(resolved("I2", [0.4] * 4).logpdf(TAU), resolved("shrinkage", [0.4] * 4).logpdf(TAU))


def test_uniform_shrinkage_is_uniform_in_the_shrinkage_and_dumouchel_a_lomax():
    tau = np.linspace(0.01, 9.0, 7)
    np.testing.assert_allclose(resolved("shrinkage").cdf(tau), 1 - S0_SQUARED / (S0_SQUARED + tau**2), rtol=1e-12)
    lomax = Prior("Lomax", 1, np.sqrt(S0_SQUARED))
    np.testing.assert_allclose(resolved("DuMouchel").logpdf(tau), lomax.logpdf(tau), rtol=1e-12)


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_extreme_values_give_no_nan_and_no_warning(name):
    prior = resolved(name, [1e-140, 1.0, 1e140])
    assert not np.isnan(prior.logpdf([0.0, 1e-300, 1.0, 1e300])).any()
    assert prior.logpdf(-1.0) == prior.logpdf(np.inf) == -np.inf
    assert np.isnan(prior.logpdf(np.nan))
    assert isinstance(prior.logpdf(1.0), float)
    assert prior.logpdf(np.ones((2, 3))).shape == (2, 3)
    assert prior.logpdf([]).shape == (0,)


def test_many_studies_are_reduced_in_blocks():
    few, many = resolved("Jeffreys", SE), resolved("Jeffreys", np.tile(SE, 20_000))
    tau = np.linspace(0.1, 3.0, 40)
    np.testing.assert_allclose(many.logpdf(tau) - few.logpdf(tau), 0.5 * np.log(20_000), rtol=1e-10)


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_too_few_studies_are_refused_in_one_line(name):
    least = STUDIES_LAWS[name].least
    resolved(name, [0.3] * least)
    if least:
        with pytest.raises(SpecError, match=f"at least {least} ") as raised:
            resolved(name, [0.3] * (least - 1))
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_without_studies_it_is_no_density(name):
    for ask in (Prior(name).logpdf, Prior(name).cdf, Prior(name).ppf):
        with pytest.raises(SpecError, match=r"made from the studies' standard errors"):
            ask(0.5)


@pytest.mark.parametrize("name", STUDIES_LAWS)
def test_a_resolved_prior_is_a_value(name):
    prior = resolved(name)
    assert prior == resolved(name) == pickle.loads(pickle.dumps(prior))
    assert hash(prior) == hash(resolved(name))
    assert prior != Prior(name)
    assert prior.resolved(se=SE[:3]) == resolved(name, SE[:3]) != prior
    assert str(prior) == f"{name}()"
