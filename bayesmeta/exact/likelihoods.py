"""Which likelihood terms does a model see? A constructor for each likelihood, by its name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.normal import NormalTerms
from bayesmeta.surface.poisson import PoissonTerms
from bayesmeta.surface.random_effects import kernel_of, with_kernel
from bayesmeta.surface.terms import Terms
from bayesmeta.surface.two_arm import BASELINE_DEEP, baseline_terms, hypergeometric_terms, poisson_conditional_terms

type Constructor = Callable[[ModelSpec, Mapping[str, FloatArray]], Terms]
"""From a model and arrays by role."""


def terms_of(model: ModelSpec, data: Observed, power_weights: FloatArray | None = None) -> Terms:
    """Return the likelihoods of the studies under a model.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    power_weights : array, shape (k,), optional
        The power, above 0 and up to 1, to which each study's likelihood is raised (Ibrahim & Chen 2000,
        doi:10.1214/ss/1009212673); 1 by default.
    """
    arrays = {"y": data.y, "se": data.se} if isinstance(data, Estimates) else data.data
    terms = CONSTRUCTORS[model.likelihood](model, arrays)
    return with_kernel(terms if power_weights is None else terms.powered(power_weights), kernel_of(model))


def check_power_weights(values: object, labels: tuple[str, ...]) -> FloatArray:
    """Return the powers of the studies' likelihoods, shape (k,).

    Parameters
    ----------
    values : mapping or array_like
        From labels to powers, 1 for the studies left out; or one power for each study.
    labels : tuple of str
        The studies.

    Raises
    ------
    SpecError
        If a study is unknown, or a power does not lie above 0 and up to 1.
    """
    if isinstance(values, Mapping):
        for label in values:
            if label not in labels:
                raise SpecError(f"power_weights names {label!r}, which is no study here; use their labels.")
        values = [values.get(label, 1.0) for label in labels]
    try:
        power = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError("power_weights must be numbers: one for each study, or a mapping from labels.") from None
    if power.shape != (len(labels),):
        raise SpecError(f"power_weights has shape {power.shape}; give one number for each of {len(labels)} studies.")
    for label, value in zip(labels, power, strict=True):
        if not 0.0 < value <= 1.0:
            raise SpecError(
                f"power_weights of study {label!r} is {value:g}; it must lie above 0 and up to 1 "
                "(leave a study with 0 out of the data)."
            )
    return power


def _normal(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    return NormalTerms(data["y"], data["se"])


def _binomial(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    return BinomialTerms(data["events"], data["n"], model.link)


def _poisson(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    return PoissonTerms(data["events"], data["time"])


def _conditional(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    return hypergeometric_terms(*_arms(data))


def _two_arm(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    baseline = model.baseline
    if baseline is None:
        raise SpecError("likelihood='binomial-two-arm' needs a baseline.")
    tail = float(np.exp(-BASELINE_DEEP))
    ends = float(baseline.ppf(tail)), float(baseline.ppf(0.5)) * 2.0 - float(baseline.ppf(tail))
    return baseline_terms(*_arms(data), log_baseline=baseline.logpdf, baseline_range=ends)


def _poisson_conditional(model: ModelSpec, data: Mapping[str, FloatArray]) -> Terms:
    roles = "events_treatment", "time_treatment", "events_control", "time_control"
    return poisson_conditional_terms(*(data[role] for role in roles))


def _arms(data: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    return data["events_treatment"], data["n_treatment"], data["events_control"], data["n_control"]


CONSTRUCTORS: Final[Mapping[str, Constructor]] = MappingProxyType(
    {
        "normal": _normal,
        "binomial": _binomial,
        "poisson": _poisson,
        "binomial-conditional": _conditional,
        "binomial-two-arm": _two_arm,
        "poisson-conditional": _poisson_conditional,
    }
)
