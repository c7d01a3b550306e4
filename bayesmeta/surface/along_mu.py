"""What are functions of (mu, tau) at the nodes of a grid, from fewer values of mu at each tau?

Along a row of nodes the sum over studies of log m is close to a parabola in mu, and the log of a mean proportion bends
little. A polynomial through Chebyshev's points replaces them at the nodes, which are two or three times as many, as
long as its last coefficients are negligible.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray

POINTS: Final = 13
REACH: Final = 0.7  # of a row, which is as wide as some 16 SDs of mu; its ends hardly weigh
LAST: Final = 2  # coefficients that tell what the polynomial lacks: one of each parity
ROW_ERROR: Final = 1e-9  # of logarithms, each times the probability of its node; a grid has about 40 rows
LARGEST_ERROR: Final = 1e-7  # of a row that has hardly any; at its ends it is 2e4 times that
ANGLES: Final[FloatArray] = np.pi * (np.arange(POINTS) + 0.5) / POINTS
TO_COEFFICIENTS: Final[FloatArray] = np.cos(np.outer(ANGLES, np.arange(POINTS))) * 2.0 / POINTS
AT_ONCE: Final = 8192  # nodes, whose temporary arrays stay in a processor's cache

type Rows = Callable[[IntArray, FloatArray], FloatArray]
"""``function(rows, mu)`` returns F functions at mu (S, P) of rows (S,) of a grid, shape (F, S, P)."""
type Weigh = Callable[[FloatArray], FloatArray]
"""``weigh(values)`` returns about the probability of each node, shape (R, U), given the values (F, R, U)."""


def along_rows(function: Rows, mu: FloatArray, last: IntArray, weigh: Weigh) -> FloatArray:
    """Return F functions at the nodes of some rows.

    Parameters
    ----------
    function : callable
        The functions: ``function(rows, mu)`` at mu (S, P) of rows (S,), shape (F, S, P).
    mu : array, shape (R, U)
        The nodes, ascending along each row.
    last : array of int, shape (R,)
        The last node of each row that matters; beyond it what is returned means nothing.
    weigh : callable
        The probability of each node, about, shape (R, U), given the values there (F, R, U): nodes and rows with little
        of it need not be exact.

    Returns
    -------
    array, shape (F, R, U)
    """
    low, high = mu[:, :1], np.take_along_axis(mu, last[:, None], axis=1)
    middle, half = 0.5 * (low + high), 0.5 * REACH * (high - low)
    coefficients = function(np.arange(len(mu)), middle + half * np.cos(ANGLES)) @ TO_COEFFICIENTS
    x = np.minimum((mu - middle) / half, 1.0 / REACH)
    out = chebyshev_sum(coefficients, x)
    with np.errstate(all="ignore"):  # what is not finite is not negligible
        error = np.abs(coefficients[:, :, -LAST:]).sum(axis=2).max(axis=0)
        weight = (weigh(out) * _growth(x)).sum(axis=1)
        fine = (error <= LARGEST_ERROR) & (error * weight <= ROW_ERROR)
    rows = np.flatnonzero(~fine)
    if rows.size:
        out[:, rows] = function(rows, mu[rows])
    return out


def _growth(x: FloatArray) -> FloatArray:
    """Return the largest value, up to x, of the last Chebyshev polynomial: 1 up to x = 1, and then steeply more."""
    out = np.ones(x.shape)
    outside = np.abs(x) > 1.0
    out[outside] = np.cosh((POINTS - 1) * np.arccosh(np.abs(x[outside])))
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
