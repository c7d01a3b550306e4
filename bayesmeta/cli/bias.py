"""``bayesmeta bias``: do small studies report other effects, and what if that is adjusted for?"""

from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.data_options import data_lines, data_options, load_studies, on_bad_option, roles_from, split_measure
from bayesmeta.cli.output import ci_prob_option, csv_text, format_option, json_text, say

if TYPE_CHECKING:
    import pandas as pd

MEANINGS = (
    "bias: slope of the effects on the predictor (for begg, Kendall's tau); pvalue: of no bias",
    "limit, lower, upper: effect in a study without end, where predictor = 0",
)
CAUTION = "sensitivity analyses under different assumptions, none of them the corrected estimate"


@click.command("bias", short_help="Do small studies report other effects?")
@data_options
@click.option(
    "--tests",
    metavar="NAMES",
    help="egger, begg, harbord, peters, macaskill, deeks, with commas between [default: those fit for the data].",
)
@click.option(
    "--predictors",
    metavar="CODES",
    help="What egger regresses on: sei, vi, ni, ninv, sqrtni, sqrtninv [default: sei; of one arm sqrtninv].",
)
@click.option(
    "--size", "n_of_estimates", metavar="COLUMN", help="Column of the study sizes, where there are only estimates."
)
@click.option("--tau2-method", default="DL", show_default=True, metavar="CODE", help="As in `bayesmeta fit`.")
@click.option(
    "--alternative",
    metavar="NAME",
    help="greater or less: which effects are favoured [default: the pooled effect's side].",
)
@click.option("--null", type=float, default=0.0, show_default=True, help="No effect, on the scale of analysis.")
@click.option("--variance", default="wald", show_default=True, metavar="NAME", help="Measure PR: wald or exact-ci.")
@ci_prob_option
@on_bad_option
@format_option
def bias_command(
    *, data: str, measure: str | None, tests: str | None, predictors: str | None, n_of_estimates: str | None,
    tau2_method: str, alternative: str | None, null: float, variance: str, on_bad: Any, ci_prob: float, form: str,
    **columns: Any,
) -> None:  # fmt: skip
    """Test the studies of DATA for small-study effects, and show the pooled effect as adjusted by several methods.

    The CSV format holds the tests alone.

    \b
    bayesmeta bias trials.csv --study trial --events responders --n treated
    bayesmeta bias arms.csv --events ai,ci --n n1i,n2i --tests egger,harbord,peters
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.analyses.adjusted import adjusted_estimates
    from bayesmeta.analyses.small_study import small_study_tests

    of_estimates, of_counts = split_measure(measure)
    roles = roles_from(columns, of_estimates)
    if n_of_estimates is not None:
        roles["moderators"] = [n_of_estimates]
    studies = load_studies(data, roles, on_bad)
    options: dict[str, Any] = {
        "measure": of_counts, "tau2_method": tau2_method, "variance": variance, "ci_prob": ci_prob,
    }  # fmt: skip
    table = small_study_tests(studies, _list(tests), predictors=_list(predictors), n=n_of_estimates, **options)
    if form == "csv":
        text = csv_text(table, index=False)
    else:
        adjusted = adjusted_estimates(studies, alternative=alternative, null=null, **options)
        text = _json(table, adjusted, studies.k) if form == "json" else _text(table, adjusted)
    say(data_lines(data, studies))
    click.echo(text)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _json(tests: "pd.DataFrame", adjusted: "pd.DataFrame", k: int) -> str:
    from bayesmeta.tables.records import frame_records

    return json_text({"k": k, "tests": frame_records(tests), "adjusted": frame_records(adjusted)})


def _text(tests: "pd.DataFrame", adjusted: "pd.DataFrame") -> str:
    from bayesmeta.tables.render import render_list, render_table

    shown = tests.drop(columns="note").dropna(axis=1, how="all")
    natural = adjusted[adjusted["parameter"] != "mu"]
    adjusted = natural if len(natural) else adjusted  # a proportion says more than its logit
    parts = [
        "Tests for small-study effects",
        render_table(shown),
        render_list([*MEANINGS, *_notes(tests, "test")]),
        f"Pooled effect as adjusted by each method: {CAUTION}",
        render_table(adjusted.drop(columns="note")),
        render_list(_notes(adjusted, "method")),
    ]
    return "\n\n".join(parts)


def _notes(table: "pd.DataFrame", name: str) -> list[str]:
    """Return each note once, after the names of the rows that it is for; alone if it is for all."""
    rows_of: dict[str, list[str]] = {}
    for row, notes in zip(table[name], table["note"], strict=True):
        for note in filter(None, str(notes).split("; ")):
            rows_of.setdefault(note, []).append(str(row))
    everyone = set(table[name])
    return [
        note if set(rows) == everyone else f"{', '.join(dict.fromkeys(rows))}: {note}" for note, rows in rows_of.items()
    ]
