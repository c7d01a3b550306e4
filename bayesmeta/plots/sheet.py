"""On what is a figure drawn: axes of a new figure or the user's, with room for legend, warning and notes?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import Any, Final, final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.transforms import ScaledTranslation

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import PLAIN, axes_size
from bayesmeta.plots.forest_layout import POINTS_PER_MM
from bayesmeta.plots.text_size import text_width, wrap

type AxesArray = np.ndarray[Any, Any]

FONT_SIZE: Final = 7.0
"""Points: that of most journals' figures, for a new figure; given axes keep the size of matplotlib's settings."""
MARGIN: Final = 3.0
"""Points around a new figure's content."""
GAP: Final = 5.0
"""Points between warning, legend, panels and notes."""
HIGHEST: Final = 250.0
"""Points: height of a panel from which on a wider one is not higher."""
LINE: Final = 1.25
"""Height of a line of text in font sizes."""
LEGEND: Final[dict[str, Any]] = {
    "frameon": False, "borderpad": 0.0, "borderaxespad": 0.0, "handlelength": 2.4, "columnspacing": 1.4,
    "labelspacing": 0.35, "alignment": "left",
}  # fmt: skip
"""How legends are set: close, and without a frame."""
HANDLE: Final = 4.0
"""Font sizes that a legend's mark and the gaps around it take."""
SMALLEST_MM: Final = 40.0
"""Width below which no figure has room for its text."""


@final
@dataclass(frozen=True)
class Sheet:
    """Axes to draw on.

    Attributes
    ----------
    axes : array of Axes
        One for each panel, in reading order.
    size : float
        Font size in points.
    is_new : bool
        Whether the figure was made for them.
    """

    axes: AxesArray
    size: float
    is_new: bool

    @property
    def ax(self) -> Axes:
        """The first of the axes."""
        first: Axes = self.axes.flat[0]
        return first

    @property
    def width(self) -> float:
        """Points from edge to edge: of the new figure, or of the given axes."""
        if not self.is_new:
            return axes_size(self.ax)[0]
        return float(self.ax.figure.canvas.figure.get_figwidth()) * 72.0

    def close(self, *, handles: Sequence[Artist] = (), notes: Sequence[str] = (), warning: str = "") -> None:
        """Add the legend, a warning in bold above all and notes below, each in lines that fit.

        Parameters
        ----------
        handles : sequence of Artist
            What the legend explains, by their labels; empty for none.
        notes : sequence of str
            Sentences below the figure.
        warning : str
            Why the figure must not be used.
        """
        text = _unbroken(" ".join(note for note in notes if note))
        if self.is_new:
            _frame_figure(self, handles, text, _unbroken(warning))
        else:
            _dress_axes(self, handles, text, _unbroken(warning))


def _unbroken(text: str) -> str:
    """Return a text in which numbers stay with the signs beside them."""
    for loose in (" %", " = ", " ~ ", " < ", " > "):
        text = text.replace(loose, loose.replace(" ", "\N{NO-BREAK SPACE}"))
    return text


def open_sheet(
    ax: object,
    *,
    width_mm: float | None,
    fontsize: float | None,
    default_mm: float = 120.0,
    height: float | None = None,
) -> Sheet:
    """Return one panel.

    Parameters
    ----------
    ax : Axes or None
        The user's.
    width_mm, fontsize : float or None
        As the user gave them.
    default_mm : float
        Width of a new figure.
    height : float, optional
        Points of a new figure's panel; by default two thirds of its width, at most `HIGHEST`.
    """
    if ax is not None and not isinstance(ax, Axes):
        raise SpecError(f"ax is {a_type(ax)}; give matplotlib Axes, or leave it out for a new figure.")
    width, size = _checked(ax, width_mm, fontsize, default_mm, "ax")
    if isinstance(ax, Axes):
        return Sheet(_array([ax]), size, is_new=False)
    return _new((1, 1), width, min(width * 2.0 / 3.0, HIGHEST) if height is None else height, size)


