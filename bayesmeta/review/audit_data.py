"""Which studies does a printed row pool?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import did_you_mean
from bayesmeta.data.cells import is_missing, read_label
from bayesmeta.data.columns import resolve_columns
from bayesmeta.data.kinds import ROLES_OF_KIND
from bayesmeta.data.select import OnBad
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError
from bayesmeta.review.audit_schema import PrintedRow, PrintedTable

OUTCOME: Final = "outcome"
"""Column of the data that tells outcomes apart."""


@final
@dataclass(frozen=True, eq=False)
class AuditData:
    """Studies by outcome.

    Attributes
    ----------
    frame : pandas.DataFrame
        Long form: one row per study and outcome, with the columns of moderators.
    labels : pandas.DataFrame
        The same cells as labels, to be compared with those of print.
    roles : dict
        The options of `Studies.from_frame`.
    on_bad : {"raise", "drop"}
        What is done about bad rows.
    source : str
        What messages call the data.
    """

    frame: pd.DataFrame
    labels: pd.DataFrame
    roles: dict[str, Any]
    on_bad: OnBad
    source: str
    _found: dict[tuple[Any, ...], Studies | None] = field(default_factory=dict)

    def keys_of(self, table: PrintedTable) -> tuple[str, ...]:
        """Return the columns with no role that tell rows of the data apart: all their cells occur there."""
        free = [name for name in table.others if name in self.labels.columns and name not in self._data_columns]
        return tuple(name for name in free if {row.others[name] for row in table.rows} - {""} <= set(self.labels[name]))

    @cached_property
    def _data_columns(self) -> set[str]:
        return {OUTCOME, *resolve_columns(self.frame, source=self.source, **self.roles).names.values()}

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes; one, "", if there is no such column."""
        return tuple(dict.fromkeys(self.labels[OUTCOME])) if OUTCOME in self.labels.columns else ("",)

    def missing(self, row: PrintedRow) -> str:
        """Return why there are no data for a row, or "" if there may be."""
        if OUTCOME not in self.labels.columns or row.outcome in self.outcomes:
            return ""
        if not row.outcome:
            return "" if len(self.outcomes) == 1 else f"it names no outcome, and {self.source} has {len(self.outcomes)}"
        near = did_you_mean(row.outcome, self.outcomes)
        return f"{self.source} has no outcome {row.outcome!r}.{near}".rstrip(".")

    def studies_of(self, row: PrintedRow, keys: Sequence[str]) -> Studies | None:
        """Return the studies of the row's outcome and subgroup; None if there are none, or the subgroup is unknown.

        Raises
        ------
        DataError
            If a row of the data is bad, or a study has two rows for one outcome.
        """
        variable = self.variable_of(row)
        if variable is None:
            return None
        whole = self._of_outcome(row, keys)
        if whole is None or not variable:
            return whole
        levels = np.array([read_label(cell) for cell in whole.moderators[variable]])
        chosen = levels == row.level
        return whole.take(chosen) if chosen.any() else None

    def levels_of(self, row: PrintedRow, keys: Sequence[str]) -> list[Studies]:
        """Return the studies of each level of the row's variable, without those that lack it."""
        whole = self._of_outcome(row, keys)
        if whole is None or row.variable not in whole.moderators.columns:
            return []
        levels = np.array([read_label(cell) for cell in whole.moderators[row.variable]])
        return [whole.take(levels == level) for level in dict.fromkeys(levels.tolist()) if level]

    def variable_of(self, row: PrintedRow) -> str | None:
        """Return the column of a row's subgroup, "" for all studies, None if the data do not tell."""
        if not row.level and not row.is_between:
            return ""
        if row.variable:
            return row.variable if row.variable in self._moderators else None
        having = [name for name in self._moderators if row.level in set(self.labels[name])]
        return having[0] if len(having) == 1 else None

    @cached_property
    def _moderators(self) -> tuple[str, ...]:
        return tuple(name for name in self.frame.columns if name not in self._data_columns)

    def _of_outcome(self, row: PrintedRow, keys: Sequence[str]) -> Studies | None:
        wanted = {name: row.others[name] for name in keys if row.others[name]}
        if OUTCOME in self.labels.columns and row.outcome:
            wanted[OUTCOME] = row.outcome
        key = tuple(sorted(wanted.items()))
        if key not in self._found:
            self._found[key] = self._read(wanted)
        return self._found[key]

    def _read(self, wanted: Mapping[str, str]) -> Studies | None:
        chosen = np.ones(len(self.frame), dtype=bool)
        for name, label in wanted.items():
            chosen &= (self.labels[name] == label).to_numpy()
        part = self.frame[chosen]
        columns = resolve_columns(self.frame, source=self.source, **self.roles)
        roles = [columns.names[role] for role in ROLES_OF_KIND[columns.kind]]
        empty = part[roles].map(is_missing).to_numpy(dtype=bool).all(axis=1)
        if empty.all():
            return None
        what = ", ".join(f"{name} {label!r}" for name, label in wanted.items())
        try:
            return Studies.from_frame(
                part,
                moderators=[name for name in self._moderators if name not in _reserved(columns.names)],
                missing_moderators="keep",
                on_bad=self.on_bad,
                source=f"{self.source} ({what})" if what else self.source,
                **self.roles,
            )
        except DataError as error:
            hint = "" if "make the labels distinct" not in str(error) else (
                " The audit reads one row per study and outcome: a column such as grade that tells such rows apart "
                "must be in the printed table too."
            )  # fmt: skip
            raise DataError(f"{error}{hint}") from None


