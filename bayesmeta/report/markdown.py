"""How is text that others wrote put into Markdown, so that it is shown and never obeyed?"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bayesmeta.tables.render import printable

_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~$#])")
"""Characters with a meaning in CommonMark or GitHub's Markdown; `<`, `>` and `&` become entities."""
_LIST: Final = re.compile(r"^(?:([-+])(?=\s|$)|(\d+)(?=[.)](?:\s|$)))")
"""What would begin a list, at the start of a text."""


def escaped(text: object) -> str:
    r"""Return text as Markdown that shows it as it is, on one line.

    Parameters
    ----------
    text : object
        What is to be shown, such as a study label.

    Returns
    -------
    str
        For a paragraph, a heading or a cell of a table.

    Examples
    --------
    >>> print(escaped("Lee|2019 <b>\n1*"))
    Lee\|2019 &lt;b&gt; 1\*
    """
    line = printable(" ".join(str(text).split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _SPECIAL.sub(r"\\\1", line)
    return _LIST.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\", line)


def markdown_table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    trusted: Sequence[str] = (),
) -> str:
    """Return a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequences
        The cells; they are escaped.
    right : sequence of str
        Columns whose cells stand on the right.
    trusted : sequence of str
        Columns whose cells are Markdown already.

    Returns
    -------
    str
        Lines without a final line break.

    Examples
    --------
    >>> print(markdown_table(["study", "n"], [["Lee", 5]], right=["n"]))
    | study | n |
    | --- | ---: |
    | Lee | 5 |
    """
    rule = ["---:" if name in right else "---" for name in head]
    lines = [[escaped(name) for name in head], rule]
    for row in rows:
        lines.append([str(cell) if name in trusted else escaped(cell) for name, cell in zip(head, row, strict=True)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def anchor(heading: str) -> str:
    """Return how a heading is linked to, as GitHub does it.

    Examples
    --------
    >>> anchor("Versions and inputs")
    'versions-and-inputs'
    """
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


def markdown_list(texts: Iterable[str]) -> str:
    """Return a list of texts that are Markdown already."""
    return "\n".join(f"- {text}" for text in texts)
