"""Where does everything in a forest plot stand, so that nothing overlaps?"""

from dataclasses import dataclass, replace
from typing import Final, final

from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_columns import Column, pooled_column
from bayesmeta.plots.forest_content import Content
from bayesmeta.plots.text_size import shorten, shorten_all, text_width, widest, wrap

POINTS_PER_MM: Final = 72.0 / 25.4
SMALLEST_FONT: Final = 5.0
"""Points. Journals ask for 5 to 7 at least; the plot is refused rather than printed smaller."""
FONT_STEP: Final = 0.25
"""Points by which the font is made smaller until all fits."""
NOTE_FONT: Final = 6.5
"""Points. Notes are set a little smaller than the rest (0.93), but not below this where the rest is not."""

# Across, in parts of the width.
JUDGED: Final = 0.085  # the widest that the heading of a column of judgements may be: "Overall" in 170 mm, "D1" in 85
PLOT_SHARE: Final = 0.25  # that the marks need at least: with less, intervals cannot be told apart

# Across, in units of the font size; a letter is about 0.55 wide.
GAP: Final = 1.1  # between columns: two letters
GAP_BEFORE_MARKS: Final = 1.3  # the same, in gaps: squares reach half their side out of the plot on the left,
GAP_BEHIND_MARKS: Final = 0.3  # and on the right a column follows whose texts have a gap of their own
KEY: Final = 1.15  # the mark beside a heading, with its distance
SHORTEST_LABEL: Final = 9.0  # about 16 letters, an author and a year; rather a smaller font than less
TEXT_COLUMN: Final = 13.0  # the widest a moderator in words may be, about 24 letters; the rest is left out

# Along, in units of the font size.
LINE: Final = 1.3  # from line to line of text, a little more than the height of its letters with their tails
TIGHTEST: Final = 1.25  # from row to row of the plot, at least: letters of neighbours do not touch
HEAD: Final = 2 * LINE + 0.5  # headings of the columns: two lines, and half a one to the rule
RULE_GAP: Final = 0.2  # between a rule and the studies
BLOCK_GAP: Final = 0.35  # below the estimates of a fit or a group
AXIS: Final = 4.4  # axis with its ticks, their labels (to 2.0) and its own label (to 3.6), and a gap
AXIS_LABEL: Final = 2.2  # from the axis to its label

# Rows of a figure of its own stand ever tighter from the first number of studies to the second.
COMFORTABLE_STUDIES: Final = 20
TIGHT_STUDIES: Final = 50
TIGHT: Final = 1.3  # font sizes from row to row, so that 60 studies fit on a page
PAGE: Final = 255.0 * POINTS_PER_MM  # the height of a journal's; for more studies the letters are made smaller
SYMBOL: Final = 1.1  # diameter of the circle of a judgement, in font sizes


@final
@dataclass(frozen=True)
class Across:
    """Places in parts of the width, and the texts that fit there.

    Attributes
    ----------
    labels : tuple of str
        By row of the frame.
    titles : tuple of str
        Headings of the fits.
    plot : tuple of float
        Where the marks begin and end.
    columns : tuple of Column
        With texts that fit.
    edges : dict
        By column, where its texts end, begin if they are aligned on the left, or have their middle.
    """

    labels: tuple[str, ...]
    titles: tuple[str, ...]
    plot: tuple[float, float]
    columns: tuple[Column, ...]
    edges: dict[str, float]


@final
@dataclass(frozen=True)
class Layout:
    """Places: x in parts of the width, y in rows, the first study being at 0 and y growing downwards.

    Attributes
    ----------
    size, note_size : float
        Font sizes in points.
    pitch : float
        Points from row to row.
    row : float
        Font sizes from row to row where there is room.
    across : Across
        The division of the width.
    y : tuple of float
        By row of the frame.
    y_heads : tuple of float
        Of the two lines of heading.
    y_rules : tuple of float
        Of the lines above and below the studies.
    y_titles : tuple of float
        Of the headings of groups and fits.
    y_axis, y_axis_label : float
        Of the axis, and of the upper edge of its label.
    notes : tuple of (float, str, str)
        Lines of notes, each with the place of its upper edge and its weight, ``"bold"`` for a warning.
    y_ends : tuple of float
        Upper and lower edge.
    """

    size: float
    note_size: float
    pitch: float
    row: float
    across: Across
    y: tuple[float, ...]
    y_heads: tuple[float, float]
    y_rules: tuple[float, float]
    y_titles: tuple[float, ...]
    y_axis: float
    y_axis_label: float
    notes: tuple[tuple[float, str, str], ...]
    y_ends: tuple[float, float]

    @property
    def mark(self) -> float:
        """Points that the marks of a row may take: no more than looks well beside the text."""
        return min(self.pitch, max(self.row, TIGHTEST) * self.size)


