"""How is a meta-analysis drawn on one page: each study, and what the fits make of them?"""

from collections.abc import Iterable, Sequence
from math import inf
from numbers import Real
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import a_type
from bayesmeta.api import AnyFit
from bayesmeta.errors import SpecError
from bayesmeta.nuts.diagnosis import NOT_RELIABLE
from bayesmeta.plots.forest_axis import axes_size, axis_range, draw_axis, padded, set_limits, strip_axes
from bayesmeta.plots.forest_columns import (
    NARROW_COLUMNS,
    NARROW_MM,
    WIDE_COLUMNS,
    Chosen,
    Content,
    Printing,
    row_labels,
    text_columns,
)
from bayesmeta.plots.forest_fits import Compared, labelled_fits, natural_scale, noun_of
from bayesmeta.plots.forest_frame import forest_frame
from bayesmeta.plots.forest_layout import POINTS_PER_MM, fitting_font, needed_height, plan
from bayesmeta.plots.forest_marks import Canvas, draw_pooled, draw_reference, draw_studies
from bayesmeta.plots.forest_print import draw_texts
from bayesmeta.plots.forest_units import choose_unit, decimals
from bayesmeta.plots.forest_words import heterogeneity_line, marks_line, warnings_of

__all__ = ["forest_frame", "plot_forest"]

WIDTH_MM: Final = 170.0
"""Width of a page in most journals."""
MARGIN: Final = 3.0
"""Points around the axes of a figure of its own."""


def plot_forest(
    fit: AnyFit,
    *,
    compare: Compared = (),
    ax: Axes | None = None,
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    study_interval: str | None = None,
    scale: str | None = None,
    columns: Chosen | None = None,
    xlim: tuple[float, float] | None = None,
    xlabel: str | None = None,
    notes: str | Sequence[str] = (),
    width_mm: float | None = None,
    fontsize: float = 7.0,
) -> Axes:
    """Draw a forest plot.

    Parameters
    ----------
    fit : ExactFit, NutsFit or FrequentistFit
        The fit whose studies are shown.
    compare : fit, sequence of fits, or dict of fits by label
        Further fits whose estimates are drawn below those of `fit`, such as DerSimonian-Laird. The first
        three differ in colour and in grey, the next three have lines across.
    ax : Axes, optional
        Where to draw; everything stays within its box. By default a new figure, as high as needed.
    order : str or sequence of str, optional
        A column of text, a column of `forest_frame` or a moderator (``"-weight"``: descending), or all labels
        in the order wanted. Equal values keep the order of the data.
    ci_prob : float
        Probability of all intervals.
    study_interval : str, optional
        Interval of the observed proportions, as in `study_effects`.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed. By default per cent, and for rare events one of the last two. For rates
        ``"per 1"``, ``"per 100"``, ``"per 1000"`` or ``"per 100000"`` of the person-time's unit, by their size.
    columns : sequence of str, or dict of headings by name, optional
        Columns of text: ``"data"`` (events/n or events/time; of two arms ``"data_treatment"`` and
        ``"data_control"``), ``"events"``, ``"n"``, ``"estimate"``, ``"shrunken"``, ``"weight"``, and every moderator
        of the studies. The data and the moderators stand on the left of the
        marks, words aligned on the left and numbers on the right. Own headings: ``{"year": "Published"}``; a
        line break begins their second line. By default data, estimate and shrunken; below 120 mm estimate.
    xlim : tuple of float, optional
        Ends of the axis, natural scale. Intervals that go beyond are cut, and have an arrow.
    xlabel : str, optional
        Label of the axis, for example the outcome.
    notes : str or sequence of str
        Further lines below the plot.
    width_mm : float, optional
        Width of the new figure: 170 by default; one column of a journal has 85.
    fontsize : float
        Points; smaller only if the text would not fit otherwise, and never below 5.

    Returns
    -------
    Axes
        Its x is the natural scale (proportions from 0 to 1, whatever the unit in print; ratios on a
        logarithmic axis), so that ``ax.axvline(0.2)`` marks 20 %. The i-th study from the top, counted from
        0, is at y = i.

    Raises
    ------
    SpecError
        If an option is not allowed, or the plot does not fit into the width or into `ax`.

    Notes
    -----
    Squares are the studies as observed, with exact (Clopper-Pearson) intervals for counts, unless
    `study_interval` is another, and normal ones for estimates; their areas are proportional to the weights.
    Circles below them are the studies' own
    proportions in the model, shrunken towards the rest: posterior medians with credible intervals. Diamonds
    are estimates, each named after what it estimates; the bar is the interval for the true value of the next
    study. The dashed line is the first estimate. A fit that failed its diagnosis or its verification is headed
    NOT RELIABLE, and a note says why. `forest_frame` returns the numbers, `save_figure` writes the figure.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), events="events", n="n")
    >>> dl = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    >>> ax = plot_forest(bm.fit(studies), compare=dl, xlabel="Complete remission, %")
    """
    _check_options(ax, width_mm, fontsize, notes)
    frame = forest_frame(fit, compare=compare, order=order, ci_prob=ci_prob, study_interval=study_interval)
    unit = choose_unit(natural_scale(fit), scale, frame)
    label = unit.axis_label if natural_scale(fit) in (noun_of(fit), "rate") else noun_of(fit).capitalize()
    ends = padded(unit, axis_range(unit, frame, xlim))
    width = width_mm or WIDTH_MM if ax is None else axes_size(ax)[0] / POINTS_PER_MM
    if columns is None:
        columns = NARROW_COLUMNS if width < NARROW_MM else WIDE_COLUMNS
    printing = Printing(unit, decimals(unit, frame), ci_prob)
    lines = [notes] if isinstance(notes, str) else [str(note) for note in notes]
    content = _content(frame, labelled_fits(fit, compare), printing, columns, ends, lines, study_interval)
    ax = _new_axes(content, width, fontsize) if ax is None else _prepared(ax)
    layout = plan(content, *axes_size(ax), fontsize)
    set_limits(ax, layout, unit, ends)
    canvas = Canvas(ax, layout, *ends)
    draw_reference(canvas, frame)
    draw_studies(canvas, frame)
    draw_pooled(canvas, frame)
    draw_texts(ax, content, layout)
    draw_axis(ax, label if xlabel is None else xlabel, layout, unit, ends)
    return ax


