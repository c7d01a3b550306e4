"""How is a number drawn whose density is known at nodes? By inversion of its distribution function."""

import numpy as np

from bayesmeta._arrays import FloatArray

SMALLEST = 1e-300


def draw_from_nodes(nodes: FloatArray, log_density: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a draw from each row's density, which is taken as linear between its nodes.

    Parameters
    ----------
    nodes : array, shape (size, N)
        Ascending along each row.
    log_density : array, shape (size, N)
        Log densities at the nodes, up to a constant for each row.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array, shape (size,)
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    gap = np.diff(nodes, axis=1)
    cdf = np.cumsum(0.5 * gap * (density[:, 1:] + density[:, :-1]), axis=1)
    uniform = rng.uniform(size=len(nodes)) * cdf[:, -1]
    right = np.clip((cdf < uniform[:, None]).sum(axis=1), 0, gap.shape[1] - 1)
    row = np.arange(len(nodes))
    below = np.where(right > 0, cdf[row, right - 1], 0.0)
    share = _share_of_cell(uniform - below, density[row, right], density[row, right + 1], gap[row, right])
    return np.asarray(nodes[row, right] + share * gap[row, right])


def _share_of_cell(area: FloatArray, first: FloatArray, last: FloatArray, gap: FloatArray) -> FloatArray:
    """Return how far into a cell a density that is linear there, from ``first`` to ``last``, has the given area."""
    wanted, slope = area / np.maximum(gap, SMALLEST), last - first
    root = np.sqrt(np.maximum(first * first + 2.0 * slope * wanted, 0.0))
    return np.clip(2.0 * wanted / np.maximum(first + root, SMALLEST), 0.0, 1.0)
