"""What is wrong with one row of extracted results: missing, impossible, or contradictory in itself?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from scipy.special import ndtri

from bayesmeta._validate import unknown_name
from bayesmeta.data.cells import Reading, decimals_of, is_missing, read_number
from bayesmeta.data.rules import row_rule
from bayesmeta.effects.study_intervals import wilson
from bayesmeta.review.audit_cells import Figure, read_figure
from bayesmeta.review.extraction_schema import FIELDS, INTERVALS, RATIOS, SE_LIMITS
from bayesmeta.review.recover import counts_behind

type Cells = Mapping[str, Any]
type Finding = tuple[str, str, str]
"""Column, what is wrong, kind."""

NUMBERS: Final = tuple(name for name, field in FIELDS.items() if field.kind in ("count", "number"))
OFF_CENTRE: Final = 0.1
"""Of the half-width: limits this far off the estimate, beyond rounding, are no usual interval of it. Those of a profile
likelihood or an exact method may be a little off, hence a warning below, and an error from here on."""
TIGHT: Final = 0.97
"""Of the narrowest interval that so many patients can give; narrower ones are those of something else."""
Z95: Final = float(ndtri(0.975))


def digit_of(cell: object) -> float:
    """Return half a unit of the last digit with which a number is written: 0.005 for ``0.71``, 0.5 for ``34``."""
    return float(0.5 * 10.0 ** -decimals_of(cell))


def row_faults(cells: Cells) -> Iterator[Finding]:
    """Yield what is wrong with a row, given its cells as they stand."""
    wrong = list(_cell_faults(cells))
    yield from wrong
    if wrong:
        return
    readings = {name: read_number(cells.get(name)) for name in NUMBERS}
    measure = str(cells["measure"])
    if measure == "count":
        yield from _count_faults(cells, readings)
    else:
        yield from _estimate_faults(cells, readings, measure)


def _cell_faults(cells: Cells) -> Iterator[Finding]:
    for name, field in FIELDS.items():
        cell = cells.get(name)
        if is_missing(cell):
            if field.required:
                yield name, f"the value is missing; give {field.meaning}", "error"
        elif field.kind == "word" and str(cell) not in field.words:
            yield name, unknown_name(name, str(cell), field.words).rstrip("."), "error"
        elif field.kind in ("count", "number") and (reading := read_number(cell)).fault:
            yield name, f"{reading.shown} is not a plain number; write 34 or 0.71, without signs or units", "error"


def _count_faults(cells: Cells, readings: Mapping[str, Reading]) -> Iterator[Finding]:
    """Yield what is wrong with events of n, and with the percentage beside them."""
    if cells["arm"] == "contrast":
        yield "arm", "a count is of one arm; give a row for each arm", "error"
        return
    given = {name: readings[name] for name in ("events", "n", "percent")}
    without_events = bool(given["events"].fault)
    if given["n"].fault or (without_events and given["percent"].fault):
        yield "n" if given["n"].fault else "events", "a count needs n, and events or percent", "error"
        return
    if without_events:
        given["events"] = Reading(0.0, None, "0")
    found = row_rule("counts", None)({name: given[name] for name in ("events", "n")})
    yield from found
    if found or given["percent"].fault:
        return
    figure = read_figure(cells["percent"], factor=100.0)
    if figure is not None:
        yield from _percent_faults(figure, given["n"].value, None if without_events else given["events"].value)


def _percent_faults(figure: Figure, n: float, events: float | None) -> Iterator[Finding]:
    """Yield whether a percentage, rounded at half a unit of its last digit, is that of a count (GRIM)."""
    percent = 100.0 * figure.value
    if not 0.0 <= percent <= 100.0:
        yield "percent", f"{percent:g} is no percentage of patients; give 0 to 100", "error"
        return
    possible, _ = counts_behind(figure, np.array([n]))
    near = round(percent * n / 100.0)
    if events is not None and events not in possible:
        text = f"{events:.0f}/{n:.0f} is {100.0 * events / n:.4g} %, not {percent:g} %; correct one of them"
        yield "percent", text, "error"
    elif events is None and not possible.size:
        text = f"no count of {n:.0f} gives {percent:g} %: {near}/{n:.0f} is {100.0 * near / n:.4g} %; is n another?"
        yield "percent", text, "error"
    elif events is None:
        counts = f"{possible[0]:.0f}" if possible.size == 1 else f"{possible[0]:.0f} to {possible[-1]:.0f}"
        text = f"not given; {percent:g} % of {n:.0f} is {counts} (reconstructed, if you take it: say so in status)"
        yield "events", text, "warning"


def _estimate_faults(cells: Cells, readings: Mapping[str, Reading], measure: str) -> Iterator[Finding]:
    size = readings["n"]
    if readings["estimate"].fault:
        yield "estimate", f"a {measure} needs an estimate", "error"
        return
    if not size.fault and not (size.value.is_integer() and size.value >= 1.0):
        yield "n", f"{size.shown} is no number of patients; give 1, 2, ..., or leave it empty", "error"
        return
    if measure in RATIOS and cells["arm"] != "contrast":
        yield "arm", f"a {measure} compares two arms; its arm is contrast", "error"
    limits = [name for name in ("lower", "upper") if not readings[name].fault]
    if len(limits) == 1:
        missing = "upper" if limits == ["lower"] else "lower"
        yield missing, "one limit is given and the other is not; give both", "error"
    elif limits and is_missing(cells.get("interval")):
        yield "interval", "limits are given, but not what they are; say 95% CI or +/-1 SE", "error"
    elif limits:
        yield from _limit_faults(cells, readings, measure)
    elif measure in RATIOS and readings["estimate"].value <= 0.0:
        yield "estimate", f"{readings['estimate'].value:g} is no ratio, which is positive", "error"
    if measure == "percent" and not 0.0 <= readings["estimate"].value <= 100.0:
        yield "estimate", f"{readings['estimate'].value:g} is no percentage of patients; give 0 to 100", "error"
    if measure in RATIOS and str(cells.get("reference")) == "treatment" and not readings["estimate"].fault:
        yield (
            "reference",
            f"the {measure} is of control against treatment; turned round it is {_inverse(readings)}",
            "error",
        )


def _inverse(readings: Mapping[str, Reading]) -> str:
    value, low, high = (readings[name].value for name in ("estimate", "lower", "upper"))
    limits = "" if np.isnan([low, high]).any() else f" ({1.0 / high:.3g} to {1.0 / low:.3g})"
    return f"{1.0 / value:.3g}{limits}: write that, with reference control"


def _limit_faults(cells: Cells, readings: Mapping[str, Reading], measure: str) -> Iterator[Finding]:
    three = {name: readings[name] for name in ("lower", "estimate", "upper")}
    link = "HR" if measure in RATIOS else None
    errors = [(column, text) for column, text, kind in row_rule("intervals", link)(three) if kind == "error"]
    values = {name: reading.value for name, reading in three.items()}
    if measure == "percent" and values["estimate"] in (0.0, 100.0) and values["lower"] < values["upper"]:
        end = "lower" if values["estimate"] == 0.0 else "upper"  # where an exact interval ends at its estimate
        errors = [found for found in errors if found[0] != end or values[end] != values["estimate"]]
    if errors:
        for column, text in errors:
            yield column, text.replace("for HR", f"for {measure}").partition("; if the values are logs")[0], "error"
        return
    halves = {name: digit_of(cells[name]) for name in three}
    if cells["interval"] == SE_LIMITS:
        yield from _se_limits(values, halves)
        return
    if measure == "percent":
        out = [name for name in ("lower", "upper") if not 0.0 <= values[name] <= 100.0]
        yield from ((name, f"{values[name]:g} is no percentage of patients; give 0 to 100", "error") for name in out)
    if measure in RATIOS:
        yield from _off_centre(values, halves, measure)
    prob = INTERVALS[str(cells["interval"])]
    if not readings["n"].fault:
        yield from _too_narrow(values, halves, readings["n"].value, measure, prob)


def _se_limits(values: Mapping[str, float], halves: Mapping[str, float]) -> Iterator[Finding]:
    """Yield that limits are one SE apart, and whether they are."""
    below, above = values["estimate"] - values["lower"], values["upper"] - values["estimate"]
    if abs(below - above) > 2.0 * halves["estimate"] + halves["lower"] + halves["upper"] + 1e-9:
        yield "interval", f"limits {below:.3g} below and {above:.3g} above are not +/-1 SE, which are alike", "error"
        return
    se = 0.5 * (below + above)
    low, high = values["estimate"] - Z95 * se, values["estimate"] + Z95 * se
    text = f"the limits are +/-1 SE, no 95% CI, which would be about {low:.4g} to {high:.4g}; never pool them as a CI"
    yield "interval", text, "warning"


def _off_centre(values: Mapping[str, float], halves: Mapping[str, float], measure: str) -> Iterator[Finding]:
    """Yield whether the geometric mean of a ratio's limits is the estimate; stricter than `data.rules`."""
    low, middle, high = (np.log(values[name]) for name in ("lower", "estimate", "upper"))
    slack = (
        halves["estimate"] / values["estimate"]
        + 0.5 * halves["lower"] / max(values["lower"] - halves["lower"], 1e-12)
        + 0.5 * halves["upper"] / values["upper"]
    )
    off = abs(middle - 0.5 * (low + high)) - slack
    if off <= 0.0:
        return
    centre = np.exp(0.5 * (low + high))
    text = f"the geometric mean of the limits {values['lower']:g} and {values['upper']:g} is {centre:.3g}, "
    text += f"but the {measure} is {values['estimate']:g}"
    mean = 0.5 * (values["lower"] + values["upper"])
    if abs(mean - values["estimate"]) <= halves["estimate"] + 0.5 * (halves["lower"] + halves["upper"]) + 1e-9:
        text += "; they lie alike to both sides of it: is it the estimate +/- an SE, or another scale?"
    kind = "error" if off > OFF_CENTRE * 0.5 * (high - low) else "warning"
    yield "estimate", f"{text}; compare with the paper", kind


