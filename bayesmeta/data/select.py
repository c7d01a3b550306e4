"""Which rows of a data frame become studies, which are refused, and with what reasons?"""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from bayesmeta._validate import unknown_name
from bayesmeta.data.cells import is_missing
from bayesmeta.data.check import Problem, Rows, read_rows, row_names
from bayesmeta.data.columns import Columns
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import MEASURES
from bayesmeta.errors import DataError, SpecError

type FloatArray = npt.NDArray[np.float64]
type OnBad = Literal["raise", "drop"]
type OnMissing = Literal["raise", "keep"]

DROPPED_COLUMNS = ("row", "study", "reason")


@final
@dataclass(frozen=True)
class Selection:
    """The rows that were kept.

    Attributes
    ----------
    labels : tuple of str
        Study labels, k of them.
    values : dict
        Role to values, each of shape (k,): the fields of `Studies`.
    moderators : pandas.DataFrame
        k rows.
    dropped : pandas.DataFrame
        The other rows: ``row``, ``study``, ``reason``.
    """

    labels: tuple[str, ...]
    values: dict[str, FloatArray]
    moderators: pd.DataFrame
    dropped: pd.DataFrame


def select_rows(
    df: pd.DataFrame, columns: Columns, *, on_bad: OnBad, source: str, missing_moderators: OnMissing = "raise"
) -> Selection:
    """Return the good rows of a frame.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per study.
    columns : Columns
        The columns to use.
    on_bad : {"raise", "drop"}
        Whether a bad row is an error or is left out.
    source : str
        What messages call the data.
    missing_moderators : {"raise", "keep"}
        Whether a row that lacks a moderator is a bad one.

    Returns
    -------
    Selection
        At least one row.

    Raises
    ------
    DataError
        For the first bad row, if `on_bad` is ``"raise"``; or if no row is good.
    SpecError
        If `on_bad` is neither.
    """
    if on_bad not in ("raise", "drop"):
        raise SpecError(unknown_name("on_bad", on_bad, ("raise", "drop")))
    if missing_moderators not in ("raise", "keep"):
        raise SpecError(unknown_name("missing_moderators", missing_moderators, ("raise", "keep")))
    rows = read_rows(df, columns, source=source)
    may_lack = columns.moderators if missing_moderators == "keep" else ()
    bad: dict[int, list[Problem]] = {}
    for problem in rows.problems:
        if problem.kind == "error" and problem.role not in may_lack:
            bad.setdefault(problem.position, []).append(problem)
    if bad and (on_bad == "raise" or len(bad) == len(df)):
        none_left = f"{source} has no good row; the first problem is: " if on_bad == "drop" else f"{source}, "
        raise DataError(none_left + _first_problem(df, columns, rows, bad))
    keep = np.array([i for i in range(len(df)) if i not in bad])
    return Selection(
        tuple(rows.labels[i] for i in keep),
        _effects({role: array[keep] for role, array in rows.values.items()}, columns),
        _moderators(df, columns).iloc[keep].reset_index(drop=True),
        pd.DataFrame(
            [
                (df.index[i], rows.labels[i], "; ".join(problem.text for problem in problems))
                for i, problems in bad.items()
            ],
            columns=list(DROPPED_COLUMNS),
        ),
    )


def _moderators(df: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the moderators, missing values as NaN; a column of numbers and text that says "NA" holds numbers then."""
    frame = df[list(columns.moderators)].copy()
    for name in frame:
        lacks = frame[name].map(is_missing).to_numpy(dtype=bool)
        if lacks.any() and not pd.api.types.is_numeric_dtype(frame[name]):
            known = frame[name].astype(object).where(~lacks, None)
            numbers = pd.to_numeric(known, errors="coerce")
            frame[name] = numbers if (numbers.isna() == lacks).all() else known
    return frame


def _first_problem(df: pd.DataFrame, columns: Columns, rows: Rows, bad: dict[int, list[Problem]]) -> str:
    first = next(iter(bad.values()))[0]
    label = rows.labels[first.position]
    study = f", study {label!r}" if label else ""
    place = f"{row_names(df)[first.position]}{study}, column {columns.names.get(first.role, first.role)!r}"
    count = sum(map(len, bad.values()))
    others = f" (1 of {count} problems; `bayesmeta check` or check_frame lists them all)" if count > 1 else ""
    return f"{place}: {first.text}{others}."


def _effects(values: dict[str, FloatArray], columns: Columns) -> dict[str, FloatArray]:
    """Return counts, rates and estimates as they are, and intervals as estimates with standard errors."""
    if columns.kind != "intervals":
        return values
    link = LINKS[MEASURES[columns.measure or "GEN"].link].link
    z = float(ndtri(0.5 + columns.interval_prob / 2.0))
    return {
        "y": link(values["estimate"]),
        "se": (link(values["upper"]) - link(values["lower"])) / (2.0 * z),
    }
