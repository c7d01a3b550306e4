"""How did the review get from records to studies? The PRISMA 2020 flow diagram."""

from dataclasses import dataclass
from typing import Any, Final, final

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from bayesmeta.errors import SpecError
from bayesmeta.plots.flow_frame import HEADS, INDENT, MISSING, STAGES, flow_frame
from bayesmeta.plots.forest_axis import PLAIN, axes_size
from bayesmeta.plots.looks import PALE
from bayesmeta.plots.sheet import FONT_SIZE, LINE, MARGIN, open_sheet, settle
from bayesmeta.plots.text_size import widest, wrap
from bayesmeta.review.prisma import PrismaFlow

PAD: Final = 0.6
"""Font sizes between the edge of a box and its text."""
ACROSS: Final = 1.6
"""Font sizes between the columns, in which arrows run."""
DOWN: Final = 1.6
"""The same between the rows."""
STRIP: Final = 2.0
"""Font sizes: width of the strips that name the stages."""
SMALLEST: Final = 5.0
"""Points: smaller letters are not read; a new figure takes these where its columns are too narrow for their words."""
SLACK: Final = 6.0
"""Points by which the layout may make axes smaller than asked."""
SHADE: Final = "0.93"


@final
@dataclass(frozen=True)
class _Plan:
    """Where everything goes, in points from the top left."""

    frame: pd.DataFrame
    size: float
    columns: list[tuple[float, float]]
    rows: list[tuple[float, float]]
    height: float

    def box(self, row: Any) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a box, which is as high as its row."""
        (left, width), (top, height) = self.columns[row["column"]], self.rows[row["row"]]
        return left, top, width, height


def plot_prisma_flow(
    flow: PrismaFlow,
    *,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the PRISMA 2020 flow diagram of a new review, with the arm for other methods if the flow has one.

    Parameters
    ----------
    flow : PrismaFlow
        From `prisma_flow`.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    width_mm : float, optional
        Width of a new figure: 170 by default, 120 without other methods; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure, or down to 5 where it is too narrow; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x and y are points, y downwards.

    Raises
    ------
    SpecError
        If it is no flow, or given axes are too small for it.

    Notes
    -----
    Boxes with dashed edges lack a number that the review does not report; those with thick edges have one that does
    not add up, which is said above the diagram in bold. `flow_frame` returns the texts.

    References
    ----------
    .. [1] M. J. Page et al. The PRISMA 2020 statement: an updated guideline for reporting systematic reviews. BMJ
       372:n71, 2021. doi:10.1136/bmj.n71

    Examples
    --------
    >>> import bayesmeta as bm
    >>> ax = plot_prisma_flow(bm.prisma_flow("sarkar2026"))
    """
    frame = flow_frame(flow)
    default_mm = 170.0 if flow.has_other_methods else 120.0
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, default_mm=default_mm, height=100.0)
    width = sheet.width - (2.0 * MARGIN + SLACK if sheet.is_new else 0.0)
    if sheet.is_new:
        plan = _plan(frame, width, _fitting(frame, width) if fontsize is None else sheet.size)
        sheet.ax.figure.canvas.figure.set_figheight((plan.height + 2.0 * MARGIN + SLACK) / 72.0)
    else:
        plan = _plan_within(frame, width, axes_size(sheet.ax)[1], sheet.size)
    sheet.ax.set(xticks=[], yticks=[])
    sheet.ax.spines[:].set_visible(False)
    sheet.close(notes=_notes(flow, frame), warning=_warning(flow))
    settle(sheet.ax)
    room, high = axes_size(sheet.ax)
    sheet.ax.set_xlim(0.0, max(room, width))
    sheet.ax.set_ylim(max(high, plan.height), 0.0)
    _draw(sheet.ax, plan)
    return sheet.ax


def _notes(flow: PrismaFlow, frame: pd.DataFrame) -> list[str]:
    seconds = [text for text, kind in flow.problems[["problem", "kind"]].itertuples(index=False) if kind == "warning"]
    dashed = [f"Dashed edges: a number is {MISSING}."] if frame["missing"].any() else []
    return [*dashed, *(f"{text[:1].upper()}{text[1:]}." for text in seconds)]


def _warning(flow: PrismaFlow) -> str:
    errors = flow.problems.loc[flow.problems["kind"] == "error", "problem"]
    return f"Does not add up: {'. '.join(errors)}." if len(errors) else ""


def _fitting(frame: pd.DataFrame, width: float) -> float:
    """Return the usual font size, or the smaller one at which the words of the diagram fit into its columns."""
    size = FONT_SIZE
    while size > SMALLEST and _too_narrow(frame, width, size):
        size -= 0.25
    return size


def _too_narrow(frame: pd.DataFrame, width: float, size: float) -> bool:
    words = [word for text in frame["text"] for word in text.replace("\n", " ").split(" ")]
    return widest(words, size) > _columns(frame, width, size)[0][1] - 2.0 * PAD * size


def _columns(frame: pd.DataFrame, width: float, size: float) -> list[tuple[float, float]]:
    """Return left edge and width of each column."""
    count = int(frame["column"].max()) + 1
    left = (STRIP + 0.8) * size
    each = (width - left - 1.0 - (count - 1) * ACROSS * size) / count
    return [(left + i * (each + ACROSS * size), each) for i in range(count)]


