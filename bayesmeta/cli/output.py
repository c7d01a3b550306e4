"""How do results reach standard output, and notes standard error?"""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "json", "csv")

format_option: Callable[..., Any] = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Table to read (rounded), or JSON or CSV for programs (full precision).",
)

ci_prob_option: Callable[..., Any] = click.option(
    "--ci-prob", type=float, default=0.95, show_default=True, help="Probability of intervals."
)


def one_line(text: str) -> str:
    """Return text as one line that is safe to print: a file's content may be quoted in it."""
    from bayesmeta.tables.render import printable

    return printable(text)


def say(lines: Iterable[str]) -> None:
    """Print lines on standard error."""
    for line in lines:
        click.echo(one_line(line), err=True)


def json_text(value: object) -> str:
    """Return a value as JSON; what is not finite must have been replaced by None before."""
    return json.dumps(value, indent=2, allow_nan=False)


def csv_text(frame: "pd.DataFrame", *, index: bool) -> str:
    """Return a frame as CSV with the full precision of its numbers, without a final line break."""
    text: str = frame.to_csv(index=index, lineterminator="\n")
    return text.removesuffix("\n")


def frame_text(frame: "pd.DataFrame", form: str) -> str:
    """Return a frame without a named index as JSON, a list with one object for each row, or as CSV."""
    if form == "csv":
        return csv_text(frame, index=False)
    from bayesmeta.tables.records import frame_records

    return json_text(frame_records(frame))
