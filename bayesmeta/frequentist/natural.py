"""What does a pooled value say on the natural scale of its measure: a proportion, a ratio.

The inverse of some measures depends on a sample size, ``n``; the others do without.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, nan, sin
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.arcsine import slope_inverse_double_arcsine
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import Measure

_SLOPES: Final[Mapping[str, Callable[[float, float], float]]] = MappingProxyType(
    {
        "logit": lambda p, mu: p * (1.0 - p),
        "log": lambda ratio, mu: ratio,
        "identity": lambda value, mu: 1.0,
        "arcsine": lambda p, mu: 2.0 * sin(mu) * cos(mu) if 0.0 < p < 1.0 else nan,
    }
)
"""Derivative of each inverse link that needs no sample size: a function of the value on both scales."""


@final
@dataclass(frozen=True, slots=True)
class BackTransformation:
    """How the sample size is found at which a pooled value is transformed back.

    Attributes
    ----------
    code, title : str
        Value of the option ``back_transformation``, and the same in words.
    typical_n : callable
        ``(se, se_mu) -> n``, from the standard errors of the studies, shape (k,), and of the pooled value.
    """

    code: str
    title: str
    typical_n: Callable[[FloatArray, float], float]


BACK_TRANSFORMATIONS: Final[Mapping[str, BackTransformation]] = MappingProxyType(
    {
        record.code: record
        for record in (
            # se^2 = 1 / (4 n + 2) gives the n of each study, corrected cells included
            BackTransformation(
                "harmonic",
                "the harmonic mean of the sample sizes (Miller)",
                lambda se, se_mu: float(1.0 / np.mean(1.0 / (0.25 / se**2 - 0.5))),
            ),
            BackTransformation(
                "variance",
                "1 / (4 se^2) of the pooled value (Barendregt and Doi)",
                lambda se, se_mu: 0.25 / se_mu**2,
            ),
        )
    }
)
"""The back-transformations of the double arcsine by code."""


def natural_value(measure: Measure, value: float, n: float | None = None) -> float:
    """Return the inverse link of a value on the scale of ``y``; inf where an exponential overflows.

    Parameters
    ----------
    measure : Measure
        Its link is the transformation.
    value : float
        Link scale.
    n : float, optional
        Sample size, for the links that take one.
    """
    link = LINKS[measure.link]
    with np.errstate(over="ignore"):
        return float(link.inverse(value, n) if link.takes_n and n is not None else link.inverse(value))


def natural_se(measure: Measure, mu: float, se_mu: float, n: float | None = None) -> float:
    """Return the standard error of the back-transformed mean by the delta method.

    Parameters
    ----------
    measure : Measure
        Its link is the transformation.
    mu, se_mu : float
        Estimate and standard error, link scale.
    n : float, optional
        As in `natural_value`.

    Returns
    -------
    float
        ``|g'(mu)| se_mu`` with g the inverse link; for the logit ``p (1 - p) se_mu`` with p the
        back-transformed mean. First order: intervals are transformed limits and do not use it. nan where an arcsine
        has reached 0 or 1, and its slope says nothing.
    """
    if LINKS[measure.link].takes_n:
        slope = float(slope_inverse_double_arcsine(mu, np.inf if n is None else n))
        return slope * se_mu if slope > 0.0 else nan
    return abs(_SLOPES[measure.link](natural_value(measure, mu), mu)) * se_mu


def natural_interval(measure: Measure, limits: tuple[float, float], n: float | None = None) -> tuple[float, float]:
    """Return the limits on the natural scale; those of a proportion are cut at 0 and 1.

    Parameters
    ----------
    measure : Measure
        Its link is the transformation; its estimand says whether this is a proportion.
    limits : tuple of float
        Lower and upper limit, link scale; nan stays nan.
    n : float, optional
        As in `natural_value`.

    Returns
    -------
    lower, upper : float
        Natural scale.
    """
    lower, upper = (natural_value(measure, limit, n) for limit in limits)
    if measure.estimand is None:
        return lower, upper
    return float(np.clip(lower, 0.0, 1.0)), float(np.clip(upper, 0.0, 1.0))


def range_of_proportions(measure: Measure, n: float | None = None) -> tuple[float, float]:
    """Return where the proportions 0 and 1 lie on the scale of ``y``."""
    link = LINKS[measure.link]
    low, high = link.link([0.0, 1.0], n) if link.takes_n and n is not None else link.link([0.0, 1.0])
    return float(low), float(high)


def on_both_scales(
    measure: Measure, mu: float, se_mu: float, limits: tuple[float, float], n: float | None = None
) -> dict[str, tuple[float, float, float, float]]:
    """Return estimate, standard error and limits of ``mu`` and, for proportions, of what it estimates."""
    rows = {"mu": (mu, se_mu, *limits)}
    if measure.estimand is not None:
        value, se = natural_value(measure, mu, n), natural_se(measure, mu, se_mu, n)
        rows[measure.estimand] = (value, se, *natural_interval(measure, limits, n))
    return rows
