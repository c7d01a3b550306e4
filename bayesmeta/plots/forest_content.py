"""What is written in a forest plot, line by line, before anything has its place?"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

import pandas as pd

from bayesmeta.errors import SpecError
from bayesmeta.plots.forest_columns import Column
from bayesmeta.plots.forest_style import ForestStyle

SINGLE: Final = ("study", "step")
"""Kinds of rows that stand above the estimates: studies, or all of them but one, or the first of them."""


@final
@dataclass(frozen=True)
class Heading:
    """A line of its own.

    Attributes
    ----------
    at : int
        The row of the frame above which it stands.
    text : str
        In bold letters on the left.
    unit : str
        Above the numbers of the rows that follow.
    is_fit : bool
        Whether it is that of a fit, below all studies, and not that of a group of them.
    """

    at: int
    text: str
    unit: str = ""
    is_fit: bool = True


@final
@dataclass(frozen=True)
class Content:
    """All that is written: labels and columns by row of the frame, headings of groups and fits, notes."""

    frame: pd.DataFrame
    labels: Sequence[str]
    columns: Sequence[Column]
    headings: Sequence[Heading]
    notes: Sequence[str]
    warnings: Sequence[str] = ()
    style: ForestStyle = field(default_factory=ForestStyle)
    first_column: str = "Study"

    @property
    def is_single(self) -> Sequence[bool]:
        """By row, whether it is one of those above the estimates."""
        return [kind in SINGLE for kind in self.frame["kind"]]

    @property
    def k(self) -> int:
        """Number of studies."""
        return sum(self.is_single)

    @property
    def n_rows(self) -> int:
        """Rows below one another: studies, headings, estimates."""
        return len(self.frame) + len(self.headings)

    @property
    def n_gaps(self) -> int:
        """Small gaps: between blocks of rows, below the last, and one more to the axis where no fit stands below."""
        inner = [heading.is_fit for heading in self.headings if heading.at > 0]
        return len(inner) - any(inner) + 1 + (not any(inner))


def part_of(content: Content, part: tuple[int, int]) -> Content:
    """Return one part of a plot that is too long for a page: i of n, the last with the estimates.

    Raises
    ------
    SpecError
        If there is no such part.
    """
    try:
        number, parts = (int(value) for value in part)
    except (TypeError, ValueError):
        raise SpecError(f"part={part!r} must be two numbers: (1, 2) is the first of two parts.") from None
    if not 1 <= number <= parts <= content.k:
        raise SpecError(f"part={part!r} must lie between (1, {parts}) and ({parts}, {parts}), of {content.k} studies.")
    if parts == 1:
        return content
    studies = [row for row, single in enumerate(content.is_single) if single]
    begins = [0, *(studies[i * content.k // parts] for i in range(1, parts)), len(content.frame)]
    first, last = begins[number - 1 : number + 1]
    here = [replace(each, at=each.at - first) for each in content.headings if first <= each.at < last]
    if first and not any(each.at == 0 for each in here) and content.frame["group"].iloc[first]:
        above = [each for each in content.headings if each.at < first][-1]
        here.insert(0, replace(above, at=0, text=f"{above.text}, continued"))
    columns = [
        replace(column, cells=column.cells[first:last], judgements=column.judgements[first:last])
        for column in content.columns
    ]
    return replace(
        content,
        frame=content.frame.iloc[first:last].reset_index(drop=True),
        labels=content.labels[first:last],
        columns=columns,
        headings=here,
        notes=[f"Part {number} of {parts}.", *content.notes],
    )
