"""What do the data say before any prior: log m[study, tau, mu] on a grid."""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import Terms


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
    """

    terms: Terms
    grid: Grid
    settings: Level
    log_m: FloatArray


def tabulate(terms: Terms, grid: Grid, settings: Level) -> Surface:
    """Tabulate log m of every study at every node of a grid.

    Returns
    -------
    Surface
    """
    return Surface(terms, grid, settings, evaluate(terms, grid.mu, grid.tau, settings))


def evaluate(terms: Terms, mu: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return log m of every study at ``mu`` (J, P) given ``tau`` (J,); shape (k, J, P)."""
    log_m = terms.marginal(settings)(mu.ravel(), np.repeat(tau, mu.shape[1]))
    return log_m.reshape(-1, *mu.shape)
