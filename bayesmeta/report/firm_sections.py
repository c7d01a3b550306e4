"""How is it told how firm an answer is: other priors, studies left out, small-study tests, others' printed figures?"""

from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta.effects.links import LINKS
from bayesmeta.plots.forest_fits import link_of
from bayesmeta.report.estimands import HEADLINES, headline, meanings_of
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.printed import ALL
from bayesmeta.report.shown import Shown
from bayesmeta.tables.numbers import number_texts

MOST_SHOWN: Final = 12
"""Pairs of priors in the table of the report; the file has all."""
_WHICH: Final = (
    "A pool of raw proportions (PR) answers to p\\_mean, a back-transformed one to p\\_median: compare like with like."
)


def prior_section(shown: Shown) -> str:
    """Return the estimates under other priors; nothing if none were tried."""
    table = shown.results.checks.sensitivity
    if table is None:
        return ""
    parameter = headline(table["parameter"])
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
    head = ["prior of mu", "prior of tau", f"{_column(shown, parameter)}, {shown.percent} CrI", "shift"]
    tau_words = ""
    if len(of_tau):
        low, high = number_texts([of_tau["median"].min(), of_tau["median"].max()], digits=2)
        tau_words = f" The posterior median of tau goes from {low} to {high}."
    lead = (
        f"{len(rows)} pairs of priors, the analysis' own first. {_told([parameter])}Shift is that of the posterior "
        f"mean of {_named(shown, parameter)}, in posterior SDs. The largest is {shifts.max():.2f}.{tau_words} "
        "`sensitivity.csv` has all pairs and quantities."
    )
    table_text = markdown_table(head, [[*cells[i][:3], _signed(cells[i][3])] for i in chosen], right=["shift"])
    few = "" if len(chosen) == len(rows) else f"Shown: the first, and the {len(chosen) - 1} that move the answer most."
    return "\n\n".join(filter(None, [lead, table_text, few]))


def left_out_section(shown: Shown) -> str:
    """Return the estimate without each study, by each fit that needs no sampling; nothing if none was left out."""
    table = shown.results.checks.leave_one_out
    if table is None:
        return ""
    studies = list(dict.fromkeys(table["study"]))
    of_fits = {str(name): rows for name, rows in table.groupby("name", sort=False)}
    wanted = {headline(rows["parameter"]) for rows in of_fits.values()}
    columns: dict[str, list[str]] = {}
    lines = []
    for name, of_fit in of_fits.items():
        for parameter in (each for each in HEADLINES if each in wanted & set(of_fit["parameter"])):
            rows = of_fit[of_fit["parameter"] == parameter].set_index("study")
            columns[f"{shown.method(name)}: {_column(shown, parameter)}"] = _left_out_cells(
                shown, name, parameter, rows.loc[studies]
            )
            lines.append(_most_influential(shown, name, parameter, rows))
    body = [[study, *(column[i] for column in columns.values())] for i, study in enumerate(studies)]
    told = _told([each for each in HEADLINES if each in wanted])
    lead = f"The estimate with {shown.percent} interval, without each study. {told}".rstrip()
    return "\n\n".join([lead, markdown_table(["without", *columns], body, right=list(columns)), markdown_list(lines)])


def _left_out_cells(shown: Shown, name: str, parameter: str, rows: pd.DataFrame) -> list[str]:
    """Return estimate and interval without each study, "none" where there is no answer."""
    point = "estimate" if "estimate" in rows and rows["estimate"].notna().any() else "median"
    point = "mean" if point == "median" and parameter == "p_mean" else point
    values = rows[[point, "lower", "upper"]].to_numpy(dtype=np.float64)
    return [_natural_cell(shown, name, parameter, *each) or "none" for each in values]


def _most_influential(shown: Shown, name: str, parameter: str, rows: pd.DataFrame) -> str:
    shift = rows["shift"].dropna()
    method = escaped(shown.method(name))
    if shift.empty:
        return f"{method}: without a study there is no answer."
    place = int(shift.abs().to_numpy().argmax())
    what = _named(shown, parameter)
    return f"{method}: {what} moves most without {escaped(shift.index[place])}, by {_signed(shift.iloc[place])} SD."


