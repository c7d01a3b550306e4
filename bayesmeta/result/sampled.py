"""What is the distribution of one quantity, as draws give it? `SampledMarginal`, with the verbs of `Marginal`."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_counts, check_probability
from bayesmeta.result.marginal import numbers_of, probabilities_of


@final
@dataclass(frozen=True, eq=False)
class SampledMarginal:
    """The distribution of one quantity by its draws.

    Parameters
    ----------
    name : str
        The quantity.
    values : array, shape (size,)
        Its draws.
    """

    name: str
    values: FloatArray = field(repr=False)

    def mean(self) -> float:
        """Return the mean of the draws."""
        return float(self.values.mean())

    def sd(self) -> float:
        """Return the standard deviation of the draws."""
        return float(self.values.std(ddof=1))

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the share of draws that are at most ``x``, with the shape of ``x``."""
        points, _ = numbers_of(x, f"the values of {self.name}")
        rank = np.searchsorted(self._sorted, points, side="right")
        return np.asarray(rank / self.values.size)

    def pdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return ArviZ's kernel density estimate at ``x``, with the shape of ``x``; 0 beyond the draws."""
        grid, density = self._density
        points, _ = numbers_of(x, f"the values of {self.name}")
        return np.interp(points, grid, density, left=0.0, right=0.0)

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return the quantiles of the draws at probabilities ``q``, with the shape of ``q``.

        Raises
        ------
        SpecError
            If a probability lies outside [0, 1].
        """
        probability, _ = probabilities_of(q, self.name)
        return np.asarray(np.quantile(self.values, probability))

    def rvs(self, size: int = 1, *, seed: int | np.random.Generator | None = None) -> FloatArray:
        """Return draws, shape (size,), taken from those there are with replacement."""
        check_counts(size=size)
        return np.random.default_rng(seed).choice(self.values, size)

    def eti(self, ci_prob: float = 0.95) -> tuple[float, float]:
        """Return the equal-tailed interval of the draws."""
        tail = 0.5 * (1.0 - check_probability("ci_prob", ci_prob))
        lower, upper = self.ppf([tail, 1.0 - tail])
        return float(lower), float(upper)

    def hdi(self, ci_prob: float = 0.95) -> tuple[float, float]:
        """Return the shortest interval that holds ``ci_prob`` of the draws."""
        from arviz_stats.base import array_stats

        lower, upper = np.ravel(array_stats.hdi(self.values, check_probability("ci_prob", ci_prob)))
        return float(lower), float(upper)

    @cached_property
    def _sorted(self) -> FloatArray:
        return np.sort(self.values)

    @cached_property
    def _density(self) -> tuple[FloatArray, FloatArray]:
        from arviz_stats.base import array_stats

        grid, density, _ = array_stats.kde(self.values)
        return np.asarray(grid), np.asarray(density)
