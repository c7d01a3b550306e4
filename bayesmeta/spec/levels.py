"""Into which groups does a moderator split the studies?"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._arrays import IntArray
from bayesmeta.data.moderators import check_moderator
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError


def variables_of(studies: Studies, by: str | Sequence[str]) -> list[str]:
    """Return the moderators that are named, or raise `SpecError` for one that the studies do not have."""
    if not isinstance(by, str | Iterable):
        raise SpecError(f"by={by!r} must be the name of a moderator, or a list of names.")
    wanted = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    if not wanted:
        raise SpecError("by is empty; name at least one moderator.")
    for name in wanted:
        check_moderator(studies, name)
    return wanted


def levels_of(studies: Studies, variable: str) -> list[tuple[str, IntArray]]:
    """Return the levels of a moderator in the order of the data, and the positions of their studies.

    Raises
    ------
    DataError
        If the moderator is missing for a study.
    """
    values: list[Hashable] = complete_moderator(studies, variable).tolist()
    return [
        (_level_text(level), np.flatnonzero([value == level for value in values])) for level in dict.fromkeys(values)
    ]


def complete_moderator(studies: Studies, variable: str, *, imputable: bool = False) -> "pd.Series[Any]":
    """Return a moderator of the studies, or raise `DataError` if it is missing for one.

    `imputable` says that the model could impute it, which the error then names as a way out.
    """
    column = studies.moderators[variable]
    missing = np.flatnonzero(column.isna())
    if missing.size:
        wayout = (
            "leave the study out with studies.take(...), or impute it by ModelSpec(..., missing='impute')"
            if imputable
            else "or leave the study out with studies.take(...)"
        )
        raise DataError(
            f"{studies.source}, study {studies.study[missing[0]]!r}: the moderator {variable!r} is missing; fill it "
            f"in, {wayout}."
        )
    return column


def groups_by(studies: Studies, variable: str) -> list[tuple[str, IntArray]]:
    """Return the levels as `levels_of`, or raise `SpecError` if there is only one."""
    levels = levels_of(studies, variable)
    if len(levels) < 2:
        raise SpecError(
            f"the moderator {variable!r} is {levels[0][0]} for every study, so there are no groups; choose another."
        )
    return levels


def _level_text(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)
