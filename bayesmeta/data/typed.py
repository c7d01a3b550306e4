"""Is a column of text a column of numbers?"""

import re

import numpy as np
import pandas as pd

from bayesmeta.data.cells import is_missing, is_plain_number, plain_minus
from bayesmeta.errors import DataError

_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_DECIMAL_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_CODE = re.compile(r"[+-]?(0[0-9].*|[0-9]{19,})")  # not a quantity: zeros in front, or beyond 64 bits
_INTEGER = re.compile(r"[+-]?[0-9]+")


def typed_column(cells: list[str], *, as_text: bool) -> pd.Series:
    """Return a column as numbers if every cell is a plain number or missing, else as text.

    Parameters
    ----------
    cells : list of str
        The cells, stripped.
    as_text : bool
        Whether to leave numbers as text.

    Returns
    -------
    pandas.Series
        int64, float64 (NaN where missing) or text (missing where empty). Numbers that start with superfluous
        zeros (codes) and whole numbers beyond 64 bits leave the column as text.
    """
    present = [plain_minus(cell) for cell in cells if not is_missing(cell)]
    if as_text or not all(is_plain_number(cell) and not _CODE.fullmatch(cell) for cell in present):
        return pd.Series([cell or None for cell in cells])
    if len(present) == len(cells) and all(_INTEGER.fullmatch(cell) for cell in present):
        return pd.Series([int(cell) for cell in present], dtype=np.int64)
    numbers = [np.nan if is_missing(cell) else float(plain_minus(cell)) for cell in cells]
    return pd.Series(numbers, dtype=np.float64)


def point_decimals(columns: dict[str, list[str]], source: str) -> dict[str, list[str]]:
    """Return the columns of a file that may use decimal commas, with decimal points.

    Parameters
    ----------
    columns : dict of lists of str
        Column name to cells, from a file that is not separated by commas.
    source : str
        The file's name, for messages.

    Returns
    -------
    dict of lists of str
        Cells such as ``0,87`` are changed in columns most of whose cells are numbers; all others stay.

    Raises
    ------
    DataError
        If numeric columns of one file use both signs, so that ``1.234`` could be either number.
    """
    comma = {name: cells for name, cells in columns.items() if _mostly_numbers(cells, _DECIMAL_COMMA)}
    if not comma:
        return columns
    for name, cells in columns.items():
        if name not in comma and _mostly_numbers(cells, _DECIMAL_POINT):
            raise DataError(
                f"{source} writes decimals with a comma in column {next(iter(comma))!r} and with a point "
                f"in column {name!r}; use one of the two."
            )
    return columns | {name: [_with_point(cell) for cell in cells] for name, cells in comma.items()}


def _mostly_numbers(cells: list[str], decimal: re.Pattern[str]) -> bool:
    """Return whether more than half of the cells are numbers, and some have that decimal sign."""
    present = [plain_minus(cell) for cell in cells if not is_missing(cell)]
    with_sign = sum(decimal.fullmatch(cell) is not None for cell in present)
    whole = sum(_INTEGER.fullmatch(cell) is not None for cell in present)
    return with_sign > 0 and 2 * (with_sign + whole) > len(present)


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(plain_minus(cell)) else cell
