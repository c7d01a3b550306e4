"""How is a forest plot put together from its content: axes, places, marks, texts, axis?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from typing import Any, Final, final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import axes_size, draw_axis, set_limits, strip_axes
from bayesmeta.plots.forest_columns import Printing
from bayesmeta.plots.forest_content import Content
from bayesmeta.plots.forest_layout import POINTS_PER_MM, fitting_font, font_for_page, plan
from bayesmeta.plots.forest_marks import LINES, Canvas, draw_pooled, draw_reference, draw_singles
from bayesmeta.plots.forest_print import draw_texts
from bayesmeta.plots.forest_style import ForestStyle
from bayesmeta.plots.forest_units import Unit, value_words

type References = float | Sequence[float] | Mapping[str, float]

WIDTH_MM: Final = 170.0
"""Width of a page in most journals."""
MARGIN: Final = 3.0
"""Points around the axes of a figure of its own."""


@final
@dataclass(frozen=True)
class Scene:
    """What is drawn besides texts, and on which axis.

    Attributes
    ----------
    unit : Unit
        The unit in print.
    ends : tuple of float
        Where the axis begins and ends, natural scale.
    label : str
        Of the axis.
    methods : sequence of str
        The fits, in the order of their looks.
    heaviest : float
        The largest weight of a study.
    lines : sequence of float
        Values of reference lines.
    null : float or None
        The value of no effect, if there is one.
    curves : DataFrame or None
        Densities of predictions.
    """

    unit: Unit
    ends: tuple[float, float]
    label: str
    methods: Sequence[str]
    heaviest: float = 1.0
    lines: Sequence[float] = ()
    null: float | None = None
    curves: pd.DataFrame | None = None


def compose(content: Content, scene: Scene, *, ax: Axes | None, width_mm: float | None, fontsize: float) -> Axes:
    """Draw all of it into the axes, or into a new figure of that width.

    Raises
    ------
    SpecError
        If it does not fit.
    """
    style = content.style
    ax = _new_axes(content, width_mm or WIDTH_MM, fontsize) if ax is None else _prepared(ax)
    layout = plan(content, *axes_size(ax), fontsize)
    set_limits(ax, layout, scene.unit, scene.ends)
    canvas = Canvas(ax, layout, style, *scene.ends)
    draw_reference(canvas, content.frame, scene.lines, scene.null)
    draw_singles(canvas, content.frame, scene.heaviest)
    draw_pooled(canvas, content.frame, scene.methods, scene.curves)
    draw_texts(ax, content, layout)
    draw_axis(ax, scene.label, layout, scene.unit, scene.ends, style)
    return ax


@contextmanager
def letters(style: ForestStyle) -> Iterator[None]:
    """Measure and draw in the letters of a style."""
    if style.font is None:
        yield
        return
    from matplotlib.font_manager import findfont

    try:
        findfont(style.font, fallback_to_default=False)
    except ValueError:
        raise SpecError(f"matplotlib finds no font {style.font!r}; give the style another, or font=None.") from None
    with mpl.rc_context({"font.family": style.font}):
        yield


def width_of(ax: Axes | None, width_mm: float | None) -> float:
    """Return the width of the plot in mm."""
    return width_mm or WIDTH_MM if ax is None else axes_size(ax)[0] / POINTS_PER_MM


def _new_axes(content: Content, width_mm: float, fontsize: float) -> Axes:
    """Return axes that fill a new figure, as high as the content needs, and no higher than a page if it can be read."""
    import matplotlib.pyplot as plt

    width = width_mm * POINTS_PER_MM
    size = fitting_font(content, width - 2 * MARGIN, fontsize)
    height = font_for_page(content, width - 2 * MARGIN, size)[1] + 2 * MARGIN
    figure = plt.figure(figsize=(width / 72.0, height / 72.0), layout="none")
    x, y = MARGIN / width, MARGIN / height
    figure.subplots_adjust(left=x, right=1.0 - x, bottom=y, top=1.0 - y)
    ax = figure.add_subplot()
    strip_axes(ax)
    return ax


def _prepared(ax: Axes) -> Axes:
    """Return the user's axes, empty and in their final place if the figure arranges its axes itself."""
    strip_axes(ax)
    if ax.figure.get_layout_engine() is not None:
        ax.figure.canvas.figure.draw_without_rendering()
    return ax


