"""How do several outcomes stand beside one another? A row for each, with the estimates of every method."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_units import Unit
from bayesmeta.plots.label_rows import draw_estimates, estimate_handle, rows_height, set_rows
from bayesmeta.plots.looks import GREY, look
from bayesmeta.plots.natural_ticks import set_natural_axis
from bayesmeta.plots.quantity_axis import set_axis, set_label, span
from bayesmeta.plots.sheet import FONT_SIZE, open_sheet

NEEDED: Final = ("outcome", "method", "kind", "estimate", "lower", "upper", "interval")
STEP: Final = 0.45
"""Rows between the methods of one outcome."""
GAP: Final = 0.55
"""Rows between outcomes."""
EDGE: Final = 0.7
"""Rows between the first and the last estimate and the edges."""
PREDICTION: Final = 3.0
"""Line width of a prediction interval, which lies behind."""


def plot_outcomes(
    frame: pd.DataFrame,
    *,
    unit: Unit,
    label: str | None = None,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimates of several outcomes, one below the other.

    Parameters
    ----------
    frame : DataFrame
        A row for each outcome, method and estimate, on the natural scale: ``outcome``, ``method``, ``kind`` ("summary",
        or "prediction" for the broad line behind), ``estimate``, ``lower``, ``upper``, ``interval``.
    unit : Unit
        In which values are printed; a ratio has a logarithmic axis.
    label : str, optional
        Of the axis.
    ax, width_mm, fontsize
        As in `plot_compare`.

    Returns
    -------
    Axes
        x is the natural scale, the logarithm of ratios.

    Raises
    ------
    SpecError
        If the frame is another one.
    """
    if not isinstance(frame, pd.DataFrame) or not set(NEEDED) <= set(frame.columns):
        raise SpecError(f"plot_outcomes takes a frame with the columns {', '.join(NEEDED)}; got {a_type(frame)}.")
    is_ratio = unit.is_log
    rows = _placed(frame, is_ratio=is_ratio)
    height = rows_height(float(rows["y"].max()) + 1.0, fontsize or FONT_SIZE)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, default_mm=170.0, height=height)
    ax = sheet.ax
    behind = rows[rows["kind"] == "prediction"]
    ax.hlines(behind["y"], behind["lower"], behind["upper"], color="0.8", lw=PREDICTION, zorder=0, label="_prediction")
    handles = []
    for i, (method, part) in enumerate(rows[rows["kind"] == "summary"].groupby("method", sort=False)):
        y, estimate, lower, upper = (
            part[name].to_numpy(dtype=np.float64) for name in ("y", "estimate", "lower", "upper")
        )
        draw_estimates(ax, y, estimate, lower, upper, look(i), sheet.size)
        intervals = "/".join(dict.fromkeys(part["interval"]))
        handles.append(estimate_handle(look(i), f"{method}, {intervals}", sheet.size))
    heads = rows.groupby("outcome", sort=False)["y"].mean()
    set_rows(ax, list(heads), list(heads.index), sheet, share=0.42)
    ax.set_ylim(float(rows["y"].max()) + EDGE, -EDGE)
    low, high = span(rows["lower"].to_numpy(), rows["upper"].to_numpy())
    ax.set_xlim(low, high)
    if is_ratio:
        ax.axvline(0.0, color=GREY, lw=0.7, zorder=0)
        set_natural_axis(ax.xaxis, "log", low, high)
    else:
        set_axis(ax.xaxis, unit)
    set_label(ax, "x", label or unit.axis_label, sheet.size)
    notes = ["Broad grey line: prediction interval for a next study."] if len(behind) else []
    sheet.close(handles=handles, notes=notes)
    return ax


def _placed(frame: pd.DataFrame, *, is_ratio: bool) -> pd.DataFrame:
    """Return the rows with ``y``, downwards: the methods of an outcome close together; of ratios the logarithms."""
    placed = frame.copy()
    if is_ratio:
        numbers = ["estimate", "lower", "upper"]
        placed[numbers] = np.log(placed[numbers].to_numpy(dtype=np.float64))
    y, top = np.zeros(len(placed)), 0.0
    for _, part in placed.groupby("outcome", sort=False):
        methods = list(dict.fromkeys(part["method"]))
        for at in part.index:
            y[placed.index.get_loc(at)] = top + STEP * methods.index(part.loc[at, "method"])
        top += STEP * len(methods) + GAP
    return placed.assign(y=y)
