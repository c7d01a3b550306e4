"""What would studies like these show, given their true effects? Replicates of the data, for predictive checks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.surface.binomial import BinomialTerms, log_binomial_coefficient
from bayesmeta.surface.inverse_cdf import draw_from_nodes

MOST_EVENTS: Final = 1e15  # a Poisson mean beyond it, from a prior's far tail, has no count in 64 bits
BLOCK: Final = 4_000_000  # floats per temporary array
BASELINE_NODES: Final = 401
BASELINE_REACH: Final = 9.0  # standard deviations, of the control arm's own or of the baseline's

type Replicates = dict[str, FloatArray]
"""Arrays (k, size) by role."""
type Simulator = Callable[[ModelSpec, Mapping[str, FloatArray], FloatArray, np.random.Generator, bool], Replicates]
"""From a model, its data by role, effects (k, size), a generator, and whether the studies are new ones."""


def replicate(
    model: ModelSpec, data: Observed, theta: FloatArray, rng: np.random.Generator, *, new: bool = False
) -> Replicates:
    """Return replicates of the observed data.

    Parameters
    ----------
    model : ModelSpec
        The model, for its likelihood and link.
    data : Counts or Estimates
        What it sees of the studies; their sizes (n, person-time, standard errors) are those of the replicates.
    theta : array, shape (k, size)
        True effects, link scale.
    rng : numpy.random.Generator
        Source of randomness.
    new : bool
        Whether these are other studies of the same sizes. It matters to "binomial-two-arm" alone, whose control
        arms have then a baseline from its distribution; else from its posterior given the study's counts and effect.

    Returns
    -------
    dict
        Arrays (k, size) by role: ``events``, or ``y``, or ``events_treatment`` and ``events_control``.

    Raises
    ------
    SpecError
        If the likelihood is not known here.

    Notes
    -----
    Likelihoods that condition on the events of both arms keep their total.
    """
    if isinstance(data, Estimates):
        return {"y": rng.normal(theta, data.se[:, None])}
    simulate = SIMULATORS.get(model.likelihood)
    if simulate is None:
        raise SpecError(f"replicates of likelihood={model.likelihood!r} are not defined.")
    return simulate(model, data.data, theta, rng, new)


def observed_roles(data: Observed) -> tuple[str, ...]:
    """Return the roles of the data that a likelihood is of, as `replicate` names them."""
    return ("y",) if isinstance(data, Estimates) else tuple(role for role in data.data if role.startswith("events"))


def _binomial(
    model: ModelSpec, data: Mapping[str, FloatArray], theta: FloatArray, rng: np.random.Generator, _new: bool
) -> Replicates:
    return {"events": _binomial_draw(data["n"], LINKS[model.link].inverse(theta), rng)}


def _poisson(
    _model: ModelSpec, data: Mapping[str, FloatArray], theta: FloatArray, rng: np.random.Generator, _new: bool
) -> Replicates:
    mean = data["time"][:, None] * np.exp(np.minimum(theta, np.log(MOST_EVENTS)))
    return {"events": rng.poisson(np.minimum(mean, MOST_EVENTS)).astype(np.float64)}


def _poisson_conditional(
    _model: ModelSpec, data: Mapping[str, FloatArray], theta: FloatArray, rng: np.random.Generator, _new: bool
) -> Replicates:
    """events_treatment | total ~ Binomial(total, expit(theta + log of the ratio of person-times))."""
    total = data["events_treatment"] + data["events_control"]
    log_times = np.log(data["time_treatment"] / data["time_control"])
    treated = _binomial_draw(total, special.expit(theta + log_times[:, None]), rng)
    return {"events_treatment": treated, "events_control": total[:, None] - treated}


def _conditional(
    _model: ModelSpec, data: Mapping[str, FloatArray], theta: FloatArray, rng: np.random.Generator, _new: bool
) -> Replicates:
    """events_treatment | total ~ Fisher's non-central hypergeometric distribution, by inversion."""
    treated = np.stack([_hypergeometric(data, i, theta[i], rng) for i in range(len(theta))])
    total = data["events_treatment"] + data["events_control"]
    return {"events_treatment": treated, "events_control": total[:, None] - treated}


