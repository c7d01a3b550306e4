"""What stands in each box of a PRISMA 2020 flow diagram?"""

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.review.prisma import PrismaFlow
from bayesmeta.review.prisma_boxes import BOXES

MISSING: Final = "not reported"
INDENT: Final = "\N{EN SPACE}"
type Place = tuple[int, int, str, str, tuple[str, ...]]
"""Row and column of a box, what it is called, its first line, and the keys of its numbers."""
STAGES: Final = ("Identification", "Screening", "Screening", "Screening", "Included")
"""Of the rows of the diagram."""
HEADS: Final = (
    "Identification of studies via databases and registers",
    "Identification of studies via other methods",
)
_REMOVED: Final = ("duplicates", "automation", "removed_other")
MAIN_PLACES: Final[tuple[Place, ...]] = (
    (0, 0, "identified", "Records identified from:", ("databases", "registers")),
    (0, 1, "removed", "Records removed before screening:", _REMOVED),
    (1, 0, "screened", "", ("screened",)),
    (1, 1, "excluded", "", ("excluded",)),
    (2, 0, "sought", "", ("sought",)),
    (2, 1, "not_retrieved", "", ("not_retrieved",)),
    (3, 0, "assessed", "", ("assessed",)),
    (3, 1, "excluded_reports", "", ("excluded_reports",)),
    (4, 0, "included", "", ("studies", "reports")),
)
OTHER_PLACES: Final[tuple[Place, ...]] = (
    (0, 2, "other_identified", "Records identified from:", ("websites", "organisations", "citations")),
    (2, 2, "other_sought", "", ("other_sought",)),
    (2, 3, "other_not_retrieved", "", ("other_not_retrieved",)),
    (3, 2, "other_assessed", "", ("other_assessed",)),
    (3, 3, "other_excluded_reports", "", ("other_excluded_reports",)),
)


def flow_frame(flow: PrismaFlow) -> pd.DataFrame:
    """Return the boxes of the PRISMA 2020 flow diagram of a new review, with their text.

    Parameters
    ----------
    flow : PrismaFlow
        From `prisma_flow`.

    Returns
    -------
    DataFrame
        A row per box: ``box``; ``stage``; ``row`` and ``column`` of the diagram, from 0 at the top left; ``text``,
        line by line; ``missing`` and ``errors``: how many of its numbers are not reported or do not add up.

    Raises
    ------
    SpecError
        If it is no flow.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> frame = flow_frame(bm.prisma_flow("sarkar2026")).set_index("box")
    >>> print(frame.loc["identified", "text"])
    Records identified from:
    Databases (n = 327)
    Registers (n = not reported)
    """
    if not isinstance(flow, PrismaFlow):
        raise SpecError(f"plot_prisma_flow takes a flow, from bm.prisma_flow(file); got {a_type(flow)}.")
    faulty = set(flow.problems.loc[flow.problems["kind"] == "error", "box"])
    rows: list[dict[str, Any]] = []
    for row, column, name, head, keys in (*MAIN_PLACES, *(OTHER_PLACES if flow.has_other_methods else ())):
        own = (*keys, "further_sources") if name == "other_identified" and "further_sources" in flow.counts else keys
        lines = [*([head] if head else []), *(line for key in own for line in _lines(flow, key))]
        absent = sum(key not in flow.counts for key in own)
        place = {"box": name, "stage": STAGES[row], "row": row, "column": column}
        rows.append({**place, "text": "\n".join(lines), "missing": absent, "errors": len(faulty & set(own))})
    return pd.DataFrame(rows)


def _lines(flow: PrismaFlow, key: str) -> Iterator[str]:
    """Yield a number with its words, then its parts."""
    parts = flow.parts.get(key, {})
    number = flow.counts.get(key, MISSING)
    yield f"{BOXES[key].words} (n = {number}){':' if parts else ''}"
    for name, count in parts.items():
        yield f"{INDENT}{name} (n = {count})"
