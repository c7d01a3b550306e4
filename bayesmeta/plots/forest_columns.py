"""Which texts stand beside the marks of a forest plot?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from types import MappingProxyType
from typing import Final, final

import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_units import Unit, interval_words, value_words
from bayesmeta.plots.forest_words import percent_words

DEFAULT_COLUMNS: Final = ("data", "estimate", "shrunken")


@final
@dataclass(frozen=True)
class Column:
    """A column of text.

    Attributes
    ----------
    name : str
        What the user chooses.
    head : tuple of str
        Its two lines of heading.
    cells : tuple of str
        One per row of the frame.
    """

    name: str
    head: tuple[str, str]
    cells: tuple[str, ...]


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


@final
@dataclass(frozen=True)
class Content:
    """All that is written: labels and columns by row of the frame, headings of the fits, notes."""

    frame: pd.DataFrame
    labels: Sequence[str]
    columns: Sequence[Column]
    pooled_head: dict[str, str]
    notes: Sequence[str]

    @property
    def k(self) -> int:
        """Number of studies."""
        return int((self.frame["kind"] == "study").sum())

    @property
    def n_rows(self) -> int:
        """Rows below one another: studies, headings of the fits, their estimates."""
        return len(self.frame) + len(self.pooled_head)


def row_labels(frame: pd.DataFrame, ci_prob: float) -> list[str]:
    """Return what stands on the left of each row, on one line."""
    suffix = frame["kind"].map({"prediction": f", {percent_words(ci_prob)} PI"}).fillna("")
    return [" ".join(label.split()) for label in frame["label"] + suffix]


def text_columns(frame: pd.DataFrame, chosen: Sequence[str], printing: Printing) -> list[Column]:
    """Return the chosen columns that have something to say, in the order chosen.

    Parameters
    ----------
    frame : DataFrame
        What is drawn.
    chosen : sequence of str
        Of ``"data"`` (events/n), ``"estimate"``, ``"shrunken"``, ``"weight"``.
    printing : Printing
        How numbers are printed.

    Raises
    ------
    SpecError
        If a column is unknown.
    """
    names = [chosen] if isinstance(chosen, str) else list(dict.fromkeys(chosen))
    for name in names:
        if name not in _COLUMNS:
            raise SpecError(unknown_name("column", name, _COLUMNS))
    has_shrunken = bool(frame["shrunken"].notna().any())
    pooled_in = "shrunken" if has_shrunken and "shrunken" in names else "estimate"
    columns = []
    for name in names:
        column = _COLUMNS[name](frame, printing)
        if any(column.cells):
            columns.append(_with_pooled(column, frame, printing) if name == pooled_in else column)
    return columns


def pooled_column(columns: Sequence[Column]) -> str:
    """Return the name of the column that holds the estimates below the studies; empty if there is none."""
    names = [column.name for column in columns if column.name in ("estimate", "shrunken")]
    return "shrunken" if "shrunken" in names else "".join(names)


def _with_pooled(column: Column, frame: pd.DataFrame, printing: Printing) -> Column:
    pooled = _cells(frame, frame["kind"] != "study", ("estimate", "lower", "upper"), printing)
    cells = tuple(of_study or of_pool for of_study, of_pool in zip(column.cells, pooled, strict=True))
    return Column(column.name, column.head, cells)


def _cells(frame: pd.DataFrame, which: "pd.Series[bool]", names: tuple[str, str, str], printing: Printing) -> list[str]:
    values = frame[list(names)].itertuples(index=False)
    return [printing.cell(*row) if here else "" for row, here in zip(values, which, strict=True)]


def _data(frame: pd.DataFrame, printing: Printing) -> Column:
    pairs = zip(frame["events"], frame["n"], strict=True)
    cells = ("" if pd.isna(n) else f"{events:,}/{n:,}" for events, n in pairs)
    return Column("data", ("Events/n", ""), tuple(cells))


def _estimate(frame: pd.DataFrame, printing: Printing) -> Column:
    cells = _cells(frame, frame["kind"] == "study", ("estimate", "lower", "upper"), printing)
    return Column("estimate", ("Observed", printing.head("CI")), tuple(cells))


def _shrunken(frame: pd.DataFrame, printing: Printing) -> Column:
    names = ("shrunken", "shrunken_lower", "shrunken_upper")
    cells = _cells(frame, frame["kind"] == "study", names, printing)
    return Column("shrunken", ("Shrunken", printing.head("CrI")), tuple(cells))


def _weight(frame: pd.DataFrame, printing: Printing) -> Column:
    cells = ("" if pd.isna(weight) else f"{100 * weight:.1f}" for weight in frame["weight"])
    return Column("weight", ("Weight", "%"), tuple(cells))


_COLUMNS: Final[Mapping[str, Callable[[pd.DataFrame, Printing], Column]]] = MappingProxyType(
    {"data": _data, "estimate": _estimate, "shrunken": _shrunken, "weight": _weight}
)
