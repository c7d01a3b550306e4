"""Does each study agree with what the others predict for it? Conflict P-values, the smallest at the top."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import tick_words
from bayesmeta.plots.label_rows import NARROW_PITCH, rows_height, set_rows
from bayesmeta.plots.looks import GREY, LOOKS, THIN
from bayesmeta.plots.quantity_axis import set_label
from bayesmeta.plots.sheet import FONT_SIZE, open_sheet

NEEDED: Final = ("prob_below", "conflict_pvalue", "note")
LEAST: Final = 1e-6
"""Smaller P-values stand at the end of the axis."""
TICKS: Final = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


def conflict_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the studies by their conflict P-values, the smallest first.

    Parameters
    ----------
    table : DataFrame
        From `conflict`.

    Returns
    -------
    DataFrame
        ``study``, ``conflict_pvalue``, ``prob_below``, ``side``: "above" if the study shows more than the others
        predict, else "below"; ``expected``: i / (k + 1), about where the i-th smallest of k P-values lies if there is
        no conflict. Studies without a P-value are left out.

    Raises
    ------
    SpecError
        If the table is not from `conflict`, or holds no numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> conflict_frame(bm.conflict(fit)).head(2)[["study", "conflict_pvalue", "side", "expected"]].round(3)
                 study  conflict_pvalue   side  expected
    0  Hadeishi et al.            0.106  above     0.067
    1   Otsubo et al.             0.139  below     0.133
    """
    if not isinstance(table, pd.DataFrame) or not set(NEEDED) <= set(table.columns) or table.index.name != "study":
        raise SpecError(f"plot_conflict takes the table of bm.conflict(fit); got {a_type(table)}.")
    frame: pd.DataFrame = table[["conflict_pvalue", "prob_below"]].reset_index()
    frame = frame[np.isfinite(frame["conflict_pvalue"])]
    if frame.empty:
        raise SpecError(
            f"plot_conflict has nothing to draw: {next(iter(table['note']), '') or 'there are no studies'}."
        )
    frame = frame.sort_values("conflict_pvalue", kind="stable", ignore_index=True)
    frame["side"] = np.where(frame["prob_below"] > 0.5, "above", "below")
    frame["expected"] = np.arange(1, len(frame) + 1) / (len(frame) + 1.0)
    return frame


def plot_conflict(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the conflict P-values of the studies, the smallest at the top.

    Parameters
    ----------
    table : DataFrame
        From `conflict`.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the P-value, logarithmic; the i-th smallest is at y = i, counted from 0.

    Raises
    ------
    SpecError
        If the table is not from `conflict`, or holds no numbers.

    Notes
    -----
    Triangles point to the side on which the study lies. The grey line is where ordered P-values lie if no study
    conflicts: P-values far left of it are signs of conflict, one small P-value among many is not. `conflict_frame`
    returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> ax = plot_conflict(bm.conflict(fit))
    """
    frame = conflict_frame(table)
    k = len(frame)
    height = rows_height(k, fontsize or FONT_SIZE, pitch=NARROW_PITCH)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, height=height)
    ax, y = sheet.ax, np.arange(float(k))
    pvalue = np.maximum(frame["conflict_pvalue"].to_numpy(), LEAST)
    ax.set_xscale("log")
    ax.plot(frame["expected"], y, color=GREY, lw=THIN, ls=LOOKS[1].line, label="_expected")
    handles: list[Any] = []
    for side, look, marker in (("above", LOOKS[1], ">"), ("below", LOOKS[0], "<")):
        mine = (frame["side"] == side).to_numpy()
        style: dict[str, Any] = {"marker": marker, "color": look.color, "ms": 0.6 * sheet.size, "ls": "none"}
        ax.plot(pvalue[mine], y[mine], clip_on=False, zorder=3, label="_study", **style)
        handles.append(Line2D([], [], label=f"Study {side} what the others predict", **style))
    handles.append(Line2D([], [], color=GREY, lw=THIN, ls=LOOKS[1].line, label="Expected without conflict"))
    ax.set_xlim(0.8 * min(float(pvalue.min()), 0.01), 1.0)
    ticks = [tick for tick in TICKS if tick >= ax.get_xlim()[0]]
    ax.set_xticks(ticks, tick_words(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", labelsize=sheet.size)
    set_rows(ax, y.tolist(), [str(name) for name in frame["study"]], sheet)
    set_label(ax, "x", "Conflict P-value", sheet.size)
    left_out = len(table) - k
    sheet.close(handles=handles, notes=[f"{left_out} studies have no P-value."] if left_out else [])
    return ax
