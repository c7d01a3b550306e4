"""How are the texts, the rules and the axis of a forest plot set?"""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bayesmeta.plots.forest_columns import Column, Content, pooled_column
from bayesmeta.plots.forest_layout import Layout
from bayesmeta.plots.forest_marks import MODELS
from bayesmeta.plots.forest_ticks import choose_ticks, tick_words
from bayesmeta.plots.forest_units import Unit
from bayesmeta.plots.text_size import shorten, text_width, widest

RULE_WIDTH: Final = 0.6
PLAIN: Final[dict[str, Any]] = {"parse_math": False, "usetex": False}
"""Labels are the user's words: a dollar or an ampersand in them is no mathematics."""


def axes_size(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in points."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return box.width * 72.0 / dpi, box.height * 72.0 / dpi


def strip_axes(ax: Axes) -> None:
    """Take ticks, grid and frame away, so that nothing stands outside the box of the axes."""
    ax.grid(visible=False, which="both")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def draw_texts(ax: Axes, content: Content, layout: Layout) -> None:
    """Write headings, labels, columns and notes, and draw the rules above and below the studies."""
    rule: dict[str, Any] = {"color": mpl.rcParams["text.color"], "lw": RULE_WIDTH}
    for y in layout.y_rules:
        ax.plot([0.0, 1.0], [y, y], transform=ax.get_yaxis_transform(), gid="rule", **rule)
    _write(ax, 0.0, layout.y_heads[0], "Study", layout.size, weight="bold")
    for label, y in zip(layout.across.labels, layout.y, strict=True):
        _write(ax, 0.0, y, label, layout.size)
    for column in content.columns:
        _write_column(ax, column, layout)
    edge = layout.across.right_edges.get(pooled_column(content.columns))
    heads = content.pooled_head.values()
    for title, head, y in zip(layout.across.titles, heads, layout.y_titles, strict=True):
        _write(ax, 0.0, y, title, layout.size, weight="bold")
        if edge is not None:
            _write(ax, edge, y, head, layout.size, ha="right")
    for y, note in layout.notes:
        _write(ax, 0.0, y, note, layout.note_size, va="top")


def _write(ax: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    if text:
        style = {"ha": "left", "va": "center_baseline", **PLAIN, **style}
        ax.text(x, y, text, fontsize=size, transform=ax.get_yaxis_transform(), **style)


def _write_column(ax: Axes, column: Column, layout: Layout) -> None:
    edge, size = layout.across.right_edges[column.name], layout.size
    _write(ax, edge, layout.y_heads[0], column.head[0], size, ha="right", weight="bold")
    _write(ax, edge, layout.y_heads[1], column.head[1], size, ha="right")
    for text, y in zip(column.cells, layout.y, strict=True):
        _write(ax, edge, y, text, size, ha="right")
    if column.name in ("estimate", "shrunken"):
        _draw_key(ax, column, layout)


def _draw_key(ax: Axes, column: Column, layout: Layout) -> None:
    """Draw the mark whose numbers a column holds beside its heading."""
    of_text = text_width(column.head[0], layout.size, weight="bold") + 0.55 * layout.size
    x = layout.across.right_edges[column.name] - of_text / axes_size(ax)[0]
    style: dict[str, Any] = {"marker": "s", "color": mpl.rcParams["text.color"], "mec": "none"}
    if column.name == "shrunken":
        style = {"marker": "o", "mfc": ax.get_facecolor(), "mec": MODELS[0], "mew": 0.9}
    y = layout.y_heads[0]
    ax.plot([x], [y], ms=0.6 * layout.size, ls="none", transform=ax.get_yaxis_transform(), gid="key", **style)


def draw_axis(ax: Axes, label: str, layout: Layout, unit: Unit, ends: tuple[float, float]) -> None:
    """Draw the axis below the marks, with ticks in the unit that is printed, and its label."""
    low, high = ends
    width, size = axes_size(ax)[0], layout.size

    def fits(ticks: Sequence[float]) -> bool:
        needed = (widest(tick_words(ticks), size) + 0.8 * size) * len(ticks)
        return needed <= (layout.across.plot[1] - layout.across.plot[0]) * width

    ticks = choose_ticks(unit.factor * low, unit.factor * high, is_log=unit.is_log, fits=fits)
    ax.xaxis.set_major_locator(FixedLocator([tick / unit.factor for tick in ticks]))
    ax.xaxis.set_major_formatter(FixedFormatter(tick_words(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    spine = ax.spines["bottom"]
    spine.set(visible=True, position=("data", layout.y_axis), bounds=(low, high), linewidth=RULE_WIDTH)
    below = {"bottom": True, "labelbottom": True, "top": False, "labeltop": False, "labelrotation": 0.0}
    ax.tick_params(axis="x", direction="out", labelsize=size, length=2.5, width=RULE_WIDTH, pad=1.5, **below)
    text = shorten(label, width, size)
    half = 0.5 * text_width(text, size) / width
    middle = min(max(0.5 * sum(layout.across.plot), half), 1.0 - half)
    ax.set_xlabel(text, fontsize=size, labelpad=0.0, ha="center", loc=None, **PLAIN)
    ax.xaxis.set_label_coords(middle, layout.y_axis_label, transform=ax.get_yaxis_transform())
