"""At which scale of a prior does a conclusion change? The curve behind a tipping point."""

from typing import Final

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._validate import a_type
from bayesmeta.analyses.tipping import SCALE_OF, TippingPoint
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import tick_words
from bayesmeta.plots.looks import GREY, LINE_WIDTH, LOOKS, THIN
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis, set_label, span
from bayesmeta.plots.sheet import open_sheet

DIGITS: Final = 3
"""Of a tipping scale in print."""


def tipping_frame(tipping: TippingPoint) -> pd.DataFrame:
    """Return the curve of a tipping point.

    Parameters
    ----------
    tipping : TippingPoint
        From `tipping_point`.

    Returns
    -------
    DataFrame
        ``kind``: "curve" or "tipping" (a scale at which the conclusion changes); ``scale`` of the prior, ascending;
        ``value``: what the conclusion compares with its ``threshold``.

    Raises
    ------
    SpecError
        If it is not from `tipping_point`.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> frame = tipping_frame(bm.tipping_point(fit, "P(p_new > 0.5) >= 0.95"))
    >>> frame.query("kind == 'tipping'").round(3)
           kind  scale  value  threshold
    15  tipping  0.584   0.95       0.95
    """
    if not isinstance(tipping, TippingPoint):
        raise SpecError(f"plot_tipping_point takes what bm.tipping_point returns; got {a_type(tipping)}.")
    curve = pd.DataFrame({"kind": "curve", "scale": tipping.grid, "value": tipping.values})
    changes = pd.DataFrame({"kind": "tipping", "scale": tipping.scales, "value": tipping.threshold})
    frame = pd.concat([curve, changes] if tipping.scales else [curve], ignore_index=True)
    return frame.sort_values("scale", ignore_index=True).assign(threshold=tipping.threshold)


def plot_tipping_point(
    tipping: TippingPoint,
    *,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw how the probability behind a conclusion changes with the scale of a prior.

    Parameters
    ----------
    tipping : TippingPoint
        From `tipping_point`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the scale of the prior, logarithmic; y the probability.

    Raises
    ------
    SpecError
        If it is not from `tipping_point`.

    Notes
    -----
    Squares are the scales at which the conclusion changes; the dotted line is the scale of the analysis.
    `tipping_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> ax = plot_tipping_point(bm.tipping_point(fit, "P(p_new > 0.5) >= 0.95"))
    """
    frame = tipping_frame(tipping)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax, color = sheet.ax, mpl.rcParams["text.color"]
    ax.set_xscale("log")
    ax.plot(frame["scale"], frame["value"], color=LOOKS[0].color, lw=LINE_WIDTH, label="_curve")
    ax.axhline(tipping.threshold, color=GREY, ls=LOOKS[1].line, lw=THIN, label="_threshold")
    own = _scale_of(tipping)
    handles = [
        Line2D([], [], color=LOOKS[0].color, lw=LINE_WIDTH, label=tipping.words),
        Line2D([], [], color=GREY, ls=LOOKS[1].line, lw=THIN, label=f"Threshold {tipping.threshold:.4g}"),
    ]
    if own is not None:
        ax.axvline(own, color=color, ls=LOOKS[2].line, lw=THIN, label="_reference")
        handles.append(Line2D([], [], color=color, ls=LOOKS[2].line, lw=THIN, label=f"Analysis, {tipping.reference}"))
    changes = frame[frame["kind"] == "tipping"]
    mark = {"marker": "s", "ms": 0.6 * sheet.size, "color": color, "ls": "none"}
    if len(changes):
        ax.plot(changes["scale"], changes["value"], zorder=3, label="_tipping", **mark)
        where = " and ".join(f"{scale:.{DIGITS}g}" for scale in tipping.scales)
        handles.append(Line2D([], [], label=f"Changes at {where}", **mark))
    ax.set_xlim(*tipping.scale_range)
    ax.set_ylim(*span(frame["value"].to_numpy(), tipping.threshold, pad=0.08))
    set_axis(ax.yaxis, AS_IT_IS)
    ax.xaxis.set_major_formatter(lambda value, _: tick_words([float(f"{value:.9g}")])[0])
    ax.xaxis.set_minor_formatter(lambda value, _: "")
    set_label(ax, "x", f"Scale of the prior of {tipping.parameter}", sheet.size)
    set_label(ax, "y", tipping.words, sheet.size)
    sheet.close(handles=handles, notes=[f"{tipping}"])
    return ax


def _scale_of(tipping: TippingPoint) -> float | None:
    """Return the scale of the prior of the analysis, if it lies on the axis."""
    key = "upper" if tipping.reference.name == "Uniform" else SCALE_OF[tipping.reference.name]
    value = tipping.reference.parameters.get(key)
    low, high = tipping.scale_range
    return value if value is not None and low <= value <= high else None
