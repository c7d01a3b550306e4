"""Which moderators are missing for some studies, and what stands in for them?"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.spec.formulas import names_in, parse
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design, design_of


@final
@dataclass(frozen=True, eq=False)
class Imputed:
    """A numeric moderator of the formula with missing values.

    Attributes
    ----------
    name : str
        The moderator.
    column : int
        Its column of the design matrix.
    rows : array, shape (m,)
        The rows for which it is missing.
    labels : tuple of str
        The studies of these rows.
    observed : array, shape (k - m,)
        The observed values.
    mean, sd : float
        Their mean, at which the design is centred, and their SD.
    centre : float
        What the design subtracts: the mean, or 0 if it is not centred.
    """

    name: str
    column: int
    rows: IntArray
    labels: tuple[str, ...]
    observed: FloatArray
    mean: float
    sd: float
    centre: float

    @property
    def dim(self) -> str:
        """The dimension of its missing values."""
        return f"missing_{self.name}"

    @property
    def note(self) -> str:
        """How many were imputed, in one line."""
        many = len(self.labels)
        whose = self.labels[0] if many == 1 else f"{many} of {many + len(self.observed)} studies"
        return f"{self.name} is missing for {whose} and was imputed, taken as missing at random."

    @property
    def standardised(self) -> FloatArray:
        """The observed values less their mean, in SDs."""
        return (self.observed - self.mean) / np.float64(self.sd)


def design_with_missing(model: ModelSpec, studies: Studies) -> tuple[Design | None, tuple[Imputed, ...]]:
    """Return the design of a model's formula, with the mean in place of missing values, and what is missing.

    Raises
    ------
    SpecError
        If a moderator with missing values is no number, does not stand in the formula by its name alone, or has fewer
        than two observed values that differ; if a value is missing and is not to be imputed.
    """
    if model.formula is None:
        return None, ()
    if not model.missing:
        return design_of(model.formula, studies), ()
    incomplete = [name for name in names_in(parse(model.formula)) if _is_missing(studies, name).any()]
    filled = studies.moderators.copy()
    for name in incomplete:
        filled[name] = _filled(studies, name)
    design = design_of(model.formula, replace(studies, moderators=filled))
    return design, tuple(_imputed(name, design, studies) for name in incomplete)


def _is_missing(studies: Studies, name: str) -> pd.Series:
    if name not in studies.moderators:
        return pd.Series(np.zeros(studies.k, dtype=bool))  # which `design_of` refuses
    return studies.moderators[name].isna()


def _filled(studies: Studies, name: str) -> pd.Series:
    column = studies.moderators[name]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        label = studies.study[int(np.argmax(column.isna()))]
        raise DataError(
            f"{studies.source}, study {label!r}: the moderator {name!r} is missing, and as it is no number it cannot "
            "be imputed; fill it in, make 'unknown' a level, or leave the study out with studies.take(...)."
        )
    if column.dropna().nunique() < 2:
        raise DataError(
            f"{studies.source}: the moderator {name!r} has fewer than two different values, too few to impute the "
            "others from; leave it out of the formula."
        )
    return column.fillna(column.mean())


def _imputed(name: str, design: Design, studies: Studies) -> Imputed:
    users = [coef for coef in design.coef if coef != name and name in names_in(parse(f"~ 0 + {coef}"))]
    if name not in design.coef or users:
        shown = users[0] if users else design.formula
        raise SpecError(
            f"the moderator {name!r} is missing for some studies and stands in {shown!r}; it can be imputed only where "
            "it stands in the formula by its name alone."
        )
    column = studies.moderators[name].to_numpy(dtype=np.float64)
    rows = np.flatnonzero(np.isnan(column))
    observed = np.delete(column, rows)
    return Imputed(
        name, design.coef.index(name), rows, tuple(studies.study[i] for i in rows), observed, float(observed.mean()),
        float(observed.std(ddof=1)), float(design.means.get(name, 0.0)),
    )  # fmt: skip
