"""What are the observed effects of k studies, and what happens where a cell of their data is empty?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.errors import DataError, SpecError

ZERO_CELL_RULES = ("only0", "all", "if0all", "none")


@final
@dataclass(frozen=True, eq=False)
class EffectSizes:
    """Observed effects of k studies.

    Attributes
    ----------
    y : numpy.ndarray, shape (k,)
        Effects on the scale of the measure.
    se : numpy.ndarray, shape (k,)
        Their standard errors, on the same scale.
    corrected : numpy.ndarray of bool, shape (k,)
        Which studies had a constant added to their cells.
    """

    y: FloatArray
    se: FloatArray
    corrected: BoolArray

    def __post_init__(self) -> None:
        for name, dtype in (("y", np.float64), ("se", np.float64), ("corrected", np.bool_)):
            values = np.array(getattr(self, name), dtype=dtype)
            values.flags.writeable = False
            object.__setattr__(self, name, values)


@final
class EmptyCellError(DataError):
    """An empty cell was left as it is, and the study has no finite effect or no variance.

    Attributes
    ----------
    position : int
        The study's position, from 0.
    data : str
        Its data, in words.
    """

    def __init__(self, position: int, data: str, consequence: str) -> None:
        super().__init__(f"study {position} has {data}, so {consequence}; use add=0.5 with to='only0'.")
        self.position = position
        self.data = data


def columns_of(values: Mapping[str, npt.ArrayLike]) -> dict[str, FloatArray]:
    """Return the values as float arrays of one shape (k,), or raise `DataError`."""
    names = " and ".join(values)
    try:
        arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(array, np.float64)) for array in values.values()))
    except (TypeError, ValueError):
        raise DataError(f"{names} must be numbers in arrays of the same length.") from None
    if arrays[0].ndim != 1:
        raise DataError(f"{names} need one value per study, so one dimension; got {arrays[0].ndim}.")
    return dict(zip(values, arrays, strict=True))


def refuse_impossible(good: BoolArray, data: Mapping[str, FloatArray], needed: str) -> None:
    """Raise `DataError` for the first study whose data are not good."""
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"study {i} has {_shown(data, i)}; needed: {needed}.")


def refuse_undefined(undefined: BoolArray, data: Mapping[str, FloatArray], consequence: str) -> None:
    """Raise `EmptyCellError` for the first study that has no effect or no variance."""
    if undefined.any():
        i = int(np.argmax(undefined))
        raise EmptyCellError(i, _shown(data, i), consequence)


def has_empty_cell(data: Mapping[str, FloatArray]) -> BoolArray:
    """Return which studies have no event in an arm or, where patients are counted, nothing but events.

    Parameters
    ----------
    data : mapping of arrays, shape (k,)
        Role to values: counts or rates, of one arm or two.

    Returns
    -------
    array of bool, shape (k,)
    """
    none = [values == 0.0 for role, values in data.items() if role.startswith("events")]
    full = [data[role.replace("n", "events", 1)] == n for role, n in data.items() if role.startswith("n")]
    return np.any([*none, *full], axis=0)


def corrected_studies(empty: BoolArray, *, add: float, to: str) -> BoolArray:
    """Return which studies get a constant added to each of their cells.

    Parameters
    ----------
    empty : array of bool, shape (k,)
        Which studies have an empty cell.
    add : float
        The constant.
    to : {"only0", "all", "if0all", "none"}
        Studies that get it: those with an empty cell; all; all if any study has an empty cell; none.

    Returns
    -------
    array of bool, shape (k,)

    Raises
    ------
    SpecError
        If `add` or `to` is not allowed.
    """
    if to not in ZERO_CELL_RULES:
        raise SpecError(unknown_name("zero-cell rule to", to, ZERO_CELL_RULES))
    if not isinstance(add, int | float | np.number) or not 0.0 <= add < np.inf:
        raise SpecError(f"add={add!r} must be finite and not negative; metafor's default is 0.5.")
    chosen = {
        "only0": empty,
        "all": np.ones_like(empty),
        "if0all": np.full_like(empty, empty.any()),
        "none": np.zeros_like(empty),
    }[to]
    return chosen & (add > 0.0)


def _shown(data: Mapping[str, FloatArray], i: int) -> str:
    return ", ".join(f"{role}={values[i]:g}" for role, values in data.items())
