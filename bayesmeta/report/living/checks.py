"""What must the reader's browser find? Answers of the exact engine at the corners of the sliders.

The page recomputes them when it is opened, and says how far it is off: what it claims is checked where it is read.
A corner that the exact engine itself cannot compute to its tolerance is cut off: the slider ends earlier.
"""

from collections.abc import Iterator
from dataclasses import replace
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
    found: list[Check] = [_record(fit, np.arange(fit.k))]
    every, alone = np.arange(fit.k), _least(fit)
    parts = [(every, fit), *([(alone, _alone(fit, alone))] if fit.k > 1 else [])]
    certified: dict[str, Menu] = {}
    for name, menu in (("mu", mu), ("tau", tau)):
        certified[name] = {}
        for family, sliders in menu.items():
            kept = _cut(parts, name, family, sliders, found)
            if kept is not None:
                certified[name][family] = kept
    return certified["mu"], certified["tau"], found


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
    parts: list[tuple[IntArray, ExactFit]], parameter: str, family: str, sliders: tuple[Slider, ...], found: list[Check]
) -> tuple[Slider, ...] | None:
    """Return the sliders with limits at which all parts can be computed; None if their starts cannot."""
    for _ in range(CUTS):
        try:
            records = [record for corner in _corners(sliders) for record in _at(parts, parameter, family, corner)]
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


def _at(
    parts: list[tuple[IntArray, ExactFit]], parameter: str, family: str, values: tuple[float, ...]
) -> Iterator[Check]:
    """Yield the answers at one corner, of all studies and of one alone where that posterior is proper."""
    prior = Prior(family, *values)
    for places, fit in parts[: 1 if prior.resolved(link=parts[0][1].link).tail_order < np.inf else 2]:
        model = fit.model.with_priors(**{parameter: prior})
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
