"""How many printed figures does each convention explain, and which figures does the best one leave?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Final, final

import pandas as pd

from bayesmeta.data.studies import Studies
from bayesmeta.review.audit_cells import Figure
from bayesmeta.review.audit_conventions import Convention, Form, between_pvalue, recompute
from bayesmeta.review.audit_data import AuditData
from bayesmeta.review.audit_schema import POOLED, PrintedRow, PrintedTable

ENOUGH: Final = 0.75
"""Share of figures that the best convention must explain before the others are held against it: with less, the print
more likely follows a convention that is not searched, or other data."""
FEWEST: Final = 3
"""Figures that it must explain: fewer may fit by chance."""
OF_STUDIES: Final = frozenset({*POOLED, "k", "events", "n", "egger_pvalue", "begg_pvalue"})
"""Figures that are compared with the data."""


@final
@dataclass(frozen=True, eq=False)
class Compared:
    """One printed row with what the conventions give.

    Attributes
    ----------
    row : PrintedRow
        The row.
    keys : tuple of str
        Columns beside the outcome that tell which studies are meant, such as grade.
    studies : Studies or None
        The studies it pools.
    why_not : str
        Why there are none.
    forms : dict
        What each convention prints, by code.
    """

    row: PrintedRow
    keys: tuple[str, ...]
    studies: Studies | None
    why_not: str
    forms: dict[str, tuple[Form, ...]]

    @property
    def group(self) -> str:
        """What tells the row from others of its outcome, in words; "" for all studies."""
        subgroup = f"{self.row.subgroup}, between subgroups" if self.row.is_between else self.row.subgroup
        return ", ".join(filter(None, (*(self.row.others[key] for key in self.keys), subgroup)))

    @property
    def k(self) -> int | None:
        """Number of studies by the data, else as printed."""
        if self.studies is not None:
            return self.studies.k
        figure = self.row.figures.get("k")
        return int(figure.value) if figure is not None and figure.value == int(figure.value) else None

    @property
    def figures(self) -> dict[str, Figure]:
        """The printed figures that pooling gives."""
        if self.row.is_between:
            return {role: self.row.figures[role] for role in ("q_pvalue", "pvalue") if role in self.row.figures}
        return {role: self.row.figures[role] for role in POOLED if role in self.row.figures}

    def best_form(self, code: str) -> Form | None:
        """Return the form of a convention that explains most figures, the first of those that do."""
        return max(self.forms.get(code, ()), key=lambda form: len(self.explained(form)), default=None)

    def explained(self, form: Form | None) -> set[str]:
        """Return the figures whose rounding interval holds a value of the form."""
        if form is None:
            return set()
        return {
            role for role, figure in self.figures.items() if any(figure.holds(x) for x in form.values.get(role, ()))
        }


@final
@dataclass(frozen=True, eq=False)
class Recomputer:
    """Recomputes rows; what was computed for a group of studies is kept, for tables that print it again."""

    data: AuditData
    conventions: tuple[Convention, ...]
    _kept: dict[tuple[object, ...], tuple[Studies | None, dict[str, tuple[Form, ...]]]] = field(default_factory=dict)

    def compare(self, table: PrintedTable) -> list[Compared]:
        """Return the rows of a table with what the conventions give."""
        keys = self.data.keys_of(table)
        return [self._compare(row, keys) for row in table.rows]

    def _compare(self, row: PrintedRow, keys: tuple[str, ...]) -> Compared:
        needs_data = row.is_between or OF_STUDIES & row.figures.keys()
        why_not = self.data.missing(row)
        if why_not or not needs_data:
            return Compared(row, keys, None, why_not if needs_data else "", {})
        mark = (row.outcome, tuple(row.others[key] for key in keys), row.variable, row.level, row.is_between)
        if mark not in self._kept:
            self._kept[mark] = self._recomputed(row, keys)
        studies, forms = self._kept[mark]
        compared = Compared(row, keys, studies, "", forms)
        if forms or studies is not None:
            return compared
        what = ", ".join(filter(None, (row.outcome, compared.group)))
        return replace(compared, why_not=f"{self.data.source} has no studies with data for {what or 'this row'}")

    def _recomputed(self, row: PrintedRow, keys: Sequence[str]) -> tuple[Studies | None, dict[str, tuple[Form, ...]]]:
        if row.is_between:
            levels = self.data.levels_of(row, keys)
            made: dict[tuple[str, str], Form] = {}
            for c in self.conventions if len(levels) > 1 else ():
                if (c.transformation.code, c.tau2_method) not in made:
                    p = between_pvalue(levels, c)
                    made[c.transformation.code, c.tau2_method] = Form("", {"q_pvalue": (p,), "pvalue": (p,)})
            return None, {c.code: (made[c.transformation.code, c.tau2_method],) for c in self.conventions if made}
        studies = self.data.studies_of(row, keys)
        return studies, recompute(studies, self.conventions) if studies is not None else {}


@final
@dataclass(frozen=True, eq=False)
class Match:
    """Which convention explains the print.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per convention, the best first: ``convention tau2_method ci_method explained figures share title``.
    best : tuple of Convention
        Those that explain most; none if the best explains too little.
    """

    table: pd.DataFrame
    best: tuple[Convention, ...]

    @property
    def winner(self) -> Convention | None:
        """The first of the best."""
        return self.best[0] if self.best else None


def match(compared: Iterable[Compared], conventions: Sequence[Convention]) -> Match:
    """Return how many figures each convention explains; of equals those that come first in the registry lead."""
    rows = [row for row in compared if row.forms]
    total = sum(len(row.figures) for row in rows)
    scores = {c.code: sum(len(row.explained(row.best_form(c.code))) for row in rows) for c in conventions}
    ordered = sorted(conventions, key=lambda c: -scores[c.code])
    table = pd.DataFrame(
        [
            {
                "convention": c.transformation.code,
                "tau2_method": c.tau2_method,
                "ci_method": c.ci_method,
                "explained": scores[c.code],
                "figures": total,
                "share": scores[c.code] / total if total else float("nan"),
                "title": c.title,
            }
            for c in ordered
        ],
        columns=["convention", "tau2_method", "ci_method", "explained", "figures", "share", "title"],
    )
    top = scores[ordered[0].code] if ordered else 0
    enough = top >= max(ENOUGH * total, FEWEST)
    return Match(table, tuple(c for c in ordered if scores[c.code] == top) if enough else ())


def left_over(row: Compared, found: Match) -> list[str]:
    """Return the figures of a row that none of the best conventions explains."""
    explained = [row.explained(row.best_form(convention.code)) for convention in found.best]
    return [role for role in row.figures if not any(role in roles for roles in explained)] if row.forms else []


def shown_value(row: Compared, role: str, winner: Convention) -> float:
    """Return the value of a figure by the winning convention, natural scale; nan if it has none."""
    form = row.best_form(winner.code)
    values = () if form is None else form.values.get(role, ())
    return next((value for value in values if isfinite(value)), float("nan"))
