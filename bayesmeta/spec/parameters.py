"""Which member of a prior family do these values name? Checked, the mistake and its remedy in one line."""

import math
from collections.abc import Mapping
from numbers import Real

import numpy as np

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PriorFamily
from bayesmeta.spec.placed import Placement
from bayesmeta.spec.prior_text import format_number, format_prior, quote


def check_parameters(family: PriorFamily, values: tuple[float, ...], named: Mapping[str, float]) -> dict[str, float]:
    """Return the parameters by name, in PyMC's order and as floats.

    Parameters
    ----------
    family : PriorFamily
        The family they belong to.
    values : tuple of float
        Those given without a name.
    named : mapping
        Those given with one.

    Raises
    ------
    SpecError
        If one is unknown, missing, given twice, not a finite number, or out of range.
    """
    given = _bind(family, values, named)
    return {name: _check_value(family, name, given[name]) for name in _choose_form(family, given)}


def place(family: PriorFamily, parameters: Mapping[str, float]) -> Placement:
    """Return where checked parameters put the family's standard distribution.

    Raises
    ------
    SpecError
        If lower >= upper, or the scale over- or underflows.
    """
    if family.name == "Uniform" and parameters["lower"] >= parameters["upper"]:
        lower, upper = (format_number(parameters[name]) for name in ("lower", "upper"))
        raise SpecError(f"Uniform: lower={lower} must be below upper={upper}.")
    try:
        placement = family.forms[tuple(parameters)](*parameters.values())
    except (OverflowError, ZeroDivisionError):
        placement = None
    positive = () if placement is None else (placement.scale, *placement.shape)
    if placement is None or not all(0.0 < value < math.inf for value in positive):
        written = format_prior(family.name, parameters.items())
        raise SpecError(f"{written} is too extreme to compute with; its scale must be a normal number.")
    return placement


def check_number(name: str, value: object, *, least: float) -> float:
    """Return a number from ``least`` on; raise `SpecError` for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not math.isfinite(float(value)):
        raise SpecError(f"{name}={quote(value)} must be a number, such as 4.")
    if float(value) < least:
        raise SpecError(f"{name}={format_number(float(value))} must be at least {least:g}.")
    return float(value)


def _bind(family: PriorFamily, values: tuple[float, ...], named: Mapping[str, float]) -> dict[str, float]:
    names = family.main_form
    if len(values) > len(names):
        takes = f"takes {', '.join(names)}" if names else "takes no parameters"
        raise SpecError(f"{family.name} {takes}; {len(values)} given. Write {family.template()}.")
    for name in named:
        if name not in family.parameter_names:
            raise SpecError(_unknown_parameter(family, name))
        if name in names[: len(values)]:
            raise SpecError(f"{family.name}: {name} is given twice, by position and by name.")
    return dict(zip(names, values, strict=False)) | dict(named)


def _unknown_parameter(family: PriorFamily, name: str) -> str:
    if not family.parameter_names:
        return f"{family.name} takes no parameters; {name!r} was given. Write {family.template()}."
    return unknown_name(f"parameter of {family.name}", name, family.parameter_names)


def _choose_form(family: PriorFamily, given: Mapping[str, float]) -> tuple[str, ...]:
    for form in family.forms:
        if set(form) == set(given):
            return form
    nearest = next((form for form in family.forms if set(given) <= set(form)), None)
    templates = " or ".join(family.template(form) for form in family.forms)
    if nearest is None:
        raise SpecError(f"{family.name} cannot take {', '.join(given)} together; write {templates}.")
    missing = ", ".join(name for name in nearest if name not in given)
    raise SpecError(f"{family.name} lacks {missing}; write {templates}.")


def _check_value(family: PriorFamily, name: str, value: object) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise SpecError(f"{family.name}: {name}={quote(value)} is not a number.")
    try:
        number = float(value) + 0.0  # + 0.0 turns -0.0 into 0.0, which prints and compares as one value
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpecError(f"{family.name}: {name}={number} must be finite.")
    if name in family.positive and number <= 0.0:
        raise SpecError(f"{family.name}: {name}={format_number(number)} must be above 0.")
    return number
