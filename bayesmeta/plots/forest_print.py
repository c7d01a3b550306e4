"""How are the texts and the rules of a forest plot set?"""

from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes

from bayesmeta.plots.forest_axis import PLAIN, axes_size
from bayesmeta.plots.forest_columns import Column, pooled_column
from bayesmeta.plots.forest_content import Content
from bayesmeta.plots.forest_judgements import draw_judgements
from bayesmeta.plots.forest_layout import Layout
from bayesmeta.plots.text_size import text_width

KEY_SIZE: Final = 0.6
"""Of the mark beside a heading, in font sizes: as high as a small letter."""
KEY_PLACE: Final = 0.7
"""Its middle, in font sizes from the heading: half its size and a little distance."""


def draw_texts(ax: Axes, content: Content, layout: Layout) -> None:
    """Write headings, labels, columns and notes, and draw the rules above and below the studies."""
    rule: dict[str, Any] = {"color": mpl.rcParams["text.color"], "lw": content.style.rule_width}
    for y in layout.y_rules:
        ax.plot([0.0, 1.0], [y, y], transform=ax.get_yaxis_transform(), label="_rule", **rule)
    _write(ax, 0.0, layout.y_heads[0], content.first_column, layout.size, weight="bold")
    # A long title runs over the dashed line of the first estimate, which must not cross its letters.
    behind = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.0}
    for label, y, kind in zip(layout.across.labels, layout.y, content.frame["kind"], strict=True):
        look: dict[str, Any] = {"style": "italic", "bbox": behind} if kind == "heterogeneity" else {}
        _write(ax, 0.0, y, label, layout.size, **look)
    for column in layout.across.columns:
        _write_column(ax, column, layout, content)
    edge = layout.across.edges.get(pooled_column(content.columns))
    for title, heading, y in zip(layout.across.titles, content.headings, layout.y_titles, strict=True):
        _write(ax, 0.0, y, title, layout.size, weight="bold", bbox=behind)
        if edge is not None:
            _write(ax, edge, y, heading.unit, layout.size, ha="right")
    for y, note, weight in layout.notes:
        _write(ax, 0.0, y, note, layout.note_size, va="top", weight=weight)


def _write(ax: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    if text:
        style = {"ha": "left", "va": "center_baseline", **PLAIN, **style}
        ax.text(x, y, text, fontsize=size, transform=ax.get_yaxis_transform(), **style)


def _write_column(ax: Axes, column: Column, layout: Layout, content: Content) -> None:
    edge, size = layout.across.edges[column.name], layout.size
    _write(ax, edge, layout.y_heads[0], column.head[0], size, ha=column.align, weight="bold")
    _write(ax, edge, layout.y_heads[1], column.head[1], size, ha=column.align)
    for text, y in zip(column.cells, layout.y, strict=True):
        _write(ax, edge, y, text, size, ha=column.align)
    if column.name in ("estimate", "shrunken"):
        _draw_key(ax, column, layout, content)
    draw_judgements(ax, column, layout, content.style)


def _draw_key(ax: Axes, column: Column, layout: Layout, content: Content) -> None:
    """Draw the mark whose numbers a column holds beside its heading."""
    of_text = text_width(column.head[0], layout.size, weight="bold") + KEY_PLACE * layout.size
    x = layout.across.edges[column.name] - of_text / axes_size(ax)[0]
    look, color = content.style, content.style.look(0).color
    style: dict[str, Any] = {"marker": "s", "color": look.study_color or mpl.rcParams["text.color"], "mec": "none"}
    if "step" in set(content.frame["kind"]):
        style = {"marker": "o", "color": color, "mec": "none"}
    elif column.name == "shrunken":
        style = {"marker": "o", "mfc": ax.get_facecolor(), "mec": color, "mew": look.line_width}
    y, points = layout.y_heads[0], KEY_SIZE * layout.size
    ax.plot([x], [y], ms=points, ls="none", transform=ax.get_yaxis_transform(), label="_key", **style)
