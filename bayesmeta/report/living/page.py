"""How is the living report written? `living_report`, one HTML file in which the reader moves the priors.

The file holds the studies, and a program of plain JavaScript without any library that computes the posterior anew, as
`bayesmeta.exact` does: the same nodes, rules and two resolutions, so that each number has its error. It needs neither
network nor server. Figures are SVG and controls are the browser's own: a canvas, as Bokeh draws one, cannot be read by
a screen reader, and its library of a megabyte ages; this file must be readable in ten years.

The file does not carry the tabulated surface log m_i(mu, tau). One that serves every prior of the menus and all subsets
of the studies to 1e-6 takes 40 kB and more per study, because log m bends sharply far from the data; the sums that make
it take the browser a few milliseconds.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.errors import OutputError, SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.plots.forest_columns import Printing
from bayesmeta.plots.forest_fits import natural_scale
from bayesmeta.plots.forest_pooled import pooled_rows
from bayesmeta.plots.forest_units import choose_unit, decimals
from bayesmeta.report.living.payload import payload

PROGRAM: Final = (
    "special", "links", "priors", "coordinates", "surface", "region", "existence", "rows", "posterior", "summary",
    "effects", "marks", "figures", "state", "code", "page",
)  # fmt: skip
"""The files of the program in the order in which they build on one another."""


def living_report(
    fit: ExactFit,
    path: str | PathLike[str] | None = None,
    *,
    title: str = "Meta-analysis",
    ci_prob: float = 0.95,
    by: str | Sequence[str] | None = None,
    threshold: float | None = None,
) -> str:
    r"""Return one HTML file in which a reader moves the priors and leaves studies out; it works offline.

    Parameters
    ----------
    fit : ExactFit
        Where the page starts: binomial or normal likelihood, normal distribution of effects.
    path : path-like, optional
        Where to write it; nothing is written by default.
    title : str
        Heading.
    ci_prob : float
        Probability of the intervals at the start.
    by : str or sequence of str, optional
        Moderators by whose levels studies may be chosen; by default all those with few levels.
    threshold : float, optional
        The benchmark at the start, natural scale (a proportion, a ratio, or the effect itself).

    Returns
    -------
    str
        The text of the file.

    Raises
    ------
    SpecError
        If the page cannot compute this fit, or an option is not allowed.
    OutputError
        If the file cannot be written.

    Notes
    -----
    Numbers are those of `bayesmeta.fit` to its tolerance of 1e-6, each with the difference of two resolutions as its
    error; what is not certified is not shown. At the corners of the sliders the page recomputes answers of the exact
    engine that it carries, and says how far it is off.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> text = living_report(bm.fit(studies), title="Vasospasm")
    >>> text[:15], "Vasospasm" in text, "http://" in text.replace("http://www.w3.org/2000/svg", "")
    ('<!doctype html>', True, False)
    """
    text: str = environment().get_template("file.html").render(
        title=title, living=living_part(fit, ci_prob=ci_prob, by=by, threshold=threshold), style=file_text("style.css"),
    )  # fmt: skip
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None
    return text


def living_part(
    fit: ExactFit,
    *,
    ci_prob: float = 0.95,
    by: str | Sequence[str] | None = None,
    threshold: float | None = None,
    printing: Printing | None = None,
) -> str:
    """Return the living part alone, a ``<section>`` with its program, to stand in a page that has ``style.css``."""
    refusal = why_not(fit)
    if refusal:
        raise SpecError(f"the living report is not available: {refusal}.")
    data = payload(
        fit,
        ci_prob=check_probability("ci_prob", ci_prob),
        by=_groupings(fit, by),
        threshold=threshold,
        printing=_printing(fit, ci_prob) if printing is None else printing,
    )
    program = "\n".join(file_text(f"{name}.js") for name in PROGRAM)
    part: str = environment().get_template("living.html").render(data=_safe_json(data), program=program)
    return part


def _printing(fit: ExactFit, ci_prob: float) -> Printing:
    """Return unit and decimals as the forest plot of the fit has them."""
    frame = pd.DataFrame(pooled_rows(fit, ci_prob))
    unit = choose_unit(natural_scale(fit), None, frame)
    return Printing(unit, decimals(unit, frame), ci_prob)


def why_not(fit: object) -> str:
    """Return why the page cannot compute a fit, as the end of a sentence; an empty string if it can."""
    if not isinstance(fit, ExactFit):
        return f"it needs an exact fit of a model without a formula, and this is {a_type(fit)}"
    model = fit.model
    if model.likelihood not in ("binomial", "normal"):
        return f"the page computes the binomial and the normal likelihood, and the model has {model.likelihood!r}"
    if model.effects != "normal":
        return f"the page computes normally distributed effects, and the model has effects={model.effects!r}"
    if fit.power_weights is not None:
        return "the fit has power_weights, which the page does not know"
    from bayesmeta.report.living.menus import menus

    try:
        menus(fit)
    except SpecError as error:
        return str(error)
    return ""


MOST_LEVELS: Final = 8


def _groupings(fit: ExactFit, by: str | Sequence[str] | None) -> list[str]:
    moderators = fit.studies.moderators
    names = [str(name) for name in moderators.columns]
    if by is None:
        return [name for name in names if 2 <= moderators[name].nunique() <= MOST_LEVELS]
    wanted = [by] if isinstance(by, str) else list(by)
    for name in wanted:
        if name not in names:
            raise SpecError(unknown_name("by", name, names))
    return wanted


def _safe_json(data: dict[str, Any]) -> str:
    r"""Return JSON that cannot end the script that holds it: <, > and & as \u escapes, and both line separators."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def file_text(name: str) -> str:
    """Return a file that comes with this package: template, style, part of the program."""
    return (files("bayesmeta.report.living") / name).read_text(encoding="utf-8")


@cache
def environment() -> Any:
    """Return the Jinja2 environment of the templates, which escapes all that is not marked as ``trusted``."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(autoescape=True, loader=FunctionLoader(file_text), undefined=StrictUndefined, trim_blocks=True)
    made.filters["trusted"] = Markup  # our own program and style, and JSON without <, > and &
    return made
