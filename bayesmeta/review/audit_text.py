"""How does an audit read as plain text?"""

from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesmeta.review.texts import wrapped

if TYPE_CHECKING:
    from bayesmeta.review.audit import Audit

SHOWN: Final = 5
"""Conventions that are listed."""


def audit_text(found: "Audit") -> str:
    """Return the verdict, the best conventions and the faults, a line each."""
    return "\n".join([*_verdict(found), *_conventions(found.conventions), *_faults(found.faults), *_notes(found)])


def _verdict(found: "Audit") -> list[str]:
    judged = found.figures[found.figures["status"] != "no data"]
    if not len(judged):
        return ["Audit of printed results: nothing was recomputed."]
    if not found.best:
        return [f"Audit of printed results: no convention explains the {len(judged)} figures."]
    explained = int((judged["status"] == "explained").sum())
    top = int(found.conventions["explained"].iloc[0])
    several = "" if top == explained else ", row by row one of several, first of them"
    lines = f"Audit of printed results: {top} of {len(judged)} figures follow from the data{several}", f"{found.best};"
    return [lines[0], *wrapped(lines[1], 2), f"  {found.margin} more than by any other."]


def _conventions(table: pd.DataFrame) -> list[str]:
    if not len(table) or not table["figures"].iloc[0]:
        return []
    lines = ["", "Conventions"]
    for row in table.head(SHOWN).itertuples(index=False):
        name = f"{row.convention} {row.tau2_method} {row.ci_method}"
        lines.append(f"  {name:<36} {row.explained:>4} of {row.figures}")
    rest = len(table) - SHOWN
    return lines if rest <= 0 else [*lines, f"  and {rest} more"]


def _faults(faults: pd.DataFrame) -> list[str]:
    if not len(faults):
        return ["", "Faults: none found"]
    lines = ["", f"Faults: {len(faults)}"]
    for row in faults.astype(str).to_dict("records"):
        what = ", ".join(filter(None, (row["outcome"], row["subgroup"])))
        place = f"{row['table']}, {row['row']}" + (f" ({what})" if what else "")
        wanted = f", should be {row['should_be']}" if row["should_be"] else ""
        lines.append(f"  {place}, {row['column']}: {row['printed']}{wanted}")
        lines += wrapped(f"{row['kind']}: {row['reason']}", 6)
    return lines


def _notes(found: "Audit") -> list[str]:
    return ["", "Notes", *(line for note in found.notes for line in wrapped(f"- {note}", 2))] if found.notes else []
