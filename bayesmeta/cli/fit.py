"""``bayesmeta fit``: what do these studies say, taken together?"""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from bayesmeta.cli.classical_options import CLASSICAL_OPTIONS, classical_options
from bayesmeta.cli.data_options import data_lines, data_options, load_studies, on_bad_option, roles_from, split_measure
from bayesmeta.cli.model_options import MODEL_OPTIONS, chosen_model, model_lines, model_options
from bayesmeta.cli.output import ci_prob_option, csv_text, format_option, json_text, say

if TYPE_CHECKING:
    from bayesmeta.api import AnyFit
    from bayesmeta.data.studies import Studies
    from bayesmeta.spec.model import ModelSpec

REGRESSION_OPTIONS = ("formula",)
NUTS_OPTIONS = ("draws", "tune", "chains", "seed", "sampler", "target_accept", "parametrisation")


@click.command("fit", short_help="Pool the studies of a CSV file.")
@data_options
@click.option(
    "--engine",
    default="exact",
    show_default=True,
    metavar="NAME",
    help="exact: the posterior, by quadrature. nuts: draws from it, by PyMC or nutpie, held against the exact "
    "posterior. frequentist: DerSimonian-Laird and its relatives.",
)
@model_options
@classical_options
@click.option("--formula", metavar="FORMULA", help='Frequentist: meta-regression on columns of DATA, as in "~ year".')
@click.option("--draws", type=int, help="NUTS: draws of each chain [default: 1000].")
@click.option("--tune", type=int, help="NUTS: tuning steps of each chain [default: 1000].")
@click.option("--chains", type=int, help="NUTS: chains [default: 4].")
@click.option("--seed", type=int, help="NUTS: source of randomness [default: drawn, and printed].")
@click.option("--sampler", metavar="NAME", help="NUTS: pymc or nutpie [default: nutpie if it is installed].")
@click.option("--target-accept", type=float, help="NUTS: rate of acceptance to tune to [default: 0.95].")
@click.option(
    "--parametrisation",
    metavar="NAME",
    help="NUTS: form in which study effects are sampled, of one posterior: partially-centred, non-centred, centred, "
    "sum-to-zero or marginalised [default: the fastest that the model has].",
)
@click.option("--quiet", is_flag=True, help="NUTS: no progress bar.")
@ci_prob_option
@click.option("--ci-kind", default="eti", show_default=True, metavar="NAME", help="eti: equal-tailed. hdi: shortest.")
@on_bad_option
@format_option
def fit_command(
    *, data: str, engine: str, measure: str | None, on_bad: Any, quiet: bool, ci_prob: float, ci_kind: str,
    form: str, **options: Any,
) -> None:  # fmt: skip
    """Pool the studies of DATA, a CSV file with one row per study (or the name of a bundled data set).

    Without options that name columns, those with the usual names are looked for: events and n, events and time,
    the same with _treatment and _control, y and se, or estimate, lower and upper. Estimates, and rates
    of one arm, need a model for their scale: --model, or --mu and --tau.

    \b
    bayesmeta fit trials.csv --study trial --events responders --n treated
    bayesmeta fit trials.csv --engine frequentist --measure PR --format json
    bayesmeta fit trials.csv --engine frequentist --formula "~ year" --ci-method hartung-knapp
    bayesmeta fit trials.csv --effects student-t --nu 3
    bayesmeta fit arms.csv --events ai,ci --n n1i,n2i --model two-arm-conditional
    bayesmeta fit hr.csv --estimate hr --lower low --upper high --measure HR --model normal-normal
    """  # noqa: D301 (click takes the backspace as a mark)
    from bayesmeta.result.summary import summary
    from bayesmeta.spec.coefficients import refuse_formula
    from bayesmeta.tables.records import fit_record
    from bayesmeta.tables.results import render_fit

    belief, classical, nuts = (
        {name: options.pop(name) for name in names}
        for names in (MODEL_OPTIONS, CLASSICAL_OPTIONS + REGRESSION_OPTIONS, NUTS_OPTIONS)
    )
    refuse_misplaced(engine, belief, classical, nuts)
    of_estimates, of_counts = split_measure(measure)
    roles = roles_from(options, of_estimates, moderators=_moderators(classical["formula"]))
    studies = load_studies(data, roles, on_bad)
    given = {**classical, **nuts, "measure": of_counts}
    chosen = {name: value for name, value in given.items() if value is not None}
    model = None
    if engine == "frequentist":
        chosen["ci_prob"] = ci_prob
    elif engine in ("exact", "nuts"):
        model = chosen_model(studies, of_counts, belief)
        refuse_formula(model.formula, "bayesmeta fit")
    result = _fit(studies, model, engine, chosen, quiet=quiet)
    if form == "json":
        text = json_text(fit_record(result, ci_prob=ci_prob, ci_kind=ci_kind))
    elif form == "csv":
        text = csv_text(summary(result, ci_prob=ci_prob, ci_kind=ci_kind), index=True)
    else:
        text = render_fit(result, ci_prob=ci_prob, ci_kind=ci_kind)
    say([*data_lines(data, studies), *model_lines(model), *(f"note: {note}" for note in result.notes)])
    click.echo(text)
    if not getattr(result, "is_reliable", True) or getattr(result, "interrupted", False):
        sys.exit(1)


def _moderators(formula: str | None) -> tuple[str, ...]:
    """Return the columns that a formula names."""
    if formula is None:
        return ()
    from bayesmeta.spec.formulas import names_in, parse

    return names_in(parse(formula))


def _fit(
    studies: "Studies", model: "ModelSpec | None", engine: str, options: dict[str, Any], *, quiet: bool
) -> "AnyFit":
    """Fit; what a sampler prints goes to standard error, and a progress bar only to a terminal."""
    from bayesmeta.api import fit

    if engine != "nuts":
        return fit(studies, model, engine=engine, **options)
    with redirect_stdout(sys.stderr):
        return fit(studies, model, engine=engine, quiet=quiet or not sys.stderr.isatty(), **options)


def refuse_misplaced(engine: str, belief: dict[str, Any], classical: dict[str, Any], nuts: dict[str, Any]) -> None:
    """Refuse options that the engine would not use: who gives them expects them to matter."""
    from bayesmeta.errors import SpecError

    foreign = {
        "exact": {"frequentist": classical, "nuts": nuts},
        "nuts": {"frequentist": classical},
        "frequentist": {"exact": belief, "nuts": nuts},
    }
    for owner, others in foreign.get(engine, {}).items():
        for name, value in others.items():
            if value is not None:
                raise SpecError(f"--{name.replace('_', '-')} is for --engine {owner}, not {engine}.")
