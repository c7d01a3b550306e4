"""Which rows of a data file are analysed, and which of them belong to which outcome?"""

from collections.abc import Mapping, Sequence

import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.errors import DataError, SpecError


def choose_rows(frame: pd.DataFrame, where: Mapping[str, Sequence[str | float]], source: str) -> pd.DataFrame:
    """Return the rows whose columns have one of the values that are wanted.

    Parameters
    ----------
    frame : DataFrame
        The table.
    where : mapping
        Column to values; numbers match cells that are written as text too.
    source : str
        The file's name, for messages.

    Raises
    ------
    SpecError
        If there is no such column.
    DataError
        If no row has one of the values.

    Examples
    --------
    >>> table = pd.DataFrame({"outcome": ["CR", "CR", "OS"], "preferred": [1, 0, 1]})
    >>> choose_rows(table, {"outcome": ("CR",), "preferred": (1,)}, "data.csv").index.tolist()
    [0]
    """
    for column, values in where.items():
        cells = _cells(frame, column, "where")
        wanted = {_as_text(value) for value in values}
        if unknown := sorted(wanted - set(cells)):
            there = list(dict.fromkeys(cells))
            raise DataError(f"{source}, column {column!r}: {unknown_name('value', unknown[0], there)}")
        frame = frame[cells.isin(wanted)]
        if frame.empty:
            raise DataError(f"{source}: no row has all the values of [data.where]; change it, or the file.")
    return frame


def split_rows(frame: pd.DataFrame, by: Sequence[str], source: str) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return the rows of each outcome, by its values of the columns, in the order of the file.

    Parameters
    ----------
    frame : DataFrame
        The table.
    by : sequence of str
        Columns.
    source : str
        The file's name, for messages.

    Raises
    ------
    SpecError
        If there is no such column.
    DataError
        If a cell of such a column is empty.

    Examples
    --------
    >>> table = pd.DataFrame({"event": ["CRS", "CRS", "Sepsis"], "grade": ["all", ">=3", "all"]})
    >>> list(split_rows(table, ["event", "grade"], "data.csv"))
    [('CRS', 'all'), ('CRS', '>=3'), ('Sepsis', 'all')]
    """
    cells = {column: _cells(frame, column, "by") for column in by}
    for column, texts in cells.items():
        if (empty := texts == "").any():
            line = texts.index[empty][0]
            raise DataError(f"{source}, line {line}, column {column!r} is empty; every row needs its outcome.")
    keys = list(zip(*cells.values(), strict=True))
    return {key: frame[[other == key for other in keys]] for key in dict.fromkeys(keys)}


def _cells(frame: pd.DataFrame, column: str, key: str) -> "pd.Series[str]":
    if column not in frame.columns:
        raise SpecError(f"{key}: {unknown_name('column', column, map(str, frame.columns))}")
    return frame[column].map(lambda value: "" if pd.isna(value) else _as_text(value))


def _as_text(value: object) -> str:
    """Return a value as it would be written; a whole number without decimals, whatever its type."""
    if isinstance(value, str):
        return value
    return f"{float(str(value)):.15g}"
