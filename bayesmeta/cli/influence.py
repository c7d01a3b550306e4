"""``bayesmeta influence``: which studies decide the answer, and which do not fit the others?"""

from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.classical_options import CLASSICAL_OPTIONS, classical_options
from bayesmeta.cli.data_options import data_lines, data_options, load_studies, on_bad_option, roles_from, split_measure
from bayesmeta.cli.fit import refuse_misplaced
from bayesmeta.cli.model_options import MODEL_OPTIONS, chosen_model, model_lines, model_options
from bayesmeta.cli.output import ci_prob_option, csv_text, format_option, json_text, say

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("exact", "frequentist")
MEANINGS = {
    "shift": "how far the point moves without the study, in standard deviations (errors) of the whole",
    "elpd_loo": "log predictive density of the study, given the others",
    "conflict_pvalue": "two-sided mid-p of the study in its prediction from the others; of k studies the smallest is "
    "about 1/(k + 1) by chance",
}


@click.command("influence", short_help="What does each study do to the answer?")
@data_options
@click.option(
    "--engine",
    default="exact",
    show_default=True,
    metavar="NAME",
    help="exact: the posterior, by quadrature. frequentist: DerSimonian-Laird and its relatives.",
)
@model_options
@classical_options
@click.option("--parameter", metavar="NAME", help="Row of the summary to show [default: p_median or mu].")
@ci_prob_option
@on_bad_option
@format_option
def influence_command(
    *, data: str, engine: str, measure: str | None, on_bad: Any, parameter: str | None, ci_prob: float, form: str,
    **options: Any,
) -> None:  # fmt: skip
    """Leave each study of DATA out in turn, and hold it against what the others predict for it.

    \b
    bayesmeta influence trials.csv --study trial --events responders --n treated
    bayesmeta influence trials.csv --engine frequentist --measure PR --format csv
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta._validate import unknown_name
    from bayesmeta.analyses.parts import check_fit
    from bayesmeta.analyses.study_influence import influence
    from bayesmeta.api import fit
    from bayesmeta.errors import SpecError

    belief, classical = ({name: options.pop(name) for name in names} for names in (MODEL_OPTIONS, CLASSICAL_OPTIONS))
    if engine not in ENGINES:
        raise SpecError(unknown_name("engine", engine, ENGINES))
    refuse_misplaced(engine, belief, classical, {})
    of_estimates, of_counts = split_measure(measure)
    studies = load_studies(data, roles_from(options, of_estimates), on_bad)
    chosen = {name: value for name, value in {**classical, "measure": of_counts}.items() if value is not None}
    model = None if engine == "frequentist" else chosen_model(studies, of_counts, belief)
    result = check_fit(fit(studies, model, engine=engine, **chosen), "influence")
    table = influence(result, parameter=parameter, ci_prob=ci_prob)
    text = _text(table, form)
    say([*data_lines(data, studies), *model_lines(model), *(f"note: {note}" for note in result.notes)])
    click.echo(text)


def _text(table: "pd.DataFrame", form: str) -> str:
    if form == "csv":
        return csv_text(table, index=True)
    if form == "json":
        from bayesmeta.tables.records import frame_records

        return json_text(frame_records(table.reset_index()))
    from bayesmeta.tables.render import render_list, render_table

    parameter, notes = table["parameter"].iloc[0], set(table["note"])
    shown = table.drop(columns=["parameter", "note"] if len(notes) == 1 else ["parameter"]).dropna(axis=1, how="all")
    meanings = [f"{name}: {text}" for name, text in MEANINGS.items() if name in shown]
    of_all = [note for note in notes if note and len(notes) == 1]
    return f"{parameter} without each study\n\n{render_table(shown)}\n\n{render_list([*meanings, *of_all])}"
