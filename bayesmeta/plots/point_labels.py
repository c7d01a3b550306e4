"""Where do the names of points and of lines stand, so that none covers another, or a point?"""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from bayesmeta._arrays import FloatArray
from bayesmeta.plots.forest_axis import PLAIN
from bayesmeta.plots.looks import GREY
from bayesmeta.plots.text_size import shorten_all, text_width

LINE: Final = 1.25
"""Height of a line in font sizes."""
APART: Final = 2.5
"""Points between a mark's edge and its name."""
HALO: Final = 1.8
"""Points of the pale edge of letters, which lifts them off lines behind."""
OUTERMOST: Final = 12
"""How many lines are named where not all can be."""
LEADER: Final = 9.0
"""Points of the line from the axes to a name beside them."""
PLACES: Final = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Where a name is tried: right of its point, left, above, below, and at the corners."""


def spread(wanted: FloatArray, gap: float, low: float, high: float) -> FloatArray:
    """Return positions, each at least `gap` from the next, as near as can be to the ones wanted.

    Parameters
    ----------
    wanted : array, shape (n,)
        Ascending.
    gap : float
        Least distance.
    low, high : float
        Ends; (n - 1) gap must fit between them.

    Returns
    -------
    array, shape (n,)
        The least-squares solution: isotonic regression of wanted_i - i gap.

    Examples
    --------
    >>> spread(np.array([1.0, 1.1, 5.0]), 1.0, 0.0, 9.0).round(2).tolist()
    [0.55, 1.55, 5.0]
    """
    from scipy.optimize import isotonic_regression

    steps = gap * np.arange(wanted.size)
    free = np.asarray(isotonic_regression(wanted - steps).x)
    return np.clip(free, low, max(high - gap * (wanted.size - 1), low)) + steps


def label_lines(ax: Axes, x: float, y: FloatArray, labels: Sequence[str], room: float, size: float) -> int:
    """Name lines at their right ends, beside the axes, with thin lines to the names.

    Parameters
    ----------
    ax : Axes
        In its final height.
    x : float
        Where the lines end.
    y : array, shape (n,)
        Where they end, descending.
    labels : sequence of str
        Their names.
    room : float
        Points that a name may take; it is shortened to them.
    size : float
        Font size.

    Returns
    -------
    int
        How many were named: if there is no room for all, the uppermost and the lowest.
    """
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    height, gap = box.height * 72.0 / dpi, LINE * size
    fits = max(int(height / gap), 1)
    n = len(labels)
    ends = min(fits, OUTERMOST) // 2
    chosen = np.arange(n) if n <= fits else np.r_[np.arange(ends), np.arange(n - ends, n)]
    at = (ax.transData.transform(np.column_stack([np.full(n, x), y]))[:, 1] - box.y0) * 72.0 / dpi
    ascending = chosen[::-1]
    placed = spread(at[ascending], gap, 0.5 * gap, height - 0.5 * gap) / height
    for text, i, where in zip(shorten_all([labels[i] for i in ascending], room, size), ascending, placed, strict=True):
        ax.annotate(
            text, (x, y[i]), xycoords="data", xytext=(1.0 + LEADER / (box.width * 72.0 / dpi), where),
            textcoords="axes fraction", va="center", ha="left", fontsize=size, annotation_clip=False, label="_name",
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0.0, "shrinkB": 0.0}, **PLAIN,
        )  # fmt: skip
    return int(chosen.size)


def label_points(
    ax: Axes,
    x: FloatArray,
    y: FloatArray,
    labels: Sequence[str],
    size: float,
    *,
    radius: FloatArray | float = 2.0,
    order: npt.NDArray[np.intp] | None = None,
    share: float = 0.45,
    lines: FloatArray | None = None,
) -> int:
    """Name points beside them where a name covers no other name and no point, and no line if there is such a place.

    Parameters
    ----------
    ax : Axes
        In its final place.
    x, y : array, shape (n,)
        The points, as plotted.
    labels : sequence of str
        Their names.
    size : float
        Font size.
    radius : array, shape (n,), or float
        Of the marks, in points.
    order : array of int, optional
        Which points to name, the most important first; by default all in turn.
    share : float
        Part of the width of the axes that a name may take; it is shortened to that.
    lines : array, shape (m, 2), optional
        Points along lines, close together, as plotted.

    Returns
    -------
    int
        How many found room.
    """
    scale = 72.0 / ax.figure.dpi
    box = ax.get_window_extent()
    frame = np.array([0.0, 0.0, box.width * scale, box.height * scale])

    def placed(points: FloatArray) -> FloatArray:
        return np.asarray((ax.transData.transform(points) - [box.x0, box.y0]) * scale)

    points = placed(np.column_stack([x, y]))
    crossed = np.empty((0, 4)) if lines is None else np.repeat(placed(lines), 2, axis=0).reshape(-1, 4)
    reach = np.broadcast_to(np.asarray(radius, dtype=np.float64), points.shape[:1])
    taken = np.column_stack([points - reach[:, None], points + reach[:, None]])
    wanted = np.arange(len(labels)) if order is None else order
    short = shorten_all([labels[i] for i in wanted], share * frame[2], size)
    named = 0
    for i, text in zip(wanted, short, strict=True):
        width, height = text_width(text, size), LINE * size
        corners = [_corner(points[i], reach[i] + APART, side, width, height) for side in PLACES]
        rectangles = [np.array([*corner, corner[0] + width, corner[1] + height]) for corner in corners]
        free = [each for each in rectangles if _is_free(each, taken, frame)]
        clear = [each for each in free if _is_free(each, crossed, frame)]
        if chosen := [*clear, *free][:1]:
            _write(ax, text, chosen[0][:2], box, scale, size)
            taken = np.vstack([taken, chosen])
            named += 1
    return named


def _corner(point: FloatArray, reach: float, side: tuple[int, int], width: float, height: float) -> FloatArray:
    """Return the lower left corner of a name on a side of a point."""
    across, up = side
    diagonal = reach * (0.7 if across and up else 1.0)
    x = point[0] + across * diagonal - width * (1 - across) / 2.0
    y = point[1] + up * diagonal - height * (1 - up) / 2.0
    return np.array([x, y])


def _is_free(rectangle: FloatArray, taken: FloatArray, frame: FloatArray) -> bool:
    x0, y0, x1, y1 = rectangle
    if x0 < frame[0] + 1.0 or y0 < frame[1] + 1.0 or x1 > frame[2] - 1.0 or y1 > frame[3] - 1.0:
        return False
    apart = (taken[:, 0] >= x1) | (taken[:, 2] <= x0) | (taken[:, 1] >= y1) | (taken[:, 3] <= y0)
    return bool(apart.all())


def _write(ax: Axes, text: str, corner: FloatArray, box: Any, scale: float, size: float) -> None:
    at = corner / (np.array([box.width, box.height]) * scale)
    halo = withStroke(linewidth=HALO, foreground=mpl.colors.to_hex(ax.get_facecolor()), alpha=0.8)
    ax.text(
        at[0], at[1], text, transform=ax.transAxes, fontsize=size, va="bottom", ha="left", path_effects=[halo],
        color=mpl.rcParams["text.color"], label="_name", **PLAIN,
    )  # fmt: skip