def fitting_font(content: Content, width: float, size: float) -> float:
    """Return the largest font size, up to `size`, with which the texts have room beside one another.

    Parameters
    ----------
    content : Content
        What is written.
    width : float
        Of the axes, in points.
    size : float
        Font size wanted, in points.

    Raises
    ------
    SpecError
        If nothing readable fits.
    """
    while divide_width(content, width, size) is None:
        size -= FONT_STEP
        if size < SMALLEST_FONT:
            names = ", ".join(column.name for column in content.columns)
            raise SpecError(
                f"the columns {names} do not fit into {width / POINTS_PER_MM:.0f} mm beside labels and marks in "
                f"letters of {SMALLEST_FONT:g} points; choose fewer with columns=[...], or a larger width_mm."
            )
    return size


def needed_height(content: Content, width: float, size: float) -> float:
    """Return the height in points of a figure of its own."""
    tight = (content.k - COMFORTABLE_STUDIES) / (TIGHT_STUDIES - COMFORTABLE_STUDIES)
    row = max(content.style.row, TIGHTEST)
    pitch = row - max(row - TIGHT, 0.0) * min(max(tight, 0.0), 1.0)
    return _height(content, width, size, pitch)


def font_for_page(content: Content, width: float, size: float) -> tuple[float, float]:
    """Return the largest font, up to `size`, with which a figure of its own is no higher than a page, and its height.

    Where no letters that can be read are small enough, the figure is higher; it may be drawn in parts.
    """
    smaller = size
    while smaller >= SMALLEST_FONT:
        height = needed_height(content, width, smaller)
        if height <= PAGE:
            return smaller, height
        if _height(content, width, smaller, TIGHTEST) <= PAGE:
            return smaller, PAGE
        smaller -= FONT_STEP
    return size, needed_height(content, width, size)


def _height(content: Content, width: float, size: float, pitch: float) -> float:
    return pitch * size * content.n_rows + _fixed_height(content, len(_wrapped(content, width, size)), size)


def plan(content: Content, width: float, height: float, size: float) -> Layout:
    """Return the layout in the largest font, up to `size`, with which all fits.

    Parameters
    ----------
    content : Content
        What is written.
    width, height : float
        Of the axes, in points.
    size : float
        Font size wanted, in points.

    Raises
    ------
    SpecError
        If nothing readable fits.
    """
    while size >= SMALLEST_FONT:
        across = divide_width(content, width, size)
        notes = _wrapped(content, width, size)
        pitch = (height - _fixed_height(content, len(notes), size)) / content.n_rows
        if across is not None and pitch >= TIGHTEST * size * (1.0 - 1e-9):
            return _rows(content, notes, across, pitch, size)
        size -= FONT_STEP
    wide, high = width / POINTS_PER_MM, height / POINTS_PER_MM
    raise SpecError(
        f"a forest plot of {content.k} studies does not fit into axes of {wide:.0f} x {high:.0f} mm; "
        "give larger axes, fewer columns, or no axes (ax=None)."
    )


def divide_width(content: Content, width: float, size: float) -> Across | None:
    """Return who gets which part of the width, or None if it is too narrow.

    Parameters
    ----------
    content : Content
        What is written.
    width : float
        Of the axes, in points.
    size : float
        Font size in points.

    Notes
    -----
    Columns get what they need, the marks at least a quarter, and the labels what they need of the rest;
    longer labels, and longer words in a moderator, are shortened. Labels and headings below the studies may
    reach over the columns of data, which are empty there; in a narrow plot headings reach over the marks, of
    which there are none in their rows.
    """
    gap, titles = GAP * size, [heading.text for heading in content.headings]
    studies = [label for label, single in zip(content.labels, content.is_single, strict=True) if single]
    rows = zip(content.labels, content.frame["kind"], strict=True)
    estimates = [label for label, kind in rows if kind in ("summary", "prediction")]
    columns = [_shortened(column, width, size) for column in content.columns]
    widths = {column.name: _column_width(column, content, size) for column in columns}
    of_data = sum(widths[column.name] + gap for column in columns if column.is_data)
    room = (1.0 - PLOT_SHARE) * width - sum(widths.values()) - gap * (len(widths) + 2)
    needed = widest(estimates, size) - of_data
    of_studies = max(widest(studies, size), text_width(content.first_column, size, weight="bold"))
    if room < max(needed, min(of_studies, SHORTEST_LABEL * size)):
        return None
    wanted = max(of_studies, widest(titles, size, weight="bold") - of_data)
    of_labels = min(max(wanted, needed), room)
    labels = _labels(content, shorten_all(studies, of_labels, size), width, size)
    plot, edges = _places(columns, widths, of_labels, width, gap)
    units = widest([heading.unit for heading in content.headings], size)
    behind = edges.get(pooled_column(columns), 1.0) * width - units - gap
    short_titles = shorten_all(titles, behind, size, weight="bold")
    return Across(labels, tuple(short_titles), plot, tuple(columns), edges)


