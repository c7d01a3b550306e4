"""Where are many distribution functions tabulated, and how are they read between the knots?

One set of knots serves all rows of a table. Between them every row is the polynomial through the `POINTS`
nearest knots, written in Newton's form from the centre out, so that leaving out its last two terms gives the
polynomial through two points fewer: their difference tells how good the interpolation is. Where differences fall
slowly, the function has a kink, and they are taken for what they could add up to; a second table, on other knots,
shows it as well.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.errors import AccuracyError

POINTS = 12
CENTRE_OUT = np.array([5, 6, 4, 7, 3, 8, 2, 9, 1, 10, 0, 11])
STEP = 0.2  # standard deviations between knots: the interpolation is then good to about 1e-9
CORE = 4.5  # standard deviations on each side over which this step is kept
GROWTH = 0.08  # of the step per unit of distance, further out
FALLING = 0.45  # of two terms more against the two before: so fast they fall where a function is smooth
SLOWLY = 30.0  # times the last terms bounds what is left where they fall like powers, next to a kink
NEWTON_STEPS = 8
LAST_MOVE = 1e-7  # of a step; the next one would be its square
MOST_KNOTS = 800
GAUSS, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(POINTS // 2 + 1)


@final
@dataclass(frozen=True, eq=False)
class Knots:
    """Knots of a table of functions, ascending and slowly varying in distance.

    Parameters
    ----------
    at : array, shape (X,)
        The knots.
    """

    at: FloatArray

    def solve(self, cdf: FloatArray, probability: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Solve cdf(v) = probability for every row of a table of distribution functions.

        Parameters
        ----------
        cdf : array, shape (R, X)
            Distribution functions at the knots.
        probability : array, shape (P,)
            Strictly between 0 and 1.

        Returns
        -------
        v, density, error : array, shape (R, P)
            The quantiles, the derivatives there, and the error of the interpolated distribution function.
        found : array of bool, shape (R, P)
            Whether the quantile lies between the knots.
        """
        below = np.stack([(cdf < p).sum(axis=1) for p in probability], axis=1)
        found = (below > 0) & (below < self.at.size)
        left = np.clip(below - 1, 0, self.at.size - 2)
        low, high = np.take_along_axis(cdf, left, axis=1), np.take_along_axis(cdf, left + 1, axis=1)
        step = self.at[left + 1] - self.at[left]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((probability - low) / (high - low), 0.0, 1.0)
        v = self.at[left] + np.where(np.isfinite(share), share, 0.5) * step
        nodes, difference = self._newton_form(cdf, left)
        for _ in range(NEWTON_STEPS):
            value, density, _ = _horner(nodes, difference, v)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                move = (probability - value) / density
            move = np.where(np.isfinite(move), np.clip(move, -step, step), 0.0)
            v = np.clip(v + move, self.at[left], self.at[left + 1])
            if np.abs(move / step).max(initial=0.0) < LAST_MOVE:
                break
        value, density, error = _horner(nodes, difference, v)
        return v, density, error + np.abs(value - probability), found & (density > 0.0)

    def values(self, table: FloatArray, v: FloatArray) -> FloatArray:
        """Return the rows of a table (R, X) at ``v`` (R, P)."""
        left = np.clip(np.searchsorted(self.at, v, side="right") - 1, 0, self.at.size - 2)
        return _horner(*self._newton_form(table, left), v)[0]

    @cached_property
    def integration(self) -> tuple[FloatArray, FloatArray]:
        """Weights (X,) that integrate the interpolant over all knots, and those of two points fewer."""
        half = 0.5 * np.diff(self.at)
        v = (self.at[1:] - half)[:, None] + half[:, None] * GAUSS
        both = []
        for points in (POINTS, POINTS - 2):
            index = self._stencil(np.arange(half.size))[:, :points]
            share = half[:, None] * (GAUSS_WEIGHT @ _lagrange(self.at[index], v))
            both.append(np.bincount(index.ravel(), share.ravel(), minlength=self.at.size))
        return both[0], both[1]

    def _stencil(self, left: IntArray) -> IntArray:
        first = np.clip(left - POINTS // 2 + 1, 0, self.at.size - POINTS)
        index: IntArray = first[..., None] + CENTRE_OUT
        return index

    def _newton_form(self, table: FloatArray, left: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return nodes and divided differences, each (R, P, POINTS), about the intervals ``left`` (R, P)."""
        index = self._stencil(left)
        nodes = self.at[index]
        difference = table[np.arange(len(table))[:, None, None], index]
        for m in range(1, POINTS):
            difference[..., m:] = (difference[..., m:] - difference[..., m - 1 : -1]) / (
                nodes[..., m:] - nodes[..., :-m]
            )
        return nodes, difference


def place(mean: FloatArray, sd: FloatArray, *, reach: float, finer: float = 1.0) -> Knots:
    """Return knots that resolve every one of several distributions.

    Parameters
    ----------
    mean, sd : array, shape (R,)
        Of each distribution.
    reach : float
        Standard deviations that are covered on each side.
    finer : float
        By how much closer than usual the knots should lie.

    Raises
    ------
    AccuracyError
        If the distributions are so unlike that too many knots would be needed.
    """
    step, last = STEP / finer, float((mean + reach * sd).max())
    at = [float((mean - reach * sd).min())]
    while (at[-1] < last or len(at) < 2 * POINTS) and len(at) <= MOST_KNOTS:
        # a step ahead, so that steps shrink before a narrow distribution begins
        far = np.abs(at[-1] - mean) - CORE * sd
        at.append(at[-1] + float((step * sd + GROWTH * np.maximum(far - step * sd, 0.0)).min()))
    if len(at) > MOST_KNOTS:
        raise AccuracyError(f"{mean.size} posteriors differ too much for one table.")
    return Knots(np.array(at))


def _horner(nodes: FloatArray, difference: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return value and slope at ``v`` (R, P) of polynomials in Newton's form, and the error of the value."""
    value, slope = difference[..., -1].copy(), np.zeros_like(v)
    for m in range(POINTS - 2, -1, -1):
        gap = v - nodes[..., m]
        slope = slope * gap + value
        value = value * gap + difference[..., m]
    last, before, first = (_pair(nodes, difference, v, m) for m in (POINTS - 2, POINTS - 4, POINTS - 6))
    slow = (last > FALLING * before) | (before > FALLING * first)
    return value, slope, np.where(slow, SLOWLY * np.maximum(last, FALLING * before), last)


def _pair(nodes: FloatArray, difference: FloatArray, v: FloatArray, m: int) -> FloatArray:
    """Return the size of the terms m and m + 1 of polynomials in Newton's form."""
    product = np.prod(v[..., None] - nodes[..., :m], axis=-1)
    result: FloatArray = np.abs(product * (difference[..., m] + difference[..., m + 1] * (v - nodes[..., m])))
    return result


def _lagrange(nodes: FloatArray, v: FloatArray) -> FloatArray:
    """Return the Lagrange polynomials of ``nodes`` (N, points) at ``v`` (N, P), shape (N, P, points)."""
    points = nodes.shape[1]
    scale = np.where(np.eye(points, dtype=bool), 1.0, nodes[:, :, None] - nodes[:, None, :]).prod(axis=2)
    gap = v[:, :, None] - nodes[:, None, :]
    product = np.ones_like(gap)  # of the gaps before each node, and then of those after it
    np.cumprod(gap[:, :, :-1], axis=2, out=product[:, :, 1:])
    product[:, :, :-1] *= np.cumprod(gap[:, :, :0:-1], axis=2)[:, :, ::-1]
    result: FloatArray = product / scale[:, None, :]
    return result
