"""How is it told how firm an answer is: other priors, studies left out, small-study tests, others' printed figures?"""

from typing import Any, Final

import pandas as pd

from bayesmeta.effects.links import LINKS
from bayesmeta.plots.forest_fits import link_of
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.printed import ALL
from bayesmeta.report.shown import Shown
from bayesmeta.tables.numbers import number_texts

_HEADLINES: Final = ("p_median", "p_mean", "mu")
MOST_SHOWN: Final = 12
"""Pairs of priors in the table of the report; the file has all."""


def prior_section(shown: Shown) -> str:
    """Return the estimates under other priors; nothing if none were tried."""
    table = shown.results.checks.sensitivity
    if table is None:
        return ""
    parameter = _headline(table)
    rows = table[table["parameter"] == parameter].reset_index(drop=True)
    of_tau = table[table["parameter"] == "tau"].reset_index(drop=True)
    point = "mean" if parameter == "p_mean" else "median"
    cells = [
        [
            row.mu,
            row.tau,
            _natural_cell(shown, "exact", parameter, getattr(row, point), row.lower, row.upper),
            row.shift,
        ]
        for row in rows.itertuples(index=False)
    ]
    shifts = rows["shift"].abs()
    chosen = [0, *sorted(shifts.iloc[1:].nlargest(MOST_SHOWN - 1).index)]
    head = ["prior of mu", "prior of tau", f"{parameter}, {shown.noun}, {shown.percent} CrI", "shift"]
    tau_words = ""
    if len(of_tau):
        low, high = number_texts([of_tau["median"].min(), of_tau["median"].max()], digits=2)
        tau_words = f" The posterior median of tau goes from {low} to {high}."
    lead = (
        f"{len(rows)} pairs of priors, the analysis' own first; shift is that of the posterior mean on its scale, in "
        f"posterior SDs. The largest is {shifts.max():.2f}.{tau_words} `sensitivity.csv` has all pairs and quantities."
    )
    table_text = markdown_table(head, [[*cells[i][:3], _signed(cells[i][3])] for i in chosen], right=["shift"])
    few = "" if len(chosen) == len(rows) else f"Shown: the first, and the {len(chosen) - 1} that move the answer most."
    return "\n\n".join(filter(None, [lead, table_text, few]))


def left_out_section(shown: Shown) -> str:
    """Return the estimate without each study, by each fit that needs no sampling; nothing if none was left out."""
    table = shown.results.checks.leave_one_out
    if table is None:
        return ""
    names = list(dict.fromkeys(table["name"]))
    studies = list(dict.fromkeys(table["study"]))
    columns: dict[str, list[str]] = {}
    lines = []
    for name in names:
        of_fit = table[table["name"] == name]
        parameter = _headline(of_fit)
        rows = of_fit[of_fit["parameter"] == parameter].set_index("study")
        point = "estimate" if "estimate" in rows and rows["estimate"].notna().any() else "median"
        point = "mean" if point == "median" and parameter == "p_mean" else point
        cells = [
            _natural_cell(shown, name, parameter, *rows.loc[study, [point, "lower", "upper"]]) or "none"
            for study in studies
        ]
        columns[f"{shown.method(name)}: {parameter}"] = cells
        lines.append(_most_influential(shown, name, rows))
    body = [[study, *(column[i] for column in columns.values())] for i, study in enumerate(studies)]
    lead = f"The {shown.noun} with {shown.percent} interval, without each study."
    return "\n\n".join([lead, markdown_table(["without", *columns], body, right=list(columns)), markdown_list(lines)])


def _most_influential(shown: Shown, name: str, rows: pd.DataFrame) -> str:
    shift = rows["shift"].dropna()
    method = escaped(shown.method(name))
    if shift.empty:
        return f"{method}: without a study there is no answer."
    place = int(shift.abs().to_numpy().argmax())
    return f"{method}: it moves most without {escaped(shift.index[place])}, by {_signed(shift.iloc[place])} SD."


