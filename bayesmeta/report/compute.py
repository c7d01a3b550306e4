"""What do the engines say of the data of an analysis?"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

import pandas as pd

from bayesmeta.analyses.compare import compare
from bayesmeta.analyses.influence import loo
from bayesmeta.analyses.subgroups import subgroups
from bayesmeta.api import AnyFit, BayesianFit, fit
from bayesmeta.errors import ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import EngineChoice
from bayesmeta.report.figures import Figures, check_figures
from bayesmeta.report.firmness import Checks, compute_checks
from bayesmeta.report.inputs import Inputs, load_inputs, located
from bayesmeta.verify import verify

DEFAULT_SEED: Final = 1
"""The same file gives the same draws, also when it names no seed."""


@final
@dataclass(frozen=True, eq=False)
class Results:
    """The answers of an analysis.

    Attributes
    ----------
    analysis : Analysis
        What was asked.
    inputs : Inputs
        Studies, model, files.
    fits : dict
        The fits by name: "exact", "nuts", "frequentist", or "frequentist-1", "frequentist-2" if several.
    comparison : DataFrame
        All fits side by side, as `compare` gives them, with the column ``name`` before.
    loo : DataFrame or None
        Leave-one-out densities of the exact fit, if there is one and they exist.
    subgroups : DataFrame or None
        The subgroups, as `subgroups` gives them, with the column ``name`` before.
    checks : Checks
        How firm the answer is.
    printed : DataFrame or None
        Figures that others have printed.
    figures : Figures or None
        The figures, once they are written.
    folder : pathlib.Path or None
        Where the files are, once they are written.
    """

    analysis: Analysis
    inputs: Inputs
    fits: dict[str, AnyFit]
    comparison: pd.DataFrame
    loo: pd.DataFrame | None
    subgroups: pd.DataFrame | None
    checks: Checks = field(default_factory=Checks)
    printed: pd.DataFrame | None = None
    figures: Figures | None = None
    folder: Path | None = None

    @property
    def bayesian(self) -> BayesianFit | None:
        """The first Bayesian fit, the exact one if there is one; None if there is none."""
        return next((each for each in self.fits.values() if not isinstance(each, FrequentistFit | GlmmFit)), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was corrected, cut or could not be given, by fit; problems are not repeated."""
        notes = (f"{name}: {note}" for name, fit in self.fits.items() for note in fit.notes)
        return tuple(note for note in notes if note not in self.problems)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The rows that were left out, with the reason, one line each."""
        return self.inputs.dropped

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes a result unfit for use, one line each; empty if all is well."""
        return tuple(_problems(self.fits))


def compute(analysis: Analysis, inputs: Inputs | None = None, *, quiet: bool = True) -> Results:
    """Make all fits of an analysis.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    inputs : Inputs, optional
        Its studies and model; loaded if not given.
    quiet : bool
        Whether sampling shows no progress.

    Returns
    -------
    Results

    Raises
    ------
    SpecError, DataError, ImproperPosteriorError, AccuracyError
        As `bayesmeta.fit` raises them; the message begins with the analysis file and the section of the engine.

    Notes
    -----
    NUTS comes last, because a fault of the others, or of the figure, should be known before minutes of sampling.
    """
    inputs = load_inputs(analysis) if inputs is None else inputs
    named = list(_names(analysis.engines))
    fits = {name: _fit(analysis, inputs, engine, name, quiet=quiet) for name, engine in named if engine.name != "nuts"}
    by_level = _subgroups(analysis, inputs, named)
    checks = compute_checks(analysis, inputs, fits)
    for name, engine in named:
        if engine.name == "nuts":
            check_figures(analysis, fits)
            fits[name] = _fit(analysis, inputs, engine, name, quiet=quiet)
    ordered = {name: fits[name] for name, _ in named}
    ci_prob = analysis.output.ci_prob
    tables = [compare([each], ci_prob=ci_prob).assign(name=name) for name, each in ordered.items()]
    return Results(
        analysis,
        inputs,
        ordered,
        _name_first(pd.concat(tables, ignore_index=True)),
        _loo(ordered),
        by_level,
        checks,
        inputs.printed,
    )


def _names(engines: tuple[EngineChoice, ...]) -> Iterator[tuple[str, EngineChoice]]:
    names = [engine.name for engine in engines]
    for i, engine in enumerate(engines):
        number = names[: i + 1].count(engine.name)
        yield engine.name if names.count(engine.name) == 1 else f"{engine.name}-{number}", engine


def _which(engine: EngineChoice, name: str) -> str:
    """Return which of several sections of an engine it is, for messages."""
    number = name.removeprefix(engine.name).removeprefix("-")
    return f" (no. {number})" if number else ""


def _fit(analysis: Analysis, inputs: Inputs, engine: EngineChoice, name: str, *, quiet: bool) -> AnyFit:
    shared: dict[str, dict[str, Any]] = {
        "nuts": {"seed": DEFAULT_SEED, "quiet": quiet},
        "frequentist": {"ci_prob": analysis.output.ci_prob},
    }
    model = None if engine.name == "frequentist" else inputs.model
    options = {**shared.get(engine.name, {}), **engine.options}
    with located(analysis, f"engines.{engine.name}", _which(engine, name)):
        result: AnyFit = fit(inputs.studies, model, engine=engine.name, **options)
    if isinstance(result, NutsFit):  # the limits that are reported are those compared
        return replace(result, verification=verify(result, ci_prob=analysis.output.ci_prob))
    return result


def _name_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["name", *(column for column in frame.columns if column != "name")]]


def _loo(fits: dict[str, AnyFit]) -> pd.DataFrame | None:
    exact = fits.get("exact")
    if not isinstance(exact, ExactFit):
        return None
    try:
        return loo(exact)
    except ImproperPosteriorError:
        return None


def _subgroups(analysis: Analysis, inputs: Inputs, named: list[tuple[str, EngineChoice]]) -> pd.DataFrame | None:
    """Return the subgroups by the exact engine and the frequentist ones; NUTS would only repeat the exact answer."""
    if not analysis.subgroups:
        return None
    tables = []
    for name, engine in named:
        if engine.name == "nuts":
            continue
        if "power_weights" in engine.options:
            raise SpecError("[subgroups] does not take [engines.exact] power_weights; leave one of the two out.")
        which = _which(engine, name)
        with located(analysis, "subgroups", f" by [engines.{engine.name}]{which}" if which else ""):
            table = subgroups(
                inputs.studies,
                None if engine.name == "frequentist" else inputs.model,
                by=analysis.subgroups,
                engine=engine.name,
                ci_prob=analysis.output.ci_prob,
                **engine.options,
            )
        tables.append(table.assign(name=name))
    if not tables:
        raise SpecError("[subgroups] needs [engines.exact] or [engines.frequentist]; NUTS alone does not do subgroups.")
    return _name_first(pd.concat(tables, ignore_index=True))


def _problems(fits: dict[str, AnyFit]) -> Iterator[str]:
    for name, each in fits.items():
        if isinstance(each, NutsFit) and each.interrupted:
            yield f"{name}: sampling was interrupted; its results are those of the draws made until then"
        if isinstance(each, NutsFit) and not each.is_reliable:
            yield f"{name}: {each.diagnosis.verdict}"
