"""``bayesmeta check``: what is wrong with the data, row by row?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.data_options import check_data, data_options, load_studies, roles_from, split_measure
from bayesmeta.cli.output import format_option, frame_text, say

if TYPE_CHECKING:
    from bayesmeta.data.columns import Roles


@click.command("check", short_help="Say what is wrong with the data, row by row.")
@data_options
@format_option
def check_command(*, data: str, measure: str | None, form: str, **columns: Any) -> None:
    """Say what is wrong with DATA, a CSV file with one row per study, row by row.

    Prints one line for each problem. An error keeps a study out of the analysis; a warning is for a second
    look. Exit status 1 if there is an error.
    """
    from bayesmeta.data.check import count_problems

    of_estimates, _ = split_measure(measure)
    roles = roles_from(columns, of_estimates)
    problems = check_data(data, roles)
    has_errors = bool((problems["kind"] == "error").any())
    verdict = count_problems(problems) if has_errors else f"{count_problems(problems)}, {_size(data, roles)}"
    if form != "table":
        click.echo(frame_text(problems, form))
    elif len(problems):
        from bayesmeta.tables.render import render_table

        word = "line" if Path(data).exists() else "row"
        click.echo(render_table(problems.rename(columns={"row": word})))
    if has_errors:
        say([f"Error: {Path(data).name}: {verdict}."])
        sys.exit(1)
    click.echo(f"{Path(data).name}: {verdict}.", err=form != "table")


def _size(data: str, roles: "Roles") -> str:
    """Return what would be analysed."""
    studies = load_studies(data, roles)
    word = "study" if studies.k == 1 else "studies"
    return f"{studies.k} {word}, {studies.totals}"
