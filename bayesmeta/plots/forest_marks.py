"""How are estimates and intervals drawn: squares, circles, diamonds, bars, and arrows where one is cut?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Polygon, Rectangle

from bayesmeta._arrays import FloatArray
from bayesmeta.plots.forest_layout import Layout
from bayesmeta.plots.forest_style import ForestStyle, Look

type Record = dict[Any, Any]

DASHES: Final = (0.0, (2.2, 1.2))
"""Of the intervals of shrunken estimates, so that they differ from the observed in more than colour."""

OPEN_WIDTH: Final = 1.2
"""Points, of the outline of an open diamond, which must show its colour by itself."""
LINES: Final = (
    ("dotted", (0.0, (1.0, 1.5))),
    ("dash-dotted", (0.0, (6.0, 1.5, 1.0, 1.5))),
    ("long-dashed", (0.0, (9.0, 3.0))),
)
"""Of reference lines, in turn: what each is called and its dashes."""
EDGE_WIDTH: Final = 0.5
"""Points, of the dark outline of filled marks, which keeps light ones visible on white."""

# In units of the room that a row gives its marks.
DIAMOND: Final = 0.33  # half the height
BAR: Final = 0.14  # half the height
APART: Final = 0.21  # from the middle of a row up to the observed and down to the shrunken estimate
SQUARE_ABOVE: Final = 0.5 / 0.66  # side of a square with a circle below it, in sides of one without
CIRCLE: Final = 0.26  # diameter
STEP: Final = 0.42  # diameter of a filled one
TICK: Final = 0.3
CURVE: Final = 0.86  # height of a density


@final
@dataclass(frozen=True)
class Canvas:
    """Where and how marks are drawn: the axes, the layout, the style, and from where to where the axis runs."""

    ax: Axes
    layout: Layout
    style: ForestStyle
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
            style: Record = {"lw": self.style.line_width, "solid_capstyle": "butt", "label": "_interval"}
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


def draw_reference(canvas: Canvas, frame: pd.DataFrame, lines: Sequence[float], null: float | None) -> None:
    """Draw a dashed line at the first estimate of all studies, a thin one at no effect, others at given values."""
    overall = frame.loc[(frame["kind"] == "summary") & (frame["group"] == ""), "estimate"]
    if len(overall):
        _draw_line(canvas, overall.iloc[0], "_reference", color="0.6", ls=(0.0, (4.0, 3.0)))
    if null is not None:
        _draw_line(canvas, null, "_null", color="0.75", ls="-")
    for i, value in enumerate(lines):
        _draw_line(canvas, value, "_line", color=mpl.rcParams["text.color"], ls=LINES[i % len(LINES)][1])


def _draw_line(canvas: Canvas, value: float, label: str, **style: Any) -> None:
    if canvas.low <= value <= canvas.high:
        ends = [canvas.layout.y_rules[0], canvas.layout.y_axis]
        canvas.ax.plot([value, value], ends, lw=0.6, zorder=0.5, label=label, **style)


def draw_singles(canvas: Canvas, frame: pd.DataFrame, heaviest: float) -> None:
    """Draw studies: squares with areas proportional to the weights, and circles just below them. Draw steps as circles.

    Parameters
    ----------
    canvas : Canvas
        Where.
    frame : DataFrame
        All rows.
    heaviest : float
        The weight whose square is the largest.
    """
    y = np.array(canvas.layout.y)
    is_study, is_step = ((frame["kind"] == kind).to_numpy() for kind in ("study", "step"))
    studies, side = frame[is_study], canvas.style.square * canvas.layout.mark
    if canvas.style.shrunken and studies["shrunken"].notna().any():
        shift = APART * canvas.room
        _draw_observed(canvas, studies, y[is_study] - shift, side=SQUARE_ABOVE * side, heaviest=heaviest)
        _draw_shrunken(canvas, studies, y[is_study] + shift)
    elif len(studies):
        _draw_observed(canvas, studies, y[is_study], side=side, heaviest=heaviest)
    if is_step.any():
        _draw_steps(canvas, frame[is_step], y[is_step])


def _draw_steps(canvas: Canvas, steps: pd.DataFrame, y: FloatArray) -> None:
    color = canvas.style.look(0).color
    for lower, upper, at in zip(steps["lower"], steps["upper"], y, strict=True):
        if np.isfinite(lower):
            canvas.interval(lower, upper, at, color=color)
    x, at = canvas.inside(steps["estimate"], y)
    area = (STEP * canvas.layout.mark) ** 2
    canvas.ax.scatter(x, at, s=area, c=color, marker="o", linewidths=0.0, clip_on=False, zorder=3, label="_step")


def _draw_observed(canvas: Canvas, studies: pd.DataFrame, y: FloatArray, *, side: float, heaviest: float) -> None:
    """Draw squares, the largest with the given side in points, and ticks, for those too small to see."""
    color = mpl.rcParams["text.color"]
    for lower, upper, at in zip(studies["lower"], studies["upper"], y, strict=True):
        canvas.interval(lower, upper, at, color=color)
    weight = studies["weight"].to_numpy(dtype=np.float64)
    x, at, weight = canvas.inside(studies["estimate"], y, weight / heaviest)
    tick: Record = {"marker": "|", "linewidths": canvas.style.line_width}
    canvas.ax.scatter(x, at, s=(TICK * canvas.layout.mark) ** 2, c=color, **tick)
    square: Record = {"marker": "s", "linewidths": 0.0, "clip_on": False, "zorder": 3, "label": "_observed"}
    canvas.ax.scatter(x, at, s=side**2 * weight, c=canvas.style.study_color or color, **square)


def _draw_shrunken(canvas: Canvas, studies: pd.DataFrame, y: FloatArray) -> None:
    color = canvas.style.look(0).color
    for lower, upper, at in zip(studies["shrunken_lower"], studies["shrunken_upper"], y, strict=True):
        canvas.interval(lower, upper, at, color=color, ls=DASHES)
    x, at = canvas.inside(studies["shrunken"], y)
    circle: Record = {
        "marker": "o",
        "linewidths": canvas.style.line_width,
        "clip_on": False,
        "zorder": 3,
        "label": "_shrunken",
    }
    area = (CIRCLE * canvas.layout.mark) ** 2
    canvas.ax.scatter(x, at, s=area, facecolors=[canvas.ax.get_facecolor()], edgecolors=color, **circle)


def draw_pooled(canvas: Canvas, frame: pd.DataFrame, methods: Sequence[str], curves: pd.DataFrame | None) -> None:
    """Draw estimates as diamonds, and predictions as bars or curves; each fit has its look, groups have the first.

    Parameters
    ----------
    canvas : Canvas
        Where.
    frame : DataFrame
        All rows.
    methods : sequence of str
        All fits, in order.
    curves : DataFrame, optional
        Densities of predictions, as `forest_densities` returns them.
    """
    tallest = 0.0 if curves is None or curves.empty else float(curves["density"].max())
    for row, at in zip(frame.to_dict("records"), canvas.layout.y, strict=True):
        if row["kind"] not in ("summary", "prediction"):
            continue
        look = canvas.style.look(methods.index(row["method"]) if row["method"] in methods else 0)
        curve = (
            None if curves is None else curves[(curves["method"] == row["method"]) & (curves["group"] == row["group"])]
        )
        if row["kind"] == "summary":
            _draw_diamond(canvas, row, at, look)
        elif curve is None or curve.empty:
            _draw_bar(canvas, row, at, look)
        else:
            _draw_curve(canvas, row, at, look, curve, tallest)
            continue
        canvas.arrows(row["lower"], row["upper"], at, mpl.rcParams["text.color"], size=0.75)


def _filled(look: Look) -> Record:
    return {"facecolor": look.color, "hatch": look.hatch, "edgecolor": mpl.rcParams["text.color"], "lw": EDGE_WIDTH}


def _draw_curve(canvas: Canvas, row: Record, y: float, look: Look, curve: pd.DataFrame, tallest: float) -> None:
    """Draw a density above the foot of its row: the prediction interval filled, the tails only outlined."""
    foot, height = y + 0.5 * CURVE * canvas.room, CURVE * canvas.room
    x, density = (curve[name].to_numpy(dtype=np.float64) for name in ("x", "density"))
    seen = (x >= canvas.low) & (x <= canvas.high)
    x, top = x[seen], foot - height * density[seen] / tallest
    inner = (x >= row["lower"]) & (x <= row["upper"])
    corners = (
        [(x[inner][0], foot), *zip(x[inner], top[inner], strict=True), (x[inner][-1], foot)] if inner.any() else []
    )
    if corners:
        canvas.patch(Polygon(corners, closed=True, label=f"_{row['parameter']}", zorder=2, **_filled(look)))
    canvas.ax.plot(x, top, color=look.color, lw=canvas.style.line_width, label="_curve", zorder=1.9)
    canvas.ax.plot([x[0], x[-1]], [foot, foot], color=look.color, lw=EDGE_WIDTH, label="_foot", zorder=1.8)


def _draw_diamond(canvas: Canvas, row: Record, y: float, look: Look) -> None:
    """Draw a diamond, open for an average study so that it is not taken for the median one."""
    lower, estimate, upper, half = row["lower"], row["estimate"], row["upper"], DIAMOND * canvas.room
    corners = [(lower, y), (estimate, y - half), (upper, y), (estimate, y + half)]
    is_open = row["parameter"] == "p_mean"
    hollow = {"facecolor": canvas.ax.get_facecolor(), "edgecolor": look.color, "lw": OPEN_WIDTH}
    fill = hollow if is_open else _filled(look)
    canvas.patch(Polygon(corners, closed=True, label=f"_{row['parameter']}", zorder=3, **fill))


def _draw_bar(canvas: Canvas, row: Record, y: float, look: Look) -> None:
    low, high, half = max(row["lower"], canvas.low), min(row["upper"], canvas.high), BAR * canvas.room
    if low < high:
        bar = Rectangle((low, y - half), high - low, 2 * half, label=f"_{row['parameter']}", zorder=2, **_filled(look))
        canvas.patch(bar)
