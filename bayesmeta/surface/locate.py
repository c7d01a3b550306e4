"""Where does a density live: brackets that hold all but a negligible part of it."""

from collections.abc import Callable

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError

NODES = 15
MAX_ROUNDS = 80  # a bracket doubles or shrinks each round: 80 rounds span 24 orders of magnitude
WELL_FILLED = 0.35

type LogDensity = Callable[[FloatArray, IntArray], FloatArray]


def locate(
    log_f: LogDensity, lower: FloatArray, upper: FloatArray, *, drop: float
) -> tuple[FloatArray, FloatArray]:
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
    lower, upper : array, shape (rows,)

    Raises
    ------
    AccuracyError
        If a bracket does not settle, as for a density that does not fall.
    """
    lower, upper = lower.copy(), upper.copy()
    active = np.arange(lower.size)
    unit = np.linspace(0.0, 1.0, NODES)
    for _ in range(MAX_ROUNDS):
        x = lower[active, None] + (upper - lower)[active, None] * unit
        f = log_f(x, active)
        kept = (f > f.max(axis=2, keepdims=True) - drop).any(axis=0)
        first, last = kept.argmax(axis=1), NODES - 1 - kept[:, ::-1].argmax(axis=1)
        row = np.arange(active.size)
        width = (upper - lower)[active]
        lower[active] = np.where(first == 0, lower[active] - width, x[row, np.maximum(first - 1, 0)])
        upper[active] = np.where(
            last == NODES - 1, upper[active] + width, x[row, np.minimum(last + 1, NODES - 1)]
        )
        settled = (first > 0) & (last < NODES - 1) & (last - first >= WELL_FILLED * NODES)
        active = active[~settled]
        if not active.size:
            return lower, upper
    raise AccuracyError(
        "the region of the posterior could not be found; check for data or priors on extreme scales, "
        "or use engine='nuts'."
    )
