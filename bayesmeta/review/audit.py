"""Which convention explains printed results, and which printed figures cannot be right?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Unpack, final

import pandas as pd

from bayesmeta._validate import listed
from bayesmeta.data.columns import Roles
from bayesmeta.data.select import OnBad
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import get_measure
from bayesmeta.errors import DataError, SpecError
from bayesmeta.review import audit_internal as internal
from bayesmeta.review.audit_conventions import CI_METHODS, TAU2_METHODS, Convention, conventions_for, link_record
from bayesmeta.review.audit_data import AuditData, audit_data
from bayesmeta.review.audit_differences import check_units, differences
from bayesmeta.review.audit_finding import Finding, settled
from bayesmeta.review.audit_match import Compared, Match, Recomputer, left_over, match, shown_value
from bayesmeta.review.audit_relations import contradictory_i2, off_centre
from bayesmeta.review.audit_schema import PrintedTable, read_printed
from bayesmeta.review.audit_tests import small_study_choice, wrong_pvalues, wrong_small_study
from bayesmeta.review.audit_text import audit_text

FIGURE_COLUMNS: Final = ("table", "row", "outcome", "subgroup", "column", "printed", "recomputed", "status")
FAULT_COLUMNS: Final = ("table", "row", "outcome", "subgroup", "column", "printed", "should_be", "kind", "reason")
SHOWN: Final = 10
"""Outcomes that a message lists."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What an audit of printed results found; ``print`` shows it.

    Attributes
    ----------
    conventions : pandas.DataFrame
        One row per convention that was searched, the best first: ``convention``, ``tau2_method``, ``ci_method``, how
        many ``figures`` are ``explained`` and their ``share``, and the ``title`` in words.
    figures : pandas.DataFrame
        One row per printed figure that pooling gives: its place (``table``, ``row``, ``outcome``, ``subgroup``,
        ``column``), as ``printed``, as ``recomputed`` by the best convention (in the unit of print), and ``status``:
        "explained", "differs", "no data", or "not judged" where no convention explains the print.
    faults : pandas.DataFrame
        One row per figure that cannot be right, or set of figures of which one is wrong (columns and rows with commas
        between): its place, ``printed``, ``should_be`` ("" if that cannot be told), ``kind`` and ``reason``.
    best : str
        The convention that explains most figures, in words; "" if none explains three quarters of them.
    margin : int
        Figures that it explains more than the next that explains fewer.
    notes : tuple of str
        What a reader must know: what was not compared, and why.
    """

    conventions: pd.DataFrame
    figures: pd.DataFrame
    faults: pd.DataFrame
    best: str
    margin: int
    notes: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether no fault was found."""
        return len(self.faults) == 0

    def __repr__(self) -> str:
        return audit_text(self)


