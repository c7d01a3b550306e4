"""How do the studies' moderators enter the mean? The design matrix of a formula.

    eta_i = x_i' beta

A numeric column that stands in the formula by its bare name is centred at its mean over the studies, if the
formula has a constant (an intercept, or every level of a factor): the intercept is then the mean at the
average study. What is wrapped, as in ``I(year - 2010)`` or ``I(year)``, is taken as written.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta._validate import did_you_mean, listed, unknown_name
from bayesmeta.data.moderators import or_add, wanted_with
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.spec.formulas import bare_names, names_in, parse
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.levels import complete_moderator

CENTRED = " (centred)"
RANK_TOLERANCE = 1e-10  # of the largest singular value, columns scaled to length 1


@final
@dataclass(frozen=True, eq=False)
class Design:
    """The design matrix of a formula and the studies it was made for.

    Attributes
    ----------
    formula : str
        As given.
    coef : tuple of str
        Names of the columns, as formulaic has them.
    matrix : array, shape (k, p)
        A row per study.
    means : mapping
        The means at which numeric moderators were centred; empty if none was.
    levels : mapping
        The levels of each moderator that is a factor.
    variables : tuple of str
        Moderators that the formula uses.
    """

    formula: str
    coef: tuple[str, ...]
    matrix: FloatArray
    means: FrozenMapping[float]
    levels: FrozenMapping[tuple[str, ...]]
    variables: tuple[str, ...]
    _encoder: Any

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups if every study has one coefficient as its mean (cell means); else empty."""
        is_cells = bool(((self.matrix == 0.0) | (self.matrix == 1.0)).all() and (self.matrix.sum(axis=1) == 1.0).all())
        return tuple(_cell_label(name) for name in self.coef) if is_cells else ()

    def row(self, at: Mapping[str, object]) -> FloatArray:
        """Return the row x of the design at stated values of the moderators, shape (p,).

        Raises
        ------
        SpecError
            If a moderator is unknown, missing, no number, or has no such level.
        """
        for name in at:
            if name not in self.variables:
                raise SpecError(unknown_name("moderator", name, self.variables or ("(none)",)))
        for name in self.variables:
            if name not in at:
                raise SpecError(f"the value of {name!r} is missing; the formula {self.formula} needs {self._needed()}.")
        frame = pd.DataFrame({name: [self._value(name, at[name])] for name in self.variables}, index=[0])
        for name, mean in self.means.items():
            frame[name + CENTRED] = frame[name] - mean
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")  # formulaic warns of a level that the studies did not have
            try:
                row: FloatArray = np.asarray(
                    self._encoder.get_model_matrix(frame, na_action="ignore"), dtype=np.float64
                )[0]
            except Warning:
                row = np.array([np.nan])
        if not np.isfinite(row).all():
            raise SpecError(
                f"the formula {self.formula!r} has no value at {dict(at)!r}; choose values as the studies have them."
            )
        return row

    def _needed(self) -> str:
        return " and ".join(repr(name) for name in self.variables)

    def _value(self, name: str, value: object) -> object:
        if name in self.levels:
            text = _text(value)
            if text not in self.levels[name]:
                raise SpecError(unknown_name(f"level of {name!r}", text, self.levels[name]))
            return text
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise SpecError(f"{name}={value!r} must be a number.") from None


def design_of(formula: str, studies: Studies) -> Design:
    """Return the design matrix of a formula for some studies.

    Parameters
    ----------
    formula : str
        In formulaic's (R's) language, without a left-hand side.
    studies : Studies
        With the moderators it names.

    Raises
    ------
    SpecError
        If the formula names an unknown column, or its columns are constant or collinear.
    DataError
        If a value is missing for a study, or not finite.

    Examples
    --------
    >>> frame = pd.DataFrame({"year": [2001, 2003, 2008], "arm": ["a", "b", "a"]})
    >>> studies = Studies(("A", "B", "C"), events=[1, 2, 3], n=[9, 9, 9], moderators=frame)
    >>> design = design_of("~ year + arm", studies)
    >>> design.coef, dict(design.means)
    (('Intercept', 'year', 'arm[T.b]'), {'year': 2004.0})
    """
    parsed = parse(formula)
    frame = _frame(formula, parsed, studies)
    variables = tuple(str(name) for name in frame.columns)
    levels = {name: tuple(dict.fromkeys(frame[name])) for name in variables if frame[name].dtype == object}
    matrix, coef, encoder = _encode(formula, parsed, frame)
    bare = bare_names(parsed)
    to_centre = [name for name in variables if name in bare and name not in levels]
    means = {}
    if to_centre and _spans_constant(matrix):
        means = {name: float(np.mean(frame[name])) for name in to_centre}
        for name, mean in means.items():
            frame[name + CENTRED] = frame[name] - mean
        matrix, coef, encoder = _encode(formula, _with_centred(parsed, means), frame)
        coef = tuple(name.replace(CENTRED, "") for name in coef)
    _check_finite(matrix, coef, formula, studies)
    _check_rank(matrix, coef, formula, frame[list(variables)])
    return Design(formula, coef, matrix, FrozenMapping(means), FrozenMapping(levels), variables, encoder)


