"""Which studies and which model does an analysis name, and in what state were their files?"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import cast, final

from bayesmeta._validate import unknown_name
from bayesmeta.data.columns import Roles
from bayesmeta.data.datasets import DATASETS, load_dataset
from bayesmeta.data.decode import read_bytes
from bayesmeta.data.read import read_studies
from bayesmeta.data.select import OnBad
from bayesmeta.data.studies import Studies
from bayesmeta.errors import BayesmetaError, DataError, SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import DataChoice, ModelChoice
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
    role : {"analysis", "data", "model"}
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
    """

    studies: Studies
    table: bytes
    model: ModelSpec | None
    base: ModelSpec | None
    files: tuple[InputFile, ...]

    @property
    def dropped(self) -> tuple[str, ...]:
        """The rows that were left out, with the reason, one line each."""
        rows = self.studies.dropped.itertuples(index=False)
        return tuple(f"line {row.row}, study {row.study}: {row.reason}" for row in rows)


@contextmanager
def located(analysis: Analysis, section: str) -> Iterator[None]:
    """Put the analysis file and the section before the message of an error that is raised inside."""
    try:
        yield
    except BayesmetaError as error:
        name = f"{Path(analysis.source.path).name}: " if analysis.source else ""
        raise type(error)(f"{name}[{section}] {error}") from None


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
        studies, table, data_file = _load_data(analysis)
    listed = [data_file]
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
    return Inputs(studies, table, model, base, tuple(listed))


def _load_data(analysis: Analysis) -> tuple[Studies, bytes, InputFile]:
    choice, roles, on_bad = analysis.data, _roles(analysis), cast("OnBad", analysis.data.on_bad)
    if choice.dataset is not None:
        frame = load_dataset(choice.dataset)
        frame.index += 2  # as in a file, whose first line is the header
        table = files("bayesmeta.data").joinpath("tables", f"{choice.dataset}.csv").read_bytes()
        name = f"{choice.dataset}.csv"
        found = _checked(choice, name, table)
        return Studies.from_frame(frame, source=choice.dataset, on_bad=on_bad, **roles), table, found
    path = analysis.folder / cast("str", choice.file)
    try:
        table = read_bytes(path)
    except DataError as error:
        if choice.file in DATASETS:
            raise DataError(f'{error} For the bundled data set write dataset = "{choice.file}".') from None
        raise
    found = _checked(choice, path.name, table)
    return read_studies(path, on_bad=on_bad, **roles), table, found


def _roles(analysis: Analysis) -> Roles:
    choice = analysis.data
    moderators = dict.fromkeys((*choice.moderators, *analysis.subgroups))
    given = {
        **choice.columns,
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
