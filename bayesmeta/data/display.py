"""How do studies look at the prompt and in a notebook?"""

import html
from collections.abc import Sequence

SHOWN_STUDIES = 5


def as_text(headline: str, labels: Sequence[str], texts: Sequence[str]) -> str:
    """Return the headline and the first few studies, a line each.

    Parameters
    ----------
    headline : str
        The first line.
    labels, texts : sequence of str
        Study labels, and their data.

    Returns
    -------
    str
        Lines without a final line break.
    """
    shown = labels[:SHOWN_STUDIES]
    width = max(map(len, shown))
    lines = [f"  {label:<{width}}  {text}" for label, text in zip(shown, texts, strict=False)]
    more = [f"  and {len(labels) - SHOWN_STUDIES} more"] if len(labels) > SHOWN_STUDIES else []
    return "\n".join([headline, *lines, *more])


def as_html(headline: str, column: str, labels: Sequence[str], texts: Sequence[str]) -> str:
    """Return the headline and all studies as an HTML table, with all text escaped.

    Parameters
    ----------
    headline : str
        The paragraph above the table.
    column : str
        Heading of the data.
    labels, texts : sequence of str
        Study labels, and their data.

    Returns
    -------
    str
        One HTML element.
    """
    head = f"<tr><th style='text-align:left'>study</th><th>{html.escape(column)}</th></tr>"
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(label)}</td><td>{html.escape(text)}</td></tr>"
        for label, text in zip(labels, texts, strict=True)
    )
    return f"<div><p>{html.escape(headline)}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"
