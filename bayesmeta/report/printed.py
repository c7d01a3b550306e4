"""What have others printed, to stand beside the results?"""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from bayesmeta._validate import did_you_mean
from bayesmeta.data.read import parse_csv
from bayesmeta.errors import DataError

ALL: Final = ("overall", "all")
"""Variable and level of a figure that is about all studies."""
NUMBERS: Final = ("estimate", "lower", "upper")


def read_printed(table: bytes, source: str, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return printed figures: the columns that name them as text, and numbers on the natural scale.

    Parameters
    ----------
    table : bytes
        A CSV file.
    source : str
        Its name, for messages.
    by : sequence of str
        The columns that tell outcomes apart; ``variable`` and ``level`` (of subgroups) if empty.

    Returns
    -------
    DataFrame
        Columns of `by`, or ``variable`` and ``level``; then ``estimate lower upper``, nan where nothing is printed.

    Raises
    ------
    DataError
        If a column is missing, a number cannot be read, or a row stands twice.
    """
    keys = list(by) or ["variable", "level"]
    frame = parse_csv(table, source, text=keys)
    for column in (*keys, *NUMBERS):
        if column not in frame.columns:
            raise DataError(
                f"{source}: column {column!r} is missing.{did_you_mean(column, frame.columns)} "
                f"Needed: {', '.join([*keys, *NUMBERS])}."
            )
        if column in NUMBERS and not pd.api.types.is_numeric_dtype(frame[column]):
            raise DataError(
                f"{source}, column {column!r} holds what is no number; leave a cell empty if none is printed."
            )
    if (twice := frame.duplicated(keys)).any():
        raise DataError(f"{source}, line {frame.index[twice][0]}: this figure stands twice; remove one.")
    chosen: pd.DataFrame = frame[[*keys, *NUMBERS]].reset_index(drop=True)
    return chosen
