"""What does a pooled value say on the natural scale of its measure: a proportion, a ratio."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import Measure

_SLOPES: Final[Mapping[str, Callable[[float], float]]] = MappingProxyType(
    {"logit": lambda p: p * (1.0 - p), "log": lambda ratio: ratio, "identity": lambda value: 1.0}
)
"""Derivative of each inverse link, written as a function of the natural-scale value."""


def natural_value(measure: Measure, value: float) -> float:
    """Return the inverse link of a value on the scale of ``y``; inf where an exponential overflows."""
    with np.errstate(over="ignore"):
        return float(LINKS[measure.link].inverse(value))


def natural_se(measure: Measure, mu: float, se_mu: float) -> float:
    """Return the standard error of the back-transformed mean by the delta method.

    Parameters
    ----------
    measure : Measure
        Its link is the transformation.
    mu, se_mu : float
        Estimate and standard error, link scale.

    Returns
    -------
    float
        ``|g'(mu)| se_mu`` with g the inverse link; for the logit ``p (1 - p) se_mu`` with p the
        back-transformed mean. First order: intervals are transformed limits and do not use it.
    """
    return abs(_SLOPES[measure.link](natural_value(measure, mu))) * se_mu


def natural_interval(measure: Measure, limits: tuple[float, float]) -> tuple[float, float]:
    """Return the limits on the natural scale; those of a proportion are cut at 0 and 1.

    Parameters
    ----------
    measure : Measure
        Its link is the transformation; its estimand says whether this is a proportion.
    limits : tuple of float
        Lower and upper limit, link scale; nan stays nan.

    Returns
    -------
    lower, upper : float
        Natural scale.
    """
    lower, upper = (natural_value(measure, limit) for limit in limits)
    if measure.estimand is None:
        return lower, upper
    return float(np.clip(lower, 0.0, 1.0)), float(np.clip(upper, 0.0, 1.0))


def on_both_scales(
    measure: Measure, mu: float, se_mu: float, limits: tuple[float, float]
) -> dict[str, tuple[float, float, float, float]]:
    """Return estimate, standard error and limits of ``mu`` and, for proportions, of what it estimates."""
    rows = {"mu": (mu, se_mu, *limits)}
    if measure.estimand is not None:
        value, se = natural_value(measure, mu), natural_se(measure, mu, se_mu)
        rows[measure.estimand] = (value, se, *natural_interval(measure, limits))
    return rows
