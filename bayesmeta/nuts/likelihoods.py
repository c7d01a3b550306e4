"""What is observed of each study in PyMC? A distribution for each likelihood, by its name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.nuts.priors import add_baseline
from bayesmeta.spec.model import ModelSpec

type Held = Mapping[str, Any]
type AddLikelihood = Callable[[ModelSpec, Held, Any], None]


def add_likelihood(model: ModelSpec, held: Held, theta: Any) -> None:
    """Add what is observed, given the study effects ``theta`` (study,), to the PyMC model whose context is open."""
    _LIKELIHOODS[model.likelihood](model, held, theta)


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


def log_hypergeometric(events: Any, theta: Any, n_treatment: Any, n_control: Any, total: Any) -> Any:
    """Return the log probability of the events under treatment given those in both arms, as an expression of PyMC.

    Fisher's non-central hypergeometric distribution: C(n1, x) C(n0, m - x) exp(x theta), divided by its sum over all
    x that are possible. Shapes (k,).
    """
    lowest, highest = pt.maximum(0, total - n_control), pt.minimum(n_treatment, total)
    x = lowest[:, None] + pm.math.arange((highest - lowest).max() + 1)
    ways = _log_ways(pt.minimum(x, highest[:, None]), n_treatment[:, None], n_control[:, None], total[:, None])
    terms = pt.switch(x <= highest[:, None], ways + x * theta[:, None], -np.inf)
    own = _log_ways(events, n_treatment, n_control, total) + events * theta
    inside = (events >= lowest) & (events <= highest)
    return pt.switch(inside, own - pm.math.logsumexp(terms, axis=1)[:, 0], -np.inf)


def _log_ways(x: Any, n_treatment: Any, n_control: Any, total: Any) -> Any:
    """Return log C(n1, x) C(n0, m - x)."""
    return _log_choose(n_treatment, x) + _log_choose(n_control, total - x)


def _log_choose(n: Any, x: Any) -> Any:
    return pt.gammaln(n + 1.0) - pt.gammaln(x + 1.0) - pt.gammaln(n - x + 1.0)


def draw_hypergeometric(
    theta: Any, n_treatment: Any, n_control: Any, total: Any, rng: Any = None, size: Any = None
) -> Any:
    """Return draws of the events under treatment, as `pymc.CustomDist` asks for them."""
    law = stats.nchypergeom_fisher(n_treatment + n_control, n_treatment, total, np.exp(theta))
    return law.rvs(size=size, random_state=rng)


def _log_phi(x: Any) -> Any:
    return pm.logcdf(pm.Normal.dist(0, 1), x)


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
