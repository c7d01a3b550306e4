"""Which counts can stand behind a printed per cent: every events out of n that rounds to it, and to its limits."""

from collections.abc import Sequence
from numbers import Integral
from typing import Final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.effects.study_intervals import STUDY_INTERVALS
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.audit_cells import SLACK, Figure, read_figure
from bayesmeta.review.audit_schema import PrintedRow, read_printed

COLUMNS: Final = ("row", "study", "outcome", "printed", "events", "n", "interval", "status")
USED: Final = ("estimate", "lower", "upper", "n", "n_min", "n_max")
"""Figures that are read."""
IMPOSSIBLE: Final = "impossible"
"""Status of a per cent that no count gives."""
LARGEST_N: Final = 1_000_000
"""Largest n that is searched; any per cent with few decimals has thousands of counts long before."""


def possible_counts(
    percent: object,
    n: int | tuple[int, int],
    *,
    lower: object = None,
    upper: object = None,
    interval: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return all counts that a printed per cent, and its limits if they are given, can come from.

    Parameters
    ----------
    percent : str or float
        As printed; ``"86.0"`` as text keeps its last zero, a number has lost it.
    n : int or (int, int)
        Number of patients, or the least and the most that it can be.
    lower, upper : str or float, optional
        Limits of its 95 % interval, as printed.
    interval : str or sequence of str, optional
        Kinds that the interval can be of: "clopper-pearson", "wilson", "agresti-coull", "jeffreys", "wald". All by
        default.

    Returns
    -------
    DataFrame
        One row for each solution: ``events``, ``n``, ``interval`` (the kinds that fit, with commas between; "" without
        limits) and ``status``: "reconstructed-unique", or "reconstructed-one-of-K" with K the number of rows. No row
        if no count gives the print.

    Raises
    ------
    DataError
        If the per cent or a limit is no number, or n is not a whole number of at least 1.
    SpecError
        If the kind of interval is unknown.

    Notes
    -----
    The GRIM test [1]_ for proportions: r / n must lie in the rounding interval of the print, half a unit of the last
    digit either way, both ends included. With d decimals in per cent every n from 10**(d + 2) on has a solution.

    References
    ----------
    .. [1] N. J. L. Brown, J. A. J. Heathers. The GRIM test: a simple technique detects numerous anomalies in the
       reporting of results in psychology. Social Psychological and Personality Science 8:363-369, 2017.
       doi:10.1177/1948550616673876

    Examples
    --------
    >>> possible_counts(80, (1, 12), lower=28, upper=99)
       events  n         interval                status
    0       4  5  clopper-pearson  reconstructed-unique
    >>> len(possible_counts("85.0", 121))
    0
    """
    figures = [_figure(name, cell) for name, cell in (("percent", percent), ("lower", lower), ("upper", upper))]
    if figures[0] is None:
        raise DataError("percent is missing; give it as printed, such as '86.0'.")
    _check_percents(figures[0], *figures[1:])
    least, most = n if isinstance(n, tuple) and len(n) == 2 else (n, n)
    return _solutions(figures[0], _checked_n(least), _checked_n(most), figures[1], figures[2], _kinds(interval))


def recover_counts(printed: pd.DataFrame, *, interval: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return all counts behind each row of a table of printed proportions of single studies.

    Parameters
    ----------
    printed : DataFrame
        One row per printed proportion: ``estimate_pct`` (or ``estimate``, a fraction) and ``n``, or ``n_min`` and
        ``n_max``; optionally ``lower_pct``, ``upper_pct``, ``study``, ``outcome``. Cells as for `audit`.
    interval : str or sequence of str, optional
        As for `possible_counts`.

    Returns
    -------
    DataFrame
        One row for each solution, with the ``row``, ``study`` and ``outcome`` it is of, as ``printed``, ``events``,
        ``n``, ``interval`` and ``status``: "reconstructed-unique", "reconstructed-one-of-K"; and one row without
        counts, "impossible", for a per cent that no count gives.

    Raises
    ------
    DataError
        If a column or cell that is needed is missing or no number; the message names row and column.

    Examples
    --------
    >>> table = pd.DataFrame({"study": ["A", "B"], "estimate_pct": ["80.0", "85.0"], "n": [5, 121]})
    >>> recover_counts(table)[["study", "printed", "events", "n", "status"]]
      study printed  events    n                status
    0     A    80.0       4    5  reconstructed-unique
    1     B    85.0    <NA>  121            impossible
    """
    table, kinds = read_printed(printed, "the table"), _kinds(interval)
    for row, column, cell in table.unreadable:
        if column not in {row.columns.get(role) for role in USED}:
            continue
        raise DataError(f"{row.row}, column {column!r}: {cell} is no number; give the figure as printed.")
    parts = [_of_row(row, kinds) for row in table.rows]
    frame = pd.concat(parts, ignore_index=True)
    return frame[list(COLUMNS)].astype({"events": "Int64", "n": "Int64"})


def _of_row(row: PrintedRow, kinds: Sequence[str]) -> pd.DataFrame:
    """Return the solutions of one row, or the row that says there is none."""
    figures = row.figures
    for role in ("estimate", "n" if "n" in figures or "n_min" not in figures else "n_max"):
        if role not in figures:
            column = row.columns.get(role, f"{role}_pct" if role == "estimate" else "n (or n_min and n_max)")
            if role not in row.columns:
                there = ", ".join([*row.columns.values(), *row.others])
                raise DataError(f"the table has no column {column!r}; rename one to that. Its columns: {there}.")
            raise DataError(f"{row.row}, column {column!r}: the figure is missing; give it, or leave out the row.")
    sizes = [figures[name] for name in (("n", "n") if "n" in figures else ("n_min", "n_max"))]
    least, most = (_whole(row, figure) for figure in sizes)
    estimate = figures["estimate"]
    found = _solutions(estimate, least, most, figures.get("lower"), figures.get("upper"), kinds)
    if not len(found):
        size = least if least == most else pd.NA
        found = pd.DataFrame({"events": [pd.NA], "n": [size], "interval": [""], "status": [IMPOSSIBLE]})
    place = {"row": row.row, "study": row.others.get("study", ""), "outcome": row.outcome, "printed": estimate.text}
    return found.assign(**place).astype({"events": "Int64", "n": "Int64"})


def _solutions(
    estimate: Figure, least: int, most: int, lower: Figure | None, upper: Figure | None, kinds: Sequence[str]
) -> pd.DataFrame:
    if most < least:
        raise DataError(f"n from {least} to {most}: the least n is above the most; exchange them.")
    events, n = counts_behind(estimate, np.arange(least, most + 1, dtype=np.float64))
    fits = [""] * len(n)
    if lower is not None or upper is not None:
        fits = _intervals_that_fit(events, n, lower, upper, kinds)
        keep = np.array([bool(text) for text in fits], dtype=bool)
        events, n, fits = events[keep], n[keep], [text for text in fits if text]
    status = "reconstructed-unique" if len(n) == 1 else f"reconstructed-one-of-{len(n)}"
    whole = {"events": events.astype(np.int64), "n": n.astype(np.int64)}
    return pd.DataFrame({**whole, "interval": fits, "status": status})


def counts_behind(estimate: Figure, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return all events and n whose share rounds to a figure, each of shape (solutions,), for every n in turn."""
    slack = SLACK * estimate.half
    first = np.maximum(np.ceil((estimate.low - slack) * n), 0.0)
    last = np.minimum(np.floor((estimate.high + slack) * n), n)
    numbers = np.maximum(last - first + 1.0, 0.0).astype(np.int64)
    size, start = np.repeat(n, numbers), np.repeat(first, numbers)
    offset = np.arange(len(size)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return start + offset, size


def _intervals_that_fit(
    events: FloatArray, n: FloatArray, lower: Figure | None, upper: Figure | None, kinds: Sequence[str]
) -> list[str]:
    """Return, for each count, the kinds of interval whose limits round to the printed ones."""
    texts: list[list[str]] = [[] for _ in n]
    for kind in kinds if len(n) else ():
        limits = STUDY_INTERVALS[kind].limits(events, n)
        good = np.ones(len(n), dtype=bool)
        for figure, values in zip((lower, upper), limits, strict=True):
            if figure is not None:
                slack = SLACK * figure.half
                good &= (values >= figure.low - slack) & (values <= figure.high + slack)
        for i in np.flatnonzero(good):
            texts[i].append(kind)
    return [", ".join(names) for names in texts]


def _kinds(interval: str | Sequence[str] | None) -> tuple[str, ...]:
    given = (
        tuple(STUDY_INTERVALS) if interval is None else (interval,) if isinstance(interval, str) else tuple(interval)
    )
    for name in given:
        if name not in STUDY_INTERVALS:
            raise SpecError(unknown_name("interval", name, STUDY_INTERVALS))
    return given


def _figure(name: str, cell: object) -> Figure | None:
    try:
        return read_figure(cell, factor=100.0)
    except ValueError as error:
        raise DataError(f"{name}: {error} is no number; give the figure as printed, such as '86.0'.") from None


def _check_percents(percent: Figure, lower: Figure | None, upper: Figure | None) -> None:
    """Refuse what no proportion can be: those would have no solution, which says that the print is wrong."""
    for name, figure in (("percent", percent), ("lower", lower), ("upper", upper)):
        if figure is not None and not (figure.high >= 0.0 and figure.low <= 1.0):
            raise DataError(f"{name}={figure.text} must be from 0 to 100 per cent.")
    if lower and upper and lower.value > upper.value:
        raise DataError(f"lower={lower.text} exceeds upper={upper.text}; exchange them.")
    if (lower and lower.low > percent.high) or (upper and upper.high < percent.low):
        raise DataError(f"percent={percent.text} lies outside its limits; give the limits of its own interval.")


def _checked_n(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= LARGEST_N:
        raise DataError(f"n={value!r} must be a whole number from 1 to {LARGEST_N}, or two of them, least and most.")
    return int(value)


def _whole(row: PrintedRow, figure: Figure) -> int:
    if figure.value != int(figure.value) or not 1 <= figure.value <= LARGEST_N:
        raise DataError(f"{row.row}: n = {figure.text} must be a whole number from 1 to {LARGEST_N}.")
    return int(figure.value)
