"""How are rows drawn that have names on the left: points with intervals, one above the other?"""

import re
from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._arrays import FloatArray
from bayesmeta.plots.forest_axis import PLAIN
from bayesmeta.plots.looks import LINE_WIDTH, MARK, Look
from bayesmeta.plots.sheet import Sheet
from bayesmeta.plots.text_size import shorten_all

LABEL_SHARE: Final = 0.4
"""Part of the width that the names may take."""
PITCH: Final = 1.6
"""Height of a row in font sizes."""
NARROW_PITCH: Final = 1.35
"""The same for rows without intervals."""
HEAD: Final = 5.0
"""Font sizes that axis and label take below the rows."""


def rows_height(rows: float, size: float, *, pitch: float = PITCH) -> float:
    """Return the height in points of a panel with so many rows."""
    return (pitch * (rows + 0.5) + HEAD) * size


def brief_prior(text: str) -> str:
    """Return a text without the names of priors' parameters, which stand in their usual order: ``HalfNormal(1)``."""
    return re.sub(r"\b\w+=", "", text)


def set_rows(ax: Axes, y: Sequence[float], labels: Sequence[str], sheet: Sheet, *, share: float = LABEL_SHARE) -> None:
    """Name rows on the left, the first at the top; names too long for `share` of the width are shortened."""
    short = shorten_all(list(labels), share * sheet.width, sheet.size)
    ax.set_yticks(list(y), short, fontsize=sheet.size, **PLAIN)
    ax.tick_params(axis="y", length=0.0)
    ax.set_ylim(max(y, default=0.0) + 0.8, min(y, default=0.0) - 0.8)


def draw_estimates(
    ax: Axes, y: FloatArray, point: FloatArray, lower: FloatArray, upper: FloatArray, look: Look, size: float
) -> None:
    """Draw points with their intervals; what is not a number is left out."""
    for at, low, high in zip(y, lower, upper, strict=True):
        if np.isfinite([low, high]).all():
            ax.plot([low, high], [at, at], color=look.color, ls=look.line, lw=LINE_WIDTH, label="_interval")
    there = np.isfinite(point)
    style: dict[str, Any] = {"mec": mpl.rcParams["text.color"], "mew": 0.4, "ls": "none", "label": "_point"}
    ax.plot(point[there], y[there], marker=look.marker, color=look.color, ms=MARK * size, zorder=3, **style)


def estimate_handle(look: Look, label: str, size: float) -> Line2D:
    """Return what a legend shows of points with intervals."""
    mark: dict[str, Any] = {"marker": look.marker, "ms": MARK * size, "mec": mpl.rcParams["text.color"], "mew": 0.4}
    return Line2D([], [], color=look.color, ls=look.line, lw=LINE_WIDTH, label=label, **mark)
