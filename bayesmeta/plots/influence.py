"""Which studies decide the answer, and which do not fit? A panel of influence statistics, a row for each study."""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_axis import PLAIN, tick_words
from bayesmeta.plots.forest_layout import POINTS_PER_MM
from bayesmeta.plots.label_rows import NARROW_PITCH, rows_height
from bayesmeta.plots.looks import GREY, LOOKS, THIN
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis, span
from bayesmeta.plots.sheet import FONT_SIZE, AxesArray, open_sheets
from bayesmeta.plots.text_size import shorten_all, widest, wrap

TITLES: Final = {
    "rstudent": "Studentised residual",
    "cook_d": "Cook's distance",
    "dffits": "DFFITS",
    "cov_r": "Covariance ratio",
    "tau2": "τ² without it",
    "weight": "Weight",
    "hat": "Leverage",
    "q": "Q without it",
    "i2": "I² without it",
    "median": "Estimate without it",
    "estimate": "Estimate without it",
    "shift": "Shift, SDs",
    "elpd_loo": "Leave-one-out log density",
    "conflict_pvalue": "Conflict P-value",
}
"""What the panels are called; those that there are are drawn from the left, as many as there is room for."""
BAYESIAN: Final = ("median", "shift", "elpd_loo", "conflict_pvalue")
CLASSICAL: Final = ("rstudent", "cook_d", "dffits", "cov_r", "tau2", "weight", "hat", "q")
MIXED_MODEL: Final = ("estimate", "shift", "tau2", "i2", "q")
PANEL_MM: Final = 18.0
"""Least width of a panel."""
TITLE: Final = 2.5
"""Font sizes that the titles below the panels take besides."""
NAMES_SHARE: Final = 0.3
"""Part of the width that the names of the studies may take."""
COOK_MEDIAN: Final = 0.4549364231195724
"""Median of chi-squared with 1 degree of freedom, beyond which Cook's distance calls a study influential."""


