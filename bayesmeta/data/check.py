"""What is wrong with the data, row by row? Every rule for a row of data is here, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmeta.data.cells import is_missing, read_label, read_number, same_label_key
from bayesmeta.data.columns import Columns, Roles, resolve_columns
from bayesmeta.data.kinds import ROLES_OF_KIND, Kind
from bayesmeta.data.rules import Severity, row_rule
from bayesmeta.errors import DataError

type FloatArray = npt.NDArray[np.float64]

PROBLEM_COLUMNS = ("row", "study", "column", "problem", "kind")


@final
@dataclass(frozen=True)
class Problem:
    """One thing wrong with one row.

    Attributes
    ----------
    position : int
        0-based position of the row.
    role : str
        The role of the column, or a moderator's name.
    text : str
        What is wrong and what to do.
    kind : {"error", "warning"}
        An error keeps the study out; a warning is for a second look and changes nothing.
    """

    position: int
    role: str
    text: str
    kind: Severity = "error"


@final
@dataclass(frozen=True)
class Rows:
    """The rows as read.

    Attributes
    ----------
    labels : tuple of str
        Study labels, "" where missing.
    values : dict
        Role to values, shape (rows,), as they stand in the data; NaN where a cell holds no number.
    problems : tuple of Problem
        By row, then by column.
    """

    labels: tuple[str, ...]
    values: dict[str, FloatArray]
    problems: tuple[Problem, ...]


def check_frame(df: pd.DataFrame, *, source: str = "data frame", **roles: Unpack[Roles]) -> pd.DataFrame:
    """Return everything that is wrong with the data, one problem a row.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per study.
    source : str
        What messages call the data.
    **roles
        The columns to use, as in `Studies.from_frame`.

    Returns
    -------
    pandas.DataFrame
        Columns ``row`` (index label; the line of the file for a frame from `read_csv`), ``study``,
        ``column``, ``problem`` and ``kind``. ``"error"``: `Studies.from_frame` refuses the row.
        ``"warning"``: an estimate far off the centre of its interval, which `from_frame` takes as it is.

    Raises
    ------
    DataError
        If the data cannot be checked by row: a column is missing, or there are no rows.
    SpecError
        If the options contradict one another.

    Examples
    --------
    >>> df = pd.DataFrame({"study": ["Lee 2019", "Kim 2020"], "events": [7, 3], "n": [5, 10]})
    >>> check_frame(df)[["row", "study", "column", "problem"]].values.tolist()
    [[0, 'Lee 2019', 'events', 'events=7 > n=5; correct one of them']]
    """
    columns = resolve_columns(df, source=source, **roles)
    rows = read_rows(df, columns, source=source)
    return pd.DataFrame(
        [
            (df.index[p.position], rows.labels[p.position], columns.names.get(p.role, p.role), p.text, p.kind)
            for p in rows.problems
        ],
        columns=list(PROBLEM_COLUMNS),
    )


def read_rows(df: pd.DataFrame, columns: Columns, *, source: str) -> Rows:
    """Return the labels and numbers of a frame, and all problems of its rows.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per study.
    columns : Columns
        The columns to use.
    source : str
        What messages call the data.

    Returns
    -------
    Rows
        As many as `df` has.

    Raises
    ------
    DataError
        If there are no rows.
    """
    if len(df) == 0:
        raise DataError(f"{source} has no rows; give one row per study.")
    cells = {role: df[column].tolist() for role, column in columns.names.items()}
    return find_problems(
        columns.kind,
        cells.pop("study"),
        cells,
        measure=columns.measure,
        moderators={column: df[column].tolist() for column in columns.moderators},
        row_names=row_names(df),
    )


def row_names(df: pd.DataFrame) -> list[str]:
    """Return how messages name the rows: ``line 3`` for a frame read from a file, ``row 3`` for another."""
    word = "line" if df.index.name == "line" else "row"
    return [f"{word} {label}" for label in df.index]


def find_problems(
    kind: Kind,
    studies: Sequence[object],
    cells: Mapping[str, Sequence[object]],
    *,
    measure: str | None = None,
    moderators: Mapping[str, Sequence[object]] | None = None,
    row_names: Sequence[str] | None = None,
) -> Rows:
    """Return labels, numbers and problems of rows given as sequences of cells.

    Parameters
    ----------
    kind : str
        A key of `ROLES_OF_KIND`: which rules apply.
    studies : sequence
        Labels.
    cells : mapping of sequences
        Role to cells, all as long as `studies`.
    measure : str, optional
        Scale of the estimates.
    moderators : mapping of sequences, optional
        Columns in which a value must not be missing.
    row_names : sequence of str, optional
        How messages name the rows.

    Returns
    -------
    Rows
        All rows, good and bad.
    """
    names = row_names if row_names is not None else [f"row {i}" for i in range(len(studies))]
    labels = tuple(read_label(cell) for cell in studies)
    roles = ROLES_OF_KIND[kind]
    values = {role: np.full(len(labels), np.nan) for role in roles}
    check_row = row_rule(kind, measure)
    found: list[Problem] = []
    for i, label in enumerate(labels):
        if not label:
            found.append(Problem(i, "study", "the label is missing; name the study"))
        readings = {role: read_number(cells[role][i]) for role in roles}
        found.extend(Problem(i, role, text, severity) for role, text, severity in check_row(readings))
        found.extend(
            Problem(
                i,
                column,
                "the value is missing; fill it in, or leave out this moderator or this study, "
                "or read with missing_moderators='keep' to impute it",
            )
            for column, column_cells in (moderators or {}).items()
            if is_missing(column_cells[i])
        )
        for role, reading in readings.items():
            values[role][i] = np.nan if reading.fault else reading.value
    found.extend(_repeated_labels(labels, {p.position for p in found if p.kind == "error"}, names))
    return Rows(labels, values, tuple(sorted(found, key=lambda p: p.position)))


def count_problems(problems: pd.DataFrame) -> str:
    """Return how many problems of each kind there are, in words."""
    counts = problems["kind"].value_counts().to_dict()
    texts = [f"{n} {kind}{'s' if n > 1 and kind != 'missing' else ''}" for kind, n in sorted(counts.items())]
    return " and ".join(texts) or "no problem found"


def _repeated_labels(labels: Sequence[str], bad: set[int], names: Sequence[str]) -> list[Problem]:
    """Return a problem for each row but one that shares a label: the first without other errors stays."""
    rows_of: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        if label:
            rows_of.setdefault(same_label_key(label), []).append(i)
    return [
        Problem(i, "study", f"the label is also that of {names[keeper]}; make the labels distinct")
        for rows in rows_of.values()
        for keeper in [next((i for i in rows if i not in bad), rows[0])]
        for i in rows
        if i != keeper
    ]
