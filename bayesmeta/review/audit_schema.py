"""Which column of a printed table says what, and what does each of its rows print?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, final

import pandas as pd

from bayesmeta._validate import listed
from bayesmeta.data.cells import read_label
from bayesmeta.errors import DataError
from bayesmeta.review.audit_cells import Figure, read_column

ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "outcome": ("adverse_event", "endpoint", "event"),
        "subgroup": (),
        "subgroup_variable": ("moderator",),
        "subgroup_level": ("level",),
        "k": ("n_studies", "studies"),
        "events": (),
        "n": ("patients",),
        "n_min": (),
        "n_max": (),
        "estimate": ("pooled", "proportion", "rate"),
        "lower": ("ci_low", "ci_lower", "ci_lb"),
        "upper": ("ci_high", "ci_upper", "ci_ub"),
        "i2": ("i_squared",),
        "q": ("cochran_q",),
        "q_pvalue": ("q_p", "p_heterogeneity"),
        "tau2": (),
        "egger_pvalue": ("egger_p",),
        "begg_pvalue": ("begg_p",),
        "pvalue": ("p_value",),
        "total": ("printed_total", "total_score"),
    }
)
"""Names of columns, and what else is understood. Further: ``<arm>_events``, ``<arm>_n``, ``<arm>_pct`` and items."""
PERCENT: Final = ("estimate", "lower", "upper", "i2")
"""Figures that are per cents if the column's name ends in ``_pct``; without it they are fractions or ratios."""
POOLED: Final = ("estimate", "lower", "upper", "i2", "q", "q_pvalue", "tau2")
"""Figures that pooling gives, in the order in which they are shown."""
WHOLE: Final = frozenset({"", "overall", "all", "total", "pooled"})
"""Levels of no subgroup, in lower case."""
BETWEEN: Final = frozenset(
    {"between-subgroup test", "between subgroups", "between-subgroups", "between", "subgroup difference"}
)
"""Levels of a row that prints the test between the subgroups of its variable."""

MISSPELT: Final = 0.85
"""Likeness from which an unknown column is a misspelt one: a letter of six or more is missing, doubled or another."""

_ITEM = re.compile(r"(?:q|item_?)[0-9]+")
_ARM = re.compile(r"(.+)_(events|n|pct)")


@final
@dataclass(frozen=True, eq=False)
class PrintedRow:
    """One row of a printed table.

    Attributes
    ----------
    table, row : str
        Name of the table, and how the row is named: ``row 3``, or ``line 4`` of a file.
    outcome : str
        The outcome, "" if there is no such column.
    variable, level : str
        The subgroup; both "" for all studies. The variable is "" where the table names the level alone.
    is_between : bool
        Whether the row prints a test between subgroups.
    figures : dict
        Role to `Figure`, for the cells that hold one.
    columns : dict
        Role to the column's name.
    others : dict
        The cells of the columns with no role, as labels.
    """

    table: str
    row: str
    outcome: str
    variable: str
    level: str
    is_between: bool
    figures: dict[str, Figure]
    columns: dict[str, str]
    others: dict[str, str]

    @property
    def subgroup(self) -> str:
        """The subgroup in words, "" for all studies."""
        return ": ".join(filter(None, (self.variable, self.level)))

    @property
    def place(self) -> str:
        """The row as messages name it."""
        what = ", ".join(filter(None, (self.outcome, self.subgroup)))
        return f"{self.table}, {self.row}" + (f" ({what})" if what else "")

    def items(self) -> dict[str, Figure]:
        """Return the figures of the items of a score; none if a cell of them is empty."""
        names = [role for role in self.columns if _ITEM.fullmatch(role)]
        return {role: self.figures[role] for role in names} if self.figures.keys() >= set(names) else {}

    def arms(self) -> tuple[str, ...]:
        """Return the names of the arms of which counts or per cents are printed."""
        names = [match[1] for role in self.figures if (match := _ARM.fullmatch(role))]
        return tuple(dict.fromkeys(names))


@final
@dataclass(frozen=True, eq=False)
class PrintedTable:
    """A printed table as read.

    Attributes
    ----------
    name : str
        What messages call it.
    rows : tuple of PrintedRow
        Its rows.
    others : tuple of str
        Columns with no role.
    unreadable : tuple
        Cells that hold neither a figure nor a word for "none": (row, column, the cell in quotation marks).
    """

    name: str
    rows: tuple[PrintedRow, ...]
    others: tuple[str, ...]
    unreadable: tuple[tuple[PrintedRow, str, str], ...] = field(default=())


