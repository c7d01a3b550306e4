"""``bayesmeta review``: are flow, quality scores and extracted results of a review consistent?"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.output import format_option, frame_text, say

if TYPE_CHECKING:
    import pandas as pd


template_option: Callable[..., Any] = click.option(
    "--template", is_flag=True, help="Write a template to FILE, which must not exist, and check nothing."
)


@click.group("review", short_help="Check a review's PRISMA flow, quality scores, extracted results.")
def review_command() -> None:
    """Check what a review did itself. Exit status 1 if something cannot be right; missing boxes alone are no error."""


@review_command.command("flow", short_help="Check the numbers of a PRISMA 2020 flow diagram, and draw it.")
@click.argument("file")
@click.option("--draw", metavar="PATH", help="Draw the diagram, as PNG, SVG or PDF.")
@template_option
@format_option
def flow_command(*, file: str, draw: str | None, template: bool, form: str) -> None:
    """Say what does not add up or is missing in the PRISMA flow in FILE (TOML or CSV), or in a bundled one.

    \b
    bayesmeta review flow flow.toml --template
    bayesmeta review flow flow.toml --draw flow.png
    bayesmeta review flow wang2026
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.review.prisma import prisma_flow
    from bayesmeta.review.templates import write_prisma_template

    if template:
        click.echo(write_prisma_template(file))
        return
    flow = prisma_flow(file, on_bad="keep")
    if draw is not None:
        from bayesmeta.plots.flow import plot_prisma_flow
        from bayesmeta.plots.save import save_figure

        say([f"Drawn: {save_figure(plot_prisma_flow(flow), draw)}"])
    _report(flow.problems, file, form)


@review_command.command("quality", short_help="Check quality scores: NOS, MINORS, JBI, RoB 2.")
@click.argument("file")
@click.option("--tool", metavar="NAME", help="NOS, MINORS, RoB 2, ..., or a TOML file [default: the column tool].")
@click.option("--study", default="study", show_default=True, metavar="COLUMN", help="Column of the studies.")
@click.option(
    "--order",
    multiple=True,
    metavar="TOOL=CODE,...",
    help="The tool's items in the order of the columns q1, q2, ... [default: the tool's own]. Once for each tool.",
)
@template_option
@format_option
def quality_command(
    *, file: str, tool: str | None, study: str, order: tuple[str, ...], template: bool, form: str
) -> None:
    """Say which scores, answers and totals in FILE, a CSV file with one row per study, cannot be right.

    \b
    bayesmeta review quality minors.csv --tool MINORS --template
    bayesmeta review quality rob.csv --tool "RoB 2" --study Study
    bayesmeta review quality nos.csv --tool NOS --order NOS=S1,S2,S3,S4,O1,O2,C1,O3
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.errors import SpecError
    from bayesmeta.review.quality import read_quality
    from bayesmeta.review.templates import write_quality_template

    if template:
        if tool is None:
            raise SpecError("--template needs --tool, such as --tool MINORS.")
        click.echo(write_quality_template(file, tool))
        return
    quality = read_quality(file, tool=tool, study=study, order=_orders(order), on_bad="keep")
    _report(quality.problems, file, form)


def _orders(given: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the codes of items by tool."""
    from bayesmeta.errors import SpecError

    orders: dict[str, list[str]] = {}
    for text in given:
        tool, is_said, codes = text.rpartition("=")
        if not is_said or not tool.strip() or tool.strip() in orders:
            wrong = "is given twice" if is_said and tool.strip() else "names no tool"
            raise SpecError(f"--order {text!r} {wrong}; give the items of each tool once, as in NOS=S1,S2,S3.")
        orders[tool.strip()] = [code.strip() for code in codes.split(",")]
    return orders


@review_command.command("extraction", short_help="Check a table of extracted results, or write its template.")
@click.argument("file")
@template_option
@format_option
def extraction_command(*, file: str, template: bool, form: str) -> None:
    """Say what is wrong in FILE, a CSV file with one extracted result a row.

    \b
    bayesmeta review extraction extraction.csv --template
    bayesmeta review extraction extraction.csv
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.review.extraction import read_extraction
    from bayesmeta.review.templates import write_extraction_template

    if template:
        click.echo(write_extraction_template(file))
        return
    _report(read_extraction(file, on_bad="keep").problems, file, form)


def _report(problems: "pd.DataFrame", file: str, form: str) -> None:
    """Print problems one by one, then how many there are; end with status 1 if there is an error."""
    from bayesmeta.data.check import count_problems

    if form != "table":
        click.echo(frame_text(problems, form))
    elif len(problems):
        from bayesmeta.tables.render import render_table

        click.echo(render_table(problems))
    verdict = f"{Path(file).name}: {count_problems(problems)}."
    if (problems["kind"] == "error").any():
        say([f"Error: {verdict}"])
        sys.exit(1)
    click.echo(verdict, err=form != "table")
