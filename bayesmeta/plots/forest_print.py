"""How are the texts and the rules of a forest plot set?"""

from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes

from bayesmeta.plots.forest_axis import PLAIN, RULE_WIDTH, axes_size
from bayesmeta.plots.forest_columns import Column, Content, pooled_column
from bayesmeta.plots.forest_layout import Layout
from bayesmeta.plots.forest_marks import LINE_WIDTH, STYLES
from bayesmeta.plots.text_size import text_width

KEY_SIZE: Final = 0.6
"""Of the mark beside a heading, in font sizes: as high as a small letter."""
KEY_PLACE: Final = 0.7
"""Its middle, in font sizes from the heading: half its size and a little distance."""


def draw_texts(ax: Axes, content: Content, layout: Layout) -> None:
    """Write headings, labels, columns and notes, and draw the rules above and below the studies."""
    rule: dict[str, Any] = {"color": mpl.rcParams["text.color"], "lw": RULE_WIDTH}
    for y in layout.y_rules:
        ax.plot([0.0, 1.0], [y, y], transform=ax.get_yaxis_transform(), label="_rule", **rule)
    _write(ax, 0.0, layout.y_heads[0], "Study", layout.size, weight="bold")
    for label, y in zip(layout.across.labels, layout.y, strict=True):
        _write(ax, 0.0, y, label, layout.size)
    for column in layout.across.columns:
        _write_column(ax, column, layout)
    edge = layout.across.edges.get(pooled_column(content.columns))
    heads = content.pooled_head.values()
    # A long title runs over the dashed line of the first estimate, which must not cross its letters.
    behind = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.0}
    for title, head, y in zip(layout.across.titles, heads, layout.y_titles, strict=True):
        _write(ax, 0.0, y, title, layout.size, weight="bold", bbox=behind)
        if edge is not None:
            _write(ax, edge, y, head, layout.size, ha="right")
    for y, note, weight in layout.notes:
        _write(ax, 0.0, y, note, layout.note_size, va="top", weight=weight)


def _write(ax: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    if text:
        style = {"ha": "left", "va": "center_baseline", **PLAIN, **style}
        ax.text(x, y, text, fontsize=size, transform=ax.get_yaxis_transform(), **style)


def _write_column(ax: Axes, column: Column, layout: Layout) -> None:
    edge, size = layout.across.edges[column.name], layout.size
    _write(ax, edge, layout.y_heads[0], column.head[0], size, ha=column.align, weight="bold")
    _write(ax, edge, layout.y_heads[1], column.head[1], size, ha=column.align)
    for text, y in zip(column.cells, layout.y, strict=True):
        _write(ax, edge, y, text, size, ha=column.align)
    if column.name in ("estimate", "shrunken"):
        _draw_key(ax, column, layout)


def _draw_key(ax: Axes, column: Column, layout: Layout) -> None:
    """Draw the mark whose numbers a column holds beside its heading."""
    of_text = text_width(column.head[0], layout.size, weight="bold") + KEY_PLACE * layout.size
    x = layout.across.edges[column.name] - of_text / axes_size(ax)[0]
    style: dict[str, Any] = {"marker": "s", "color": mpl.rcParams["text.color"], "mec": "none"}
    if column.name == "shrunken":
        style = {"marker": "o", "mfc": ax.get_facecolor(), "mec": STYLES[0].color, "mew": LINE_WIDTH}
    y, points = layout.y_heads[0], KEY_SIZE * layout.size
    ax.plot([x], [y], ms=points, ls="none", transform=ax.get_yaxis_transform(), label="_key", **style)
