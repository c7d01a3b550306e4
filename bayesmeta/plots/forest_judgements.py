"""How are judgements of the risk of bias drawn beside the studies: a coloured circle with a mark in it?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import did_you_mean, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_columns import Column
from bayesmeta.plots.forest_layout import SYMBOL, Layout
from bayesmeta.plots.forest_style import ForestStyle, Judgement

type Judged = str | Sequence[str] | Mapping[str, str]

MARKERS: Final[Mapping[str, str]] = {"+": "+", "-": "_", "x": "x", "?": "$?$", "!": "$!$"}
"""What matplotlib draws for each mark."""
SIGNS: Final[Mapping[str, str]] = {"-": "\N{MINUS SIGN}", "x": "\N{MULTIPLICATION SIGN}"}
"""How text writes the marks that are no letters."""
EDGE_COLOR: Final = "#303030"
MARK: Final = 0.55
"""Size of a mark, in diameters of its circle."""
FULL: Final = 0.95
"""Of the height of a row, which the circle may take."""


def judgement_columns(
    frame: pd.DataFrame, chosen: Judged, style: ForestStyle, *, moderators: Sequence[str]
) -> list[Column]:
    """Return the columns of judgements.

    Parameters
    ----------
    frame : DataFrame
        What is drawn.
    chosen : str, sequence of str, or dict of headings by name
        Moderators that hold judgements.
    style : ForestStyle
        Its `judgements` are those that there may be.
    moderators : sequence of str
        What the studies have besides their data.

    Raises
    ------
    SpecError
        If a moderator or a judgement is unknown.
    """
    if not isinstance(chosen, Iterable):
        raise SpecError(
            f"judgements={chosen!r} must be the name of a moderator, a list, or a dict of headings by name."
        )
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    columns = []
    for name in names:
        if name not in moderators:
            more = "" if moderators else " Name the columns of judgements in Studies.from_frame(moderators=[...])."
            raise SpecError(unknown_name("moderator in judgements", name, [*moderators]) + more)
        words = [
            _judgement(value, name, study, style) for value, study in zip(frame[name], frame["label"], strict=True)
        ]
        own = str(chosen[name]) if isinstance(chosen, Mapping) else name.replace("_", " ").strip()
        first, _, second = own.partition("\n")
        head = " ".join(first.split()), " ".join(second.split())
        head = head if isinstance(chosen, Mapping) else (head[0][:1].upper() + head[0][1:], "")
        columns.append(Column(f"judgement {name}", head, ("",) * len(frame), "center", judgements=tuple(words)))
    return columns


def _judgement(value: Any, name: str, study: str, style: ForestStyle) -> str:
    """Return the judgement as it is written in the style, "" for a missing one."""
    if pd.isna(value) or not str(value).strip():
        return ""
    words = " ".join(str(value).replace("_", " ").split()).lower()
    if words not in style.judgements:
        allowed = ", ".join(style.judgements)
        raise SpecError(
            f"study {study!r}: {value!r} in {name!r} is no judgement.{did_you_mean(words, style.judgements)} "
            f"Allowed: {allowed}."
        )
    return words


def judgement_line(columns: Sequence[Column], style: ForestStyle) -> list[str]:
    """Return what the marks mean that are drawn, as one line, or none."""
    return meaning_of({words for column in columns for words in column.judgements}, style.judgements)


def meaning_of(drawn: set[str], judgements: Mapping[str, Judgement]) -> list[str]:
    """Return what the marks of some judgements mean, as one line, or none."""
    by_mark: dict[str, list[str]] = {}
    for words, judgement in judgements.items():
        if words in drawn:
            by_mark.setdefault(judgement.mark, []).append(words)
    if not by_mark:
        return []
    meaning = (f"{SIGNS.get(mark, mark)}\N{NO-BREAK SPACE}{' or '.join(words)}" for mark, words in by_mark.items())
    return [f"Risk of bias: {', '.join(meaning)}."]


def draw_judgements(ax: Axes, column: Column, layout: Layout, style: ForestStyle) -> None:
    """Draw the judgements of one column."""
    x = layout.across.edges[column.name]
    diameter = min(SYMBOL * layout.size, FULL * layout.pitch)
    for words, y in zip(column.judgements, layout.y, strict=False):
        if not words:
            continue
        place = {"transform": ax.get_yaxis_transform(), "clip_on": False}
        draw_light(ax, x, y, words, style.judgements[words], diameter, **place)


def draw_light(ax: Axes, x: float, y: float, words: str, judgement: Judgement, diameter: float, **place: Any) -> None:
    """Draw one judgement: a circle with a mark in it, `diameter` points wide."""
    circle: dict[str, Any] = {"mfc": judgement.color, "mec": EDGE_COLOR, "mew": 0.4, "ms": diameter}
    ax.plot([x], [y], marker="o", label=f"_judgement {words}", zorder=3, ls="none", **circle, **place)
    mark: dict[str, Any] = {"ms": MARK * diameter, "color": judgement.ink, "mew": 0.12 * diameter}
    if judgement.mark in "?!":
        mark |= {"mew": 0.0, "ms": 1.3 * MARK * diameter}
    ax.plot([x], [y], marker=MARKERS[judgement.mark], label="_mark", zorder=4, ls="none", **mark, **place)
