"""Do small studies lie to one side? The funnel plot, by standard error or by size, with contours."""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.trim_fill import TrimFill
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_fits import noun_of
from bayesmeta.plots.forest_words import percent_words
from bayesmeta.plots.funnel_frame import CONTOURS, Funnel, funnel_frame
from bayesmeta.plots.looks import LINE_WIDTH, LOOKS, MARK, THIN
from bayesmeta.plots.natural_ticks import natural_unit, set_natural_axis
from bayesmeta.plots.point_labels import label_points
from bayesmeta.plots.quantity_axis import AS_IT_IS, proportion_unit, set_axis, set_label, span
from bayesmeta.plots.sheet import open_sheet, settle
from bayesmeta.plots.warning import warning_of

__all__ = ["funnel_frame", "plot_funnel"]

LABELS: Final = ("outside", "all", "none")


def plot_funnel(
    fit: Any,
    *,
    ax: Axes | None = None,
    size: str | None = None,
    contours: Sequence[float] = CONTOURS,
    null: float | None = None,
    labels: str = "outside",
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw a funnel plot with contours.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit, GlmmFit or TrimFill
        Whose studies are shown, and whose pooled value is the vertical line; a `TrimFill` shows the filled studies too.
    ax : Axes, optional
        Where to draw; by default a new figure.
    size : {"n", "se"}, optional
        The vertical axis. By default "n" for proportions and rates, whose standard errors are functions of their
        estimates and make funnels skewed where nothing is missing; else "se".
    contours : sequence of float
        Probabilities of the limits, at most 4.
    null : float, optional
        About what the limits lie, natural scale: by default no effect; for proportions and rates the pooled value.
    labels : {"outside", "all", "none"}
        Which studies are named, where there is room: those beyond the outermost limits, all, or none.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        By "n" x is the natural scale and y the number of patients, or the person-time; by "se" x is the link scale
        and y the standard error, downwards.

    Raises
    ------
    SpecError
        If the fit has moderators, or an option is not allowed.

    Notes
    -----
    The limits are those of chance alone, without heterogeneity; asymmetry is not publication bias (see
    `small_study_tests`). `funnel_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> ax = plot_funnel(bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")))
    """
    if labels not in LABELS:
        raise SpecError(unknown_name("labels", labels, LABELS))
    frame = funnel_frame(fit, size=size, contours=contours, null=null)
    own = fit.fit if isinstance(fit, TrimFill) else fit
    funnel: Funnel = frame.attrs["funnel"]
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax = sheet.ax
    points = frame[frame["kind"] != "limit"]
    handles = [*_draw_limits(ax, frame[frame["kind"] == "limit"], funnel)]
    ax.axvline(funnel.centre, color=mpl.rcParams["text.color"], lw=LINE_WIDTH, zorder=1.5, label="_centre")
    handles.append(Line2D([], [], color=mpl.rcParams["text.color"], lw=LINE_WIDTH, label=f"Pooled{_estimand_of(own)}"))
    handles += _draw_points(ax, points, sheet.size)
    _set_axes(ax, frame, funnel, own, scale, sheet.size)
    notes = [] if funnel.null == funnel.centre else [f"Contours lie about {_null_words(funnel)}."]
    sheet.close(handles=handles, warning=warning_of(own), notes=notes)
    if labels != "none":
        settle(ax)
        _name_points(ax, points, labels, contours, sheet.size)
    return ax


def _estimand_of(fit: Any) -> str:
    """Return which proportion the line is, in brackets; nothing for other effects."""
    named = [name for name in ("p_median", "p_mean") if name in fit.summary().index]
    return f" ({named[0]})" if named else ""


def _draw_limits(ax: Axes, limits: pd.DataFrame, funnel: Funnel) -> list[Artist]:
    """Draw the limits, the areas between them ever paler outwards, and return what the legend shows of them."""
    handles: list[Artist] = []
    probs = sorted(limits["prob"].unique())
    shades = np.linspace(0.80, 0.94, len(probs))
    color = mpl.rcParams["text.color"]
    for i, prob in reversed(list(enumerate(probs))):
        rows = limits[limits["prob"] == prob]
        ax.fill_betweenx(rows["size"], rows["lower"], rows["upper"], color=str(shades[i]), lw=0.0, label="_area")
    for i, prob in enumerate(probs):
        rows = limits[limits["prob"] == prob]
        style: dict[str, Any] = {"color": color, "ls": LOOKS[i].line, "lw": THIN, "label": "_limit"}
        for side in ("lower", "upper"):
            ax.plot(rows[side], rows["size"], **style)
        face: dict[str, Any] = {"facecolor": str(shades[i]), "edgecolor": color, "ls": LOOKS[i].line, "lw": THIN}
        name = "limits" if funnel.null == funnel.centre else "contour"
        handles.append(Patch(label=f"{percent_words(prob)} {name}", **face))
    return handles


def _draw_points(ax: Axes, points: pd.DataFrame, size: float) -> list[Artist]:
    handles: list[Artist] = []
    looks = {"study": (LOOKS[0], LOOKS[0].color, "Study"), "filled": (LOOKS[1], "white", "Filled in")}
    for kind, rows in points.groupby("kind", sort=False):
        look, face, label = looks[str(kind)]
        style: dict[str, Any] = {"marker": look.marker, "mfc": face, "mec": look.color, "ms": MARK * size, "ls": "none"}
        ax.plot(rows["x"], rows["size"], zorder=3, label=f"_{kind}", **style)
        handles.append(Line2D([], [], label=label, **style))
    return handles


def _set_axes(ax: Axes, frame: pd.DataFrame, funnel: Funnel, fit: Any, scale: str | None, size: float) -> None:
    points = frame[frame["kind"] != "limit"]
    noun = noun_of(fit)
    limits = frame[frame["kind"] == "limit"]
    if funnel.by == "se":
        ax.set_ylim(float(points["size"].max()) * 1.08, 0.0)
        ax.set_xlim(
            *span(points["x"].to_numpy(), funnel.centre, funnel.null, limits[["lower", "upper"]].to_numpy(), pad=0.02)
        )
        set_natural_axis(ax.xaxis, funnel.link, *ax.get_xlim())
        set_axis(ax.yaxis, AS_IT_IS)
        set_label(ax, "y", "Standard error", size)
        unit = natural_unit(funnel.link)
        set_label(ax, "x", unit.axis_label if unit is not AS_IT_IS else noun.capitalize(), size)
        return
    ax.set_yscale("function", functions=(_root, np.square))
    low, high = float(points["size"].min()), float(points["size"].max())
    ax.set_ylim(0.8 * low, 1.1 * high)
    unit = proportion_unit(funnel.centre, scale) if funnel.by == "n" else AS_IT_IS
    seen = limits[limits["size"] >= low][["lower", "upper"]].to_numpy()
    first, last = span(points["x"].to_numpy(), seen, pad=0.03)
    ax.set_xlim(max(first, -0.02 * (last - first)), min(last, 1.02) if funnel.by == "n" else last)
    set_axis(ax.xaxis, unit)
    set_axis(ax.yaxis, AS_IT_IS, integer=funnel.by == "n")
    set_label(ax, "y", "Number of patients (n)" if funnel.by == "n" else "Person-time", size)
    set_label(ax, "x", unit.axis_label if funnel.by == "n" else noun.capitalize(), size)


def _root(value: Any) -> Any:
    return np.sqrt(np.maximum(value, 0.0))


def _null_words(funnel: Funnel) -> str:
    value = float(LINKS[funnel.link].inverse(np.array([funnel.null]))[0])
    return f"{value:.4g}, not about the pooled value"


def _name_points(ax: Axes, points: pd.DataFrame, labels: str, contours: Sequence[float], size: float) -> None:
    order = np.argsort(points["tail"].to_numpy(), kind="stable")
    if labels == "outside":
        beyond = 1.0 - max(contours, default=0.95)
        order = order[points["tail"].to_numpy()[order] < beyond]
    x, y = (points[name].to_numpy(dtype=np.float64) for name in ("x", "size"))
    names = [str(name) for name in points["study"]]
    label_points(ax, x, y, names, size, radius=0.5 * MARK * size, order=order)
