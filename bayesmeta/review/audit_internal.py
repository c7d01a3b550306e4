"""Which printed figures cannot be right whatever the data: ranges, order, per cents, sums?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from bayesmeta.review.audit_cells import SLACK
from bayesmeta.review.audit_finding import Finding
from bayesmeta.review.audit_match import Compared
from bayesmeta.review.recover import LARGEST_N, counts_behind

FRACTIONS: Final = ("i2", "q_pvalue", "pvalue", "egger_pvalue", "begg_pvalue")
"""Figures between 0 and 1, whatever is pooled."""
LIMITED: Final = ("estimate", "lower", "upper")
COUNTED: Final = ("k", "events", "n")
"""Columns of which the levels of a subgroup add up to no more than the whole."""


def out_of_range(row: Compared, natural: str) -> Iterator[Finding]:
    """Yield figures outside what is possible; `natural` is "proportion", "ratio" or "" for the pooled scale."""
    top = 1.0 if natural == "proportion" else float("inf")
    bounds = dict.fromkeys(FRACTIONS, (0.0, 1.0))
    if natural:
        bounds |= dict.fromkeys(LIMITED, (0.0, top))
    for role, (low, high) in bounds.items():
        figure = row.row.figures.get(role)
        if figure is None or figure.meets(low, high):
            continue
        end = low if figure.value < low else high
        yield Finding(
            row, (role,), "outside-range", f"{figure.text} lies beyond {figure.printed_as(end)}", figure.printed_as(end)
        )
    if "k" in row.row.figures and row.row.figures["k"].high < 1.0:
        yield Finding(row, ("k",), "outside-range", f"k = {row.row.figures['k'].text} studies")
    for role in ("q", "tau2"):
        if role in row.row.figures and row.row.figures[role].high < 0.0:
            yield Finding(row, (role,), "outside-range", f"{row.row.figures[role].text} is negative")


def out_of_order(row: Compared) -> Iterator[Finding]:
    """Yield limits in the wrong order, and estimates outside them."""
    names = [role for role in ("lower", "estimate", "upper") if role in row.row.figures]
    for low, high in pairwise(names):
        first, second = row.row.figures[low], row.row.figures[high]
        if first.low > second.high + SLACK * second.half:
            yield Finding(row, (low, high), "order", f"{low} {first.text} is above {high} {second.text}")


def impossible_i2(row: Compared) -> Iterator[Finding]:
    """Yield an I2 above 0 of a single study, where Q and its degrees of freedom are 0."""
    figure = row.row.figures.get("i2")
    if row.k == 1 and figure is not None and figure.low > 0.0:
        reason = f"I2 = {figure.text} of one study, which has no heterogeneity"
        yield Finding(row, _with_k(row, "i2"), "i2-single", reason, "0" if row.studies is not None else "")


def _with_k(row: Compared, role: str) -> tuple[str, ...]:
    """Return a figure that is judged as that of one study, with the printed k where no data say that it is one."""
    return (role,) if row.studies is not None else ("k", role)


def wrong_percentages(row: Compared) -> Iterator[Finding]:
    """Yield per cents of one study, or of an arm, that are not those of the counts beside them."""
    figures = row.row.figures
    triples = [(f"{arm}_pct", f"{arm}_events", f"{arm}_n") for arm in row.row.arms()]
    if row.k == 1:
        triples.append(("estimate", "events", "n"))
    for percent, events, n in triples:
        if percent not in figures or n not in figures or not figures[n].value >= 1.0:
            continue
        figure, size = figures[percent], figures[n].value
        if events in figures:
            share = figures[events].value / size
            corrected = (figures[events].value + 0.5) / (size + 1.0)  # a pool of one may print it
            if not figure.holds(share) and not (percent == "estimate" and figure.holds(corrected)):
                reason = f"{figures[events].text}/{figures[n].text} is {figure.printed_as(share)}"
                roles = _with_k(row, percent) if percent == "estimate" else (percent,)
                yield Finding(row, roles, "percentage", reason, figure.printed_as(share))
        elif size <= LARGEST_N and size.is_integer() and not len(counts_behind(figure, np.array([size]))[0]):
            near = round(figure.value * size)
            tries = [r for r in (near - 1, near, near + 1) if 0 <= r <= size]
            options = ", ".join(f"{r}/{size:g} is {figure.printed_as(r / size)}" for r in tries)
            roles = _with_k(row, percent) if percent == "estimate" else (percent,)
            yield Finding(row, roles, "percentage", f"no count of {figures[n].text} gives it: {options}")


def impossible_counts(row: Compared) -> Iterator[Finding]:
    """Yield events above n, of the row and of each arm."""
    figures = row.row.figures
    for events, n in (("events", "n"), *((f"{arm}_events", f"{arm}_n") for arm in row.row.arms())):
        if events in figures and n in figures and figures[events].value > figures[n].value:
            yield Finding(row, (events, n), "sum", f"{figures[events].text} events exceed n = {figures[n].text}")


def wrong_totals(row: Compared) -> Iterator[Finding]:
    """Yield a total score that is not the sum of its items."""
    items = row.row.items()
    if items and "total" in row.row.figures:
        figure, total = row.row.figures["total"], sum(item.value for item in items.values())
        if not figure.holds(total):
            reason = f"the {len(items)} items sum to {total:g}"
            yield Finding(row, ("total",), "sum", reason, f"{total:g}")


def against_the_data(row: Compared) -> Iterator[Finding]:
    """Yield numbers of studies, events and patients that are not those of the data."""
    if row.studies is None or row.row.is_between:
        return
    truth = {"k": float(row.studies.k)}
    if row.studies.has_counts:
        truth |= {role: float(row.studies.data[role].sum()) for role in ("events", "n")}
    for role, value in truth.items():
        figure = row.row.figures.get(role)
        if figure is not None and not figure.holds(value):
            what = "the data have" if role == "k" else f"the {role} of the {row.studies.k} studies sum to"
            yield Finding(row, (role,), "k" if role == "k" else "sum", f"{what} {value:g}", f"{value:g}")


def sums_of_subgroups(rows: Sequence[Compared]) -> Iterator[Finding]:
    """Yield totals that the levels of a subgroup exceed, where the data do not tell which figure is wrong."""
    wholes = {(row.row.outcome, row.group): row for row in rows if not row.row.variable and not row.row.level}
    parts: dict[tuple[str, str, str], list[Compared]] = {}
    for row in rows:
        if row.row.variable and row.row.level:
            rest = row.group.removesuffix(row.row.subgroup).removesuffix(", ")
            parts.setdefault((row.row.outcome, rest, row.row.variable), []).append(row)
    for (outcome, rest, variable), levels in parts.items():
        whole = wholes.get((outcome, rest))
        if whole is None or all(row.studies is not None for row in (whole, *levels)):
            continue
        for role in COUNTED:
            having = [row for row in levels if role in row.row.figures]
            figures = [row.row.figures[role] for row in having]
            total = whole.row.figures.get(role)
            if total is not None and sum(figure.value for figure in figures) > total.value:
                shown = " + ".join(figure.text for figure in figures)
                reason = f"the levels of {variable} have {shown}, more than {total.text}"
                yield Finding(whole, (role,), "sum", reason, also=tuple(having))
