"""Functions along rows from fewer points: exact where they are smooth, and taken at the nodes where they are not."""

import numpy as np
import pytest

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.along_mu import POINTS, ROW_ERROR, along_rows, chebyshev_sum
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.quadrature import level

MU = (
    np.sort(np.random.default_rng(2).uniform(-1.0, 1.0, (6, 35)), axis=1)
    * np.array([[0.1, 0.2, 0.5, 1.0, 2.0, 30.0]]).T
)
TAU = np.array([0.01, 0.1, 0.3, 0.5, 1.0, 5.0])
TERMS = BinomialTerms(np.array([3.0, 10.0, 0.0]), np.array([20.0, 31.0, 9.0]))
LAST = np.full(6, 34)


def even(values: FloatArray) -> FloatArray:
    return np.full(values.shape[1:], 1.0 / values.shape[2])


class Function:
    """Log m of three studies, and how many points it was asked for."""

    def __init__(self) -> None:
        self.rule = TERMS.marginal(level(1))
        self.points = 0

    def __call__(self, row: IntArray, mu: FloatArray) -> FloatArray:
        self.points += mu.size
        return self.rule(mu, TAU[row])


@pytest.mark.parametrize(("probability", "points"), [(1.0, POINTS[2]), (1e-4, POINTS[1]), (1e-6, POINTS[0])])
def test_rows_are_as_exact_as_their_probability_asks(probability: float, points: int) -> None:
    every, some = Function(), Function()
    exact = every(np.repeat(np.arange(6), 35), MU.ravel()).reshape(-1, *MU.shape)
    rough = np.full(6, probability)
    found = along_rows(some, MU, LAST, rough, lambda values: probability * even(values))
    assert np.abs(found - exact).max() <= 10.0 * ROW_ERROR / probability
    assert 6 * points < some.points < 6 * points + every.points  # some rows are smooth enough, and the widest are not


def test_a_row_that_was_thought_to_hardly_weigh_is_taken_at_the_nodes() -> None:
    exact = Function()(np.repeat(np.arange(6), 35), MU.ravel()).reshape(-1, *MU.shape)
    found = along_rows(Function(), MU, LAST, np.zeros(6), even)
    assert np.abs(found - exact).max() <= 10.0 * ROW_ERROR


def test_a_polynomial_that_converges_slowly_is_not_trusted_beyond_its_points() -> None:
    """One study of 2 of 3, which bends sharply against the width of the row: the ends are far above what they seem."""
    rule = BinomialTerms(np.array([2.0]), np.array([3.0])).marginal(level(1))
    mu = np.linspace(-13.0, 13.0, 33)[None] * np.ones((2, 1))

    def function(row: IntArray, at: FloatArray) -> FloatArray:
        return rule(at, np.array([0.05, 0.5])[row])

    def weigh(values: FloatArray) -> FloatArray:
        weight = np.exp(values[0] - 0.5 * (mu / 1.5) ** 2)
        return np.asarray(weight / weight.sum())

    exact = function(np.repeat([0, 1], 33), mu.ravel()).reshape(1, 2, 33)
    for rough in (np.ones(2), np.full(2, 1e-7)):
        found = along_rows(function, mu, np.full(2, 32), rough, weigh)
        assert (np.abs(found - exact)[0] * weigh(exact)).sum() <= 10.0 * ROW_ERROR


def test_nodes_beyond_the_last_do_not_matter() -> None:
    last = np.full(6, 25)
    whole = along_rows(Function(), MU[:, :26], last, np.ones(6), even)
    inside = np.where(np.arange(35) < 26, 1 / 26, np.zeros((6, 1)))
    part = along_rows(Function(), MU, last, np.ones(6), lambda _: inside)
    assert part[:, :, :26] == pytest.approx(whole, abs=1e-12)


def test_what_is_not_finite_is_taken_at_the_nodes() -> None:
    def broken(_: IntArray, mu: FloatArray) -> FloatArray:
        return np.where(mu < 0.0, -np.inf, mu)[None]

    with np.errstate(invalid="ignore"):
        found = along_rows(broken, MU, LAST, np.ones(6), even)
    assert np.array_equal(found[0], np.where(MU < 0.0, -np.inf, MU))


def test_sums_of_chebyshev_polynomials_are_cosines() -> None:
    coefficients = np.random.default_rng(3).normal(size=(2, 3, 7))
    angle = np.linspace(0.0, np.pi, 11) * np.ones((3, 1))
    waves = np.cos(angle[:, :, None] * np.arange(7)) * np.where(np.arange(7) == 0, 0.5, 1.0)
    assert chebyshev_sum(coefficients, np.cos(angle)) == pytest.approx(np.einsum("frn,run->fru", coefficients, waves))
