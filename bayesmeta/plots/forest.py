"""How is a meta-analysis drawn on one page: each study, and what the fits make of them?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bayesmeta._validate import check_probability
from bayesmeta.api import AnyFit
from bayesmeta.plots.forest_axis import axis_range, padded
from bayesmeta.plots.forest_columns import NARROW_MM, Chosen, Printing, row_labels, text_columns
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
from bayesmeta.plots.forest_density import forest_densities
from bayesmeta.plots.forest_fits import Compared, labelled_fits, natural_scale, noun_of
from bayesmeta.plots.forest_frame import forest_frame, made_frame
from bayesmeta.plots.forest_groups import Grouping, Groups, grouping_of, is_regression
from bayesmeta.plots.forest_judgements import Judged, judgement_columns, judgement_line
from bayesmeta.plots.forest_style import ForestStyle, check_prediction, forest_style
from bayesmeta.plots.forest_units import axis_label, choose_unit, decimals, null_of
from bayesmeta.plots.forest_words import heterogeneity_line, marks_line, warned, warnings_of

__all__ = ["forest_densities", "forest_frame", "plot_forest"]


def plot_forest(
    fit: AnyFit,
    *,
    compare: Compared = (),
    groups: Groups | None = None,
    ax: Axes | None = None,
    order: str | Sequence[str] | None = None,
    estimands: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    study_interval: str | None = None,
    scale: str | None = None,
    columns: Chosen | None = None,
    judgements: Judged = (),
    xlim: tuple[float, float] | None = None,
    reference: References = (),
    prediction: str | None = None,
    xlabel: str | None = None,
    notes: str | Sequence[str] = (),
    style: str | ForestStyle = "default",
    part: tuple[int, int] = (1, 1),
    width_mm: float | None = None,
    fontsize: float | None = None,
) -> Axes:
    """Draw a forest plot.

    Parameters
    ----------
    fit : ExactFit, NutsFit or FrequentistFit
        The fit whose studies are shown.
    compare : fit, sequence of fits, or dict of fits by label
        Further fits whose estimates are drawn below those of `fit`, such as DerSimonian-Laird. The first
        three differ in colour and in grey, the next three have lines across.
    groups : DataFrame, fit, or dict of fits by group, optional
        Groups of studies, each with its own estimates and a line on its heterogeneity: the result of `subgroups` by one
        moderator (with the same `ci_prob`), a fit whose formula codes groups by cell means (``"~ 0 + regimen"``; such a
        `fit` shows its own), or a fit of each group's studies. Studies are ordered within groups.
    ax : Axes, optional
        Where to draw; everything stays within its box. By default a new figure, as high as needed.
    order : str or sequence of str, optional
        A column of text, a column of `forest_frame` or a moderator (``"-weight"``: descending), or all labels
        in the order wanted. Equal values keep the order of the data.
    estimands : str or sequence of str, optional
        Which estimates are shown, such as ``["p_median", "p_new"]``; all by default.
    ci_prob : float
        Probability of all intervals.
    study_interval : str, optional
        Interval of the observed proportions, as in `study_effects`.
    scale : {"percent", "proportion", "per 1000", "per 100000"}, optional
        Unit in which proportions are printed. By default per cent, and for rare events one of the last two. For rates
        ``"per 1"``, ``"per 100"``, ``"per 1000"`` or ``"per 100000"`` of the person-time's unit, by their size.
    columns : sequence of str, or dict of headings by name, optional
        Columns of text: ``"data"`` (events/n or events/time; of two arms ``"data_treatment"`` and
        ``"data_control"``), ``"events"``, ``"n"``, ``"estimate"``, ``"shrunken"``, ``"weight"``, and every moderator
        of the studies. The data and the moderators stand on the left of the
        marks, words aligned on the left and numbers on the right. Own headings: ``{"year": "Published"}``; a
        line break begins their second line. By default those of the style: data, estimate and shrunken; below 120 mm
        estimate.
    judgements : str, sequence of str, or dict of headings by name
        Moderators with judgements of the risk of bias ("low", "some concerns", "high", "unclear", "serious" and so on),
        drawn on the right as coloured circles with a mark: + low, − some concerns, × high.
    xlim : tuple of float, optional
        Ends of the axis, natural scale. Intervals that go beyond are cut, and have an arrow.
    reference : float, sequence of float, or dict of float by name
        Up to three further lines, natural scale, which a note tells: ``{"Historical control": 0.35}``.
    prediction : {"bar", "density"}, optional
        How the next study is drawn: its interval, or (Bayesian) the density of its true value. By default as the style
        has it.
    xlabel : str, optional
        Label of the axis, for example the outcome.
    notes : str or sequence of str
        Further lines below the plot.
    style : str or ForestStyle
        Columns, letters and marks: ``"default"``, ``"compact"``, ``"classic"``, or your own, as
        ``dataclasses.replace(FOREST_STYLES["classic"], fontsize=8)``.
    part : tuple of int
        For very many studies: ``(1, 2)`` draws the first half, ``(2, 2)`` the second with the estimates, on the same
        axis.
    width_mm : float, optional
        Width of the new figure: 170 by default; one column of a journal has 85.
    fontsize : float, optional
        Points, 7 by default; smaller only if the text would not fit otherwise, or the figure would be higher than a
        page, and never below 5.

    Returns
    -------
    Axes
        Its x is the natural scale (proportions from 0 to 1, whatever the unit in print; ratios on a
        logarithmic axis), so that ``ax.axvline(0.2)`` marks 20 %. The i-th study from the top, counted from
        0, is at y = i, if there are no groups.

    Raises
    ------
    SpecError
        If an option is not allowed, or the plot does not fit into the width or into `ax`.

    Notes
    -----
    Squares are the studies as observed, with exact (Clopper-Pearson) intervals for counts, unless
    `study_interval` is another, and normal ones for estimates; their areas are proportional to the weights.
    Circles below them are the studies' own
    proportions in the model, shrunken towards the rest: posterior medians with credible intervals. Diamonds
    are estimates, each named after what it estimates; the bar is the interval for the true value of the next
    study. The dashed line is the first estimate of all studies; a thin one marks no effect, a ratio of 1 or a
    difference of 0. A fit that failed its diagnosis or its verification is headed
    NOT RELIABLE, and a note says why. `forest_frame` returns the numbers, `forest_densities` the curves,
    `save_figure` writes the figure.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), events="events", n="n")
    >>> dl = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    >>> ax = plot_forest(bm.fit(studies), compare=dl, xlabel="Complete remission, %")
    """
    check_options(ax, width_mm, fontsize, notes)
    look = forest_style(style)
    check_prediction(drawn_as := look.prediction if prediction is None else prediction)
    prob = check_probability("ci_prob", ci_prob)
    grouping = grouping_of(fit, groups, prob)
    frame = made_frame(fit, compare, grouping, order, prob, study_interval=study_interval, estimands=estimands)
    fits, lines = labelled_fits(fit, compare), reference_lines(reference)
    curves = forest_densities(fit, compare=compare, groups=groups) if drawn_as == "density" else None
    scene = _scene(fits, frame, scale, xlim, xlabel, [*lines.values()], curves)
    with letters(look):
        if columns is None:
            columns = look.narrow_columns if width_of(ax, width_mm) < NARROW_MM else look.columns
        printing = Printing(scene.unit, decimals(scene.unit, frame), prob)
        content = _content(frame, fits, grouping, printing, columns, judgements, look)
        said = [
            *content.notes,
            _marks(scene, frame, look, prob, study_interval),
            *judgement_line(content.columns, look),
            *reference_words(lines, printing),
            *own_notes(notes),
        ]
        content = part_of(replace(content, notes=[unbroken(note) for note in said]), part)
        return compose(content, scene, ax=ax, width_mm=width_mm, fontsize=fontsize or look.fontsize)


def _scene(
    fits: dict[str, AnyFit],
    frame: pd.DataFrame,
    scale: str | None,
    xlim: tuple[float, float] | None,
    xlabel: str | None,
    lines: list[float],
    curves: pd.DataFrame | None,
) -> Scene:
    fit = next(iter(fits.values()))
    natural = natural_scale(fit)
    unit = choose_unit(natural, scale, frame)
    return Scene(
        unit,
        padded(unit, axis_range(unit, frame, xlim, lines)),
        axis_label(unit, natural, noun_of(fit)) if xlabel is None else xlabel,
        methods=list(fits),
        heaviest=float(frame["weight"].max()),
        lines=lines,
        null=null_of(natural),
        curves=curves,
    )


def _marks(scene: Scene, frame: pd.DataFrame, style: ForestStyle, prob: float, study_interval: str | None) -> str:
    return marks_line(
        frame,
        ci_prob=prob,
        is_cut=goes_beyond(frame, scene.ends, shrunken=style.shrunken),
        study_interval=study_interval,
        shrunken=style.shrunken,
        curves=0 if scene.curves is None else len(scene.curves[["method", "group"]].drop_duplicates()),
    )


def _content(
    frame: pd.DataFrame,
    fits: dict[str, AnyFit],
    grouping: Grouping | None,
    printing: Printing,
    columns: Chosen,
    judgements: Judged,
    style: ForestStyle,
) -> Content:
    moderators = [str(name) for name in next(iter(fits.values())).studies.moderators]
    lines = [
        heterogeneity_line(title, each, ci_prob=printing.ci_prob)
        for title, each in fits.items()
        if not is_regression(each)
    ]
    of_groups: dict[str, str] = {}
    if grouping is not None:
        lines = [*filter(None, [grouping.shared]), *lines]
        of_groups = {group.label: group.why for group in grouping.groups}
    return Content(
        frame=frame,
        labels=row_labels(frame, printing.ci_prob),
        columns=[
            *text_columns(frame, columns, printing, moderators=moderators),
            *judgement_columns(frame, judgements, style, moderators=moderators),
        ],
        headings=list(_headings(frame, printing, of_groups)),
        notes=lines,
        warnings=[unbroken(line) for line in warnings_of(fits, of_groups)],
        style=style,
    )


def _headings(frame: pd.DataFrame, printing: Printing, groups: dict[str, str]) -> Iterator[Heading]:
    """Yield a heading for each group of studies, and for the estimates of each fit."""
    last: tuple[Any, Any] = ("", "")
    for i, row in enumerate(frame.itertuples(index=False)):
        of_fit = row.kind != "study" and row.group == ""
        here = (row.group, row.method if of_fit else "")
        if here == last:
            continue
        last = here
        if of_fit:
            unit = printing.head(str(frame.loc[i:, "interval"].iloc[0]))
            yield Heading(i, warned(str(row.method), is_reliable=bool(row.is_reliable)), unit)
        else:
            yield Heading(i, warned(str(row.group), is_reliable=not groups[str(row.group)]), is_fit=False)
