"""What do the engines say of several outcomes, each analysed on its own?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import pandas as pd

from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import CheckChoice
from bayesmeta.report.compute import Results, compute
from bayesmeta.report.figures import Figures
from bayesmeta.report.inputs import Inputs, load_outcomes
from bayesmeta.report.shown import Shown

NO_CHECKS = CheckChoice(leave_one_out=False, sensitivity=False, small_study=())


@final
@dataclass(frozen=True, eq=False)
class Outcomes:
    """The answers of an analysis that has several outcomes.

    Attributes
    ----------
    analysis : Analysis
        What was asked.
    parts : dict
        The answers of each outcome, by the values of the columns that tell outcomes apart.
    shown : dict
        How the numbers of each outcome are printed: all in one unit.
    figures : Figures or None
        The figures, once they are written.
    folder : pathlib.Path or None
        Where the files are, once they are written.
    """

    analysis: Analysis
    parts: dict[tuple[str, ...], Results]
    shown: dict[tuple[str, ...], Shown]
    figures: Figures | None = None
    folder: Path | None = None

    @property
    def inputs(self) -> Inputs:
        """The inputs of the first outcome; files and model are those of all."""
        return self.first.inputs

    @property
    def first(self) -> Results:
        """The answers of the first outcome."""
        return next(iter(self.parts.values()))

    @property
    def fits(self) -> dict[str, Any]:
        """The fits of the first outcome, by name."""
        return dict(self.first.fits)

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes a result unfit for use; nothing, because none is sampled."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was corrected or could not be given, by outcome and fit."""
        return tuple(f"{', '.join(levels)}: {note}" for levels, part in self.parts.items() for note in part.notes)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The rows that were left out, with the reason, one line each."""
        return tuple(row for part in self.parts.values() for row in part.inputs.dropped)


def compute_outcomes(analysis: Analysis, inputs: dict[tuple[str, ...], Inputs] | None = None) -> Outcomes:
    """Make all fits of an analysis that has several outcomes.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    inputs : dict, optional
        From `load_outcomes`; loaded if not given.

    Returns
    -------
    Outcomes

    Raises
    ------
    SpecError, DataError, ImproperPosteriorError, AccuracyError
        As `compute` raises them.
    """
    inputs = load_outcomes(analysis) if inputs is None else inputs
    alone = replace(analysis, outcomes=(), checks=NO_CHECKS)
    parts = {levels: compute(alone, each) for levels, each in inputs.items()}
    return Outcomes(analysis, parts, _in_one_unit(parts))


def _in_one_unit(parts: dict[tuple[str, ...], Results]) -> dict[tuple[str, ...], Shown]:
    """Return how each outcome is printed: proportions in the unit of the first, unless the analysis names one."""
    first = Shown(next(iter(parts.values())))
    if first.title != "Proportion" or first.results.analysis.output.scale is not None:
        return {levels: Shown(part) for levels, part in parts.items()}
    output = replace(first.results.analysis.output, scale=first.printing.unit.name)
    analysis = replace(first.results.analysis, output=output)
    return {levels: Shown(replace(part, analysis=analysis)) for levels, part in parts.items()}


def outcome_table(outcomes: Outcomes) -> pd.DataFrame:
    """Return all estimates of all outcomes.

    Returns
    -------
    DataFrame
        A row for each outcome, fit and parameter: the columns that tell outcomes apart, ``k``, ``events`` and ``n``
        (of counts), and those of `compare` with ``name`` before.
    """
    tables = []
    for levels, part in outcomes.parts.items():
        studies = part.inputs.studies
        head: dict[str, Any] = {**dict(zip(outcomes.analysis.outcomes, levels, strict=True)), "k": studies.k}
        if studies.kind == "counts":
            head |= {name: int(values.sum()) for name, values in studies.data.items() if name in ("events", "n")}
        table = part.comparison.assign(**head)
        tables.append(table[[*head, *part.comparison.columns]])
    return pd.concat(tables, ignore_index=True)


def printed_of(outcomes: Outcomes, levels: tuple[str, ...]) -> tuple[float, float, float] | None:
    """Return the printed estimate and limits of an outcome; None if there are none."""
    printed = outcomes.inputs.printed
    if printed is None:
        return None
    found = printed[[tuple(row) == levels for row in _keys(printed, outcomes.analysis.outcomes)]]
    if found.empty:
        return None
    estimate, lower, upper = found.iloc[0][["estimate", "lower", "upper"]].astype(float)
    return estimate, lower, upper


def _keys(frame: pd.DataFrame, by: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (tuple(map(str, row)) for row in frame[list(by)].itertuples(index=False))
