"""What does one row of a quality table say, and what is wrong with it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import did_you_mean
from bayesmeta.data.cells import is_missing, read_label, read_number
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.problems import Found
from bayesmeta.review.quality_tools import JUDGEMENTS, QualityTool, quality_tool

TOTALS: Final = ("printed_total", "total")
"""Columns that hold a printed total unless another one is named; the first that is there."""
MOST_ITEMS: Final = 60
"""Numbered columns that are looked for."""
ITEM_COLUMNS: Final = ("study", "tool", "item", "domain", "answer", "score", "judgement")


@final
@dataclass(frozen=True)
class QualityRow:
    """What one row says."""

    name: str
    study: str
    tool: QualityTool | None
    items: tuple[tuple[Any, ...], ...]
    total: float
    printed: float
    overall: str
    found: tuple[Found, ...]


@final
@dataclass(frozen=True)
class QualityReader:
    """How the rows of a table are read."""

    frame: pd.DataFrame
    source: str
    study: str
    order: Mapping[str, tuple[str, ...]]
    total: str | None

    def __post_init__(self) -> None:
        columns = [str(name) for name in self.frame.columns]
        for name in (self.study, *([self.total] if self.total else [])):
            if name not in columns:
                raise DataError(f"{self.source} has no column {name!r}.{did_you_mean(name, columns)}")

    def column(self, name: str) -> str | None:
        """Return the column of this name, however its letters are written."""
        return next((str(own) for own in self.frame.columns if str(own).casefold() == name.casefold()), None)

    def row(self, position: int, name: str, chosen: str | None) -> QualityRow:
        """Return what a row says, and what is wrong with it."""
        cells = self.frame.iloc[position]
        label = read_label(cells[self.study])
        found: list[Found] = []
        if not label:
            found.append((name, "", self.study, "the label is missing; name the study", "error"))
        tool = self._tool(cells, chosen, found, name, label)
        if tool is None:
            return QualityRow(name, label, None, (), np.nan, np.nan, "", tuple(found))
        items = []
        for code, column in self._places(tool).items():
            item = tool.items[tool.codes.index(code)]
            answer, score, judgement, fault, kind = read_answer(cells[column], item.highest, tool)
            if fault:
                hint = self._order_hint(tool, score) if kind == "error" else ""
                text = f"{fault} ({tool.code} {code}, {item.text!r}){hint}"
                found.append((name, label, column, text, kind))
            items.append((label, tool.code, code, item.domain, answer, score, judgement))
        found += self._beyond(tool, cells, name, label)
        return self._totalled(tool, cells, items, found, name, label)

    def _tool(self, cells: Any, chosen: str | None, found: list[Found], name: str, label: str) -> QualityTool | None:
        if chosen is not None:
            return quality_tool(chosen)
        column = self.column("tool")
        if column is None:
            raise DataError(f"{self.source} has no column 'tool'; say which tool it is: tool='MINORS'.")
        try:
            return quality_tool(read_label(cells[column]))
        except SpecError as error:
            found.append((name, label, column, str(error).rstrip("."), "error"))
            return None

    def _places(self, tool: QualityTool) -> dict[str, str]:
        """Return the column of each item."""
        own = {code: self.column(code) for code in tool.codes}
        by_place = dict(zip(self.order.get(tool.code, tool.codes), _numbered(len(tool.items)), strict=True))
        numbered = {code: self.column(place) for code, place in by_place.items()}
        chosen = numbered if tool.code in self.order or None in own.values() else own
        missing = [by_place[code] for code, column in chosen.items() if column is None]
        if missing:
            needed = f"{', '.join(tool.codes)} or q1 to q{len(tool.items)}"
            raise DataError(f"{self.source} has no column {missing[0]!r}; {tool.code} needs {needed}.")
        return {code: str(chosen[code]) for code in tool.codes}

    def _beyond(self, tool: QualityTool, cells: Any, name: str, label: str) -> list[Found]:
        """Return the numbered columns that hold an answer, and are more than the tool has items."""
        count = len(tool.items)
        if f"q{count}" not in {column.casefold() for column in self._places(tool).values()}:
            return []
        more = [column for i in range(count + 1, MOST_ITEMS + 1) if (column := self.column(f"q{i}")) is not None]
        text = f"{tool.code} has {count} items, q1 to q{count}; leave this cell empty, or name the tool that has more"
        return [(name, label, column, text, "error") for column in more if not is_missing(cells[column])]

    def _order_hint(self, tool: QualityTool, score: float) -> str:
        """Return which item may have such a score, where the columns may be in another order."""
        fitting = [item for item in tool.items if score <= item.highest]
        if tool.code in self.order or not fitting or len(fitting) == len(tool.items):
            return ""
        item, column = fitting[0], self._places(tool)[fitting[0].code]
        return (
            f"; the item with up to {item.highest:g} is {item.code}, here column {column!r}: "
            f"if they are in another order, call them by the items' codes, or give order={{{tool.code!r}: [...]}}"
        )

    def _totalled(
        self, tool: QualityTool, cells: Any, items: list[Any], found: list[Found], name: str, label: str
    ) -> QualityRow:
        frame = pd.DataFrame(items, columns=list(ITEM_COLUMNS))
        favourable = (frame["judgement"] == "low").sum()
        total = float(frame["score"].sum(skipna=False) if tool.has_points else favourable)
        column = self.total or next((own for name in TOTALS if (own := self.column(name)) is not None), None)
        printed = np.nan
        if column is not None and not is_missing(cells[column]):
            reading = read_number(cells[column])
            printed = reading.value
            what = "sum to" if tool.has_points else "have favourable answers:"
            if reading.fault:
                found.append((name, label, column, f"{reading.shown} is no total; write a plain number", "error"))
            elif printed != total and np.isfinite(total):
                text = f"printed is {printed:g}, but the items {what} {total:g}; correct one of them"
                found.append((name, label, column, text, "error"))
        overall = self._overall(tool, cells, frame, found, name, label)
        return QualityRow(name, label, tool, tuple(items), total, printed, overall, tuple(found))

    def _overall(
        self, tool: QualityTool, cells: Any, frame: pd.DataFrame, found: list[Found], name: str, label: str
    ) -> str:
        """Return the overall judgement of a tool that has one: as given, or else the worst of its domains."""
        if not tool.overall:
            return ""
        words = [word for word in frame["judgement"] if word in JUDGEMENTS]
        worst = max(words, key=JUDGEMENTS.index, default="") if len(words) == len(frame) else ""
        column = self.column("overall")
        if column is None or is_missing(cells[column]):
            return worst
        answer, _, judgement, fault, _ = read_answer(cells[column], 0.0, tool)
        if not fault and worst:
            fault = _overall_fault(answer, judgement, worst, words)
        if fault:
            found.append((name, label, column, fault, "error"))
        return judgement


def _overall_fault(answer: str, judgement: str, worst: str, words: Sequence[str]) -> str:
    if JUDGEMENTS.index(judgement) < JUDGEMENTS.index(worst):
        return f"{answer!r} overall, but a domain is {worst!r}; overall is as bad as the worst domain at least"
    concerns = sum(word == "some concerns" for word in words)
    if judgement == "high" and worst != "high" and concerns < 2:
        return (
            f"{answer!r} overall, but no domain is high and {concerns} of some concerns; it takes one high, or several"
        )
    return ""


def _numbered(count: int) -> list[str]:
    return [f"q{i}" for i in range(1, count + 1)]


def read_answer(cell: object, highest: float, tool: QualityTool) -> tuple[str, float, str, str, str]:
    """Return an answer as printed, its points, its judgement, and what is wrong with it and how much."""
    is_float = isinstance(cell, float | np.floating)
    answer = "" if is_missing(cell) else f"{cell:.15g}" if is_float else " ".join(str(cell).split())
    if not tool.has_points:
        word = tool.answers.get(answer.replace("_", " ").casefold(), "")
        allowed = ", ".join(tool.answers)
        if not answer:
            return answer, np.nan, "", f"the answer is missing; allowed: {allowed}", "error"
        fault = "" if word else f"{answer!r} is no answer.{did_you_mean(answer, tool.answers)} Allowed: {allowed}"
        return answer, np.nan, word, fault, "error" if fault else ""
    reading = read_number(cell)
    if reading.fault == "missing":
        return answer, np.nan, "", f"the score is missing; give 0 to {highest:g}", "error"
    if reading.fault:
        return answer, np.nan, "", f"{reading.shown} is no score; give 0 to {highest:g}", "error"
    score = reading.value
    if not 0.0 <= score <= highest:
        return answer, score, "", f"{answer} is out of its range, 0 to {highest:g}", "error"
    word = "low" if score == highest else tool.zero if score == 0.0 else "some concerns"
    partial = not (score / tool.step).is_integer()
    return answer, score, word, f"{answer} is no whole number of steps of {tool.step:g}" if partial else "", "warning"
