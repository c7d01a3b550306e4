"""Where does everything in a forest plot stand, so that nothing overlaps?"""

from dataclasses import dataclass
from typing import Final, final

from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_across import Across, divide_width
from bayesmeta.plots.forest_columns import Content
from bayesmeta.plots.text_size import wrap

POINTS_PER_MM: Final = 72.0 / 25.4
SMALLEST_FONT: Final = 4.0
"""Points; smaller text cannot be read in print."""

# In units of the font size.
LINE: Final = 1.3  # from line to line of text
TIGHTEST: Final = 1.25  # from row to row of the plot, at least
COMFORTABLE: Final = 1.75  # the same, where there is room
HEAD: Final = 2 * LINE + 0.5  # headings of the columns
RULE_GAP: Final = 0.2  # between a rule and the studies
BLOCK_GAP: Final = 0.35  # below the estimates of a fit
AXIS: Final = 4.4  # axis with its labels
AXIS_LABEL: Final = 2.2  # from the axis to its label


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
    across : Across
        The division of the width.
    y : tuple of float
        By row of the frame.
    y_heads : tuple of float
        Of the two lines of heading.
    y_rules : tuple of float
        Of the lines above and below the studies.
    y_titles : tuple of float
        Of the headings of the fits.
    y_axis, y_axis_label : float
        Of the axis, and of the upper edge of its label.
    notes : tuple of (float, str)
        Lines of notes, each with the place of its upper edge.
    y_ends : tuple of float
        Upper and lower edge.
    """

    size: float
    note_size: float
    pitch: float
    across: Across
    y: tuple[float, ...]
    y_heads: tuple[float, float]
    y_rules: tuple[float, float]
    y_titles: tuple[float, ...]
    y_axis: float
    y_axis_label: float
    notes: tuple[tuple[float, str], ...]
    y_ends: tuple[float, float]

    @property
    def mark(self) -> float:
        """Points that the marks of a row may take: no more than looks well beside the text."""
        return min(self.pitch, COMFORTABLE * self.size)


def comfortable_pitch(k: int, size: float) -> float:
    """Return the points from row to row in a figure of its own: tighter from 20 to 50 studies on."""
    tight = min(max((k - 20) / 30, 0.0), 1.0)
    return size * (COMFORTABLE - 0.45 * tight)


def needed_height(content: Content, width: float, size: float) -> float:
    """Return the height in points of a figure of its own."""
    notes = _wrapped(content, width, size)
    pitch = comfortable_pitch(content.k, size)
    return pitch * content.n_rows + _fixed_height(content, len(notes), size)


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
        size -= 0.25
    wide, high = width / POINTS_PER_MM, height / POINTS_PER_MM
    raise SpecError(
        f"a forest plot of {content.k} studies does not fit into axes of {wide:.0f} x {high:.0f} mm; "
        "give larger axes, fewer columns, or no axes (ax=None)."
    )


def _note_size(size: float) -> float:
    return max(min(size, 6.5), 0.93 * size)


def _wrapped(content: Content, width: float, size: float) -> list[str]:
    return [line for note in content.notes for line in wrap(note, width, _note_size(size))]


def _fixed_height(content: Content, n_notes: int, size: float) -> float:
    """Return the points taken by all that is no row: headings, gaps, axis, notes."""
    blocks = BLOCK_GAP * len(content.pooled_head)
    return (HEAD + blocks + AXIS) * size + LINE * _note_size(size) * n_notes


def _rows(content: Content, notes: list[str], across: Across, pitch: float, size: float) -> Layout:
    """Return the layout with all places along y; they are counted in points from the first study's centre."""
    k, line, step = content.k, LINE * size, LINE * _note_size(size)
    y, titles = [pitch * i for i in range(k)], []
    rule = at = pitch * (k - 0.5) + RULE_GAP * size
    for _, rows in content.frame.iloc[k:].groupby("method", sort=False):
        titles.append(at + 0.5 * pitch)
        y += [at + pitch * (i + 1.5) for i in range(len(rows))]
        at += pitch * (len(rows) + 1) + BLOCK_GAP * size
    top = -0.5 * pitch - HEAD * size
    notes_top = at + (AXIS - 1.5 * RULE_GAP) * size
    bottom = notes_top + 0.5 * RULE_GAP * size + step * len(notes)
    return Layout(
        size=size,
        note_size=_note_size(size),
        pitch=pitch,
        across=across,
        y=tuple(value / pitch for value in y),
        y_heads=((top + 0.55 * line) / pitch, (top + 1.55 * line) / pitch),
        y_rules=(-0.5 - RULE_GAP * size / pitch, rule / pitch),
        y_titles=tuple(value / pitch for value in titles),
        y_axis=at / pitch,
        y_axis_label=(at + AXIS_LABEL * size) / pitch,
        notes=tuple(((notes_top + step * i) / pitch, note) for i, note in enumerate(notes)),
        y_ends=(top / pitch, bottom / pitch),
    )
