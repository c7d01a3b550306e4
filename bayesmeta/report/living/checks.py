"""What must the reader's browser find? Answers of the exact engine at the corners of the sliders.

The page recomputes them when it is opened, and says how far it is off: what it claims is checked where it is read.
A family of mu and one of tau are taken to the ends of their sliders together, so that one fit speaks for two. Where the
exact engine cannot compute that to its tolerance, and of families with heavy tails, each is asked alone, with the other
prior of the fit; a corner that fails then is cut off: the slider ends earlier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from bayesmeta._arrays import IntArray
from bayesmeta.errors import AccuracyError, ImproperPosteriorError
from bayesmeta.exact.fit import ExactFit, fit_exact
from bayesmeta.report.living.menus import Menu, Slider
from bayesmeta.result.summary import COLUMNS
from bayesmeta.spec.priors import Prior

CERTIFIED: Final = 1e-5
"""Largest numerical error of a corner; single fits refine themselves to 1e-6 of scale where that can be had."""
CUTS: Final = 6
"""How often a corner that fails is moved half-way towards the slider's start."""

type Check = dict[str, Any]
type Part = tuple[IntArray, ExactFit]
"""Places of studies, and a fit of these."""


def checked(fit: ExactFit, mu: Menu, tau: Menu) -> tuple[Menu, Menu, list[Check]]:
    """Return the menus with certified limits, and the answers at their corners.

    Parameters
    ----------
    fit : ExactFit
        The fit that the page starts from.
    mu, tau : mapping
        From `menus`.

    Returns
    -------
    mu, tau : mapping
        The menus whose corners were computed, each with all studies and with the least informative study alone.
    checks : list of dict
        Priors, places of the studies, and ``mean sd median lower upper`` of each parameter.
    """
    every, alone = np.arange(fit.k), _least(fit)
    parts = [(every, fit), *([(alone, _alone(fit, alone))] if fit.k > 1 else [])]
    found: list[Check] = [_record(fit, every)]
    given = {"mu": mu, "tau": tau}
    certified: dict[str, Menu] = {name: {} for name in given}
    for pair in _pairs(given, fit.link):
        records = _together(parts, given, pair) if len(pair) == 2 else None
        found += records or []
        for name, family in pair.items():
            whole = given[name][family]
            kept = _cut(parts, name, family, whole, found) if records is None else whole
            if kept is not None:
                certified[name][family] = kept
    in_order = [
        {family: certified[name][family] for family in given[name] if family in certified[name]} for name in given
    ]
    return in_order[0], in_order[1], found


def _pairs(given: Mapping[str, Menu], link: str) -> Iterator[dict[str, str]]:
    """Yield a family of mu with one of tau; alone those left over, and those with heavy tails, which take long."""
    heavy = {
        name: [family for family, sliders in menu.items() if _is_heavy(family, sliders, link)]
        for name, menu in given.items()
    }
    light = ([family for family in menu if family not in heavy[name]] for name, menu in given.items())
    for families in zip_longest(*light):
        yield {name: family for name, family in zip(given, families, strict=True) if family is not None}
    yield from ({name: family} for name, families in heavy.items() for family in families)


def _is_heavy(family: str, sliders: tuple[Slider, ...], link: str) -> bool:
    return Prior(family, *(slider.start for slider in sliders)).resolved(link=link).tail_order < np.inf


def _together(parts: list[Part], given: Mapping[str, Menu], pair: Mapping[str, str]) -> list[Check] | None:
    """Return the answers with the priors of both parameters at the ends of their sliders; None if one fails."""
    corners = [list(_corners(given[name][family])) for name, family in pair.items()]
    if len({len(each) for each in corners}) > 1:  # a family without sliders has one place only
        return None
    found: list[Check] = []
    try:
        for ends in zip(*corners, strict=True):
            found += _at(parts, {name: Prior(pair[name], *end) for name, end in zip(pair, ends, strict=True)})
    except (AccuracyError, ImproperPosteriorError):
        return None
    return found


def _least(fit: ExactFit) -> IntArray:
    _, variance = fit.solution.problem.terms.rough()
    return np.array([int(np.argmax(variance))])


def _alone(fit: ExactFit, places: IntArray) -> ExactFit:
    studies = fit.studies.take(places)
    model = fit.model
    if not (model.mu.is_proper and model.tau.is_proper):
        model = model.with_priors(mu=Prior("Normal", 0.0, 1.5), tau=Prior("HalfNormal", 1.0))
    return fit_exact(studies, model, measure=fit.measure if fit.studies.kind != "estimates" else None)


def _cut(
    parts: list[Part], parameter: str, family: str, sliders: tuple[Slider, ...], found: list[Check]
) -> tuple[Slider, ...] | None:
    """Return the sliders with limits at which all parts can be computed; None if their starts cannot."""
    for _ in range(CUTS):
        try:
            records = [
                record for corner in _corners(sliders) for record in _at(parts, {parameter: Prior(family, *corner)})
            ]
        except (AccuracyError, ImproperPosteriorError):
            sliders = tuple(_nearer(slider) for slider in sliders)
            continue
        found += records
        return sliders
    return None


LOCATIONS: Final = ("mu", "alpha")


def _corners(sliders: tuple[Slider, ...]) -> Iterator[tuple[float, ...]]:
    """Yield the narrowest prior where the slider of its location starts, and the widest at the end of that slider."""
    yield tuple(slider.start if _is_location(slider) else slider.low for slider in sliders)
    if sliders:
        yield tuple(slider.high for slider in sliders)


def _is_location(slider: Slider) -> bool:
    return slider.name in LOCATIONS and not slider.is_log


def _nearer(slider: Slider) -> Slider:
    if slider.is_log:
        low, high = (float(np.sqrt(end * slider.start)) for end in (slider.low, slider.high))
    else:
        low, high = (0.5 * (end + slider.start) for end in (slider.low, slider.high))
    return replace(slider, low=low, high=high)


def _at(parts: list[Part], priors: Mapping[str, Prior]) -> Iterator[Check]:
    """Yield the answers at one corner, of all studies and of one alone where that posterior has moments."""
    link = parts[0][1].link
    is_light = all(prior.resolved(link=link).tail_order == np.inf for prior in priors.values())
    for places, fit in parts if is_light else parts[:1]:
        model = fit.model.with_priors(**priors)
        try:
            made = fit_exact(fit.studies, model, measure=fit.measure if fit.studies.kind != "estimates" else None)
        except ImproperPosteriorError:
            if places.size == 1:
                continue
            raise
        if made.numerical_error > CERTIFIED * max(1.0, float(made.summary()[["lower", "upper"]].abs().max().max())):
            raise AccuracyError("the corner is not certified")
        yield _record(made, places)


def _record(fit: ExactFit, places: IntArray) -> Check:
    table = fit.summary()
    rows = {
        str(name): [value if np.isfinite(value) else None for value in row]
        for name, row in zip(table.index, table[list(COLUMNS)].to_numpy().tolist(), strict=True)
    }
    priors = {name: [prior.name, *prior.parameters.values()] for name, prior in _priors(fit)}
    return {**priors, "studies": places.tolist(), "rows": rows}


def _priors(fit: ExactFit) -> tuple[tuple[str, Prior], tuple[str, Prior]]:
    return ("mu", fit.model.mu), ("tau", fit.model.tau)
