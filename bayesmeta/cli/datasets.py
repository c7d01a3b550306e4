"""``bayesmeta datasets``: which data come with the package?"""

import click

from bayesmeta.cli.output import format_option, frame_text


@click.command("datasets", short_help="List the bundled data sets.")
@format_option
def datasets_command(*, form: str) -> None:
    """List the bundled data sets, with where their numbers come from.

    `fit` and `check` take a name in place of a file. JSON and CSV have sources and licences by row.
    """
    from bayesmeta.data.datasets import list_datasets
    from bayesmeta.tables.render import render_list, render_table

    table = list_datasets()
    if form != "table":
        click.echo(frame_text(table, form))
        return
    click.echo(render_table(table[["name", "k", "rows", "description"]]))
    groups = table.groupby(["source", "licence"], sort=False)["name"]
    sources = [f"{', '.join(names)}: {source} ({licence})" for (source, licence), names in groups]
    click.echo(f"\nSources\n{render_list(sources)}")
