"""How are effects on a link scale labelled by their natural values: ratios at a log, proportions at a logit?"""

from typing import Any, Final

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.plots.forest_axis import tick_words
from bayesmeta.plots.forest_units import PROPORTION_UNITS, Unit
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis
from bayesmeta.result.quantity import is_proportion

MOST: Final = 8
RATIOS: Final = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
"""Digits of round ratios, ever fewer."""
PROPORTIONS: Final = (
    (
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995,
        0.998, 0.999,
    ),
    (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999),
    (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999),
)  # fmt: skip
"""Round proportions, ever fewer."""


def natural_unit(link: str) -> Unit:
    """Return the unit in which values with a link are printed: per cent for proportions."""
    return PROPORTION_UNITS["percent"] if is_proportion(link) else AS_IT_IS


def set_natural_axis(axis: Axis, link: str, low: float, high: float) -> None:
    """Put natural values at the ticks of an axis of the link scale that runs from `low` to `high`.

    Parameters
    ----------
    axis : Axis
        The axis.
    link : str
        Of which it has the scale; without a natural scale the values stand as they are.
    low, high : float
        Its ends, link scale.
    """
    ticks = natural_ticks(link, low, high)
    if not ticks.size:
        set_axis(axis, AS_IT_IS)
        return
    factor, inverse = natural_unit(link).factor, LINKS[link].inverse
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(FuncFormatter(lambda x, _: _words(factor * float(inverse(np.array([x]))[0]))))


def _words(value: Any) -> str:
    return tick_words([float(f"{value:.3g}")])[0]


def natural_ticks(link: str, low: float, high: float) -> FloatArray:
    """Return where round natural values lie, at most 8; none for a scale without them, or if fewer than 2 do."""
    if link == "log":
        sets = [[float(f"{d}e{p}") for p in range(-8, 9) for d in digits] for digits in RATIOS]
    elif is_proportion(link):
        sets = [list(values) for values in PROPORTIONS]
    else:
        return np.empty(0)
    found: list[FloatArray] = []
    for values in sets:
        at = LINKS[link].link(np.array(values))
        found.append(at[(at >= low) & (at <= high)])
        if found[-1].size <= MOST:
            break
    return found[-1] if found[-1].size >= 2 else np.empty(0)
