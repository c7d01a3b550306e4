"""Which studies make up the heterogeneity, and which move the result? Baujat's plot."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.plots.looks import LOOKS, MARK
from bayesmeta.plots.point_labels import label_points
from bayesmeta.plots.quantity_axis import AS_IT_IS, set_axis, set_label
from bayesmeta.plots.sheet import open_sheet, settle

NEEDED: Final = ("contribution", "influence", "note")
TINY: Final = 1e-300


def baujat_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the points of Baujat's plot, the most prominent first.

    Parameters
    ----------
    table : DataFrame
        From `baujat`.

    Returns
    -------
    DataFrame
        ``study``, ``contribution``, ``influence``, and ``prominence``: the distance from the origin, both axes scaled
        to their largest value. Studies without numbers are left out.

    Raises
    ------
    SpecError
        If the table is not from `baujat`.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> frame = baujat_frame(bm.baujat(bm.fit(studies, engine="frequentist", tau2_method="EE")))
    >>> frame["study"].head(2).tolist()
    ['Otsubo et al.', 'Shimoda et al.']
    """
    if not isinstance(table, pd.DataFrame) or not set(NEEDED) <= set(table.columns) or table.index.name != "study":
        raise SpecError(f"plot_baujat takes the table of bm.baujat(fit); got {a_type(table)}.")
    frame: pd.DataFrame = table[["contribution", "influence"]].reset_index()
    frame = frame[np.isfinite(frame["contribution"]) & np.isfinite(frame["influence"])]
    if frame.empty:
        raise SpecError("plot_baujat has nothing to draw: no study can be left out; it takes two or more studies.")
    across, up = (frame[name] / max(float(frame[name].max()), TINY) for name in ("contribution", "influence"))
    frame["prominence"] = np.hypot(across, up)
    return frame.sort_values("prominence", ascending=False, kind="stable", ignore_index=True)


def plot_baujat(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw each study's influence on the result against its share in the heterogeneity (Baujat's plot).

    Parameters
    ----------
    table : DataFrame
        From `baujat`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the contribution to heterogeneity, y the influence.

    Raises
    ------
    SpecError
        If the table is not from `baujat`, or holds no numbers.

    Notes
    -----
    Studies are named where there is room, the most prominent first. `baujat_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> ax = plot_baujat(bm.baujat(bm.fit(studies, engine="frequentist", tau2_method="EE")))
    """
    frame = baujat_frame(table)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize)
    ax, look = sheet.ax, LOOKS[0]
    x, y = (frame[name].to_numpy() for name in ("contribution", "influence"))
    style: dict[str, Any] = {"marker": look.marker, "color": look.color, "ms": MARK * sheet.size, "ls": "none"}
    ax.plot(x, y, clip_on=False, label="_study", **style)
    for axis, limit in ((ax.xaxis, ax.set_xlim), (ax.yaxis, ax.set_ylim)):
        top = float((x if axis is ax.xaxis else y).max()) or 1.0
        limit(-0.03 * top, 1.1 * top)
        set_axis(axis, AS_IT_IS)
    set_label(ax, "x", "Contribution to heterogeneity, (y − m)² / (SE² + τ²)", sheet.size)
    set_label(ax, "y", "Influence on the result", sheet.size)
    sheet.close()
    settle(ax)
    label_points(ax, x, y, [str(name) for name in frame["study"]], sheet.size, radius=0.5 * MARK * sheet.size)
    return ax