def small_study_section(shown: Shown) -> str:
    """Return the tests for small-study effects; nothing if there are none."""
    table = shown.results.checks.small_study
    if table is None:
        return ""
    rows = [
        [row.test, row.model, row.predictor, _or_blank(row.bias), _pvalue(row.pvalue)]
        for row in table.itertuples(index=False)
    ]
    grid = markdown_table(
        ["test", "form", "predictor", "slope or Kendall's tau", "P"], rows, right=["slope or Kendall's tau", "P"]
    )
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
    """Return others' printed figures beside each summary estimate of each fit; nothing if there are none."""
    printed = shown.results.printed
    if printed is None:
        return ""
    choice = shown.results.analysis.printed
    fits = [name for name in shown.results.fits if name != "nuts"]
    beside = [(name, parameter) for name in fits for parameter in _summaries(shown, name)]
    rows = []
    row: Any
    for row in printed.itertuples(index=False):
        own = [computed_cell(shown, *each, str(row.variable), str(row.level)) for each in beside]
        rows.append([row.variable, row.level, shown.printing.cell(row.estimate, row.lower, row.upper), *own])
    who = choice.source if choice is not None and choice.source else "others"
    parameters = [parameter for _, parameter in beside]
    lead = f"As printed by {escaped(who)}, beside the figures computed here. {_told(parameters)}"
    lead += _WHICH if {"p_median", "p_mean"} <= set(parameters) else ""
    columns = [f"{shown.method(name)}: {_column(shown, parameter)}" for name, parameter in beside]
    head = ["variable", "level", f"printed{shown.unit}", *columns]
    return "\n\n".join([lead.rstrip(), markdown_table(head, rows, right=head[2:])])


def computed_cell(shown: Shown, name: str, parameter: str, variable: str, level: str) -> str:
    """Return an estimate of a fit for all studies or a level of a subgroup; empty if it was not computed."""
    if (variable, level) == ALL:
        rows = shown.pooled(name)
        found = rows[(rows["kind"] == "summary") & (rows["parameter"] == parameter)]
        return shown.cell(found.iloc[0]) if len(found) else ""
    table = shown.results.subgroups
    if table is None:
        return ""
    found = table[(table["name"] == name) & (table["variable"] == variable) & (table["level"].astype(str) == level)]
    found = found[found["estimate"].notna() & (found["parameter"] == parameter)]
    return "" if found.empty else _natural_cell(shown, name, parameter, *found.iloc[0][["estimate", "lower", "upper"]])


def _summaries(shown: Shown, name: str) -> list[str]:
    """Return the estimands of a fit's summary, the headline first."""
    rows = shown.pooled(name)
    there = set(rows.loc[rows["kind"] == "summary", "parameter"])
    return [parameter for parameter in HEADLINES if parameter in there]


def _column(shown: Shown, parameter: str) -> str:
    """Return what heads a column of one estimand."""
    return shown.noun if parameter == "mu" else f"{parameter}{shown.unit}"


def _named(shown: Shown, parameter: str) -> str:
    """Return what an estimand is called in a sentence; the mean effect of ratios is that of their logarithms."""
    of_log = f"mu, the log {shown.noun}" if shown.title == "Ratio" else "mu"
    return escaped(of_log if parameter == "mu" else parameter)


def _told(parameters: list[str]) -> str:
    """Return which estimands are shown, as a sentence and a blank; nothing where there is but one kind."""
    words = meanings_of(parameters)
    return f"Shown: {words}. " if words else ""


def missing_lines(shown: Shown) -> list[str]:
    """Return which checks and figures there are not, and why, as sentences."""
    results = shown.results
    return [escaped(text) for text in (*results.checks.missing, *(results.figures.missing if results.figures else ()))]


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