def _wrapped(text: str, room: float, size: float) -> list[str]:
    """Return a box's lines; those of parts are indented, and what goes on from them a little more."""
    found = []
    for line in text.replace("(n = ", "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}").split("\n"):
        words = line.lstrip(INDENT)
        if words == line:
            found += wrap(line, room, size)
            continue
        first, *others = wrap(words, room - widest([2 * INDENT], size), size)
        found += [INDENT + first, *(2 * INDENT + other for other in others)]
    return found


def _plan(frame: pd.DataFrame, width: float, size: float) -> _Plan:
    """Return the places of everything at a font size; ``lines`` are the wrapped texts of the boxes."""
    columns = _columns(frame, width, size)
    room = columns[0][1] - 2.0 * PAD * size
    frame = frame.assign(lines=pd.Series([_wrapped(text, room, size) for text in frame["text"]], dtype=object))
    top = (max(len(lines) for lines in _head_lines(columns, size)) * LINE + 2.0 * PAD + 0.8) * size
    rows: list[tuple[float, float]] = []
    for row in range(len(STAGES)):
        most = max(len(lines) for lines in frame.loc[frame["row"] == row, "lines"])
        height = (most * LINE + 2.0 * PAD) * size
        rows.append((top, height))
        top += height + DOWN * size
    return _Plan(frame, size, columns, rows, top - DOWN * size + 1.0)


def _plan_within(frame: pd.DataFrame, width: float, height: float, size: float) -> _Plan:
    """Return the plan at the largest font size, up to the given one, at which it fits into given axes."""
    while True:
        plan = _plan(frame, width, size)
        if plan.height <= height and not _too_narrow(frame, width, size):
            return plan
        if size <= SMALLEST:
            raise SpecError(
                f"the flow diagram needs {plan.height:.0f} points of height at this width ({width:.0f}), and ax has "
                f"{height:.0f}; give larger Axes, or leave ax out."
            )
        size = max(SMALLEST, size - 0.5)


def _head_lines(columns: list[tuple[float, float]], size: float) -> list[list[str]]:
    room = 2.0 * columns[0][1] + (ACROSS - 2.0 * PAD) * size
    return [wrap(text, room, size, weight="bold") for text in HEADS[: len(columns) // 2]]


def _draw(ax: Axes, plan: _Plan) -> None:
    size, color = plan.size, mpl.rcParams["text.color"]
    style: dict[str, Any] = {"fontsize": size, "color": color, "linespacing": LINE, **PLAIN}
    heads = _head_lines(plan.columns, size)
    high = (max(map(len, heads)) * LINE + 2.0 * PAD) * size
    for i, lines in enumerate(heads):
        left, right = plan.columns[2 * i][0], sum(plan.columns[2 * i + 1])
        ax.add_patch(Rectangle((left, 0.0), right - left, high, fc=PALE, ec="none", label="_head"))
        at = left + 0.5 * (right - left), 0.5 * high
        ax.text(*at, "\n".join(lines), ha="center", va="center", weight="bold", **style)
    for stage in dict.fromkeys(STAGES):
        own = [plan.rows[i] for i, name in enumerate(STAGES) if name == stage]
        top, bottom = own[0][0], sum(own[-1])
        ax.add_patch(Rectangle((0.0, top), STRIP * size, bottom - top, fc=PALE, ec="none", label="_stage"))
        at = 0.5 * STRIP * size, 0.5 * (top + bottom)
        ax.text(*at, stage, ha="center", va="center", rotation=90.0, weight="bold", **style)
    for _, row in plan.frame.iterrows():
        left, top, width, height = plan.box(row)
        edge: dict[str, Any] = {"lw": 1.6 if row["errors"] else 0.7, "ls": (0, (3, 2)) if row["missing"] else "-"}
        ax.add_patch(Rectangle((left, top), width, height, fc="none", ec=color, label=f"_box {row['box']}", **edge))
        at = left + PAD * size, top + 0.5 * height
        ax.text(*at, "\n".join(row["lines"]), ha="left", va="center", **style)
    _draw_arrows(ax, plan, color)


def _draw_arrows(ax: Axes, plan: _Plan, color: Any) -> None:
    """Draw what follows what: down each arm, and aside to what is taken away."""
    places = {name: plan.box(row) for name, row in plan.frame.set_index("box").iterrows()}
    by_place = {(row["row"], row["column"]): row["box"] for _, row in plan.frame.iterrows()}
    for (row, column), name in by_place.items():
        left, top, width, height = places[name]
        below = next((by_place[r, column] for r in range(row + 1, len(STAGES)) if (r, column) in by_place), None)
        if column % 2 == 0 and below is not None:
            x = left + 0.5 * width
            _arrow(ax, [(x, top + height), (x, places[below][1])], color, plan.size)
        if column % 2 == 0 and (row, column + 1) in by_place:
            y = top + 0.5 * height
            _arrow(ax, [(left + width, y), (places[by_place[row, column + 1]][0], y)], color, plan.size)
    if "other_assessed" in places:
        left, top, width, height = places["other_assessed"]
        end_left, end_top, end_width, end_height = places["included"]
        x, y = left + 0.5 * width, end_top + 0.5 * end_height
        ax.plot([x, x], [top + height, y], color=color, lw=0.7, solid_capstyle="butt", label="_arrow")
        _arrow(ax, [(x, y), (end_left + end_width, y)], color, plan.size)


def _arrow(ax: Axes, ends: list[tuple[float, float]], color: Any, size: float) -> None:
    shape: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": size, "shrinkA": 0.0, "shrinkB": 0.0}
    ax.add_patch(FancyArrowPatch(*ends, color=color, lw=0.7, label="_arrow", **shape))
