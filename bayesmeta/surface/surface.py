"""What do the data say before any prior: log m[study, tau, mu] on a grid."""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.grid import Grid
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.random_effects import with_kernel
from bayesmeta.surface.terms import Terms


def proportion_powers(link: str, kernel: Kernel) -> Terms | None:
    """Return terms whose m are the means of a proportion, of its square, and of 1 minus it; None for other links.

    They are one event in one patient, two in two, and none in one.
    """
    if link not in PROPORTION_LINKS:
        return None
    return with_kernel(BinomialTerms(np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]), link), kernel)


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
    log_powers : array, shape (3, J, U), or None
        For proportions, log of the means of p, of its square and of its complement at each node.
    """

    terms: Terms
    grid: Grid
    settings: Level
    link: str
    log_m: FloatArray
    log_powers: FloatArray | None


def tabulate(terms: Terms, grid: Grid, settings: Level, *, link: str = "identity") -> Surface:
    """Tabulate log m of every study at every node of a grid.

    Parameters
    ----------
    terms : Terms
        The likelihoods.
    grid : Grid
        The nodes.
    settings : Level
        The resolution.
    link : str
        What the study effects are a function of; for proportions ``log_powers`` is tabulated as well.

    Returns
    -------
    Surface
    """
    points = grid.mu.ravel(), np.repeat(grid.tau, grid.shape[1])
    powers = proportion_powers(link, terms.kernel)
    if isinstance(terms, BinomialTerms) and isinstance(powers, BinomialTerms) and terms.offset is None:
        # one pass serves both
        both = terms.joined(powers)
        log_m = both.marginal(settings)(*points).reshape(-1, *grid.shape)
        return Surface(terms, grid, settings, link, log_m[: terms.k], log_m[terms.k :])
    log_m = terms.marginal(settings)(*points).reshape(-1, *grid.shape)
    log_powers = None if powers is None else powers.marginal(settings)(*points).reshape(-1, *grid.shape)
    return Surface(terms, grid, settings, link, log_m, log_powers)
