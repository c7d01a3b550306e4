"""Where does everything in a forest plot stand, so that nothing overlaps?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import pandas as pd

from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_columns import Column, pooled_column
from bayesmeta.plots.text_size import shorten_all, text_width, widest, wrap

POINTS_PER_MM: Final = 72.0 / 25.4
SMALLEST_FONT: Final = 4.0
"""Points; smaller text cannot be read in print."""

# In units of the font size.
LINE: Final = 1.3  # from line to line of text
TIGHTEST: Final = 1.25  # from row to row of the plot, at least
COMFORTABLE: Final = 1.75  # the same, where there is room
GAP: Final = 1.1  # between columns
PLOT_SHARE: Final = 0.25
"""The part of the width that the marks need at least."""
LEFT: Final = ("data",)
"""Columns that stand between the labels and the marks; the rest stand to the right of the marks."""


@final
@dataclass(frozen=True)
class Content:
    """All that is written: labels and columns by row of the frame, headings of the fits, notes."""

    frame: pd.DataFrame
    labels: Sequence[str]
    columns: Sequence[Column]
    pooled_head: dict[str, str]
    notes: Sequence[str]

    @property
    def k(self) -> int:
        """Number of studies."""
        return int((self.frame["kind"] == "study").sum())

    @property
    def n_rows(self) -> int:
        """Rows below one another: studies, headings of the fits, their estimates."""
        return len(self.frame) + len(self.pooled_head)


@final
@dataclass(frozen=True)
class Layout:
    """Places: x in parts of the width, y in rows, the first study being at 0 and y growing downwards.

    Attributes
    ----------
    size, note_size : float
        Font sizes in points.
    pitch : float
        Points from row to row.
    labels : tuple of str
        Labels that fit.
    plot : tuple of float
        Where the marks begin and end.
    right_edges : dict
        By column, where its texts end.
    y : tuple of float
        By row of the frame.
    y_heads : tuple of float
        Of the two lines of heading.
    y_rules : tuple of float
        Of the lines above and below the studies.
    y_titles : dict
        By fit, of its heading.
    y_axis, y_axis_label : float
        Of the axis, and of the upper edge of its label.
    notes : tuple of (float, str)
        Lines of notes, each with the place of its upper edge.
    y_ends : tuple of float
        Upper and lower edge.
    """

    size: float
    note_size: float
    pitch: float
    labels: tuple[str, ...]
    plot: tuple[float, float]
    right_edges: dict[str, float]
    y: tuple[float, ...]
    y_heads: tuple[float, float]
    y_rules: tuple[float, float]
    y_titles: dict[str, float]
    y_axis: float
    y_axis_label: float
    notes: tuple[tuple[float, str], ...]
    y_ends: tuple[float, float]

    @property
    def mark(self) -> float:
        """Points that the marks of a row may take: no more than looks well beside the text."""
        return min(self.pitch, COMFORTABLE * self.size)


def comfortable_pitch(k: int, size: float) -> float:
    """Return the points from row to row in a figure of its own: tighter from 20 to 50 studies on."""
    tight = min(max((k - 20) / 30, 0.0), 1.0)
    return size * (COMFORTABLE - 0.45 * tight)


def needed_height(content: Content, width: float, size: float) -> float:
    """Return the height in points of a figure of its own."""
    notes = _wrapped(content, width, size)
    pitch = comfortable_pitch(content.k, size)
    return pitch * content.n_rows + _fixed_height(content, len(notes), size)


def plan(content: Content, width: float, height: float, size: float) -> Layout:
    """Return the layout in the largest font, up to `size`, with which all fits.

    Parameters
    ----------
    content : Content
        What is written.
    width, height : float
        Of the axes, in points.
    size : float
        Font size wanted, in points.

    Raises
    ------
    SpecError
        If nothing readable fits.
    """
    while size >= SMALLEST_FONT:
        horizontal = _columns(content, width, size)
        notes = _wrapped(content, width, size)
        pitch = (height - _fixed_height(content, len(notes), size)) / content.n_rows
        if horizontal is not None and pitch >= TIGHTEST * size * (1.0 - 1e-9):
            return _rows(content, notes, horizontal, pitch, size)
        size -= 0.25
    wide, high = width / POINTS_PER_MM, height / POINTS_PER_MM
    raise SpecError(
        f"a forest plot of {content.k} studies does not fit into axes of {wide:.0f} x {high:.0f} mm; "
        "give larger axes, fewer columns, or no axes (ax=None)."
    )


type _Horizontal = tuple[tuple[str, ...], tuple[float, float], dict[str, float]]


def _columns(content: Content, width: float, size: float) -> _Horizontal | None:
    """Return the labels that fit, where the marks go, and where columns end; None if it is too narrow."""
    gap = GAP * size
    widths = {column.name: _column_width(column, content, size) for column in content.columns}
    left = [column.name for column in content.columns if column.name in LEFT]
    right = [column.name for column in content.columns if column.name not in LEFT]
    taken = sum(widths.values()) + gap * (len(widths) + 1)
    room = (1.0 - PLOT_SHARE) * width - taken
    of_left = sum(widths[name] + gap for name in left)
    k = content.k
    below = (
        max(widest(content.labels[k:], size), widest(list(content.pooled_head), size, weight="bold"))
        - of_left
    )
    if room < max(below, 6.0 * size):
        return None
    label_width = min(max(widest([*content.labels[:k], "Study"], size), below), room)
    labels = (*shorten_all(content.labels[:k], label_width, size), *content.labels[k:])
    edges, x = {}, label_width
    for name in left:
        x += gap + widths[name]
        edges[name] = x / width
    start, end = x + 1.3 * gap, width
    for name in reversed(right):
        edges[name] = end / width
        end -= widths[name] + gap
    end -= 0.3 * gap if right else 0.5 * gap
    return labels, (start / width, end / width), edges


def _column_width(column: Column, content: Content, size: float) -> float:
    first = text_width(column.head[0], size, weight="bold")
    mark = size if column.name in ("estimate", "shrunken") else 0.0
    heads = [column.head[1]]
    if column.name == pooled_column(content.columns):
        heads += content.pooled_head.values()
    return max(first + mark, widest([*heads, *column.cells], size))


def _note_size(size: float) -> float:
    return max(min(size, 6.5), 0.93 * size)


def _wrapped(content: Content, width: float, size: float) -> list[str]:
    return [line for note in content.notes for line in wrap(note, width, _note_size(size))]


def _fixed_height(content: Content, n_notes: int, size: float) -> float:
    """Return the points taken by all that is no row: headings, gaps, axis, notes."""
    blocks = 0.35 * size * len(content.pooled_head)
    return _head_height(size) + blocks + _axis_height(size) + LINE * _note_size(size) * n_notes


def _head_height(size: float) -> float:
    return 2 * LINE * size + 0.5 * size


def _axis_height(size: float) -> float:
    return 4.4 * size


def _rows(content: Content, notes: list[str], horizontal: _Horizontal, pitch: float, size: float) -> Layout:
    """Return the layout with all places along y; they are counted in points from the first study's centre."""
    labels, plot, edges = horizontal
    k, line = content.k, LINE * size
    y = [pitch * i for i in range(k)]
    rule = at = pitch * (k - 0.5) + 0.2 * size
    titles = {}
    for title, rows in content.frame.iloc[k:].groupby("method", sort=False):
        titles[str(title)] = at + 0.5 * pitch
        y += [at + pitch * (i + 1.5) for i in range(len(rows))]
        at += pitch * (len(rows) + 1) + 0.35 * size
    axis = at
    note_top = axis + _axis_height(size) - 0.3 * size
    step = LINE * _note_size(size)
    top = -0.5 * pitch - _head_height(size)
    bottom = note_top + 0.1 * size + step * len(notes)
    return Layout(
        size,
        _note_size(size),
        pitch,
        labels,
        plot,
        edges,
        tuple(value / pitch for value in y),
        ((top + 0.55 * line) / pitch, (top + 1.55 * line) / pitch),
        (-0.5 - 0.2 * size / pitch, rule / pitch),
        {title: value / pitch for title, value in titles.items()},
        axis / pitch,
        (axis + 2.2 * size) / pitch,
        tuple(((note_top + step * i) / pitch, note) for i, note in enumerate(notes)),
        (top / pitch, bottom / pitch),
    )
