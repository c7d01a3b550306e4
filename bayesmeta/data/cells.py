"""What number or label does one cell hold, or why does it hold none?"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, final

import numpy as np
import pandas as pd

type Fault = Literal["missing", "boolean", "percent", "thousands", "comma", "infinite", "text"]

MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null", ".", "nat"})
"""How spreadsheets, R, pandas and SAS write "no value", in lower case."""

MOST_DECIMALS = 12
"""Digits of a binary number beyond these are not a print."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PERCENT = re.compile(r"([+-]?[0-9]+(?:[.,][0-9]+)?)\s*%")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:(?:[,'\u2019\s][0-9]{3})+(?:\.[0-9]+)?|(?:\.[0-9]{3}){2,})")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_INFINITE = frozenset({"inf", "infinity", "\u221e"})
_SHOWN_LENGTH = 40


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one cell.

    Attributes
    ----------
    value : float
        The number; NaN where there is a fault (for a per cent, the fraction it stands for).
    fault : str or None
        Why the cell is not a finite number.
    shown : str
        The cell as a message quotes it.
    """

    value: float
    fault: Fault | None
    shown: str


def quote(cell: object) -> str:
    """Return the cell as a message quotes it: one line, not too long, numbers bare and text in quotes."""
    bare = isinstance(cell, bool | np.bool_ | int | float | np.number | Decimal | Fraction)
    if isinstance(cell, int) and cell.bit_length() > 8 * _SHOWN_LENGTH:  # Python refuses to print the longest
        return "a number of more than 90 digits"
    shown = str(cell) if bare else repr(cell)
    return shown if len(shown) <= _SHOWN_LENGTH else f"{shown[: _SHOWN_LENGTH - 3]}..."


def is_missing(cell: object) -> bool:
    """Return whether the cell is empty, NaN, or a word for "no value" such as ``NA``."""
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING_WORDS
    if isinstance(cell, Decimal):
        return cell.is_nan()
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return cell is None or cell is pd.NA or cell is pd.NaT


def read_number(cell: object) -> Reading:
    """Return the finite number a cell holds, or the reason why there is none.

    Parameters
    ----------
    cell : object
        A number, or text as it stood in a file.

    Returns
    -------
    Reading
        Text is read only if it is a plain number; a minus sign may be the typographic one.
    """
    shown = quote(cell)
    if is_missing(cell):
        return Reading(np.nan, "missing", shown)
    if isinstance(cell, bool | np.bool_):
        return Reading(np.nan, "boolean", shown)
    if isinstance(cell, str):
        return _read_text(plain_minus(cell), shown)
    if not isinstance(cell, int | float | np.integer | np.floating | Decimal | Fraction):
        return Reading(np.nan, "text", shown)
    return _finite(cell, shown)


def plain_minus(text: str) -> str:
    """Return the text stripped, with a typographic minus sign replaced by the plain one."""
    return text.strip().replace("\u2212", "-")


def decimals_of(cell: object) -> int:
    """Return how many digits after the point a number has: text as written, a float in its shortest form."""
    if isinstance(cell, str):
        number = Decimal(plain_minus(cell).rstrip("%").rstrip())
    else:
        number = Decimal(repr(float(cell))).normalize()  # type: ignore[arg-type]
    return min(max(-int(number.as_tuple().exponent), 0), MOST_DECIMALS)


def is_plain_number(text: str) -> bool:
    """Return whether the stripped text is a number with a decimal point, without separators or signs."""
    return _NUMBER.fullmatch(text) is not None


def read_label(cell: object) -> str:
    """Return the label of a study as text: white space collapsed, ``3.0`` as ``"3"``, missing as ``""``."""
    if is_missing(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return " ".join(str(cell).split())


def same_label_key(label: str) -> str:
    """Return what two labels share when they look the same: the Unicode normal form C."""
    return unicodedata.normalize("NFC", label)


def _read_text(text: str, shown: str) -> Reading:
    if is_plain_number(text):
        return _finite(text, shown)
    if text.lower().lstrip("+-") in _INFINITE:
        return Reading(np.nan, "infinite", shown)
    if percent := _PERCENT.fullmatch(text):
        return Reading(float(percent[1].replace(",", ".")) / 100.0, "percent", shown)
    if _THOUSANDS.fullmatch(text):
        return Reading(np.nan, "thousands", shown)
    return Reading(np.nan, "comma" if _COMMA.fullmatch(text) else "text", shown)


def _finite(number: str | int | float | np.number | Decimal | Fraction, shown: str) -> Reading:
    try:
        value = float(number)
    except OverflowError:
        value = np.inf
    return Reading(value, None, shown) if np.isfinite(value) else Reading(np.nan, "infinite", shown)
