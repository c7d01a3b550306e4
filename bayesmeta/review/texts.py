"""How do the flow of a review, the quality of its studies and what was taken from them read as plain text?"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bayesmeta.data.check import count_problems
from bayesmeta.review.prisma_boxes import BOXES

if TYPE_CHECKING:
    from bayesmeta.review.extraction import Extraction
    from bayesmeta.review.prisma import PrismaFlow
    from bayesmeta.review.quality import Quality

WIDTH: Final = 100
"""Columns that the text may take."""
SHOWN: Final = 5
"""Rows of a long table, and problems, that are listed."""
KINDS: Final = ("error", "warning", "missing")


def wrapped(text: str, indent: int) -> list[str]:
    """Return lines no wider than `WIDTH`, those after the first set in."""
    margin = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=margin, subsequent_indent=f"{margin}  ", break_on_hyphens=False)


def flow_text(flow: "PrismaFlow") -> str:
    """Return the boxes that are given with their parts, in the order of the diagram, and what is wrong."""
    title = f": {flow.title}" if flow.title else ""
    lines = [f"PRISMA 2020 flow{title}"]
    width = max(len(words) for words, _ in _boxes(flow, flow.counts))
    for heading, keys in groupby(flow.counts, _stage):
        lines += [heading, *(f"  {words:<{width}}  {count:>6}" for words, count in _boxes(flow, keys))]
    return "\n".join([*lines, *_problems(flow.problems, "flow")])


def _stage(key: str) -> str:
    box = BOXES[key]
    return f"{box.stage}, {box.arm}" if box.arm else box.stage


def _boxes(flow: "PrismaFlow", keys: Iterable[str]) -> list[tuple[str, int]]:
    """Return the words and numbers of boxes, each followed by those of its parts."""
    rows = []
    for key in keys:
        rows.append((BOXES[key].words, flow.counts[key]))
        rows += [(f"  {name}", count) for name, count in flow.parts.get(key, {}).items()]
    return rows


def quality_text(quality: "Quality") -> str:
    """Return the totals of the first studies, and what is wrong."""
    rows = [_totals(row) for row in quality.totals.head(SHOWN).to_dict("records")]
    by_tool = quality.totals["tool"].value_counts(sort=False)
    counted = ", ".join(f"{tool} ({n})" for tool, n in by_tool.items())
    lines = [f"Quality of {_number(quality.totals['study'].nunique(), 'study')}: {counted}"]
    lines += [*_aligned(rows), *_rest(len(quality.totals))]
    return "\n".join([*lines, *_problems(quality.problems, "quality")])


def _totals(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    total = "no total" if pd.isna(row["total"]) else f"{row['total']:g} of {row['highest']:g}"
    printed = "" if pd.isna(row["printed_total"]) else f"printed {row['printed_total']:g}"
    return row["study"], row["tool"], total, "; ".join(filter(None, (printed, row["judgement"])))


def extraction_text(extraction: "Extraction") -> str:
    """Return how many results of which kind there are of the endpoints that have most, and what is wrong."""
    table = extraction.table
    groups = table.groupby(["endpoint", "measure"], sort=False)["cohort"].agg(["size", "nunique"])
    groups = groups.sort_values("size", ascending=False, kind="stable")
    rows = [
        (endpoint, measure, _number(size, "result"), _number(cohorts, "cohort"))
        for (endpoint, measure), (size, cohorts) in zip(groups.index[:SHOWN], groups.to_numpy(), strict=False)
    ]
    whole = f"{_number(len(table), 'result')} of {_number(table['cohort'].nunique(), 'cohort')}"
    lines = [f"Extraction: {whole}, from {extraction.source}", *_aligned(rows), *_rest(len(groups))]
    return "\n".join([*lines, *_problems(extraction.problems, "extraction")])


def _number(count: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def _rest(count: int) -> list[str]:
    return [f"  and {count - SHOWN} more"] if count > SHOWN else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _problems(problems: pd.DataFrame, what: str) -> list[str]:
    """Return the first problems, errors before warnings, and where the others are."""
    if problems.empty:
        return ["Problems: none found"]
    lines = [f"Problems: {count_problems(problems)}"]
    ordered = problems.sort_values("kind", key=lambda kinds: kinds.map(KINDS.index), kind="stable")
    for row in ordered.head(SHOWN).astype(str).to_dict("records"):
        place = ", ".join(row[name] for name in ("row", "study", "column", "box") if row.get(name))
        lines += wrapped(f"{row['kind']}: {f'{place}: ' if place else ''}{row['problem']}", 2)
    rest = len(problems) - SHOWN
    return [*lines, f"  and {rest} more; {what}.problems lists all"] if rest > 0 else lines
