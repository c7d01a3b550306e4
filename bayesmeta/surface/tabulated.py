"""How is a likelihood integrated that is costly to compute? By a table of its log, interpolated.

The log likelihoods of two-arm trials are sums over tables of counts, or integrals over a baseline. They are
analytic in a strip about the real line, so that a polynomial through neighbouring entries is exact to rounding.
"""

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.bands import averaged
from bayesmeta.surface.kernels import NORMAL, NormalKernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

NO_CURVATURE: Final = 1e-100  # a variance of 1e100 is that of a study without information
POINTS: Final = 12  # of the interpolating polynomial


@final
@dataclass(frozen=True, eq=False)
class TabulatedTerms:
    """Log-concave likelihoods known at equal steps; beyond the table their logs are straight lines.

    Parameters
    ----------
    first, step : array, shape (k,)
        First point of each table and its step, link scale.
    log_table : array, shape (k, T)
        Log likelihoods there, of which those that tend to a constant tend to 0.
    left, right : array of bool, shape (k,)
        Whether each likelihood tends to a constant as theta falls, and as it rises.
    log_factor : array, shape (k,)
        Log of the factor by which the likelihoods were divided.
    """

    first: FloatArray
    step: FloatArray
    log_table: FloatArray
    left: BoolArray
    right: BoolArray
    log_factor: FloatArray

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.first)

    @property
    def kernel(self) -> NormalKernel:
        """The normal distribution."""
        return NORMAL

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return where each likelihood is largest, or bends most if it tends to a constant, and 1/curvature there."""
        bend = 2.0 * self.log_table[:, 1:-1] - self.log_table[:, :-2] - self.log_table[:, 2:]
        most = np.where(self.left | self.right, bend.argmax(axis=1), self.log_table[:, 1:-1].argmax(axis=1))
        most = np.where(bend.max(axis=1) > 0.0, most, bend.shape[1] // 2)
        row = np.arange(self.k)
        curvature: FloatArray = np.maximum(bend[row, most] / self.step**2, 1e-3)
        # a peak may be much narrower than the step: it lies where the parabola through three entries has it
        rise = 0.5 * (self.log_table[row, most + 2] - self.log_table[row, most])
        shift = np.clip(rise / np.maximum(bend[row, most], 1e-3 * self.step**2), -1.0, 1.0)
        shift = np.where(self.left | self.right, 0.0, shift)
        return self.first + (most + 1 + shift) * self.step, 1.0 / curvature

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse of the curvature of the log likelihood at theta_i."""
        around = theta[:, None] + self.step[:, None] * np.array([-1.0, 0.0, 1.0])
        left, middle, right = self.log_likelihood_at(around).T
        return np.asarray(self.step**2 / np.maximum(2.0 * middle - left - right, NO_CURVATURE))

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return whether each likelihood tends to a constant as theta falls, and as it rises."""
        return self.left, self.right

    def take(self, index: IntArray) -> "TabulatedTerms":
        """Return the terms of the studies at ``index``."""
        place, table = (self.first[index], self.step[index]), self.log_table[index]
        return TabulatedTerms(*place, table, self.left[index], self.right[index], self.log_factor[index])

    def powered(self, power: FloatArray) -> "TabulatedTerms":
        """Return each likelihood raised to a power, shape (k,)."""
        table, factor = power[:, None] * self.log_table, power * self.log_factor
        return TabulatedTerms(self.first, self.step, table, self.left, self.right, factor)

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta, shape (k, *theta.shape)."""
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i, shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        return np.asarray(self._scaled_at(theta) + self.log_factor.reshape(shape))

    def _scaled_at(self, theta: FloatArray) -> FloatArray:
        shape = (-1,) + (1,) * (theta.ndim - 1)
        position = (theta - self.first.reshape(shape)) / self.step.reshape(shape)
        values = interpolate(self.log_table, position.reshape(self.k, -1)).reshape(theta.shape)
        last = self.log_table.shape[1] - 1.0
        slopes = (
            np.where(self.left, 0.0, self.log_table[:, 1] - self.log_table[:, 0]),
            np.where(self.right, 0.0, self.log_table[:, -1] - self.log_table[:, -2]),
        )
        below, above = np.minimum(position, 0.0), np.maximum(position - last, 0.0)
        return np.asarray(values + below * slopes[0].reshape(shape) + above * slopes[1].reshape(shape))

    def far(self, cut: float) -> FloatArray:
        """Return a distance from the centre at which a likelihood that decays is below exp(-cut), shape (k,)."""
        centre, _ = self.rough()
        ends = self.flat_from(cut)
        slopes = np.diff(self.log_table[:, [0, 1, -2, -1]], axis=1)[:, [0, 2]] / self.step[:, None]
        slowest = np.where(np.stack([self.left, self.right]), np.inf, np.abs(slopes.T)).min(axis=0)
        return np.asarray(np.abs(ends - centre).max(axis=0) + cut / np.maximum(slowest, 0.01))

    def flat_from(self, cut: float) -> FloatArray:
        """Return the ends of the tables, where those that tend to 1 have got there, shape (2, k)."""
        return np.stack([self.first, self.first + self.step * (self.log_table.shape[1] - 1)])

    def log_change(self, eta: FloatArray, step: FloatArray) -> FloatArray:
        """Return log likelihood(eta + step) - log likelihood(eta), for (P,) and (P, N); shape (k, P, N)."""
        return self.log_likelihood(eta[:, None] + step) - self.log_likelihood(eta)[:, :, None]

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
        scaled = TabulatedTerms(self.first, self.step, self.log_table, self.left, self.right, np.zeros(self.k))
        rule = averaged(scaled, settings)
        return lambda eta, tau: rule(eta, tau) + self.log_factor[:, None]


def interpolate(table: FloatArray, position: FloatArray) -> FloatArray:
    """Return smooth functions (k, T) at positions (k, P) in steps, clipped to the tables, by polynomials.

    Through the `POINTS` nearest entries, in Newton's form about the first of them: backward from the highest
    divided difference, each step one multiplication.
    """
    points = min(POINTS, table.shape[1])
    inner = np.clip(position, 0.0, table.shape[1] - 1.0)
    first = np.clip(inner.astype(np.intp) - points // 2 + 1, 0, table.shape[1] - points)
    offset = inner - first
    differences = _divided_differences(table, points)
    row = np.arange(len(table))[:, None]
    value: FloatArray = differences[points - 1][row, first]
    for order in range(points - 2, -1, -1):
        value = value * (offset - order) + differences[order][row, first]
    return value


def _divided_differences(table: FloatArray, points: int) -> list[FloatArray]:
    """Return the divided differences of order 0 .. points - 1 at equal steps, each as wide as the last order's."""
    width = table.shape[1] - points + 1
    differences, current = [table[:, :width]], table
    for order in range(1, points):
        current = np.diff(current, axis=1) / order
        differences.append(current[:, :width])
    return differences
