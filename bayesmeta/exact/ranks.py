"""Which group is best? The probabilities of all ranks, by one-dimensional quadrature.

Given what the groups are independent of one another (index h),

    P(g has r groups above it) = sum over h of P(h) integral of f_g(x | h) P(r of the others exceed x | h) dx

where the number of the others that exceed x is a sum of independent events with probabilities 1 - F_j(x | h).
"""

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.contrast import GAUSS_COARSE, GAUSS_FINE, Side, gauss_panels
from bayesmeta.exact.groups import Groups, Mixture
from bayesmeta.exact.quantities import Quantities


def rank_probabilities(groups: Groups, name: str) -> tuple[FloatArray, FloatArray]:
    """Return P(group g has the (r+1)-th highest value), shape (G, G), and its numerical error, shape (G,).

    Parameters
    ----------
    groups : Groups
        The groups.
    name : {"mu", "p_median", "p_mean"}
        What is ranked.
    """
    fine = _ranks(groups.fine, groups.mixtures[0], name, GAUSS_FINE)
    coarse = _ranks(groups.coarse, groups.mixtures[1], name, GAUSS_COARSE)
    defect = np.maximum(np.abs(fine.sum(axis=1) - 1.0), np.abs(fine.sum(axis=0) - 1.0))
    return fine, np.maximum(np.abs(fine - coarse).max(axis=1), defect)


def _ranks(parts: tuple[Quantities, ...], mixture: Mixture, name: str, order: int) -> FloatArray:
    sides = [Side(part, name, given, False) for part, given in zip(parts, mixture.given, strict=True)]
    # the nodes of all groups together resolve each of them
    out = np.empty((len(sides), len(sides)))
    x, step = _common_nodes(sides, order)
    cdf, pdf = np.stack([np.stack(side.base_cdf_pdf(x)) for side in sides], axis=1)
    for g in range(len(sides)):
        above = np.zeros((len(sides), *cdf[g].shape))
        above[0] = 1.0
        for j in range(len(sides)):
            if j != g:
                above[1:] = above[1:] * cdf[j] + above[:-1] * (1.0 - cdf[j])
                above[0] *= cdf[j]
        mass = pdf[g] * step * mixture.weight[:, None]
        out[g] = np.einsum("rhx,hx->r", above, mass)
    return out


def _common_nodes(sides: list[Side], order: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Legendre rules on the panels that all groups' panels make together."""
    edges = np.unique(np.concatenate([side.edges() for side in sides]))
    edges = edges[np.r_[True, np.diff(edges) > 1e-12 * (edges[-1] - edges[0])]]
    return gauss_panels(edges, order - 3)
