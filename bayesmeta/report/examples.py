"""Which analyses come with the package, and how does a user get a copy to begin with?"""

from pathlib import Path
from typing import Final

from bayesmeta._validate import unknown_name
from bayesmeta.errors import OutputError, SpecError
from bayesmeta.report.analysis import Analysis

EXAMPLES: Final = Path(__file__).resolve().parents[1] / "examples"
FIRST: Final = "complete-remission"
"""The example of ``bayesmeta demo`` and ``bayesmeta init``."""
ANALYSIS: Final = "analysis.toml"
MODELS: Final = frozenset({"one-proportion.toml", "one-ratio.toml"})
"""Model files among the examples."""


def list_examples() -> list[str]:
    """Return the names of the examples, in alphabetical order.

    Examples
    --------
    >>> list_examples()[:3]
    ['adverse-events', 'all-grade-adverse-events', 'complete-molecular-response']
    """
    return sorted(path.stem for path in _files() if path.name not in MODELS)


def _files() -> list[Path]:
    return list(EXAMPLES.glob("*/*.toml"))


def example_path(name: str = FIRST) -> Path:
    """Return the analysis file of an example; its data lie beside it.

    Parameters
    ----------
    name : str
        One of `list_examples`.

    Raises
    ------
    SpecError
        If there is no example of this name.
    """
    if name not in list_examples():
        raise SpecError(unknown_name("example", name, list_examples()))
    return next(path for path in _files() if path.stem == name)


def example_files(name: str = FIRST) -> list[Path]:
    """Return all files of an example, the analysis first.

    Parameters
    ----------
    name : str
        One of `list_examples`.
    """
    path = example_path(name)
    analysis = Analysis.from_toml(path)
    others = [analysis.data.file, analysis.model.file if analysis.model else None]
    others.append(analysis.printed.file if analysis.printed else None)
    return [path, *(path.parent / file for file in others if file is not None)]


def copy_example(folder: Path, name: str = FIRST) -> list[Path]:
    """Copy the files of an example into a folder, which is made if need be; no file is replaced.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.
    name : str
        One of `list_examples`.

    Returns
    -------
    list of pathlib.Path
        The files that were written, the analysis first.

    Raises
    ------
    OutputError
        If a file is there already, in which case nothing is written, or cannot be written.
    """
    sources = example_files(name)
    targets = [folder / ANALYSIS, *(folder / path.name for path in sources[1:])]
    written: list[Path] = []
    try:
        for target in targets:
            if target.exists() or target.is_symlink():
                raise OutputError(f"{target} exists and is kept; move it away, or choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        for source, target in zip(sources, targets, strict=True):
            with target.open("xb") as file:
                written.append(target)
                file.write(source.read_bytes())
    except OSError as error:
        for target in written:
            target.unlink(missing_ok=True)
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}; choose another folder.") from None
    return targets
