"""Which numbers of a posterior are linear in the weights of its grid, and what is each node's share in them?

Means of functions of (mu, tau), and the distribution function and density of every quantity at given points,
are sums over the nodes: F(x) = sum_ju W[j, u] C[j, u; x], where C[j, u; x] depends on the grid alone. So one
table of C serves every posterior on the grid, and matrix products give all of them.

Axes of the arrays: J nodes of tau, U nodes of mu for each, X points, M numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import lgamma, log
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.average import (
    LINK_STEPS,
    LOGIT_NODE_STEP,
    LOGIT_REACH,
    SMALLEST_SLOPE,
    log_powers,
    logit_mean_proportion,
)
from bayesmeta.exact.quantities import base_name
from bayesmeta.exact.rows import WIDE, basis_at, invert, refined_mu, refined_shares
from bayesmeta.surface.coordinates import Coordinate, SinhLine
from bayesmeta.surface.kernels import CommonKernel, Kernel, NormalKernel, hermite_rule
from bayesmeta.surface.surface import Surface
from bayesmeta.surface.terms import Terms

INCREASING = ("p_mean", "p_median")
SMOOTH = 0.2  # kernels up to this many SDs of mu: a few Hermite nodes average a distribution function over z
Z_REACH = 7.7  # standard deviations of z, beyond which 1e-14 is left
Z_STEP = 4.6  # steps of z per step of mu's rule: 0.64 at level 0, where the error is 1e-20
MOST_Z = 1200
ROUGH_Z = 5
FREQUENCY = 6.5  # the highest of a density of mu, per SD: pi over the steps of its nodes
# Every which refined node is summed over, where the kernel is at least so many of these steps wide. Between nodes h
# apart frequencies up to pi / h are known, so that with steps of s h / REFINEMENT the sum goes wrong where the kernel's
# reach (2 - s / REFINEMENT) pi / step; with these widths its transform is equally small there, 8e-12 of its largest.
STRIDES = ((4, 2.275), (2, 1.52), (1, WIDE))


@final
@dataclass(frozen=True, eq=False)
class Axes:
    """The coordinate in which each base quantity's distribution function is tabulated."""

    of: dict[str, Coordinate]

    def __getitem__(self, base: str) -> Coordinate:
        return self.of[base]


def bases_of(names: Iterable[str], kernel: Kernel) -> tuple[str, ...]:
    """Return the quantities whose distribution functions give those of ``names``."""
    return tuple(dict.fromkeys(base_name(name, kernel) for name in names))


def axes_for(terms: Terms, mu: Coordinate, tau: Coordinate) -> Axes:
    """Return a coordinate per base quantity, logarithmic far from the data where tails may be heavy."""
    centre, variance = terms.rough()
    middle, spread = (float(np.median(centre)), float(np.var(centre) + np.median(variance))) if terms.k else (0.0, 1.0)
    effects = SinhLine(middle, 2.0 * float(np.sqrt(spread)))
    return Axes({"mu": mu, "tau": tau, "theta_new": effects, "p_mean": effects, "p_median": effects})


