"""How are estimates and intervals drawn: squares, circles, diamonds, bars, and arrows where one is cut?"""

from dataclasses import dataclass
from typing import Any, Final, final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Polygon, Rectangle

from bayesmeta._arrays import FloatArray
from bayesmeta.plots.forest_layout import Layout

type Record = dict[Any, Any]


@final
@dataclass(frozen=True)
class Style:
    """How the estimates of one fit are drawn: colour, and lines across it."""

    color: str
    hatch: str


STYLES: Final = tuple(Style(color, hatch) for hatch in ("", "//////") for color in ("#004488", "#BB5566", "#DDAA33"))
"""Of the fits, in turn. The colours are the high-contrast set of P. Tol (2021, Colour schemes, SRON technical note
EPS/TN/09-002): the colour-blind tell them apart, and in grey they are dark, medium and light."""
DASHES: Final = (0.0, (2.2, 1.2))
"""Of the intervals of shrunken estimates, so that they differ from the observed in more than colour."""

LINE_WIDTH: Final = 0.9
"""Points, of intervals and circles."""
OPEN_WIDTH: Final = 1.2
"""Points, of the outline of an open diamond, which must show its colour by itself."""
EDGE_WIDTH: Final = 0.5
"""Points, of the dark outline of filled marks, which keeps light ones visible on white."""

# In units of the room that a row gives its marks.
DIAMOND: Final = 0.33  # half the height
BAR: Final = 0.14  # half the height
APART: Final = 0.21  # from the middle of a row up to the observed and down to the shrunken estimate
SQUARE: Final = 0.66  # side of the largest; with a circle below it:
SQUARE_ABOVE: Final = 0.5
CIRCLE: Final = 0.26  # diameter
TICK: Final = 0.3


@final
@dataclass(frozen=True)
class Canvas:
    """Where marks are drawn: the axes, the layout, and from where to where the axis runs."""

    ax: Axes
    layout: Layout
    low: float
    high: float

    @property
    def room(self) -> float:
        """Rows that the marks of one row may take."""
        return self.layout.mark / self.layout.pitch

    def interval(self, lower: float, upper: float, y: float, *, color: str, ls: Any = "-") -> None:
        """Draw a line from limit to limit, cut at the ends of the axis, where it gets an arrow."""
        if lower < self.high and upper > self.low:
            ends = [max(lower, self.low), min(upper, self.high)]
            style: Record = {"lw": LINE_WIDTH, "solid_capstyle": "butt", "label": "_interval"}
            self.ax.plot(ends, [y, y], color=color, ls=ls, **style)
        self.arrows(lower, upper, y, color)

    def arrows(self, lower: float, upper: float, y: float, color: str, *, size: float = 0.5) -> None:
        """Draw an arrow at each end of the axis beyond which the interval goes on; size in font sizes."""
        points = size * self.layout.size
        style: Record = {"ms": points, "color": color, "mec": "none", "ls": "none", "label": "_cut"}
        if lower < self.low:
            self.ax.plot([self.low], [y], marker="<", **style)
        if upper > self.high:
            self.ax.plot([self.high], [y], marker=">", **style)

    def inside(self, values: "pd.Series[float]", *others: FloatArray) -> list[FloatArray]:
        """Return the values that lie on the axis, and what belongs to them."""
        x: FloatArray = np.asarray(values, dtype=np.float64)
        seen = (x >= self.low) & (x <= self.high)
        return [each[seen] for each in (x, *others)]

    def patch(self, patch: Patch) -> None:
        """Add a patch, cut at the ends of the axis."""
        self.ax.add_patch(patch)
        top, bottom = self.layout.y_ends
        window = Rectangle((self.low, top), self.high - self.low, bottom - top, transform=self.ax.transData)
        patch.set_clip_path(window)


def draw_reference(canvas: Canvas, frame: pd.DataFrame) -> None:
    """Draw a dashed line at the first estimate below the studies."""
    value = frame.loc[frame["kind"] == "summary", "estimate"].iloc[0]
    if canvas.low <= value <= canvas.high:
        ends = [canvas.layout.y_rules[0], canvas.layout.y_axis]
        canvas.ax.plot([value, value], ends, color="0.6", lw=0.6, ls=(0.0, (4.0, 3.0)), zorder=0.5, label="_reference")


