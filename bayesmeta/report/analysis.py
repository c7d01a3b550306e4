"""What is to be analysed, how, and what is to come out? `Analysis`, the content of an ``analysis.toml``."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Self, final

from bayesmeta.errors import SpecError
from bayesmeta.report.choices import CheckChoice, DataChoice, EngineChoice, ModelChoice, OutputChoice, PrintedChoice
from bayesmeta.report.keys import ENGINES
from bayesmeta.report.toml import read_analysis, write_analysis
from bayesmeta.spec.toml import read_file

BAYESIAN = ("exact", "nuts")


@final
@dataclass(frozen=True)
class AnalysisFile:
    """The file an analysis was read from.

    Attributes
    ----------
    path : str
        As it was given.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    """

    path: str
    sha256: str


@final
@dataclass(frozen=True)
class Analysis:
    """A whole analysis: data, model, engines, subgroups and what is to come out.

    Attributes
    ----------
    title : str
        Heading of the report.
    data : DataChoice
        The data.
    engines : tuple of EngineChoice
        The fits to make, at least one; exact first, then NUTS, then the frequentist ones.
    model : ModelChoice or None
        The model of the Bayesian engines; None if there are none.
    question : str or None
        The question in one sentence.
    outcome : str or None
        Label of the figure's axis.
    notes : tuple of str
        Sentences that the report prints, for example where the data come from.
    subgroups : tuple of str
        Columns by which the studies are split.
    outcomes : tuple of str
        Columns that tell several outcomes apart, each of which is analysed on its own; empty if there is one.
    checks : CheckChoice
        How firm the answer is.
    printed : PrintedChoice or None
        Figures that others have printed.
    output : OutputChoice
        What is to come out.
    source : AnalysisFile or None
        The file it was read from; no part of equality.

    Raises
    ------
    SpecError
        If parts of it contradict one another.

    Examples
    --------
    >>> analysis = Analysis("Vasospasm", DataChoice(dataset="pritz1997"), (EngineChoice("frequentist"),))
    >>> Analysis.from_toml_text(analysis.to_toml()) == analysis
    True
    """

    title: str
    data: DataChoice
    engines: tuple[EngineChoice, ...]
    model: ModelChoice | None = None
    question: str | None = None
    outcome: str | None = None
    notes: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    checks: CheckChoice = field(default_factory=CheckChoice)
    printed: PrintedChoice | None = None
    output: OutputChoice = field(default_factory=OutputChoice)
    source: AnalysisFile | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse an analysis without engines, and a model that is missing or that no engine would use."""
        names = [engine.name for engine in self.engines]
        if not names:
            sections = ", ".join(f"[engines.{name}]" for name in ENGINES)
            raise SpecError(f"no engine is asked for; add at least one of {sections}.")
        for name in BAYESIAN:
            if names.count(name) > 1:
                raise SpecError(f"[engines.{name}] is asked for twice; only frequentist methods can be several.")
        if self.model is None and self.has_bayesian:
            raise SpecError(
                f"[engines.{next(name for name in BAYESIAN if name in names)}] needs a model; add [model] with "
                'name = "binomial-normal" (counts) or "normal-normal" (estimates on a log or logit scale).'
            )
        if self.model is not None and not self.has_bayesian:
            raise SpecError("[model] is given, but no engine uses it; add [engines.exact], or remove [model].")
        if self.outcomes:
            self._check_outcomes(names)
        order = list(ENGINES)
        object.__setattr__(self, "engines", tuple(sorted(self.engines, key=lambda engine: order.index(engine.name))))

    def _check_outcomes(self, engines: list[str]) -> None:
        if self.subgroups:
            raise SpecError(
                "[outcomes] and [subgroups] do not go together; select one outcome by [data.where] for its subgroups."
            )
        if self.checks != CheckChoice():
            raise SpecError(
                "[outcomes] and [checks] do not go together; select one outcome by [data.where] for its checks."
            )
        if "nuts" in engines:
            raise SpecError("[outcomes] does not take [engines.nuts]: each outcome would be sampled; use exact.")

    @property
    def has_bayesian(self) -> bool:
        """Whether a Bayesian fit is asked for."""
        return any(engine.name in BAYESIAN for engine in self.engines)

    @property
    def folder(self) -> Path:
        """The folder that its files are relative to."""
        return Path(self.source.path).parent if self.source else Path()

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> Self:
        """Read an analysis file.

        Parameters
        ----------
        path : path-like
            A TOML file; ``bayesmeta init`` writes one with comments.

        Raises
        ------
        SpecError
            If the file cannot be read or is no analysis; the message names file, section and key.
        """
        text, sha256 = read_file(path, kind="analysis")
        return cls.from_toml_text(text, origin=Path(path).name, source=AnalysisFile(str(path), sha256))

    @classmethod
    def from_toml_text(cls, text: str, *, origin: str = "TOML text", source: AnalysisFile | None = None) -> Self:
        """Read an analysis from TOML text; ``origin`` stands for the file's name in messages."""
        try:
            return cls(**read_analysis(text, origin=origin), source=source)
        except SpecError as error:
            message = str(error)
            raise SpecError(message if message.startswith(origin) else f"{origin}: {message}") from None

    def to_toml(self) -> str:
        """Return the analysis as TOML text, from which `from_toml_text` makes an equal one."""
        return write_analysis(self)
