"""What do the data say before any prior: log m[study, tau, mu] on a grid."""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import BinomialTerms, Terms

POWERS = BinomialTerms(np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]))
"""Their marginal likelihoods are the means of expit(theta), of its square, and of 1 - expit(theta)."""


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
    log_m : array, shape (k, J, U)
        Log marginal likelihood of each study at each node.
    log_powers : array, shape (3, J, U), or None
        For proportions, log of the means of expit(theta), of its square and of its complement at each node:
        the marginal likelihoods of one event in one patient, of two in two, and of none in one.
    """

    terms: Terms
    grid: Grid
    settings: Level
    log_m: FloatArray
    log_powers: FloatArray | None


def tabulate(terms: Terms, grid: Grid, settings: Level, *, proportions: bool = False) -> Surface:
    """Tabulate log m of every study at every node of a grid.

    Parameters
    ----------
    terms : Terms
        The likelihoods.
    grid : Grid
        The nodes.
    settings : Level
        The resolution.
    proportions : bool
        Whether to tabulate ``log_powers`` as well.

    Returns
    -------
    Surface
    """
    points = grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1])
    if proportions and isinstance(terms, BinomialTerms):  # one pass serves both
        both = BinomialTerms(np.r_[terms.events, POWERS.events], np.r_[terms.n, POWERS.n])
        log_m = both.marginal(settings)(*points).reshape(-1, *grid.shape)
        return Surface(terms, grid, settings, log_m[: terms.k], log_m[terms.k :])
    log_m = terms.marginal(settings)(*points).reshape(-1, *grid.shape)
    log_powers = POWERS.marginal(settings)(*points).reshape(-1, *grid.shape) if proportions else None
    return Surface(terms, grid, settings, log_m, log_powers)
