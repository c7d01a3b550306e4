"""How is the axis of a quantity labelled: in which unit, and with which words?"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import PLAIN, tick_words
from bayesmeta.plots.forest_units import PROPORTION_UNITS, Unit
from bayesmeta.plots.forest_words import PARAMETER_LABELS
from bayesmeta.plots.text_size import shorten, wrap
from bayesmeta.result.quantity import is_proportion
from bayesmeta.result.words import effect_noun

QUANTITY_LABELS: Final[Mapping[str, str]] = MappingProxyType({**PARAMETER_LABELS, "tau": "Heterogeneity (tau)"})
"""What quantities are called on axes and above panels."""
AS_IT_IS: Final = Unit("effect", 1.0, "", "Effect", 2)
STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def is_a_proportion(parameter: str) -> bool:
    """Return whether a row of a summary is a proportion: ``"p_new"``, ``"p_mean[level]"``, ``"p[study]"``."""
    return parameter.startswith(("p_", "p["))


def unit_of(parameters: list[str], typical: float, scale: str | None) -> Unit:
    """Return the unit in which quantities are printed.

    Parameters
    ----------
    parameters : list of str
        Rows of a summary, all shown on one axis or beside one another.
    typical : float
        A typical value of the proportions among them, natural scale.
    scale : str or None
        A key of `PROPORTION_UNITS`; None: per cent from 1 % on, per 1000 from 1 in 1000 on, else per 100,000.

    Raises
    ------
    SpecError
        If the scale is unknown, or none of the quantities is a proportion.
    """
    if not any(is_a_proportion(name) for name in parameters):
        if scale is not None:
            raise SpecError(f"scale={scale!r} is for proportions, but {', '.join(parameters)} is none; leave it out.")
        return AS_IT_IS
    return proportion_unit(typical, scale)


def proportion_unit(typical: float, scale: str | None) -> Unit:
    """Return the unit of proportions, by a typical one of them unless `scale` names it."""
    if scale is not None:
        if scale not in PROPORTION_UNITS:
            raise SpecError(unknown_name("scale", scale, PROPORTION_UNITS))
        return PROPORTION_UNITS[scale]
    return PROPORTION_UNITS["percent" if typical >= 0.01 else "per 1000" if typical >= 0.001 else "per 100000"]


def link_words(fit: Any) -> str:
    """Return what a value on the link scale is: ``"logit scale"``, ``"log odds ratio"``; "" for an effect as it is."""
    link: str = fit.link
    if is_proportion(link):
        return f"{link} scale"
    if link == "log":
        return f"log {effect_noun(fit.studies, link, fit.measure)}"
    return ""


def quantity_label(parameter: str, unit: Unit, of_link: str) -> str:
    """Return what stands at the axis of a quantity.

    Parameters
    ----------
    parameter : str
        A row of a summary.
    unit : Unit
        In which proportions are printed.
    of_link : str
        From `link_words`.
    """
    kind, _, rest = parameter.partition("[")
    of = f": {rest.removesuffix(']')}" if rest and kind in QUANTITY_LABELS else ""
    label = f"{QUANTITY_LABELS[kind]}{of}" if kind in QUANTITY_LABELS else parameter
    words = unit.sign if is_a_proportion(parameter) else of_link
    return f"{label},\N{NO-BREAK SPACE}{words}" if words else label


def set_axis(axis: Axis, unit: Unit, *, most: int = 6, integer: bool = False) -> None:
    """Give an axis of natural values ticks in the unit that is printed, with true minus signs; or whole numbers."""
    axis.set_major_locator(MaxNLocator(most, steps=list(STEPS), integer=integer, min_n_ticks=min(most, 2)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_words([float(f"{unit.factor * value:.9g}")])[0]))


def set_label(ax: Axes, which: str, text: str, size: float) -> None:
    """Label an axis in the user's words, in as many lines as it needs; beside the axes, in one."""
    place = ax.get_subplotspec()
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    if which == "y":
        ax.set_ylabel(shorten(text, max(box.height * 72.0 / dpi, 8.0 * size), size), fontsize=size, **PLAIN)
        return
    room = box.width * 72.0 / dpi
    if place is not None:  # a layout that is still to come has more room than the box of now
        room = max(room, 0.86 * ax.figure.canvas.figure.get_figwidth() * 72.0 / place.get_gridspec().ncols)
    ax.set_xlabel("\n".join(wrap(text, room, size)), fontsize=size, **PLAIN)


def span(*values: FloatArray | float, pad: float = 0.04) -> tuple[float, float]:
    """Return ends of an axis that shows all finite values with some room beside them."""
    all_of_them = np.concatenate([np.ravel(np.asarray(each, dtype=np.float64)) for each in values])
    seen = all_of_them[np.isfinite(all_of_them)]
    if not seen.size:
        return 0.0, 1.0
    low, high = float(seen.min()), float(seen.max())
    room = pad * (high - low) or 0.5 * max(abs(low), 1e-3)
    return low - room, high + room
