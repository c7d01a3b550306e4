"""How are leave-one-out and cumulative meta-analyses drawn?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import pandas as pd
from matplotlib.axes import Axes

from bayesmeta.analyses.parts import PartFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_axis import axis_range, padded
from bayesmeta.plots.forest_columns import NARROW_MM, Column, Printing, moderator_column, row_labels
from bayesmeta.plots.forest_compose import (
    References,
    Scene,
    check_options,
    compose,
    goes_beyond,
    letters,
    own_notes,
    reference_lines,
    reference_words,
    unbroken,
    width_of,
)
from bayesmeta.plots.forest_content import Content, Heading, part_of
from bayesmeta.plots.forest_fits import natural_scale, noun_of
from bayesmeta.plots.forest_steps_frame import cumulative_frame, leave_one_out_frame
from bayesmeta.plots.forest_style import ForestStyle, forest_style
from bayesmeta.plots.forest_units import axis_label, choose_unit, decimals, null_of
from bayesmeta.plots.forest_words import PARAMETER_LABELS, heterogeneity_line, percent_words, warned

__all__ = ["cumulative_frame", "leave_one_out_frame", "plot_cumulative", "plot_leave_one_out"]

LEFT_OUT: Final = "Circles: the estimate without that study"
ADDED: Final = "Circles: the estimate from that study and those above it"


def plot_leave_one_out(
    fit: PartFit | NutsFit,
    *,
    estimand: str | None = None,
    ax: Axes | None = None,
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    scale: str | None = None,
    xlim: tuple[float, float] | None = None,
    reference: References = (),
    xlabel: str | None = None,
    notes: str | Sequence[str] = (),
    style: str | ForestStyle = "default",
    part: tuple[int, int] = (1, 1),
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimate without each study, and that of all below.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies; a NutsFit is sampled anew for each row.
    estimand, order, ci_prob
        As in `leave_one_out_frame`, which returns the numbers.
    ax, scale, xlim, reference, xlabel, notes, style, part, width_mm, fontsize
        As in `plot_forest`.

    Returns
    -------
    Axes
        As `plot_forest` returns them.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or an option is not allowed.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> ax = plot_leave_one_out(fit, order="estimate")
    """
    wanted = Wanted(ax, scale, xlim, reference, xlabel, notes, style, part, width_mm, fontsize)
    frame = leave_one_out_frame(fit, estimand=estimand, order=order, ci_prob=ci_prob)
    return _draw(fit, frame, ci_prob, wanted, first_column="Study left out", meaning=LEFT_OUT)


