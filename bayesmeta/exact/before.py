"""What do the priors alone say of each quantity, before any study? The posterior of no data."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.likelihoods import terms_of
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import pose, solve
from bayesmeta.exact.summary import worst_error
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import observed_by
from bayesmeta.spec.resolve import resolve_priors
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

PICTURE: Final = 0.01
"""Priors are drawn, not reported: 1e-4 is enough, and priors with heavy tails take seconds to get further."""


@final
@dataclass(frozen=True, eq=False)
class NoStudies:
    """One likelihood that is 1 whatever the effect, with the distribution of the study effects.

    Parameters
    ----------
    kernel : Kernel
        Distribution of the study effects given (mu, tau).
    centre, scale : float
        About where, and how widely, the prior of mu lies.
    """

    kernel: Kernel
    centre: float
    scale: float
    k: int = 1

    def take(self, index: IntArray) -> "NoStudies":
        """Return the same: there is nothing to choose from."""
        return self

    def powered(self, power: FloatArray) -> "NoStudies":
        """Return the same: a power of 1 is 1."""
        return self

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return centre and variance of the prior."""
        return np.array([self.centre]), np.array([self.scale**2])

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return inf: it holds no information."""
        return np.full(1, np.inf)

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return True: it is constant on both sides."""
        return np.ones(1, dtype=bool), np.ones(1, dtype=bool)

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return 0."""
        return np.zeros((1, *theta.shape))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return 0."""
        return np.zeros(theta.shape)

    def marginal(self, settings: Level) -> MarginalRule:
        """Return 0 at every (eta, tau)."""
        return lambda eta, tau: np.zeros((1, np.broadcast(eta, tau).size))


def quantities_before(model: ModelSpec, studies: Studies, *, measure: str | None = None) -> Quantities:
    """Return the quantities of a model under its priors alone.

    Parameters
    ----------
    model : ModelSpec
        The model, without a formula.
    studies : Studies
        The data, for the link, and for priors that are made from standard errors.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into.

    Returns
    -------
    Quantities
        As of a fit: ``marginal("p_mean")`` is the prior that the priors of mu and tau induce for p_mean.

    Raises
    ------
    SpecError
        If a prior is improper, or made from the studies.
    AccuracyError
        If a quantity cannot be computed accurately.
    """
    data = observed_by(model, studies, measure=measure)
    of_mu, of_tau = resolve_priors(model, data)
    for name, prior in (("mu", of_mu), ("tau", of_tau)):
        if not prior.is_proper:
            raise SpecError(f"the prior of {name} is improper, so that nothing can be said before the data.")
    low, middle, high = of_mu.ppf([0.16, 0.5, 0.84])
    terms = NoStudies(terms_of(model, data).kernel, float(middle), 0.5 * float(high - low))
    names = summary_rows_of(data.link, has_tau=model.has_tau)
    problem = pose(terms, of_mu, of_tau, link=data.link)
    return solve(problem, lambda fine, coarse: PICTURE * worst_error(fine, coarse, names)).fine
