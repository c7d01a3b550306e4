"""How good are the studies? Traffic lights by study and item, and bars by item."""

from collections.abc import Mapping
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesmeta.plots.forest_axis import PLAIN
from bayesmeta.plots.forest_judgements import EDGE_COLOR, SIGNS, draw_light, meaning_of
from bayesmeta.plots.forest_style import JUDGEMENTS, Judgement
from bayesmeta.plots.label_rows import LABEL_SHARE, rows_height, set_rows
from bayesmeta.plots.looks import GREY, PALE, THIN
from bayesmeta.plots.quality_frame import OVERALL, quality_summary_frame, traffic_light_frame
from bayesmeta.plots.quantity_axis import set_label
from bayesmeta.plots.sheet import FONT_SIZE, Sheet, open_sheet, settle
from bayesmeta.plots.text_size import text_width, widest
from bayesmeta.review.quality import Quality
from bayesmeta.review.quality_tools import NOT_APPLICABLE

PITCH: Final = 1.9
"""Height of a row in font sizes."""
LARGEST: Final = 0.8
"""Diameter of a light, in parts of the room that it has."""
BAR: Final = 0.72
"""Height of a bar, in parts of its row."""
LABELS: Final = 0.33
"""Part of the width that the studies' labels may take beside more than a `FEW` items."""
FEW: Final = 8
SMALLEST: Final = 5.0
"""Points: smaller letters are not read."""
TEXT_SHARE: Final = 0.5
"""Part of the width that the items' texts may take beside bars."""


