"""How much does a study say about its effect? The inverse information of each likelihood, for weights and shrinkage."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed

STEP: Final = 0.1  # of second differences
BASELINE_NODES: Final = 2001
BASELINE_TAIL: Final = 1e-12
LEAST: Final = 1e-12  # a study that says nothing: its variance is large, not infinite

type Data = Mapping[str, FloatArray]


def variance_at(model: ModelSpec, data: Observed, theta: FloatArray) -> FloatArray:
    """Return the inverse information of each study at its effect, shape (k,).

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    theta : array, shape (k,)
        Effects, link scale.

    Returns
    -------
    array, shape (k,)
        One over the Fisher information; where a baseline is integrated out, over the curvature of the log likelihood.
    """
    if isinstance(data, Estimates):
        return data.se**2
    return np.asarray(1.0 / np.maximum(_INFORMATION[model.likelihood](model, data.data, theta), LEAST))


def _binomial(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    link = PROPORTION_LINKS[model.link]
    return np.asarray(data["n"] * np.exp(2.0 * link.log_slope(theta) - link.log_p(theta) - link.log_q(theta)))


def _poisson(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    return data["time"] * np.exp(theta)


def _poisson_conditional(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    p = special.expit(theta + np.log(data["time_treatment"] / data["time_control"]))
    return np.asarray((data["events_treatment"] + data["events_control"]) * p * (1.0 - p))


def _conditional(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    from scipy import stats

    total = data["events_treatment"] + data["events_control"]
    patients = data["n_treatment"] + data["n_control"]
    law = stats.nchypergeom_fisher(patients, data["n_treatment"], total, np.exp(theta))
    return np.asarray(law.var())


def _two_arm(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    around = [_log_integrated(model, data, theta + shift) for shift in (-STEP, 0.0, STEP)]
    return np.asarray((2.0 * around[1] - around[0] - around[2]) / STEP**2)


def _log_integrated(model: ModelSpec, data: Data, theta: FloatArray) -> FloatArray:
    """Return the log likelihood of both arms with the baseline integrated out, up to a constant, shape (k,)."""
    assert model.baseline is not None
    low, high = (float(end) for end in model.baseline.ppf([BASELINE_TAIL, 1.0 - BASELINE_TAIL]))
    alpha = np.linspace(low, high, BASELINE_NODES)[:, None]
    log_f = model.baseline.logpdf(alpha)
    for arm, logit in (("treatment", alpha + theta), ("control", alpha)):
        events, others = data[f"events_{arm}"], data[f"n_{arm}"] - data[f"events_{arm}"]
        log_f = log_f + events * special.log_expit(logit) + others * special.log_expit(-logit)
    return np.asarray(special.logsumexp(log_f, axis=0))


_INFORMATION: Final[Mapping[str, Callable[[ModelSpec, Data, FloatArray], FloatArray]]] = MappingProxyType(
    {
        "binomial": _binomial,
        "poisson": _poisson,
        "poisson-conditional": _poisson_conditional,
        "binomial-conditional": _conditional,
        "binomial-two-arm": _two_arm,
    }
)
