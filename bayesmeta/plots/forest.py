"""How is a meta-analysis drawn on one page: each study, and what the fits make of them?"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta.plots.forest_columns import DEFAULT_COLUMNS, Content, Printing, row_labels, text_columns
from bayesmeta.plots.forest_frame import AnyFit, Compared, forest_frame, labelled_fits, natural_scale
from bayesmeta.plots.forest_layout import POINTS_PER_MM, Layout, needed_height, plan
from bayesmeta.plots.forest_marks import Canvas, draw_pooled, draw_reference, draw_studies
from bayesmeta.plots.forest_print import axes_size, draw_axis, draw_texts, strip_axes
from bayesmeta.plots.forest_range import axis_range
from bayesmeta.plots.forest_units import Unit, choose_unit, decimals
from bayesmeta.plots.forest_words import heterogeneity_line, marks_line

__all__ = ["forest_frame", "plot_forest"]

WIDTH_MM: Final = 170.0
"""Width of a page in most journals."""
MARGIN: Final = 3.0
"""Points around the axes of a figure of its own."""
PAD: Final = 0.025
"""The part of the range by which the axis is longer at each end, so that marks at 0 and 1 have room."""


def plot_forest(
    fit: AnyFit,
    *,
    compare: Compared = (),
    ax: Axes | None = None,
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    scale: str | None = None,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    xlim: tuple[float, float] | None = None,
    xlabel: str | None = None,
    fontsize: float = 7.0,
) -> Axes:
    """Draw a forest plot.

    Parameters
    ----------
    fit : ExactFit or FrequentistFit
        The fit whose studies are shown.
    compare : fit, sequence of fits, or dict of fits by label
        Further fits whose estimates are drawn below those of `fit`, such as DerSimonian-Laird.
    ax : Axes, optional
        Where to draw; everything stays within its box. By default a new figure, 170 mm wide and as high as
        needed.
    order : str or sequence of str, optional
        A column of `forest_frame` or a moderator (``"-weight"``: descending), or all labels in the order
        wanted.
    ci_prob : float
        Probability of all intervals.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed. By default per cent, and for rare events one of the last two.
    columns : sequence of str
        Columns of text, of ``"data"`` (events/n), ``"estimate"``, ``"shrunken"`` and ``"weight"``.
    xlim : tuple of float, optional
        Ends of the axis, natural scale. Intervals that go beyond are cut, and have an arrow.
    xlabel : str, optional
        Label of the axis, for example the outcome.
    fontsize : float
        Points; smaller only if the text would not fit otherwise.

    Returns
    -------
    Axes
        Its x is the natural scale (proportions from 0 to 1, whatever the unit in print; ratios on a
        logarithmic axis), so that ``ax.axvline(0.2)`` marks 20 %. The i-th study from the top, counted from
        0, is at y = i.

    Raises
    ------
    SpecError
        If an option is not allowed, or the plot does not fit into `ax`.

    Notes
    -----
    Squares are the studies as observed, with exact (Clopper-Pearson) intervals for counts and normal ones for
    estimates; their areas are proportional to the weights. Circles below them are the studies' own
    proportions in the model, shrunken towards the rest: posterior medians with credible intervals. Diamonds
    are estimates, each named after what it estimates; the bar is the interval for the true value of the next
    study. The dashed line is the first estimate. `forest_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), events="events", n="n")
    >>> dl = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    >>> ax = plot_forest(bm.fit(studies), compare=dl, xlabel="Complete remission, %")
    """
    frame = forest_frame(fit, compare=compare, order=order, ci_prob=ci_prob)
    unit = choose_unit(natural_scale(fit), scale, frame)
    fits = labelled_fits(fit, compare)
    content = _content(frame, fits, Printing(unit, decimals(unit, frame), ci_prob), columns)
    ends = axis_range(unit, frame, xlim)
    ax = _new_axes(content, fontsize) if ax is None else _prepared(ax)
    layout = plan(content, *axes_size(ax), fontsize)
    ends = _set_limits(ax, layout, unit, ends)
    canvas = Canvas(ax, layout, *ends)
    draw_reference(canvas, frame)
    draw_studies(canvas, frame)
    draw_pooled(canvas, frame)
    draw_texts(ax, content, layout)
    draw_axis(ax, unit.axis_label if xlabel is None else xlabel, layout, unit, ends)
    return ax


def _content(frame: pd.DataFrame, fits: dict[str, AnyFit], printing: Printing, columns: Sequence[str]) -> Content:
    pooled = frame[frame["kind"] == "summary"].drop_duplicates("method")
    intervals = dict(zip(pooled["method"], pooled["interval"], strict=True))
    prob = printing.ci_prob
    heterogeneity = [heterogeneity_line(title, fit, ci_prob=prob) for title, fit in fits.items()]
    notes = [*heterogeneity, marks_line(frame, ci_prob=prob)]
    return Content(
        frame=frame,
        labels=row_labels(frame, prob),
        columns=text_columns(frame, columns, printing),
        pooled_head={title: printing.head(interval) for title, interval in intervals.items()},
        notes=[note.replace(" %", "\N{NO-BREAK SPACE}%") for note in notes],
    )


def _new_axes(content: Content, fontsize: float) -> Axes:
    """Return axes that fill a new figure, as high as the content needs."""
    import matplotlib.pyplot as plt

    width = WIDTH_MM * POINTS_PER_MM
    height = needed_height(content, width - 2 * MARGIN, fontsize) + 2 * MARGIN
    figure = plt.figure(figsize=(width / 72.0, height / 72.0), layout="none")
    x, y = MARGIN / width, MARGIN / height
    figure.subplots_adjust(left=x, right=1.0 - x, bottom=y, top=1.0 - y)
    ax = figure.add_subplot()
    strip_axes(ax)
    return ax


def _prepared(ax: Axes) -> Axes:
    """Return the user's axes, empty and in their final place if the figure arranges its axes itself."""
    strip_axes(ax)
    if ax.figure.get_layout_engine() is not None:
        ax.figure.canvas.figure.draw_without_rendering()
    return ax


def _set_limits(ax: Axes, layout: Layout, unit: Unit, ends: tuple[float, float]) -> tuple[float, float]:
    """Give the axes limits with which the marks stand between the columns; return the ends of the axis."""
    forth, back = (np.log, np.exp) if unit.is_log else (np.asarray, np.asarray)
    low, high = forth(ends)
    pad = PAD * (high - low)
    low, high = low - pad, high + pad
    left, right = layout.across.plot
    width = (high - low) / (right - left)
    if unit.is_log:
        ax.set_xscale("log")
    ax.set_xlim(*back([low - left * width, low + (1.0 - left) * width]))
    top, bottom = layout.y_ends
    ax.set_ylim(bottom, top)
    ax.set_autoscale_on(False)
    return float(back(low)), float(back(high))
