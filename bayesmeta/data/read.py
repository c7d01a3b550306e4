"""What table does a CSV file hold, whatever program wrote it?"""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Unpack

import pandas as pd

from bayesmeta.data.check import check_frame
from bayesmeta.data.columns import Roles
from bayesmeta.data.decode import decode, read_bytes
from bayesmeta.data.kinds import ALIASES, ROLES_OF_KIND
from bayesmeta.data.select import OnBad, OnMissing
from bayesmeta.data.studies import Studies
from bayesmeta.data.typed import point_decimals, typed_column
from bayesmeta.errors import DataError

type Record = tuple[int, list[str]]
"""The line on which a record starts, and its fields."""

DELIMITERS = ("\t", ";", ",")
LABEL_COLUMNS = ("study", *ALIASES["study"])
DATA_COLUMNS = (*chain.from_iterable(ROLES_OF_KIND.values()), *chain.from_iterable(ALIASES.values()))
"""Columns whose cells stay text, so that a label "007" or "1.10" is not read as a number."""


def read_csv(path: str | os.PathLike[str], *, text: Sequence[str] = LABEL_COLUMNS) -> pd.DataFrame:
    """Return the table of a CSV file, as written by Excel, R, pandas or by hand.

    Parameters
    ----------
    path : str or path
        The file: fields separated by commas, semicolons or tabs, in UTF-8, UTF-16 or Windows-1252.
    text : sequence of str
        Columns to leave as text.

    Returns
    -------
    pandas.DataFrame
        A column is numeric if all its cells are plain numbers or empty; else its cells stay as written, so
        that a message can quote them. The index is named ``line``: the line of the file where the row starts.

    Raises
    ------
    DataError
        If the file is missing, not text, empty or without rows, or a line has too many or too few fields.

    Notes
    -----
    Decimal commas are read in files separated by semicolons or tabs, as Excel writes them where that is the
    custom. A number with a thousands separator stays text, and is refused where a number is needed.
    """
    source, data = _load(path)
    return parse_csv(data, source, text=text)


def read_studies(
    path: str | os.PathLike[str],
    *,
    on_bad: OnBad = "raise",
    missing_moderators: OnMissing = "raise",
    **roles: Unpack[Roles],
) -> Studies:
    """Return the studies of a CSV file.

    Parameters
    ----------
    path : str or path
        The file, as in `read_csv`.
    on_bad : {"raise", "drop"}
        What to do about rows with impossible, missing or repeated entries.
    missing_moderators : {"raise", "keep"}
        As in `Studies.from_frame`.
    **roles
        The columns to use, as in `Studies.from_frame`.

    Returns
    -------
    Studies
        Rows are named by the line of the file.

    Raises
    ------
    DataError
        If the file or a row cannot be used; the message names file, line, study and column.
    SpecError
        If the options contradict one another.
    """
    source, data = _load(path)
    return Studies.from_frame(
        parse_for(data, source, roles), on_bad=on_bad, missing_moderators=missing_moderators, source=source, **roles
    )


def check_csv(path: str | os.PathLike[str], **roles: Unpack[Roles]) -> pd.DataFrame:
    """Return everything that is wrong with the data in a CSV file, one problem a row.

    Parameters
    ----------
    path : str or path
        The file, as in `read_csv`.
    **roles
        The columns to use, as in `Studies.from_frame`.

    Returns
    -------
    pandas.DataFrame
        As `check_frame` returns it; ``row`` is the line of the file.

    Raises
    ------
    DataError
        If the file cannot be read as a table, or a column is missing.
    SpecError
        If the options contradict one another.
    """
    source, data = _load(path)
    return check_frame(parse_for(data, source, roles), source=source, **roles)


