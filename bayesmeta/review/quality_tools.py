"""Which tools judge the quality of studies: with which items, ranges, answers and totals?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, final

import pandas as pd

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.data.decode import decode, read_bytes
from bayesmeta.errors import SpecError
from bayesmeta.spec.toml import check_keys, check_schema, check_table, check_text, parse_toml

TOOLS: Final = Path(__file__).resolve().parent / "tools"
NOT_APPLICABLE: Final = "not applicable"
JUDGEMENTS: Final = (
    "low", "some concerns", "moderate", "high", "serious", "critical", "unclear", "no information",
)  # fmt: skip
"""Words for the risk of bias, of RoB 1, RoB 2, ROBINS-I and QUADAS-2: those that the figures draw."""
_TEXTS: Final = ("code", "title", "source", "doi", "overall", "zero")
_TOP: Final = ("schema", *_TEXTS, "step", "total", "answers", "items")


@final
@dataclass(frozen=True)
class QualityItem:
    """One question of a tool.

    Attributes
    ----------
    code, domain, text : str
        Its short name, the group it belongs to, and what it asks, in brief.
    highest : float
        The most points; 0 where answers are words.
    """

    code: str
    domain: str
    text: str
    highest: float = 0.0


@final
@dataclass(frozen=True)
class QualityTool:
    """One tool to judge the quality of studies, or their risk of bias.

    Attributes
    ----------
    code, title, source, doi : str
        What tables call it, what it is, and where it is published.
    items : tuple of QualityItem
        In the order of the tool.
    answers : mapping
        From the answers that an item can have to judgements of the risk of bias; empty for points.
    step, total : float
        Between the points of an item; the most points in all. 0 where answers are words.
    zero : str
        What no points mean: ``"high"``, or ``"no information"`` where they stand for "not reported".
    overall : str
        ``"worst"``: the tool has an overall judgement, as bad as the worst domain at least; ``""``: it has none.
    """

    code: str
    title: str
    source: str
    doi: str
    items: tuple[QualityItem, ...]
    answers: Mapping[str, str]
    step: float = 0.0
    total: float = 0.0
    zero: str = "high"
    overall: str = ""

    @property
    def has_points(self) -> bool:
        """Whether items are scored; else they are answered in words."""
        return not self.answers

    @property
    def codes(self) -> tuple[str, ...]:
        """The short names of the items."""
        return tuple(item.code for item in self.items)

    @property
    def most(self) -> float:
        """The highest total: of points, or of favourable answers."""
        return self.total if self.has_points else float(len(self.items))


def quality_tool(name_or_path: str | os.PathLike[str]) -> QualityTool:
    """Return a tool by its code, or from a TOML file of one's own.

    Parameters
    ----------
    name_or_path : str or path
        One of `list_quality_tools`, such as ``"MINORS"``, or a file.

    Returns
    -------
    QualityTool

    Raises
    ------
    SpecError
        If there is no tool of this name, or a file is not one.

    Examples
    --------
    >>> tool = quality_tool("MINORS")
    >>> len(tool.items), tool.total, tool.items[6].text
    (8, 16.0, 'Loss to follow-up below 5 %')
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise SpecError(f"a quality tool is given by name or file, not by {a_type(name_or_path)}.")
    own = Path(name_or_path)
    if own.suffix.lower() == ".toml":
        return read_tool(decode(read_bytes(own), own.name), origin=own.name)
    known = {tool_key(code): tool for code, tool in _bundled().items()}
    if tool_key(str(name_or_path)) not in known:
        raise SpecError(unknown_name("quality tool", str(name_or_path), _bundled()) + " Or give a TOML file.")
    return known[tool_key(str(name_or_path))]


def list_quality_tools() -> pd.DataFrame:
    """Return the tools that come with the package, one a row.

    Returns
    -------
    DataFrame
        ``tool``, ``title``, ``items``, ``total``, ``answers``, ``source``, ``doi``.

    Examples
    --------
    >>> list_quality_tools()["tool"].tolist()
    ['JBI-CS', 'JBI-P', 'MINORS', 'MINORS-C', 'NOS', 'NOS-CC', 'RoB 2']
    """
    rows = [
        (tool.code, tool.title, len(tool.items), tool.total or None, ", ".join(tool.answers), tool.source, tool.doi)
        for tool in _bundled().values()
    ]
    return pd.DataFrame(rows, columns=["tool", "title", "items", "total", "answers", "source", "doi"])


def tool_key(code: str) -> str:
    """Return what two ways to write a tool's code share: letters and digits, ``rob2`` of ``RoB 2``."""
    return "".join(letter for letter in code.casefold() if letter.isalnum())


@cache
def _bundled() -> Mapping[str, QualityTool]:
    tools = [read_tool(path.read_text(encoding="utf-8"), origin=path.name) for path in TOOLS.glob("*.toml")]
    return MappingProxyType({tool.code: tool for tool in sorted(tools, key=lambda tool: tool.code)})


def read_tool(text: str, *, origin: str) -> QualityTool:
    """Return the tool that a TOML text holds; raise `SpecError` for what is missing, unknown or contradictory."""
    top = parse_toml(text, origin)
    check_schema(top, origin)
    check_keys(top, origin, allowed=_TOP, required=("code", "title", "source", "items"))
    texts: dict[str, Any] = {key: check_text(top[key], f"{origin}: {key}") for key in _TEXTS if key in top}
    answers = {
        str(answer).casefold(): check_text(word, f"{origin}: answers {answer!r}")
        for answer, word in check_table(top.get("answers", {}), f"{origin}: answers").items()
    }
    for word in (*answers.values(), texts.get("zero", "high")):
        if word not in (*JUDGEMENTS, NOT_APPLICABLE):
            raise SpecError(f"{origin}: {unknown_name('judgement', word, (*JUDGEMENTS, NOT_APPLICABLE))}")
    if not isinstance(top["items"], list):
        raise SpecError(f"{origin}: items must be an array of tables; begin each with [[items]].")
    items = tuple(_read_item(item, f"{origin}: items[{i}]", bool(answers)) for i, item in enumerate(top["items"]))
    codes = [item.code.casefold() for item in items]
    if not items or len(set(codes)) < len(codes):
        raise SpecError(f"{origin}: a tool needs items, each with a code of its own.")
    points: dict[str, float] = {}
    if not answers:
        points = {"step": _positive(top, "step", origin), "total": _positive(top, "total", origin)}
        highest = sum(item.highest for item in items)
        if highest != points["total"]:
            raise SpecError(f"{origin}: total = {points['total']:g}, but the items have up to {highest:g} points.")
    keywords: dict[str, Any] = {"doi": "", **texts, **points}
    return QualityTool(items=items, answers=MappingProxyType(answers), **keywords)


def _read_item(value: Any, where: str, in_words: bool) -> QualityItem:
    table = check_table(value, where)
    needed = ("code", "domain", "text") if in_words else ("code", "domain", "text", "highest")
    check_keys(table, where, allowed=needed, required=needed)
    texts = {key: check_text(table[key], f"{where}.{key}") for key in ("code", "domain", "text")}
    return QualityItem(**texts, highest=0.0 if in_words else _positive(table, "highest", where))


def _positive(table: Mapping[str, Any], key: str, where: str) -> float:
    value: Any = table.get(key)
    if type(value) not in (int, float) or not value > 0:
        raise SpecError(f"{where}: {key} = {value!r} must be a positive number.")
    return float(value)
