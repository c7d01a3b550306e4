"""How is the axis of a forest plot made: from where to where does it run, and where are its ticks?"""

from collections.abc import Callable, Iterator, Sequence
from math import ceil, floor, isfinite, log10
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_content import SINGLE
from bayesmeta.plots.forest_layout import Layout
from bayesmeta.plots.forest_style import ForestStyle
from bayesmeta.plots.forest_units import PROPORTION_UNITS, Unit
from bayesmeta.plots.text_size import shorten, text_width, widest

PLAIN: Final[dict[str, Any]] = {"parse_math": False, "usetex": False}
"""Labels are the user's words: a dollar or an ampersand in them is no mathematics."""
STEPS: Final = (1.0, 2.0, 2.5, 5.0)
MOST: Final = 8
"""More ticks than this make an axis restless."""
PAD: Final = 0.025
"""The part of the range by which the axis is longer at each end, so that marks at 0 and 1 have room."""
CUT_MARGIN: Final = 0.05
"""How much longer the axis is, in parts of the range that must be seen, where intervals are cut."""
NEAR: Final = 0.2
"""Distance from 0 or 1, in parts of the range, from which on the axis of a proportion reaches that bound."""

FARTHEST_PROPORTION: Final = 2.0
"""Above 1, to which limits of a normal approximation may extend; beyond this one per cent are meant."""


def axis_range(
    unit: Unit, frame: pd.DataFrame, xlim: tuple[float, float] | None, lines: Sequence[float] = ()
) -> tuple[float, float]:
    """Return from where to where the axis runs, natural scale.

    Parameters
    ----------
    unit : Unit
        The unit in print; it says whether the axis is logarithmic.
    frame : DataFrame
        What is drawn.
    xlim : tuple of float or None
        What the user wants instead.
    lines : sequence of float
        Values of reference lines, which are shown too.

    Raises
    ------
    SpecError
        If `xlim` is no range.

    Notes
    -----
    All estimates, the intervals of the summaries and a typical interval of a study are shown; other limits
    only if they lie no further away than the width of that range: what lies beyond is cut, and has an arrow.
    A range that comes close to a bound of the proportions, 0 or 1, reaches it.
    """
    if xlim is not None:
        return _checked(unit, xlim)
    forth, back = (np.log, np.exp) if unit.is_log else (np.asarray, np.asarray)
    with np.errstate(divide="ignore"):
        core = _finite(forth(np.append(_core(frame), lines)))
        limits = _finite(forth(frame[["lower", "upper"]].to_numpy(dtype=np.float64).ravel()))
    low, high = back(_with_limits(float(core.min()), float(core.max()), limits)).tolist()
    return _to_the_bounds(low, high) if unit in PROPORTION_UNITS.values() else (low, high)


def _with_limits(low: float, high: float, limits: FloatArray) -> tuple[float, float]:
    """Return the range that also shows the limits which are not too far from it."""
    reach = (high - low) or max(abs(low), 1.0)
    near = limits[(limits >= low - reach) & (limits <= high + reach)]
    margin = CUT_MARGIN * reach
    wider_low = min(low, near.min(initial=low)) - margin * bool(limits.min() < low - reach)
    wider_high = max(high, near.max(initial=high)) + margin * bool(limits.max() > high + reach)
    if wider_low == wider_high:
        return low - 0.5 * reach, high + 0.5 * reach
    return float(wider_low), float(wider_high)


def _core(frame: pd.DataFrame) -> FloatArray:
    """Return what must be seen: estimates, limits of the summaries, and median limits of the studies."""
    studies, pooled = frame[frame["kind"].isin(SINGLE)], frame[frame["kind"] == "summary"]
    typical = (
        studies["lower"].quantile(0.5, interpolation="higher"),
        studies["upper"].quantile(0.5, interpolation="lower"),
    )
    points = frame[["estimate", "shrunken"]].to_numpy(dtype=np.float64)
    limits = pooled[["lower", "upper"]].to_numpy(dtype=np.float64)
    return np.concatenate([points.ravel(), typical, limits.ravel()])


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _to_the_bounds(low: float, high: float) -> tuple[float, float]:
    near = NEAR * (high - low)
    low, high = max(low, 0.0), min(high, 1.0)
    return (0.0 if low < near else low), (1.0 if high > 1.0 - near else high)


