"""Maps of the real line onto supports: inverse, derivative, and behaviour at the ends."""

import numpy as np
import pytest

from bayesmeta.surface.coordinates import HalfLine, Interval, RealLine, SteepInterval

MAPS = {
    "real line": (RealLine(), np.linspace(-40.0, 40.0, 41)),
    "interval": (Interval(-2.0, 5.0), np.linspace(-12.0, 12.0, 41)),
    "narrow interval": (Interval(1.0, 1.001), np.linspace(-12.0, 12.0, 41)),
    "half line": (HalfLine(0.07), np.linspace(-5.0, 12.0, 41)),
    "half line of a wide scale": (HalfLine(300.0), np.linspace(-5.0, 12.0, 41)),
    "steep interval": (SteepInterval(0.0, 5.0), np.linspace(-1.5, 1.5, 41)),
    "steep interval from above 0": (SteepInterval(0.5, 2.0), np.linspace(-1.5, 1.5, 41)),
}
EVERY_MAP = pytest.mark.parametrize(("coordinate", "x"), MAPS.values(), ids=MAPS.keys())


@EVERY_MAP
def test_the_coordinate_of_a_value_is_where_it_came_from(coordinate, x):
    assert coordinate.coordinate(coordinate.value(x)) == pytest.approx(x, rel=1e-8, abs=1e-8)


@EVERY_MAP
def test_values_increase(coordinate, x):
    assert (np.diff(coordinate.value(x)) > 0.0).all()


@EVERY_MAP
def test_the_jacobian_is_the_derivative(coordinate, x):
    h = 1e-5
    above, below = coordinate.value(x + h), coordinate.value(x - h)
    rounding = 4e-16 * np.abs(above).max() / h
    assert np.exp(coordinate.log_jacobian(x)) == pytest.approx((above - below) / (2.0 * h), rel=1e-6, abs=rounding)


@EVERY_MAP
def test_the_jacobian_integrates_to_the_distance_between_values(coordinate, x):
    fine = np.linspace(x[0], x[-1], 20_001)
    area = np.trapezoid(np.exp(coordinate.log_jacobian(fine)), fine)
    ends = coordinate.value(x[[0, -1]])
    assert area == pytest.approx(ends[1] - ends[0], rel=1e-5)


@pytest.mark.parametrize("value", [1e-300, 1e-30, 1e-8, 0.07, 1.0, 1e6, 1e100])
def test_the_half_line_reaches_every_positive_number(value):
    half_line = HalfLine(0.07)
    x = half_line.coordinate(np.array([value]))
    assert half_line.value(x) == pytest.approx([value], rel=1e-9)
    assert np.isfinite(half_line.log_jacobian(x)).all()


def test_zero_and_below_have_a_finite_coordinate_on_the_half_line():
    half_line = HalfLine(1.0)
    x = half_line.coordinate(np.array([0.0, -1.0]))
    assert np.isfinite(x).all()
    assert half_line.value(x) == pytest.approx([0.0, 0.0], abs=1e-300)


def test_a_density_that_is_finite_at_zero_falls_double_exponentially_on_the_half_line():
    x = np.array([-3.0, -4.0, -5.0, -6.0])
    # log of exp(x - exp(-x)) (1 + exp(-x)), in which x and log exp(-x) cancel
    assert HalfLine(1.0).log_jacobian(x) == pytest.approx(-np.exp(-x), abs=0.06)


@pytest.mark.parametrize("coordinate", [Interval(-1.0, 3.0), SteepInterval(-1.0, 3.0)], ids=["logit", "tanh-sinh"])
def test_bounds_and_what_lies_beyond_are_at_infinity(coordinate):
    x = coordinate.coordinate(np.array([-5.0, -1.0, 3.0, 7.0]))
    assert x.tolist() == [-np.inf, -np.inf, np.inf, np.inf]


@pytest.mark.parametrize("coordinate", [Interval(-1.0, 3.0), SteepInterval(-1.0, 3.0)], ids=["logit", "tanh-sinh"])
def test_far_coordinates_are_inside_the_bounds(coordinate):
    value = coordinate.value(np.array([-6.0, 6.0]))
    assert ((value >= -1.0) & (value <= 3.0)).all()
    assert np.isfinite(coordinate.log_jacobian(np.array([-6.0, 6.0]))).all()


def test_the_tanh_sinh_rule_integrates_a_density_that_jumps_at_its_bounds():
    steep = SteepInterval(0.5, 2.0)
    x = np.arange(-3.5, 3.5, 0.1)
    value, weight = steep.value(x), 0.1 * np.exp(steep.log_jacobian(x))
    assert weight.sum() == pytest.approx(1.5, rel=1e-14)
    assert weight @ np.exp(value) == pytest.approx(np.exp(2.0) - np.exp(0.5), rel=1e-14)
    assert weight @ np.sqrt(value - 0.5) == pytest.approx(1.5**1.5 / 1.5, rel=1e-14)


def test_the_half_line_ends_where_squares_are_still_doubles():
    far = HalfLine(0.1).value(np.array([250.0, 1e3, 1e6]))
    assert far[0] == pytest.approx(0.1 * np.exp(250.0))
    assert np.isfinite(far**2).all()
