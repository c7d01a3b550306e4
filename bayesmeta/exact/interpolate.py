"""What is the sum of log m_i(x_i'beta, tau) over the studies at many beta? From tables at equal steps of eta."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.terms import MarginalRule

FIRST_POINTS = 12  # of the polynomial that refines a table
REFINEMENT = 4
POINTS = 6  # of the polynomial between the entries of the refined table
BENT_UP = 1e-3  # a second difference of log m above this is no rounding, and log m is concave
AT_ONCE = 40_000  # interpolated values held at once: temporary arrays stay in a processor's cache


@final
@dataclass(frozen=True, eq=False)
class Lattice:
    """Tables of log m_i, one row for each node of tau.

    Parameters
    ----------
    first, step : array, shape (J,)
        First entry and step of eta.
    table : array, shape (k, J, N)
        log m_i at ``first + step n``.
    """

    first: FloatArray
    step: FloatArray
    table: FloatArray

    def total(self, z: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the least and the largest eta of each row (J,), and the sum over studies at z (J, P, p); (J, P)."""
        low, high = np.full(len(z), np.inf), np.full(len(z), -np.inf)
        out = np.zeros(z.shape[:2])
        for studies, columns in self._parts(z.shape[1]):
            eta = self._eta(z[:, columns], design[studies])
            low, high = np.minimum(low, eta.min(axis=(0, 2))), np.maximum(high, eta.max(axis=(0, 2)))
            (value,), _ = self._interpolated(studies, eta, 1)
            out[:, columns] += value.sum(axis=0)
        return low, high, out

    def derivatives(self, z: FloatArray, design: FloatArray, known: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the sum, its gradient and minus its second derivative in the coordinates from ``known`` on.

        Shapes (J, P), (J, P, d), (J, P, d, d). Beyond the table log m_i goes on as a straight line.
        """
        d = z.shape[2] - known
        value, gradient, curvature = (np.zeros((*z.shape[:2], *(d,) * n)) for n in range(3))
        step = self.step[:, None]
        for studies, columns in self._parts(z.shape[1]):
            (f, first, second), beyond = self._interpolated(studies, self._eta(z[:, columns], design[studies]), 3)
            x = design[studies, known:]
            bend = np.maximum(-second, 0.0) / step**2
            value[:, columns] += (f + first * beyond).sum(axis=0)
            gradient[:, columns] += np.tensordot(first / step, x, (0, 0))
            curvature[:, columns] += np.tensordot(bend, x[:, :, None] * x[:, None, :], (0, 0))
        return value, gradient, curvature

    def _eta(self, z: FloatArray, design: FloatArray) -> FloatArray:
        return np.ascontiguousarray(np.moveaxis(z @ design.T, 2, 0))

    def _parts(self, columns: int) -> Iterator[tuple[IntArray, slice]]:
        """Split studies and points so that temporary arrays stay small."""
        k, rows = self.table.shape[:2]
        width = max(1, min(columns, AT_ONCE // rows))
        height = max(1, AT_ONCE // (rows * width))
        for i in range(0, k, height):
            for j in range(0, columns, width):
                yield np.arange(i, min(i + height, k)), slice(j, j + width)

    def _interpolated(self, studies: IntArray, eta: FloatArray, orders: int) -> tuple[list[FloatArray], FloatArray]:
        """Return log m at eta (k', J, P) and its first derivatives per step, and by how many steps eta is beyond."""
        size = self.table.shape[2]
        position = (eta - self.first[:, None]) / self.step[:, None]
        inner = np.clip(position, 0.0, size - 1.0)
        entry = np.clip(inner.astype(np.intp) - (POINTS // 2 - 1), 0, size - POINTS)
        x = (inner - entry).ravel() - 0.5 * (POINTS - 1)
        row = size * (studies[:, None] * self.table.shape[1] + np.arange(self.table.shape[1]))
        entry = (entry + row[:, :, None]).ravel()
        powers = np.ones((POINTS, x.size))
        for n in range(1, POINTS):
            np.multiply(powers[n - 1], x, out=powers[n])
        flat = self.table.reshape(-1)
        values = [flat.take(entry + n) for n in range(POINTS)]
        results = []
        for order in range(orders):
            weight = _polynomials(POINTS)[order].T @ powers
            result = weight[0] * values[0]
            for n in range(1, POINTS):
                result += weight[n] * values[n]
            results.append(result.reshape(eta.shape))
        return results, position - inner


def tabulate_lattice(
    rule: MarginalRule, tau: FloatArray, low: FloatArray, high: FloatArray, step: FloatArray, least: FloatArray
) -> Lattice:
    """Tabulate log m_i on each row's range of eta.

    Parameters
    ----------
    rule : callable
        ``rule(eta, tau)`` returns log m_i, shape (k, P).
    tau, low, high, step : array, shape (J,)
        Nodes of tau, and for each the range of eta and the largest step.
    least : array, shape (k,)
        Below it log m_i may be a stand-in; where that is not concave, log m_i goes on as a parabola instead.
    """
    count = max(FIRST_POINTS, int(np.ceil(((high - low) / step).max())) + 1)
    step = (high - low) / (count - 1)
    eta = low[:, None] + step[:, None] * np.arange(count)
    log_m = rule(eta.ravel(), np.repeat(tau, count)).reshape(-1, tau.size, count)
    _continue(log_m, least)
    return Lattice(low, step / REFINEMENT, _refined(log_m))


def _continue(table: FloatArray, least: FloatArray) -> None:
    """Continue log m_i (k, J, N) below ``least`` (k,) by f_0 + n f' + n (n + 1) f'' / 2, in place, if not concave.

    No mode can be found on a stand-in that is flat or jumps. The parabola goes through the last three entries above
    ``least``; a row that has fewer stays as it is.
    """
    trusted = table >= least[:, None, None]
    bent = np.diff(table, 2, axis=2) > BENT_UP
    untrusted = ~(trusted[:, :, :-2] & trusted[:, :, 2:])
    size = table.shape[2]
    for i, j in zip(*np.nonzero((bent & untrusted).any(axis=2) & (trusted.sum(axis=2) >= 3)), strict=True):
        row = table[i, j]
        first, last = trusted[i, j].argmax(), size - 1 - trusted[i, j, ::-1].argmax()
        for side in (row[: first + 3][::-1], row[last - 2 :]):
            f = side[:3].copy()
            n = np.arange(1.0, side.size - 2)
            side[3:] = f[2] + n * (f[2] - f[1]) + 0.5 * n * (n + 1.0) * min(f[2] - 2.0 * f[1] + f[0], 0.0)


def _refined(table: FloatArray) -> FloatArray:
    """Return tables (k, J, N) with `REFINEMENT` times as many steps, by polynomials through `FIRST_POINTS` entries."""
    size, half = table.shape[2], FIRST_POINTS // 2 - 1
    coefficients = _polynomials(FIRST_POINTS)[0]
    out = np.empty((*table.shape[:2], REFINEMENT * (size - 1) + 1))
    out[:, :, ::REFINEMENT] = table
    left, right, inner = table[:, :, :FIRST_POINTS], table[:, :, -FIRST_POINTS:], size - FIRST_POINTS + 1
    for part in range(1, REFINEMENT):
        of_part = out[:, :, part::REFINEMENT]
        x = np.arange(FIRST_POINTS - 1.0) + part / REFINEMENT - 0.5 * (FIRST_POINTS - 1)
        weight = x[:, None] ** np.arange(FIRST_POINTS) @ coefficients  # of the entries, between each two of them
        of_part[:, :, : half + 1] = left @ weight[: half + 1].T
        of_part[:, :, size - half - 2 :] = right @ weight[half:].T
        middle = weight[half, 0] * table[:, :, :inner]
        for n in range(1, FIRST_POINTS):
            middle += weight[half, n] * table[:, :, n : n + inner]
        of_part[:, :, half : half + inner] = middle
    return out


@cache
def _polynomials(points: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the coefficients (powers, entries) of Lagrange's polynomials about the middle of ``points`` nodes.

    And those of their first and second derivatives.
    """
    value = np.linalg.inv(np.vander(np.arange(points) - 0.5 * (points - 1), increasing=True))
    slope, bend = np.zeros_like(value), np.zeros_like(value)
    slope[:-1] = value[1:] * np.arange(1, points)[:, None]
    bend[:-1] = slope[1:] * np.arange(1, points)[:, None]
    return value, slope, bend
