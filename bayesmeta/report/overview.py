"""What does a screen show of an analysis? The estimates side by side, and where to look for more."""

import os
from pathlib import Path

import pandas as pd

from bayesmeta.report.compute import Results
from bayesmeta.report.files import file_list
from bayesmeta.report.outcome_files import outcome_files, overview_rows
from bayesmeta.report.outcomes import Outcomes
from bayesmeta.report.shown import Shown
from bayesmeta.tables.render import printable, render_list, render_table

_SHOWN = ("report.", "forest-", "outcomes", "results.json")


def overview(results: Results | Outcomes) -> str:
    """Return the estimates of all fits as text, with what makes them unfit for use and where the files are.

    Parameters
    ----------
    results : Results
        The answers.

    Returns
    -------
    str
        Lines without a final line break.
    """
    if isinstance(results, Outcomes):
        head, cells, right = overview_rows(results)
        table = pd.DataFrame(cells, columns=head)
        return _text(results, render_table(table, right=right), outcome_files(results))
    shown = Shown(results)
    rows = []
    for name in results.fits:
        for row in shown.pooled(name).itertuples(index=False):
            rows.append((shown.method(name), row.label, shown.cell(row), row.interval))
        rows.append((shown.method(name), "Heterogeneity (tau)", shown.tau(name), shown.tau_scale(name)))
    table = pd.DataFrame(rows, columns=["method", "quantity", f"{shown.noun}, {shown.percent} interval", "kind"])
    return _text(results, render_table(table, right=table.columns[2:3]), file_list(results))


def _text(results: Results | Outcomes, table: str, files: dict[str, str]) -> str:
    """Return title, table, notes, and where the files are."""
    parts = [printable(results.analysis.title), *results.problems, table]
    if results.analysis.notes:
        parts.append(render_list(results.analysis.notes))
    if results.folder is not None:
        parts.append(_where(results.folder, files))
    return "\n\n".join(parts)


def _where(folder: Path, listed: dict[str, str]) -> str:
    files = {name: text for name, text in listed.items() if name.startswith(_SHOWN)}
    wide = max(map(len, files))
    lines = [f"  {name:<{wide}}  {text}" for name, text in files.items() if not name.endswith((".svg", ".pdf"))]
    return "\n".join([f"Look into {printable(folder)}{os.sep}", *lines])