def plot_cumulative(
    fit: PartFit | NutsFit,
    *,
    by: str | Sequence[str] | None = None,
    estimand: str | None = None,
    ax: Axes | None = None,
    ci_prob: float = 0.95,
    scale: str | None = None,
    xlim: tuple[float, float] | None = None,
    reference: References = (),
    xlabel: str | None = None,
    notes: str | Sequence[str] = (),
    style: str | ForestStyle = "default",
    part: tuple[int, int] = (1, 1),
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw the estimate after the first study, the first two, and so on.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies; a NutsFit is sampled anew for each row.
    by, estimand, ci_prob
        As in `cumulative_frame`, which returns the numbers.
    ax, scale, xlim, reference, xlabel, notes, style, part, width_mm, fontsize
        As in `plot_forest`.

    Returns
    -------
    Axes
        As `plot_forest` returns them.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or an option is not allowed.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["year"])
    >>> ax = plot_cumulative(bm.fit(studies), by="year")
    """
    wanted = Wanted(ax, scale, xlim, reference, xlabel, notes, style, part, width_mm, fontsize)
    frame = cumulative_frame(fit, by=by, estimand=estimand, ci_prob=ci_prob)
    head = by if isinstance(by, str) else ""
    return _draw(fit, frame, ci_prob, wanted, first_column="Study added", meaning=ADDED, by=head)


@final
@dataclass(frozen=True)
class Wanted:
    """How the user wants the figure: options that leave-one-out and cumulative plots share."""

    ax: Axes | None
    scale: str | None
    xlim: tuple[float, float] | None
    reference: References
    xlabel: str | None
    notes: str | Sequence[str]
    style: str | ForestStyle
    part: tuple[int, int]
    width_mm: float | None
    fontsize: float | None

    def __post_init__(self) -> None:
        """Refuse options that are not allowed before anything is computed."""
        check_options(self.ax, self.width_mm, self.fontsize, self.notes)
        forest_style(self.style)


def _draw(
    fit: PartFit | NutsFit,
    frame: pd.DataFrame,
    prob: float,
    wanted: Wanted,
    *,
    first_column: str,
    meaning: str,
    by: str = "",
) -> Axes:
    """Draw the steps with the columns that the width has room for."""
    natural, lines, style = natural_scale(fit), reference_lines(wanted.reference), forest_style(wanted.style)
    unit = choose_unit(natural, wanted.scale, frame)
    ends = padded(unit, axis_range(unit, frame, wanted.xlim, [*lines.values()]))
    printing = Printing(unit, decimals(unit, frame), prob)
    label = axis_label(unit, natural, noun_of(fit)) if wanted.xlabel is None else wanted.xlabel
    title = str(frame["method"].iloc[0])
    scene = Scene(unit, ends, label, [title], lines=[*lines.values()], null=null_of(natural))
    with letters(style):
        is_narrow = width_of(wanted.ax, wanted.width_mm) < NARROW_MM
        notes = [
            heterogeneity_line(f"{title}, all studies", fit, ci_prob=prob),
            _marks_words(frame, meaning, prob, is_cut=goes_beyond(frame, ends, shrunken=False)),
            *_notes_of(frame),
            *reference_words(lines, printing),
            *own_notes(wanted.notes),
        ]
        heading = warned(title, is_reliable=bool(frame["is_reliable"].iloc[-1]))
        content = Content(
            frame=frame,
            labels=row_labels(frame, prob),
            columns=_columns(frame, printing, by, is_narrow=is_narrow),
            headings=[
                Heading(
                    len(frame) - 1,
                    heading,
                    printing.head(str(frame["interval"].iloc[-1])),
                )
            ],
            notes=[unbroken(note) for note in notes],
            style=style,
            first_column=first_column,
        )
        size = wanted.fontsize or style.fontsize
        return compose(part_of(content, wanted.part), scene, ax=wanted.ax, width_mm=wanted.width_mm, fontsize=size)


def _columns(frame: pd.DataFrame, printing: Printing, by: str, *, is_narrow: bool) -> list[Column]:
    """Return the columns: the moderator and number of studies of a cumulative plot, estimate, heterogeneity."""
    numbers = frame[["estimate", "lower", "upper"]].itertuples(index=False)
    head = PARAMETER_LABELS[str(frame["parameter"].iloc[0])].partition(" (")[0]
    estimate = Column(
        "estimate", (head, printing.head(str(frame["interval"].iloc[0]))), tuple(printing.cell(*row) for row in numbers)
    )
    if is_narrow:
        return [estimate]
    left = []
    if by:
        values = frame.rename(columns={"by": by}) if by not in frame else frame.assign(**{by: frame["by"]})
        left = [moderator_column(values.convert_dtypes(), by)]
    if frame["k"].nunique() > 2:  # a cumulative plot
        left.append(Column("k", ("Studies", ""), tuple(f"{k:d}" for k in frame["k"]), is_data=True))
    i2 = Column("i2", ("I²", "%"), _words(100.0 * frame["i2"], 1))
    tau = Column("tau", ("tau", ""), _words(frame["tau"], 2))
    return [*left, estimate, *(column for column in (tau, i2) if any(column.cells))]


def _words(values: "pd.Series[float]", places: int) -> tuple[str, ...]:
    return tuple("" if pd.isna(value) else f"{value:.{places}f}" for value in values)


def _marks_words(frame: pd.DataFrame, meaning: str, prob: float, *, is_cut: bool) -> str:
    row = frame.iloc[-1]
    point = {"median": "posterior median", "mean": "posterior mean"}.get(row["point"], "pooled")
    words = [f"{meaning}, {point} with {percent_words(prob)} {row['interval']}. Diamond: that of all studies."]
    return " ".join([*words, *["Arrows: the interval goes on beyond the axis."] * is_cut])


def _notes_of(frame: pd.DataFrame) -> list[str]:
    """Return what is said of steps: once what holds for several, with its label why one has no number or a bad one."""
    of_one = (frame["estimate"].isna() | ~frame["is_reliable"]) & (frame["kind"] == "step")
    without = [f"{label}: {note}." for label, note in frame.loc[of_one, ["label", "note"]].itertuples(index=False)]
    said = [note[:1].upper() + note[1:] + "." for note in frame.loc[~of_one, "note"].unique() if note]
    return [*without, *said]
