"""What is wrong between rows of extracted results: one cohort twice, ratios upside down, denominators mixed?"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta.review.extraction_rows import digit_of
from bayesmeta.review.problems import Found

SAME: Final = ["cohort", "setting", "arm", "endpoint", "timepoint", "measure"]
"""Rows that agree in these tell of the same patients and the same result."""


def cross_faults(frame: pd.DataFrame, raw: pd.DataFrame) -> Iterator[Found]:
    """Yield what is wrong between rows.

    Parameters
    ----------
    frame : DataFrame
        The typed table with the column ``row``; only rows without errors of their own.
    raw : DataFrame
        Its cells as they stand, by the same index, for their rounding.
    """
    yield from _several_preferred(frame)
    yield from _reciprocals(frame, raw)
    yield from _against_the_arms(frame)
    yield from _one_publication(frame)
    yield from _kinds_of_denominator(frame)


def _several_preferred(frame: pd.DataFrame) -> Iterator[Found]:
    for _, rows in frame.groupby(SAME, sort=False):
        chosen = rows[rows["preferred"] != 0]
        if len(rows) < 2 or len(chosen) == 1:
            continue
        named = ", ".join(rows["row"])
        what = "none is" if chosen.empty else f"{len(chosen)} are"
        for row in (chosen if len(chosen) else rows).iloc[-1:].itertuples():
            text = (
                f"{named} are of one cohort and endpoint, and {what} to be pooled; preferred is 1 in one, 0 in the rest"
            )
            yield str(row.row), str(row.study), "preferred", text, "error"


def _reciprocals(frame: pd.DataFrame, raw: pd.DataFrame) -> Iterator[Found]:
    """Yield ratios that are the inverse of another one of the same cohort and endpoint."""
    ratios = frame[frame["measure"].isin(["HR", "OR", "RR"])]
    for _, rows in ratios.groupby(["cohort", "endpoint", "measure"], sort=False):
        pairs: Any = combinations(rows.itertuples(), 2)
        for first, second in pairs:
            values = np.array([first.estimate, second.estimate], dtype=np.float64)
            halves = np.array([digit_of(raw.loc[i, "estimate"]) for i in (first.Index, second.Index)])
            slack = float((halves / values).sum())
            off = abs(float(np.log(values).sum()))
            if off <= slack < abs(float(np.log(values[0]))):
                larger = first if first.estimate > second.estimate else second
                other = second if larger is first else first
                text = f"{larger.estimate:g} is 1 / {other.estimate:g}, the {larger.measure} of {other.row}"
                text += ": it is of control against treatment; turn it round, or leave it out"
                yield str(larger.row), str(larger.study), "estimate", text, "error"


def _against_the_arms(frame: pd.DataFrame) -> Iterator[Found]:
    """Yield hazard ratios that favour one arm where the survival rates at landmarks favour the other."""
    rates = frame[(frame["measure"] == "percent") & (frame["outcome"] == "survival")]
    keys = ["cohort", "endpoint"]
    both = rates[rates["arm"].isin(["treatment", "control"])].pivot_table(
        index=[*keys, "timepoint", "definition"], columns="arm", values="estimate", aggfunc="first"
    )
    if not {"treatment", "control"} <= set(both.columns):
        return
    ratios: Any = frame[frame["measure"] == "HR"].itertuples()
    for row in ratios:
        own = both[(both.index.get_level_values(0) == row.cohort) & (both.index.get_level_values(1) == row.endpoint)]
        gain = (own["treatment"] - own["control"]).dropna()
        against = gain[gain * np.log(row.estimate) > 0.0]
        if len(against) and len(against) == len(gain):
            at = own.loc[against.index[0]]
            favoured = "control" if row.estimate > 1.0 else "treatment"
            text = f"HR {row.estimate:g} favours {favoured}, but at {against.index[0][2] or 'the landmark'} "
            text += f"{at['treatment']:g} % under treatment and {at['control']:g} % under control have no event"
            kind = "error" if row.lower > 1.0 or row.upper < 1.0 else "warning"
            yield row.row, row.study, "estimate", f"{text}; is it of control against treatment?", kind


def _one_publication(frame: pd.DataFrame) -> Iterator[Found]:
    given = frame[frame["publication"] != ""]
    for publication, rows in given.groupby("publication", sort=False):
        cohorts = list(dict.fromkeys(rows["cohort"]))
        if len(cohorts) > 1:
            row = rows[rows["cohort"] == cohorts[1]].iloc[0]
            both = " and ".join(map(repr, cohorts))
            text = f"{both} are both of {publication}; one cohort? Then give both the same cohort"
            yield str(row["row"]), str(row["study"]), "cohort", text, "warning"


def _kinds_of_denominator(frame: pd.DataFrame) -> Iterator[Found]:
    """Yield counts of an arm with several n and no kind of denominator, and endpoints counted among several kinds."""
    counts = frame[(frame["measure"] == "count") & (frame["preferred"] != 0)]
    for _, rows in counts.groupby(["cohort", "arm"], sort=False):
        sizes = sorted(set(rows["n"].dropna()))
        for row in rows[rows["denominator"] == ""].iloc[: 1 if len(sizes) > 1 else 0].itertuples():
            listed = ", ".join(f"{size:.0f}" for size in sizes)
            text = (
                f"the {row.arm} arm is counted with n = {listed}; say who is counted: all, treated, evaluable or other"
            )
            yield str(row.row), str(row.study), "denominator", text, "error"
    for (setting, endpoint), rows in counts.groupby(["setting", "endpoint"], sort=False):
        kinds = [kind for kind in dict.fromkeys(rows["denominator"]) if kind]
        if len(kinds) > 1:
            row = rows[rows["denominator"] == kinds[1]].iloc[0]
            where = "; ".join(f"{kind}: {', '.join(rows.loc[rows['denominator'] == kind, 'row'])}" for kind in kinds)
            text = f"{endpoint} in {setting} is counted among several kinds of patients ({where}); pool one kind"
            yield str(row["row"]), str(row["study"]), "denominator", text, "warning"
