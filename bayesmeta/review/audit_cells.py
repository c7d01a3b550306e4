"""Which numbers could stand behind a printed figure: the interval that rounds to it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, final

import numpy as np

from bayesmeta.data.cells import decimals_of, is_missing, is_plain_number, plain_minus, quote, read_number

NOT_GIVEN: Final = frozenset({"-", "--", "–", "—", "nr", "ns", "ne", "not reported", "not estimable"})
"""How tables print that there is no figure, in lower case, beside what `is_missing` knows."""
SLACK: Final = 1e-9
"""Part of the last printed digit by which floating point may miss the edge of a rounding interval."""

_BOUND = re.compile(r"(?:[pP]\s*)?([<>=≤≥])\s*(.+)")


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """One printed figure, on the natural scale: proportions as fractions, whatever the table prints.

    Attributes
    ----------
    text : str
        As printed.
    value : float
        The number; of ``<0.001`` its bound.
    low, high : float
        The numbers that round to it; half a unit of the last digit either way, both ends included.
    decimals : int
        Printed digits after the point.
    factor : float
        What the natural value was multiplied with in print: 100 for per cents.
    """

    text: str
    value: float
    low: float
    high: float
    decimals: int
    factor: float = 1.0

    @property
    def half(self) -> float:
        """Half a unit of the last digit, natural scale."""
        return 0.5 * 10.0**-self.decimals / self.factor

    def holds(self, value: float) -> bool:
        """Return whether a number, natural scale, rounds to the figure; False for nan."""
        return self.meets(value, value)

    def meets(self, low: float, high: float) -> bool:
        """Return whether some number from `low` to `high` rounds to the figure."""
        slack = SLACK * self.half
        return bool(low <= self.high + slack and high >= self.low - slack)

    def printed_as(self, value: float) -> str:
        """Return a number, natural scale, with as many decimals as the figure; a small one with two digits."""
        scaled = value * self.factor
        if 0.0 < abs(scaled) < 0.5 * 10.0**-self.decimals:
            return f"{scaled:.2g}"
        return f"{scaled:.{self.decimals}f}"


def read_figure(cell: object, *, decimals: int | None = None, factor: float = 1.0) -> Figure | None:
    """Return the figure of a cell, None if nothing is printed, or raise `ValueError` that quotes it.

    Parameters
    ----------
    cell : object
        Text as printed (``"86.3"``, ``"<0.001"``, ``".05"``, ``"86.3%"``), or a number.
    decimals : int, optional
        Digits after the point, where the cell does not tell them: a number has lost its last zeros.
    factor : float
        What natural values are multiplied with in print.
    """
    if is_missing(cell) or (isinstance(cell, str) and cell.strip().lower() in NOT_GIVEN):
        return None
    sign, text = _parts(cell)
    if isinstance(text, str):
        text = text.strip().removesuffix("%").strip() if factor == 100.0 else text.strip()
        digits = decimals_of(text) if is_plain_number(plain_minus(text)) else 0
    else:
        digits = 0
    reading = read_number(text)
    if reading.fault:
        raise ValueError(quote(cell))
    if not isinstance(text, str):
        digits = decimals_of(reading.value) if decimals is None else decimals
    value, half = reading.value / factor, 0.5 * 10.0**-digits / factor
    low, high = {"<": (-inf, value), ">": (value, inf)}.get(sign, (value - half, value + half))
    shown = cell.strip() if isinstance(cell, str) else f"{reading.value:.{digits}f}"
    return Figure(shown, value, low, high, digits, factor)


def read_column(cells: Sequence[object], *, factor: float = 1.0) -> list[Figure | ValueError | None]:
    """Return the figures of a column; in the place of a cell that holds none the error that quotes it.

    Cells of text have the decimals that are written; numbers all have the decimals of the longest among them, because
    the last zeros of a number are lost.
    """
    numbers = [cell for cell in cells if not isinstance(cell, str) and not is_missing(cell)]
    finite = [float(x) for x in numbers if isinstance(x, int | float | np.number) and np.isfinite(float(x))]
    decimals = max(map(decimals_of, finite), default=0)
    found: list[Figure | ValueError | None] = []
    for cell in cells:
        try:
            found.append(read_figure(cell, decimals=decimals, factor=factor))
        except ValueError as error:
            found.append(error)
    return found


def _parts(cell: object) -> tuple[str, object]:
    """Return the sign of comparison, if there is one, and what follows it."""
    if isinstance(cell, str) and (bound := _BOUND.fullmatch(cell.strip())):
        return {"≤": "<", "≥": ">"}.get(bound[1], bound[1]), bound[2]
    return "", cell
