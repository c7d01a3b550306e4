"""Which data do the options of a command name? The same options for every command that reads studies."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from bayesmeta.data.columns import Roles
    from bayesmeta.data.select import OnBad
    from bayesmeta.data.studies import Studies

NEAR = 0.7
"""How alike names must be to suggest one: short names of files are somewhat alike by chance."""
ARM_OPTIONS = ("events", "n", "time")
"""Options that may name a pair of columns, with a comma between."""
COLUMN_OPTIONS = {
    "study": "Column of the study labels [default: study].",
    "events": "Column of the numbers of events; of two arms a pair, treatment first: --events ai,ci.",
    "n": "Column of the numbers of patients; of two arms a pair.",
    "time": "Column of the person-time, for rates instead of n; of two arms a pair.",
    "y": "Column of estimates on the scale of analysis, such as log hazard ratios.",
    "se": "Column of their standard errors.",
    "estimate": "Column of estimates as printed, such as hazard ratios.",
    "lower": "Column of the lower limits of their intervals.",
    "upper": "Column of the upper limits.",
}


on_bad_option: Callable[..., Any] = click.option(
    "--on-bad",
    default="raise",
    show_default=True,
    metavar="NAME",
    help="raise: a bad row is an error. drop: leave it out and say so.",
)


def data_options[F: Callable[..., Any]](command: F) -> F:
    """Add the argument DATA and the options that name its columns."""
    decorators: list[Callable[..., Any]] = [
        click.argument("data", metavar="DATA"),
        *(
            click.option(f"--{name}", metavar="COLUMN", help=text)
            for name, text in COLUMN_OPTIONS.items()
        ),
        click.option(
            "--measure",
            metavar="CODE",
            help="Effect measure; the first is the default. Of counts: PLO (logit), PR (raw proportion), PLN (log), "
            "PAS or PFT (arcsines), of two arms OR, RR, RD, AS (arcsines) or PETO. Of rates: IRLN (log) or IR, of two "
            "arms IRR or IRD. Of estimates: GEN (as given) or HR (hazard ratio).",
        ),
        click.option(
            "--interval-prob",
            type=float,
            metavar="P",
            help="Probability of the intervals from lower to upper [default: 0.95].",
        ),
    ]  # fmt: skip
    return reduce(lambda function, decorate: decorate(function), reversed(decorators), command)


def split_measure(measure: str | None) -> tuple[str | None, str | None]:
    """Return the measure of estimates, which belongs to the data, and that of counts, to the analysis."""
    if measure is None:
        return None, None
    from bayesmeta.effects.measures import get_measure

    return (measure, None) if get_measure(measure).data == "estimates" else (None, measure)


def roles_from(columns: dict[str, Any], measure_of_estimates: str | None, *, moderators: Sequence[str] = ()) -> "Roles":
    """Return the options that were given, as `Studies.from_frame` names them, and the columns of moderators."""
    pairs = {
        name: tuple(map(str.strip, columns[name].split(","))) for name in ARM_OPTIONS if "," in (columns[name] or "")
    }
    given = {**columns, **pairs, "measure": measure_of_estimates, "moderators": list(moderators) or None}
    roles: Roles = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    return roles


def load_studies(data: str, roles: "Roles", on_bad: "OnBad" = "raise") -> "Studies":
    """Return the studies of a CSV file or, if there is no such file, of the bundled data set."""
    from bayesmeta.data.read import read_studies
    from bayesmeta.data.studies import Studies

    frame = bundled(data)
    if frame is None:
        return read_studies(data, on_bad=on_bad, **roles)
    return Studies.from_frame(frame, on_bad=on_bad, source=data, **roles)


def check_data(data: str, roles: "Roles") -> "pd.DataFrame":
    """Return the problems of a CSV file or, if there is no such file, of the bundled data set."""
    from bayesmeta.data.check import check_frame
    from bayesmeta.data.read import check_csv

    frame = bundled(data)
    return check_csv(data, **roles) if frame is None else check_frame(frame, source=data, **roles)


def bundled(data: str) -> "pd.DataFrame | None":
    """Return the data set of this name, or None if a file is meant; say so if it is neither."""
    from bayesmeta.data.datasets import DATASETS, load_dataset
    from bayesmeta.errors import DataError

    path = Path(data)
    is_word = path.name == data and not path.suffix
    if not is_word or path.exists():
        return None
    if data in DATASETS:
        return load_dataset(data)
    names = {name.casefold(): name for name in DATASETS}
    names |= {entry.stem.casefold(): entry.name for entry in Path().glob("*.csv")}
    near = get_close_matches(data.casefold(), names, n=1, cutoff=NEAR)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    raise DataError(f"{data!r} is neither a file nor a bundled data set.{hint} See `bayesmeta datasets`.")


def data_lines(data: str, studies: "Studies") -> list[str]:
    """Return what is said on standard error of the data that were used."""
    is_file = Path(data).exists()
    source = f"file {data}" if is_file else f"bundled data set {data} (there is no file of this name)"
    rows = studies.dropped.itertuples(index=False)
    word = "line" if is_file else "row"
    dropped = [f"dropped: {word} {row.row}, study {row.study!r}: {row.reason}" for row in rows]
    return [f"data: {source}, k = {studies.k}, {studies.totals}", *dropped]