def audit(
    studies: Studies | pd.DataFrame | Mapping[str, Studies] | None,
    printed: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    tau2_methods: Sequence[str] = TAU2_METHODS,
    ci_methods: Sequence[str] = CI_METHODS,
    on_bad: OnBad = "raise",
    source: str = "data",
    **roles: Unpack[Roles],
) -> Audit:
    """Recompute printed results under the known conventions, and list the figures that cannot be right.

    Parameters
    ----------
    studies : Studies, DataFrame, mapping of Studies, or None
        The data of one outcome; or of several, in long form with a column ``outcome`` (one row per study and outcome)
        or as ``{outcome: Studies}``. Further columns are moderators. Without data only what needs none is checked.
    printed : DataFrame or mapping of DataFrames
        The printed figures, one row per result; several tables by name. Columns, all of them optional: ``outcome``;
        ``subgroup_variable`` and ``subgroup_level``, or ``subgroup`` ("regimen: TKI"); ``k``, ``events``, ``n``;
        ``estimate``, ``lower``, ``upper``, ``i2`` (fractions; with the ending ``_pct`` per cents), ``q``, ``q_pvalue``,
        ``tau2``; ``egger_pvalue``, ``begg_pvalue``; of two arms ``<arm>_events``, ``<arm>_n``, ``<arm>_pct`` and
        ``pvalue``; items ``q1``, ``q2``, ... and ``total``. Another column whose cells all occur in the data's column
        of that name, such as ``grade``, tells rows of one outcome apart; the others are named in `notes`. A cell of
        text has the decimals that are written, and may be "<0.001"; numbers have those of the longest in their column.
    tau2_methods, ci_methods : sequence of str
        Estimators and intervals to search, by the names of `pool_many`.
    on_bad : {"raise", "drop"}
        What is done about bad rows of the data, as in `Studies.from_frame`.
    source : str
        What messages call the data.
    **roles
        The columns of the data, as in `Studies.from_frame`; and ``measure`` (metafor's codes): search this one only,
        or, without data, what is printed: "HR", "OR" and other ratios have their limits compared on the log scale.

    Returns
    -------
    Audit
        Frames ``conventions``, ``figures`` and ``faults``.

    Raises
    ------
    DataError
        If the tables hold nothing to compare, rows of the data are bad or doubled, or a column's name is misspelt, or
        it holds proportions where its name says per cents, or the other way round.
    SpecError
        If an option is unknown.

    Notes
    -----
    A figure is explained if the recomputed value lies in its rounding interval, half a unit of the last digit either
    way, both ends included. Limits of proportions may be cut at 0 and 1 or not; a single study may print its own
    interval; I2 may be that of Q or of tau2. The best convention must explain three quarters of the figures; what it
    leaves, and what contradicts itself, are faults. Relations between figures (a centre, I2 and P) carry the rounding
    of both sides. A per cent of one study (k = 1) with its n must be that of a count: leave out n for survival rates of
    Kaplan-Meier curves. What lies within rounding cannot be found, nor a change that turns one form into another.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> data = bm.load_dataset("blinatumomab_cr")
    >>> printed = pd.DataFrame({"k": [10], "estimate_pct": [87], "lower_pct": [87], "upper_pct": [95], "i2_pct": [77]})
    >>> found = audit(data, printed, events="events", n="n")
    >>> found.faults[["column", "printed", "should_be", "kind"]]
          column printed should_be     kind
    0  lower_pct      87        78  differs
    """
    tables, columns, measure = _tables(printed), dict(roles), roles.get("measure")
    of_estimates = measure is not None and get_measure(measure).data == "estimates"
    if measure is not None and not of_estimates:
        del columns["measure"]
    conventions: tuple[Convention, ...] = ()
    if studies is None:
        compared = [Compared(row, (), None, "", {}) for t in tables for row in t.rows]
    else:
        data = audit_data(studies, on_bad=on_bad, source=source, roles=columns)
        conventions = _conventions(data, tables, tau2_methods, ci_methods, measure)
        recomputer = Recomputer(data, conventions)
        compared = [row for table in tables for row in recomputer.compare(table)]
        _refuse_nothing(data, compared)
    return judge(tables, compared, conventions, measure=measure)


def judge(
    tables: Sequence[PrintedTable],
    compared: Sequence[Compared],
    conventions: Sequence[Convention],
    *,
    measure: str | None = None,
) -> Audit:
    """Return the audit of rows that have been recomputed; the options are those of `audit`."""
    if conventions:
        check_units(compared, conventions[0].code)
    found = match(compared, conventions)
    natural = _natural(compared, conventions, found, measure)
    left = {id(row): left_over(row, found) for row in compared if row.forms and found.best}
    findings = settled(_findings(tables, compared, found, natural), left)
    places = {id(row): i for i, row in enumerate(compared)}
    findings.sort(key=lambda finding: places[id(finding.compared)])
    scores = found.table["explained"].tolist()
    below = [score for score in scores if score < scores[0]] if scores else []
    return Audit(
        conventions=found.table,
        figures=_figures(compared, found),
        faults=_faults(findings),
        best=found.winner.title if found.winner is not None else "",
        margin=scores[0] - below[0] if below else 0,
        notes=tuple(_notes(tables, compared, found, natural)),
    )


