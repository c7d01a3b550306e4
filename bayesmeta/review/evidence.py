"""What does each study report, at a glance? The evidence table of a review."""

from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.data.cells import is_missing
from bayesmeta.errors import SpecError
from bayesmeta.review.extraction import Extraction
from bayesmeta.review.extraction_schema import ARMS, RATIOS, SE_LIMITS
from bayesmeta.review.extraction_studies import NOT_REPORTED

RESULT: Final = [
    "cohort",
    "setting",
    "study",
    "population",
    "outcome",
    "endpoint",
    "definition",
    "timepoint",
    "denominator",
]
COLUMNS: Final = [
    "setting", "study", "population", "endpoint", "timepoint", "denominator", "single", "treatment", "control",
    "contrast", "preferred", "status", "rows",
]  # fmt: skip


def evidence_table(given: Extraction | pd.DataFrame, *, by: str = "setting") -> pd.DataFrame:
    """Return what the studies report, grouped, each number with its limits and denominator.

    Parameters
    ----------
    given : Extraction or DataFrame
        Extracted results, or a table with one row per study and a column ``study`` (characteristics of the studies).
    by : str
        Column whose values group the rows, in the order in which they first appear.

    Returns
    -------
    DataFrame
        Of an `Extraction` a row per study, endpoint, definition, time and denominator; ``single``, ``treatment``,
        ``control`` and ``contrast`` hold the results as text, such as ``44/49 (89.8%)``, ``84.8% (76.3 to 90.4)`` or
        ``HR 0.71 (0.55 to 0.93)``; ``rows`` says where they stand. Of a data frame its own columns, the grouping one
        first; what is missing is "not reported".

    Raises
    ------
    SpecError
        If it is neither, or has no such column.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> table = bm.evidence_table(bm.read_extraction(bm.load_dataset("blinatumomab_extraction")))
    >>> table.query("endpoint == 'OS' and contrast != ''")[["study", "contrast"]].values.tolist()[:2]
    [['TOWER (Kantarjian)', 'HR 0.71 (0.55 to 0.93)'], ['AALL1331 HR/IR (Brown)', 'HR 0.62 (0.39 to 0.98)']]
    """
    if isinstance(given, Extraction):
        return _of_results(given.table, by)
    if not isinstance(given, pd.DataFrame):
        raise SpecError(f"evidence_table takes an Extraction or a data frame, not {a_type(given)}.")
    for name in ("study", by):
        if name not in given.columns:
            raise SpecError(unknown_name("column", name, given.columns))
    table = given[[by, *(name for name in given.columns if name != by)]]
    shown = table.map(lambda cell: NOT_REPORTED if is_missing(cell) else cell)
    return _grouped(shown, by)


def _grouped(table: pd.DataFrame, by: str) -> pd.DataFrame:
    place = {value: i for i, value in enumerate(dict.fromkeys(table[by]))}
    order = table[by].map(place).to_numpy().argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _of_results(table: pd.DataFrame, by: str) -> pd.DataFrame:
    if by not in RESULT:
        raise SpecError(unknown_name("column", by, RESULT))
    groups: dict[tuple[str, ...], list[Any]] = {}
    records: Any = table.to_dict("records")
    for record in records:
        groups.setdefault(tuple(record[name] for name in RESULT), []).append(record)
    rows = [_reported(group) for group in groups.values()]
    found = _grouped(pd.DataFrame(rows), by)
    return found[[by, *(name for name in COLUMNS if name != by)]]


def _reported(group: list[Any]) -> dict[str, Any]:
    """Return the row of one endpoint: what each arm had."""
    row = {name: group[0][name] for name in RESULT}
    row["endpoint"] = ", ".join(filter(None, (row["endpoint"], row["definition"])))
    for arm in ARMS:
        row[arm] = "; ".join(_result(record) for record in group if record["arm"] == arm)
    row["preferred"] = "no" if all(record["preferred"] == 0 for record in group) else "yes"
    row["status"] = ", ".join(dict.fromkeys(record["status"] for record in group if record["status"]))
    row["rows"] = ", ".join(record["row"] for record in group)
    return row


def _result(row: dict[str, Any]) -> str:
    """Return one result as text."""
    measure = row["measure"]
    if measure == "count":
        if np.isnan(row["events"]):
            return f"{row['percent']:g}% of {row['n']:.0f}"
        return f"{row['events']:.0f}/{row['n']:.0f} ({100.0 * row['events'] / row['n']:.1f}%)"
    unit = "%" if measure == "percent" else f" {row['unit']}" if row["unit"] else ""
    name = f"{measure} " if measure in (*RATIOS, "median") else ""
    text = f"{name}{row['estimate']:g}{unit}"
    if row["interval"] == SE_LIMITS:
        return f"{text} (SE {0.5 * (row['upper'] - row['lower']):.3g})"
    return text if np.isnan(row["lower"]) else f"{text} ({row['lower']:g} to {row['upper']:g})"
