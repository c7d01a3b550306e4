"""How does an output folder appear: whole, or not at all?"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

MARKER = ".made-by-bayesmeta"
"""A file in each output folder that lists the files made, so that nothing else is ever replaced."""


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Lend a new folder to write into; it becomes `target` when all went well, and vanishes when not.

    An earlier output folder is replaced, if it holds nothing else.

    Parameters
    ----------
    target : pathlib.Path
        The folder to make. That it can be made is checked at once, before anything is computed.

    Yields
    ------
    pathlib.Path
        An empty folder beside `target`.

    Raises
    ------
    click.ClickException
        If the folder cannot be made, or something that is not an earlier output is in its place.
    """
    try:
        folder = target.resolve()
    except (OSError, RuntimeError) as error:  # a circle of links; until Python 3.13 a RuntimeError
        raise click.ClickException(f"{target} is not a folder: {error}.") from None
    _refuse_others(folder, target)
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _cannot_write(target, error) from None
    try:
        yield draft
        made = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
        (draft / MARKER).write_text("\n".join(made) + "\n", encoding="utf-8")
        _refuse_others(folder, target)
        _put(draft, folder)
    except OSError as error:
        raise _cannot_write(target, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_others(folder: Path, target: Path) -> None:
    """Refuse a place that holds anything else than files of an earlier run."""
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise click.ClickException(f"{target} is a file; name another folder with --out.")
        others = _others_in(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{target} cannot be read ({error}); use --out.") from None
    if others:
        raise click.ClickException(
            f"{target} holds {others[0]!r}, which this command did not make, so it is left as it is; "
            "name another folder with --out."
        )


def _others_in(folder: Path) -> list[str]:
    """Return what lies in a folder and is not named by its marker."""
    marker = folder / MARKER
    if not marker.is_file():
        return sorted(path.name for path in folder.iterdir())
    made = {MARKER, *marker.read_text("utf-8").splitlines()}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return sorted(found - made)


def _put(draft: Path, folder: Path) -> None:
    """Put the draft in its place; an earlier folder steps aside first, and comes back if that fails."""
    mask = os.umask(0)
    os.umask(mask)
    draft.chmod(0o777 & ~mask)  # mkdtemp makes a private folder
    if not folder.exists():
        draft.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    try:
        folder.rename(aside / folder.name)
        try:
            draft.rename(folder)
        except OSError:
            (aside / folder.name).rename(folder)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _cannot_write(target: Path, error: OSError) -> click.ClickException:
    reason = error.strerror or str(error)
    return click.ClickException(f"{target} cannot be written: {reason}; name another folder with --out.")
