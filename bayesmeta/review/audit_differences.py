"""Which figures do not follow from the data, and how may each have come about?"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite, log10
from statistics import median
from typing import Final

from bayesmeta.errors import DataError
from bayesmeta.review.audit_cells import Figure, read_figure
from bayesmeta.review.audit_finding import Finding
from bayesmeta.review.audit_match import Compared, Match, left_over, shown_value
from bayesmeta.review.audit_schema import PERCENT

MISPRINTS: Final = (
    ("per cents and proportions are mixed", 100.0),
    ("per cents and proportions are mixed", 0.01),
    ("the decimal point has moved", 10.0),
    ("the decimal point has moved", 0.1),
)
"""What a printed figure that is the right one times a number may be."""
NEAR: Final = 3.0
"""Factor within which figures are taken for the same before units are called wrong."""
FEWEST: Final = 3
"""Figures that must tell of a wrong unit."""


def differences(rows: Sequence[Compared], found: Match) -> Iterator[Finding]:
    """Yield the figures that the best conventions do not explain; none if no convention explains the print."""
    winner = found.winner
    if winner is None:
        return
    for row in rows:
        for role in left_over(row, found):
            figure, value = row.figures[role], shown_value(row, role, winner)
            if not isfinite(value):
                continue
            expected, hint = misprint(row, role, winner.code) or (figure.printed_as(value), "")
            form = row.best_form(winner.code)
            source = (form.title if form is not None else "") or f"{winner.code}, {_how_many(row)}"
            parts = (f"recomputed {figure.printed_as(value)} ({source})", hint, _other_convention(row, winner.code))
            reason = "; ".join(filter(None, parts))
            yield Finding(row, (role,), "differs", reason, expected)


def _how_many(row: Compared) -> str:
    return "the subgroup means" if row.studies is None else f"{row.studies.k} studies"


def _other_convention(row: Compared, winner: str) -> str:
    """Return which other convention explains all figures of the row, if they are enough to tell."""
    if len(row.figures) < FEWEST:
        return ""
    for code in row.forms:
        if code != winner and row.explained(row.best_form(code)) == row.figures.keys():
            return f"all figures of the row are those of {code}"
    return ""


def misprint(row: Compared, role: str, code: str) -> tuple[str, str] | None:
    """Return what a figure should be and how it may have been misprinted, or None if no usual way gives it."""
    figure = row.figures[role]
    values = [x for form in row.forms[code] for x in form.values.get(role, ()) if isfinite(x)]
    for value in values:
        if value < 0.0 and figure.holds(-value):
            shown = figure.printed_as(value)
            cut = "; cut at 0 it would be 0" if role == "lower" else ""
            return shown, f"it is {shown} with its sign lost{cut}"
    for value in values:
        if any(swapped.holds(value) for swapped in _swapped(figure)):
            return figure.printed_as(value), "two digits are exchanged"
        for other in row.figures.keys() - {role}:
            same_scale = row.figures[other].factor == figure.factor and {role, other} <= {"estimate", "lower", "upper"}
            theirs = [x for form in row.forms[code] for x in form.values.get(other, ())]
            if same_scale and any(figure.holds(x) for x in theirs):
                return figure.printed_as(value), f"it is the value of {row.row.columns[other]}"
        for words, factor in MISPRINTS:
            if value != 0.0 and figure.value != 0.0 and figure.holds(_rounded(value * factor, figure)):
                decimals = max(figure.decimals + round(log10(factor)), 0)
                return replace(figure, decimals=decimals).printed_as(value), words
    return None


def _rounded(value: float, figure: Figure) -> float:
    return round(value * figure.factor, figure.decimals) / figure.factor


def _swapped(figure: Figure) -> Iterator[Figure]:
    """Yield the figures with two neighbouring digits exchanged, the decimal point staying where it is."""
    places = [i for i, letter in enumerate(figure.text) if letter.isdigit()]
    for i, j in itertools.pairwise(places):
        letters = list(figure.text)
        if letters[i] != letters[j]:
            letters[i], letters[j] = letters[j], letters[i]
            made = read_figure("".join(letters), factor=figure.factor)
            if made is not None:
                yield made


def check_units(rows: Sequence[Compared], code: str) -> None:
    """Raise `DataError` if a table's figures are a hundredth, or a hundred times, of what the data give."""
    ratios: dict[tuple[str, str], list[float]] = {}
    columns: dict[tuple[str, str], str] = {}
    for row in rows:
        form = next(iter(row.forms.get(code, ())), None)
        if form is None:
            continue
        for role, figure in row.figures.items():
            value = form.values.get(role, (float("nan"),))[0] if role in PERCENT else float("nan")
            if value and figure.value and isfinite(value):
                for key in ((row.row.table, role), (row.row.table, "i2" if role == "i2" else "all of them")):
                    ratios.setdefault(key, []).append(figure.value / value)
                    columns.setdefault(key, row.row.columns[role])
    for key, found in ratios.items():
        if len(found) >= FEWEST:
            _refuse_unit(key[0], columns[key], median(found))


def _refuse_unit(table: str, column: str, typical: float) -> None:
    """Raise `DataError` if printed figures are typically a hundredth, or a hundred times, of what they should be."""
    if 0.01 / NEAR < typical < 0.01 * NEAR:
        raise DataError(
            f"{table}, column {column!r}: the figures look like proportions, a hundredth of what the data give in "
            f"per cent; name the column {column.removesuffix('_pct')!r}, or multiply by 100."
        )
    if 100.0 / NEAR < typical < 100.0 * NEAR:
        raise DataError(
            f"{table}, column {column!r}: the figures look like per cents, a hundred times what the data give as "
            f"proportions; name the column {column + '_pct'!r}, or divide by 100."
        )
