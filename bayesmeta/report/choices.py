"""Which choices does an analysis consist of: data, model, engines, output?"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, final

from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.report.keys import ENGINES, ROLES
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.priors import Prior

FIGURES: Final = ("png", "svg", "pdf")
PLOTS: Final = (
    "forest", "posterior", "joint", "shrinkage", "predictive", "sensitivity", "compare", "leave-one-out", "funnel",
    "conflict",
)  # fmt: skip
"""The figures that an analysis can have."""
DEFAULT_PLOTS: Final = ("forest", "posterior", "joint", "sensitivity", "leave-one-out", "funnel")
"""Those of an analysis that names none; what is not possible is left out, and the report says why."""
type Values = tuple[str | float, ...]
ON_BAD: Final = ("raise", "drop")
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


@final
@dataclass(frozen=True)
class DataChoice:
    """Which data are analysed: section ``[data]``.

    Attributes
    ----------
    file, dataset : str or None
        A CSV file, relative to the analysis file, or a bundled data set; one of the two.
    sha256 : str or None
        What the file's hash must be; any if None.
    on_bad : {"raise", "drop"}
        What to do about rows that cannot be used.
    measure : str or None
        Scale of estimates.
    interval_prob : float or None
        Probability of the intervals from lower to upper; 0.95 if None.
    columns : mapping
        Role to column, as `Studies.from_frame` names the roles.
    moderators : tuple of str
        Further columns.
    where : mapping
        Column to the values of the rows that are analysed; all rows if empty.
    """

    file: str | None = None
    dataset: str | None = None
    sha256: str | None = None
    on_bad: str = "raise"
    measure: str | None = None
    interval_prob: float | None = None
    columns: FrozenMapping[str] = field(default_factory=lambda: FrozenMapping({}))
    moderators: tuple[str, ...] = ()
    where: FrozenMapping[Values] = field(default_factory=lambda: FrozenMapping({}))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.file is None) == (self.dataset is None):
            given = "neither" if self.file is None else "both"
            raise SpecError(
                f'[data] needs a file or a dataset, and has {given}: write file = "studies.csv" or '
                'dataset = "pritz1997".'
            )
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SpecError(
                f"[data] sha256 = {self.sha256[:20]!r} is no SHA-256, which has 64 hexadecimal digits; copy it from "
                "results.json, or leave it out."
            )
        if self.on_bad not in ON_BAD:
            raise SpecError(f"[data] {unknown_name('on_bad', self.on_bad, ON_BAD)}")
        if self.interval_prob is not None:
            check_probability("[data] interval_prob", self.interval_prob)
        _refuse_twice(self.columns)


def _refuse_twice(columns: FrozenMapping[str]) -> None:
    for i, (role, column) in enumerate(columns.items()):
        if role not in ROLES:
            raise SpecError(f"[data.columns]: {unknown_name('key', role, ROLES)}")
        for other in list(columns)[:i]:
            if columns[other] == column:
                raise SpecError(
                    f"[data.columns] maps column {column!r} twice, for {other} and for {role}; name a column for each."
                )


@final
@dataclass(frozen=True)
class ModelChoice:
    """What is believed: section ``[model]``.

    Attributes
    ----------
    name, file : str or None
        A model of the package, or a file relative to the analysis file; one of the two.
    priors : mapping
        For "mu" and "tau", the prior that replaces the model's.
    why : mapping
        For "mu" and "tau", the reason for it.
    """

    name: str | None = None
    file: str | None = None
    priors: FrozenMapping[Prior] = field(default_factory=lambda: FrozenMapping({}))
    why: FrozenMapping[str] = field(default_factory=lambda: FrozenMapping({}))

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.name is None) == (self.file is None):
            given = "neither" if self.name is None else "both"
            raise SpecError(
                f'[model] needs a name or a file, and has {given}: write name = "binomial-normal" or '
                'file = "my-model.toml".'
            )


@final
@dataclass(frozen=True)
class EngineChoice:
    """One fit that is to be made: a section of ``[engines]``.

    Attributes
    ----------
    name : {"exact", "nuts", "frequentist"}
        The engine.
    options : mapping
        Its options, as `bayesmeta.fit` takes them.
    """

    name: str
    options: FrozenMapping[Any] = field(default_factory=lambda: FrozenMapping({}))

    def __post_init__(self) -> None:
        """Refuse unknown engines and options."""
        if self.name not in ENGINES:
            raise SpecError(f"[engines]: {unknown_name('engine', self.name, ENGINES)}")
        for option in self.options:
            if option not in ENGINES[self.name]:
                raise SpecError(f"[engines.{self.name}]: {unknown_name('key', option, ENGINES[self.name])}")


@final
@dataclass(frozen=True)
class CheckChoice:
    """How firm the answer is: section ``[checks]``.

    Attributes
    ----------
    leave_one_out : bool
        Whether each study is left out in turn.
    sensitivity : bool
        Whether the other priors that the model names are tried.
    small_study : tuple of str or None
        Tests for small-study effects, as `small_study_tests` names them; those fit for the data if None.
    small_study_measure : str or None
        Effect measure of these tests.
    """

    leave_one_out: bool = True
    sensitivity: bool = True
    small_study: tuple[str, ...] | None = None
    small_study_measure: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown tests."""
        from bayesmeta.analyses.small_study import TESTS

        for name in self.small_study or ():
            if name not in TESTS:
                raise SpecError(f"[checks] {unknown_name('test in small_study:', name, TESTS)}")


