"""What do draws of a model with random effects, a scale of tau or free nu say of the next study?"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.nuts.beyond import Beyond
from bayesmeta.nuts.mean_rule import NU_REACH, V_STEP
from bayesmeta.nuts.scale import scale_row
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec

type DrawsOf = Callable[[str], FloatArray]
"""From the name of a variable to its draws, shape (chains, draws, ...)."""


def tau_at(model: ModelSpec, beyond: Beyond, draws_of: DrawsOf, at: Mapping[str, object]) -> FloatArray:
    """Return the SD (or scale) of the effect of a next study at stated moderators, shape (chains, draws).

    Parameters
    ----------
    model : ModelSpec
        The model.
    beyond : Beyond
        What of it only NUTS can fit.
    draws_of : callable
        The draws.
    at : mapping
        Values of the moderators; for correlated outcomes with the outcome, which a formula names.
    """
    if beyond.correlated is not None:
        outcome = beyond.correlated.outcomes.index(str(at[beyond.correlated.outcome]))
        return draws_of("tau")[..., outcome]
    tau = _tau(model, draws_of)
    if beyond.scale is not None:
        needed = {name: at[name] for name in beyond.scale.variables if name in at}
        tau = tau * np.exp(draws_of("alpha") @ scale_row(beyond.scale, needed))
    return np.asarray(np.hypot(tau, _of_factors(beyond, draws_of)))


def tau_of_studies(model: ModelSpec, beyond: Beyond, draws_of: DrawsOf) -> FloatArray:
    """Return the same for a next study with the moderators of each study, shape (chains, draws, k) or (..., 1)."""
    if beyond.correlated is not None:
        return draws_of("tau")[..., beyond.correlated.outcome_index]
    tau = _tau(model, draws_of)[..., None]
    if beyond.scale is not None:
        tau = tau * np.exp(draws_of("alpha") @ beyond.scale.matrix.T)
    return np.asarray(np.hypot(tau, _of_factors(beyond, draws_of)[..., None]))


def next_effects(model: ModelSpec, structure: Structure, posterior: Any, rng: np.random.Generator) -> FloatArray:
    """Return effects of next studies with the moderators of each study, shape (k, draws of all chains).

    Each is one of a new level of every factor.
    """
    beyond = structure.beyond

    def draws_of(name: str) -> FloatArray:
        return np.asarray(posterior[name])

    shape = (posterior.sizes["chain"], posterior.sizes["draw"], posterior.sizes["study"])
    eta = draws_of("eta") if structure.design is not None else draws_of("mu")[..., None]
    nu = draws_of("nu")[..., None] if beyond.free_nu else model.nu
    theta = eta + tau_of_studies(model, beyond, draws_of) * standard_draws(nu, shape, rng)
    return np.asarray(theta.reshape(-1, shape[-1]).T)


def standard_draws(nu: Any, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return standardised effects: Student's t with nu degrees of freedom, or normal where nu is None."""
    return rng.standard_normal(shape) if nu is None else np.asarray(rng.standard_t(nu, shape))


def mean_over_t(
    inverse: Callable[[FloatArray], FloatArray], eta: FloatArray, tau: FloatArray, nu: FloatArray
) -> FloatArray:
    """Return the mean of inverse(eta + tau t) over Student's t with nu degrees of freedom, for each draw."""
    from scipy import stats

    v = np.arange(-NU_REACH, NU_REACH + V_STEP / 2, V_STEP)
    z, slope = np.sinh(v), np.cosh(v)
    means = np.empty(eta.size)
    for i, (one_eta, one_tau, one_nu) in enumerate(zip(eta.ravel(), tau.ravel(), nu.ravel(), strict=True)):
        weight = stats.t.pdf(z, one_nu) * slope
        means[i] = inverse(one_eta + one_tau * z) @ weight / weight.sum()
    return means.reshape(eta.shape)


def _tau(model: ModelSpec, draws_of: DrawsOf) -> FloatArray:
    return draws_of("tau") if model.has_tau else np.zeros(1)


def _of_factors(beyond: Beyond, draws_of: DrawsOf) -> FloatArray:
    """Return the SD of the sum of a new level's effects of every factor, shape (chains, draws) or (1,)."""
    squares = [draws_of(f"tau[{factor.name}]") ** 2 for factor in beyond.factors]
    return np.asarray(np.sqrt(sum(squares, start=np.zeros(1))))
