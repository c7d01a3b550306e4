"""``bayesmeta init``: what does an analysis file look like, to begin with?"""

import shlex
from pathlib import Path

import click


@click.command("init", short_help="Write an analysis file to begin with.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option("--example", metavar="NAME", help="Which example [default: complete-remission]; `bayesmeta demo --list`.")
def init_command(*, folder: Path, example: str | None) -> None:
    """Write a commented analysis.toml and the files it reads into DIR, by default the current folder.

    No file is replaced.
    """
    from bayesmeta.report.examples import FIRST, copy_example

    analysis, *others = copy_example(folder, FIRST if example is None else example)
    for path in (analysis, *others):
        click.echo(path)
    click.echo(f"Run it: bayesmeta run {shlex.quote(str(analysis))}", err=True)
