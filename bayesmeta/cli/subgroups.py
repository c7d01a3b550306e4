"""``bayesmeta subgroups``: does the answer differ between kinds of studies?"""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.classical_options import CLASSICAL_OPTIONS, classical_options
from bayesmeta.cli.data_options import data_lines, data_options, load_studies, on_bad_option, roles_from, split_measure
from bayesmeta.cli.fit import refuse_misplaced
from bayesmeta.cli.influence import ENGINES
from bayesmeta.cli.model_options import MODEL_OPTIONS, chosen_model, model_lines, model_options
from bayesmeta.cli.output import ci_prob_option, csv_text, format_option, json_text, say

if TYPE_CHECKING:
    import pandas as pd

HEADLINES = ("p_median", "p_mean", "mu")
WITH_HEADLINE = ("p_new", "theta_new")
SHOWN = ("variable", "level", "k", "events", "n", "parameter", "estimate", "lower", "upper", "interval")
TEST_HEADING = "Do the means differ?"
SEVERAL_TESTS = " With a tau2 for each level, a common one, and none (common effect)"


@click.command("subgroups", short_help="Does the answer differ between kinds of studies?")
@data_options
@click.option(
    "--by",
    metavar="COLUMN",
    multiple=True,
    required=True,
    help="Column that splits the studies; repeated, each column splits all of them anew.",
)
@click.option(
    "--engine",
    default="exact",
    show_default=True,
    metavar="NAME",
    help="exact: the posterior, by quadrature. frequentist: DerSimonian-Laird and its relatives, with tests.",
)
@partial(model_options, repeat_tau=True)
@click.option(
    "--omega", metavar="PRIOR", help='Hierarchical: SD of log tau between levels [default: "HalfNormal(0.5)"].'
)
@classical_options
@click.option(
    "--parameter", metavar="NAME", help="Row to show [default: all; in a table p_median or mu, and a new study]."
)
@ci_prob_option
@on_bad_option
@format_option
def subgroups_command(
    *, data: str, by: tuple[str, ...], engine: str, measure: str | None, on_bad: Any, omega: str | None,
    parameter: str | None, ci_prob: float, form: str, tau: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Pool each kind of studies of DATA, as the levels of a column name them.

    \b
    bayesmeta subgroups trials.csv --by design
    bayesmeta subgroups trials.csv --by design --tau hierarchical --tau "HalfNormal(0.5)"
    bayesmeta subgroups trials.csv --by design --engine frequentist --tau common
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta._validate import unknown_name
    from bayesmeta.analyses.subgroup_test import subgroup_test
    from bayesmeta.analyses.subgroups import subgroups
    from bayesmeta.errors import SpecError

    shared, prior = _tau_from(tau)
    belief, classical = (
        {name: {**options, "tau": prior}[name] for name in names} for names in (MODEL_OPTIONS, CLASSICAL_OPTIONS)
    )
    if engine not in ENGINES:
        raise SpecError(unknown_name("engine", engine, ENGINES))
    refuse_misplaced(engine, belief, classical, {})
    if omega is not None and shared != "hierarchical":
        raise SpecError("--omega is for --tau hierarchical; leave it out, or choose that.")
    of_estimates, of_counts = split_measure(measure)
    columns = {name: value for name, value in options.items() if name not in {*belief, *classical}}
    studies = load_studies(data, roles_from(columns, of_estimates, moderators=by), on_bad)
    chosen = {name: value for name, value in {**classical, "measure": of_counts}.items() if value is not None}
    model = None if engine == "frequentist" else chosen_model(studies, of_counts, belief)
    with_omega = {} if omega is None else {"omega": omega}
    table = subgroups(studies, model, by=by, tau=shared, engine=engine, ci_prob=ci_prob, **with_omega, **chosen)
    tests = subgroup_test(studies, by=by, **_of_test(chosen)) if engine == "frequentist" else None
    rows = _selected(table, parameter, only_main=form == "table")
    text = _text(rows, tests, engine, form)
    said = [*_notes(table), *([] if tests is None else _notes_of_tests(tests))]
    say([*data_lines(data, studies), *model_lines(model), *said])
    click.echo(text)


def _tau_from(values: tuple[str, ...]) -> tuple[str, str | None]:
    """Return how the heterogeneity is shared, and its prior, whichever of the two were given."""
    from bayesmeta.analyses.levels import TAU
    from bayesmeta.errors import SpecError

    shared = [value for value in values if value in TAU]
    priors = [value for value in values if value not in TAU]
    if len(shared) > 1 or len(priors) > 1:
        raise SpecError(f"--tau takes one of {', '.join(TAU)}, and one prior; got {', '.join(values)}.")
    return shared[0] if shared else "separate", priors[0] if priors else None


def _of_test(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a test of means takes; intervals that have no variance leave it Wald's."""
    from bayesmeta.analyses.subgroup_test import OPTIONS
    from bayesmeta.frequentist.coefficients import COEFFICIENT_TESTS
    from bayesmeta.frequentist.methods import INVERSE_VARIANCE

    taken = {name: value for name, value in options.items() if name in OPTIONS}
    keeps = taken.get("method", INVERSE_VARIANCE) == INVERSE_VARIANCE and options.get("ci_method") in COEFFICIENT_TESTS
    return {**taken, "ci_method": options["ci_method"] if keeps else "wald"}


def _selected(table: "pd.DataFrame", parameter: str | None, *, only_main: bool) -> "pd.DataFrame":
    """Return the rows of a parameter, or of the main one; levels without numbers stay."""
    from bayesmeta._validate import unknown_name
    from bayesmeta.errors import SpecError

    names = [str(name) for name in dict.fromkeys(table["parameter"]) if name]
    if parameter is not None and parameter not in names:
        raise SpecError(unknown_name("parameter", parameter, names))
    if parameter is None and not only_main:
        return table
    main = next((name for name in HEADLINES if name in names), "")
    wanted = {main, *WITH_HEADLINE} if parameter is None else {parameter}
    return table[table["parameter"].isin({*wanted, ""})]


def _notes(table: "pd.DataFrame") -> list[str]:
    """Return a line for each level of which there is something to say."""
    noted = table[table["note"] != ""].drop_duplicates(["variable", "level", "note"])
    return [f"note: {row.variable} {row.level}: {row.note}" for row in noted.itertuples(index=False)]


def _notes_of_tests(tests: "pd.DataFrame") -> list[str]:
    noted = tests[tests["note"] != ""]
    return [f"note: test of {row.variable}, tau {row.tau}: {row.note}" for row in noted.itertuples(index=False)]


def _text(rows: "pd.DataFrame", tests: "pd.DataFrame | None", engine: str, form: str) -> str:
    if form == "csv":
        return csv_text(rows, index=False)
    if form == "json":
        from bayesmeta.tables.records import frame_records

        record: dict[str, Any] = {"engine": engine, "rows": frame_records(rows)}
        return json_text(record if tests is None else {**record, "tests": frame_records(tests)})
    from bayesmeta.tables.numbers import number_texts
    from bayesmeta.tables.render import render_table

    shown = render_table(rows.loc[:, list(SHOWN)].dropna(axis=1, how="all"))
    if tests is None:
        return shown
    lines = tests.drop(columns=["note"]).dropna(axis=1, how="all")
    gaps = [name for name in ("df_residual", "tau2") if name in lines]  # not every test has them
    for name in gaps:
        known = iter(number_texts(lines[name].dropna().tolist()))
        lines[name] = [next(known) if there else "" for there in lines[name].notna()]
    heading = TEST_HEADING + (SEVERAL_TESTS if tests["tau"].nunique() > 1 else "")
    return f"{shown}\n\n{heading}\n\n{render_table(lines, right=gaps)}"
