"""What did the priors say of a quantity, before the data? Exactly where that can be computed, else by draws."""

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import Bayesian
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.before import quantities_before
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.sampled import SampledMarginal
from bayesmeta.spec.coefficients import priors_of
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.resolve import resolve_prior

DRAWS = 20_000  # of a quantity whose prior has no density that can be computed; the tails of a sketch need no more


class Drawn(Protocol):
    """What a curve is drawn from."""

    def pdf(self, x: FloatArray) -> FloatArray:
        """Return the density."""
        ...

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantiles."""
        ...


@final
@dataclass(frozen=True)
class PriorMarginal:
    """The prior of a parameter, with the verbs of a `Marginal`."""

    prior: Prior

    def pdf(self, x: FloatArray) -> FloatArray:
        """Return the density at ``x``, with the shape of ``x``."""
        return np.exp(self.prior.logpdf(x))

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantiles at probabilities ``q``, with the shape of ``q``."""
        return self.prior.ppf(q)


def before(fit: Bayesian, name: str, *, seed: int | np.random.Generator | None = None) -> Drawn:
    """Return the prior distribution of a quantity, that which the priors of mu and tau induce.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        Whose model and studies are meant.
    name : str
        A row of its summary, or ``"theta_new"``.
    seed : int or numpy.random.Generator, optional
        Source of randomness, where the distribution cannot be computed.

    Returns
    -------
    Drawn
        With ``pdf`` and ``ppf``. That of mu, tau and coefficients is the prior itself; p_median, p_mean, p_new and
        theta_new are those of the posterior of no studies, by quadrature to 1e-4; where that fails (priors with very
        heavy tails), by 20 000 draws.

    Raises
    ------
    SpecError
        If a prior that is needed is improper, or the quantity has no prior of its own.
    """
    own = _own_prior(fit, name)
    if own is not None:
        if not own.is_proper:
            raise SpecError(f"the prior of {name} is improper and has no density.")
        return PriorMarginal(own)
    if getattr(fit, "design", None) is not None:
        raise SpecError(f"the prior of {name} follows from several coefficients, and is not drawn.")
    try:
        return quantities_before(fit.model, fit.studies, measure=fit.measure).marginal(name)
    except AccuracyError:
        return SampledMarginal(name, _draws(fit, name, seed))


def _own_prior(fit: Bayesian, name: str) -> Prior | None:
    """Return the prior that the model states of a parameter, as a density of it; None for a derived quantity."""
    if name == "tau":
        return resolve_prior(fit.model.tau, fit.model, fit.observed)
    if name == "mu":
        return resolve_prior(fit.model.mu, fit.model, fit.observed)
    design = getattr(fit, "design", None)
    if name.startswith("beta[") and design is not None and fit.model.beta is not None:
        label = name.removeprefix("beta[").removesuffix("]")
        prior = dict(zip(design.coef, priors_of(fit.model.beta, design.coef), strict=True))[label]
        return resolve_prior(prior, fit.model, fit.observed)
    return None


def _draws(fit: Bayesian, name: str, seed: int | np.random.Generator | None) -> FloatArray:
    if isinstance(fit, NutsFit):
        tree = fit.to_datatree()
        if "prior" not in tree.children or name not in tree["prior"]:
            raise SpecError(f"the prior of {name} cannot be drawn, because a prior is improper.")
        return np.asarray(tree["prior"][name]).ravel()
    source = fit.drawable
    if not source.is_proper:
        raise SpecError(f"the prior of {name} cannot be drawn, because a prior is improper.")
    variables = source.variables(source.prior(DRAWS, np.random.default_rng(seed)))
    return np.asarray(variables[name].values).ravel()