def read_printed(frame: pd.DataFrame, name: str) -> PrintedTable:
    """Return the rows of a table of printed results, or raise `DataError` for what is no such table.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row for each pooled result (or test, or study with a score); the columns are those of `ALIASES`.
    name : str
        What messages call it.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"printed results come as a pandas DataFrame, not {type(frame).__name__}; use pd.DataFrame(...)."
        )
    if len(frame) == 0:
        raise DataError(f"{name} has no rows; give one row per printed result.")
    roles = _roles(frame, name)
    words = {role: column for role, (column, _) in roles.items() if role in _WORDS}
    numeric = {role: found for role, found in roles.items() if role not in _WORDS}
    if not numeric:
        known = ", ".join(role for role in ALIASES if role not in _WORDS)
        raise DataError(f"{name} has no column of printed figures; columns: {listed(frame.columns)}. "
                        f"Figures are {known} (the first four of {', '.join(PERCENT)} may end in _pct).")  # fmt: skip
    read = {role: read_column(frame[column].tolist(), factor=factor) for role, (column, factor) in numeric.items()}
    used = {column for column, _ in roles.values()}
    others = tuple(str(column) for column in frame.columns if column not in used)
    rows, unreadable = [], []
    word = "line" if frame.index.name == "line" else "row"
    for i, label in enumerate(frame.index):
        cells = {role: column[i] for role, column in read.items()}
        variable, level, is_between = _subgroup({role: read_label(frame[words[role]].iloc[i]) for role in words})
        row = PrintedRow(
            table=name,
            row=f"{word} {label}",
            outcome=read_label(frame[words["outcome"]].iloc[i]) if "outcome" in words else "",
            variable=variable,
            level=level,
            is_between=is_between,
            figures={role: cell for role, cell in cells.items() if isinstance(cell, Figure)},
            columns={role: column for role, (column, _) in roles.items()},
            others={column: read_label(frame[column].iloc[i]) for column in others},
        )
        rows.append(row)
        unreadable += [(row, roles[role][0], str(cell)) for role, cell in cells.items() if isinstance(cell, ValueError)]
    return PrintedTable(name, tuple(rows), others, tuple(unreadable))


_WORDS: Final = ("outcome", "subgroup", "subgroup_variable", "subgroup_level")


def _roles(frame: pd.DataFrame, name: str) -> dict[str, tuple[str, float]]:
    """Return role to (column, factor) for the columns whose names are understood."""
    roles: dict[str, tuple[str, float]] = {}
    for column in map(str, frame.columns):
        role, factor = _role_of(column)
        if role is None:
            continue
        if role in roles:
            raise DataError(f"{name}: columns {roles[role][0]!r} and {column!r} both hold {role}; rename or drop one.")
        roles[role] = (column, factor)
    _refuse_misspelt(frame, name, roles)
    arms = {match[1] for role in roles if (match := _ARM.fullmatch(role)) and match[2] != "pct"}
    lone = [role for role in roles if (match := _ARM.fullmatch(role)) and match[1] not in arms]
    return {role: found for role, found in roles.items() if role not in lone}  # a per cent alone is of no arm


def _refuse_misspelt(frame: pd.DataFrame, name: str, roles: Mapping[str, tuple[str, float]]) -> None:
    """Refuse a column that is one letter off a name of what the table lacks: without it rows that differ look alike."""
    lacking = [name for role, aliases in ALIASES.items() if role not in roles for name in (role, *aliases)]
    per_cent = [name for role in PERCENT if role not in roles for name in (role, *ALIASES[role])]
    known = [*lacking, *(f"{name}_pct" for name in per_cent)]
    read = {column for column, _ in roles.values()}
    for column in map(str, frame.columns):
        near = get_close_matches(column.casefold(), known, n=1, cutoff=MISSPELT) if column not in read else []
        if near:
            raise DataError(f"{name}: column {column!r} is not read. Did you mean {near[0]!r}? Rename or drop it.")


def _role_of(column: str) -> tuple[str | None, float]:
    """Return what a column holds, and 100 if in per cent; None if its name is not understood."""
    bare = column.removesuffix("_pct")
    for role, aliases in ALIASES.items():
        if column in (role, *aliases):
            return role, 1.0
        if role in PERCENT and bare != column and bare in (role, *aliases):
            return role, 100.0
    if _ITEM.fullmatch(column):
        return column, 1.0
    if arm := _ARM.fullmatch(column):
        return column, 100.0 if arm[2] == "pct" else 1.0
    return None, 1.0


def _subgroup(words: dict[str, str]) -> tuple[str, str, bool]:
    """Return variable, level and whether the row is a test between subgroups."""
    variable, level = words.get("subgroup_variable", ""), words.get("subgroup_level", "")
    if not variable and not level:
        variable, level = _split(words.get("subgroup", ""))
    is_between = level.lower() in BETWEEN
    if is_between:
        return variable, "", True
    if variable.lower() in WHOLE and level.lower() in WHOLE:
        variable = level = ""
    return variable, level, False


def _split(text: str) -> tuple[str, str]:
    """Return variable and level of ``"regimen: TKI"`` or ``"regimen=TKI"``; a level alone has no variable."""
    for sign in ("=", ":"):
        variable, found, level = text.partition(sign)
        if found and variable.strip() and level.strip():
            return variable.strip(), level.strip()
    return "", text.strip()
