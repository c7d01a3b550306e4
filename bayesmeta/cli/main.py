"""What does the command ``bayesmeta`` do, and how does it end?

Exit status: 0 done; 1 the data or the result is not fit for use, or the output cannot be written; 2 wrong
usage, which includes an unknown option, prior or model. An error is one line on standard error.
"""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, final

import click

from bayesmeta.cli.audit import audit_command
from bayesmeta.cli.bias import bias_command
from bayesmeta.cli.check import check_command
from bayesmeta.cli.datasets import datasets_command
from bayesmeta.cli.demo import demo_command
from bayesmeta.cli.fit import fit_command
from bayesmeta.cli.influence import influence_command
from bayesmeta.cli.init import init_command
from bayesmeta.cli.models import models_command
from bayesmeta.cli.output import one_line
from bayesmeta.cli.review import review_command
from bayesmeta.cli.run import run_command
from bayesmeta.cli.sensitivity import sensitivity_command
from bayesmeta.cli.subgroups import subgroups_command

DEBUG_VARIABLE = "BAYESMETA_DEBUG"


@final
class Program(click.Group):
    """The command, which says in one line what went wrong."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the exit status.

        Parameters
        ----------
        args, prog_name, complete_var, **extra
            As in `click.Command.main`.
        standalone_mode : bool
            Whether to end the process; if not, errors are raised.
        """
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _accept_any_letter()
        try:
            return super().main(args, prog_name, complete_var, standalone_mode=True, **extra)
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            _end(*_verdict(error))


def _verdict(error: Exception) -> tuple[str, int]:
    """Return what is said of an error, and the exit status."""
    from bayesmeta.errors import BayesmetaError, SpecError

    if isinstance(error, SpecError):
        return str(error), 2
    if isinstance(error, BayesmetaError):
        return str(error), 1
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT):
        _discard_output()
        return f"the output cannot be written: {error.strerror}.", 1
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"this is a bug in bayesmeta ({what}); please report it. {DEBUG_VARIABLE}=1 shows where it is.", 1


def _end(message: str, status: int) -> NoReturn:
    click.echo(f"Error: {one_line(message)}", err=True)
    sys.exit(status)


def _accept_any_letter() -> None:
    """Let a terminal that lacks a letter show its code, instead of failing at the first one."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Send what is still to be written nowhere, so that Python does not fail again when it ends."""
    with suppress(OSError), Path(os.devnull).open("w") as nowhere:  # a test's stream has no number
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from bayesmeta import __version__

        click.echo(f"bayesmeta {__version__}")
        context.exit()


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def main() -> None:
    """Bayesian random-effects meta-analysis, with the classical estimates beside it.

    Results go to standard output, everything else to standard error. Exit status: 0 done; 1 the data or the
    result is not fit for use; 2 wrong usage.
    """


for command in (
    demo_command,
    init_command,
    run_command,
    fit_command,
    sensitivity_command,
    influence_command,
    subgroups_command,
    bias_command,
    audit_command,
    check_command,
    review_command,
    models_command,
    datasets_command,
):
    main.add_command(command)