def draw_studies(canvas: Canvas, frame: pd.DataFrame) -> None:
    """Draw the studies: squares with areas proportional to the weights, and circles just below them."""
    studies = frame[frame["kind"] == "study"]
    y = np.array(canvas.layout.y[: len(studies)])
    if studies["shrunken"].notna().any():
        shift = APART * canvas.room
        _draw_observed(canvas, studies, y - shift, side=SQUARE_ABOVE * canvas.layout.mark)
        _draw_shrunken(canvas, studies, y + shift)
    else:
        _draw_observed(canvas, studies, y, side=SQUARE * canvas.layout.mark)


def _draw_observed(canvas: Canvas, studies: pd.DataFrame, y: FloatArray, *, side: float) -> None:
    """Draw squares, the largest with the given side in points, and ticks, for those too small to see."""
    color = mpl.rcParams["text.color"]
    for lower, upper, at in zip(studies["lower"], studies["upper"], y, strict=True):
        canvas.interval(lower, upper, at, color=color)
    weight = studies["weight"].to_numpy(dtype=np.float64)
    x, at, weight = canvas.inside(studies["estimate"], y, weight / weight.max())
    canvas.ax.scatter(x, at, s=(TICK * canvas.layout.mark) ** 2, c=color, marker="|", linewidths=LINE_WIDTH)
    square: Record = {"marker": "s", "linewidths": 0.0, "clip_on": False, "zorder": 3, "label": "_observed"}
    canvas.ax.scatter(x, at, s=side**2 * weight, c=color, **square)


def _draw_shrunken(canvas: Canvas, studies: pd.DataFrame, y: FloatArray) -> None:
    color = STYLES[0].color
    for lower, upper, at in zip(studies["shrunken_lower"], studies["shrunken_upper"], y, strict=True):
        canvas.interval(lower, upper, at, color=color, ls=DASHES)
    x, at = canvas.inside(studies["shrunken"], y)
    circle: Record = {
        "marker": "o",
        "linewidths": LINE_WIDTH,
        "clip_on": False,
        "zorder": 3,
        "label": "_shrunken",
    }
    area = (CIRCLE * canvas.layout.mark) ** 2
    canvas.ax.scatter(x, at, s=area, facecolors=[canvas.ax.get_facecolor()], edgecolors=color, **circle)


def draw_pooled(canvas: Canvas, frame: pd.DataFrame) -> None:
    """Draw the estimates of the fits as diamonds, and predictions as bars; each fit has its style."""
    pooled = frame[frame["kind"] != "study"]
    styles = {title: STYLES[i % len(STYLES)] for i, title in enumerate(pooled["method"].unique())}
    y = canvas.layout.y[len(frame) - len(pooled) :]
    for row, at in zip(pooled.to_dict("records"), y, strict=True):
        style = styles[row["method"]]
        draw = _draw_bar if row["kind"] == "prediction" else _draw_diamond
        draw(canvas, row, at, style)
        canvas.arrows(row["lower"], row["upper"], at, mpl.rcParams["text.color"], size=0.75)


def _filled(style: Style) -> Record:
    return {"facecolor": style.color, "hatch": style.hatch, "edgecolor": mpl.rcParams["text.color"], "lw": EDGE_WIDTH}


def _draw_diamond(canvas: Canvas, row: Record, y: float, style: Style) -> None:
    """Draw a diamond, open for an average study so that it is not taken for the median one."""
    lower, estimate, upper, half = row["lower"], row["estimate"], row["upper"], DIAMOND * canvas.room
    corners = [(lower, y), (estimate, y - half), (upper, y), (estimate, y + half)]
    is_open = row["parameter"] == "p_mean"
    look = {"facecolor": canvas.ax.get_facecolor(), "edgecolor": style.color, "lw": OPEN_WIDTH}
    look = look if is_open else _filled(style)
    canvas.patch(Polygon(corners, closed=True, label=f"_{row['parameter']}", zorder=3, **look))


def _draw_bar(canvas: Canvas, row: Record, y: float, style: Style) -> None:
    low, high, half = max(row["lower"], canvas.low), min(row["upper"], canvas.high), BAR * canvas.room
    if low < high:
        bar = Rectangle((low, y - half), high - low, 2 * half, label=f"_{row['parameter']}", zorder=2, **_filled(style))
        canvas.patch(bar)
