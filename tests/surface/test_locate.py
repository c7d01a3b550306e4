"""Brackets of densities: they hold what matters, whatever the first guess."""

import numpy as np
import pytest

from bayesmeta.errors import AccuracyError
from bayesmeta.surface.locate import NODES, locate

DROP = 30.0


def normal(mean, sd):
    def log_f(x, rows):
        return (-0.5 * ((x - mean) / sd) ** 2)[None]

    return log_f


def find(log_f, lower=-4.0, upper=4.0):
    found = locate(log_f, np.array([lower]), np.array([upper]), drop=DROP)
    return float(found.lower[0]), float(found.upper[0])


@pytest.mark.parametrize("guess", [(-4.0, 4.0), (-1e-3, 1e-3), (-1e6, 1e6), (50.0, 51.0), (-300.0, -200.0)])
@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (3.0, 0.01), (-20.0, 4.0), (0.5, 1e-4), (0.0, 1e4)])
def test_the_bracket_holds_all_that_has_not_fallen_by_the_drop(mean, sd, guess):
    lower, upper = find(normal(mean, sd), *guess)
    reach = np.sqrt(2.0 * DROP) * sd
    assert lower < mean - reach
    assert upper > mean + reach
    # and is well filled: at least a third of it matters
    assert upper - lower < 2.0 * reach / 0.3


def test_an_exponential_tail_is_followed():
    lower, upper = find(lambda x, rows: np.where(x > 0.0, -x / 1000.0, 20.0 * x)[None])
    assert upper > 1000.0 * DROP
    assert lower < -DROP / 20.0


def test_every_target_is_kept():
    def two(x, rows):
        return np.stack([-0.5 * (x + 30.0) ** 2, -0.5 * ((x - 10.0) / 3.0) ** 2])

    lower, upper = find(two)
    assert lower < -30.0 - np.sqrt(2.0 * DROP)
    assert upper > 10.0 + 3.0 * np.sqrt(2.0 * DROP)


def test_rows_are_located_independently():
    mean, sd = np.array([-100.0, 0.0, 7.0]), np.array([1e-3, 1.0, 50.0])

    def log_f(x, rows):
        assert x.shape == (rows.size, NODES)
        return (-0.5 * ((x - mean[rows, None]) / sd[rows, None]) ** 2)[None]

    found = locate(log_f, np.full(3, -1.0), np.full(3, 1.0), drop=DROP)
    reach = np.sqrt(2.0 * DROP) * sd
    assert (found.lower < mean - reach).all()
    assert (found.upper > mean + reach).all()


def test_the_first_guess_is_not_changed():
    lower, upper = np.array([-1.0]), np.array([1.0])
    locate(normal(20.0, 1.0), lower, upper, drop=DROP)
    assert (lower[0], upper[0]) == (-1.0, 1.0)


def test_a_density_that_does_not_fall_is_refused():
    with pytest.raises(AccuracyError, match="could not be found"):
        find(lambda x, rows: np.zeros((1, *x.shape)))


def test_the_mass_of_a_normal_density_is_found_roughly():
    found = locate(normal(2.0, 0.3), np.array([-50.0]), np.array([50.0]), drop=DROP)
    assert found.log_mass()[0, 0] == pytest.approx(np.log(0.3 * np.sqrt(2.0 * np.pi)), abs=0.05)
