"""At which values does the axis of a forest plot have ticks?"""

from collections.abc import Callable, Iterator, Sequence
from math import ceil, floor, log10
from typing import Final

import numpy as np

STEPS: Final = (1.0, 2.0, 2.5, 5.0)
MOST: Final = 8
"""More ticks than this make an axis restless."""


def choose_ticks(low: float, high: float, *, is_log: bool, fits: Callable[[Sequence[float]], bool]) -> list[float]:
    """Return as many round values from `low` to `high` as fit.

    Parameters
    ----------
    low, high : float
        Ends of the axis, the unit in print.
    is_log : bool
        Whether the axis is logarithmic.
    fits : callable
        Whether the labels of some ticks have room beside one another.

    Returns
    -------
    list of float
        At most 8, ascending; on a logarithmic axis 1, 2 and 5 times powers of ten, if it is long enough.
    """
    choices = [*_log_choices(low, high)] if is_log else []
    for ticks in [*choices, *_linear_choices(low, high)]:
        if len(ticks) <= MOST and fits(ticks):
            return ticks
    return []


def _linear_choices(low: float, high: float) -> Iterator[list[float]]:
    """Yield ever fewer multiples of a round step."""
    decade = floor(log10(high - low)) - 1
    for power in range(decade, decade + 4):
        for step in STEPS:
            size = step * 10.0**power
            first, last = ceil(low / size - 1e-9), floor(high / size + 1e-9)
            if last - first < 2 * MOST:
                yield [float(f"{i * size:.12g}") for i in range(first, last + 1)]


def _log_choices(low: float, high: float) -> Iterator[list[float]]:
    """Yield ever fewer round values, each time at least three."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for every in (1, 2, 3, 5, 10):
        for digits in ((1, 2, 5), (1, 3), (1,)) if every == 1 else ((1,),):
            ticks = [float(f"{digit}e{power}") for power in powers if power % every == 0 for digit in digits]
            seen = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
            if len(seen) >= 3:
                yield seen


def tick_words(values: Sequence[float]) -> list[str]:
    """Return the labels of ticks, with true minus signs."""
    return [f"{value:.10g}".replace("-", "−") if np.abs(value) < 1e6 else f"{value:g}" for value in values]
