"""``bayesmeta audit``: which convention explains printed results, and which figures cannot be right?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.data_options import bundled, data_options, on_bad_option
from bayesmeta.cli.output import csv_text, format_option, json_text, say

if TYPE_CHECKING:
    import pandas as pd

    from bayesmeta.review.audit import Audit


@click.command("audit", short_help="Which convention explains printed results; which figures cannot be right?")
@data_options
@click.option(
    "--printed", multiple=True, metavar="RESULTS.csv", help="Table of printed results; may be given several times."
)
@click.option("--recover", is_flag=True, help="DATA is a table of printed per cents: list the counts behind each.")
@click.option("--alone", is_flag=True, help="DATA is a printed table: check what needs no data.")
@click.option(
    "--interval",
    metavar="NAME",
    help="With --recover: kind of the printed intervals, such as clopper-pearson [default: any].",
)
@click.option(
    "--tau2-methods", default="DL,REML,EE", show_default=True, metavar="CODES", help="Estimators of tau2 to search."
)
@on_bad_option
@format_option
def audit_command(
    *, data: str, printed: tuple[str, ...], recover: bool, alone: bool, interval: str | None, tau2_methods: str,
    on_bad: Any, form: str, **columns: Any,
) -> None:  # fmt: skip
    """Recompute printed results from DATA under the known conventions, and list the figures that cannot be right.

    DATA is in long form: one row per study and outcome, with a column outcome if there are several, and the columns of
    subgroups. The CSV format holds the faults alone. Exit status 1 if there is a fault.

    \b
    bayesmeta audit counts.csv --events responders --n treated --printed table2.csv
    bayesmeta audit hazard-ratios.csv --alone --measure HR
    bayesmeta audit table1.csv --recover --interval wilson
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.errors import SpecError

    if sum((recover, alone, bool(printed))) != 1:
        raise SpecError("give one: --printed RESULTS.csv with the data, or --recover or --alone for a printed table.")
    if recover:
        _recover(data, interval, form)
        return
    if interval is not None:
        raise SpecError("--interval is for --recover; an audit searches the conventions by itself.")
    from bayesmeta.review.audit import audit

    roles = _roles(columns)
    tables = {Path(name).name: _printed(name) for name in (printed or (data,))}
    methods = [code.strip() for code in tau2_methods.split(",") if code.strip()]
    studies = None if alone else _data(data, roles)
    found = audit(studies, tables, tau2_methods=methods, on_bad=on_bad, source=Path(data).name, **roles)
    click.echo(_text(found, form))
    if not found.is_clean:
        count = len(found.faults)
        say([f"Error: {count} fault{'s' if count > 1 else ''} found; see the list."])
        sys.exit(1)


def _roles(columns: dict[str, Any]) -> Any:
    """Return the options of the data; a measure of counts restricts the search."""
    from bayesmeta.cli.data_options import roles_from

    return roles_from(columns, columns.pop("measure", None))


def _data(data: str, roles: Any) -> "pd.DataFrame":
    from bayesmeta.data.read import DATA_COLUMNS, LABEL_COLUMNS, read_csv

    frame = bundled(data)
    if frame is not None:
        return frame
    named = [name for value in roles.values() for name in (value if isinstance(value, tuple) else (value,))]
    return read_csv(data, text=(*LABEL_COLUMNS, *DATA_COLUMNS, *(name for name in named if isinstance(name, str))))


def _printed(name: str) -> "pd.DataFrame":
    """Return a table of printed results, its cells as text where a file keeps their last zeros."""
    from bayesmeta.data.read import read_csv

    frame = bundled(name)
    return frame if frame is not None else read_csv(name, text=tuple(read_csv(name).columns))


def _text(found: "Audit", form: str) -> str:
    if form == "csv":
        return csv_text(found.faults, index=False)
    if form == "table":
        return str(found)
    from bayesmeta.tables.records import frame_records

    frames = {name: frame_records(getattr(found, name)) for name in ("conventions", "figures", "faults")}
    return json_text({"best": found.best, "margin": found.margin, **frames, "notes": list(found.notes)})


def _recover(data: str, interval: str | None, form: str) -> None:
    from bayesmeta.cli.output import frame_text
    from bayesmeta.review.recover import IMPOSSIBLE, recover_counts
    from bayesmeta.tables.render import render_table

    found = recover_counts(_printed(data), interval=interval)
    click.echo(render_table(found) if form == "table" else frame_text(found, form))
    impossible = found[found["status"] == IMPOSSIBLE]
    if len(impossible):
        first = impossible.iloc[0]
        count = f"{len(impossible)} printed figure{'s' if len(impossible) > 1 else ''} that no count gives"
        say([f"Error: {count}; the first is {first['printed']} in {first['row']}."])
        sys.exit(1)
