"""What is the log likelihood of all studies at the nodes of a grid, from fewer values of mu at each tau?

Along a row of nodes the sum over studies of log m is close to a parabola in mu. A polynomial through it at Chebyshev's
points replaces it at the nodes, which are two or three times as many, as long as its last coefficients are negligible.
"""

from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.terms import MarginalRule

POINTS: Final = 14
LAST: Final = 2  # coefficients that tell what the polynomial lacks: one of each parity
ROW_ERROR: Final = 1e-9  # of a row's mean log density times the row's probability; a grid has about 40 rows
ANGLES: Final[FloatArray] = np.pi * (np.arange(POINTS) + 0.5) / POINTS
TO_COEFFICIENTS: Final[FloatArray] = np.cos(np.outer(ANGLES, np.arange(POINTS))) * 2.0 / POINTS


def summed(rule: MarginalRule, grid: Grid, log_rest: FloatArray) -> FloatArray:
    """Return the sum over studies of log m at the nodes of a grid.

    Parameters
    ----------
    rule : callable
        Returns log m_i at points (eta, tau).
    grid : Grid
        The J x U nodes.
    log_rest : array, shape (J, U)
        Log of priors times weights of the nodes. Rows with little probability need not be exact.

    Returns
    -------
    array, shape (J, U)
    """
    low, high = grid.mu[:, :1], grid.mu[:, -1:]
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    coefficients = _at(rule, middle + half * np.cos(ANGLES), grid.tau) @ TO_COEFFICIENTS
    out = chebyshev_sum(coefficients, (grid.mu - middle) / half)
    with np.errstate(all="ignore"):  # what is not finite is not negligible
        log_f = out + log_rest
        weight = np.exp(log_f - log_f.max()).sum(axis=1)
        error = np.abs(coefficients[:, -LAST:]).sum(axis=1) * weight / weight.sum()
    rows = np.flatnonzero(~(error <= ROW_ERROR))
    if rows.size:
        out[rows] = _at(rule, grid.mu[rows], grid.tau[rows])
    return out


def chebyshev_sum(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    """Return a_0 / 2 + sum of a_n T_n(x), for coefficients (J, N) and x (J, U), by Clenshaw's recurrence."""
    twice = 2.0 * x
    later, last = np.zeros_like(x), np.zeros_like(x)
    for a in coefficients.T[:0:-1]:
        later, last = twice * later - last + a[:, None], later
    return x * later - last + 0.5 * coefficients[:, :1]


def _at(rule: MarginalRule, mu: FloatArray, tau: FloatArray) -> FloatArray:
    """Return the sum over studies of log m at mu (R, P) and tau (R,)."""
    return rule(mu.ravel(), np.repeat(tau, mu.shape[1])).sum(axis=0).reshape(mu.shape)
