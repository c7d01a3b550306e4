"""How does an output folder appear: whole, or not at all?"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesmeta.errors import OutputError

MARKER = ".made-by-bayesmeta"
"""A file in each output folder that lists the files made, so that nothing else is ever replaced."""

_CHOOSE = "choose another folder (--out; in Python out=...)"


@contextmanager
def whole_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Lend a new folder to write into; it becomes `target` when all went well, and vanishes when not.

    A process that is killed leaves at most a hidden folder beside `target`, whose name begins with a dot and that of
    `target`; it is in nobody's way.

    Parameters
    ----------
    target : pathlib.Path
        The folder to make. That it can be made is checked at once, before anything is computed.
    overwrite : bool
        Whether an earlier output is replaced; only if the folder holds nothing else.

    Yields
    ------
    pathlib.Path
        An empty folder beside `target`.

    Raises
    ------
    OutputError
        If the folder cannot be made, or what is in its place is kept.
    """
    try:
        folder = target.resolve()
    except (OSError, RuntimeError) as error:  # a circle of links; until Python 3.13 a RuntimeError
        raise OutputError(f"{target} is not a folder: {error}.") from None
    _refuse_others(folder, target, overwrite=overwrite)
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _cannot_write(target, error) from None
    try:
        yield draft
        made = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
        (draft / MARKER).write_text("\n".join(made) + "\n", encoding="utf-8")
        _refuse_others(folder, target, overwrite=overwrite)
        _put(draft, folder)
    except OSError as error:
        raise _cannot_write(target, error) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_others(folder: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds anything else than files of an earlier run, and these too unless it may go."""
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise OutputError(f"{target} is a file; {_CHOOSE}.")
        others, is_earlier = _others_in(folder), (folder / MARKER).is_file()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{target} cannot be read ({error}); {_CHOOSE}.") from None
    if others:
        raise OutputError(
            f"{target} holds {others[0]!r}, which bayesmeta did not make, so it is left as it is; {_CHOOSE}."
        )
    if is_earlier and not overwrite:
        raise OutputError(
            f"{target} holds an earlier result, which is kept; {_CHOOSE}, or let it be replaced (--overwrite; in "
            "Python overwrite=True)."
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


def _cannot_write(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{target} cannot be written: {reason}; {_CHOOSE}.")