def influence_frame(table: pd.DataFrame, statistics: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the panels of influence statistics, one below the other.

    Parameters
    ----------
    table : DataFrame
        From `influence`.
    statistics : sequence of str, optional
        Columns of the table; by default those in `TITLES` that suit the kind of fit.

    Returns
    -------
    DataFrame
        A row per study and statistic: ``statistic``, ``study``, ``value``, ``lower`` and ``upper`` (of an estimate,
        else nan), ``influential``. ``attrs["references"]`` holds the values at which lines are drawn, by statistic:
        what is expected, and the limits beyond which a study is called influential.

    Raises
    ------
    SpecError
        If the table is not from `influence`, or does not have a statistic.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> table = bm.influence(bm.fit(studies, engine="frequentist"))
    >>> frame = influence_frame(table, ["rstudent"])
    >>> frame.loc[frame["value"].abs().idxmax(), "study"]
    'Otsubo et al.'
    """
    if not isinstance(table, pd.DataFrame) or table.index.name != "study" or not {"note"} <= set(table.columns):
        raise SpecError(f"plot_influence takes the table of bm.influence(fit); got {a_type(table)}.")
    there = [str(name) for name in table.columns if name in TITLES]
    kind = BAYESIAN if "elpd_loo" in table else CLASSICAL if "rstudent" in table else MIXED_MODEL
    names = [name for name in kind if name in there] if statistics is None else list(statistics)
    if not names:
        raise SpecError(f"statistics is empty; name some of {', '.join(there)}.")
    for name in names:
        if name not in there:
            raise SpecError(unknown_name("statistic", name, there))
    nothing = np.full(len(table), np.nan)
    parts = []
    for name in names:
        has_limits = name in ("median", "estimate")
        parts.append(
            pd.DataFrame(
                {
                    "statistic": name,
                    "study": list(table.index),
                    "value": table[name].to_numpy(dtype=np.float64),
                    "lower": table["lower"].to_numpy(dtype=np.float64) if has_limits else nothing,
                    "upper": table["upper"].to_numpy(dtype=np.float64) if has_limits else nothing,
                    "influential": table["influential"].to_numpy(dtype=bool) if "influential" in table else False,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    parameter = str(table["parameter"].iloc[0]) if "parameter" in table and len(table) else ""
    frame.attrs = {"references": _references(table), "parameter": parameter}
    return frame


def _references(table: pd.DataFrame) -> dict[str, list[float]]:
    """Return the values to which statistics are compared, as `bayesmeta.influence` does for ``influential``."""
    k = len(table)
    p = max(1, sum(str(name).startswith("dfbetas[") for name in table.columns))
    found = {
        "rstudent": [-1.96, 0.0, 1.96],
        "cov_r": [1.0],
        "shift": [0.0],
        "conflict_pvalue": [0.05],
        "weight": [1.0 / k],
    }
    if p == 1:
        found["cook_d"] = [COOK_MEDIAN]
    if k > p:
        limit = 3.0 * float(np.sqrt(p / (k - p)))
        found |= {"dffits": [-limit, 0.0, limit], "hat": [3.0 * p / k]}
    return found


def plot_influence(
    table: pd.DataFrame,
    statistics: Sequence[str] | None = None,
    *,
    axes: Any = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> AxesArray:
    """Draw influence statistics beside one another, a row for each study.

    Parameters
    ----------
    table : DataFrame
        From `influence`.
    statistics : sequence of str, optional
        Columns of the table; by default as many of the usual ones as there is room for.
    axes : array_like of Axes, optional
        Where to draw, one for each statistic; by default a new figure, as high as needed.
    width_mm : float, optional
        Width of a new figure: 170 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    array of Axes
        One for each statistic; the i-th study is at y = i, downwards.

    Raises
    ------
    SpecError
        If the table is not from `influence`, or there is no room for the statistics.

    Notes
    -----
    Studies called influential are marked by squares. Dashed lines are what is expected and the limits of `influence`.
    `influence_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> axes = plot_influence(bm.influence(bm.fit(studies, engine="frequentist")))
    """
    frame = influence_frame(table, statistics)
    names = list(dict.fromkeys(frame["statistic"]))
    width = (width_mm or 170.0) * POINTS_PER_MM
    room = max(1, int((1.0 - NAMES_SHARE) * width / (PANEL_MM * POINTS_PER_MM)))
    if axes is None and len(names) > room:
        if statistics is not None:
            raise SpecError(
                f"{len(names)} statistics do not fit into {width / POINTS_PER_MM:g} mm; name at most {room}."
            )
        names = names[:room]
    labels = [str(name) for name in dict.fromkeys(frame["study"])]
    size = fontsize or FONT_SIZE
    height = rows_height(len(labels), size, pitch=NARROW_PITCH) + TITLE * size
    sheet = open_sheets(axes, len(names), width_mm=width_mm, fontsize=fontsize, columns=len(names), panel=height)
    short = shorten_all(labels, NAMES_SHARE * (sheet.width if sheet.is_new else sheet.width * len(names)), sheet.size)
    y = np.arange(float(len(labels)))
    for i, (ax, name) in enumerate(zip(sheet.axes, names, strict=True)):
        rows = frame[frame["statistic"] == name]
        each = (1.0 - NAMES_SHARE) * width / len(names) if sheet.is_new else sheet.width
        _draw_panel(ax, rows, y, frame.attrs["references"].get(name, []), each, sheet.size)
        ax.set_yticks(y, short if i == 0 else [""] * len(short), fontsize=sheet.size, **PLAIN)
        ax.tick_params(axis="y", length=0.0)
        title = TITLES[name].replace("Estimate", frame.attrs["parameter"] or "Estimate")
        ax.set_xlabel("\n".join(wrap(title, each, sheet.size)), fontsize=sheet.size, **PLAIN)
    sheet.close(handles=_handles(frame, sheet.size), notes=_notes(table))
    return sheet.axes


def _draw_panel(ax: Axes, rows: pd.DataFrame, y: FloatArray, references: list[float], room: float, size: float) -> None:
    value, lower, upper = (rows[name].to_numpy(dtype=np.float64) for name in ("value", "lower", "upper"))
    for reference in references:
        ax.axvline(reference, color=GREY, lw=THIN, ls=LOOKS[1].line, zorder=0.5, label="_reference")
    ax.hlines(y, lower, upper, color=LOOKS[0].color, lw=THIN, label="_interval")
    influential = rows["influential"].to_numpy(dtype=bool)
    for which, look in ((~influential, LOOKS[0]), (influential, LOOKS[1])):
        style: dict[str, Any] = {"marker": look.marker, "color": look.color, "ms": 0.5 * size, "ls": "none"}
        ax.plot(value[which], y[which], label="_study", **style)
    shown = [limit for limit in references if _is_near(limit, value)]
    ax.set_xlim(*span(value, lower, upper, np.array(shown), pad=0.1))
    ax.set_ylim(y.size - 0.3, -0.7)
    ax.grid(axis="y", color=mpl.rcParams["grid.color"], lw=0.3, alpha=0.6)
    for most in (3, 2, 1):
        set_axis(ax.xaxis, AS_IT_IS, most=most)
        if _have_room(ax, room, size):
            break


def _have_room(ax: Axes, room: float, size: float) -> bool:
    """Return whether the labels of the ticks fit beside one another into `room` points."""
    low, high = ax.get_xlim()
    shown = [tick for tick in ax.xaxis.get_majorticklocs() if low <= tick <= high]
    return len(shown) * (widest(tick_words([float(f"{tick:.9g}") for tick in shown]), size) + 0.8 * size) <= room


def _is_near(limit: float, value: FloatArray) -> bool:
    """Return whether an axis that shows a limit shows the values still well."""
    seen = value[np.isfinite(value)]
    if not seen.size:
        return True
    low, high = float(seen.min()), float(seen.max())
    return low - 2.0 * (high - low) <= limit <= high + 2.0 * (high - low)


def _handles(frame: pd.DataFrame, size: float) -> list[Any]:
    if not frame["influential"].any():
        return []
    style: dict[str, Any] = {"ls": "none", "ms": 0.5 * size}
    return [
        Line2D([], [], marker=look.marker, color=look.color, label=label, **style)
        for look, label in ((LOOKS[0], "Study"), (LOOKS[1], "Influential"))
    ]


def _notes(table: pd.DataFrame) -> list[str]:
    told = table["note"][table["note"] != ""]
    return [f"{len(told)} of {len(table)} rows lack numbers ({told.index[0]}: {told.iloc[0]})."] if len(told) else []
