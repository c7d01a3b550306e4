"""How is what is wrong in a table of a review listed, and when is the table refused?"""

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.data.check import PROBLEM_COLUMNS
from bayesmeta.errors import DataError, SpecError

type Found = tuple[object, str, str, str, str]
"""Row, study, column, what is wrong and what to do, and kind: "error" or "warning" (of a flow "missing", too)."""

ON_BAD: Final = ("raise", "keep")


def problem_frame(found: Iterable[Found]) -> pd.DataFrame:
    """Return what was found, one problem a row, with the columns of `check_frame`."""
    return pd.DataFrame(list(found), columns=list(PROBLEM_COLUMNS))


def refuse_errors(problems: pd.DataFrame, source: str, on_bad: str) -> None:
    """Raise `DataError` for the first error of a table, unless its errors are to be kept and shown.

    Parameters
    ----------
    problems : DataFrame
        With the columns ``row`` (as in ``"line 3"``), ``problem``, ``kind``, and what else says where: ``study``,
        ``column``, ``box``.
    source : str
        What messages call the table.
    on_bad : {"raise", "keep"}
        What the user wants.

    Raises
    ------
    DataError
        Naming row, study and column, and how many more there are.
    SpecError
        If `on_bad` is something else.
    """
    if on_bad not in ON_BAD:
        raise SpecError(unknown_name("on_bad", on_bad, ON_BAD))
    errors = problems[problems["kind"] == "error"]
    if errors.empty or on_bad == "keep":
        return
    first: Any = errors.iloc[0]
    named = [f"{key} {first[key]!r}" for key in ("study", "column", "box") if key in errors.columns and first[key]]
    row = [str(first["row"])] if first["row"] else []
    others = len(errors) - 1
    more = f" ({others} more error{'s' if others > 1 else ''}: on_bad='keep' keeps and lists them)" if others else ""
    raise DataError(f"{', '.join([source, *row, *named])}: {first['problem']}.{more}")
