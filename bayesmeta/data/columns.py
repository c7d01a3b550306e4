"""Which column plays which part: study label, counts, estimates, moderators?"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, final

import pandas as pd

from bayesmeta._validate import check_probability, did_you_mean, listed, unknown_name
from bayesmeta.data.kinds import ALIASES, ARMS, ROLES_OF_KIND, Kind
from bayesmeta.effects.measures import MEASURES, measures_of
from bayesmeta.errors import DataError, SpecError

_ESTIMATES: tuple[Kind, ...] = ("estimates", "intervals")
_ARM_ROLES = ("events", "n", "time")
"""Roles that may name a pair of columns, one for each arm."""

_NAME_THEM = (
    "events=..., n=... for counts, events=..., time=... for rates (two columns each for two arms), "
    "y=..., se=..., or estimate=..., lower=..., upper=..."
)
_RESERVED = ("study", "events", "n", "y", "se")
_SHOWN_COLUMNS = 20
_OPTIONS = ("events", "n", "time", "y", "se", "estimate", "lower", "upper")


class Roles(TypedDict, total=False):
    """The options that name columns: those of `Studies.from_frame`, `read_studies` and `check_frame`."""

    study: str
    events: str | Sequence[str] | None
    n: str | Sequence[str] | None
    time: str | Sequence[str] | None
    y: str | None
    se: str | None
    estimate: str | None
    lower: str | None
    upper: str | None
    measure: str | None
    interval_prob: float
    moderators: Sequence[str] | str


@final
@dataclass(frozen=True)
class Columns:
    """The columns to use.

    Attributes
    ----------
    kind : str
        What describes a study, a key of `ROLES_OF_KIND`.
    names : dict
        Role to column; ``study`` and the roles of `kind`.
    moderators : tuple of str
        Columns carried along.
    measure : str or None
        Scale of the estimates; None for counts and rates.
    interval_prob : float
        Probability of the interval from lower to upper.
    """

    kind: Kind
    names: dict[str, str]
    moderators: tuple[str, ...]
    measure: str | None
    interval_prob: float


def resolve_columns(
    df: pd.DataFrame,
    *,
    source: str,
    study: str = "study",
    measure: str | None = None,
    interval_prob: float = 0.95,
    moderators: Sequence[str] | str = (),
    **named: str | Sequence[str] | None,
) -> Columns:
    """Return which columns of `df` to use, or say in one line which are missing or contradictory.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per study.
    source : str
        What messages call the data: a file name or "data frame".
    study, measure, interval_prob, moderators, **named
        As in `Studies.from_frame`.

    Returns
    -------
    Columns
        Every column exists, once, and has one role.

    Raises
    ------
    DataError
        If a column is missing, doubled or has two roles, or the data are not of one row per study.
    SpecError
        If the options contradict one another or the measure is unknown.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"studies come as a pandas DataFrame, not {type(df).__name__}; use pd.DataFrame(...).")
    if unknown := [role for role in named if role not in _OPTIONS]:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    if measure is not None:
        _check_measure(measure)
    chosen = _by_arm({role: column for role, column in named.items() if column is not None})
    if not isinstance(moderators, str | Iterable):
        raise SpecError(f"moderators={moderators!r} must be a list of columns, such as ['year'].")
    wanted = (moderators,) if isinstance(moderators, str) else tuple(moderators)
    for role, column in (("study", study), *(("a moderator", name) for name in wanted)):
        _column_name(role, column)
    kind = _kind_of_data(df, chosen, wanted, measure, source)
    names = {
        role: _find(df, role, study if role == "study" else chosen.get(role))
        for role in ("study", *ROLES_OF_KIND[kind])
    }
    _refuse_missing(df, [*names.items(), *(("a moderator", column) for column in wanted)], source)
    _refuse_shared(names, source)
    _refuse_reserved(kind, wanted)
    _refuse_doubled(df, [*names.values(), *wanted], source)
    probability = check_probability("interval_prob", interval_prob)
    scale = (measure or "GEN") if kind in _ESTIMATES else None
    return Columns(kind, names, wanted, scale, probability)


def _by_arm(chosen: dict[str, str | Sequence[str]]) -> dict[str, str]:
    """Return the columns by role, where a pair of columns gives the roles of the treatment and of the control arm."""
    pairs = [role for role, column in chosen.items() if isinstance(column, tuple | list)]
    columns: dict[str, str] = {}
    for role, column in chosen.items():
        if role in _ARM_ROLES and isinstance(column, tuple | list):
            if len(column) != len(ARMS):
                raise SpecError(f"{role} names {len(column)} columns; give one, or two: treatment, control.")
            columns |= {f"{role}_{arm}": _column_name(role, name) for arm, name in zip(ARMS, column, strict=True)}
        elif role in _ARM_ROLES and pairs:
            raise SpecError(
                f"{pairs[0]} names a column for each of two arms, but {role} only {column!r}; "
                f"give {role}=(treatment, control)."
            )
        else:
            columns[role] = _column_name(role, column)
    return columns


