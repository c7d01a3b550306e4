"""Likelihoods averaged over a normal distribution: at every width of it, against dense summation."""

import numpy as np
import pytest

from bayesmeta.surface import lattices
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.quadrature import level

EVENTS, N = np.array([3.0, 40.0, 0.0, 55.0, 9.0]), np.array([10.0, 90.0, 20.0, 60.0, 9.0])


def dense(terms: BinomialTerms, eta: float, tau: float) -> np.ndarray:
    """Return log m by summing over 6001 points of z = (theta - eta) / tau, with binomial formulas written out."""
    z = np.linspace(-14.0, 14.0, 6001)
    theta = eta + tau * z
    log_l = terms.events[:, None] * theta - terms.n[:, None] * np.logaddexp(0.0, theta)
    log_density = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) + np.log(z[1] - z[0])
    exponent = log_l + log_density
    largest = exponent.max(axis=1)
    coefficient = bands_coefficient(terms)
    result: np.ndarray = largest + np.log(np.exp(exponent - largest[:, None]).sum(axis=1)) + coefficient
    return result


def bands_coefficient(terms: BinomialTerms) -> np.ndarray:
    """Return log n choose events, from the logs of factorials."""
    from math import lgamma

    pairs = zip(terms.events, terms.n, strict=True)
    return np.array([lgamma(n + 1.0) - lgamma(r + 1.0) - lgamma(n - r + 1.0) for r, n in pairs])


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("tau", [1e-4, 1e-3, 4e-3, 0.012, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 1.0, 3.0])
def test_log_m_agrees_with_dense_summation_at_every_tau(tau: float, index: int) -> None:
    """Where m is not below exp(-20) of its largest value, to rounding; where not below exp(-30), to 1e-9."""
    terms = BinomialTerms(EVENTS, N)
    eta = np.linspace(-6.0, 6.0, 49)
    found = terms.marginal(level(index))(eta, np.full(eta.size, tau))
    wanted = np.stack([dense(terms, float(e), tau) for e in eta], axis=1)
    depth = wanted.max(axis=1, keepdims=True) - wanted
    assert found[depth < 20.0] == pytest.approx(wanted[depth < 20.0], abs=1e-9 if index == 0 else 2e-12)
    if index > 0:
        assert found[depth < 30.0] == pytest.approx(wanted[depth < 30.0], abs=1e-9)


def test_bands_that_are_joined_give_the_same_log_m(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = BinomialTerms(np.array([3.0, 4.0, 30.0, 70.0, 300.0]), np.array([10.0, 12.0, 60.0, 160.0, 900.0]))
    tau, eta = (part.ravel() for part in np.meshgrid(np.geomspace(1e-3, 5.0, 25), np.linspace(-2.0, 1.0, 13)))
    joined = terms.marginal(level(1))(eta, tau)
    few = len(lattices.make_bands(terms, level(1)))
    monkeypatch.setattr(lattices, "CALL_WORK", -np.inf)
    apart = terms.marginal(level(1))(eta, tau)
    assert few < len(lattices.make_bands(terms, level(1)))
    within = joined > joined.max() - 40.0
    assert joined[within] == pytest.approx(apart[within], abs=1e-8)


@pytest.mark.parametrize("cut", [32.0, 45.0])
def test_a_support_holds_all_that_is_above_the_cut_and_little_else(cut: float) -> None:
    terms = BinomialTerms(np.array([3.0, 40.0, 500.0]), np.array([10.0, 90.0, 1000.0]))
    lower, upper = lattices.support(terms, cut)
    peak = terms.log_likelihood_at(terms.rough()[0])
    for ends in (lower, upper):
        assert (terms.log_likelihood_at(ends) <= peak - cut).all()
    width = upper - lower
    inside = terms.log_likelihood_at(np.stack([lower + 0.02 * width, upper - 0.02 * width], axis=1))
    assert (inside > peak[:, None] - 1.3 * cut).all()
