"""What are functions of (mu, tau) at the nodes of a grid, from fewer values of mu at each tau?

Along a row of nodes the sum over studies of log m is close to a parabola in mu, and the log of a mean proportion bends
little. A polynomial through Chebyshev's points replaces them at the nodes, which are two or three times as many, as
long as its last coefficients are negligible.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray

POINTS: Final = (9, 11, 14)  # the more, the more a row weighs
FEWER_TO: Final = (3e-6, 3e-4)  # up to which share of the weight of all rows the first ones do
REACH: Final = 0.74  # of a row, which is as wide as some 15 SDs of mu; its ends hardly weigh
LAST: Final = 2  # coefficients that tell what the polynomial lacks: one of each parity
SLOWEST: Final = 0.1  # the largest ratio of these to those before them: beyond the points, the polynomial must converge
ROUNDING: Final = 1e-12
ROW_ERROR: Final = 1e-10  # of logarithms, each times the probability of its node; a grid has about 40 rows
LARGEST_ERROR: Final = 1e-3  # of a row that has hardly any; at its ends it is some 100 times that
AT_ONCE: Final = 8192  # nodes, whose temporary arrays stay in a processor's cache

type Rows = Callable[[IntArray, FloatArray], FloatArray]
"""``function(row, mu)`` returns F functions at points ``mu`` (P,) of rows ``row`` (P,) of a grid, shape (F, P)."""
type Weigh = Callable[[FloatArray], FloatArray]
"""``weigh(values)`` returns about the probability of each node, shape (R, U), given the values (F, R, U)."""


def along_rows(function: Rows, mu: FloatArray, last: IntArray, rough: FloatArray, weigh: Weigh) -> FloatArray:
    """Return F functions at the nodes of some rows.

    Parameters
    ----------
    function : callable
        The functions: ``function(row, mu)`` at points mu (P,) of rows (P,), ascending, shape (F, P).
    mu : array, shape (R, U)
        The nodes, ascending along each row.
    last : array of int, shape (R,)
        The last node of each row that matters; beyond it what is returned means nothing.
    rough : array, shape (R,)
        The probability of each row, roughly: one with little of it gets fewer points.
    weigh : callable
        The probability of each node, about, shape (R, U), given the values there (F, R, U): nodes and rows with little
        of it need not be exact.

    Returns
    -------
    array, shape (F, R, U)
    """
    low, high = mu[:, :1], np.take_along_axis(mu, last[:, None], axis=1)
    middle, half = 0.5 * (low + high), 0.5 * REACH * (high - low)
    count = np.array(POINTS)[np.searchsorted(FEWER_TO, rough)]
    row = np.repeat(np.arange(len(mu)), count)
    unit = np.concatenate([UNIT_POINTS[few] for few in count])
    values = function(row, middle[row, 0] + half[row, 0] * unit)
    coefficients, (error, before) = np.zeros((len(values), len(mu), POINTS[-1])), np.zeros((2, len(mu)))
    x = np.minimum((mu - middle) / half, 1.0 / REACH)
    growth = np.ones(x.shape)
    for points in POINTS:
        rows = np.flatnonzero(count == points)
        own = values[:, count[row] == points].reshape(len(values), rows.size, points) @ TO_COEFFICIENTS[points]
        coefficients[:, rows, :points] = own
        error[rows] = np.abs(own[:, :, -LAST:]).sum(axis=2).max(axis=0)
        before[rows] = np.abs(own[:, :, -2 * LAST : -LAST]).sum(axis=2).max(axis=0)
        growth[rows] = _growth(x[rows], points - 1)
    out = chebyshev_sum(coefficients, x)
    with np.errstate(all="ignore"):  # what is not finite is not negligible
        rows = np.flatnonzero(~((error <= LARGEST_ERROR) & (error <= np.maximum(SLOWEST * before, ROUNDING))))
        while True:
            if rows.size:
                out[:, rows] = function(np.repeat(rows, mu.shape[1]), mu[rows].ravel()).reshape(-1, *mu[rows].shape)
                error[rows] = 0.0
            # with other rows exact, the weights of the rest may be others
            weight = (weigh(out) * growth).sum(axis=1)
            rows = np.flatnonzero((error > 0.0) & ~(error * weight <= ROW_ERROR))
            if not rows.size:
                return out


def _points(count: int) -> FloatArray:
    """Return Chebyshev's points in (-1, 1)."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


UNIT_POINTS: Final = {count: _points(count) for count in POINTS}
TO_COEFFICIENTS: Final = {
    count: np.cos(np.outer(np.arccos(x), np.arange(count))) * 2.0 / count for count, x in UNIT_POINTS.items()
}


def _growth(x: FloatArray, degree: int) -> FloatArray:
    """Return the largest value, up to x, of a Chebyshev polynomial: 1 up to x = 1, and then steeply more."""
    out = np.ones(x.shape)
    outside = np.abs(x) > 1.0
    out[outside] = np.cosh(degree * np.arccosh(np.abs(x[outside])))
    return out


def chebyshev_sum(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    """Return a_0 / 2 + sum of a_n T_n(x), for coefficients (F, R, N) and x (R, U), by Clenshaw's recurrence."""
    out = np.empty((len(coefficients), *x.shape))
    size = max(1, AT_ONCE // (len(coefficients) * x.shape[1]))
    for rows in (slice(i, i + size) for i in range(0, len(x), size)):
        once, twice = x[rows], 2.0 * x[rows]
        later, last, new = np.zeros((3, *out[:, rows].shape))
        for a in np.moveaxis(coefficients[:, rows], 2, 0)[:0:-1]:
            np.multiply(twice, later, out=new)
            new -= last
            new += a[:, :, None]
            later, last, new = new, later, last
        out[:, rows] = once * later - last + 0.5 * coefficients[:, rows, :1]
    return out
