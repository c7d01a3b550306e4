"""What does a user fill in to begin with: the flow, the quality of studies, what was taken from them?"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bayesmeta.errors import OutputError, SpecError
from bayesmeta.review.extraction_schema import EXAMPLE, FIELDS
from bayesmeta.review.prisma_boxes import BOXES, MAIN, OTHER
from bayesmeta.review.quality_tools import quality_tool

_HEAD: Final = """schema = 1
title = "Our review"
source = ""

# Fill in the numbers that the review has and take away the # before them. What is missing is named, never filled in.
[boxes]
"""
_TAIL: Final = """
# Parts of a box by name, which must sum to it: databases, registers, reasons of exclusion.
[parts.databases]
# PubMed = 0

[parts.excluded_reports]
# "wrong population" = 0

# What the review says of a box.
[notes]
# duplicates = "not printed"
"""
_HEADS: Final = {MAIN: "# Databases and registers", OTHER: "# Other methods, if there were any", "": "# Included"}


def write_prisma_template(path: str | os.PathLike[str]) -> Path:
    """Write a TOML file with all boxes of the PRISMA 2020 flow diagram, to be filled in for `prisma_flow`.

    Parameters
    ----------
    path : str or path
        Where, ending in ``.toml``; no file is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it exists, or cannot be written.
    SpecError
        If its name has another ending, by which `prisma_flow` would take it for a table.
    """
    if Path(path).suffix.lower() != ".toml":
        raise SpecError(f"the template of a flow is a TOML file: call it {Path(path).with_suffix('.toml').name}.")
    lines = []
    for arm, head in _HEADS.items():
        lines += [head, *(f"# {f'{box.key} = 0':30} # {box.words}" for box in BOXES.values() if box.arm == arm)]
    return _write_new(path, _HEAD + "\n".join(lines) + "\n" + _TAIL)


def write_quality_template(path: str | os.PathLike[str], tool: str, *, studies: Sequence[str] = ("Lee 2019",)) -> Path:
    """Write a CSV file with a column for each item of a tool, to be filled in for `read_quality`.

    Parameters
    ----------
    path : str or path
        Where; no file is replaced.
    tool : str
        One of `list_quality_tools`, or a TOML file of your own.
    studies : sequence of str
        Their labels, a row each.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it exists, or cannot be written.
    SpecError
        If the tool is unknown.
    """
    chosen = quality_tool(tool)
    last = ["total"] if chosen.has_points else ["overall"] if chosen.overall else []
    columns = ["study", "tool", *chosen.codes, *last]
    frame = pd.DataFrame({"study": list(studies), "tool": tool}, columns=columns)
    return _write_new(path, frame.to_csv(index=False, lineterminator="\n"))


def write_extraction_template(path: str | os.PathLike[str]) -> Path:
    """Write a CSV file with all columns of the extraction table and three made-up rows, for `read_extraction`.

    Parameters
    ----------
    path : str or path
        Where; no file is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it exists, or cannot be written.
    """
    return _write_new(path, pd.DataFrame(list(EXAMPLE), columns=list(FIELDS)).to_csv(index=False, lineterminator="\n"))


def _write_new(path: str | os.PathLike[str], text: str) -> Path:
    """Write a file that does not exist yet."""
    file = Path(path)
    try:
        with file.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except FileExistsError:
        raise OutputError(f"{file} exists and is kept; move it away, or choose another name.") from None
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror or error}.") from None
    return file
