"""Which studies and which model does an analysis name, and in what state were their files?"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import cast, final

import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.data.columns import Roles
from bayesmeta.data.datasets import DATASETS, load_dataset
from bayesmeta.data.decode import read_bytes
from bayesmeta.data.read import parse_for
from bayesmeta.data.select import OnBad
from bayesmeta.data.studies import Studies
from bayesmeta.errors import BayesmetaError, DataError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import DataChoice, ModelChoice
from bayesmeta.report.printed import read_printed
from bayesmeta.report.rows import choose_rows, split_rows
from bayesmeta.spec.coefficients import refuse_formula
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model

HASH_SHOWN = 12
"""Hexadecimal digits of a hash that tell two files apart in a sentence."""


@final
@dataclass(frozen=True)
class InputFile:
    """One file that went into an analysis.

    Attributes
    ----------
    role : {"analysis", "data", "model", "printed"}
        What it holds.
    name : str
        Its name, without the folder: the same on every machine.
    sha256 : str
        Hash of its bytes, in hexadecimal.
    """

    role: str
    name: str
    sha256: str


@final
@dataclass(frozen=True, eq=False)
class Inputs:
    """What is analysed.

    Attributes
    ----------
    studies : Studies
        The data.
    table : bytes
        The data file as it was read.
    model : ModelSpec or None
        The model, with the priors that the analysis puts in place of its own.
    base : ModelSpec or None
        The model as its file has it.
    files : tuple of InputFile
        The files, with their hashes.
    printed : DataFrame or None
        Figures that others have printed.
    printed_table : bytes
        Their file as it was read.
    """

    studies: Studies
    table: bytes
    model: ModelSpec | None
    base: ModelSpec | None
    files: tuple[InputFile, ...]
    printed: pd.DataFrame | None = None
    printed_table: bytes = b""

    @property
    def dropped(self) -> tuple[str, ...]:
        """The rows that were left out, with the reason, one line each."""
        rows = self.studies.dropped.itertuples(index=False)
        return tuple(f"line {row.row}, study {row.study}: {row.reason}" for row in rows)


@contextmanager
def located(analysis: Analysis, section: str, which: str = "") -> Iterator[None]:
    """Put the analysis file and the section (of several of its name, which) before the message of an error inside."""
    try:
        yield
    except BayesmetaError as error:
        name = f"{Path(analysis.source.path).name}: " if analysis.source else ""
        raise type(error)(f"{name}[{section}]{which} {error}") from None


def load_inputs(analysis: Analysis) -> Inputs:
    """Return the studies and the model that an analysis names.

    Parameters
    ----------
    analysis : Analysis
        The analysis.

    Returns
    -------
    Inputs

    Raises
    ------
    DataError
        If the data file is missing, is not the one whose hash is given, or holds rows that cannot be used.
    SpecError
        If columns or the model are unknown or contradict one another.
    """
    with located(analysis, "data"):
        rows = load_rows(analysis)
        studies = rows.studies(analysis, rows.frame)
    return _inputs(analysis, rows, studies)


def load_outcomes(analysis: Analysis) -> dict[tuple[str, ...], Inputs]:
    """Return the studies of each outcome of an analysis that has several, by the values of the columns that tell them.

    Parameters
    ----------
    analysis : Analysis
        An analysis with ``outcomes``.

    Raises
    ------
    DataError, SpecError
        As `load_inputs`; the message names the outcome.
    """
    with located(analysis, "data"):
        rows = load_rows(analysis)
    with located(analysis, "outcomes"):
        parts = split_rows(rows.frame, analysis.outcomes, rows.file.name)
    found: dict[tuple[str, ...], Inputs] = {}
    for levels, frame in parts.items():
        with located(analysis, f"data] [{', '.join(levels)}"):
            studies = rows.studies(analysis, frame)
        found[levels] = _inputs(analysis, rows, studies)
    return found


def _inputs(analysis: Analysis, rows: "Rows", studies: Studies) -> Inputs:
    """Return studies with the model and the other files that an analysis names."""
    listed = [rows.file]
    if analysis.source is not None:
        listed.insert(0, InputFile("analysis", Path(analysis.source.path).name, analysis.source.sha256))
    model = base = None
    if analysis.model is not None:
        with located(analysis, "model"):
            base = _base_model(analysis.model, analysis.folder)
            refuse_formula(base.formula, "an analysis file")
            model = _with_priors(base, analysis.model)
        if base.source is not None:
            listed.append(InputFile("model", Path(base.source.path).name, base.source.sha256))
    printed, printed_table = None, b""
    if analysis.printed is not None:
        with located(analysis, "printed"):
            path = analysis.folder / analysis.printed.file
            printed_table = read_bytes(path)
            printed = read_printed(printed_table, path.name, analysis.outcomes)
        listed.append(InputFile("printed", path.name, hashlib.sha256(printed_table).hexdigest()))
    return Inputs(studies, rows.table, model, base, tuple(listed), printed, printed_table)


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of the data file that are analysed.

    Attributes
    ----------
    frame : DataFrame
        The rows that `where` chooses; the index is the line of the file.
    table : bytes
        The file as it was read.
    file : InputFile
        Its name and hash.
    """

    frame: pd.DataFrame
    table: bytes
    file: InputFile

    def studies(self, analysis: Analysis, frame: pd.DataFrame) -> Studies:
        """Return some of the rows as studies."""
        on_bad = cast("OnBad", analysis.data.on_bad)
        return Studies.from_frame(frame, source=self.file.name, on_bad=on_bad, **_roles(analysis))


