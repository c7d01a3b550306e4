"""How does the effect go with a moderator? The bubble plot of a meta-regression."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.plots.bubble_frame import bubble_frame
from bayesmeta.plots.bubbles import bubble_radii, draw_bubbles
from bayesmeta.plots.forest_fits import link_of, natural_scale, noun_of
from bayesmeta.plots.forest_units import Unit
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import LINE_WIDTH, THIN, Look, look
from bayesmeta.plots.quantity_axis import AS_IT_IS, proportion_unit, set_axis, set_label, span
from bayesmeta.plots.sheet import open_sheet
from bayesmeta.plots.warning import warning_of

__all__ = ["bubble_frame", "plot_bubble"]


def plot_bubble(
    fit: Any,
    moderator: str | None = None,
    *,
    ax: Axes | None = None,
    by: str | None = None,
    at: Mapping[str, object] | None = None,
    parameter: str | None = None,
    ci_prob: float = 0.95,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw a meta-regression: the studies as bubbles, the line with its interval and that of a new study.

    Parameters
    ----------
    fit : RegressionFit, NutsFit or FrequentistRegression
        A fit with a formula.
    moderator : str, optional
        The numeric moderator on the axis; needed if the formula has several.
    ax : Axes, optional
        Where to draw; by default a new figure.
    by, at, parameter, ci_prob
        As in `bubble_frame`.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the moderator, y the natural scale; of ratios and rates y is logarithmic.

    Raises
    ------
    SpecError
        If the fit has no formula, the moderator is none of its numeric ones, or an option is not allowed.

    Notes
    -----
    The areas of the bubbles are proportional to 1 / (se^2 + tau2). The dark band is the interval of the line, the thin
    lines that of a new study. `bubble_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year"])
    >>> ax = plot_bubble(bm.fit(studies, engine="frequentist", formula="~ year"))
    """
    frame = bubble_frame(fit, moderator, by=by, at=at, parameter=parameter, ci_prob=ci_prob)
    lines, studies = frame[frame["kind"] == "line"], frame[frame["kind"] == "study"]
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax = sheet.ax
    handles: list[Any] = []
    radius = bubble_radii(studies["weight"].to_numpy(dtype=np.float64), sheet.size)
    for i, (level, rows) in enumerate(lines.groupby("level", sort=False)):
        _draw_line(ax, rows, look(i))
        mine = (studies["level"] == level).to_numpy()
        x, y = (studies.loc[mine, name].to_numpy(dtype=np.float64) for name in ("x", "y"))
        bubbles = draw_bubbles(ax, x, y, radius[mine], look(i), f"{level}: studies" if by else "Study")
        line = Line2D(
            [], [], color=look(i).color, ls=look(i).line, lw=LINE_WIDTH, label=f"{by} = {level}" if by else "Mean"
        )
        handles += [line] if by else [bubbles, line]
    interval = "CI" if isinstance(fit, FrequentistRegression) else "CrI"
    handles.append(Patch(facecolor="0.5", alpha=0.3, label=f"{percent_words(ci_prob)} {interval}"))
    if lines["new_lower"].notna().any():
        handles.append(Line2D([], [], color="0.4", lw=THIN, ls=":", label=f"{percent_words(ci_prob)} PI"))
    _set_axes(ax, frame, fit, scale, sheet.size)
    held = frame.attrs["held"]
    notes = [f"Held at {', '.join(f'{name} = {_text(value)}' for name, value in held.items())}."] if held else []
    sheet.close(handles=handles, warning=warning_of(fit), notes=notes)
    return ax


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _draw_line(ax: Axes, rows: pd.DataFrame, look: Look) -> None:
    x = rows["x"].to_numpy(dtype=np.float64)
    ax.fill_between(x, rows["lower"], rows["upper"], color=look.color, alpha=0.18, lw=0.0, label="_interval")
    for limit in ("new_lower", "new_upper"):
        ax.plot(x, rows[limit], color=look.color, lw=THIN, ls=":", label="_new")
    ax.plot(x, rows["y"], color=look.color, ls=look.line, lw=LINE_WIDTH, label="_line")


def _set_axes(ax: Axes, frame: pd.DataFrame, fit: Any, scale: str | None, size: float) -> None:
    studies = frame[frame["kind"] == "study"]
    natural = natural_scale(fit)
    unit: Unit = proportion_unit(float(studies["y"].median()), scale) if natural == "proportion" else AS_IT_IS
    columns = ["y", "lower", "upper", "new_lower", "new_upper"]
    values = frame[columns].to_numpy(dtype=np.float64)
    if link_of(fit) == "log":
        ax.set_yscale("log")
        positive = values[np.isfinite(values) & (values > 0.0)]
        ax.set_ylim(*np.exp(span(np.log(positive), pad=0.06)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
        ax.yaxis.set_minor_formatter(lambda value, _: "")
    else:
        low, high = span(values, pad=0.08)
        ax.set_ylim(low, high)
        set_axis(ax.yaxis, unit)
    ax.set_xlim(*span(frame["x"].to_numpy(dtype=np.float64), pad=0.06))
    x = studies["x"].to_numpy(dtype=np.float64)
    set_axis(ax.xaxis, AS_IT_IS, integer=bool((x == np.round(x)).all()))
    set_label(ax, "x", str(frame.attrs["moderator"]), size)
    set_label(ax, "y", unit.axis_label if natural == "proportion" else noun_of(fit).capitalize(), size)
