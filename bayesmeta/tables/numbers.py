"""How is a number written so that a reader sees what it says, and no more digits than that?"""

import math
from collections.abc import Iterable

from bayesmeta._validate import check_counts

MOST_DECIMALS = 5
SMALLEST_PLAIN = 1e-3
"""A number closer to 0 is written with an exponent, 2.26e-04: as 0.0002 it would lose its digits."""
LARGEST_PLAIN = 1e7
"""From here on an exponent is easier to read than counting digits."""
LARGEST_WHOLE = 1e15
"""Below it, a column of whole numbers is written in full: these are counts."""
CLOSE_PERCENT = 0.1
"""One decimal would print a per cent this close to 0 or 100 as one or no digit."""
MOST_PERCENT_DECIMALS = 12
SMALLEST_ERROR = 1e-12
"""Nobody needs to know how far below this a numerical error lies."""


def number_texts(values: Iterable[float], *, digits: int = 3) -> list[str]:
    """Return the numbers of a column with as many decimals as the smallest of them needs.

    Parameters
    ----------
    values : iterable of float
        The column. Infinite and missing values are written "inf" and "nan".
    digits : int
        Significant digits of the smallest number that is written without an exponent.

    Returns
    -------
    list of str
        One text for each value.

    Raises
    ------
    SpecError
        If `digits` is not a positive whole number.

    Examples
    --------
    >>> number_texts([1.886288, -0.053239, 0.000226, float("inf")])
    ['1.8863', '-0.0532', '2.26e-04', 'inf']
    """
    check_counts(digits=digits)
    column = [float(value) for value in values]
    if all(value.is_integer() and abs(value) < LARGEST_WHOLE for value in column if math.isfinite(value)):
        return [f"{value:.0f}" for value in column]
    plain = [abs(value) for value in column if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN]
    wanted = max(digits - 1 - _exponent(min(plain, default=1.0)), 0)
    decimals = min(wanted, max(map(_decimals_of, plain), default=0), MOST_DECIMALS)
    return [_number_text(value, decimals, digits) for value in column]


def percent_text(proportion: float) -> str:
    """Return a proportion as a per cent, with more decimals close to 0 % and 100 %.

    Parameters
    ----------
    proportion : float
        Between 0 and 1, as a rule.

    Returns
    -------
    str
        With one decimal; below 0.1 % with three significant digits, and above 99.9 % with as many decimals
        as show two digits of what is left to 100 %.

    Examples
    --------
    >>> percent_text(0.8683), percent_text(0.000226), percent_text(0.99995)
    ('86.8 %', '0.0226 %', '99.9950 %')
    """
    value, to_one = 100.0 * float(proportion), 100.0 * abs(1.0 - float(proportion))
    decimals = 1
    if 0.0 < abs(value) < CLOSE_PERCENT:
        decimals = 2 - _exponent(abs(value))
    elif 0.0 < to_one < CLOSE_PERCENT:
        decimals = 1 - _exponent(to_one)
    return f"{value:.{min(decimals, MOST_PERCENT_DECIMALS)}f} %" if math.isfinite(value) else str(value)


def error_text(error: float) -> str:
    """Return the power of ten that a numerical error stays below.

    Parameters
    ----------
    error : float
        An absolute error, 0 or more.

    Returns
    -------
    str
        For example "<1e-6".

    Examples
    --------
    >>> error_text(4.7e-8), error_text(float("nan"))
    ('<1e-7', 'nan')
    """
    if not math.isfinite(error):
        return str(float(error))
    return f"<1e{_exponent(max(error, 0.1 * SMALLEST_ERROR)) + 1}"


def _number_text(value: float, decimals: int, digits: int) -> str:
    if not math.isfinite(value) or value == 0.0:
        return str(value) if value else "0"
    if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN:
        return f"{value:.{decimals}f}"
    return f"{value:.{digits - 1}e}"


def _decimals_of(value: float) -> int:
    """Return how many decimals the shortest text for a number has."""
    return len(repr(value).partition(".")[2]) if not value.is_integer() else 0


def _exponent(value: float) -> int:
    return math.floor(math.log10(value))
