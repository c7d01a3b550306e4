"""Where does each study's own likelihood lie, and how wide is it? Two numbers, with which to centre its effect."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.nuts.information import variance_at
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed

HALF: Final = 0.5  # added to every count, so that none is zero

type Data = Mapping[str, FloatArray]


def rough_effects(model: ModelSpec, data: Observed) -> tuple[FloatArray, FloatArray]:
    """Return an estimate of each study's effect from its own data, and the inverse of its Fisher information there.

    Parameters
    ----------
    model : ModelSpec
        The model; its likelihood is one of theta_i alone.
    data : Counts or Estimates
        What it sees of the studies.

    Returns
    -------
    y, v : array, shape (k,)
        Link scale. Of counts, with 1/2 added to each.
    """
    if isinstance(data, Estimates):
        return data.y, data.se**2
    y = _ROUGH[model.likelihood](model, data.data)
    return y, variance_at(model, data, y)


def _binomial(model: ModelSpec, data: Data) -> FloatArray:
    return LINKS[model.link].link((data["events"] + HALF) / (data["n"] + 2.0 * HALF))


def _poisson(_model: ModelSpec, data: Data) -> FloatArray:
    events, time = data["events"], data["time"]
    own, pooled = np.log((events + HALF) / time), np.log((events.sum() + HALF) / time.sum())
    return np.where(events > 0.0, own, np.minimum(own, pooled))  # no events in hardly any time say nothing


def _poisson_conditional(_model: ModelSpec, data: Data) -> FloatArray:
    ratio = (data["events_treatment"] + HALF) / (data["events_control"] + HALF)
    return np.asarray(np.log(ratio * data["time_control"] / data["time_treatment"]))


def _conditional(_model: ModelSpec, data: Data) -> FloatArray:
    odds = [
        (data[f"events_{x}"] + HALF) / (data[f"n_{x}"] - data[f"events_{x}"] + HALF) for x in ("treatment", "control")
    ]
    return np.asarray(np.log(odds[0] / odds[1]))


_ROUGH: Final[Mapping[str, Callable[[ModelSpec, Data], FloatArray]]] = MappingProxyType(
    {
        "binomial": _binomial,
        "poisson": _poisson,
        "poisson-conditional": _poisson_conditional,
        "binomial-conditional": _conditional,
    }
)