def plot_traffic_light(
    quality: Quality,
    *,
    tool: str | None = None,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the judgement of each study and item as a circle with a mark in it (robvis's traffic-light plot).

    Parameters
    ----------
    quality : Quality
        From `read_quality`.
    tool : str, optional
        Which tool, if the table uses several.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        Items are at x = 0, 1, ..., studies at y = 0, 1, ... from the top.

    Raises
    ------
    SpecError
        If it is no `Quality`, or the tool is not among its tools.

    Notes
    -----
    Each mark tells the judgement in grey, too. Totals of points stand at the right; of a printed one that is not the
    sum of its items both are shown, and a note says so. Blank: not applicable, or an answer that is not allowed.
    `traffic_light_frame` returns the judgements.

    References
    ----------
    .. [1] L. A. McGuinness, J. P. T. Higgins. Risk-of-bias VISualization (robvis). Research Synthesis Methods 12:55-61,
       2021. doi:10.1002/jrsm.1411

    Examples
    --------
    >>> import bayesmeta as bm
    >>> quality = bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep")
    >>> ax = plot_traffic_light(quality, tool="MINORS")
    """
    frame = traffic_light_frame(quality, tool=tool)
    items, studies = (list(dict.fromkeys(frame[name])) for name in ("item", "study"))
    height = rows_height(len(studies) + 1, fontsize or FONT_SIZE, pitch=PITCH)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, height=height)
    has_totals = quality.tool(tool).has_points
    totals = _totals(frame) if has_totals else {}
    ax, size = sheet.ax, sheet.size
    set_rows(ax, list(range(len(studies))), studies, sheet, share=LABELS if len(items) > FEW else LABEL_SHARE)
    room = 0.0 if not has_totals else max(1.0, _columns_of_text(totals, len(items), sheet))
    ax.set_xlim(-0.5, len(items) - 0.5 + room)
    heads = [*items, "Total"] if has_totals else items
    ax.set_xticks([*range(len(items)), *([len(items) - 0.5 + 0.5 * room] if has_totals else [])], heads, **PLAIN)
    ax.tick_params(axis="x", top=False, bottom=False, labeltop=True, labelbottom=False, labelsize=size)
    ax.spines[:].set_visible(False)
    ax.hlines(np.arange(len(studies) + 1) - 0.5, *ax.get_xlim(), color=PALE, lw=THIN, label="_rules")
    sheet.close(notes=_notes(frame, quality, tool))
    settle(ax)
    _fit_heads(ax, heads, size)
    _draw_lights(ax, frame, items, studies)
    for i, study in enumerate(studies):
        if totals:
            x = len(items) - 0.5 + 0.5 * room
            ax.text(x, i, totals[study], ha="center", va="center", fontsize=size, **PLAIN)
    return ax


def _fit_heads(ax: Axes, heads: list[str], size: float) -> None:
    """Make the letters of the items' codes as small as their columns need, as far as they can be read."""
    step = ax.get_window_extent().width * 72.0 / ax.figure.dpi / float(np.ptp(ax.get_xlim()))
    wanted = size * (step - 1.0) / widest(heads[:-1], size) if len(heads) > 1 else size
    for label in ax.get_xticklabels():
        label.set_fontsize(min(size, max(SMALLEST, wanted)))


def _columns_of_text(totals: Mapping[str, str], count: int, sheet: Sheet) -> float:
    """Return how many columns the totals take."""
    text = widest([*totals.values(), "Total"], sheet.size) + sheet.size
    labels = LABELS if count > FEW else LABEL_SHARE
    return text / max(4.0, ((0.95 - labels) * sheet.width - text) / count)


def _totals(frame: pd.DataFrame) -> dict[str, str]:
    found = {}
    for row in frame.drop_duplicates("study").itertuples(index=False):
        total: Any = row.total
        own = f"{total:g}" if np.isfinite(total) else "?"
        printed: Any = row.printed_total
        found[str(row.study)] = f"{own} ({printed:g})" if np.isfinite(printed) and printed != total else own
    return found


def _draw_lights(ax: Axes, frame: pd.DataFrame, items: list[str], studies: list[str]) -> None:
    """Draw the lights as large as their columns and rows allow."""
    step = np.diff(ax.transData.transform([(0.0, 0.0), (1.0, 1.0)]), axis=0)[0] * 72.0 / ax.figure.dpi
    diameter = LARGEST * float(np.abs(step).min())
    for row in frame.itertuples(index=False):
        words = str(row.judgement)
        if words in JUDGEMENTS:
            x, y = items.index(str(row.item)), studies.index(str(row.study))
            draw_light(ax, x, y, words, JUDGEMENTS[words], diameter)


def _notes(frame: pd.DataFrame, quality: Quality, tool: str | None) -> list[str]:
    """Return what marks and items mean, and what is wrong."""
    chosen = quality.tool(tool)
    texts = frame.drop_duplicates("item")[["item", "text"]].itertuples(index=False)
    items = "; ".join(f"{row.item}: {row.text}" for row in texts if row.item != OVERALL)
    drawn = set(frame["judgement"])
    blank = [NOT_APPLICABLE] if NOT_APPLICABLE in drawn else []
    blank += ["an answer that is not allowed"] if "" in drawn else []
    empty = f"Blank: {' or '.join(blank)}." if blank else ""
    known = frame.drop_duplicates("study")
    wrong = (known["printed_total"].notna() & known["total"].notna() & (known["printed_total"] != known["total"])).sum()
    total = f"Total of {chosen.total:g} points" if chosen.has_points else ""
    total += f"; in parentheses {wrong} as printed, not the sum of the items" if wrong else ""
    return [*meaning_of(drawn, JUDGEMENTS), empty, f"{chosen.title}: {items}.", f"{total}." if total else ""]


def plot_quality_summary(
    quality: Quality,
    *,
    tool: str | None = None,
    weights: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the share of studies with each judgement, a bar per item (robvis's summary plot).

    Parameters
    ----------
    quality : Quality
        From `read_quality`.
    tool : str, optional
        Which tool, if the table uses several.
    weights : mapping, optional
        From study to weight, such as those of a fit; by default all studies count alike.
    ax : Axes, optional
        Where to draw; by default a new figure, as high as needed.
    width_mm : float, optional
        Width of a new figure: 120 by default; one column of a journal has 85.
    fontsize : float, optional
        Points: 7 in a new figure; in given axes that of matplotlib's settings.

    Returns
    -------
    Axes
        x is the share in per cent; items are at y = 0, 1, ... from the top.

    Raises
    ------
    SpecError
        If it is no `Quality`, or the tool is not among its tools.
    DataError
        If a study has no weight.

    Notes
    -----
    In each bar judgements go from low at the left to high at the right; their marks tell them apart in grey.
    `quality_summary_frame` returns the shares.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> quality = bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep")
    >>> ax = plot_quality_summary(quality, tool="MINORS")
    """
    frame = quality_summary_frame(quality, tool=tool, weights=weights)
    items = list(dict.fromkeys(frame["item"]))
    texts = frame.drop_duplicates("item").set_index("item")["text"]
    labels = [item if item == texts[item] else f"{item} {texts[item]}" for item in items]
    height = rows_height(len(items), fontsize or FONT_SIZE, pitch=PITCH)
    sheet = open_sheet(ax, width_mm=width_mm, fontsize=fontsize, height=height)
    ax = sheet.ax
    set_rows(ax, list(range(len(items))), labels, sheet, share=TEXT_SHARE)
    ax.set_xlim(0.0, 100.0)
    ax.set_xticks([0.0, 25.0, 50.0, 75.0, 100.0])
    ax.tick_params(axis="x", labelsize=sheet.size)
    counted = "Weight of studies, %" if weights is not None else "Studies, %"
    set_label(ax, "x", counted, sheet.size)
    drawn = set(frame["judgement"])
    empty = "White without a mark: not applicable, or an answer that is not allowed." if drawn - set(JUDGEMENTS) else ""
    sheet.close(notes=[*meaning_of(drawn, JUDGEMENTS), empty])
    settle(ax)
    for i, item in enumerate(items):
        left = 0.0
        for row in frame[frame["item"] == item].itertuples(index=False):
            share: Any = row.share
            _draw_segment(ax, i, left, 100.0 * share, str(row.judgement), sheet.size)
            left += 100.0 * share
    return ax


def _draw_segment(ax: Axes, y: float, left: float, width: float, words: str, size: float) -> None:
    """Draw one part of a bar, with its mark and per cent where there is room."""
    look = JUDGEMENTS.get(words, Judgement("?", mpl.rcParams["axes.facecolor"]))
    edge: dict[str, Any] = {"edgecolor": EDGE_COLOR if words in JUDGEMENTS else GREY, "linewidth": 0.4}
    ax.barh(y, width, BAR, left=left, color=look.color, label=f"_share {words}", **edge)
    room = width / 100.0 * ax.get_window_extent().width * 72.0 / ax.figure.dpi
    sign = SIGNS.get(look.mark, look.mark) if words in JUDGEMENTS else ""
    for text in (f"{sign} {width:.0f} %".strip(), sign):
        if text and text_width(text, size) + 0.4 * size <= room:
            at = left + 0.5 * width, y
            ax.text(*at, text, ha="center", va="center", fontsize=size, color=look.ink, **PLAIN)
            return
