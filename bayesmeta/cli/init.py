"""``bayesmeta init``: what does an analysis file look like, to begin with?"""

import shlex
from pathlib import Path

import click


@click.command("init", short_help="Write an analysis file to begin with.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
def init_command(*, folder: Path) -> None:
    """Write a commented analysis.toml and the CSV file it reads into DIR, by default the current folder.

    No file is replaced.
    """
    from bayesmeta.report.examples import copy_example

    analysis, *others = copy_example(folder)
    for path in (analysis, *others):
        click.echo(path)
    click.echo(f"Run it: bayesmeta run {shlex.quote(str(analysis))}", err=True)