def open_sheets(
    axes: object,
    count: int,
    *,
    width_mm: float | None,
    fontsize: float | None,
    columns: int | None = None,
    panel: float = 110.0,
    share_x: bool = False,
) -> Sheet:
    """Return several panels, in rows of as many as the width has room for.

    Parameters
    ----------
    axes : array_like of Axes, or None
        The user's, at least `count`.
    count : int
        How many panels there are.
    width_mm, fontsize : float or None
        As the user gave them; by default 170 mm.
    columns : int, optional
        Panels beside one another.
    panel : float
        Height of a panel in points.
    share_x : bool
        Whether all panels have one axis of x.
    """
    width, size = _checked(axes, width_mm, fontsize, 170.0, "axes")
    if axes is not None:
        given = [axes] if isinstance(axes, Axes) else list(np.asarray(axes, dtype=object).ravel())
        for each in given:
            if not isinstance(each, Axes):
                raise SpecError(f"axes holds {a_type(each)}; give matplotlib Axes, or leave it out for a new figure.")
        if len(given) < count:
            raise SpecError(f"axes holds {len(given)} Axes, but there are {count} panels; give {count}.")
        return Sheet(_array(given[:count]), size, is_new=False)
    across = min(count, columns or max(1, round(width / (56.0 * POINTS_PER_MM))))
    down = -(-count // across)
    sheet = _new((down, across), width, down * panel, size, share_x=share_x)
    for spare in list(sheet.axes)[count:]:
        spare.remove()
    return Sheet(sheet.axes[:count], size, is_new=True)


def _array(axes: Sequence[Axes]) -> AxesArray:
    found = np.empty(len(axes), dtype=object)
    found[:] = axes
    return found


def _new(shape: tuple[int, int], width: float, height: float, size: float, *, share_x: bool = False) -> Sheet:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        *shape, figsize=(width / 72.0, height / 72.0), layout="constrained", squeeze=False, sharex=share_x
    )
    pad = MARGIN / 72.0
    figure.get_layout_engine().set(w_pad=pad, h_pad=pad, wspace=0.03)  # type: ignore[call-arg, union-attr]
    for ax in axes.flat:
        ax.tick_params(labelsize=size)
    return Sheet(_array(list(axes.flat)), size, is_new=True)


def _checked(
    given: object, width_mm: float | None, fontsize: float | None, default_mm: float, name: str
) -> tuple[float, float]:
    """Return width and font size in points."""
    if given is not None and width_mm is not None:
        raise SpecError(
            f"width_mm is the width of a new figure, and the axes given by {name} have theirs; give one of them."
        )
    for key, value, example in (("width_mm", width_mm, "85 or 170"), ("fontsize", fontsize, "7")):
        if value is not None and not (_is_positive(value)):
            raise SpecError(f"{key}={value!r} must be a positive number, such as {example}.")
    if width_mm is not None and width_mm < SMALLEST_MM:
        raise SpecError(f"width_mm={width_mm:g} leaves no room for the text; give {SMALLEST_MM:g} or more.")
    own = FONT_SIZE if given is None else FontProperties(size=mpl.rcParams["legend.fontsize"]).get_size_in_points()
    return (width_mm or default_mm) * POINTS_PER_MM, float(own if fontsize is None else fontsize)


def _is_positive(value: object) -> bool:
    return isinstance(value, Real) and 0.0 < float(value) < inf


