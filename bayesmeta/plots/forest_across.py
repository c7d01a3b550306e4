"""How is the width of a forest plot divided between the labels, the columns of text and the marks?"""

from dataclasses import dataclass
from typing import Final, final

from bayesmeta.plots.forest_columns import Column, Content, pooled_column
from bayesmeta.plots.text_size import shorten_all, text_width, widest

PLOT_SHARE: Final = 0.25
"""The part of the width that the marks need at least."""
LEFT: Final = ("data",)
"""Columns that stand between the labels and the marks; the rest stand to the right of the marks."""

# In units of the font size.
GAP: Final = 1.1  # between columns
SHORTEST_LABEL: Final = 6.0  # less room than this is none


@final
@dataclass(frozen=True)
class Across:
    """Places in parts of the width, and the texts on the left that fit.

    Attributes
    ----------
    labels : tuple of str
        By row of the frame.
    titles : tuple of str
        Headings of the fits.
    plot : tuple of float
        Where the marks begin and end.
    right_edges : dict
        By column, where its texts end.
    """

    labels: tuple[str, ...]
    titles: tuple[str, ...]
    plot: tuple[float, float]
    right_edges: dict[str, float]


def divide_width(content: Content, width: float, size: float) -> Across | None:
    """Return who gets which part of the width, or None if it is too narrow.

    Parameters
    ----------
    content : Content
        What is written.
    width : float
        Of the axes, in points.
    size : float
        Font size in points.

    Notes
    -----
    Columns get what they need, the marks at least a quarter, and the labels what they need of the rest;
    longer labels are shortened. Labels and headings below the studies may reach over the column of counts.
    """
    gap, k, titles = GAP * size, content.k, list(content.pooled_head)
    widths = {column.name: _column_width(column, content, size) for column in content.columns}
    of_left = sum(width + gap for name, width in widths.items() if name in LEFT)
    room = (1.0 - PLOT_SHARE) * width - sum(widths.values()) - gap * (len(widths) + 2)
    needed = widest(content.labels[k:], size) - of_left
    if room < max(needed, SHORTEST_LABEL * size):
        return None
    wanted = max(widest([*content.labels[:k], "Study"], size), widest(titles, size, weight="bold") - of_left)
    of_labels = min(max(wanted, needed), room)
    labels = (*shorten_all(content.labels[:k], of_labels, size), *content.labels[k:])
    short_titles = shorten_all(titles, of_labels + of_left, size, weight="bold")
    plot, edges = _places(widths, of_labels, width, gap)
    return Across(labels, tuple(short_titles), plot, edges)


def _places(
    widths: dict[str, float], of_labels: float, width: float, gap: float
) -> tuple[tuple[float, float], dict[str, float]]:
    """Return where the marks begin and end, and where each column ends."""
    left = [name for name in widths if name in LEFT]
    right = [name for name in widths if name not in LEFT]
    edges = {}
    start, end = of_labels, width if right else width - gap
    for name in left:
        start += gap + widths[name]
        edges[name] = start / width
    for name in reversed(right):
        edges[name] = end / width
        end -= widths[name] + gap
    return ((start + 1.3 * gap) / width, (end - 0.3 * gap) / width), edges


def _column_width(column: Column, content: Content, size: float) -> float:
    first = text_width(column.head[0], size, weight="bold")
    key = size if column.name in ("estimate", "shrunken") else 0.0
    heads = [column.head[1]]
    if column.name == pooled_column(content.columns):
        heads += content.pooled_head.values()
    return max(first + key, widest([*heads, *column.cells], size))
