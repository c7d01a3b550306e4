"""Do prior and data pull apart? The estimates as the prior, or the likelihood, counts less or more."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.power_scaling import power_scale, power_sensitivity
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.plots.forest_axis import PLAIN, tick_words
from bayesmeta.plots.forest_units import Unit
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS, THIN, Look
from bayesmeta.plots.quantity_axis import AS_IT_IS, is_a_proportion, link_words, quantity_label, set_axis, unit_of
from bayesmeta.plots.sheet import AxesArray, open_sheets
from bayesmeta.plots.text_size import wrap

ALPHA: Final = (0.5, 0.63, 0.8, 1.0, 1.25, 1.6, 2.0)
"""Powers, evenly spaced on a logarithmic axis."""
COMPONENTS: Final = {"prior": LOOKS[1], "likelihood": LOOKS[0]}


def power_frame(
    fit: ExactFit, parameters: str | Sequence[str] | None = None, *, alpha: Sequence[float] = ALPHA
) -> pd.DataFrame:
    """Return the estimates as prior and likelihood are raised to powers, and how sensitive they are to that.

    Parameters
    ----------
    fit : ExactFit
        The analysis.
    parameters : str or sequence of str, optional
        Rows of its summary; by default all.
    alpha : sequence of float
        The powers, above 0.

    Returns
    -------
    DataFrame
        ``component``: "prior" or "likelihood"; ``alpha``; ``parameter``; ``estimate``: the posterior median;
        ``lower``, ``upper``: 95 % interval; ``sensitivity`` to the component at alpha = 1, and ``verdict``, as
        `power_sensitivity` has them.

    Raises
    ------
    SpecError
        If the fit is none by quadrature, there is no such parameter, or a power is not above 0.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> power_frame(fit, "tau", alpha=[1])[["component", "estimate", "sensitivity"]].round(3)
        component  estimate  sensitivity
    0       prior     0.831        0.075
    1  likelihood     0.831        0.186
    """
    table = power_scale(fit, alpha=alpha)
    names = (
        list(fit.parameters) if parameters is None else [parameters] if isinstance(parameters, str) else [*parameters]
    )
    for name in names:
        if name not in fit.parameters:
            raise SpecError(unknown_name("parameter", name, fit.parameters))
    found: Any = power_sensitivity(fit)
    rows = table[table["parameter"].isin(names)].reset_index(drop=True)
    frame = rows[["component", "alpha", "parameter", "median", "lower", "upper"]].rename(columns={"median": "estimate"})
    pairs = zip(frame["parameter"], frame["component"], strict=True)
    frame["sensitivity"] = [float(found.at[name, component]) for name, component in pairs]
    frame["verdict"] = found["verdict"].loc[frame["parameter"]].to_numpy()
    return frame


def plot_power_scaling(
    fit: ExactFit,
    parameters: str | Sequence[str] | None = None,
    *,
    axes: Any = None,
    alpha: Sequence[float] = ALPHA,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> AxesArray:
    """Draw how estimates move as the prior, or the likelihood, is raised to a power, a panel for each parameter.

    Parameters
    ----------
    fit : ExactFit
        The analysis.
    parameters : str or sequence of str, optional
        Rows of its summary; by default all.
    axes : array_like of Axes, optional
        Where to draw, one for each panel; by default a new figure.
    alpha : sequence of float
        The powers, above 0.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 170 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    array of Axes
        x is the power, logarithmic; y the natural scale.

    Raises
    ------
    SpecError
        If the fit is none by quadrature, there is no such parameter, or a power is not above 0.

    Notes
    -----
    Lines with marks are posterior medians, those without the limits of the 95 % interval. Above each panel stand the
    sensitivities to prior and likelihood and the verdict of `power_sensitivity`. `power_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> axes = plot_power_scaling(fit, ["p_mean", "tau"], alpha=[0.8, 1, 1.25])
    """
    frame = power_frame(fit, parameters, alpha=alpha)
    names = list(dict.fromkeys(frame["parameter"]))
    proportions = [name for name in names if is_a_proportion(name)]
    typical = float(frame.loc[frame["parameter"].isin(proportions), "estimate"].median()) if proportions else 0.0
    unit = unit_of(names, typical, scale)
    sheet = open_sheets(axes, len(names), width_mm=width_mm, fontsize=fontsize, panel=140.0)
    across = max(1, round(sheet.width / 160.0)) if sheet.is_new else 1
    room = sheet.width / min(across, len(names)) - 6.0 * sheet.size
    for ax, name in zip(sheet.axes, names, strict=True):
        rows = frame[frame["parameter"] == name]
        own_unit = unit if name in proportions else AS_IT_IS
        for component, look in COMPONENTS.items():
            _draw_component(ax, rows[rows["component"] == component], look, sheet.size)
        _label(ax, rows, own_unit, quantity_label(name, own_unit, link_words(fit)), room, sheet.size)
    handles = [
        Line2D(
            [],
            [],
            color=look.color,
            ls=look.line,
            lw=LINE_WIDTH,
            marker=look.marker,
            ms=3.0,
            label=f"Power of the {name}",
        )
        for name, look in COMPONENTS.items()
    ]
    sheet.close(handles=handles, notes=["Lines with marks: posterior median; without: limits of the 95 % interval."])
    return sheet.axes


def _draw_component(ax: Axes, rows: pd.DataFrame, look: Look, size: float) -> None:
    x = rows["alpha"].to_numpy()
    style: dict[str, Any] = {"color": look.color, "ls": look.line}
    ax.plot(x, rows["estimate"], marker=look.marker, ms=0.45 * size, lw=LINE_WIDTH, label="_estimate", **style)
    for limit in ("lower", "upper"):
        ax.plot(x, rows[limit], lw=THIN, label=f"_{limit}", **style)


def _label(ax: Axes, rows: pd.DataFrame, unit: Unit, label: str, room: float, size: float) -> None:
    """Give a panel its axes, and the sensitivities and the verdict above it."""
    ax.set_xscale("log")
    powers = np.unique(rows["alpha"])
    ticks = [power for power in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0) if powers[0] <= power <= powers[-1]]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter(tick_words(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    set_axis(ax.yaxis, unit, most=5)
    ax.set_xlabel("Power (alpha)", fontsize=size)
    first: Any = rows.drop_duplicates("component").set_index("component")
    strengths = ", ".join(f"{name} {first.at[name, 'sensitivity']:.2f}" for name in COMPONENTS)
    lines = [*wrap(label, room, size), *wrap(f"{strengths}: {first['verdict'].iloc[0]}", room, size)]
    ax.set_title("\n".join(lines), fontsize=size, loc="left", **PLAIN)
