"""How do Bayes, DerSimonian-Laird and mixed models stand beside one another? All estimates of a comparison."""

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.plots.label_rows import brief_prior, draw_estimates, estimate_handle, rows_height, set_rows
from bayesmeta.plots.looks import look
from bayesmeta.plots.quantity_axis import QUANTITY_LABELS, is_a_proportion, set_axis, set_label, unit_of
from bayesmeta.plots.sheet import FONT_SIZE, open_sheet
from bayesmeta.result.diagnosis import NOT_RELIABLE

NEEDED: Final = ("fit", "engine", "parameter", "estimate", "point", "lower", "upper", "interval", "explanation")
NUMBERS: Final = ("y", "estimate", "lower", "upper")
BAYES: Final = "Bayes, "
HEAD_ROWS: Final = 0.35
"""Rows between the estimates of one quantity and those of the next."""


def compare_frame(table: pd.DataFrame, parameters: list[str] | None = None) -> pd.DataFrame:
    """Return the rows of a figure of several fits' estimates.

    Parameters
    ----------
    table : DataFrame
        From `compare`.
    parameters : list of str, optional
        Which quantities; by default ``p_median``, ``p_mean`` and ``p_new``, or what there is of ``mu`` and
        ``theta_new``.

    Returns
    -------
    DataFrame
        The rows of the table in groups by parameter: ``parameter``, ``fit``, ``label`` (short), ``estimate``,
        ``point``, ``lower``, ``upper``, ``interval``, ``is_reliable``; ``series``: number of the fit; ``y``: where it
        is drawn, downwards.

    Raises
    ------
    SpecError
        If the table is not from `compare`, or does not have a parameter.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> frame = compare_frame(bm.compare([bm.fit(studies), bm.fit(studies, engine="frequentist")]))
    >>> frame[["parameter", "estimate", "interval"]].round(3)
      parameter  estimate interval
    0  p_median     0.791      CrI
    1  p_median     0.757       CI
    2    p_mean     0.759      CrI
    3     p_new     0.790       PI
    4     p_new     0.757       PI
    """
    if not isinstance(table, pd.DataFrame) or not set(NEEDED) <= set(table.columns):
        raise SpecError(f"plot_compare takes the table of bm.compare([...]); got {a_type(table)}.")
    there = [str(name) for name in dict.fromkeys(table["parameter"])]
    proportions = [name for name in ("p_median", "p_mean", "p_new") if name in there]
    names = parameters or proportions or [name for name in ("mu", "theta_new") if name in there]
    for name in names:
        if name not in there:
            raise SpecError(unknown_name("parameter", name, there))
    if len({is_a_proportion(name) for name in names}) > 1:
        raise SpecError(f"parameters={names!r} are on different scales; draw proportions and link scale apart.")
    fits = list(dict.fromkeys(table["fit"]))
    parts = [table[(table["parameter"] == name) & np.isfinite(table["estimate"])] for name in names]
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    frame["is_reliable"] = ~frame["explanation"].str.startswith(NOT_RELIABLE)
    frame["series"] = [fits.index(name) for name in frame["fit"]]
    short = _short_labels(table)
    frame["label"] = [short[name] for name in frame["fit"]]
    groups = [names.index(name) for name in frame["parameter"]]
    frame["y"] = np.arange(len(frame)) + (1.0 + HEAD_ROWS) * (np.array(groups) + 1.0) - 1.0
    columns = [
        "parameter",
        "fit",
        "label",
        "estimate",
        "point",
        "lower",
        "upper",
        "interval",
        "is_reliable",
        "series",
        "y",
    ]
    chosen: pd.DataFrame = frame[columns]
    return chosen


def _row_label(label: str, interval: str, is_reliable: bool) -> str:
    """Return what stands beside an estimate; where it must not be used that comes first, and the rest is short."""
    shown = label if is_reliable else f"{NOT_RELIABLE}: {label.removeprefix(BAYES)}"
    return f"{shown}, {interval}" if interval else shown


def _short_labels(table: pd.DataFrame) -> dict[str, str]:
    """Return what each fit is called beside its estimates; the legend has it in full."""
    engines = {"exact": f"{BAYES}exact", "nuts": f"{BAYES}NUTS"}
    rows = table.drop_duplicates("fit")
    short = {
        fit: engines.get(engine) or ", ".join(fit.split(", ")[:2])
        for fit, engine in zip(rows["fit"], rows["engine"], strict=True)
    }
    times = Counter(short.values())
    return {fit: f"{text} ({i + 1})" if times[text] > 1 else text for i, (fit, text) in enumerate(short.items())}


def plot_compare(
    table: pd.DataFrame,
    parameters: list[str] | None = None,
    *,
    ax: Axes | None = None,
    scale: str | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimates of several fits in groups by what they estimate.

    Parameters
    ----------
    table : DataFrame
        From `compare`.
    parameters : list of str, optional
        Which quantities; by default ``p_median``, ``p_mean`` and ``p_new``, or what there is of ``mu`` and
        ``theta_new``.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed.
    width_mm : float, optional
        Width of a new figure: 170 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the natural scale.

    Raises
    ------
    SpecError
        If the table is not from `compare`, or does not have a parameter.

    Notes
    -----
    Intervals are credible (CrI), confidence (CI) or prediction (PI) intervals, as the rows say. `compare_frame` returns
    the numbers.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> ax = plot_compare(bm.compare([bm.fit(studies), bm.fit(studies, engine="frequentist")]))
    """
    frame = compare_frame(table, parameters)
    names = list(dict.fromkeys(frame["parameter"]))
    unit = unit_of(names, float(frame["estimate"].median()), scale)
    height = rows_height(float(frame["y"].max()) + 2.0, fontsize or FONT_SIZE)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, default_mm=170.0, height=height)
    ax = sheet.ax
    for i, rows in frame.groupby("series"):
        y, point, lower, upper = (rows[name].to_numpy(dtype=np.float64) for name in NUMBERS)
        draw_estimates(ax, y, point, lower, upper, look(int(str(i))), sheet.size)
    heads = frame.groupby("parameter", sort=False)["y"].min() - 1.0
    rows_ = zip(frame["label"], frame["interval"], frame["is_reliable"], strict=True)
    labels = [_row_label(*row) for row in rows_]
    titles = [QUANTITY_LABELS.get(name, name) for name in heads.index]
    set_rows(ax, [*heads, *frame["y"]], [*titles, *labels], sheet, share=0.45)
    for text in ax.get_yticklabels()[: len(heads)]:
        text.set_fontweight("bold")
    set_axis(ax.xaxis, unit)
    set_label(ax, "x", unit.axis_label if is_a_proportion(names[0]) else "Effect, link scale", sheet.size)
    fits = frame.drop_duplicates("series").sort_values("series")
    bad = frame[~frame["is_reliable"]]
    warning = f"{NOT_RELIABLE}: do not use the estimates of {bad['fit'].iloc[0]}; see bm.diagnose." if len(bad) else ""
    handles = [
        estimate_handle(look(int(i)), fit if fit.startswith(label) else f"{label}: {brief_prior(fit)}", sheet.size)
        for i, label, fit in zip(fits["series"], fits["label"], fits["fit"], strict=True)
    ]
    sheet.close(handles=handles, warning=warning)
    return ax
