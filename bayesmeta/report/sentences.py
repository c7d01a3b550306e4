"""What is the answer, in sentences? The three estimands kept apart, and what a classical estimate is an estimate of."""

from collections.abc import Iterator
from math import nan
from typing import Any

from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.estimands import MEANINGS
from bayesmeta.report.markdown import escaped
from bayesmeta.report.shown import Shown


def answer_sentences(shown: Shown) -> str:
    """Return the results of all fits in sentences, a paragraph for each; NUTS only where there is no exact fit.

    Parameters
    ----------
    shown : Shown
        The numbers, with the way to print them.
    """
    fits = shown.results.fits
    told = [name for name, fit in fits.items() if not (isinstance(fit, NutsFit) and "exact" in fits)]
    return "\n\n".join(" ".join(_sentences(shown, name)) for name in told)


def _sentences(shown: Shown, name: str) -> Iterator[str]:
    rows = {str(row.parameter): row for row in shown.pooled(name).itertuples(index=False)}
    method, is_classical = escaped(shown.method(name)), isinstance(shown.results.fits[name], FrequentistFit | GlmmFit)
    parameters = [parameter for parameter in rows if parameter in MEANINGS]
    for i, parameter in enumerate(parameters):
        row = rows[parameter]
        if parameter in ("p_new", "theta_new"):
            yield _next(shown, row, parameter, is_classical=is_classical)
            continue
        what, values = _what(shown, parameter), _values(shown, row)
        verb = "is estimated as" if is_classical else "is"
        yield f"{method}: {what} {verb} {values}." if i == 0 else f"{what[0].upper()}{what[1:]} {verb} {values}."
    if {"p_median", "p_mean", "p_new"} <= set(parameters) and not is_classical:
        yield "These are answers to three questions, and none stands for another."


def _what(shown: Shown, parameter: str) -> str:
    """Return what a parameter is; of ratios the mean effect is that of their logarithms."""
    if parameter == "mu" and shown.title == "Ratio":
        return f"the {shown.noun} of the median study"
    return MEANINGS[parameter]


def _values(shown: Shown, row: Any) -> str:
    return f"{escaped(shown.cell(row))}{_sign(shown)} ({shown.percent} {row.interval})"


def _next(shown: Shown, row: Any, parameter: str, *, is_classical: bool) -> str:
    """Return where the next study is expected."""
    what = f"true {shown.noun} of a next study" if shown.title == "Ratio" else MEANINGS[parameter].removeprefix("the ")
    interval = escaped(shown.printing.cell(nan, row.lower, row.upper)) + _sign(shown)
    if is_classical:
        return f"The {shown.percent} prediction interval (PI) of the {what} is {interval}."
    return f"With {shown.percent} probability the {what} lies within {interval} (PI)."


def _sign(shown: Shown) -> str:
    return f" {shown.printing.unit.sign}" if shown.printing.unit.sign else ""
