"""What are functions of (mu, tau) at the nodes of a grid, from fewer values of mu at each tau?

Along a row of nodes the sum over studies of log m is close to a parabola in mu, and the log of a mean proportion bends
little. A polynomial through Chebyshev's points replaces them at the nodes, which are two or three times as many, as
long as its last coefficients are negligible.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray

POINTS: Final = 14
LAST: Final = 2  # coefficients that tell what the polynomial lacks: one of each parity
ROW_ERROR: Final = 1e-9  # of a row's mean logarithm times the row's probability; a grid has about 40 rows
LARGEST_ERROR: Final = 1e-3  # of a row that has hardly any
ANGLES: Final[FloatArray] = np.pi * (np.arange(POINTS) + 0.5) / POINTS
TO_COEFFICIENTS: Final[FloatArray] = np.cos(np.outer(ANGLES, np.arange(POINTS))) * 2.0 / POINTS

type Rows = Callable[[IntArray, FloatArray], FloatArray]
"""``function(rows, mu)`` returns F functions at mu (S, P) of rows (S,) of a grid, shape (F, S, P)."""
type Weigh = Callable[[FloatArray], FloatArray]
"""``weigh(values)`` returns about the probability of each row, shape (R,), given the values (F, R, U)."""


def along_rows(function: Rows, mu: FloatArray, last: IntArray, weigh: Weigh) -> FloatArray:
    """Return F functions at the nodes of some rows.

    Parameters
    ----------
    function : callable
        The functions.
    mu : array, shape (R, U)
        The nodes, ascending along each row.
    last : array of int, shape (R,)
        The last node of each row that matters; beyond it what is returned means nothing.
    weigh : callable
        Rows with little probability need not be exact.

    Returns
    -------
    array, shape (F, R, U)
    """
    low, high = mu[:, :1], np.take_along_axis(mu, last[:, None], axis=1)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    coefficients = function(np.arange(len(mu)), middle + half * np.cos(ANGLES)) @ TO_COEFFICIENTS
    out = chebyshev_sum(coefficients, np.minimum((mu - middle) / half, 1.0))
    with np.errstate(all="ignore"):  # what is not finite is not negligible
        error = np.abs(coefficients[:, :, -LAST:]).sum(axis=2).max(axis=0)
        fine = (error <= LARGEST_ERROR) & (error * weigh(out) <= ROW_ERROR)
    rows = np.flatnonzero(~fine)
    if rows.size:
        out[:, rows] = function(rows, mu[rows])
    return out


def chebyshev_sum(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    """Return a_0 / 2 + sum of a_n T_n(x), for coefficients (F, R, N) and x (R, U), by Clenshaw's recurrence."""
    twice = 2.0 * x
    later, last = np.zeros((2, len(coefficients), *x.shape))
    for a in np.moveaxis(coefficients, 2, 0)[:0:-1]:
        later, last = twice * later - last + a[:, :, None], later
    result: FloatArray = x * later - last + 0.5 * coefficients[:, :, :1]
    return result
