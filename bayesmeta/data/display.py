"""How do studies look at the prompt and in a notebook?"""

import html
from collections.abc import Mapping, Sequence

from bayesmeta._arrays import FloatArray
from bayesmeta.data.kinds import ARMS, Kind, arms_of

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


def data_texts(kind: Kind, data: Mapping[str, FloatArray]) -> dict[str, list[str]]:
    """Return each study's data as text: ``7/15`` for events of patients, ``7/1344`` for events and person-time.

    Parameters
    ----------
    kind : str
        What describes the studies.
    data : mapping of arrays, shape (k,)
        Role to values.

    Returns
    -------
    dict of lists of str
        By heading: ``events/n``, ``events/time`` or ``y (se)``; for two arms ``treatment`` and ``control``.
    """
    if kind == "estimates":
        return {"y (se)": [f"{y:.3g} ({se:.3g})" for y, se in zip(data["y"], data["se"], strict=True)]}
    base = "time" if kind.endswith("rates") else "n"
    arms = arms_of(kind)
    headings = ARMS if len(arms) > 1 else (f"events/{base}",)
    return {
        heading: [f"{r:.0f}/{size:.15g}" for r, size in zip(data[f"events{arm}"], data[f"{base}{arm}"], strict=True)]
        for heading, arm in zip(headings, arms, strict=True)
    }


def totals_text(kind: Kind, data: Mapping[str, FloatArray], measure: str | None) -> str:
    """Return what all studies together hold: ``10/25 events``, or the measure of estimates.

    Parameters
    ----------
    kind : str
        What describes the studies.
    data : mapping of arrays, shape (k,)
        Role to values.
    measure : str or None
        Scale of estimates.

    Returns
    -------
    str
        A few words.
    """
    if kind == "estimates":
        return f"measure {measure}"
    total = {role: f"{values.sum():.15g}" for role, values in data.items()}
    if kind == "counts":
        return f"{total['events']}/{total['n']} events"
    if kind == "rates":
        return f"{total['events']} events in person-time {total['time']}"
    base = "time" if kind == "two-arm-rates" else "n"
    texts = [f"{arm} {total[f'events_{arm}']}/{total[f'{base}_{arm}']}" for arm in ARMS]
    return f"{', '.join(texts)} {'events/person-time' if base == 'time' else 'events'}"


def as_html(headline: str, labels: Sequence[str], columns: Mapping[str, Sequence[str]]) -> str:
    """Return the headline and all studies as an HTML table, with all text escaped.

    Parameters
    ----------
    headline : str
        The paragraph above the table.
    labels : sequence of str
        Study labels.
    columns : mapping of sequences of str
        Heading to the data of each study.

    Returns
    -------
    str
        One HTML element.
    """
    headings = "".join(f"<th>{html.escape(heading)}</th>" for heading in columns)
    head = f"<tr><th style='text-align:left'>study</th>{headings}</tr>"
    rows = "".join(
        f"<tr><td style='text-align:left'>{html.escape(label)}</td>"
        f"{''.join(f'<td>{html.escape(text)}</td>' for text in texts)}</tr>"
        for label, *texts in zip(labels, *columns.values(), strict=True)
    )
    return f"<div><p>{html.escape(headline)}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"
