"""What do the data of a study say with its effect integrated out? log m_i(eta, tau) in PyTensor, by quadrature.

m_i(eta, tau) = integral of likelihood_i(eta + tau z) phi(z) dz,  of likelihoods exp(events x - size b(x)) in x = theta
+ offset, which are log-concave: b(x) = log(1 + exp x) of binomial, b(x) = exp x of Poisson counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.scan.basic import scan

from bayesmeta.nuts.effects import Means
from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.spec.model import ModelSpec

NODES: Final = 32  # log m to 1e-8 for tau up to 1, to 1e-6 up to 3, to 1e-4 up to 8, to 1e-3 up to 40
DROP: Final = 20.0  # the range of the rule ends where the integrand is exp(-20) of its maximum
FAR: Final = float(np.sqrt(2.0 * DROP))  # it is nowhere wider than that of phi alone
MODE_STEPS: Final = 6
END_STEPS: Final = 4
LEAST: Final = 0.05  # of a first guess of an end: the least that a step may leave of it

type Held = Mapping[str, Any]

_fixed: Final[Callable[[Any], Any]] = disconnected_grad


@final
@dataclass(frozen=True)
class Growth:
    """The function b of a likelihood exp(events x - size b(x)) and its first two derivatives, as expressions."""

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    curvature: Callable[[Any], Any]


@final
@dataclass(frozen=True)
class Counted:
    """Which containers make a likelihood of that form.

    Attributes
    ----------
    events : str
        The observed variable.
    growth : Growth
        b.
    size : str
        Container of the size.
    offset : callable
        Of the containers: x - theta.
    constant : callable
        Of events, size and offset: what the log likelihood has besides events x - size b(x).
    """

    events: str
    growth: Growth
    size: str
    offset: Callable[[Held], Any]
    constant: Callable[[Any, Any, Any], Any]


def _log_choose(events: Any, size: Any, _offset: Any) -> Any:
    return pt.gammaln(size + 1.0) - pt.gammaln(events + 1.0) - pt.gammaln(size - events + 1.0)


def _log_power(events: Any, size: Any, _offset: Any) -> Any:
    return events * pt.log(size) - pt.gammaln(events + 1.0)


_BINOMIAL: Final = Growth(pt.softplus, pt.sigmoid, lambda x: pt.sigmoid(x) * pt.sigmoid(-x))
_POISSON: Final = Growth(pt.exp, pt.exp, pt.exp)
COUNTED: Final[Mapping[str, Counted]] = MappingProxyType(
    {
        "binomial": Counted("events", _BINOMIAL, "n", lambda held: 0.0 * held["n"], _log_choose),
        "poisson": Counted("events", _POISSON, "time", lambda held: 0.0 * held["time"], _log_power),
        "poisson-conditional": Counted(
            "events_treatment", _BINOMIAL, "events_total",
            lambda held: pt.log(held["time_treatment"] / held["time_control"]), _log_choose,
        ),
    }
)  # fmt: skip


def add_marginal_likelihood(model: ModelSpec, means: Means, held: Held) -> None:
    """Add what is observed, with the study effects integrated out, to the PyMC model whose context is open."""
    if model.likelihood == "normal":
        spread = pt.sqrt(held["se"] ** 2 + means.tau_of_study**2)
        pm.Normal("y", means.eta, spread, observed=held[f"y{OBSERVED}"], dims="study")
        return
    record = COUNTED[model.likelihood]

    def log_m(events: Any, eta: Any, tau: Any, size: Any, offset: Any) -> Any:
        return log_marginal(record, events, eta, tau, size, offset)

    size, everywhere = held[record.size], pt.zeros(len(pm.modelcontext(None).coords["study"]))
    given = means.eta + everywhere, means.tau_of_study + everywhere, size, record.offset(held)
    observed = held[record.events + OBSERVED]
    pm.CustomDist(record.events, *given, logp=log_m, dtype="int64", observed=observed, dims="study")


def log_marginal(record: Counted, events: Any, eta: Any, tau: Any, size: Any, offset: Any) -> Any:
    """Return log m_i(eta_i, tau_i), all of shape (k,).

    Notes
    -----
    The trapezoid rule, whose error falls exponentially, on z = z0 + c x / (1 - d x) with x from -1 to 1: z0 is the
    mode of the integrand and c and d put the ends where it has fallen to exp(-20), however skew it is, as it is for
    studies without events. So the rule follows the integrand wherever eta and tau are, from tau = 0 on; sums are of
    logs. The nodes are no part of the derivatives: those of the integral are integrals too, by the same rule.
    """
    events, size = (pt.cast(each, "float64") for each in (events, size))
    centre = eta + offset
    z0, c, d = (_fixed(each) for each in _place(record.growth, events, centre, tau, size))
    x = np.linspace(-1.0, 1.0, NODES)
    stretch = 1.0 / (1.0 - d[:, None] * x)
    z = z0[:, None] + c[:, None] * x * stretch
    at = centre[:, None] + tau[:, None] * z
    log_f = events[:, None] * at - size[:, None] * record.growth.value(at) - 0.5 * z**2 + 2.0 * pt.log(stretch)
    scale = np.log((x[1] - x[0]) / np.sqrt(2.0 * np.pi))
    return pm.math.logsumexp(log_f, axis=1, keepdims=False) + pt.log(c) + scale + record.constant(events, size, offset)


def _place(growth: Growth, events: Any, centre: Any, tau: Any, size: Any) -> tuple[Any, Any, Any]:
    """Return the mode z0 and the coefficients c and d of the nodes; loops, which are compiled once for all steps."""
    given = [events, centre, tau, size]
    # the slope falls by 1 per unit of z or more, so that the mode lies between 0 and the slope at 0
    first = _slope(growth, 0.0 * centre, *given)
    least, most = pt.minimum(first, 0.0), pt.maximum(first, 0.0)
    y = pt.log((events + 0.5) / (size - events + 0.5)) if growth is _BINOMIAL else pt.log((events + 0.5) / size)
    start = pt.clip(tau * (y - centre) / (tau**2 + 1.0 / (size * growth.curvature(y))), least, most)

    def towards_mode(z: Any, low: Any, high: Any, least: Any, most: Any, *given: Any) -> list[Any]:
        now = _slope(growth, z, *given)
        low, high = pt.switch(now > 0.0, z, low), pt.switch(now > 0.0, high, z)
        step = pt.clip(z + now / _curvature(growth, z, *given), least, most)
        return [pt.switch((step >= low) & (step <= high), step, 0.5 * (low + high)), low, high]

    infinite = pt.full_like(start, np.inf, dtype="float64")
    z0 = _repeat(towards_mode, MODE_STEPS, [start, -infinite, infinite], [least, most, *given])

    def towards_end(far: Any, z0: Any, top: Any, *given: Any) -> Any:
        # from outside, because the integrand is log-concave
        z = z0 + side * far
        step = (_log_f(growth, z, *given) - top) / (side * _slope(growth, z, *given))
        return pt.clip(far - step, LEAST * far, FAR)

    side = np.array([[-1.0], [1.0]])
    top, wide = _log_f(growth, z0, *given) - DROP, pt.minimum(FAR, FAR / pt.sqrt(_curvature(growth, z0, *given)))
    ends = _repeat(towards_end, END_STEPS, [pt.stack([wide, wide])], [z0, top, *given])
    left, right = ends[0], ends[1]
    return z0, 2.0 * left * right / (left + right), (right - left) / (left + right)


def _repeat(step: Callable[..., Any], times: int, start: list[Any], given: list[Any]) -> Any:
    """Return the first of the values after so many steps."""
    found = scan(step, outputs_info=start, non_sequences=given, n_steps=times, return_updates=False)
    return (found[0] if len(start) > 1 else found)[-1]


def _log_f(growth: Growth, z: Any, events: Any, centre: Any, tau: Any, size: Any) -> Any:
    at = centre + tau * z
    return events * at - size * growth.value(at) - 0.5 * z**2


def _slope(growth: Growth, z: Any, events: Any, centre: Any, tau: Any, size: Any) -> Any:
    return tau * (events - size * growth.slope(centre + tau * z)) - z


def _curvature(growth: Growth, z: Any, _events: Any, centre: Any, tau: Any, size: Any) -> Any:
    return 1.0 + tau**2 * size * growth.curvature(centre + tau * z)
