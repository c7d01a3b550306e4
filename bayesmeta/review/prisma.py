"""How did the review get from the records it found to the studies it includes: the flow of PRISMA 2020?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self, final

import pandas as pd

from bayesmeta._validate import a_type, did_you_mean, unknown_name
from bayesmeta.data.cells import is_missing, read_label, read_number
from bayesmeta.data.check import row_names
from bayesmeta.data.decode import decode, read_bytes
from bayesmeta.data.read import parse_csv
from bayesmeta.data.rules import LARGEST_COUNT
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review.prisma_boxes import BOXES, OTHER
from bayesmeta.review.prisma_checks import find_faults
from bayesmeta.review.problems import refuse_errors
from bayesmeta.review.texts import flow_text
from bayesmeta.spec.toml import check_keys, check_schema, check_table, check_text, parse_toml

FLOWS: Final = Path(__file__).resolve().parent / "flows"
COLUMNS: Final = ("box", "part", "count", "note")
FLOW_PROBLEMS: Final = ("row", "box", "problem", "kind")


@final
@dataclass(frozen=True, repr=False)
class PrismaFlow:
    """The numbers of a PRISMA 2020 flow diagram of a new review.

    Attributes
    ----------
    counts : mapping
        Number of each box that is given, by its key (`prisma_boxes` lists them). A box given by its parts alone has
        their sum.
    parts : mapping of mappings
        Of a box its parts by name: records by database, reports by reason of exclusion.
    notes : mapping
        What the source says of a box, by key.
    title, source : str
        Of which review, and where it is printed.
    rows : mapping
        Where each box stands in the file: ``"line 5"``, ``"[boxes]"``.
    origin : str
        The file, for messages.
    """

    counts: Mapping[str, int]
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    origin: str = "flow"

    def __post_init__(self) -> None:
        """Check keys and counts, and make the mappings read-only."""
        for key in (*self.counts, *self.parts, *self.notes):
            _check_box(key, self._where(key))
        for key in self.parts:
            if not BOXES[key].has_parts:
                whole = ", ".join(name for name, box in BOXES.items() if box.has_parts)
                raise DataError(f"{self._where(key)}: {key} has no parts; boxes with parts: {whole}.")
        parts = {
            key: {name: _count(count, self._where(key), f"{key}, {name!r}") for name, count in named.items()}
            for key, named in self.parts.items()
        }
        given = {key: _count(count, self._where(key), key) for key, count in self.counts.items()}
        counts = {key: sum(named.values()) for key, named in parts.items() if named} | given
        if not counts:
            raise DataError(f"{self.title or 'the flow'} has no numbers; give boxes, such as screened = 233.")
        ordered = {key: counts[key] for key in BOXES if key in counts}
        object.__setattr__(self, "counts", MappingProxyType(ordered))
        object.__setattr__(self, "parts", MappingProxyType({k: MappingProxyType(v) for k, v in parts.items() if v}))

    def _where(self, key: str) -> str:
        return f"{self.origin}, {self.rows[key]}" if key in self.rows else self.origin

    @property
    def has_other_methods(self) -> bool:
        """Whether the diagram has an arm for websites, organisations and citation searching."""
        return any(BOXES[key].arm == OTHER for key in self.counts)

    @cached_property
    def problems(self) -> pd.DataFrame:
        """What does not add up or is missing: ``row``, ``box``, ``problem``, ``kind`` (error, missing, warning)."""
        found = find_faults(self.counts, self.parts, has_other=self.has_other_methods)
        rows = [(self.rows.get(key, ""), key, text + self._note(key, kind), kind) for key, text, kind in found]
        return pd.DataFrame(rows, columns=list(FLOW_PROBLEMS))

    def _note(self, key: str, kind: str) -> str:
        return f" ({self.notes[key]})" if kind == "missing" and self.notes.get(key) else ""

    @classmethod
    def from_toml(cls, text: str, *, origin: str) -> Self:
        """Return the flow that a TOML text holds."""
        top = parse_toml(text, origin)
        check_schema(top, origin)
        check_keys(top, origin, allowed=("schema", "title", "source", "boxes", "parts", "notes"))
        tables = {key: check_table(top.get(key, {}), f"{origin}: [{key}]") for key in ("boxes", "parts", "notes")}
        for key, value in tables["parts"].items():
            check_table(value, f"{origin}: [parts.{key}]")
        for key, value in tables["notes"].items():
            check_text(value, f"{origin}: [notes] {key}")
        texts = {key: check_text(top.get(key, ""), f"{origin}: {key}") for key in ("title", "source")}
        rows = {key: f"[{name}]" for name in ("notes", "parts", "boxes") for key in tables[name]}
        return cls(tables["boxes"], tables["parts"], tables["notes"], **texts, rows=rows, origin=origin)

    @classmethod
    def from_frame(cls, df: pd.DataFrame, *, title: str = "", origin: str = "data frame") -> Self:
        """Return the flow that a table holds: ``box``, ``count``, and, if need be, ``part`` and ``note``."""
        for name in df.columns:
            if name not in COLUMNS:
                raise DataError(f"{origin}: {unknown_name('column', name, COLUMNS)}")
        for name in ("box", "count"):
            if name not in df.columns:
                raise DataError(f"{origin} has no column {name!r}; a flow needs box and count; part and note may be.")
        counts: dict[str, int] = {}
        parts: dict[str, dict[str, int]] = {}
        notes: dict[str, str] = {}
        rows: dict[str, str] = {}
        for row, cells in zip(row_names(df), df.to_dict("records"), strict=True):
            key, part = read_label(cells["box"]), read_label(cells.get("part"))
            where = f"{origin}, {row}"
            _check_box(key, where)
            if not is_missing(cells.get("note")):
                notes[key] = "; ".join(filter(None, (notes.get(key), str(cells["note"]))))
            rows.setdefault(key, row)
            if is_missing(cells["count"]):
                continue
            into = parts.setdefault(key, {}) if part else counts
            name = f"{key}, {part!r}" if part else key
            if (part or key) in into:
                raise DataError(f"{where}, box {name} is there twice; keep one row.")
            into[part or key] = _count(cells["count"], where, name)
        return cls(counts, parts, notes, title=title, rows=rows, origin=origin)

    def __repr__(self) -> str:
        return flow_text(self)


def _check_box(key: object, where: str) -> None:
    if key not in BOXES:
        raise DataError(f"{where}: {unknown_name('box', key, BOXES)}")


def _count(value: object, where: str, name: str) -> int:
    """Return a number of records; raise `DataError` if it is none."""
    reading = read_number(value)
    if reading.fault or not reading.value.is_integer() or not 0.0 <= reading.value < LARGEST_COUNT:
        what = f"{where}, box {name}, column 'count'"
        raise DataError(f"{what}: {reading.shown} is no number of records; give 0, 1, 2, ..., or leave it out.")
    return int(reading.value)


def prisma_boxes() -> pd.DataFrame:
    """Return the boxes of the PRISMA 2020 flow diagram of a new review, one a row.

    Returns
    -------
    DataFrame
        ``box``: the key in files; ``words`` in the diagram; ``arm``; ``stage``; ``has_parts``.

    Examples
    --------
    >>> prisma_boxes()["box"].tolist()[:6]
    ['databases', 'registers', 'duplicates', 'automation', 'removed_other', 'screened']
    """
    return pd.DataFrame(
        [(box.key, box.words, box.arm, box.stage, box.has_parts) for box in BOXES.values()],
        columns=["box", "words", "arm", "stage", "has_parts"],
    )


def prisma_flow(
    given: str | os.PathLike[str] | Mapping[str, int] | pd.DataFrame,
    *,
    parts: Mapping[str, Mapping[str, int]] | None = None,
    title: str = "",
    on_bad: str = "raise",
) -> PrismaFlow:
    """Return the numbers of a PRISMA 2020 flow diagram, checked.

    Parameters
    ----------
    given : path, name, mapping or DataFrame
        A TOML file (``schema = 1``, ``title``, ``source``, ``[boxes]``, ``[parts.databases]``, ``[notes]``), a CSV file
        or data frame (columns ``box``, ``count``, and ``part`` and ``note`` if need be), counts by box, or the name of
        a bundled flow: ``"wang2026"``, ``"sarkar2026"``. `prisma_boxes` lists the keys of boxes.
    parts : mapping of mappings, optional
        With counts by box: the parts of a box by name.
    title : str
        Of the review, where no file has it.
    on_bad : {"raise", "keep"}
        Whether numbers that do not add up are an error, or kept as they are and listed in ``problems``. Missing
        boxes are listed in any case, and never filled in.

    Returns
    -------
    PrismaFlow

    Raises
    ------
    DataError
        If a box is unknown, given twice or no count, or numbers do not add up; the message names row and box.
    SpecError
        If the file is no TOML, or an option is unknown.

    Notes
    -----
    Between any two numbers of an arm that are given, what comes in less what is taken away must be what goes on; what
    is left of both arms are the reports of the included studies [1]_. With boxes missing between them, the check is
    made across the gap.

    References
    ----------
    .. [1] M. J. Page et al. The PRISMA 2020 statement: an updated guideline for reporting systematic reviews. BMJ
       372:n71, 2021. doi:10.1136/bmj.n71

    Examples
    --------
    >>> flow = prisma_flow("sarkar2026")
    >>> flow.counts["screened"], flow.counts["studies"]
    (233, 10)
    >>> broken = prisma_flow({"databases": 327, "duplicates": 94, "screened": 230}, on_bad="keep")
    >>> broken.problems.query("kind == 'error'")["problem"].item()
    'databases 327 - duplicates 94 = 233, but screened = 230: 3 too few; automation or removed_other, not given, ...'
    """
    flow = _read(given, parts, title)
    refuse_errors(flow.problems, flow.origin, on_bad)
    return flow


def _read(given: Any, parts: Mapping[str, Mapping[str, int]] | None, title: str) -> PrismaFlow:
    if parts is not None and not isinstance(given, Mapping):
        raise SpecError("parts go with counts by box; in a file they are [parts.databases], or the column part.")
    if isinstance(given, pd.DataFrame):
        return PrismaFlow.from_frame(given, title=title)
    if isinstance(given, Mapping):
        return PrismaFlow(dict(given), dict(parts or {}), title=title)
    if not isinstance(given, str | os.PathLike):
        raise SpecError(f"a flow is given by file, name, mapping or data frame, not by {a_type(given)}.")
    path = _path(given)
    data = read_bytes(path)
    if path.suffix.lower() == ".toml":
        return PrismaFlow.from_toml(decode(data, path.name), origin=path.name)
    return PrismaFlow.from_frame(
        parse_csv(data, path.name, text=("box", "part", "note")), title=title or path.stem, origin=path.name
    )


def _path(given: str | os.PathLike[str]) -> Path:
    own = Path(given)
    bundled = {path.stem: path for path in sorted(FLOWS.glob("*.toml"))}
    if own.exists() or not isinstance(given, str):
        return own
    if given in bundled:
        return bundled[given]
    if own.suffix or own.name != given:
        raise DataError(f"{given} does not exist.{did_you_mean(own.stem, bundled)} Bundled: {', '.join(bundled)}.")
    raise SpecError(unknown_name("flow", given, bundled))
