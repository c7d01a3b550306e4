"""How good are the studies, by a tool such as NOS, MINORS, JBI or RoB 2, and are its scores and totals right?"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, check_number, unknown_name
from bayesmeta.data.cells import same_label_key
from bayesmeta.data.check import row_names
from bayesmeta.data.read import read_csv
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.problems import Found, problem_frame, refuse_errors
from bayesmeta.review.quality_rows import ITEM_COLUMNS, QualityReader, QualityRow
from bayesmeta.review.quality_tools import JUDGEMENTS, QualityTool, quality_tool, tool_key
from bayesmeta.review.texts import quality_text

TOTAL_COLUMNS: Final = ("study", "tool", "total", "highest", "printed_total", "judgement")


@final
@dataclass(frozen=True, eq=False, repr=False)
class Quality:
    """The quality of studies, item by item.

    Attributes
    ----------
    tools : tuple of QualityTool
        Those used.
    items : DataFrame
        A row per study and item: ``study``, ``tool``, ``item``, ``domain``, ``answer`` as printed, ``score`` (nan for
        answers in words), ``judgement``: of full points "low", of some "some concerns", of none what the tool says; ""
        where an answer is not allowed.
    totals : DataFrame
        A row per study and tool: ``total`` of the points, or number of favourable answers; ``highest`` that there can
        be; ``printed_total``; ``judgement``: the overall one, "" where the tool has none.
    problems : DataFrame
        What is wrong: ``row``, ``study``, ``column``, ``problem``, ``kind`` (error, warning).
    """

    tools: tuple[QualityTool, ...]
    items: pd.DataFrame
    totals: pd.DataFrame
    problems: pd.DataFrame

    def tool(self, code: str | None = None) -> QualityTool:
        """Return one of the tools; by default the only one."""
        codes = [tool.code for tool in self.tools]
        if code is None and len(codes) == 1:
            return self.tools[0]
        if code is None:
            raise SpecError(f"the table uses several tools: {', '.join(codes)}; choose one with tool={codes[0]!r}.")
        by_key = {tool_key(own.code): own for own in self.tools}
        if tool_key(code) not in by_key:
            raise SpecError(unknown_name("tool", code, codes))
        return by_key[tool_key(code)]

    def judgements(self, cutoffs: Mapping[str, Mapping[str, float]] | None = None) -> dict[str, str]:
        """Return the overall judgement of each study.

        Parameters
        ----------
        cutoffs : mapping of mappings, optional
            By tool, the least total for each judgement, the best first: ``{"NOS": {"low": 8, "some concerns": 6}}``; a
            lower total is "high". No scale or checklist has cut-offs of its own, so they are yours to state. RoB 2 has
            overall judgements and needs none.

        Returns
        -------
        dict
            From study to judgement.

        Raises
        ------
        SpecError
            If a tool, or a judgement, is unknown, cut-offs are missing or do not fall.
        DataError
            If a total cannot be judged, or a study has two judgements that differ.
        """
        if cutoffs is not None and not isinstance(cutoffs, Mapping):
            raise SpecError(f"cutoffs is {a_type(cutoffs)}; give the least totals by tool: {{'NOS': {{'low': 8}}}}.")
        given = {self.tool(name).code: cut for name, cut in (cutoffs or {}).items()}
        for code, stated in given.items():
            _check_cutoffs(code, stated)
        found: dict[str, str] = {}
        for row in self.totals.itertuples(index=False):
            tool = self.tool(str(row.tool))
            study, code, cut = str(row.study), tool.code, given.get(tool.code)
            word = str(row.judgement) if cut is None else _judged(study, row.total, code, cut)
            if not word:
                raise SpecError(f"{code} has no overall judgement; state cutoffs={{{code!r}: {{'low': ...}}}}.")
            if found.setdefault(study, word) != word:
                raise DataError(f"study {study!r} is judged {found[study]!r} and {word!r}; keep one tool.")
        return found

    def __repr__(self) -> str:
        return quality_text(self)


def _check_cutoffs(code: str, cutoffs: Any) -> None:
    """Raise `SpecError` unless cut-offs name judgements and fall."""
    words = list(cutoffs) if isinstance(cutoffs, Mapping) else []
    for word in words:
        if word not in JUDGEMENTS:
            raise SpecError(f"cutoffs of {code}: {unknown_name('judgement', word, JUDGEMENTS)}")
    values = [check_number(f"cutoff {word!r} of {code}", cutoffs[word]) for word in words]
    if not values or values != sorted(set(values), reverse=True):
        example = "{'low': 8, 'some concerns': 6}"
        raise SpecError(f"cutoffs of {code} must fall from the best judgement on, as in {example}.")


def _judged(study: str, total: Any, code: str, cutoffs: Mapping[str, float]) -> str:
    if not np.isfinite(total):
        raise DataError(f"study {study!r} has no total of {code}, because an answer is not allowed; correct it.")
    return next((word for word, least in cutoffs.items() if total >= float(least)), "high")


def read_quality(
    given: str | os.PathLike[str] | pd.DataFrame,
    *,
    tool: str | None = None,
    study: str = "study",
    order: Mapping[str, Sequence[str]] | None = None,
    total: str | None = None,
    on_bad: str = "raise",
) -> Quality:
    """Return the quality of studies from a table with one row per study, checked.

    Parameters
    ----------
    given : path or DataFrame
        A CSV file, or a data frame: a column of studies, one for each item, called by its code (``D1``) or by its place
        (``q1``, ``q2``, ...), and if there are any ``printed_total`` or ``total``, and ``overall`` (RoB 2). Further
        columns are left alone.
    tool : str, optional
        One of `list_quality_tools`, or a TOML file of your own. By default the column ``tool`` says it row by row.
    study : str
        Column of the studies.
    order : mapping, optional
        By tool, the codes of the items in the order of ``q1``, ``q2``, ..., where it is not that of the tool.
    total : str, optional
        Column of the printed totals.
    on_bad : {"raise", "keep"}
        Whether a wrong score or total is an error, or kept as printed and listed in ``problems``.

    Returns
    -------
    Quality

    Raises
    ------
    DataError
        If a column is missing; or, naming row, study and column: a score out of its range, an unknown answer, a
        total that is not the sum of its items, an overall judgement better than a domain.
    SpecError
        If a tool or an option is unknown.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> table = bm.load_dataset("blinatumomab_quality").query("tool == 'MINORS'")
    >>> quality = read_quality(table, on_bad="keep")
    >>> quality.problems[["study", "column", "problem"]].values.tolist()
    [['Jabbour 2023 (ponatinib)', 'printed_total', 'printed is 16, but the items sum to 14; correct one of them'],
     ['Foa 2020', 'printed_total', 'printed is 16, but the items sum to 14; correct one of them']]
    """
    frame, source = _table(given)
    reader = QualityReader(frame, source, study, _orders(order), total)
    rows = [reader.row(i, name, tool) for i, name in enumerate(row_names(frame))]
    quality = _collected(rows, _repeated(rows))
    refuse_errors(quality.problems, source, on_bad)
    if not quality.tools:
        refuse_errors(quality.problems, source, "raise")
    return quality


def _table(given: Any) -> tuple[pd.DataFrame, str]:
    if isinstance(given, pd.DataFrame):
        frame, source = given, "quality table"
    elif isinstance(given, str | os.PathLike):
        frame, source = read_csv(given), Path(given).name
    else:
        raise SpecError(f"a quality table is given as a CSV file or data frame, not as {a_type(given)}.")
    if frame.empty:
        raise DataError(f"{source} has no rows; give one row per study.")
    return frame, source


def _orders(order: object) -> dict[str, tuple[str, ...]]:
    """Return the codes of the items in the order of the columns, by tool."""
    if order is None:
        return {}
    if not isinstance(order, Mapping):
        raise SpecError("order must be a mapping from tools to the codes of their items: {'NOS': ['S1', 'S2', ...]}.")
    found: dict[str, tuple[str, ...]] = {}
    for name, codes in order.items():
        tool = quality_tool(name)
        if not isinstance(codes, Sequence) or isinstance(codes, str) or sorted(codes) != sorted(tool.codes):
            raise SpecError(f"order of {tool.code} must hold each of its items once: {', '.join(tool.codes)}.")
        found[tool.code] = tuple(codes)
    return found


def _repeated(rows: Sequence[QualityRow]) -> Iterator[Found]:
    """Yield the rows whose study the same tool has judged before."""
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        key = same_label_key(row.study), row.tool.code if row.tool else ""
        first = seen.setdefault(key, row.name)
        if first != row.name and row.study and row.tool:
            text = f"{row.tool.code} judges this study in {first} already; keep one row"
            yield row.name, row.study, "study", text, "error"


def _collected(rows: Sequence[QualityRow], repeated: Iterator[Found]) -> Quality:
    tools = {row.tool.code: row.tool for row in rows if row.tool is not None}
    totals = [
        (row.study, row.tool.code, row.total, row.tool.most, row.printed, row.overall)
        for row in rows
        if row.tool is not None
    ]
    return Quality(
        tuple(tools.values()),
        pd.DataFrame([item for row in rows for item in row.items], columns=list(ITEM_COLUMNS)),
        pd.DataFrame(totals, columns=list(TOTAL_COLUMNS)),
        problem_frame([*(found for row in rows for found in row.found), *repeated]),
    )