def _too_narrow(
    values: Mapping[str, float], halves: Mapping[str, float], n: float, measure: str, prob: float
) -> Iterator[Finding]:
    """Yield whether an interval is narrower than so many patients can give, as an SE printed for a CI is."""
    z = float(ndtri(0.5 + 0.5 * prob))
    if measure == "percent" and values["lower"] > 0.0 and values["upper"] < 100.0:  # else they may be cut off there
        p = values["estimate"] / 100.0
        low, high = wilson(p * n, n, ci_prob=prob)
        least = 100.0 * min(2.0 * z * np.sqrt(p * (1.0 - p) / n), float(np.squeeze(high - low)))
        width = values["upper"] - values["lower"] + halves["lower"] + halves["upper"]
    elif measure == "HR":  # its variance is 1/d + 1/d', of deaths in both arms; at best everyone dies in equal arms
        least = 2.0 * z * 2.0 / np.sqrt(n)
        width = np.log((values["upper"] + halves["upper"]) / max(values["lower"] - halves["lower"], 1e-12))
    else:
        return
    if width < TIGHT * least:
        shown = f"{values['lower']:g} to {values['upper']:g}"
        text = f"{shown} is too narrow for a {100.0 * prob:g}% CI of {n:.0f} patients, even without censoring"
        yield "interval", f"{text}: are the limits +/-1 SE, or those of another sample?", "error"