def load_rows(analysis: Analysis) -> Rows:
    """Return the rows of the data file that an analysis is about.

    Parameters
    ----------
    analysis : Analysis
        The analysis.

    Raises
    ------
    DataError
        If the file is missing, is not the one whose hash is given, or no row is chosen.
    SpecError
        If `where` names a column that is not there.
    """
    choice = analysis.data
    if choice.dataset is not None:
        frame = load_dataset(choice.dataset)
        frame.index += 2  # as in a file, whose first line is the header
        table = files("bayesmeta.data").joinpath("tables", f"{choice.dataset}.csv").read_bytes()
        found = _checked(choice, f"{choice.dataset}.csv", table)
        return Rows(choose_rows(frame, choice.where, found.name), table, found)
    path = analysis.folder / cast("str", choice.file)
    try:
        table = read_bytes(path)
    except DataError as error:
        if choice.file in DATASETS:
            raise DataError(f'{error} For the bundled data set write dataset = "{choice.file}".') from None
        raise
    found = _checked(choice, path.name, table)
    frame = parse_for(table, path.name, _roles(analysis))
    return Rows(choose_rows(frame, choice.where, path.name), table, found)


def _roles(analysis: Analysis) -> Roles:
    choice = analysis.data
    known = choice.columns.get("status")
    moderators = dict.fromkeys((*choice.moderators, *analysis.subgroups, *([known] if known else [])))
    given = {
        **{role: column for role, column in choice.columns.items() if role != "status"},
        "measure": choice.measure,
        "interval_prob": choice.interval_prob,
        "moderators": tuple(moderators),
    }
    return cast("Roles", {role: value for role, value in given.items() if value is not None})


def _checked(choice: DataChoice, name: str, table: bytes) -> InputFile:
    sha256 = hashlib.sha256(table).hexdigest()
    if choice.sha256 is not None and choice.sha256.lower() != sha256:
        raise DataError(
            f"{name} has changed since the analysis was written: its SHA-256 begins with {sha256[:HASH_SHOWN]}, not "
            f"{choice.sha256[:HASH_SHOWN].lower()}; look at what changed, then correct sha256 or leave it out."
        )
    return InputFile("data", name, sha256)


def _base_model(choice: ModelChoice, folder: Path) -> ModelSpec:
    if choice.file is not None:
        return load_model(folder / choice.file)
    shipped = list_models()["name"].tolist()
    if choice.name not in shipped:
        hint = " For a file of your own write file = ... instead." if str(choice.name).endswith(".toml") else ""
        raise SpecError(unknown_name("model", choice.name, shipped) + hint)
    return load_model(cast("str", choice.name))


def _with_priors(base: ModelSpec, choice: ModelChoice) -> ModelSpec:
    """Return the model with the priors of the analysis, each with the reason that the analysis gives."""
    model = base.with_priors(**choice.priors)
    return replace(model, why=FrozenMapping({**model.why, **choice.why}))