def _frame_figure(sheet: Sheet, handles: Sequence[Artist], notes: str, warning: str) -> None:
    """Make a new figure higher by its legend, warning and notes, and put them there."""
    figure, size, width = sheet.ax.figure.canvas.figure, sheet.size, sheet.width
    room = width - 2.0 * MARGIN
    head = wrap(warning, room, size, weight="bold") if warning else []
    foot = wrap(notes, room, size) if notes else []
    legend = _fitting_legend(sheet, handles, room) if handles else None
    of_legend = 0.0 if legend is None else legend.get_window_extent().height * 72.0 / figure.dpi
    top = LINE * size * len(head) + of_legend + GAP * (bool(head) + bool(legend))
    bottom = LINE * size * len(foot) + GAP * bool(foot)
    height = 72.0 * figure.get_figheight() + top + bottom
    figure.set_figheight(height / 72.0)
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0.0, bottom / height, 1.0, 1.0 - (top + bottom) / height))
    style: dict[str, Any] = {"fontsize": size, "ha": "left", "linespacing": LINE, **PLAIN}
    x = MARGIN / width
    if head:
        figure.text(x, 1.0 - MARGIN / height, "\n".join(head), va="top", weight="bold", label="_warning", **style)
    if foot:
        figure.text(x, MARGIN / height, "\n".join(foot), va="bottom", label="_notes", **style)
    if legend is not None:
        y = 1.0 - (MARGIN + LINE * size * len(head) + GAP * bool(head)) / height
        legend.set_bbox_to_anchor((x, y), transform=figure.transFigure)


def _fitting_legend(sheet: Sheet, handles: Sequence[Artist], room: float) -> Legend:
    """Return the figure's legend with as many columns as fit."""
    figure, size = sheet.ax.figure.canvas.figure, sheet.size
    for columns in range(len(handles), 0, -1):
        for old in list(figure.legends):
            old.remove()
        legend = figure.legend(
            handles, _labels(handles, room, size), loc="upper left", ncols=columns, fontsize=size, **LEGEND,
        )  # fmt: skip
        _plain(legend)
        if legend.get_window_extent().width * 72.0 / figure.dpi <= room:
            break
    return legend


def _dress_axes(sheet: Sheet, handles: Sequence[Artist], notes: str, warning: str) -> None:
    """Put legend and warning above the user's axes, and notes below their label."""
    ax, size = sheet.ax, sheet.size
    settle(ax)
    room = sheet.width
    if handles or warning:
        title = [line for line in ax.get_title(loc="left").split("\n") if line]
        above = ScaledTranslation(0.0, (GAP + LINE * size * len(title)) / 72.0, ax.figure.canvas.figure.dpi_scale_trans)
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (0.0, 1.0),
            "bbox_transform": ax.transAxes + above,
        }
        for columns in range(max(len(handles), 1), 0, -1):
            legend = ax.legend(handles, _labels(handles, room, size), ncols=columns, fontsize=size, **LEGEND, **place)
            _plain(legend)
            if legend.get_window_extent().width * 72.0 / ax.figure.dpi <= room:
                break
        if warning:
            lines = "\n".join(wrap(warning, room, size, weight="bold"))
            legend.set_title(lines, prop=FontProperties(size=size, weight="bold"))
            legend.get_title().set_parse_math(False)
    if notes:
        last: Axes = sheet.axes.flat[-1]
        below: Any = (last.transAxes, last.xaxis.label)
        last.annotate(
            "\n".join(wrap(notes, room, size)), (0.0, 0.0), xycoords=below, xytext=(0.0, -2.0),
            textcoords="offset points", va="top", ha="left", fontsize=size, label="_notes", **PLAIN,
        )  # fmt: skip


def settle(ax: Axes) -> None:
    """Let the figure arrange its axes, so that places can be measured."""
    if ax.figure.canvas.figure.get_layout_engine() is not None:
        ax.figure.canvas.figure.draw_without_rendering()
    else:
        ax.apply_aspect()


def _labels(handles: Sequence[Artist], room: float, size: float) -> list[str]:
    """Return the labels; those without room in lines that fit, broken neither in a prior nor in a formula."""
    room -= HANDLE * size
    labels = [str(handle.get_label()) for handle in handles]
    whole = [_unbroken(re.sub(r", (?=[^()]*\))", ",\N{NO-BREAK SPACE}", label)) for label in labels]
    return [
        label if text_width(label, size) <= room else "\n".join(wrap(lines, room, size))
        for label, lines in zip(labels, whole, strict=True)
    ]


def _plain(legend: Legend) -> None:
    """Take labels as the user's words, not as mathematics."""
    for text in legend.get_texts():
        text.set_parse_math(False)
