"""How many digits has a number in the printed form of a classical fit?"""

from typing import Final

_SMALLEST: Final = 0.01
"""Four decimals would leave less than three digits of a smaller number."""


def number_text(value: float) -> str:
    """Return a number with four decimals, or if it is small with four significant digits.

    Parameters
    ----------
    value : float
        Any number; nan is "nan".

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> number_text(1.886288), number_text(0.000226), number_text(0.0)
    ('1.8863', '0.000226', '0.0000')
    """
    return f"{value:.4g}" if 0.0 < abs(value) < _SMALLEST else f"{value:.4f}"
