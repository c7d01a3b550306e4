"""How are posterior distributions drawn, each with its prior, a point and an interval?"""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import Bayesian
from bayesmeta.plots.forest_axis import PLAIN
from bayesmeta.plots.forest_units import Unit, interval_words, value_words
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS
from bayesmeta.plots.posterior_frame import AT_BOUND, posterior_frame
from bayesmeta.plots.quantity_axis import (
    AS_IT_IS,
    is_a_proportion,
    link_words,
    quantity_label,
    set_axis,
    set_label,
    unit_of,
)
from bayesmeta.plots.sheet import AxesArray, open_sheets
from bayesmeta.plots.warning import warning_of

__all__ = ["plot_posterior", "posterior_frame"]

OWN, BEFORE = LOOKS[0], LOOKS[1]
HEAD_ROOM = 1.08
INNER = (0.01, 0.99)
"""Quantiles of the points of a curve between which its peak is looked for: at 0 and 1 it may be infinite."""
INTERVAL_NAMES = {"eti": "equal-tailed", "hdi": "shortest"}


def plot_posterior(
    fit: Bayesian,
    parameters: str | Sequence[str] | None = None,
    *,
    axes: Any = None,
    prior: bool = True,
    point: str = "median",
    ci_prob: float = 0.95,
    ci_kind: str = "eti",
    scale: str | None = None,
    seed: int | np.random.Generator | None = 1,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> AxesArray:
    """Draw posterior distributions with their priors, a panel for each.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        A Bayesian fit.
    parameters : str or sequence of str, optional
        Rows of its summary, or any name that ``fit.marginal`` takes; by default all rows.
    axes : array_like of Axes, optional
        Where to draw, one for each panel; by default a new figure.
    prior, point, ci_prob, ci_kind, seed
        As in `posterior_frame`.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed; by default as in `plot_forest`.
    width_mm : float, optional
        Width of a new figure: 170 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    array of Axes
        One for each panel; x is the natural scale, whatever the unit in print.

    Raises
    ------
    SpecError
        If the fit is not Bayesian, there is no such quantity, or an option is not allowed.

    Notes
    -----
    The dark area is the interval, the line with a circle the point; the dashed line is the prior, of derived quantities
    the one that the priors of mu and tau induce. `posterior_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> axes = plot_posterior(fit, ["p_mean", "tau"], ci_kind="hdi")
    """
    frame = posterior_frame(fit, parameters, prior=prior, point=point, ci_prob=ci_prob, ci_kind=ci_kind, seed=seed)
    names = list(dict.fromkeys(frame["parameter"]))
    points = frame[frame["kind"] == "point"].set_index("parameter")["x"]
    proportions = [name for name in names if is_a_proportion(name)]
    unit = unit_of(names, float(points[proportions].median()) if proportions else 0.0, scale)
    sheet = open_sheets(axes, len(names), width_mm=width_mm, fontsize=fontsize)
    for ax, name in zip(sheet.axes, names, strict=True):
        own_unit = unit if name in proportions else AS_IT_IS
        _draw_panel(ax, frame[frame["parameter"] == name], own_unit, sheet.size)
        set_label(ax, "x", quantity_label(name, own_unit, link_words(fit)), sheet.size)
    handles = _handles(frame, f"{percent_words(ci_prob)} CrI, {INTERVAL_NAMES[ci_kind]}", point)
    sheet.close(handles=handles, warning=warning_of(fit), notes=_notes(frame))
    return sheet.axes


def _notes(frame: pd.DataFrame) -> list[str]:
    missing: dict[str, str] = frame.attrs["without_prior"]
    return [f"No prior is drawn of {', '.join(missing)}: {next(iter(missing.values()))}"] if missing else []


def _draw_panel(ax: Axes, rows: pd.DataFrame, unit: Unit, size: float) -> None:
    curves = dict(iter(rows[rows["kind"] == "curve"].groupby("distribution")))
    x, density = (curves["posterior"][name].to_numpy() for name in ("x", "density"))
    marks: Any = rows[rows["kind"] != "curve"].set_index("kind")
    at, lower, upper = (float(marks.at[kind, "x"]) for kind in ("point", "lower", "upper"))
    top = HEAD_ROOM * _peak(density)
    inside = (x >= lower) & (x <= upper)
    ax.fill_between(x, density, color=OWN.color, alpha=0.15, lw=0.0, label="_area")
    ax.fill_between(x[inside], density[inside], color=OWN.color, alpha=0.35, lw=0.0, label="_interval")
    if "prior" in curves:
        before = curves["prior"]
        ax.plot(before["x"], before["density"], color=BEFORE.color, ls=BEFORE.line, lw=LINE_WIDTH, label="_prior")
        top = max(top, HEAD_ROOM * min(_peak(before["density"].to_numpy()), 2.0 * top))
    ax.plot(x, density, color=OWN.color, lw=LINE_WIDTH, label="_posterior")
    height = min(float(marks.at["point", "density"]), top)
    style: dict[str, Any] = {"color": mpl.rcParams["text.color"], "lw": LINE_WIDTH, "label": "_point"}
    ax.plot([at, at], [0.0, height], marker="o", ms=0.55 * size, markevery=[0], clip_on=False, zorder=3, **style)
    ax.set_xlim(*_ends(str(rows["parameter"].iloc[0]), x))
    ax.set_ylim(0.0, top)
    ax.set_yticks([])
    set_axis(ax.xaxis, unit, most=5)
    places = _places(unit, lower, upper)
    words = f"{value_words(unit, places, at)} ({interval_words(unit, places, lower, upper)})"
    ax.set_title(words, fontsize=size, loc="left", **PLAIN)


def _ends(name: str, x: FloatArray) -> tuple[float, float]:
    """Return the ends of the axis: the bounds of the quantity where the curve comes next to them."""
    low, high = float(x[0]), float(x[-1])
    near = 2.0 * AT_BOUND * (high - low)
    is_bounded = is_a_proportion(name)
    return 0.0 if low < near and (is_bounded or name == "tau") and low > 0.0 else low, (
        1.0 if is_bounded and high > 1.0 - near else high
    )


def _places(unit: Unit, lower: float, upper: float) -> int:
    """Return the decimals that show an interval with two digits."""
    width = unit.factor * (upper - lower)
    return max(unit.least, 1 - int(np.floor(np.log10(width)))) if 0.0 < width < np.inf else unit.least


def _peak(density: FloatArray) -> float:
    """Return the highest density, but for the outermost points."""
    first, last = (int(q * density.size) for q in INNER)
    inner = density[first : last + 1]
    return float(inner[np.isfinite(inner)].max())


def _handles(frame: pd.DataFrame, interval: str, point: str) -> list[Artist]:
    color = mpl.rcParams["text.color"]
    handles: list[Artist] = [
        Line2D([], [], color=OWN.color, lw=LINE_WIDTH, label="Posterior"),
        Patch(facecolor=OWN.color, alpha=0.45, label=interval),
        Line2D([], [], color=color, lw=LINE_WIDTH, marker="o", ms=3.0, label=point.capitalize()),
    ]
    if (frame["distribution"] == "prior").any():
        handles.append(Line2D([], [], color=BEFORE.color, ls=BEFORE.line, lw=LINE_WIDTH, label="Prior"))
    return handles
