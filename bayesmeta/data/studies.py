"""Which studies are analysed, which rows were refused, and why?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmeta.data.check import find_problems
from bayesmeta.data.columns import resolve_columns
from bayesmeta.data.display import as_html, as_text, data_texts, totals_text
from bayesmeta.data.kinds import DATA_ROLES, kind_of
from bayesmeta.data.select import DROPPED_COLUMNS, OnBad, OnMissing, select_rows
from bayesmeta.effects.measures import ROLES_OF_DATA, DataKind
from bayesmeta.errors import DataError

type FloatArray = npt.NDArray[np.float64]


@cache
def _empty_frame() -> pd.DataFrame:
    return pd.DataFrame(columns=list(DROPPED_COLUMNS))


def _nothing_dropped() -> pd.DataFrame:
    return _empty_frame().copy(deep=False)


@lru_cache(maxsize=256)
def _bare_frame(k: int) -> pd.DataFrame:
    return pd.DataFrame(index=range(k))


def _no_moderators(k: int) -> pd.DataFrame:
    return _bare_frame(k).copy(deep=False)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Studies:
    """Studies with their data: counts or rates, of one arm or two, or estimates with standard errors.

    The data of a `kind` are two or four of the arrays below; the others are None.

    Attributes
    ----------
    study : tuple of str
        Labels, all different.
    events, n : numpy.ndarray, shape (k,), or None
        Patients with the event, and patients.
    y, se : numpy.ndarray, shape (k,), or None
        Estimates and their standard errors, on the scale of `measure`.
    time : numpy.ndarray, shape (k,), or None
        Person-time in which the events happened, in whatever unit, the same for all studies.
    events_treatment, n_treatment, time_treatment : numpy.ndarray, shape (k,), or None
        The same of the treatment arm.
    events_control, n_control, time_control : numpy.ndarray, shape (k,), or None
        The same of the control arm.
    measure : str or None
        Scale of `y`: ``"GEN"`` as given, ``"HR"`` log hazard ratio; None for counts and rates.
    moderators : pandas.DataFrame
        Further columns, k rows numbered from 0.
    dropped : pandas.DataFrame
        Rows that were refused: ``row``, ``study``, ``reason``.
    source : str
        Where the data come from; used in messages.

    Raises
    ------
    DataError
        If the values are impossible, the lengths differ or there is no study.

    Examples
    --------
    >>> df = pd.DataFrame({"study": ["Lee 2019", "Kim 2020"], "events": [7, 3], "n": [15, 10]})
    >>> Studies.from_frame(df)
    Studies: k = 2, 10/25 events, from data frame
      Lee 2019  7/15
      Kim 2020  3/10
    >>> df = pd.DataFrame({"study": ["Aronson 1948"], "r1": [4], "n1": [123], "r2": [11], "n2": [139]})
    >>> Studies.from_frame(df, events=("r1", "r2"), n=("n1", "n2"))
    Studies: k = 1, treatment 4/123, control 11/139 events, from data frame
      Aronson 1948  4/123 vs 11/139
    """

    study: tuple[str, ...]
    events: FloatArray | None = None
    n: FloatArray | None = None
    y: FloatArray | None = None
    se: FloatArray | None = None
    time: FloatArray | None = None
    events_treatment: FloatArray | None = None
    n_treatment: FloatArray | None = None
    time_treatment: FloatArray | None = None
    events_control: FloatArray | None = None
    n_control: FloatArray | None = None
    time_control: FloatArray | None = None
    measure: str | None = None
    moderators: pd.DataFrame = field(default_factory=pd.DataFrame)
    dropped: pd.DataFrame = field(default_factory=_nothing_dropped)
    source: str = "data frame"

    def __post_init__(self) -> None:
        """Check the values by the rules of `check_frame`, and make the arrays read-only."""
        values = {role: getattr(self, role) for role in DATA_ROLES if getattr(self, role) is not None}
        if kind_of(set(values)) is None:
            needed = "; or ".join(", ".join(roles) for roles in ROLES_OF_DATA.values())
            raise DataError(f"Studies need one of: {needed}. Given: {', '.join(values) or 'none'}.")
        arrays = {role: np.array(array, dtype=np.float64) for role, array in values.items()}
        if not self.study:
            raise DataError(f"{self.source} holds no studies; at least one is needed.")
        same_length = all(array.shape == (self.k,) for array in arrays.values())
        if not same_length or len(self.moderators) not in (0, self.k):
            raise DataError(f"{' and '.join(arrays)} and the moderators need {self.k} values, one per study.")
        rows = find_problems(self.kind, self.study, {role: array.tolist() for role, array in arrays.items()})
        if rows.problems:
            first = rows.problems[0]
            label = rows.labels[first.position]
            raise DataError(f"{self.source}, study {label!r}, column {first.role!r}: {first.text}.")
        for role, array in arrays.items():
            array.flags.writeable = False
            object.__setattr__(self, role, array)
        object.__setattr__(self, "study", rows.labels)
        object.__setattr__(self, "measure", (self.measure or "GEN") if self.kind == "estimates" else None)
        moderators = self.moderators.reset_index(drop=True) if len(self.moderators) else _no_moderators(self.k)
        object.__setattr__(self, "moderators", moderators)

    def __getstate__(self) -> dict[str, object]:
        """Leave out frames that hold nothing: they would take most of the time to send studies to another process."""
        bare = {"moderators": self.moderators.columns.empty, "dropped": self.dropped.empty}
        return {name: None if bare.get(name) else value for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put them back."""
        vars(self).update(state)
        if state["moderators"] is None:
            vars(self)["moderators"] = _no_moderators(self.k)
        if state["dropped"] is None:
            vars(self)["dropped"] = _nothing_dropped()

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.study)

    @property
    def kind(self) -> DataKind:
        """What describes a study: "counts", "estimates", "two-arm-counts", "rates" or "two-arm-rates"."""
        if self.y is not None:
            return "estimates"
        if self.events is not None:
            return "rates" if self.n is None else "counts"
        return "two-arm-rates" if self.n_treatment is None else "two-arm-counts"

    @property
    def has_counts(self) -> bool:
        """Whether the data are events and n of one arm."""
        return self.kind == "counts"

    @property
    def data(self) -> dict[str, FloatArray]:
        """The arrays of this `kind` by role, each of shape (k,)."""
        return {role: getattr(self, role) for role in ROLES_OF_DATA[self.kind]}

    @property
    def totals(self) -> str:
        """What all studies together hold, in words: ``10/25 events``, or the measure of estimates."""
        return totals_text(self.kind, self.data, self.measure)

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        *,
        study: str = "study",
        events: str | Sequence[str] | None = None,
        n: str | Sequence[str] | None = None,
        time: str | Sequence[str] | None = None,
        y: str | None = None,
        se: str | None = None,
        estimate: str | None = None,
        lower: str | None = None,
        upper: str | None = None,
        measure: str | None = None,
        interval_prob: float = 0.95,
        moderators: Sequence[str] | str = (),
        missing_moderators: OnMissing = "raise",
        on_bad: OnBad = "raise",
        source: str = "data frame",
    ) -> Self:
        """Return the studies of a data frame with one row per study.

        Parameters
        ----------
        df : pandas.DataFrame
            The data; it is not changed.
        study : str
            Column of the labels, which must differ (after Unicode normalisation and trimming).
        events, n, time : str or pair of str, optional
            Columns of the counts and of the person-time: `events` with `n`, or `events` with `time`; for two
            arms a pair of columns each, treatment first. Without any column named, those called after the
            fields of `Studies` are taken, or after metafor's (``xi ni ti``, ``ai n1i ci n2i``,
            ``x1i t1i x2i t2i``), if they are there for one kind of data only.
        y, se : str, optional
            Columns of the estimates and standard errors on the scale of `measure`: logs for "HR".
        estimate, lower, upper : str, optional
            Columns of the estimates with their limits, as printed: hazard ratios for "HR".
        measure : {"GEN", "HR"}, optional
            Scale of the estimates; "GEN", as given, if left out.
        interval_prob : float
            Probability of the interval from `lower` to `upper`.
        moderators : sequence of str
            Further columns to keep.
        missing_moderators : {"raise", "keep"}
            Whether a row with a missing value of a moderator is a bad one, or is kept for a model that imputes it.
        on_bad : {"raise", "drop"}
            What to do about rows with impossible, missing or repeated entries.
        source : str
            What messages call the data.

        Returns
        -------
        Studies
            With the refused rows in ``dropped``, if `on_bad` is ``"drop"``.

        Raises
        ------
        DataError
            For the first bad row, naming row, study and column; or if columns are missing or no row is good.
        SpecError
            If the options contradict one another or the measure is unknown.

        Notes
        -----
        From limits: y = g(estimate) and se = (g(upper) - g(lower)) / (2 z), where g is the log for ratio
        measures and the identity for the rest, and z the (1 + interval_prob) / 2 quantile of the normal.

        Examples
        --------
        >>> df = pd.DataFrame({"study": ["TOWER"], "hr": [0.71], "low": [0.55], "high": [0.93]})
        >>> studies = Studies.from_frame(df, estimate="hr", lower="low", upper="high", measure="HR")
        >>> studies.y.round(3), studies.se.round(3)
        (array([-0.342]), array([0.134]))
        """
        columns = resolve_columns(
            df,
            source=source,
            study=study,
            measure=measure,
            interval_prob=interval_prob,
            moderators=moderators,
            events=events,
            n=n,
            time=time,
            y=y,
            se=se,
            estimate=estimate,
            lower=lower,
            upper=upper,
        )
        kept = select_rows(df, columns, on_bad=on_bad, missing_moderators=missing_moderators, source=source)
        return cls(
            kept.labels,
            **kept.values,
            measure=columns.measure,
            moderators=kept.moderators,
            dropped=kept.dropped,
            source=source,
        )

    def take(self, index_or_mask: npt.ArrayLike) -> Self:
        """Return some of the studies.

        Parameters
        ----------
        index_or_mask : array_like
            Positions from 0, in the order wanted and without repeats; or k truth values.

        Returns
        -------
        Studies
            With the same ``dropped`` and ``source``.

        Raises
        ------
        DataError
            If no study is left, a position does not exist or is repeated, or the mask is not of length k.
        """
        positions = _positions(index_or_mask, self.k, self.source)
        return type(self)(
            tuple(self.study[i] for i in positions),
            **{role: array[positions] for role, array in self.data.items()},
            measure=self.measure,
            moderators=self.moderators.iloc[positions],
            dropped=self.dropped,
            source=self.source,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the studies as a data frame.

        Returns
        -------
        pandas.DataFrame
            Columns ``study``, then those of `data`, then the moderators; k rows.
        """
        return pd.concat([pd.DataFrame({"study": self.study, **self.data}), self.moderators], axis=1)

    def __repr__(self) -> str:
        columns = data_texts(self.kind, self.data).values()
        return as_text(self._headline(), self.study, [" vs ".join(texts) for texts in zip(*columns, strict=True)])

    def _repr_html_(self) -> str:
        columns = data_texts(self.kind, self.data)
        named = {heading.replace("y (se)", f"{self.measure} (se)"): texts for heading, texts in columns.items()}
        return as_html(self._headline(), self.study, named)

    def _headline(self) -> str:
        refused = len(self.dropped)
        rows = f"; {refused} row{'s' if refused > 1 else ''} refused, see .dropped" if refused else ""
        return f"Studies: k = {self.k}, {self.totals}, from {self.source}{rows}"


def _positions(index_or_mask: npt.ArrayLike, k: int, source: str) -> npt.NDArray[np.intp]:
    """Return positions from 0, from positions or truth values, or say why they select nothing sensible."""
    which = np.atleast_1d(np.asarray(index_or_mask))
    is_mask = which.dtype == np.bool_
    if is_mask and which.shape != (k,):
        raise DataError(f"the mask has shape {which.shape}; it needs one truth value for each of {k} studies.")
    if which.size == 0 or (is_mask and not which.any()):
        raise DataError(f"no study is selected from {source}; select at least one.")
    if is_mask:
        return np.flatnonzero(which)
    if which.dtype.kind not in "iu" or which.ndim != 1:
        raise DataError(f"studies are selected by position or by truth value, not {which.dtype}.")
    if which.max() >= k or which.min() < -k:
        raise DataError(f"{source} has {k} studies, at positions 0 to {k - 1}; {which.tolist()} is beyond.")
    if len(set((which % k).tolist())) < len(which):
        raise DataError(f"each study can be selected once; got positions {which.tolist()}.")
    return which % k