def _checked(unit: Unit, xlim: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in xlim)
    except (TypeError, ValueError):
        raise SpecError(f"xlim={xlim!r} must be two values, such as (0, 1).") from None
    if unit in PROPORTION_UNITS.values() and high > FARTHEST_PROPORTION:
        raise SpecError(f"xlim={xlim!r} is in the unit in print; give proportions, 0.2 for 20 %.")
    if not (isfinite(low) and isfinite(high) and low < high) or (unit.is_log and low <= 0.0):
        above = ", above 0," if unit.is_log else ""
        raise SpecError(f"xlim={xlim!r} must be two finite values{above} in ascending order, natural scale.")
    return low, high


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


def axes_size(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in points."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return box.width * 72.0 / dpi, box.height * 72.0 / dpi


def padded(unit: Unit, ends: tuple[float, float]) -> tuple[float, float]:
    """Return the range of the axis with room for marks at its ends."""
    forth, back = (np.log, np.exp) if unit.is_log else (np.asarray, np.asarray)
    low, high = forth(ends)
    pad = PAD * (high - low)
    return float(back(low - pad)), float(back(high + pad))


def set_limits(ax: Axes, layout: Layout, unit: Unit, ends: tuple[float, float]) -> None:
    """Give the axes limits with which the marks, from end to end of the axis, stand between the columns."""
    forth, back = (np.log, np.exp) if unit.is_log else (np.asarray, np.asarray)
    low, high = forth(ends)
    left, right = layout.across.plot
    width = (high - low) / (right - left)
    if unit.is_log:
        ax.set_xscale("log")
    ax.set_xlim(*back([low - left * width, low + (1.0 - left) * width]))
    top, bottom = layout.y_ends
    ax.set_ylim(bottom, top)
    ax.set_autoscale_on(False)


def strip_axes(ax: Axes) -> None:
    """Take ticks, grid and frame away, so that nothing stands outside the box of the axes."""
    ax.grid(visible=False, which="both")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def draw_axis(ax: Axes, label: str, layout: Layout, unit: Unit, ends: tuple[float, float], style: ForestStyle) -> None:
    """Draw the axis below the marks, with ticks in the unit that is printed, and its label."""
    low, high = ends
    width, size = axes_size(ax)[0], layout.size

    def fits(ticks: Sequence[float]) -> bool:
        needed = (widest(tick_words(ticks), size) + 0.8 * size) * len(ticks)
        return needed <= (layout.across.plot[1] - layout.across.plot[0]) * width

    ticks = choose_ticks(unit.factor * low, unit.factor * high, is_log=unit.is_log, fits=fits)
    ax.xaxis.set_major_locator(FixedLocator([tick / unit.factor for tick in ticks]))
    ax.xaxis.set_major_formatter(FixedFormatter(tick_words(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    spine = ax.spines["bottom"]
    spine.set(visible=True, position=("data", layout.y_axis), bounds=(low, high), linewidth=style.rule_width)
    below = {"bottom": True, "labelbottom": True, "top": False, "labeltop": False, "labelrotation": 0.0}
    family = {} if style.font is None else {"labelfontfamily": style.font}
    ax.tick_params(
        axis="x", direction="out", labelsize=size, length=2.5, width=style.rule_width, pad=1.5, **below, **family
    )
    text = shorten(label, width, size)
    half = 0.5 * text_width(text, size) / width
    middle = min(max(0.5 * sum(layout.across.plot), half), 1.0 - half)
    ax.set_xlabel(text, fontsize=size, labelpad=0.0, ha="center", loc=None, **PLAIN)
    if style.font is not None:
        ax.xaxis.label.set_fontfamily(style.font)
    ax.xaxis.set_label_coords(middle, layout.y_axis_label, transform=ax.get_yaxis_transform())
