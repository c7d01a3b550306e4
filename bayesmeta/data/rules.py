"""Which values can one row of data hold, and what is said of those that it cannot?"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from bayesmeta.data.cells import Reading, decimals_of
from bayesmeta.data.kinds import Kind, arms_of, base_role
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import MEASURES

LARGEST_COUNT = 2.0**53
"""From here on not every whole number is a float, so counts would be changed silently."""

OFF_CENTRE = 0.25
"""An estimate this far from the centre of its interval, in half-widths, is worth a second look.

The usual interval is centred on the link scale up to rounding. Profile, bootstrap and exact intervals are not
quite, hence a judgement with room for them, and a warning, not an error: slipped digits exceed it easily."""

_AMBIGUOUS_POINT = re.compile(r"'?[1-9][0-9]{0,2}\.[0-9]{3}'?")
_TWO_NUMBERS = re.compile(r"'\s*[0-9]+\s*(/|of|\()\s*[0-9.]+\s*%?\)?\s*'")

type Severity = Literal["error", "warning"]
type Finding = tuple[str, str, Severity]
"""The role of the column, what is wrong and what to do, and whether it keeps the study out."""


def row_rule(kind: Kind, measure: str | None) -> Callable[[Mapping[str, Reading]], list[Finding]]:
    """Return the function that says what is wrong with one row.

    Parameters
    ----------
    kind : str
        What describes a study, a key of `ROLES_OF_KIND`.
    measure : str or None
        Scale of the estimates.

    Returns
    -------
    callable
        From the readings of the kind's roles to the findings, none if the row is good.
    """
    if kind == "estimates":
        return _check_estimate
    if kind == "intervals":
        link = MEASURES[measure or "GEN"].link
        return lambda readings: _check_interval(readings, link, measure)
    check_arm = _check_rate if kind.endswith("rates") else _check_counts
    return lambda readings: [finding for arm in arms_of(kind) for finding in check_arm(readings, arm)]


def _check_counts(readings: Mapping[str, Reading], arm: str) -> list[Finding]:
    """Return what is wrong with events and n, of the one arm or of the arm with this ending."""
    r, size = f"events{arm}", f"n{arm}"
    events, n = readings[r], readings[size]
    texts = {r: _count_fault(r, events, n), size: _count_fault(size, n, n)}
    found: list[Finding] = [(role, text, "error") for role, text in texts.items() if text]
    if not found and events.value > n.value:
        found.append((r, f"{r}={_plain(events)} > {size}={_plain(n)}; correct one of them", "error"))
    return found


def _check_rate(readings: Mapping[str, Reading], arm: str) -> list[Finding]:
    """Return what is wrong with events and person-time, of the one arm or of the arm with this ending."""
    r, length = f"events{arm}", f"time{arm}"
    texts = {r: _count_fault(r, readings[r], None), length: _time_fault(length, readings[length])}
    return [(role, text, "error") for role, text in texts.items() if text]


def _time_fault(role: str, time: Reading) -> str:
    if time.fault:
        return _fault_text(time, "the person-time")
    return "" if time.value > 0.0 else f"{role}={_plain(time)} must be greater than 0; give the person-time"


def _count_fault(role: str, count: Reading, n: Reading | None) -> str:
    """Return what is wrong with a count, events or n, or ""; n is that of the arm, or None if there is none."""
    is_size = base_role(role) == "n"
    if count.fault == "percent":
        return f"{count.shown} is a per cent; counts are needed{_count_hint(is_size, count.value, n)}"
    if count.fault == "text" and _TWO_NUMBERS.fullmatch(count.shown):
        return f"{count.shown} holds two numbers; put events and {'time' if n is None else 'n'} into a column each"
    if count.fault:
        return _fault_text(count, "a count")
    value = count.value
    if _AMBIGUOUS_POINT.fullmatch(count.shown):
        plain = count.shown.replace(".", "").strip("'")
        return f"{count.shown} has a point; write the count without it ({plain}, if it separates thousands)"
    if 0.0 < value < 1.0:
        return f"{count.shown} is a fraction; counts are needed{_count_hint(is_size, value, n)}"
    if not value.is_integer():
        return f"{count.shown} is not a whole number; counts are needed"
    if abs(value) >= LARGEST_COUNT:
        return f"{count.shown} is too large for a count (2**53 or more); correct it"
    if value < 0.0:
        return f"{count.shown} is negative; give a count, {'1' if is_size else '0'} or more"
    return f"{role}=0 means no patients; {role} must be 1 or more" if is_size and value == 0.0 else ""


def _count_hint(is_size: bool, fraction: float, n: Reading | None) -> str:
    if is_size:
        return ": the number of patients"
    if n is None:
        return ": the number of events"
    advice = ": look up the number of patients with the event"
    if n.fault is not None or n.value < 1.0 or not 0.0 <= fraction <= 1.0:
        return advice
    return f"{advice} (a hint only: {fraction:g} × {_plain(n)} = {fraction * n.value:.1f})"


def _plain(reading: Reading) -> str:
    return f"{reading.value:.15g}"


def _fault_text(reading: Reading, wanted: str) -> str:
    shown = reading.shown
    plain = re.sub(r"[^0-9.+-]" if "," in shown or shown.count(".") < 2 else r"[^0-9+-]", "", shown)
    return {
        "missing": f"the value is missing; give {wanted}, or leave out the study",
        "boolean": f"{shown} is a truth value; give {wanted}",
        "percent": f"{shown} has a per-cent sign; write a plain number",
        "thousands": f"{shown} has a thousands separator; write {plain}",
        "comma": f"{shown} has a comma; write the decimals with a point",
        "infinite": f"{shown} is not finite; give {wanted}",
        "text": f"{shown} is not a number; give {wanted}",
    }[reading.fault or "text"]


def _check_estimate(readings: Mapping[str, Reading]) -> list[Finding]:
    found: list[Finding] = [
        (role, _fault_text(reading, "a finite number"), "error") for role, reading in readings.items() if reading.fault
    ]
    se = readings["se"]
    if se.fault is None and se.value <= 0.0:
        found.append(("se", f"se={_plain(se)} must be greater than 0; give the standard error", "error"))
    return found


def _check_interval(readings: Mapping[str, Reading], link: str, measure: str | None) -> list[Finding]:
    found: list[Finding] = []
    for role, reading in readings.items():
        if reading.fault:
            found.append((role, _fault_text(reading, "a finite number"), "error"))
        elif link == "log" and reading.value <= 0.0:
            text = f"{role}={_plain(reading)} must be greater than 0 for {measure}, which is a ratio"
            found.append((role, f"{text}; if the values are logs already, leave out measure", "error"))
    if found:
        return found
    lower, estimate, upper = (readings[role] for role in ("lower", "estimate", "upper"))
    for role, low, high in (("lower", lower, estimate), ("upper", estimate, upper)):
        if not low.value < high.value:
            names = ("lower", "estimate") if role == "lower" else ("estimate", "upper")
            text = f"{names[0]}={_plain(low)} is not below {names[1]}={_plain(high)}"
            found.append((role, f"{text}; needed is lower < estimate < upper", "error"))
    return found or _off_centre(readings, link)


def _off_centre(readings: Mapping[str, Reading], link: str) -> list[Finding]:
    """Return a warning if the estimate lies far from the centre of its interval, rounding allowed for.

    Of the intervals here nothing is known. A ratio that a review extracts may be off by less (`extraction_rows`), a
    print whose convention is known by its rounding alone (`audit_relations`).
    """
    to_link = LINKS[link].link
    y, low, high = (float(to_link(readings[role].value)) for role in ("estimate", "lower", "upper"))
    last_digit = 0.5 * 10.0 ** -max(decimals_of(reading.value) for reading in readings.values())
    slack = [
        float(to_link(readings[role].value + last_digit)) - value
        for role, value in (("estimate", y), ("lower", low), ("upper", high))
    ]
    rounding = slack[0] + 0.5 * (slack[1] + slack[2])
    if abs(y - 0.5 * (low + high)) <= OFF_CENTRE * 0.5 * (high - low) + rounding:
        return []
    shown = ", ".join(f"{role}={_plain(readings[role])}" for role in ("lower", "estimate", "upper"))
    where = " of the log scale" if link == "log" else ""
    text = f"the estimate is far from the centre of its interval{where} ({shown}); compare with the paper"
    return [("estimate", text, "warning")]
