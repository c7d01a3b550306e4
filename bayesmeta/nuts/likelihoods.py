"""What is observed of each study in PyMC? A distribution for each likelihood, by its name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmeta.nuts.hypergeometric import draw_hypergeometric, log_hypergeometric
from bayesmeta.nuts.marginalised import COUNTED, Counted
from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.nuts.priors import add_baseline
from bayesmeta.spec.model import ModelSpec

type Held = Mapping[str, Any]
type AddLikelihood = Callable[[ModelSpec, Held, Any], None]


def add_likelihood(model: ModelSpec, held: Held, theta: Any, *, lean: bool = False) -> None:
    """Add what is observed, given the study effects ``theta`` (study,), to the PyMC model whose context is open.

    ``lean``: of counts without the constant, whose gamma functions would be computed anew at every step.
    """
    if lean and model.likelihood in COUNTED and model.link in ("logit", "log"):
        _add_kernel(COUNTED[model.likelihood], held, theta)
    else:
        _LIKELIHOODS[model.likelihood](model, held, theta)


def _add_kernel(record: Counted, held: Held, theta: Any) -> None:
    def log_kernel(events: Any, x: Any, size: Any) -> Any:
        return events * x - size * record.value(x)

    given = theta + record.offset(held), held[record.size]
    _observe(pm.CustomDist, record.events, held, *given, logp=log_kernel, dtype="int64")


def add_beta_binomial(held: Held, a: Any, b: Any) -> None:
    """Add events whose proportions are beta-distributed and integrated out."""
    _observe(pm.BetaBinomial, "events", held, alpha=a, beta=b, n=held["n"])


def _observe(distribution: Any, name: str, held: Held, *parameters: Any, **named: Any) -> None:
    distribution(name, *parameters, **named, observed=held[name + OBSERVED], dims="study")


def _normal(model: ModelSpec, held: Held, theta: Any) -> None:
    _observe(pm.Normal, "y", held, mu=theta, sigma=held["se"])


def _binomial(model: ModelSpec, held: Held, theta: Any) -> None:
    _observe(pm.Binomial, "events", held, n=held["n"], logit_p=_LOGIT_P[model.link](theta))


def _poisson(model: ModelSpec, held: Held, theta: Any) -> None:
    _observe(pm.Poisson, "events", held, mu=held["time"] * pm.math.exp(theta))


def _poisson_conditional(model: ModelSpec, held: Held, theta: Any) -> None:
    offset = pm.math.log(held["time_treatment"] / held["time_control"])
    _observe(pm.Binomial, "events_treatment", held, n=held["events_total"], logit_p=theta + offset)


def _two_arm(model: ModelSpec, held: Held, theta: Any) -> None:
    assert model.baseline is not None
    baseline = add_baseline(model.baseline, held)
    _observe(pm.Binomial, "events_treatment", held, n=held["n_treatment"], logit_p=baseline + theta)
    _observe(pm.Binomial, "events_control", held, n=held["n_control"], logit_p=baseline)


def _conditional(model: ModelSpec, held: Held, theta: Any) -> None:
    given = held["n_treatment"], held["n_control"], held["events_total"]
    _observe(
        pm.CustomDist, "events_treatment", held, theta, *given,
        logp=log_hypergeometric, random=draw_hypergeometric, dtype="int64",
    )  # fmt: skip


def _log_phi(x: Any) -> Any:
    """Return log Phi(x), as PyMC does, but with a square root of 2 in double precision."""
    root = np.sqrt(2.0)
    return pt.switch(x < -1.0, pt.log(0.5 * pt.erfcx(-x / root)) - 0.5 * x**2, pt.log1p(-0.5 * pt.erfc(x / root)))


_LOGIT_P: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "logit": lambda theta: theta,
        # log p - log (1 - p), each accurate in its tail: 1 - p itself is 0 from theta = 8 (or 4) on
        "probit": lambda theta: _log_phi(theta) - _log_phi(-theta),
        "cloglog": lambda theta: pm.math.log(-pm.math.expm1(-pm.math.exp(theta))) + pm.math.exp(theta),
    }
)

_LIKELIHOODS: Final[Mapping[str, AddLikelihood]] = MappingProxyType(
    {
        "normal": _normal,
        "binomial": _binomial,
        "poisson": _poisson,
        "binomial-conditional": _conditional,
        "binomial-two-arm": _two_arm,
        "poisson-conditional": _poisson_conditional,
    }
)
