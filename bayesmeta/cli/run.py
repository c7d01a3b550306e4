"""``bayesmeta run``: what does a whole analysis say?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesmeta.cli.output import say

if TYPE_CHECKING:
    from bayesmeta.report.compute import Results
    from bayesmeta.report.outcomes import Outcomes

ANALYSIS = "analysis.toml"


@click.command("run", short_help="Run a whole analysis from one file.")
@click.argument("analysis", metavar="[ANALYSIS.toml]", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to make [default: the file's name with -results, in the current folder].",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier result in that folder; anything else is kept.")
@click.option("--quiet", is_flag=True, help="Show no progress and no notes.")
def run_command(*, analysis: str | None, out: Path | None, overwrite: bool, quiet: bool) -> None:
    """Run ANALYSIS.toml, by default analysis.toml: data, model, engines, subgroups and outputs in one file.

    Writes tables, figures, results.json and a report into a folder, which appears whole or not at all. Exit
    status 1 if sampling was interrupted or failed its checks; the folder is written all the same, and says so.

    \b
    bayesmeta init                   write an analysis.toml to begin with
    bayesmeta run                    run it into analysis-results
    bayesmeta run my.toml --out DIR
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.errors import SpecError
    from bayesmeta.report.run import run_analysis

    if analysis is None and not Path(ANALYSIS).exists():
        raise SpecError(f"there is no {ANALYSIS} here; name a file, or write one to begin with: bayesmeta init.")
    with without_screen():
        results = run_analysis(analysis or ANALYSIS, out=out, overwrite=overwrite, quiet=quiet or no_terminal())
    tell(results, quiet=quiet)


def no_terminal() -> bool:
    """Return whether a progress bar would only fill a log."""
    return not sys.stderr.isatty()


@contextmanager
def without_screen() -> Iterator[None]:
    """Draw without a screen, and let progress go to standard error, so that only results reach standard output."""
    import matplotlib as mpl

    mpl.use("Agg")
    with redirect_stdout(sys.stderr):
        yield


def tell(results: "Results | Outcomes", *, quiet: bool) -> None:
    """Print the results, and what makes them unfit for use; then the exit status is 1."""
    from bayesmeta.report.overview import overview

    if not quiet:
        files = [f"{file.role}: {file.name}, sha256 {file.sha256[:12]}" for file in results.inputs.files]
        dropped = [f"dropped: {row}" for row in results.dropped]
        say([*files, *dropped, *(f"note: {note}" for note in results.notes)])
    click.echo(overview(results))
    if results.problems:
        say([f"Error: {'; '.join(results.problems)}."])
        sys.exit(1)
