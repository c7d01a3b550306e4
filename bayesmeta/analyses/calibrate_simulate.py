"""What data would studies of these sizes give, were the model true? Effects, then counts or estimates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.average import mean_proportion
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import observed_by
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.resolve import resolve_priors
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import level
from bayesmeta.surface.random_effects import kernel_of

P_MEAN_LEVEL: Final = 1
"""Resolution of the true p_mean: its error, about 1e-9, is far below what ranks of it can show."""

type Arrays = Mapping[str, FloatArray]
type Sampler = Callable[["Design", FloatArray, np.random.Generator], dict[str, FloatArray]]
"""From effects theta (R, k), data by role, shape (R, k)."""


@final
@dataclass(frozen=True, eq=False)
class Design:
    """Studies whose sizes are kept and whose outcomes are simulated, and the model that says how.

    Attributes
    ----------
    studies : Studies
        The k studies.
    model : ModelSpec
        The model of the data and of the true mu and tau.
    measure : str or None
        For the normal likelihood with counts: the effect measure.
    """

    studies: Studies
    model: ModelSpec
    measure: str | None = None

    @cached_property
    def link(self) -> str:
        """What the study effects are a function of."""
        return observed_by(self.model, self.studies, measure=self.measure).link

    @cached_property
    def kernel(self) -> Kernel:
        """Distribution of the study effects."""
        return kernel_of(self.model)

    @cached_property
    def priors(self) -> tuple[Prior, Prior]:
        """Priors of mu and tau, as densities."""
        return resolve_priors(self.model, observed_by(self.model, self.studies, measure=self.measure))

    @property
    def is_proportion(self) -> bool:
        """Whether the effects are transformed proportions."""
        return is_proportion(self.link)

    def draw_effects(self, mu: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return effects of k studies and of the next one for pairs (mu, tau) of shape (R,); shape (R, k + 1)."""
        shape = (mu.size, self.studies.k + 1)
        eta, spread = (np.ascontiguousarray(np.broadcast_to(x[:, None], shape)) for x in (mu, tau))
        return self.kernel.draw(eta, spread, rng) if (tau > 0.0).any() else eta

    def draw_studies(self, theta: FloatArray, rng: np.random.Generator) -> list[Studies]:
        """Return simulated studies for each row of effects (R, k)."""
        data = sampler_of(self)(self, theta, rng)
        return [replace(self.studies, **{role: values[i] for role, values in data.items()}) for i in range(len(theta))]

    def quantities(self, mu: FloatArray, tau: FloatArray, theta_new: FloatArray) -> dict[str, FloatArray]:
        """Return the quantities of a summary at pairs (mu, tau) of shape (R,); tau only where the model has one."""
        out = {"mu": mu, "tau": tau} if self.model.has_tau else {"mu": mu}
        if not self.is_proportion:
            return {**out, "theta_new": theta_new}
        inverse = LINKS[self.link].inverse
        p_mean = mean_proportion(mu, tau, self.link, self.kernel, level(P_MEAN_LEVEL))
        return {
            **out,
            "p_median": inverse(self.kernel.median(mu, tau)),
            "p_mean": p_mean,
            "p_new": inverse(theta_new),
        }


def _events(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    return {"events": _binomial(rng, design.studies.data["n"], LINKS[design.link].inverse(theta))}


def _estimates(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    return {"y": rng.normal(theta, design.studies.data["se"])}


def _rates(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    return {"events": rng.poisson(design.studies.data["time"] * np.exp(theta)).astype(np.float64)}


def _rates_given_events(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    data = design.studies.data
    total = data["events_treatment"] + data["events_control"]
    odds = np.log(data["time_treatment"] / data["time_control"])
    treatment = _binomial(rng, total, LINKS["logit"].inverse(theta + odds))
    return {"events_treatment": treatment, "events_control": total - treatment}


def _arms_given_events(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    from scipy import stats

    data = design.studies.data
    n1, n0, total = data["n_treatment"], data["n_control"], data["events_treatment"] + data["events_control"]
    draw = stats.nchypergeom_fisher.rvs
    whole = [np.broadcast_to(values, theta.shape).astype(np.int64) for values in (n1 + n0, n1, total)]
    treatment = draw(*whole, np.exp(theta), size=theta.shape, random_state=rng).astype(np.float64)
    return {"events_treatment": treatment, "events_control": total - treatment}


def _arms(design: Design, theta: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    data, baseline, inverse = design.studies.data, design.model.baseline, LINKS["logit"].inverse
    if baseline is None:
        raise SpecError("likelihood='binomial-two-arm' needs a baseline.")
    alpha = baseline.rvs(theta.shape, seed=rng)
    return {
        "events_treatment": _binomial(rng, data["n_treatment"], inverse(alpha + theta)),
        "events_control": _binomial(rng, data["n_control"], inverse(alpha)),
    }


def _binomial(rng: np.random.Generator, n: FloatArray, p: FloatArray) -> FloatArray:
    return rng.binomial(n.astype(np.int64), p).astype(np.float64)


SAMPLERS: Final[Mapping[tuple[str, str], Sampler]] = MappingProxyType(
    {
        ("binomial", "counts"): _events,
        ("normal", "counts"): _events,
        ("normal", "estimates"): _estimates,
        ("poisson", "rates"): _rates,
        ("poisson-conditional", "two-arm-rates"): _rates_given_events,
        ("binomial-conditional", "two-arm-counts"): _arms_given_events,
        ("binomial-two-arm", "two-arm-counts"): _arms,
    }
)
"""How data arise, by likelihood and kind of data. Counts are counts, whatever likelihood approximates them."""


def sampler_of(design: Design) -> Sampler:
    """Return how data of a design arise, or raise `SpecError` where the model leaves it open."""
    likelihood, kind = design.model.likelihood, design.studies.kind
    found = SAMPLERS.get((likelihood, kind))
    if found is None or (kind == "counts" and not design.is_proportion):
        raise SpecError(
            f"data cannot be simulated from likelihood={likelihood!r} of {design.measure or kind}, which says nothing "
            "of how the counts of an arm arise; use a likelihood of counts, or give estimates with standard errors."
        )
    return found