@final
@dataclass(frozen=True, eq=False)
class Functionals:
    """The shares of the nodes of one surface in what is linear in their weights.

    Parameters
    ----------
    surface : Surface
        The grid and, for proportions, the powers tabulated on it.
    axes : Axes
        From `axes_for`.
    densities : bool
        Whether densities are wanted; else they have no columns.
    """

    surface: Surface
    axes: Axes
    densities: bool = True

    @property
    def centre(self) -> float:
        """What mu is taken from before it is squared, so that little cancels."""
        return float(self.surface.grid.mu_coordinate.value(np.array([np.median(self.surface.grid.centre)]))[0])

    def rough(self, base: str) -> FloatArray:
        """Return the base quantity's coordinate and its square, averaged where it has a spread, (J, U, 2)."""
        grid = self.surface.grid
        if base == "mu":
            v = self._x
            return np.stack([v, v * v], axis=2)
        if base in INCREASING:
            v = self.axes[base].coordinate(self._at_nodes(base))
            return np.stack([v, v * v], axis=2)
        z, weight = hermite_rule(ROUGH_Z)
        v = self.axes[base].coordinate(grid.mu[:, :, None] + grid.tau[:, None, None] * z)
        return np.stack([v @ weight, (v * v) @ weight], axis=2)

    def moments(self, name: str) -> FloatArray:
        """Return the first two powers of a quantity, averaged over what is not in (mu, tau), shape (J, U, 2)."""
        grid = self.surface.grid
        match name:
            case "mu":
                first = grid.mu - self.centre
                return np.stack([first, first**2], axis=2)
            case "theta_new":
                first = grid.mu - self.centre
                within = self._kernel.variance if np.isfinite(self._kernel.variance) else 0.0
                return np.stack([first, first**2 + within * grid.tau[:, None] ** 2], axis=2)
            case "tau":
                first = np.broadcast_to(grid.tau[:, None], grid.shape)
                return np.stack([first, first**2], axis=2)
            case "p_median" if not self._kernel.is_symmetric:
                median = LINKS[self.surface.link].inverse(self._at_nodes("p_median"))
                return np.stack([median, median**2], axis=2)
            case "p_median" | "p_mean" | "p_new" if name == "p_median" or isinstance(self._kernel, CommonKernel):
                return self._median_proportion()
            case "p_mean" | "p_new":
                mean, square, _ = np.exp(log_powers(self.surface))
                return np.stack([mean, square if name == "p_new" else mean**2], axis=2)
        raise SpecError(f"unknown quantity {name!r}.")

    def distribution(self, base: str, x: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the shares in the distribution function and density of a base quantity at ``x`` (X,).

        Parameters
        ----------
        base : str
            ``"mu"``, ``"p_mean"``, ``"p_median"`` or ``"theta_new"``. (The distribution of tau is no sum over nodes:
            it follows from the logs of their weights.)
        x : array, shape (X,)
            Points on the base scale; for p_mean on the link scale.
        rows : array of int, shape (R,)
            Nodes of tau that are wanted.

        Returns
        -------
        cdf, pdf : array, shape (R, U, X)
        """
        if base == "mu":
            return self._at(rows, np.broadcast_to(x, (rows.size, x.size)))
        if base in INCREASING:
            return self._of_increasing(self._at_nodes(base)[rows], x, rows)
        return self._of_next(x, rows)

    def tails(self, base: str, ends: FloatArray) -> FloatArray:
        """Return the shares in the probabilities below the first of two points and above the second, (J, U, 2).

        Sums over nodes, which are rough but never ripple; tails that matter to nothing need no more.
        """
        grid, (low, high) = self.surface.grid, ends
        if base == "theta_new":
            below, above = (self._kernel.cdf(end, grid.mu, grid.tau[:, None]) for end in (low, high))
            return np.stack([below, 1.0 - above], axis=2)
        value = grid.mu if base == "mu" else self._at_nodes(base)
        return np.stack([value < low, value > high], axis=2).astype(np.float64)

    def _at_nodes(self, base: str) -> FloatArray:
        """Return a quantity that increases with mu at each tau, at the nodes on its base scale, shape (J, U)."""
        return self._logit_mean if base == "p_mean" else self._median

    @cached_property
    def _logit_mean(self) -> FloatArray:
        return logit_mean_proportion(self.surface)

    @cached_property
    def _median(self) -> FloatArray:
        grid = self.surface.grid
        return self._kernel.median(grid.mu, grid.tau[:, None])

    @property
    def _kernel(self) -> Kernel:
        return self.surface.terms.kernel

    @cached_property
    def _x(self) -> FloatArray:
        grid = self.surface.grid
        v = grid.first_v[:, None] + grid.step_v[:, None] * np.arange(grid.shape[1])
        x: FloatArray = grid.centre[:, None] + grid.width[:, None] * np.sinh(v)
        return x

    def _median_proportion(self) -> FloatArray:
        """Return p_median and its square; by parts where the nodes of mu are too far apart for the inverse link."""
        grid, link = self.surface.grid, self.surface.link
        inverse, longest = LINKS[link].inverse, LINK_STEPS[link]
        p = inverse(grid.mu)
        powers = np.stack([p, p * p], axis=2)
        steps = np.where(np.abs(grid.mu) < LOGIT_REACH, np.exp(grid.log_weight_mu), 0.0)
        rows = np.flatnonzero(steps.max(axis=1) > longest)
        if rows.size:
            step = LOGIT_NODE_STEP * longest / LINK_STEPS["logit"]
            x = np.arange(-LOGIT_REACH, LOGIT_REACH + 0.5 * step, step)
            p, slope = inverse(x), step * np.exp(PROPORTION_LINKS[link].log_slope(x))
            below, _ = self._at(rows, np.broadcast_to(x, (rows.size, x.size)))
            powers[rows] = 1.0 - below @ np.stack([slope, 2.0 * p * slope], axis=1)
        return powers

    def _at(self, rows: IntArray, mu: FloatArray, weight: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return shares in the distribution function and density of mu on some rows at ``mu`` (R, X) or (R, X, Z)."""
        grid = self.surface.grid
        flat, shape = mu.reshape(rows.size, -1), (*mu.shape[:2], -1)
        slope = None
        if self.densities:
            with np.errstate(invalid="ignore", over="ignore"):  # outside the support of mu the slope is undefined
                slope = np.exp(grid.log_slope(flat, rows)).reshape(shape)
        position = grid.position(flat, rows).reshape(shape)
        return basis_at(grid.shape[1], position, slope, np.ones(1) if weight is None else weight)

    def _of_increasing(self, values: FloatArray, x: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Invert a quantity that at each tau increases with mu, from its values at the nodes (R, U)."""
        position, per_node = invert(values, x)
        size = self.surface.grid.shape[1]
        inner = (position > 0.0) & (position < size - 1)
        slope = np.where(inner, 1.0 / np.maximum(per_node, SMALLEST_SLOPE), 0.0)[:, :, None]
        return basis_at(size, position[:, :, None], slope if self.densities else None, np.ones(1))

    def _of_next(self, x: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Sum kernels over the nodes where tau is wide; elsewhere average the distribution of mu over z."""
        grid = self.surface.grid
        mu, tau, ratio = refined_mu(grid, rows), grid.tau[rows], grid.tau[rows] / grid.local_sd[rows]
        cdf, pdf = (np.empty((rows.size, grid.shape[1], count)) for count in (x.size, x.size * self.densities))
        narrow = np.ones(rows.size, dtype=bool)
        for stride, width in STRIDES:
            some = mu[:, ::stride]
            wide = narrow & (tau >= width * np.diff(some, axis=1).max(axis=1))
            shares, at = (
                stride * refined_shares(grid.shape[1])[:, ::stride],
                (some[wide, :, None], tau[wide, None, None]),
            )
            cdf[wide] = shares @ self._kernel.cdf(x, *at)
            if self.densities:
                pdf[wide] = shares @ np.exp(self._kernel.log_density(x, *at))
            narrow &= ~wide
        for part in (narrow & (ratio < SMOOTH), narrow & (ratio >= SMOOTH)):
            if part.any():
                cdf[part], pdf[part] = self._averaged(rows[part], x, float(ratio[part].max()))
        return cdf, pdf

    def _averaged(self, rows: IntArray, x: FloatArray, ratio: float) -> tuple[FloatArray, FloatArray]:
        """Average the distribution of mu over z in theta_new = mu + tau z.

        The trapezoid rule in z is exact to exp(-2 pi^2 / (h^2 (1 + ratio^2))) for a density of mu that is
        normal with SD tau / ratio.
        """
        settings, kernel = self.surface.settings, self._kernel
        nodes = settings.hermite_nodes // 2 + 1
        z, weight = kernel.rule(_nodes(ratio, nodes) if isinstance(kernel, NormalKernel) else nodes)
        if not kernel.is_symmetric:
            return self._averaged_by_node(rows, x, z, weight)
        if ratio >= SMOOTH and isinstance(kernel, NormalKernel):
            step = max(Z_STEP * settings.step_mu / np.sqrt(1.0 + ratio**2), 2.0 * Z_REACH / MOST_Z)
            z = np.arange(-np.ceil(Z_REACH / step), np.ceil(Z_REACH / step) + 1.0) * step
            weight = np.exp(-0.5 * z * z)
            weight /= weight.sum()
        at = x[:, None] - self.surface.grid.tau[rows, None, None] * z
        return self._at(rows, at, weight)

    def _averaged_by_node(
        self, rows: IntArray, x: FloatArray, z: FloatArray, weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Average the distribution of mu over z, whose distribution is another at each node."""
        grid, tau = self.surface.grid, self.surface.grid.tau[rows, None]
        cdf, pdf = (np.zeros((rows.size, grid.shape[1], count)) for count in (x.size, x.size * self.densities))
        for node, share in zip(z, weight, strict=True):
            correction = share * np.broadcast_to(
                self._kernel.rule_correction(node, grid.mu[rows], tau), grid.mu[rows].shape
            )
            below, density = self._at(rows, x - tau * node)
            cdf += correction[:, :, None] * below
            pdf += correction[:, :, None] * density
        return cdf, pdf


def _nodes(ratio: float, most: int) -> int:
    """Return how many Gauss-Hermite nodes are as good at a ratio of tau to the SD of mu as ``most`` are at `SMOOTH`.

    For a function of frequency w the error is (w tau)^2N N! / (2N)!.
    """

    def log_error(at: float, nodes: int) -> float:
        return 2.0 * nodes * log(FREQUENCY * at) + lgamma(nodes + 1.0) - lgamma(2.0 * nodes + 1.0)

    return next((n for n in range(1, most) if log_error(ratio, n) <= log_error(SMOOTH, most)), most)