def _tables(printed: pd.DataFrame | Mapping[str, pd.DataFrame]) -> list[PrintedTable]:
    named = printed if isinstance(printed, Mapping) else {"printed": printed}
    if not named:
        raise DataError("there is no printed table; give a DataFrame, or a mapping of names to DataFrames.")
    return [read_printed(frame, str(name)) for name, frame in named.items()]


def _conventions(
    data: AuditData,
    tables: Sequence[PrintedTable],
    tau2_methods: Iterable[str],
    ci_methods: Iterable[str],
    measure: str | None,
) -> tuple[Convention, ...]:
    """Return what is searched, for studies of the kind of the first row that has some."""
    rows = ((row, data.keys_of(table)) for table in tables for row in table.rows)
    studies = next((s for row, keys in rows if not data.missing(row) and (s := data.studies_of(row, keys))), None)
    if studies is None:
        return ()
    searched = conventions_for(studies, tau2_methods, ci_methods)
    if measure is None:
        return searched
    chosen = tuple(c for c in searched if c.transformation.measure == get_measure(measure).code)
    if not chosen:
        allowed = ", ".join(dict.fromkeys(c.transformation.measure for c in searched))
        raise SpecError(f"measure={measure!r} is not searched for {studies.kind}; allowed: {allowed}.")
    return chosen


def _refuse_nothing(data: AuditData, compared: Sequence[Compared]) -> None:
    first = next((row for row in compared if row.why_not), None)
    if first is not None and not any(row.studies is not None for row in compared):
        more = f" and {len(data.outcomes) - SHOWN} more" if len(data.outcomes) > SHOWN else ""
        known = (listed(filter(None, data.outcomes[:SHOWN])) or "none named") + more
        raise DataError(f"no printed row has data: {first.row.place}: {first.why_not}; outcomes: {known}.")


def _natural(compared: Sequence[Compared], conventions: Sequence[Convention], found: Match, measure: str | None) -> str:
    """Return what is pooled: "proportion", "ratio", or "" for a quantity without bounds, or unknown."""
    records = [link_record(c) for c in ((found.winner,) if found.winner is not None else conventions)]
    if not records and measure is not None:
        records = [get_measure(measure)]
    if records:
        kinds = {"proportion" if one.estimand is not None else LINKS[one.link].natural for one in records}
        return kinds.pop() if len(kinds) == 1 else ""
    estimates = [row.row.figures["estimate"] for row in compared if "estimate" in row.row.figures]
    return "proportion" if any(figure.factor != 1.0 for figure in estimates) else ""


def _findings(
    tables: Sequence[PrintedTable], compared: Sequence[Compared], found: Match, natural: str
) -> Iterator[Finding]:
    by_row = {id(row.row): row for row in compared}
    for table in tables:
        for place, column, cell in table.unreadable:
            role = next(role for role, name in place.columns.items() if name == column)
            yield Finding(by_row[id(place)], (role,), "unreadable", f"{cell} is no number")
    yield from differences(compared, found)
    checks = (
        internal.out_of_order, internal.impossible_i2, internal.impossible_counts, internal.wrong_percentages,
        internal.wrong_totals, internal.against_the_data, wrong_pvalues,
    )  # fmt: skip
    for row in compared:
        yield from internal.out_of_range(row, natural)
        yield from chain.from_iterable(check(row) for check in checks)
    link = link_record(found.winner).link if found.winner is not None else None
    if link is None or not LINKS[link].takes_n:
        yield from off_centre(compared, natural, link)
    yield from contradictory_i2(compared, is_explained=found.winner is not None)
    for table in tables:
        yield from internal.sums_of_subgroups([row for row in compared if row.row.table == table.name])
    yield from wrong_small_study(compared)


