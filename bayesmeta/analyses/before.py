"""What did the priors say of a quantity, before the data? Exactly where that can be computed, else by draws."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.bayesian import Bayesian
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.before import quantities_before
from bayesmeta.exact.quantities import Quantities
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


@final
@dataclass(frozen=True, eq=False)
class Before:
    """The prior distributions of a fit's quantities, those that the priors of mu and tau induce.

    Parameters
    ----------
    fit : ExactFit, RegressionFit or NutsFit
        Whose model and studies are meant.
    seed : int or numpy.random.Generator, optional
        Source of randomness, where a distribution cannot be computed.
    """

    fit: Bayesian
    seed: int | np.random.Generator | None = None

    def marginal(self, name: str) -> Drawn:
        """Return the prior distribution of a quantity.

        Parameters
        ----------
        name : str
            A row of the fit's summary, or ``"theta_new"``.

        Returns
        -------
        Drawn
            With ``pdf`` and ``ppf``. That of mu, tau and coefficients is the prior itself; p_median, p_mean, p_new and
            theta_new are those of the posterior of no studies, by quadrature to 1e-4; with a prior of mu
            whose tails fall like a power, and wherever quadrature fails, by 20 000 draws.

        Raises
        ------
        SpecError
            If a prior that is needed is improper, or the quantity has no prior of its own.
        """
        own = _own_prior(self.fit, name)
        if own is not None:
            if not own.is_proper:
                raise SpecError(f"the prior of {name} is improper and has no density.")
            return PriorMarginal(own)
        if getattr(self.fit, "design", None) is not None:
            raise SpecError(f"the prior of {name} follows from several coefficients, and is not drawn.")
        if self._quantities is None:
            return SampledMarginal(name, _draws(self.fit, name, self.seed))
        return self._quantities.marginal(name)

    @cached_property
    def _quantities(self) -> Quantities | None:
        """All derived quantities by quadrature; None where that fails, or would take many seconds."""
        of_mu = resolve_prior(self.fit.model.mu, self.fit.model, self.fit.observed)
        if of_mu.is_proper and np.isfinite(of_mu.tail_order) and not np.isfinite(of_mu.support).all():
            return None
        try:
            return quantities_before(self.fit.model, self.fit.studies, measure=self.fit.measure)
        except AccuracyError:
            return None


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
    return np.asarray(variables[name].values, dtype=np.float64).ravel()