def parse_csv(data: bytes, source: str, *, text: Sequence[str] = LABEL_COLUMNS) -> pd.DataFrame:
    """Return the table that the bytes of a CSV file hold; see `read_csv`.

    Parameters
    ----------
    data : bytes
        The file's content.
    source : str
        The file's name, for messages.
    text : sequence of str
        Columns to leave as text.

    Returns
    -------
    pandas.DataFrame
        As `read_csv` returns it.

    Raises
    ------
    DataError
        If the content is not a table with a header and at least one row.
    """
    content = decode(data, source)
    delimiter, skipped, body = _delimiter(content)
    records = _records(body, delimiter, skipped, source)
    header_line, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source} is empty; it needs a header line and one line per study.")
    rows = list(records)
    if not rows:
        raise DataError(f"{source} has a header but no studies; add one line per study.")
    columns = _columns(header, header_line, rows, source)
    if delimiter != ",":
        columns = point_decimals(columns, source)
    table = pd.DataFrame({name: typed_column(cells, as_text=name in text) for name, cells in columns.items()})
    return table.set_axis(pd.Index([line for line, _ in rows], name="line"))


def _load(path: str | os.PathLike[str]) -> tuple[str, bytes]:
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"a CSV file is given by its path, not as {type(path).__name__}.")
    file = Path(path)
    return file.name, read_bytes(file)


def parse_for(data: bytes, source: str, roles: Roles) -> pd.DataFrame:
    """Return the table of a CSV file for `Studies.from_frame`: columns that roles may name are left as text.

    Parameters
    ----------
    data : bytes
        The file's content.
    source : str
        The file's name, for messages.
    roles : mapping
        The columns to use, as in `Studies.from_frame`.

    Returns
    -------
    pandas.DataFrame
        As `parse_csv` returns it.
    """
    moderators = _names(roles.get("moderators", ()))
    named = [name for role, value in roles.items() if role != "moderators" for name in _names(value)]
    by_default = [name for name in DATA_COLUMNS if name not in moderators]
    return parse_csv(data, source, text=(*LABEL_COLUMNS, *by_default, *named))


def _names(value: object) -> tuple[str, ...]:
    """Return the names of columns in an option's value: one, several or none."""
    names = (value,) if isinstance(value, str) else value if isinstance(value, tuple | list) else ()
    return tuple(name for name in names if isinstance(name, str))


def _delimiter(content: str) -> tuple[str, int, str]:
    """Return the delimiter, the number of lines before the table, and the table."""
    first, _, rest = content.partition("\n")
    declared = first.rstrip("\r").strip('"')
    if declared.lower().startswith("sep=") and len(declared) == len("sep=;"):  # an instruction to Excel
        return declared[-1], 1, rest
    header = next((line for line in content.splitlines() if line.strip(" ,;\t")), "")
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count) if unquoted.strip() else ",", 0, content


def _records(body: str, delimiter: str, skipped: int, source: str) -> Iterator[Record]:
    """Yield the records that are not blank."""
    lines = io.StringIO(body, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = skipped + reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = "a quotation mark is never closed" if "end of data" in str(error) else str(error)
            raise DataError(f"{source}, line {line}: {fault}; correct the quotation marks.") from None
        if any(field.strip() for field in fields):
            yield line, fields


def _columns(header: list[str], header_line: int, rows: list[Record], source: str) -> dict[str, list[str]]:
    """Return the cells by column, leaving out columns with neither name nor content, as Excel writes them."""
    if ragged := [record for record in rows if len(record[1]) != len(header)]:
        raise DataError(_ragged_message(source, ragged, len(header)))
    columns: dict[str, list[str]] = {}
    for i, raw_name in enumerate(header):
        cells = [fields[i].strip() for _, fields in rows]
        name = " ".join(raw_name.split())
        if not name and not any(cells):
            continue
        name = name or f"unnamed_{i + 1}"
        if name in columns:
            raise DataError(f"{source}, line {header_line}: two columns are named {name!r}; rename one.")
        columns[name] = cells
    return columns


def _ragged_message(source: str, ragged: list[Record], expected: int) -> str:
    line, fields = ragged[0]
    start = next(field.strip() for field in fields if field.strip())[:40]
    cause = (
        "put text or a number that holds a separator in quotation marks, or write the number without it"
        if len(fields) > expected
        else "add the missing ones, empty if need be"
    )
    others = ", ".join(str(other) for other, _ in ragged[1:6]) + (", ..." if len(ragged) > 6 else "")
    also = f" (and so for line {others})" if others else ""
    fault = f"{len(fields)} fields where the header has {expected}"
    return f"{source}, line {line} ({start!r}): {fault}; {cause}{also}."
