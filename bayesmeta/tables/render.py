"""How does a data frame look as plain text? Aligned columns, no wider than a screen."""

import math
import textwrap
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from bayesmeta.tables.numbers import error_text, number_texts, percent_text

WIDTH = 100
"""Columns of a screen that a table may take."""
LONGEST_WORD = 40
"""A longer word may be broken."""
NARROWEST = 16
"""A column of text is not wrapped below this width: shorter lines than these are not read but spelt."""
GAP = "  "
ERROR_COLUMN = "numerical_error"
NEGLIGIBLE = 1e-6
"""What is below its numerical error, and this much smaller than other numbers of its row, is shown as 0."""


@final
@dataclass(frozen=True)
class _Column:
    name: str
    cells: list[str]
    is_text: bool

    @property
    def width(self) -> int:
        return max(map(display_width, (self.name, *self.cells)))

    @property
    def narrowest(self) -> int:
        """Width to which the cells can be wrapped without breaking a word that is not very long."""
        words = [word for cell in self.cells for word in cell.split()]
        longest = max(map(display_width, words), default=0)
        return max(min(longest, LONGEST_WORD), NARROWEST, display_width(self.name))


def render_table(
    frame: pd.DataFrame,
    *,
    percent: Collection[str] = (),
    right: Collection[str] = (),
    digits: int = 3,
    width: int = WIDTH,
) -> str:
    """Return a data frame as text, numbers to the right and words to the left.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table. Its index is shown if it has a name.
    percent : collection of str
        Columns of proportions, to be shown as per cents.
    right : collection of str
        Columns of text to be set like numbers: to the right, and never wrapped.
    digits : int
        Significant digits of the smallest number of a column.
    width : int
        Columns that the text may take: long words are wrapped, numbers never.

    Returns
    -------
    str
        Lines without a final line break.

    Raises
    ------
    SpecError
        If `digits` is not a positive whole number.

    Notes
    -----
    Characters that are not printed, such as line breaks and terminal escapes, are shown by their codes.

    A mean of 2.6e-15 beside a standard deviation of 0.6 is rounding, not a result: in a table with a column
    ``numerical_error``, a number below it is shown as 0 if it is less than a millionth of another number of its
    row. A tiny proportion with a tiny standard deviation keeps its digits.

    Examples
    --------
    >>> frame = pd.DataFrame({"mean": [1.891, 0.813], "numerical_error": [4.7e-8, 2.8e-9]}, index=["mu", "p"])
    >>> print(render_table(frame.rename_axis("parameter")))
    parameter   mean  numerical_error
    mu         1.891            <1e-7
    p          0.813            <1e-8
    """
    shown = _without_noise(frame if frame.index.names == [None] else frame.reset_index(), percent)
    columns = [_column(shown.iloc[:, i], percent, right, digits) for i in range(shown.shape[1])]
    columns = _wrapped(columns, width)
    lines = [_line(columns, [column.name for column in columns])]
    for row in zip(*(column.cells for column in columns), strict=True):
        parts = [cell.split("\n") for cell in row]
        for i in range(max(map(len, parts))):
            lines.append(_line(columns, [part[i] if i < len(part) else "" for part in parts]))
    return "\n".join(lines)


def render_list(texts: Iterable[str], *, width: int = WIDTH, bullet: str = "- ") -> str:
    """Return texts as a list, wrapped under their bullets.

    Parameters
    ----------
    texts : iterable of str
        The entries.
    width : int
        Columns that the text may take.
    bullet : str
        What stands before each entry.

    Returns
    -------
    str
        Lines without a final line break.

    Examples
    --------
    >>> print(render_list(["p_mean is the mean of the study proportions."], width=30))
    - p_mean is the mean of the
      study proportions.
    """
    indent = " " * len(bullet)
    return "\n".join(
        textwrap.fill(printable(text), width, initial_indent=bullet, subsequent_indent=indent, break_on_hyphens=False)
        for text in texts
    )


def printable(text: object) -> str:
    r"""Return text on one line, with the codes of characters that do not print.

    Parameters
    ----------
    text : object
        What is to be shown; it may come from a file that somebody else wrote.

    Returns
    -------
    str
        Safe to send to a terminal.

    Examples
    --------
    >>> print(printable("Lee\n2019\x1b[31m"))
    Lee\n2019\x1b[31m
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def display_width(text: str) -> int:
    r"""Return how many columns of a terminal a text takes: East Asian letters two, combining accents none.

    Parameters
    ----------
    text : str
        One line, or several; then the longest counts.

    Returns
    -------
    int
        Number of columns.

    Examples
    --------
    >>> display_width("Foà"), display_width("Foa\u0300"), display_width("李 2019")
    (3, 3, 7)
    """
    return max(sum(map(_letter_width, line)) for line in text.split("\n"))


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _without_noise(frame: pd.DataFrame, percent: Collection[str]) -> pd.DataFrame:
    if ERROR_COLUMN not in frame:
        return frame
    values = frame.drop(columns=[ERROR_COLUMN, *percent], errors="ignore").select_dtypes("float")
    sizes, error = values.abs().replace(math.inf, math.nan), frame[ERROR_COLUMN].replace(math.inf, math.nan)
    noise = sizes.lt(error, axis=0) & sizes.lt(NEGLIGIBLE * sizes.max(axis=1), axis=0)
    return frame.assign(**{str(name): column for name, column in values.mask(noise, 0.0).items()})


def _column(values: "pd.Series[Any]", percent: Collection[str], right: Collection[str], digits: int) -> _Column:
    name = str(values.name)
    is_text = name not in right and (is_bool_dtype(values) or not is_numeric_dtype(values))
    missing = values.isna().tolist()
    if is_bool_dtype(values) or not is_numeric_dtype(values):
        cells = [printable(value) for value in values]
    elif is_integer_dtype(values):
        cells = [str(value) for value in values]
    else:
        cells = _number_cells([float(value) for value in values.astype("float64")], name, percent, digits)
        missing = [False] * len(cells)  # nan is a result too
    texts = ["" if blank else cell for blank, cell in zip(missing, cells, strict=True)]
    return _Column(printable(name), texts, is_text)


def _number_cells(numbers: list[float], name: str, percent: Collection[str], digits: int) -> list[str]:
    if name in percent:
        return [percent_text(number) for number in numbers]
    if name == ERROR_COLUMN:
        return [error_text(number) for number in numbers]
    return number_texts(numbers, digits=digits)


def _wrapped(columns: Sequence[_Column], width: int) -> list[_Column]:
    """Return the columns with the longest texts wrapped, so that all fit beside one another if they can."""
    fitted = list(columns)
    room = width - len(GAP) * (len(columns) - 1)
    while (excess := sum(column.width for column in fitted) - room) > 0:
        wide = [i for i, column in enumerate(fitted) if column.is_text and column.width > column.narrowest]
        if not wide:
            break
        widest, *others = sorted(wide, key=lambda i: -fitted[i].width)
        column = fitted[widest]
        next_widest = fitted[others[0]].width if others else 0
        target = max(column.width - excess, min(next_widest, column.width - 1), column.narrowest)
        fitted[widest] = _Column(column.name, [_wrap(cell, target) for cell in columns[widest].cells], is_text=True)
    return fitted


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False)) or text


def _line(columns: Sequence[_Column], texts: Sequence[str]) -> str:
    padded = []
    for column, text in zip(columns, texts, strict=True):
        pad = " " * (column.width - display_width(text))
        padded.append(text + pad if column.is_text else pad + text)
    return GAP.join(padded).rstrip()