@final
@dataclass(frozen=True)
class PrintedChoice:
    """Figures that others have printed, to stand beside those computed: section ``[printed]``.

    Attributes
    ----------
    file : str
        A CSV file, relative to the analysis file. Columns: those of [outcomes] by, else ``variable`` and ``level``
        ("overall" and "all" for all studies); ``estimate``, ``lower`` and ``upper`` on the natural scale.
    source : str or None
        Who printed them.
    """

    file: str
    source: str | None = None


@final
@dataclass(frozen=True)
class OutputChoice:
    """What is to come out: section ``[output]``.

    Attributes
    ----------
    ci_prob : float
        Probability of all intervals; credible ones are equal-tailed, which carries through the link.
    scale : str or None
        Unit in which proportions are printed, as `plot_forest` names it.
    order : str, tuple of str or None
        Order of the studies in the figure, as in `plot_forest`.
    columns : tuple of str or None
        Columns of the figure, as in `plot_forest`; a figure for one column of a journal keeps its own.
    xlim : tuple of float or None
        Ends of the figure's axis, as in `plot_forest`.
    figures : tuple of str
        Formats, of "png", "svg" and "pdf".
    plots : tuple of str or None
        Which figures, of `PLOTS`; those that are possible if None.
    widths_mm : tuple of float
        Widths of the figures in millimetres; ``report.html`` shows the smallest on narrow screens.
    figure_notes : tuple of str
        Lines below the figure, which may be shown without the report.
    """

    ci_prob: float = 0.95
    scale: str | None = None
    order: str | tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    xlim: tuple[float, ...] | None = None
    figures: tuple[str, ...] = FIGURES
    plots: tuple[str, ...] | None = None
    widths_mm: tuple[float, ...] = (170, 85)
    figure_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is not allowed; order and columns are left to the figure, which knows them."""
        check_probability("[output] ci_prob", self.ci_prob)
        for name in self.figures:
            if name not in FIGURES:
                raise SpecError(f"[output] {unknown_name('format in figures:', name, FIGURES)}")
        for name in self.plots or ():
            if name not in PLOTS:
                raise SpecError(f"[output] {unknown_name('figure in plots:', name, PLOTS)}")
        for width in self.widths_mm:
            if not 0 < width < math.inf:
                raise SpecError(f"[output] widths_mm holds {width!r}; a width is a positive number of millimetres.")
