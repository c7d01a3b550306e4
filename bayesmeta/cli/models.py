"""``bayesmeta models``: which models come with the package, and how does a user get one of their own?"""

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bayesmeta.cli.output import format_option, frame_text, say

if TYPE_CHECKING:
    from bayesmeta.errors import OutputError
    from bayesmeta.spec.model import ModelSpec

# What a file system answers that knows no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@click.group("models", short_help="List, show and copy models.")
def models_command() -> None:
    """List, show and copy models: likelihood, priors and why, one TOML file each.

    NAME is a model of the package or the path of a file; a file of one's own wins over a name.
    """


@models_command.command("list", short_help="List the models of the package.")
@format_option
def list_command(*, form: str) -> None:
    """List the models that come with the package.

    `fit` takes a name with --model; `show` prints the whole file.
    """
    from bayesmeta.spec.named import list_models
    from bayesmeta.tables.render import render_table

    table = list_models()
    click.echo(render_table(table) if form == "table" else frame_text(table, form))


@models_command.command("show", short_help="Print a model.")
@click.argument("name")
@click.option(
    "--as",
    "form",
    type=click.Choice(("toml", "pymc")),
    default="toml",
    show_default=True,
    help="toml: the file as it is. pymc: the same model as Python code for PyMC.",
)
def show_command(*, name: str, form: str) -> None:
    """Print the model NAME, and on standard error which file it is and its hash."""
    model, path = _read(name)
    if form == "toml":
        click.echo(path.read_bytes(), nl=False)
    else:
        from bayesmeta.nuts.code import pymc_code

        click.echo(pymc_code(model), nl=False)
    _say_source(model)


@models_command.command("copy", short_help="Copy a model to edit it.")
@click.argument("name")
@click.option("--to", type=click.Path(path_type=Path), metavar="PATH", help="File or folder [default: this folder].")
def copy_command(*, name: str, to: Path | None) -> None:
    """Copy the file of the model NAME into this folder, to be edited there. Nothing is overwritten."""
    model, path = _read(name)
    target = Path() if to is None else to
    if target.is_dir():
        target = target / f"{path.stem}.toml"
    _write_new(target, path.read_bytes())
    _say_source(model)
    click.echo(f"Wrote {target}. Edit it, then use it: bayesmeta fit DATA.csv --model {target}")


def _read(name: str) -> tuple["ModelSpec", Path]:
    """Return a model and its file, having checked that it is one."""
    from bayesmeta.spec.model import ModelSpec
    from bayesmeta.spec.named import model_path

    path = model_path(name)
    return ModelSpec.from_toml(path), path


def _say_source(model: "ModelSpec") -> None:
    if model.source is not None:
        say([f"model: file {model.source.path}, sha256 {model.source.sha256}"])


def _write_new(target: Path, content: bytes) -> None:
    """Write a file that is not there yet: whole, or not at all."""
    if target.exists():
        raise _exists(target)
    try:
        number, draft = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    except OSError as error:
        raise _cannot_write(target, error) from None
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(draft).chmod(0o666 & ~mask)  # mkstemp makes a private file
        _name(Path(draft), target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise _cannot_write(target, error) from None
    finally:
        Path(draft).unlink(missing_ok=True)


def _name(draft: Path, target: Path) -> None:
    """Give the draft its name; unlike renaming, linking fails if the name has been taken meanwhile."""
    try:
        target.hardlink_to(draft)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        draft.rename(target)


def _exists(target: Path) -> "OutputError":
    from bayesmeta.errors import OutputError

    return OutputError(f"{target} exists already and is kept; name another file with --to, or move it away.")


def _cannot_write(target: Path, error: OSError) -> "OutputError":
    from bayesmeta.errors import OutputError

    return OutputError(f"{target} cannot be written: {error.strerror or error}; name another place with --to.")