def _labels(content: Content, short: list[str], width: float, size: float) -> tuple[str, ...]:
    """Return the labels of all rows; words on a group may reach over all columns, for they have nothing in its row."""
    studies = iter(short)
    return tuple(
        next(studies) if single else shorten(label, width, size) if kind == "heterogeneity" else label
        for label, single, kind in zip(content.labels, content.is_single, content.frame["kind"], strict=True)
    )


def _shortened(column: Column, width: float, size: float) -> Column:
    """Return a column of data or judgements whose words have room in it; numbers are never shortened."""
    if not column.is_data and not column.judgements:
        return column
    room = JUDGED * width if column.judgements else TEXT_COLUMN * size
    cells = shorten_all(column.cells, room, size) if column.align == "left" else column.cells
    first, second = column.head
    head = shorten(first, room, size, weight="bold"), shorten(second, room, size)
    return replace(column, head=head, cells=tuple(cells))


def _places(
    columns: list[Column], widths: dict[str, float], of_labels: float, width: float, gap: float
) -> tuple[tuple[float, float], dict[str, float]]:
    """Return where the marks begin and end, and the edge of each column."""
    of_marks = [column.name for column in columns if not column.is_data]
    edges = {}
    start, end = of_labels, width if of_marks else width - gap
    for column in columns:
        if column.is_data:
            left, start = start + gap, start + gap + widths[column.name]
            edges[column.name] = (left if column.align == "left" else start) / width
    centred = {column.name for column in columns if column.align == "center"}
    for name in reversed(of_marks):
        edges[name] = (end - 0.5 * widths[name] * (name in centred)) / width
        end -= widths[name] + gap
    return ((start + GAP_BEFORE_MARKS * gap) / width, (end - GAP_BEHIND_MARKS * gap) / width), edges


def _column_width(column: Column, content: Content, size: float) -> float:
    first = text_width(column.head[0], size, weight="bold")
    key = KEY * size if column.name in ("estimate", "shrunken") else SYMBOL * size * bool(column.judgements) - first
    heads = [column.head[1]]
    if column.name == pooled_column(content.columns):
        heads += [heading.unit for heading in content.headings]
    return max(first, first + key, widest([*heads, *column.cells], size))


def _note_size(size: float) -> float:
    return max(min(size, NOTE_FONT), 0.93 * size)


def _wrapped(content: Content, width: float, size: float) -> list[tuple[str, str]]:
    """Return the lines of notes with their weights, warnings first."""
    weighted = [*((text, "bold") for text in content.warnings), *((text, "normal") for text in content.notes)]
    at = _note_size(size)
    return [(line, weight) for text, weight in weighted for line in wrap(text, width, at, weight=weight)]


def _fixed_height(content: Content, n_notes: int, size: float) -> float:
    """Return the points taken by all that is no row: headings, gaps, axis, notes."""
    blocks = BLOCK_GAP * content.n_gaps
    return (HEAD + blocks + AXIS) * size + LINE * _note_size(size) * n_notes


def _rows(content: Content, notes: list[tuple[str, str]], across: Across, pitch: float, size: float) -> Layout:
    """Return the layout with all places along y; they are counted in points from the first study's centre."""
    line, step = LINE * size, LINE * _note_size(size)
    y, titles, rule, at = _along(content, pitch, size)
    top = -0.5 * pitch - HEAD * size
    notes_top = at + (AXIS - 1.5 * RULE_GAP) * size
    bottom = notes_top + 0.5 * RULE_GAP * size + step * len(notes)
    return Layout(
        size=size,
        note_size=_note_size(size),
        pitch=pitch,
        row=content.style.row,
        across=across,
        y=tuple(value / pitch for value in y),
        y_heads=((top + 0.55 * line) / pitch, (top + 1.55 * line) / pitch),
        y_rules=(-0.5 - RULE_GAP * size / pitch, rule / pitch),
        y_titles=tuple(value / pitch for value in titles),
        y_axis=at / pitch,
        y_axis_label=(at + AXIS_LABEL * size) / pitch,
        notes=tuple(((notes_top + step * i) / pitch, *note) for i, note in enumerate(notes)),
        y_ends=(top / pitch, bottom / pitch),
    )


def _along(content: Content, pitch: float, size: float) -> tuple[list[float], list[float], float, float]:
    """Return the places of rows and of headings, of the rule below the studies, and of the axis, in points."""
    edge, rule, first_fit = -0.5 * pitch, None, True
    y, titles, headings = [], [], list(content.headings)
    for i in range(len(content.frame)):
        while headings and headings[0].at == i:
            heading = headings.pop(0)
            if heading.is_fit and first_fit:
                first_fit = False
                edge += RULE_GAP * size
                rule = edge
            elif i:
                edge += BLOCK_GAP * size
            titles.append(edge + 0.5 * pitch)
            edge += pitch
        y.append(edge + 0.5 * pitch)
        edge += pitch
    if rule is None:  # nothing below the studies; the axis keeps away from the rule
        rule = edge + RULE_GAP * size
        edge += BLOCK_GAP * size
    return y, titles, rule, edge + BLOCK_GAP * size
