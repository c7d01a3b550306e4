"""What do the figures of the studies' quality show: each judgement, and the share of each by item?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.data.cells import is_missing, read_number
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.quality import Quality
from bayesmeta.review.quality_tools import JUDGEMENTS, NOT_APPLICABLE, QualityTool

OVERALL = "Overall"
ORDER = (*JUDGEMENTS, NOT_APPLICABLE, "")
"""Of the judgements in a bar, from the left; "" stands for answers that are not allowed."""


def traffic_light_frame(quality: Quality, *, tool: str | None = None) -> pd.DataFrame:
    """Return the judgement of each study and item, as a traffic-light plot shows them.

    Parameters
    ----------
    quality : Quality
        From `read_quality`.
    tool : str, optional
        Which tool, if the table uses several.

    Returns
    -------
    DataFrame
        A row per study and item, and for RoB 2 ``item`` "Overall": ``study``, ``item``, ``domain``, ``text``,
        ``answer``, ``judgement``; ``total`` of the study, ``highest`` that there can be and ``printed_total``.

    Raises
    ------
    SpecError
        If it is no `Quality`, or the tool is not among its tools.
    DataError
        If a study is there twice.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> quality = bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep")
    >>> traffic_light_frame(quality, tool="MINORS")[["study", "item", "answer", "judgement"]].head(3)
             study item answer      judgement
    0  Gibson 2024   Q1      2            low
    1  Gibson 2024   Q2      2            low
    2  Gibson 2024   Q3      1  some concerns
    """
    if not isinstance(quality, Quality):
        raise SpecError(f"figures of quality take a table from bm.read_quality; got {a_type(quality)}.")
    chosen = quality.tool(tool)
    texts = {item.code: item.text for item in chosen.items}
    items = quality.items[quality.items["tool"] == chosen.code]
    totals = quality.totals[quality.totals["tool"] == chosen.code]
    twice = totals.loc[totals["study"].duplicated(), "study"]
    if len(twice):
        raise DataError(f"{chosen.code} judges {twice.iloc[0]!r} twice; keep one row.")
    frame = items.assign(text=items["item"].map(texts))
    if chosen.overall:
        last = totals[["study", "judgement"]].assign(item=OVERALL, domain="", text=OVERALL, answer=totals["judgement"])
        frame = pd.concat([frame, last], ignore_index=True)
    frame = frame.merge(totals[["study", "total", "highest", "printed_total"]], on="study", how="left")
    studies = {study: i for i, study in enumerate(totals["study"])}
    order = frame["study"].map(studies).argsort(kind="stable")
    columns = ["study", "item", "domain", "text", "answer", "judgement", "total", "highest", "printed_total"]
    return frame.iloc[order][columns].reset_index(drop=True)


def quality_summary_frame(
    quality: Quality, *, tool: str | None = None, weights: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return the share of studies with each judgement, by item.

    Parameters
    ----------
    quality : Quality
        From `read_quality`.
    tool : str, optional
        Which tool, if the table uses several.
    weights : mapping, optional
        From study to weight, positive, such as those of a fit; by default all studies count alike.

    Returns
    -------
    DataFrame
        A row per item and judgement that occurs: ``item``, ``text``, ``judgement``, ``k`` studies, ``share``; the
        shares of an item sum to 1. Judgements go from low to high; "" are answers that are not allowed.

    Raises
    ------
    SpecError
        If it is no `Quality`, or the tool is not among its tools.
    DataError
        If a study has no weight, or one that is not positive.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> quality = bm.read_quality(bm.load_dataset("blinatumomab_quality"), on_bad="keep")
    >>> quality_summary_frame(quality, tool="MINORS")[["item", "judgement", "k", "share"]].head(3).round(2)
      item      judgement  k  share
    0   Q1            low  7   1.00
    1   Q2            low  3   0.43
    2   Q2  some concerns  4   0.57
    """
    frame = traffic_light_frame(quality, tool=tool)
    weight = _weights(frame, weights, quality.tool(tool))
    frame = frame.assign(weight=frame["study"].map(weight), position=frame["judgement"].map(ORDER.index))
    keys = ["item", "text", "judgement", "position"]
    table = frame.groupby(keys, sort=False).agg(k=("study", "size"), share=("weight", "sum")).reset_index()
    table["share"] = table["share"] / table.groupby("item")["share"].transform("sum")
    place = {item: i for i, item in enumerate(dict.fromkeys(frame["item"]))}
    order = np.lexsort((table["position"], table["item"].map(place)))
    return table.iloc[order].drop(columns="position").reset_index(drop=True)


def _weights(frame: pd.DataFrame, weights: Any, tool: QualityTool) -> dict[str, float]:
    """Return the weight of each study."""
    studies = list(dict.fromkeys(frame["study"]))
    if weights is None:
        return dict.fromkeys(studies, 1.0)
    if not isinstance(weights, Mapping):
        raise SpecError(f"weights is {a_type(weights)}; give weights by study.")
    found = {}
    for study in studies:
        reading = read_number(None if is_missing(weights.get(study)) else weights[study])
        if reading.fault or reading.value <= 0.0:
            raise DataError(f"study {study!r} of {tool.code} has the weight {reading.shown}; give a positive one.")
        found[study] = reading.value
    return found