def check_options(ax: object, width_mm: object, fontsize: object, notes: object) -> None:
    """Raise `SpecError` for options of the figure that are not allowed."""
    if ax is not None and not isinstance(ax, Axes):
        raise SpecError(f"ax is {a_type(ax)}; give matplotlib Axes, or leave it out for a new figure.")
    if ax is not None and width_mm is not None:
        raise SpecError(
            "width_mm is the width of a new figure, and the axes given by ax have theirs; give one of them."
        )
    for name, value, example in (("width_mm", width_mm, "85 or 170"), ("fontsize", fontsize, "7")):
        if value is not None and not (isinstance(value, Real) and 0.0 < float(value) < inf):
            raise SpecError(f"{name}={value!r} must be a positive number, such as {example}.")
    if not isinstance(notes, Iterable):
        raise SpecError(f"notes={notes!r} must be a text or a list of texts.")
    for i, note in enumerate(notes, 1):
        if not isinstance(note, str):
            raise SpecError(f"notes must be a text or a list of texts, but its entry {i} is {note!r}, {a_type(note)}.")


def reference_lines(reference: References) -> dict[str, float]:
    """Return the values of reference lines by what they stand for, their place in the list where nothing is said.

    Raises
    ------
    SpecError
        If something is no number.
    """
    given: Any = [reference] if isinstance(reference, Real) else reference
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SpecError(f"reference={reference!r} must be a number, a list of them, or a dict of numbers by name.")
    pairs = given.items() if isinstance(given, Mapping) else (("", value) for value in given)
    lines: dict[str, float] = {}
    for i, (name, value) in enumerate(pairs):
        if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(float(value)):
            raise SpecError(f"reference: {value!r} must be a finite number, natural scale; 0.2 for 20 %.")
        lines[str(name) or f"\0{i}"] = float(value)
    if len(lines) > len(LINES):
        raise SpecError(f"reference has {len(lines)} lines; a reader can tell {len(LINES)} apart.")
    return lines


def reference_words(lines: Mapping[str, float], printing: Printing) -> list[str]:
    """Return what the reference lines stand for, as one note, or none."""
    words = []
    for (kind, _), (name, value) in zip(LINES, lines.items(), strict=False):
        named = "" if name.startswith("\0") else f"{' '.join(name.split())}, "
        number = f"{value_words(printing.unit, printing.places, value)} {printing.unit.sign}".strip()
        words.append(f"{kind.capitalize()} line: {named}{number}.")
    return [" ".join(words)] if words else []


def goes_beyond(frame: pd.DataFrame, ends: tuple[float, float], *, shrunken: bool) -> bool:
    """Return whether some interval does not fit onto the axis."""
    sides = ("", "shrunken_") if shrunken else ("",)
    lower = frame[[f"{side}lower" for side in sides]].to_numpy(dtype=np.float64)
    upper = frame[[f"{side}upper" for side in sides]].to_numpy(dtype=np.float64)
    return bool((lower < ends[0]).any() or (upper > ends[1]).any())


def own_notes(notes: str | Sequence[str]) -> list[str]:
    """Return the user's notes as a list."""
    return [notes] if isinstance(notes, str) else list(notes)


def unbroken(note: str) -> str:
    """Return a note on one line, in which numbers stay with the signs beside them."""
    text = " ".join(note.split())
    for loose in (" %", "% C", " = ", " < ", " × "):
        text = text.replace(loose, loose.replace(" ", "\N{NO-BREAK SPACE}"))
    return text
