"""What does ArviZ see of an exact fit? Independent draws of all that a sampler would give, and of the prior."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_counts, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.average import mean_proportion
from bayesmeta.exact.draws import draw_theta
from bayesmeta.result.datatree import Variable, by_study, to_datatree
from bayesmeta.result.draws import Draws
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.simulate import observed_roles, replicate
from bayesmeta.surface.terms import Terms

if TYPE_CHECKING:
    from xarray import DataTree

LIKELIHOODS: Final = ("conditional", "marginal")
type Sampler = Callable[[int, np.random.Generator], tuple[FloatArray, FloatArray]]
"""From a number of draws to coefficients (p, size) and tau (size,)."""


@final
@dataclass(frozen=True, eq=False)
class Drawable:
    """What is needed to draw from the posterior of a model and from its prior.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees.
    studies : Studies
        The studies, for their labels and the counts that were made into estimates.
    terms : Terms
        The likelihoods of the k studies.
    settings : Level
        Resolution of marginal likelihoods and of p_mean.
    link : str
        What effects are a function of.
    priors : tuple of Prior
        Of the coefficients, and last of tau; densities of their parameters.
    sample : callable
        Draws coefficients and tau from the posterior.
    design, design_new : array, shape (k, p) and (N, p)
        Rows of the design of the studies, and of the new studies that theta_new is of.
    coef : tuple of str or None
        Names of the coefficients; None without moderators.
    new : tuple of str, tuple of str
        Dimension and labels of the new studies: none without moderators, ``level`` with cell means, else ``study``:
        a new study with the moderators of each.
    """

    model: ModelSpec
    data: Observed
    studies: Studies
    terms: Terms
    settings: Level
    link: str
    priors: tuple[Prior, ...]
    sample: Sampler
    design: FloatArray
    design_new: FloatArray
    coef: tuple[str, ...] | None = None
    new: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def posterior(self, size: int, rng: np.random.Generator) -> Draws:
        """Return independent draws from the posterior."""
        beta, tau = self.sample(size, rng)
        theta = draw_theta(self.terms, self.design @ beta, tau, rng)
        return self._complete(beta, tau, theta, rng)

    def prior(self, size: int, rng: np.random.Generator) -> Draws:
        """Return independent draws from the prior; `is_proper` says whether there are any."""
        *of_beta, of_tau = self.priors
        beta = np.stack([prior.rvs(size, seed=rng) for prior in of_beta])
        tau = of_tau.rvs(size, seed=rng)
        return self._complete(beta, tau, self._effects(self.design @ beta, tau, rng), rng)

    @property
    def is_proper(self) -> bool:
        """Whether all priors integrate to 1."""
        return all(prior.is_proper for prior in self.priors)

    def _complete(self, beta: FloatArray, tau: FloatArray, theta: FloatArray, rng: np.random.Generator) -> Draws:
        eta_new = self.design_new @ beta
        return Draws(beta, tau, theta, eta_new, self._effects(eta_new, tau, rng))

    def _effects(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        return self.terms.kernel.draw(eta, np.broadcast_to(tau, eta.shape), rng)

    def variables(self, drawn: Draws) -> dict[str, Variable]:
        """Return the variables of the posterior, or of the prior."""
        found = self._hyperparameters(drawn.beta, drawn.tau)
        found |= {"theta": Variable(drawn.theta, ("study",)), "theta_new": self._of_new(drawn.theta_new)}
        if not is_proportion(self.link):
            return found
        kernel, inverse = self.terms.kernel, LINKS[self.link].inverse
        tau = np.broadcast_to(drawn.tau, drawn.eta_new.shape)
        mean = mean_proportion(drawn.eta_new.ravel(), tau.ravel(), self.link, kernel, self.settings)
        found["p"] = Variable(inverse(drawn.theta), ("study",))
        found["p_median"] = self._of_new(inverse(kernel.median(drawn.eta_new, tau)))
        found["p_mean"] = self._of_new(mean.reshape(tau.shape))
        found["p_new"] = self._of_new(inverse(drawn.theta_new))
        return found

    def _hyperparameters(self, beta: FloatArray, tau: FloatArray) -> dict[str, Variable]:
        centre = {"mu": Variable(beta[0])} if self.coef is None else {"beta": Variable(beta, ("coef",))}
        return centre | ({"tau": Variable(tau)} if self.model.has_tau else {})

    def _of_new(self, values: FloatArray) -> Variable:
        return Variable(values, self.new[0]) if self.new[0] else Variable(values[0])

    def log_prior(self, drawn: Draws) -> dict[str, Variable]:
        """Return the log prior densities of the coefficients and tau at draws; without constants if improper."""
        *of_beta, of_tau = self.priors
        of_coefficients = np.stack([prior.logpdf(row) for prior, row in zip(of_beta, drawn.beta, strict=True)])
        return self._hyperparameters(of_coefficients, of_tau.logpdf(drawn.tau))

    def log_likelihood(self, drawn: Draws, kind: str) -> FloatArray:
        """Return log likelihoods (k, size): of each study at its effect, or with its effect integrated out."""
        if kind == "conditional":
            return self.terms.log_likelihood_at(drawn.theta)
        eta = self.design @ drawn.beta
        return np.stack(
            [self.terms.take(np.array([i])).marginal(self.settings)(eta[i], drawn.tau)[0] for i in range(len(eta))]
        )

    def new_effects(self, drawn: Draws, rng: np.random.Generator) -> FloatArray:
        """Return effects (k, size) of new studies with the moderators of the studies."""
        return self._effects(self.design @ drawn.beta, drawn.tau, rng)

    def data_groups(self) -> dict[str, dict[str, Variable]]:
        """Return the observed data, and what was given with them."""
        arrays = {"y": self.data.y, "se": self.data.se} if isinstance(self.data, Estimates) else self.data.data
        seen = observed_roles(self.data)
        observed = {role: by_study(role, arrays[role]) for role in seen}
        given = {role: by_study(role, values) for role, values in arrays.items() if role not in seen}
        sizes = {f"{role}_new": variable for role, variable in given.items()}
        given |= {role: by_study(role, values) for role, values in self.studies.data.items() if role not in arrays}
        if self.coef is not None:
            given["design"] = Variable(self.design, ("study", "coef"))
        return {"observed_data": observed, "constant_data": given, "predictions_constant_data": sizes}


def draw_tree(
    source: Drawable,
    numerical_error: float,
    *,
    draws: int,
    chains: int,
    seed: int | np.random.Generator | None,
    log_likelihood: str,
) -> "DataTree":
    """Return independent draws as an ArviZ DataTree; `ExactFit.to_datatree` describes it.

    Raises
    ------
    SpecError
        If an option is not allowed.
    """
    check_counts(draws=draws, chains=chains)
    if log_likelihood not in LIKELIHOODS:
        raise SpecError(unknown_name("log_likelihood", log_likelihood, LIKELIHOODS))
    rng = np.random.default_rng(seed)
    size, roles = draws * chains, observed_roles(source.data)
    drawn = source.posterior(size, rng)

    def replicated(theta: FloatArray, *, new: bool, suffix: str = "") -> dict[str, Variable]:
        made = replicate(source.model, source.data, theta, rng, new=new)
        return {f"{role}{suffix}": by_study(role, values) for role, values in made.items()}

    found: dict[str, dict[str, Variable]] = {
        "posterior": source.variables(drawn),
        "posterior_predictive": replicated(drawn.theta, new=False),
        "predictions": replicated(source.new_effects(drawn, rng), new=True, suffix="_new"),
        "log_likelihood": {roles[0]: Variable(source.log_likelihood(drawn, log_likelihood), ("study",))},
        "log_prior": source.log_prior(drawn),
    }
    if source.is_proper:
        before = source.prior(size, rng)
        found["prior"] = source.variables(before)
        found["prior_predictive"] = replicated(before.theta, new=True)
    attrs = {
        "inference_library": "bayesmeta",
        "sampling": "independent draws from the exact posterior",
        "numerical_error": numerical_error,
    }
    coords = {"study": source.studies.study} | ({} if source.coef is None else {"coef": source.coef})
    coords |= dict(zip(source.new[0], [source.new[1]], strict=False))
    return to_datatree(found | source.data_groups(), coords=coords, chains=chains, attrs=attrs)