def small_study_section(shown: Shown) -> str:
    """Return the tests for small-study effects; nothing if there are none."""
    table = shown.results.checks.small_study
    if table is None:
        return ""
    rows = [
        [row.test, row.model, row.predictor, _or_blank(row.bias), _pvalue(row.pvalue)]
        for row in table.itertuples(index=False)
    ]
    grid = markdown_table(["test", "form", "predictor", "slope or tau", "P"], rows, right=["slope or tau", "P"])
    tests_of: dict[str, dict[str, None]] = {}
    for test, cell in table[["test", "note"]].itertuples(index=False):
        for note in filter(None, str(cell).split("; ")):
            tests_of.setdefault(note, {})[test] = None
    notes = [f"{escaped(', '.join(tests))}: {escaped(note)}." for note, tests in tests_of.items()]
    caution = (
        "Small studies may differ from large ones for other reasons than what was left unpublished: other patients, "
        "other methods, chance."
    )
    return "\n\n".join([caution, grid, markdown_list(notes)])


def printed_section(shown: Shown) -> str:
    """Return others' printed figures beside those of each fit; nothing if there are none."""
    printed = shown.results.printed
    if printed is None:
        return ""
    choice = shown.results.analysis.printed
    methods = {name: _with_quantity(shown, name) for name in shown.results.fits if name != "nuts"}
    rows = []
    row: Any
    for row in printed.itertuples(index=False):
        own = [computed_cell(shown, name, str(row.variable), str(row.level)) for name in methods]
        rows.append([row.variable, row.level, shown.printing.cell(row.estimate, row.lower, row.upper), *own])
    who = choice.source if choice is not None and choice.source else "others"
    lead = f"As printed by {escaped(who)}, beside the figures computed here."
    head = ["variable", "level", "printed", *methods.values()]
    return "\n\n".join([lead, markdown_table(head, rows, right=head[2:])])


def computed_cell(shown: Shown, name: str, variable: str, level: str) -> str:
    """Return the figure of a fit for all studies or a level of a subgroup; empty if it was not computed."""
    if (variable, level) == ALL:
        rows = shown.pooled(name)
        summary = rows[rows["kind"] == "summary"]
        return shown.cell(summary.iloc[0]) if len(summary) else ""
    table = shown.results.subgroups
    if table is None:
        return ""
    found = table[(table["name"] == name) & (table["variable"] == variable) & (table["level"].astype(str) == level)]
    found = found[found["estimate"].notna() & found["parameter"].isin(_HEADLINES)]
    if found.empty:
        return ""
    first = found[found["parameter"] == _headline(found)].iloc[0]
    return _natural_cell(shown, name, str(first["parameter"]), first["estimate"], first["lower"], first["upper"])


def _with_quantity(shown: Shown, name: str) -> str:
    """Return what a fit is called, and what the figure beside the printed one is."""
    rows = shown.pooled(name)
    parameter = rows.loc[rows["kind"] == "summary", "parameter"].iloc[0]
    return f"{shown.method(name)}: {shown.noun if parameter == 'mu' else parameter}"


def missing_lines(shown: Shown) -> list[str]:
    """Return which checks and figures there are not, and why, as sentences."""
    results = shown.results
    return [escaped(text) for text in (*results.checks.missing, *(results.figures.missing if results.figures else ()))]


def _headline(table: pd.DataFrame) -> str:
    there = set(table["parameter"])
    return next(name for name in _HEADLINES if name in there)


def _natural_cell(shown: Shown, name: str, parameter: str, *values: Any) -> str:
    """Return estimate and interval on the natural scale, as the report prints them."""
    fit = shown.results.fits[name]
    numbers = [float(value) for value in values]
    if parameter == "mu":
        numbers = [float(LINKS[link_of(fit)].inverse(value)) for value in numbers]
    return shown.printing.cell(*numbers)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _or_blank(value: Any) -> str:
    return "" if pd.isna(value) else number_texts([value], digits=3)[0]


def _pvalue(value: Any) -> str:
    if pd.isna(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
