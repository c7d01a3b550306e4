"""Does the answer depend on the prior? The estimates under each of a grid of priors."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.label_rows import brief_prior, draw_estimates, estimate_handle, rows_height, set_rows
from bayesmeta.plots.looks import GREY, PALE, THIN, look
from bayesmeta.plots.quantity_axis import is_a_proportion, quantity_label, set_axis, set_label, unit_of
from bayesmeta.plots.sheet import FONT_SIZE, open_sheet

NEEDED: Final = ("mu", "tau", "parameter", "mean", "median", "lower", "upper", "note")
HEADLINES: Final = ("p_mean", "p_median", "mu", "theta_new")
APART: Final = 0.62
"""Rows that the estimates of one row, under several priors of mu, take together."""
WIDE: Final = 3.0
"""Priors of mu above which a row is made higher."""


def sensitivity_frame(table: pd.DataFrame, parameter: str | None = None) -> pd.DataFrame:
    """Return the rows of a figure of prior sensitivity.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    parameter : str, optional
        One of its parameters; by default ``p_mean`` if there is one, else ``mu``.

    Returns
    -------
    DataFrame
        A row per pair of priors: ``mu``, ``tau``: the priors; ``parameter``; ``estimate``: the posterior median, of
        p_mean the mean; ``lower``, ``upper``; ``is_reference``; ``row``: from the top; ``series``: which of its
        priors of mu, or of tau where only mu varies; ``note``: why there are no numbers.

    Raises
    ------
    SpecError
        If the table is not from `sensitivity`, or does not have the parameter.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> table = bm.sensitivity(fit, tau=["HalfNormal(0.5)", "HalfCauchy(0.5)"])
    >>> sensitivity_frame(table, "tau")[["tau", "estimate", "is_reference"]].round(2)
                         tau  estimate  is_reference
    0    HalfNormal(sigma=1)      0.83          True
    1  HalfNormal(sigma=0.5)      0.69         False
    2   HalfCauchy(beta=0.5)      0.76         False
    """
    if not isinstance(table, pd.DataFrame) or not set(NEEDED) <= set(table.columns):
        raise SpecError(f"plot_sensitivity takes the table of bm.sensitivity(fit, ...); got {a_type(table)}.")
    names = [str(name) for name in pd.unique(table["parameter"])]
    chosen = next((name for name in HEADLINES if name in names), names[0]) if parameter is None else parameter
    if chosen not in names:
        raise SpecError(unknown_name("parameter", chosen, names))
    rows = table[table["parameter"] == chosen].reset_index(drop=True)
    priors = {name: [str(each) for each in pd.unique(rows[name])] for name in ("mu", "tau")}
    by_row = "tau" if len(priors["tau"]) > 1 or len(priors["mu"]) == 1 else "mu"
    other = "mu" if by_row == "tau" else "tau"
    frame = rows[["mu", "tau"]].astype(str)
    frame["parameter"] = chosen
    frame["estimate"] = rows["mean" if chosen == "p_mean" else "median"]
    frame[["lower", "upper"]] = rows[["lower", "upper"]]
    frame["is_reference"] = np.arange(len(rows)) == 0
    frame["row"] = [priors[by_row].index(each) for each in frame[by_row]]
    frame["series"] = [priors[other].index(each) for each in frame[other]]
    frame["note"] = rows["note"]
    frame.attrs = {"by_row": by_row}
    return frame


def plot_sensitivity(
    table: pd.DataFrame,
    parameter: str | None = None,
    *,
    ax: Axes | None = None,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimates under each of a grid of priors, beside those of the analysis.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    parameter : str, optional
        One of its parameters; by default ``p_mean`` if there is one, else ``mu``.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the natural scale; a row for each prior of tau (or of mu, if only that varies), the first at y = 0.

    Raises
    ------
    SpecError
        If the table is not from `sensitivity`, or does not have the parameter.

    Notes
    -----
    The band is the interval of the analysis and the line its estimate; the row of its prior is marked with an asterisk.
    `sensitivity_frame` returns the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997")))
    >>> ax = plot_sensitivity(bm.sensitivity(fit, tau=["HalfNormal(0.5)", "HalfCauchy(0.5)"]))
    """
    frame = sensitivity_frame(table, parameter)
    name, by_row = str(frame["parameter"].iloc[0]), str(frame.attrs["by_row"])
    reference = frame[frame["is_reference"]].iloc[0]
    unit = unit_of([name], float(reference["estimate"]), scale)
    count, pitch = int(frame["series"].max()) + 1, 1.0
    pitch = max(1.0, count / WIDE)
    labels = list(dict.fromkeys(frame[by_row]))
    height = rows_height(pitch * len(labels), fontsize or FONT_SIZE)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, height=height)
    ax = sheet.ax
    ax.axvspan(reference["lower"], reference["upper"], color=PALE, lw=0.0, zorder=0.4, label="_reference")
    ax.axvline(reference["estimate"], color=GREY, lw=THIN, zorder=0.5, label="_reference")
    for i, rows in frame.groupby("series"):
        y = rows["row"].to_numpy() + APART * ((int(str(i)) + 0.5) / count - 0.5)
        draw_estimates(ax, y, *_numbers(rows), look(int(str(i))), sheet.size)
    marked = [f"{brief_prior(label)} *" if label == reference[by_row] else brief_prior(label) for label in labels]
    set_rows(ax, list(range(len(labels))), marked, sheet)
    set_axis(ax.xaxis, unit)
    set_label(
        ax, "x", quantity_label(name, unit, "" if is_a_proportion(name) else "link\N{NO-BREAK SPACE}scale"), sheet.size
    )
    other = "mu" if by_row == "tau" else "tau"
    series = list(dict.fromkeys(frame[other]))
    handles = [estimate_handle(look(i), f"{other} ~ {brief_prior(text)}", sheet.size) for i, text in enumerate(series)]
    sheet.close(
        handles=handles, notes=[f"* prior of {by_row} in the analysis, whose interval is the grey band.", *_why(frame)]
    )
    return ax


def _numbers(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    point, lower, upper = (rows[name].to_numpy(dtype=np.float64) for name in ("estimate", "lower", "upper"))
    return point, lower, upper


def _why(frame: pd.DataFrame) -> list[str]:
    """Return how many pairs of priors have no numbers, and why the first has none."""
    without = frame[frame["note"] != ""]
    if without.empty:
        return []
    first = without.iloc[0]
    pair = f"mu ~ {first['mu']}, tau ~ {first['tau']}"
    return [f"{len(without)} of {len(frame)} pairs have no numbers ({pair}: {first['note']})."]
