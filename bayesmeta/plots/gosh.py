"""Do all subsets of the studies tell the same story? GOSH: the estimates of all subsets."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.looks import LOOKS
from bayesmeta.plots.quantity_axis import (
    AS_IT_IS,
    QUANTITY_LABELS,
    is_a_proportion,
    quantity_label,
    set_axis,
    set_label,
    span,
    unit_of,
)
from bayesmeta.plots.sheet import open_sheet

HEADLINES: Final = ("p_mean", "p_median", "mu")
POINTS: Final = {"p_mean": ("mean", "estimate")}
SPREADS: Final = {"i2": "I², %", "tau_median": "Heterogeneity (tau)", "tau2": "τ²", "q": "Q", "h2": "H²"}
"""What the vertical axis may show, the first that there is by default."""
MARK_AREA: Final = 1500.0
"""Area in square points that the marks of a figure share; each has between `LEAST` and `MOST`."""
LEAST: Final = 0.6
MOST: Final = 12.0
FEWEST: Final = 2
"""Studies of a subset that has a heterogeneity."""


def gosh_frame(
    table: pd.DataFrame, *, study: str | None = None, parameter: str | None = None, spread: str | None = None
) -> pd.DataFrame:
    """Return the points of a GOSH plot.

    Parameters
    ----------
    table : DataFrame
        From `subsets`.
    study : str, optional
        Whose subsets are told apart.
    parameter : str, optional
        What is shown across; by default ``p_mean``, ``p_median`` or ``mu``, the first there is.
    spread : str, optional
        A column for the vertical axis: "i2", "tau_median", "tau2", "q" or "h2"; by default the first there is.

    Returns
    -------
    DataFrame
        A row per subset of 2 or more studies with numbers: ``subset``, ``k``, ``x``: the estimate (of a posterior the
        median, of p_mean the mean), ``spread``, and ``has_study``. ``attrs`` hold ``parameter``, ``spread``, ``study``.

    Raises
    ------
    SpecError
        If the table is not from `subsets`, or does not have what is asked for.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997")).take(range(6))
    >>> table = bm.subsets(bm.fit(studies, engine="frequentist", tau2_method="EE"))
    >>> len(gosh_frame(table))
    57
    """
    if not isinstance(table, pd.DataFrame) or "subset" not in table or "studies" not in table.attrs:
        raise SpecError(f"plot_gosh takes the table of bm.subsets(fit); got {a_type(table)}.")
    columns = [str(name) for name in table.columns]
    names = [name for name in dict.fromkeys(c.rsplit("_", 1)[0] for c in columns) if _point_column(columns, name)]
    chosen = next((name for name in HEADLINES if name in names), "") if parameter is None else parameter
    if chosen not in names:
        raise SpecError(unknown_name("parameter", chosen, names))
    there = [name for name in SPREADS if name in columns]
    vertical = spread or (there[0] if there else "")
    if vertical not in there:
        raise SpecError(unknown_name("spread", vertical, there))
    labels = list(table.attrs["studies"])
    if study is not None and study not in labels:
        raise SpecError(unknown_name("study", study, labels))
    frame: pd.DataFrame = table[["subset", "k"]].copy()
    frame["x"] = table[_point_column(columns, chosen)]
    frame["spread"] = table[vertical]
    frame["has_study"] = False if study is None else table["subset"].str[labels.index(study)] == "1"
    frame = frame[(frame["k"] >= FEWEST) & np.isfinite(frame["x"]) & np.isfinite(frame["spread"])]
    frame = frame.reset_index(drop=True)
    frame.attrs = {"parameter": chosen, "spread": vertical, "study": study}
    return frame


def _point_column(columns: list[str], name: str) -> str:
    """Return the column of a parameter's point estimate; "" if there is none."""
    wanted = [f"{name}_{kind}" for kind in POINTS.get(name, ("median", "estimate"))]
    return next((column for column in wanted if column in columns), "")


def plot_gosh(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    study: str | None = None,
    parameter: str | None = None,
    spread: str | None = None,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimates of all subsets of the studies against their heterogeneity (GOSH plot).

    Parameters
    ----------
    table : DataFrame
        From `subsets`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    study : str, optional
        A study whose subsets are told apart from those without it.
    parameter, spread
        As in `gosh_frame`.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the estimate, natural scale, y the heterogeneity.

    Raises
    ------
    SpecError
        If the table is not from `subsets`, has nothing to draw, or does not have what is asked for.

    Notes
    -----
    Separate clouds point to groups of studies. The points are one picture in an SVG or PDF. `gosh_frame` returns the
    numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997")).take(range(8))
    >>> table = bm.subsets(bm.fit(studies, engine="frequentist", tau2_method="EE"))
    >>> ax = plot_gosh(table, study="Tanabe et al.")
    """
    frame = gosh_frame(table, study=study, parameter=parameter, spread=spread)
    if frame.empty:
        raise SpecError("plot_gosh has nothing to draw: there is no subset of two or more studies with numbers.")
    name, vertical = str(frame.attrs["parameter"]), str(frame.attrs["spread"])
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax = sheet.ax
    unit = unit_of([name], float(frame["x"].median()), scale)
    area = float(np.clip(MARK_AREA / len(frame), LEAST, MOST))
    handles: list[Any] = []
    parts = [(False, LOOKS[0], f"Without {study}"), (True, LOOKS[3], f"With {study}")]
    for has, look, label in parts[: 1 if study is None else 2]:
        rows = frame[frame["has_study"] == has]
        style: dict[str, Any] = {"marker": "o" if not has else "^", "c": look.color, "linewidths": 0.0}
        ax.scatter(rows["x"], rows["spread"], s=area, alpha=0.4, rasterized=True, label="_subset", **style)
        handles.append(Line2D([], [], marker=style["marker"], color=look.color, ls="none", ms=3.5, label=label))
    ax.set_xlim(*span(frame["x"].to_numpy()))
    ax.set_ylim(*span(frame["spread"].to_numpy()))
    set_axis(ax.xaxis, unit)
    vertical_unit = AS_IT_IS if vertical != "i2" else unit_of(["p_"], 1.0, "percent")
    set_axis(ax.yaxis, vertical_unit)
    words = "" if is_a_proportion(name) else "link scale"
    set_label(ax, "x", quantity_label(name, unit, words) if name in QUANTITY_LABELS else name, sheet.size)
    set_label(ax, "y", SPREADS[vertical], sheet.size)
    possible = int(table.attrs["possible"])
    drawn = "All" if len(table) >= possible else f"A sample of {len(table)} of {possible:.6g}"
    sheet.close(
        handles=handles if study is not None else [], notes=[f"{drawn} subsets; {len(frame)} of two or more studies."]
    )
    return ax
