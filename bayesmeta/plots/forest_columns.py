"""Which texts stand beside the marks of a forest plot?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from types import MappingProxyType
from typing import Final, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_units import Unit, interval_words, value_words
from bayesmeta.plots.forest_words import percent_words

NARROW_MM: Final = 120.0
"""Widths below this one are narrow. One column of a journal has about 85 mm, one and a half have 114 to 140."""

MOST_DECIMALS: Final = 3
"""Of a moderator: more would be read by nobody."""

type Chosen = Sequence[str] | Mapping[str, str]


@final
@dataclass(frozen=True)
class Column:
    """A column of text.

    Attributes
    ----------
    name : str
        What the user chooses.
    head : tuple of str
        Its two lines of heading, the first in bold letters.
    cells : tuple of str
        One per row of the frame.
    align : {"left", "right", "center"}
        Words begin, and numbers end, below one another; marks stand in the middle.
    judgements : tuple of str
        By row of the frame, the judgement that is drawn there as a mark, "" for none; empty in a column of text.
    is_data : bool
        Whether it describes the study, and stands beside its label on the left of the marks; the numbers that
        the marks show stand on the right.
    """

    name: str
    head: tuple[str, str]
    cells: tuple[str, ...]
    align: Literal["left", "right", "center"] = "right"
    is_data: bool = False
    judgements: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Printing:
    """How numbers are printed: unit, decimals, and the probability of the intervals."""

    unit: Unit
    places: int
    ci_prob: float

    def head(self, interval: str) -> str:
        """Return the second line of a heading, such as ``"% (95 % CI)"``."""
        return f"{self.unit.sign} ({percent_words(self.ci_prob)} {interval})".strip()

    def cell(self, estimate: float, lower: float, upper: float) -> str:
        """Return estimate and interval; only the interval if there is no estimate."""
        if isnan(lower):
            return ""
        interval = interval_words(self.unit, self.places, lower, upper)
        if isnan(estimate):
            return interval
        return f"{value_words(self.unit, self.places, estimate)} ({interval})"


def row_labels(frame: pd.DataFrame, ci_prob: float) -> list[str]:
    """Return what stands on the left of each row, on one line."""
    suffix = frame["kind"].map({"prediction": f", {percent_words(ci_prob)} PI"}).fillna("")
    return [" ".join(label.split()) for label in frame["label"] + suffix]


def text_columns(
    frame: pd.DataFrame, chosen: Chosen, printing: Printing, *, moderators: Sequence[str] = ()
) -> list[Column]:
    """Return the chosen columns that have something to say, in the order chosen.

    Parameters
    ----------
    frame : DataFrame
        What is drawn.
    chosen : sequence of str, or dict of headings by name
        Names in `COLUMNS` or of moderators.
    printing : Printing
        How numbers are printed.
    moderators : sequence of str
        What the studies have besides their data.

    Raises
    ------
    SpecError
        If a column is unknown or ambiguous, or a heading is no text of one or two lines.
    """
    heads = _headings(chosen)
    for name in heads:
        _check_name(name, moderators)
    has_shrunken = bool(frame["shrunken"].notna().any())
    pooled_in = "shrunken" if has_shrunken and "shrunken" in heads else "estimate"
    columns = []
    for name, head in _by_arm(heads, frame).items():
        column = COLUMNS[name](frame, printing) if name in COLUMNS else moderator_column(frame, name)
        if any(column.cells):
            column = _with_pooled(column, frame, printing) if name == pooled_in else column
            columns.append(replace(column, head=_two_lines(head, column.head)))
    return columns


def _headings(chosen: Chosen) -> dict[str, str | None]:
    """Return the names that were chosen, each with the user's own heading if there is one."""
    if isinstance(chosen, Mapping):
        for name, head in chosen.items():
            if not isinstance(head, str) or head.count("\n") > 1:
                raise SpecError(f"columns: the heading of {name!r} must be a text of one or two lines; got {head!r}.")
        return dict(chosen)
    if not isinstance(chosen, Iterable):
        raise SpecError(f"columns={chosen!r} must be a list of names, or a dict of headings by name.")
    return dict.fromkeys([chosen] if isinstance(chosen, str) else chosen)


def _by_arm(heads: dict[str, str | None], frame: pd.DataFrame) -> dict[str, str | None]:
    """Return the columns with those of each arm in place of ``"data"``, if there are two arms."""
    if "data" not in heads or "events_treatment" not in frame:
        return heads
    if heads["data"] is not None:
        raise SpecError("columns: 'data' is a column for each arm here; name 'data_treatment' and 'data_control'.")
    arms: dict[str, str | None] = {"data_treatment": None, "data_control": None}
    return {
        key: value for name, head in heads.items() for key, value in (arms if name == "data" else {name: head}).items()
    }