def _column_name(role: str, column: object) -> str:
    if not isinstance(column, str):
        raise SpecError(f"{role} must be the name of a column, a string, not {type(column).__name__}.")
    return column


def _kind_of_data(
    df: pd.DataFrame, chosen: dict[str, str], moderators: Sequence[str], measure: str | None, source: str
) -> Kind:
    """Return the kind that has all the roles the user named or, if there are more, the one whose columns are there."""
    kinds = [kind for kind, roles in ROLES_OF_KIND.items() if set(chosen) <= set(roles)]
    if not kinds:
        raise SpecError(f"{' and '.join(chosen)} do not go together; give one of: {_NAME_THEM}.")
    if measure is not None and not (kinds := [kind for kind in kinds if kind in _ESTIMATES]):
        what = "rates" if any(role.startswith("time") for role in chosen) else "counts"
        raise SpecError(f"measure={measure!r} is for estimates, but {' and '.join(chosen)} name {what}.")
    if len(kinds) == 1:
        return kinds[0]
    free = df.columns.difference(list(moderators))
    there = {
        kind: sum(role in chosen or _find(df, role, None) in free for role in ROLES_OF_KIND[kind]) for kind in kinds
    }
    complete = [kind for kind, found in there.items() if found == len(ROLES_OF_KIND[kind])]
    if len(complete) > 1:
        raise SpecError(f"{source} has columns for {' and for '.join(complete)}; name one: {_NAME_THEM}.")
    if complete:
        return complete[0]
    if chosen or any(2 * found >= len(ROLES_OF_KIND[kind]) for kind, found in there.items()):
        return max(there, key=lambda kind: there[kind])
    if measure is None and any(did_you_mean(role, df.columns) for role in ROLES_OF_KIND["counts"]):
        return "counts"
    missing = f"{source} has no columns {' and '.join(map(repr, ROLES_OF_KIND[kinds[0]]))}"
    raise DataError(f"{missing}; name the columns to use: {_NAME_THEM}.{_listed(df)}{_headless(df)}")


def _find(df: pd.DataFrame, role: str, named: str | None) -> str:
    """Return the column for a role: the one named, or the canonical name, or an alias that is there."""
    if named is not None and named != role:
        return named
    if role in df.columns:
        return role
    aliases = () if named is not None and role != "study" else ALIASES.get(role, ())
    return next((alias for alias in aliases if alias in df.columns), role)


def _refuse_missing(df: pd.DataFrame, wanted: Sequence[tuple[str, str]], source: str) -> None:
    missing = [(role, column) for role, column in wanted if column not in df.columns]
    if not missing:
        return
    texts = []
    for role, column in missing:
        near = did_you_mean(column, df.columns).strip()
        use = "" if column == role else f" for {role}"
        texts.append(f"column {column!r}{use}{f' ({near[0].lower()}{near[1:]})' if near else ''}")
    raise DataError(f"{source} has no {' and no '.join(texts)}.{_listed(df)}{_headless(df)}")


def _refuse_shared(names: dict[str, str], source: str) -> None:
    seen: dict[str, str] = {}
    for role, column in names.items():
        if column in seen:
            both = f"both {seen[column]} and {role}"
            raise DataError(f"{source}: column {column!r} is named for {both}; name a column for each.")
        seen[column] = role


def _refuse_reserved(kind: Kind, moderators: tuple[str, ...]) -> None:
    """Refuse moderators with the name of a column of ``Studies.to_frame()``, and those listed twice."""
    reserved = tuple(dict.fromkeys((*_RESERVED, *ROLES_OF_KIND[kind])))
    for i, column in enumerate(moderators):
        if column in reserved:
            names_taken = ", ".join(reserved)
            raise SpecError(f"moderator {column!r} has a reserved name ({names_taken}); rename the column.")
        if column in moderators[:i]:
            raise SpecError(f"moderator {column!r} is listed twice; list it once.")


def _refuse_doubled(df: pd.DataFrame, used: Sequence[str], source: str) -> None:
    for column in used:
        times = sum(other == column for other in df.columns)
        if times > 1:
            raise DataError(f"{source} has {times} columns named {column!r}; rename all but one.")


def _check_measure(measure: str) -> None:
    allowed = measures_of("estimates")
    if not isinstance(measure, str) or measure not in MEASURES:
        raise SpecError(unknown_name("measure of estimates", measure, allowed))
    if MEASURES[measure].data != "estimates":
        raise SpecError(
            f"measure {measure!r} is computed from counts or rates, so give it to fit(...); "
            f"measures of estimates: {', '.join(allowed)}."
        )


def _listed(df: pd.DataFrame) -> str:
    names = [str(column) for column in df.columns]
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return f" Columns: {listed(names[:_SHOWN_COLUMNS]) or 'none'}{more}."


def _headless(df: pd.DataFrame) -> str:
    return " Is the header line missing?" if any(_looks_numeric(column) for column in df.columns) else ""


def _looks_numeric(column: Hashable) -> bool:
    return not isinstance(column, str) or column.replace(".", "", 1).isdigit()
