"""``bayesmeta demo``: what does a whole analysis look like?"""

from pathlib import Path

import click


@click.command("demo", short_help="Run the bundled analysis.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("bayesmeta-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder to make; an earlier result in it is replaced.",
)
@click.option("--quiet", is_flag=True, help="Show no progress and no notes.")
def demo_command(*, out: Path, quiet: bool) -> None:
    """Run the bundled analysis, complete remission under blinatumomab, by all three engines.

    The folder appears whole or not at all. `bayesmeta init` writes the analysis file, to look at and to change.
    """
    from bayesmeta.cli.run import no_terminal, tell, without_screen
    from bayesmeta.report.examples import example_path
    from bayesmeta.report.run import run_analysis

    with without_screen():
        results = run_analysis(example_path(), out=out, overwrite=True, quiet=quiet or no_terminal())
    tell(results, quiet=quiet)
