"""In which unit are the values of a forest plot printed, and with how many decimals?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10
from types import MappingProxyType
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError


@final
@dataclass(frozen=True)
class Unit:
    """How values are printed.

    Attributes
    ----------
    name : str
        What the user chooses.
    factor : float
        What a value on the natural scale is multiplied by.
    sign : str
        What stands in the heads of columns, such as ``"%"``.
    axis_label : str
        What stands below the axis.
    least : int
        Fewest decimals.
    is_log : bool
        Whether the axis is logarithmic.
    """

    name: str
    factor: float
    sign: str
    axis_label: str
    least: int
    is_log: bool = False


PROPORTION_UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        unit.name: unit
        for unit in (
            Unit("proportion", 1.0, "", "Proportion", 2),
            Unit("percent", 100.0, "%", "Proportion, %", 1),
            Unit("per 1000", 1e3, "per 1000", "Per 1000", 1),
            Unit("per 100000", 1e5, "per 100,000", "Per 100,000", 1),
        )
    }
)
"""What `plot_forest` takes as ``scale`` for proportions."""

RATE_UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        unit.name: unit
        for unit in (
            Unit("per 1", 1.0, "", "Rate", 2, is_log=True),
            Unit("per 100", 100.0, "per 100", "Rate per 100 person-time", 1, is_log=True),
            Unit("per 1000", 1e3, "per 1000", "Rate per 1000 person-time", 1, is_log=True),
            Unit("per 100000", 1e5, "per 100,000", "Rate per 100,000 person-time", 1, is_log=True),
        )
    }
)
"""What `plot_forest` takes as ``scale`` for rates: events per so much of the person-time's own unit."""

_OTHER_UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        "ratio": Unit("ratio", 1.0, "", "Ratio", 2, is_log=True),
        "effect": Unit("effect", 1.0, "", "Effect", 1),
    }
)


_NULLS: Final[Mapping[str, float]] = MappingProxyType({"ratio": 1.0, "effect": 0.0})


def null_of(natural_scale: str) -> float | None:
    """Return the value of no effect, for values that have one."""
    return _NULLS.get(natural_scale)


def axis_label(unit: Unit, natural_scale: str, noun: str) -> str:
    """Return what stands below the axis: the unit of proportions and rates, else what the values are."""
    return unit.axis_label if natural_scale in (noun, "rate") else noun.capitalize()


def choose_unit(natural_scale: str, scale: str | None, frame: pd.DataFrame) -> Unit:
    """Return the unit for a kind of value.

    Parameters
    ----------
    natural_scale : {"proportion", "rate", "ratio", "effect"}
        What the values are.
    scale : str or None
        A name in `PROPORTION_UNITS` or, for rates, in `RATE_UNITS`. None: by the first estimate below the studies,
        per cent from 1 % on, per 1000 from 1 in 1000 on, else per 100,000; rates from 0.1 on as they are, from 0.01 on
        per 100, and so on.
    frame : DataFrame
        What is drawn.

    Raises
    ------
    SpecError
        If the scale is unknown, or one is given for values that are no proportions and no rates.
    """
    if natural_scale not in ("proportion", "rate"):
        if scale is not None:
            raise SpecError(f"scale={scale!r} is for proportions, but the values are {natural_scale}s; leave it out.")
        return _OTHER_UNITS[natural_scale]
    units = PROPORTION_UNITS if natural_scale == "proportion" else RATE_UNITS
    if scale is not None:
        if scale not in units:
            raise SpecError(unknown_name("scale", scale, units))
        return units[scale]
    typical = _typical(frame)
    if typical < 0.01:
        return units["per 1000" if typical >= 0.001 else "per 100000"]
    if natural_scale == "proportion":
        return units["percent"]
    return units["per 100" if typical < 0.1 else "per 1"]


def _typical(frame: pd.DataFrame) -> float:
    """Return the first estimate; where none is shown, the median of the studies."""
    estimates = frame.loc[frame["kind"] == "summary", "estimate"]
    return float(estimates.iloc[0] if len(estimates) else frame["estimate"].median())


def decimals(unit: Unit, frame: pd.DataFrame) -> int:
    """Return the decimals that show the narrowest interval of a summary with two digits."""
    rows = frame[frame["kind"] == "summary"]
    rows = rows if len(rows) else frame
    widths = unit.factor * (rows["upper"] - rows["lower"]).to_numpy(dtype=np.float64)
    widths = widths[np.isfinite(widths) & (widths > 0.0)]
    if not widths.size:
        return unit.least
    return max(unit.least, 1 - floor(log10(widths.min())))


def value_words(unit: Unit, places: int, value: float) -> str:
    """Return a value as it is printed, with a true minus sign."""
    if not isfinite(value):
        return "–∞" if value < 0 else "∞"
    text = f"{unit.factor * value:.{places}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def interval_words(unit: Unit, places: int, lower: float, upper: float) -> str:
    """Return an interval as it is printed: joined by a dash, or by "to" if a limit is negative."""
    low, high = (value_words(unit, places, value) for value in (lower, upper))
    return f"{low} to {high}" if lower < 0.0 else f"{low}–{high}"