def _content(
    frame: pd.DataFrame,
    fits: dict[str, AnyFit],
    printing: Printing,
    columns: Chosen,
    ends: tuple[float, float],
    notes: Sequence[str],
    study_interval: str | None,
) -> Content:
    pooled = frame[frame["kind"] == "summary"].drop_duplicates("method")
    prob = printing.ci_prob
    lines = [
        *(heterogeneity_line(title, fit, ci_prob=prob) for title, fit in fits.items()),
        marks_line(frame, ci_prob=prob, is_cut=_goes_beyond(frame, ends), study_interval=study_interval),
        *notes,
    ]
    moderators = [str(name) for name in next(iter(fits.values())).studies.moderators]
    return Content(
        frame=frame,
        labels=row_labels(frame, prob),
        columns=text_columns(frame, columns, printing, moderators=moderators),
        pooled_head={
            ("" if is_reliable else f"{NOT_RELIABLE}: ") + title: printing.head(interval)
            for title, interval, is_reliable in pooled[["method", "interval", "is_reliable"]].itertuples(index=False)
        },
        notes=[_unbroken(line) for line in lines],
        warnings=[_unbroken(line) for line in warnings_of(fits)],
    )


def _unbroken(note: str) -> str:
    """Return a note on one line, in which numbers stay with the signs beside them."""
    text = " ".join(note.split())
    for loose in (" %", "% C", " = ", " < ", " × "):
        text = text.replace(loose, loose.replace(" ", "\N{NO-BREAK SPACE}"))
    return text


def _goes_beyond(frame: pd.DataFrame, ends: tuple[float, float]) -> bool:
    lower = frame[["lower", "shrunken_lower"]].to_numpy(dtype=np.float64)
    upper = frame[["upper", "shrunken_upper"]].to_numpy(dtype=np.float64)
    return bool((lower < ends[0]).any() or (upper > ends[1]).any())


def _new_axes(content: Content, width_mm: float, fontsize: float) -> Axes:
    """Return axes that fill a new figure, as high as the content needs."""
    import matplotlib.pyplot as plt

    width = width_mm * POINTS_PER_MM
    size = fitting_font(content, width - 2 * MARGIN, fontsize)
    height = needed_height(content, width - 2 * MARGIN, size) + 2 * MARGIN
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


def _check_options(ax: object, width_mm: object, fontsize: object, notes: object) -> None:
    if ax is not None and not isinstance(ax, Axes):
        raise SpecError(f"ax is {a_type(ax)}; give matplotlib Axes, or leave it out for a new figure.")
    if ax is not None and width_mm is not None:
        raise SpecError(
            "width_mm is the width of a new figure, and the axes given by ax have theirs; give one of them."
        )
    for name, value, example in (("width_mm", width_mm, "85 or 170"), ("fontsize", fontsize, "7")):
        if value is not None and not (isinstance(value, Real) and 0.0 < float(value) < inf):
            raise SpecError(f"{name}={value!r} must be a positive number, such as {example}.")
    if not isinstance(notes, Iterable):
        raise SpecError(f"notes={notes!r} must be a text or a list of texts.")