def _check_name(name: object, moderators: Sequence[str]) -> None:
    if name not in (*COLUMNS, *moderators):
        more = "" if moderators else " To show a column of the data, name it in Studies.from_frame(moderators=[...])."
        raise SpecError(unknown_name("column", name, [*COLUMNS, *moderators]) + more)
    if name in COLUMNS and name in moderators:
        raise SpecError(f"column {name!r} is a column of the plot and a moderator too; rename the moderator.")


def _two_lines(own: str | None, default: tuple[str, str]) -> tuple[str, str]:
    """Return the two lines of a heading; the user's own text replaces the second only if it has two."""
    if own is None:
        return default
    first, has_two, second = own.partition("\n")
    return " ".join(first.split()), " ".join(second.split()) if has_two else default[1]


def pooled_column(columns: Sequence[Column]) -> str:
    """Return the name of the column that holds the estimates below the studies; empty if there is none."""
    names = [column.name for column in columns if column.name in ("estimate", "shrunken")]
    return "shrunken" if "shrunken" in names else "".join(names)


def _with_pooled(column: Column, frame: pd.DataFrame, printing: Printing) -> Column:
    pooled = _cells(frame, frame["kind"] != "study", ("estimate", "lower", "upper"), printing)
    cells = tuple(of_study or of_pool for of_study, of_pool in zip(column.cells, pooled, strict=True))
    return replace(column, cells=cells)


def _cells(frame: pd.DataFrame, which: "pd.Series[bool]", names: tuple[str, str, str], printing: Printing) -> list[str]:
    values = frame[list(names)].itertuples(index=False)
    return [printing.cell(*row) if here else "" for row, here in zip(values, which, strict=True)]


def _arm(arm: str) -> "Callable[[pd.DataFrame, Printing], Column]":
    """Return the column of events over patients or person-time: of an arm, or of the only one."""
    ending = f"_{arm}" if arm else ""

    def column(frame: pd.DataFrame, _: Printing) -> Column:
        size = "time" if f"time{ending}" in frame else "n"
        head = (arm.capitalize(), f"events/{size}") if arm else (f"Events/{size}", "")
        events, sizes = (frame.get(f"{role}{ending}", pd.Series(pd.NA, frame.index)) for role in ("events", size))
        cells = ("" if pd.isna(n) else f"{r:,}/{_size(n)}" for r, n in zip(events, sizes, strict=True))
        return Column(f"data{ending}", head, tuple(cells), is_data=True)

    return column


def _size(n: float) -> str:
    return f"{n:,.15g}"


def _count(name: str, head: str) -> "Callable[[pd.DataFrame, Printing], Column]":
    def column(frame: pd.DataFrame, _: Printing) -> Column:
        cells = ("" if pd.isna(count) else f"{count:,}" for count in frame[name])
        return Column(name, (head, ""), tuple(cells), is_data=True)

    return column


def _estimate(frame: pd.DataFrame, printing: Printing) -> Column:
    cells = _cells(frame, frame["kind"] == "study", ("estimate", "lower", "upper"), printing)
    return Column("estimate", ("Observed", printing.head("CI")), tuple(cells))


def _shrunken(frame: pd.DataFrame, printing: Printing) -> Column:
    names = ("shrunken", "shrunken_lower", "shrunken_upper")
    cells = _cells(frame, frame["kind"] == "study", names, printing)
    return Column("shrunken", ("Shrunken", printing.head("CrI")), tuple(cells))


def _weight(frame: pd.DataFrame, _: Printing) -> Column:
    cells = ("" if pd.isna(weight) else f"{100 * weight:.1f}" for weight in frame["weight"])
    return Column("weight", ("Weight", "%"), tuple(cells))


def moderator_column(frame: pd.DataFrame, name: str) -> Column:
    """Return the column of a moderator, headed by its name."""
    values = frame[name]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    cells = _number_words(values) if is_number else tuple(_plain_words(value) for value in values)
    head = name.replace("_", " ").strip()
    return Column(name, (head[:1].upper() + head[1:], ""), cells, "right" if is_number else "left", is_data=True)


def _number_words(values: "pd.Series[float]") -> tuple[str, ...]:
    """Return numbers with as many decimals as they have, up to `MOST_DECIMALS`, the same for all."""
    texts = [f"{value:.{MOST_DECIMALS}f}".rstrip("0") for value in values.dropna()]
    places = max((len(text.partition(".")[2]) for text in texts), default=0)
    return tuple("" if pd.isna(value) else f"{value:.{places}f}".replace("-", "−") for value in values)


def _plain_words(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return "" if pd.isna(value) else " ".join(str(value).split())  # type: ignore[call-overload]


COLUMNS: Final[Mapping[str, Callable[[pd.DataFrame, Printing], Column]]] = MappingProxyType(
    {
        "data": _arm(""),
        "events": _count("events", "Events"),
        "n": _count("n", "n"),
        "estimate": _estimate,
        "shrunken": _shrunken,
        "weight": _weight,
        "data_treatment": _arm("treatment"),
        "data_control": _arm("control"),
    }
)
"""What can be written beside the marks of any plot, besides moderators."""
