"""What do the data of a study say with its effect integrated out? log m_i(eta, tau) in PyTensor, by quadrature.

m_i(eta, tau) = integral of likelihood_i(eta + tau z) phi(z) dz,  of likelihoods exp(events x - size b(x)) in x = theta
+ offset, which are log-concave: b(x) = log(1 + exp x) of binomial, b(x) = exp x of Poisson counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.nuts.effects import Means
from bayesmeta.nuts.log_concave import GROWTH, Density, Growth, end_of, mode_of
from bayesmeta.nuts.numbers import OBSERVED
from bayesmeta.spec.model import ModelSpec

NODES: Final = 32  # log m to 1e-8 for tau up to 1, to 1e-6 up to 3, to 1e-4 up to 8, to 1e-3 up to 40
DROP: Final = 20.0  # the range of the rule ends where the integrand is exp(-20) of its maximum

type Held = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Counted:
    """Which containers make a likelihood of that form.

    Attributes
    ----------
    events : str
        The observed variable.
    value : callable
        b as an expression of PyTensor.
    size : str
        Container of the size.
    offset : callable
        Of the containers: x - theta.
    constant : callable
        Of events and size: what the log likelihood has besides events x - size b(x).
    """

    events: str
    value: Callable[[Any], Any]
    size: str
    offset: Callable[[Held], Any]
    constant: Callable[[Any, Any], Any]


def _log_choose(events: Any, size: Any) -> Any:
    return pt.gammaln(size + 1.0) - pt.gammaln(events + 1.0) - pt.gammaln(size - events + 1.0)


def _log_power(events: Any, size: Any) -> Any:
    return events * pt.log(size) - pt.gammaln(events + 1.0)


COUNTED: Final[Mapping[str, Counted]] = MappingProxyType(
    {
        "binomial": Counted("events", pt.softplus, "n", lambda held: 0.0 * held["n"], _log_choose),
        "poisson": Counted("events", pt.exp, "time", lambda held: 0.0 * held["time"], _log_power),
        "poisson-conditional": Counted(
            "events_treatment", pt.softplus, "events_total",
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
    record, integrated = COUNTED[model.likelihood], LogMarginal(model.likelihood)

    def log_m(events: Any, centre: Any, tau: Any, size: Any) -> Any:
        found: Any = integrated(events, centre, tau, size)
        return found[0] + record.constant(events, size)

    everywhere = pt.zeros(len(pm.modelcontext(None).coords["study"]))
    given = means.eta + record.offset(held) + everywhere, means.tau_of_study + everywhere, held[record.size]
    observed = held[record.events + OBSERVED]
    pm.CustomDist(record.events, *given, logp=log_m, dtype="int64", observed=observed, dims="study")


@final
class LogMarginal(Op):
    """log m_i without its constant, and its derivatives in centre and tau, each of shape (k,).

    The inputs are events, centre, tau and size, each of shape (k,); `log_marginal` computes.
    """

    __props__ = ("likelihood",)

    def __init__(self, likelihood: str) -> None:
        self.likelihood = likelihood

    def make_node(self, *inputs: Any) -> Any:
        """Return the node of the graph."""
        vectors = [pt.cast(pt.as_tensor_variable(each), "float64") for each in inputs]
        return Apply(self, vectors, [pt.dvector() for _ in range(3)])

    def perform(self, _node: Any, inputs: Sequence[FloatArray], output_storage: Sequence[list[Any]]) -> None:
        """Compute."""
        for cell, value in zip(output_storage, log_marginal(GROWTH[self.likelihood], *inputs), strict=True):
            cell[0] = value

    def pullback(self, _inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the derivatives of a function of log m in the inputs; those of derivatives are not there."""
        of_log_m = cotangents[0]
        return [disconnected_type(), of_log_m * outputs[1], of_log_m * outputs[2], disconnected_type()]

    def connection_pattern(self, _node: Any) -> list[list[bool]]:
        """Say which outputs can be differentiated in which inputs."""
        return [[False] * 3, [True] * 3, [True] * 3, [False] * 3]


def log_marginal(
    growth: Growth, events: FloatArray, centre: FloatArray, tau: FloatArray, size: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log m_i without its constant, and its derivatives in centre and tau, all of shape (k,).

    Notes
    -----
    The trapezoid rule, whose error falls exponentially, on z = z0 + c x / (1 - d x) with x from -1 to 1: z0 is the
    mode of the integrand and c and d put the ends where it has fallen to exp(-20), however skew it is, as it is for
    studies without events. So the rule follows the integrand wherever centre and tau are, from tau = 0 on; sums are of
    logs. The nodes are no part of the derivatives: those of the integral are integrals too, by the same rule.
    """
    density = Density(events, size, centre, tau, growth)
    z0 = mode_of(density)
    left, right = (np.abs(end_of(density, z0, side, DROP) - z0) for side in (-1.0, 1.0))
    c, d = 2.0 * left * right / (left + right), (right - left) / (left + right)
    x = np.linspace(-1.0, 1.0, NODES)[:, None]
    stretch = 1.0 / (1.0 - d * x)
    z = z0 + c * x * stretch
    log_f = density.log(z) + 2.0 * np.log(stretch)
    total = special.logsumexp(log_f, axis=0)
    weight, score = np.exp(log_f - total), density.score(z)
    log_m = total + np.log(c * (x[1] - x[0]) / np.sqrt(2.0 * np.pi))
    return log_m, (weight * score).sum(axis=0), (weight * score * z).sum(axis=0)