def _figures(compared: Sequence[Compared], found: Match) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for row in compared:
        left = left_over(row, found) if found.best else []
        for role, figure in row.figures.items():
            value = shown_value(row, role, found.winner) if found.winner is not None else float("nan")
            status = "no data" if not row.forms else "not judged" if not found.best else (
                "differs" if role in left else "explained"
            )  # fmt: skip
            recomputed = value * figure.factor
            rows.append((*_place(row), row.row.columns[role], figure.text, recomputed, status))
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def _faults(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per figure, or set of figures, with all its reasons."""
    grouped: dict[tuple[tuple[int, ...], tuple[str, ...]], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((tuple(map(id, finding.rows)), finding.roles), []).append(finding)
    rows = []
    for (_, roles), group in grouped.items():
        row, concerned = group[0].compared, [compared.row for compared in group[0].rows]
        printed = ", ".join(
            one.figures[role].text if role in one.figures else "" for one in concerned for role in roles
        )
        columns = ", ".join(row.row.columns[role] for role in roles)
        expected = next((finding.expected for finding in group if finding.expected), "")
        reasons = "; ".join(dict.fromkeys(finding.reason for finding in group))
        table, _, outcome, subgroup = _place(row)
        names = ", ".join(one.row for one in concerned)
        rows.append((table, names, outcome, subgroup, columns, printed, expected, group[0].kind, reasons))
    return pd.DataFrame(rows, columns=list(FAULT_COLUMNS))


def _repeated(table: PrintedTable) -> Iterator[str]:
    """Yield which rows of a table are of the same outcome and subgroup."""
    rows: dict[tuple[object, ...], list[str]] = {}
    for row in table.rows:
        if row.outcome or row.level:
            mark = (row.outcome, row.variable, row.level, row.is_between, *row.others.values())
            rows.setdefault(mark, []).append(row.row)
    for names in rows.values():
        if len(names) > 1:
            yield f"{table.name}: {', '.join(names)} print the same outcome and subgroup"


def _place(row: Compared) -> tuple[str, str, str, str]:
    return row.row.table, row.row.row, row.row.outcome, row.group


def _notes(tables: Sequence[PrintedTable], compared: Sequence[Compared], found: Match, natural: str) -> Iterator[str]:
    if found.winner is None and len(found.table) and found.table["figures"].iloc[0]:
        yield (
            "no convention that was searched explains three quarters of the figures: the print follows another, or "
            "other data; differences from the data are not listed as faults"
        )
    tied = [convention.code for convention in found.best[1:]]
    if tied:
        yield f"as many figures are explained by {', '.join(tied)}"
    for table in tables:
        keys = {key for row in compared if row.row.table == table.name for key in row.keys}
        if unread := [name for name in table.others if name not in keys]:
            yield f"{table.name}: columns that were not read: {', '.join(unread)}"
        yield from _repeated(table)
    reasons: dict[str, list[str]] = {}
    for row in compared:
        if row.why_not:
            reasons.setdefault(row.why_not, []).append(f"{row.row.table}, {row.row.row}")
    for reason, places in reasons.items():
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        yield f"not recomputed: {'; '.join(places[:3])}{more}: {reason}"
    dropped = [row.studies.dropped for row in compared if row.studies is not None and len(row.studies.dropped)]
    if dropped:
        refused = pd.concat(dropped).drop_duplicates()
        first = refused.iloc[0]
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        yield f"refused rows of the data: row {first['row']}, study {first['study']!r}: {first['reason']}{more}"
    choice = small_study_choice(compared)
    if choice is not None:
        way, form, hits, total = choice
        yield f"tests of Egger and Begg: {hits} of {total} P-values by {way.title}, Begg's {form}"
    has_limits = any({"estimate", "lower", "upper"} & row.row.figures.keys() for row in compared)
    if natural == "" and has_limits:
        yield "what is printed is taken for neither a proportion nor a ratio; give measure= if it is one"