def _reserved(names: Mapping[str, str]) -> set[str]:
    """Return the names that no moderator may have."""
    return {"study", "events", "n", "y", "se", *names}


def audit_data(
    studies: "Studies | pd.DataFrame | Mapping[str, Studies]", *, on_bad: OnBad, source: str, roles: dict[str, Any]
) -> AuditData:
    """Return studies, a frame in long form, or studies by outcome as `AuditData`, or raise `DataError`."""
    if isinstance(studies, Studies):
        frame = _frame_of(studies)
        return _made(frame, _roles_of(studies), on_bad, studies.source)
    if isinstance(studies, Mapping):
        wrong = [name for name, value in studies.items() if not isinstance(value, Studies)]
        if wrong or not studies:
            raise DataError(
                "a mapping of outcomes must hold Studies; give {outcome: Studies} or one frame in long form."
            )
        if len({value.kind for value in studies.values()}) > 1:
            raise DataError("the outcomes hold different kinds of data; audit each kind by itself.")
        frames = [_frame_of(value).assign(**{OUTCOME: name}) for name, value in studies.items()]
        return _made(pd.concat(frames, ignore_index=True), _roles_of(next(iter(studies.values()))), on_bad, source)
    if not isinstance(studies, pd.DataFrame):
        raise DataError(f"studies must be Studies or a DataFrame in long form, not {type(studies).__name__}.")
    return _made(studies, roles, on_bad, source)


def _made(frame: pd.DataFrame, roles: dict[str, Any], on_bad: OnBad, source: str) -> AuditData:
    if len(frame) == 0:
        raise DataError(f"{source} has no rows; give one row per study and outcome.")
    resolve_columns(frame, source=source, **roles)
    return AuditData(frame, frame.map(read_label), roles, on_bad, source)


def _frame_of(studies: Studies) -> pd.DataFrame:
    return studies.to_frame()


def _roles_of(studies: Studies) -> dict[str, Any]:
    """Return the options by which `Studies.from_frame` reads ``studies.to_frame()`` again."""
    kind = studies.kind
    if kind == "estimates":
        return {"y": "y", "se": "se", "measure": studies.measure}
    single = {"counts": ("events", "n"), "rates": ("events", "time")}
    if kind in single:
        return {role: role for role in single[kind]}
    size = "n" if kind == "two-arm-counts" else "time"
    return {role: (f"{role}_treatment", f"{role}_control") for role in ("events", size)}
