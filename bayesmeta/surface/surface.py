"""What do the data say before any prior: log m[study, tau, mu] on a grid."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.random_effects import with_kernel
from bayesmeta.surface.terms import MarginalRule, Terms

POWERS_STEP = 2.0  # times the largest step in theta is small enough for the means of expit and its powers


def proportion_powers(link: str, kernel: Kernel) -> Terms | None:
    """Return terms whose m are the means of a proportion, of its square, and of 1 minus it; None for other links.

    They are one event in one patient, two in two, and none in one.
    """
    if link not in PROPORTION_LINKS:
        return None
    return with_kernel(BinomialTerms(np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]), link), kernel)


@lru_cache(maxsize=64)
def powers_rule(link: str, kernel: Kernel, settings: Level) -> MarginalRule | None:
    """Return the logs of the means of `proportion_powers`, as a function of (eta, tau); None for other links."""
    powers = proportion_powers(link, kernel)
    if powers is None:
        return None
    if link == "logit":  # with so few patients, analytic within a distance of pi: error exp(-2 pi^2 / 0.5) at most
        settings = replace(settings, step_theta=POWERS_STEP * settings.step_theta)
    return powers.marginal(settings)


@final
@dataclass(frozen=True, eq=False)
class Surface:
    """The tensor log m_i(mu, tau) of k studies; no prior enters its values.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    grid : Grid
        The J x U nodes.
    settings : Level
        The resolution.
    link : str
        What the study effects are a function of.
    log_m : array, shape (k, J, U)
        Log marginal likelihood of each study at each node.
    """

    terms: Terms
    grid: Grid
    settings: Level
    link: str
    log_m: FloatArray

    @cached_property
    def log_powers(self) -> FloatArray | None:
        """For proportions, log of the means of p, of its square and of its complement, shape (3, J, U)."""
        rule = powers_rule(self.link, self.terms.kernel, self.settings)
        return None if rule is None else rule(*_points(self.grid)).reshape(-1, *self.grid.shape)


def tabulate(
    terms: Terms, grid: Grid, settings: Level, rule: MarginalRule | None = None, *, link: str = "identity"
) -> Surface:
    """Tabulate log m of every study at every node of a grid.

    Parameters
    ----------
    terms : Terms
        The likelihoods.
    grid : Grid
        The nodes.
    settings : Level
        The resolution.
    rule : callable, optional
        What ``terms.marginal(settings)`` returns, if it is there already.
    link : str
        What the study effects are a function of.

    Returns
    -------
    Surface
    """
    log_m = (rule or terms.marginal(settings))(*_points(grid)).reshape(-1, *grid.shape)
    return Surface(terms, grid, settings, link, log_m)


def _points(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return mu and tau of all nodes, shape (J U,) each."""
    return grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1])
