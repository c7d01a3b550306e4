"""Where does a density live: brackets that hold all but a negligible part of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError

NODES = 15
MAX_ROUNDS = 200  # a bracket triples or shrinks to a seventh each round: 200 rounds span all that a double can
WELL_FILLED = 0.35

type LogDensity = Callable[[FloatArray, IntArray], FloatArray]


@final
@dataclass(frozen=True, eq=False)
class Located:
    """Where densities live, one row each.

    Parameters
    ----------
    lower, upper : array, shape (R,)
        Outside them every target has fallen by the drop that was asked for.
    x : array, shape (R, NODES)
        Equally spaced points of the last look, from at or below ``lower`` to at or above ``upper``.
    log_f : array, shape (targets, R, NODES)
        Log densities there.
    """

    lower: FloatArray
    upper: FloatArray
    x: FloatArray
    log_f: FloatArray

    def log_mass(self) -> FloatArray:
        """Return the log of the trapezoid sums of the densities over x, roughly; shape (targets, R)."""
        largest = self.log_f.max(axis=2)
        mass: FloatArray = np.exp(self.log_f - largest[:, :, None]).sum(axis=2)
        return largest + np.log(mass * (self.x[:, 1] - self.x[:, 0]))


def locate(log_f: LogDensity, lower: FloatArray, upper: FloatArray, *, drop: float) -> Located:
    """Return brackets outside which every density has fallen by ``drop`` from its maximum.

    Parameters
    ----------
    log_f : callable
        ``log_f(x, rows)`` returns log densities of shape (targets, R, NODES) at ``x`` of shape (R, NODES)
        for the rows asked for. Every target's region is kept. Densities should be unimodal.
    lower, upper : array, shape (rows,)
        First guess; it may miss the region altogether.
    drop : float
        How far a log density must fall.

    Returns
    -------
    Located

    Raises
    ------
    AccuracyError
        If a bracket does not settle, as for a density that does not fall.
    """
    lower, upper = lower.copy(), upper.copy()
    active = np.arange(lower.size)
    unit = np.linspace(0.0, 1.0, NODES)
    points, values = np.empty((lower.size, NODES)), np.empty((0, lower.size, NODES))
    for _ in range(MAX_ROUNDS):
        width = (upper - lower)[active]
        x = lower[active, None] + width[:, None] * unit
        f = log_f(x, active)
        kept = (f >= f.max(axis=2, keepdims=True) - drop).any(axis=0)  # also where max - drop rounds to max
        first, last = kept.argmax(axis=1), NODES - 1 - kept[:, ::-1].argmax(axis=1)
        row = np.arange(active.size)
        lower[active] = np.where(first == 0, lower[active] - width, x[row, np.maximum(first - 1, 0)])
        upper[active] = np.where(last == NODES - 1, upper[active] + width, x[row, np.minimum(last + 1, NODES - 1)])
        values = values if len(values) else np.empty((len(f), *points.shape))
        points[active], values[:, active] = x, f
        settled = (first > 0) & (last < NODES - 1) & (last - first >= WELL_FILLED * NODES)
        active = active[~settled]
        if not active.size:
            return Located(lower, upper, points, values)
    raise AccuracyError(
        "the region of the posterior could not be found: data or priors are on extreme scales, or a prior has a heavy "
        "tail; scale the data, or use priors with lighter tails on the scale of the data."
    )
