"""``bayesmeta sensitivity``: would another prior change the answer?"""

import sys
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.data_options import data_lines, data_options, load_studies, on_bad_option, roles_from, split_measure
from bayesmeta.cli.model_options import MODEL_OPTIONS, chosen_model, model_lines, model_options
from bayesmeta.cli.output import ci_prob_option, csv_text, format_option, json_text, say

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("mu", "tau", "median", "lower", "upper", "log_evidence", "shift", "hellinger")
MEANINGS = (
    "shift: how far the mean moves from the first row's, in posterior standard deviations of that row",
    "hellinger: distance of the two posterior distributions, from 0 (the same) to 1 (nothing in common)",
)
MANY = 20_000  # pairs from which progress is told


@click.command("sensitivity", short_help="Would another prior change the answer?")
@data_options
@model_options
@click.option(
    "--mu-alternatives",
    metavar="PRIORS",
    multiple=True,
    help='Priors to try in its place, as in "Normal(0, 1); Normal(0, 3)"; may be repeated.',
)
@click.option(
    "--tau-alternatives",
    metavar="PRIORS",
    multiple=True,
    help='The same for the heterogeneity, as in "HalfNormal(0.5); HalfCauchy(0.5)". [default for both: the model\'s]',
)
@click.option(
    "--parameter", metavar="NAME", help="Row of the summary to show [default: all; in a table p_median or mu]."
)
@ci_prob_option
@on_bad_option
@format_option
def sensitivity_command(
    *, data: str, measure: str | None, on_bad: Any, mu_alternatives: tuple[str, ...],
    tau_alternatives: tuple[str, ...], parameter: str | None, ci_prob: float, form: str, **options: Any,
) -> None:  # fmt: skip
    """Pool the studies of DATA under every pair of a prior of mu and a prior of tau.

    \b
    bayesmeta sensitivity trials.csv --events responders --n treated
    bayesmeta sensitivity trials.csv --tau-alternatives "HalfNormal(0.5); HalfCauchy(0.5)"
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.analyses.sensitivity import sensitivity
    from bayesmeta.api import fit
    from bayesmeta.tables.records import frame_records

    belief = {name: options.pop(name) for name in MODEL_OPTIONS}
    of_estimates, of_counts = split_measure(measure)
    studies = load_studies(data, roles_from(options, of_estimates), on_bad)
    chosen = chosen_model(studies, of_counts, belief)
    result = fit(studies, chosen, measure=of_counts)
    row = parameter or (_main_row(result.parameters) if form == "table" else None)
    table = sensitivity(
        result,
        mu=_priors(mu_alternatives),
        tau=_priors(tau_alternatives),
        parameters=None if row is None else [row],
        ci_prob=ci_prob,
        progress=_tell,
    )
    say([*data_lines(data, studies), *model_lines(chosen), *_notes(table)])
    if form == "json":
        click.echo(json_text({"engine": "exact", "k": studies.k, "rows": frame_records(table)}))
    elif form == "csv":
        click.echo(csv_text(table, index=False))
    else:
        click.echo(_text(table, str(row)))


def _main_row(parameters: tuple[str, ...]) -> str:
    return "p_median" if "p_median" in parameters else "mu"


def _priors(texts: tuple[str, ...]) -> list[str] | None:
    given = [part.strip() for text in texts for part in text.split(";") if part.strip()]
    return given or None


def _tell(done: int, total: int) -> None:
    """Tell on a terminal how far a long table has come."""
    if total >= MANY and sys.stderr.isatty():
        click.echo(f"\r{done} of {total} pairs of priors", nl=done == total, err=True)


def _notes(table: "pd.DataFrame") -> list[str]:
    """Return a line for each pair of priors that has no numbers."""
    without = table[table["note"] != ""].drop_duplicates(["mu", "tau"])
    return [f"not analysed: mu ~ {row.mu}, tau ~ {row.tau}: {row.note}" for row in without.itertuples(index=False)]


def _text(table: "pd.DataFrame", row: str) -> str:
    from bayesmeta.tables.render import render_list, render_table

    shown = table.loc[:, list(SHOWN)].astype({"mu": str, "tau": str})
    head = f"Posterior of {row} under {len(shown)} pairs of priors; the first row is the analysis itself"
    return f"{head}\n\n{render_table(shown)}\n\n{render_list(MEANINGS)}"