def cell_means(variable: str, levels: Sequence[tuple[str, IntArray]], k: int) -> Design:
    """Return the design in which each level of one moderator has a mean of its own, without reading a formula.

    Parameters
    ----------
    variable : str
        The moderator.
    levels : sequence of (str, array)
        Labels, and the positions of each level's studies.
    k : int
        Number of studies.
    """
    matrix = np.zeros((k, len(levels)))
    for column, (_, members) in enumerate(levels):
        matrix[members, column] = 1.0
    labels = tuple(label for label, _ in levels)
    coef = tuple(f"{variable}[{label}]" for label in labels)
    return Design(
        f"~ 0 + {variable}", coef, matrix, FrozenMapping({}), FrozenMapping({variable: labels}), (variable,), None
    )


def overall_mean(k: int) -> Design:
    """Return the design of one mean of all k studies, without reading a formula."""
    return Design("~ 1", ("Intercept",), np.ones((k, 1)), FrozenMapping({}), FrozenMapping({}), (), None)


def _frame(formula: str, parsed: Any, studies: Studies) -> pd.DataFrame:
    """Return the columns the formula needs: floats, or texts as levels; refuse unknown and missing."""
    there = [str(name) for name in studies.moderators.columns]
    frame = pd.DataFrame(index=range(studies.k))
    for name in names_in(parsed):
        if name not in there:
            if not there:
                raise SpecError(
                    f"the formula {formula!r} needs {name!r}; read the studies with {wanted_with(studies, name)}."
                )
            raise SpecError(
                f"the formula {formula!r} names {name!r}, which is no moderator of the studies."
                f"{did_you_mean(name, there)} Allowed: {listed(there)}.{or_add(studies, name, there)}"
            )
        column = complete_moderator(studies, name, imputable=True)
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        values = column.to_numpy()
        frame[name] = values if number else pd.Series([_text(value) for value in values], dtype=object)
    return frame


def _encode(formula: str, parsed: Any, frame: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...], Any]:
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(all="ignore"):
            made = parsed.get_model_matrix(frame, na_action="ignore")
    except (FormulaicError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise SpecError(f"the formula {formula!r} cannot be used: {reason}.") from None
    names = tuple(str(name) for name in made.columns)
    return np.asarray(made, dtype=np.float64), names, made.model_spec


def _with_centred(parsed: Any, means: Mapping[str, float]) -> Any:
    """Return the formula with the centred column in place of each bare name in ``means``."""
    from formulaic import Formula
    from formulaic.parser.types import Factor, Term

    def swapped(factor: Any) -> Any:
        centred = factor.eval_method.value == "lookup" and factor.expr in means
        return Factor(factor.expr + CENTRED, eval_method="lookup") if centred else factor

    return Formula([Term([swapped(factor) for factor in term.factors]) for term in parsed])


def _spans_constant(matrix: FloatArray) -> bool:
    """Return whether some combination of the columns is 1 for every study."""
    if not np.isfinite(matrix).all():
        return False
    ones = np.ones(len(matrix))
    solution = np.linalg.lstsq(matrix, ones, rcond=None)[0]
    return bool(np.abs(matrix @ solution - ones).max() < 1e-9) and bool((matrix == 1.0).any(axis=1).all())


def _check_finite(matrix: FloatArray, coef: Sequence[str], formula: str, studies: Studies) -> None:
    study, column = np.nonzero(~np.isfinite(matrix))
    if study.size:
        raise DataError(
            f"{studies.source}, study {studies.study[study[0]]!r}: {coef[column[0]]!r} of the formula {formula!r} is "
            f"{matrix[study[0], column[0]]:g}; a finite number is needed."
        )


def _check_rank(matrix: FloatArray, coef: Sequence[str], formula: str, frame: pd.DataFrame) -> None:
    for name in frame.columns:
        if frame[name].nunique() == 1 and len(frame) > 1:
            raise SpecError(
                f"the moderator {str(name)!r} is {_text(frame[name].iloc[0])} for every study, so that its effect "
                "cannot be told from the mean; leave it out of the formula."
            )
    k, p = matrix.shape
    if p > k:
        raise SpecError(
            f"the formula {formula!r} has {p} coefficients for {k} {'study' if k == 1 else 'studies'}; "
            f"leave out at least {p - k}."
        )
    length = np.linalg.norm(matrix, axis=0)
    if not length.all():
        raise SpecError(f"the column {coef[int(length.argmin())]!r} of the formula {formula!r} is 0 for every study.")
    _, singular, right = np.linalg.svd(matrix / length, full_matrices=False)
    if singular[-1] < RANK_TOLERANCE * singular[0]:
        part = np.abs(right[-1])
        involved = [repr(name) for name, share in zip(coef, part, strict=True) if share > 1e-6]
        raise SpecError(
            f"the columns {', '.join(involved)} of the formula {formula!r} are collinear: one follows from the rest, "
            "so that their coefficients cannot be told apart; leave one out."
        )


def _cell_label(name: str) -> str:
    """Return the level(s) that a column of cell means stands for: ``regimen[TKI]`` gives ``TKI``."""
    return ", ".join(re.findall(r"\[(.*?)\](?=:|$)", name)) or name


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
