"""From where to where does the axis of a forest plot run?"""

from math import isfinite
from typing import Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_units import PROPORTION_UNITS, Unit

CUT_MARGIN: Final = 0.05
"""How much longer the axis is, in parts of the range that must be seen, where intervals are cut."""
NEAR: Final = 0.2
"""Distance from 0 or 1, in parts of the range, from which on the axis of a proportion reaches that bound."""


def axis_range(unit: Unit, frame: pd.DataFrame, xlim: tuple[float, float] | None) -> tuple[float, float]:
    """Return from where to where the axis runs, natural scale.

    Parameters
    ----------
    unit : Unit
        The unit in print; it says whether the axis is logarithmic.
    frame : DataFrame
        What is drawn.
    xlim : tuple of float or None
        What the user wants instead.

    Raises
    ------
    SpecError
        If `xlim` is no range.

    Notes
    -----
    All estimates, the intervals of the summaries and a typical interval of a study are shown; other limits
    only if they lie no further away than the width of that range: what lies beyond is cut, and has an arrow.
    A range that comes close to a bound of the proportions, 0 or 1, reaches it.
    """
    if xlim is not None:
        return _checked(unit, xlim)
    forth, back = (np.log, np.exp) if unit.is_log else (np.asarray, np.asarray)
    with np.errstate(divide="ignore"):
        core = _finite(forth(_core(frame)))
        limits = _finite(forth(frame[["lower", "upper"]].to_numpy(dtype=np.float64).ravel()))
    low, high = back(_with_limits(float(core.min()), float(core.max()), limits)).tolist()
    return _to_the_bounds(low, high) if unit.name in PROPORTION_UNITS else (low, high)


def _with_limits(low: float, high: float, limits: FloatArray) -> tuple[float, float]:
    """Return the range that also shows the limits which are not too far from it."""
    reach = (high - low) or max(abs(low), 1.0)
    near = limits[(limits >= low - reach) & (limits <= high + reach)]
    margin = CUT_MARGIN * reach
    wider_low = min(low, near.min(initial=low)) - margin * bool(limits.min() < low - reach)
    wider_high = max(high, near.max(initial=high)) + margin * bool(limits.max() > high + reach)
    if wider_low == wider_high:
        return low - 0.5 * reach, high + 0.5 * reach
    return float(wider_low), float(wider_high)


def _core(frame: pd.DataFrame) -> FloatArray:
    """Return what must be seen: estimates, limits of the summaries, and median limits of the studies."""
    studies, pooled = frame[frame["kind"] == "study"], frame[frame["kind"] == "summary"]
    typical = (
        studies["lower"].quantile(0.5, interpolation="higher"),
        studies["upper"].quantile(0.5, interpolation="lower"),
    )
    points = frame[["estimate", "shrunken"]].to_numpy(dtype=np.float64)
    limits = pooled[["lower", "upper"]].to_numpy(dtype=np.float64)
    return np.concatenate([points.ravel(), typical, limits.ravel()])


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _to_the_bounds(low: float, high: float) -> tuple[float, float]:
    near = NEAR * (high - low)
    low, high = max(low, 0.0), min(high, 1.0)
    return (0.0 if low < near else low), (1.0 if high > 1.0 - near else high)


def _checked(unit: Unit, xlim: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(limit) for limit in xlim)
    if not (isfinite(low) and isfinite(high) and low < high) or (unit.is_log and low <= 0.0):
        above = ", above 0," if unit.is_log else ""
        raise SpecError(f"xlim={xlim!r} must be two finite values{above} in ascending order, natural scale.")
    return low, high
