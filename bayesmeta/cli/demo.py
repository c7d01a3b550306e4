"""``bayesmeta demo``: what does a whole analysis look like?"""

from pathlib import Path

import click

DEFAULT = Path("bayesmeta-demo")
DEFAULT_ALL = Path("bayesmeta-examples")


@click.command("demo", short_help="Run the bundled analyses.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=f"Folder to make [default: {DEFAULT}, with --all {DEFAULT_ALL}]; an earlier result in it is replaced.",
)
@click.option("--example", metavar="NAME", help="Which analysis [default: complete-remission].")
@click.option("--all", "every", is_flag=True, help="All analyses, each into a folder of its own in DIR.")
@click.option("--list", "listed", is_flag=True, help="Print the names and titles of the analyses, and exit.")
@click.option("--quiet", is_flag=True, help="Show no progress and no notes.")
def demo_command(*, out: Path | None, example: str | None, every: bool, listed: bool, quiet: bool) -> None:
    """Run a bundled analysis: complete remission under blinatumomab by all three engines, or another one.

    The folder appears whole or not at all. `bayesmeta init --example NAME` writes the analysis file and its data, to
    look at and to change.
    """
    from bayesmeta.errors import SpecError
    from bayesmeta.report.analysis import Analysis
    from bayesmeta.report.examples import FIRST, example_path, list_examples

    if listed:
        names = list_examples()
        for name in names:
            click.echo(f"{name:<{max(map(len, names))}}  {Analysis.from_toml(example_path(name)).title}")
        return
    if every and example is not None:
        raise SpecError("--all and --example do not go together; leave one out.")
    if not every:
        _run(FIRST if example is None else example, DEFAULT if out is None else out, quiet=quiet)
        return
    folder = DEFAULT_ALL if out is None else out
    for name in list_examples():
        _run(name, folder / name, quiet=quiet)


def _run(name: str, folder: Path, *, quiet: bool) -> None:
    """Run one analysis and tell its results."""
    from bayesmeta.cli.run import no_terminal, tell, without_screen
    from bayesmeta.errors import OutputError
    from bayesmeta.report.examples import example_path
    from bayesmeta.report.run import run_analysis

    path = example_path(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.parent} cannot be made: {error.strerror or error}; choose another (--out)."
        ) from None
    with without_screen():
        results = run_analysis(path, out=folder, overwrite=True, quiet=quiet or no_terminal())
    tell(results, quiet=quiet)