def _hypergeometric(
    data: Mapping[str, FloatArray], study: int, theta: FloatArray, rng: np.random.Generator
) -> FloatArray:
    n1, n0 = data["n_treatment"][study], data["n_control"][study]
    total = data["events_treatment"][study] + data["events_control"][study]
    counts = np.arange(max(0.0, total - n0), min(n1, total) + 1.0)
    log_c = log_binomial_coefficient(counts, np.full_like(counts, n1))
    log_c = log_c + log_binomial_coefficient(total - counts, np.full_like(counts, n0))
    out = np.empty(theta.size)
    for block in np.array_split(np.arange(theta.size), -(-theta.size * counts.size // BLOCK)):
        log_p = log_c + np.multiply.outer(theta[block], counts - counts[0])
        cdf = np.cumsum(np.exp(log_p - log_p.max(axis=1, keepdims=True)), axis=1)
        uniform = rng.uniform(size=block.size) * cdf[:, -1]
        out[block] = counts[np.minimum((cdf < uniform[:, None]).sum(axis=1), counts.size - 1)]
    return out


def _two_arm(
    model: ModelSpec, data: Mapping[str, FloatArray], theta: FloatArray, rng: np.random.Generator, new: bool
) -> Replicates:
    if model.baseline is None:
        raise SpecError("likelihood='binomial-two-arm' needs a baseline.")
    if new:
        alpha = model.baseline.rvs(theta.shape, seed=rng)
    else:
        alpha = np.stack([_baseline(model, data, i, theta[i], rng) for i in range(len(theta))])
    return {
        "events_treatment": _binomial_draw(data["n_treatment"], special.expit(alpha + theta), rng),
        "events_control": _binomial_draw(data["n_control"], special.expit(alpha), rng),
    }


def _baseline(
    model: ModelSpec, data: Mapping[str, FloatArray], study: int, theta: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return draws of a study's baseline log odds given its counts and each theta, by inversion on a rule of nodes.

    The nodes lie about the baseline's prior, the control arm and the treatment arm less theta, each as far as 9 SDs.
    """
    assert model.baseline is not None
    low, middle, high = model.baseline.ppf([0.1587, 0.5, 0.8413])
    arms = [
        BinomialTerms(data[f"events_{arm}"][[study]], data[f"n_{arm}"][[study]]) for arm in ("control", "treatment")
    ]
    (control, control_sd), (treatment, treatment_sd) = (
        (float(arm.rough()[0][0]), float(np.sqrt(arm.rough()[1][0]))) for arm in arms
    )
    precision = 1.0 / np.array([(high - low) / 2.0, control_sd, treatment_sd]) ** 2
    centre = (precision[0] * middle + precision[1] * control + precision[2] * (treatment - theta)) / precision.sum()
    spread = 1.0 / np.sqrt(precision.sum())
    # the three may disagree by more than their joint precision tells: reach from the lowest to the highest as well
    unit = np.sinh(np.linspace(-4.0, 4.0, BASELINE_NODES)) / np.sinh(4.0)
    far = np.abs(np.stack([centre - middle, centre - control, centre - treatment + theta])).max(axis=0)
    alpha = centre[:, None] + (BASELINE_REACH * spread + far)[:, None] * unit
    log_f = arms[0].log_likelihood(alpha)[0] + arms[1].log_likelihood(alpha + theta[:, None])[0]
    return draw_from_nodes(alpha, log_f + model.baseline.logpdf(alpha), rng)


def _binomial_draw(n: FloatArray, p: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return binomial counts for n (k,) and p (k, size)."""
    return rng.binomial(n.astype(np.int64)[:, None], p).astype(np.float64)


SIMULATORS: Final[Mapping[str, Simulator]] = MappingProxyType(
    {
        "binomial": _binomial,
        "poisson": _poisson,
        "poisson-conditional": _poisson_conditional,
        "binomial-conditional": _conditional,
        "binomial-two-arm": _two_arm,
    }
)
"""By likelihood of counts."""
