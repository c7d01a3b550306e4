"""Where does a falling function vanish? Newton's method within brackets, for many functions at once."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError

MOST_STEPS: Final = 200  # bisection alone spans the doubles in 60 to 100

type Slope = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""``slope(x)`` returns values and derivatives, each the shape of ``x``."""


def falling_root(
    slope: Slope,
    start: FloatArray,
    *,
    longest: FloatArray | float,
    tolerance: FloatArray | float,
    lower: FloatArray | float = -np.inf,
    upper: FloatArray | float = np.inf,
) -> FloatArray:
    """Return where functions that fall through 0 do so: the maxima of functions of which they are the slopes.

    Parameters
    ----------
    slope : callable
        The functions, elementwise, with their derivatives.
    start : array
        First guess.
    longest : array or float
        No step is longer, as long as the root is not bracketed.
    tolerance : array or float
        The last step of Newton's method is at most this long.
    lower, upper : array or float
        The root is known to lie between them.

    Returns
    -------
    array, shape of ``start``

    Raises
    ------
    AccuracyError
        If no root is found, as where a slope never vanishes.

    Notes
    -----
    Each value tells on which side the root lies. A step of Newton's method that leaves what is left of the bracket
    is replaced by its middle.
    """
    x = np.array(start, dtype=np.float64)
    low, high = np.broadcast_to(lower, x.shape), np.broadcast_to(upper, x.shape)
    done = np.zeros(x.shape, dtype=np.bool_)
    for _ in range(MOST_STEPS):
        value, derivative = slope(x)
        low, high = np.where(value > 0.0, np.maximum(low, x), low), np.where(value < 0.0, np.minimum(high, x), high)
        falls = derivative < 0.0
        step = np.where(falls, -value / np.where(falls, derivative, -1.0), np.copysign(np.inf, value))
        step = np.where(value == 0.0, 0.0, step)
        small = np.abs(step) <= tolerance
        new = x + np.clip(step, -np.asarray(longest), longest)
        outside = ~small & ((new <= low) | (new >= high))
        middle = 0.5 * (np.where(outside, low, 0.0) + np.where(outside, high, 0.0))
        x = np.where(done, x, np.where(outside, middle, new))
        done |= small | (outside & (high - low <= tolerance))
        if done.all():
            return x
    raise AccuracyError("a maximum of the likelihood could not be found; check for data on extreme scales.")
