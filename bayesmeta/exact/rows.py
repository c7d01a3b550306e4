"""What is the distribution of mu given tau, between the nodes?

Given tau, the density of mu is known at equally spaced nodes of a coordinate v, and falls off at both ends;
so its sinc interpolant is as accurate as the trapezoid sums (Stenger 1993, doi:10.1007/978-1-4612-2706-9),
and its distribution function is the same sum with Si in place of sinc. In units of steps, s = (v - v_0) / h:

    density(s) = sum_u p_u sinc(s - u),   cdf(s) = sum_u p_u (1/2 + Si(pi (s - u)) / pi)

Both are tabulated once, `REFINEMENT` times as densely as the nodes, by two fixed matrices; between the
entries of these tables a polynomial through the eight nearest is exact to about 1e-9.

Axes of the arrays, by letter:

    J   nodes of tau, the rows of the grid
    R   some of these rows, those with weight
    U   nodes of mu in a row: v = first_v + step_v u for u = 0 .. U - 1, x = centre + width sinh(v), mu = mu(x)
    F   the refined nodes of a row, F = REFINEMENT (U - 1) + 1
    P   points at which the user wants values
"""

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.grid import Grid

REFINEMENT = 4
NEGLIGIBLE_NODE = 1e-11  # nodes of mu with less than this share of their row do not decide how it is summed
NEGLIGIBLE_KERNEL = 1e-15  # kernels with less weight are left out of sums
WIDE = 1.3  # a kernel this many node steps wide is summed over the nodes: error exp(-2 pi^2 1.69) = 3e-15
POINTS = 8  # of the interpolating polynomial
BEFORE = POINTS // 2 - 1  # of them left of the interval
SMOOTH_POINTS = 14
NEWTON_STEPS = 6
LAST_STEP = 1e-5


@final
@dataclass(frozen=True, eq=False)
class RowTable:
    """Functions of mu, one for each of some nodes of tau, and their integrals.

    Parameters
    ----------
    grid : Grid
        The nodes.
    rows : array of int, shape (R,)
        Nodes of tau.
    cdf, pdf : array, shape (R, F)
        Integral and function (per step of the nodes) on the refined nodes.
    """

    grid: Grid
    rows: IntArray
    cdf: FloatArray
    pdf: FloatArray

    def cdf_pdf(self, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the integrals up to ``mu`` (R, P), and the functions there per unit of mu."""
        cdf, pdf = self.at_position(self.grid.position(mu, self.rows))
        with np.errstate(invalid="ignore"):  # outside the support of mu the slope is undefined, the density 0
            slope = np.exp(self.grid.log_slope(mu, self.rows))
        return cdf, np.where(pdf > 0.0, pdf * slope, 0.0)

    def at_position(self, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return integrals and functions (per step) at ``position`` (R, P), in steps of the nodes."""
        # beyond the nodes the function is negligible, and the interpolant would ripple at rounding level
        inside = (position >= 0.0) & (position <= self.grid.shape[1] - 1)
        cdf, pdf = interpolate_tables((self.cdf, self.pdf), REFINEMENT * position, (0, 0))
        return cdf, np.where(inside, pdf, 0.0)


def row_table(grid: Grid, rows: IntArray, weight: FloatArray) -> RowTable:
    """Tabulate functions of mu given their node weights.

    Parameters
    ----------
    grid : Grid
        The nodes.
    rows : array of int, shape (R,)
        Nodes of tau.
    weight : array, shape (R, U)
        Function times quadrature weight at each node of mu. Posterior weights give the density of mu times
        the probability of the row.
    """
    to_cdf, to_pdf = _refinement_matrices(grid.shape[1])
    return RowTable(grid, rows, weight @ to_cdf, weight @ to_pdf)


def refined_nodes(grid: Grid, rows: IntArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes of mu and their weights, `REFINEMENT` times as dense, by interpolation; (R, F) each."""
    return refined_mu(grid, rows), weight @ refined_shares(grid.shape[1])


def refined_mu(grid: Grid, rows: IntArray) -> FloatArray:
    """Return nodes of mu `REFINEMENT` times as dense, shape (R, F)."""
    position = np.arange(REFINEMENT * (grid.shape[1] - 1) + 1) / REFINEMENT
    v = grid.first_v[rows, None] + grid.step_v[rows, None] * position
    return grid.mu_coordinate.value(grid.centre[rows, None] + grid.width[rows, None] * np.sinh(v))


def refined_shares(size: int) -> FloatArray:
    """Return the matrix (U, F) from weights of a row's nodes to those of its refined nodes."""
    return _refinement_matrices(size)[1] / REFINEMENT


def is_narrow(tau: FloatArray, mu: FloatArray, weight: FloatArray) -> BoolArray:
    """Return, per row, whether a normal kernel of SD ``tau`` (R,) is too narrow to be summed over the nodes.

    It is, if it is narrower than `WIDE` steps between any two nodes ``mu`` (R, F) that matter.
    """
    matters = weight > NEGLIGIBLE_NODE * weight.sum(axis=1, keepdims=True)
    step = np.diff(mu, axis=1) * (matters[:, 1:] & matters[:, :-1])
    return tau < WIDE * step.max(axis=1)


def summed_kernels(
    grid: Grid, rows: IntArray, weight: FloatArray, *, refined: bool = False, least: float = NEGLIGIBLE_KERNEL
) -> tuple[tuple[IntArray, FloatArray, FloatArray], BoolArray]:
    """Return the normal kernels whose sum over nodes of mu is a mixture's density, where they are wide enough for it.

    Parameters
    ----------
    grid : Grid
        The nodes.
    rows : array of int, shape (R,)
        Nodes of tau.
    weight : array, shape (R, U)
        Weights of the nodes of mu.
    refined : bool
        Whether to sum over refined nodes everywhere, and not only where the kernels are too narrow for the others.
    least : float
        Kernels with less weight are left out.

    Returns
    -------
    kernels : tuple of array, shape (N,) each
        Index of the row, centre and weight.
    narrow : array of bool, shape (R,)
        The rows whose kernels are too narrow even for refined nodes.
    """
    tau, mu = grid.tau[rows], grid.mu[rows]
    few = np.ones(rows.size, dtype=bool) if refined else is_narrow(tau, mu, weight)
    fine, finer = refined_nodes(grid, rows[few], weight[few])
    narrow = few.copy()
    narrow[few] = is_narrow(tau[few], fine, finer)
    parts = []
    for which, at, share in ((~few, mu[~few], weight[~few]), (few & ~narrow, fine[~narrow[few]], finer[~narrow[few]])):
        row, node = np.nonzero(np.abs(share) > least)
        parts.append((np.flatnonzero(which)[row], at[row, node], share[row, node]))
    index, centre, share = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    return (index, centre, share), narrow


def sinc_cdf(offset: FloatArray) -> FloatArray:
    """Return the integral of sinc from minus infinity to ``offset``."""
    return 0.5 + np.asarray(special.sici(np.pi * offset)[0]) / np.pi


def interpolate_smooth(values: FloatArray, position: FloatArray) -> FloatArray:
    """Return smooth values (J,) at positions (P,) in steps, by polynomials through the `SMOOTH_POINTS` nearest."""
    index, share = _smooth_shares(values.size, position)
    result: FloatArray = (share * values[index]).sum(axis=1)
    return result


def smooth_matrix(size: int, position: FloatArray) -> FloatArray:
    """Return the matrix (J, P) that does what `interpolate_smooth` does to any values at J nodes."""
    index, share = _smooth_shares(size, position)
    matrix = np.zeros((size, position.size))
    matrix[index, np.arange(position.size)[:, None]] = share
    return matrix


@cache
def refinement(size: int) -> FloatArray:
    """Return the matrix (J, F) from values at J nodes to those at nodes `REFINEMENT` times as dense."""
    return smooth_matrix(size, np.arange(REFINEMENT * (size - 1) + 1) / REFINEMENT)


def _smooth_shares(size: int, position: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the nodes that interpolate at each position, and Lagrange's polynomials there; (P, points) each."""
    points = min(SMOOTH_POINTS, size)
    first = np.clip(np.floor(position).astype(np.intp) - points // 2 + 1, 0, size - points)
    node = np.arange(points)
    offset = (position - first)[:, None] - node
    gaps = node[:, None] - node + np.eye(points)
    factors = np.where(np.eye(points, dtype=bool), 1.0, offset[:, None, :] / gaps)
    return first[:, None] + node, factors.prod(axis=2)


def invert(values: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve values(position) = target for functions that increase along their nodes.

    Parameters
    ----------
    values : array, shape (R, U)
        Increasing along each row.
    target : array, shape (P,) or (R, P)
        Values wanted, of all rows or of each.

    Returns
    -------
    position, slope : array, shape (R, P)
        In units of steps from the first node, clipped to the nodes; and the derivative of ``values`` there.
    """
    last = values.shape[1] - 1
    left = np.clip((values[:, :, None] < target[..., None, :]).sum(axis=1) - 1, 0, last - 1)
    low = np.take_along_axis(values, left, axis=1)
    high = np.take_along_axis(values, left + 1, axis=1)
    position = left + np.clip((target - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    for _ in range(NEWTON_STEPS):
        value, slope = interpolate_tables((values,), position, (0, 1))
        with np.errstate(over="ignore"):  # the step is clipped
            step = (target - value) / np.maximum(slope, 1e-300)
        position = np.clip(position + np.clip(step, -1.0, 1.0), 0.0, float(last))
        if np.abs(step).max() < LAST_STEP:
            break  # the next Newton step would be its square
    return position, np.maximum(slope, 1e-300)


def basis_at(
    size: int, position: FloatArray, slope: FloatArray | None, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what each node of a row adds to the integral and to the function at some positions.

    What `RowTable.cdf_pdf` returns is linear in the weights of the nodes; these are its coefficients, so that
    any number of functions on the same nodes can be had by matrix products.

    Parameters
    ----------
    size : int
        Number of nodes U.
    position, slope : array, shape (R, P, Z)
        In steps of the nodes, and steps per unit of what the function is a density of; None if only integrals are
        wanted.
    weight : array, shape (Z,)
        The results are sums over the last axis with these weights.

    Returns
    -------
    cdf, pdf : array, shape (R, U, P)
        The function is 0 beyond the nodes; without ``slope`` there are no columns of it.
    """
    first, powers = _powers(REFINEMENT * (size - 1) + 1, REFINEMENT * position)
    share = np.moveaxis(np.tensordot(_basis()[0], powers, axes=1), 0, -1)
    to_cdf, to_pdf = _refinement_matrices(size)
    cdf = _spread(first, share * weight[:, None], to_cdf)
    if slope is None:
        return cdf, cdf[:, :, :0]
    inside = np.where((position >= 0.0) & (position <= size - 1.0) & np.isfinite(slope), weight * slope, 0.0)
    return cdf, _spread(first, share * inside[..., None], to_pdf)


def _spread(first: IntArray, share: FloatArray, table: FloatArray) -> FloatArray:
    """Sum the columns of a table (U, F) from ``first`` (R, P, Z) on, times ``share`` (R, P, Z, POINTS): (R, U, P)."""
    from scipy.sparse import csr_array

    rows, points, count = first.shape
    column = (first[..., None] + np.arange(POINTS)).ravel()
    start = np.arange(rows * points + 1) * count * POINTS
    matrix = csr_array((share.ravel(), column, start), shape=(rows * points, table.shape[1]))
    product = np.asarray(matrix @ np.ascontiguousarray(table.T))
    return product.reshape(rows, points, -1).transpose(0, 2, 1)


@cache
def _refinement_matrices(size: int) -> tuple[FloatArray, FloatArray]:
    """Return the matrices (U, F) from node weights to tables of the integral and of the function."""
    offset = np.arange(REFINEMENT * (size - 1) + 1) / REFINEMENT - np.arange(size)[:, None]
    return sinc_cdf(offset), np.sinc(offset)


@cache
def _basis() -> tuple[FloatArray, FloatArray]:
    """Return coefficients (POINTS, POINTS) of the Lagrange polynomials at -BEFORE .. POINTS - 1 - BEFORE.

    Row k holds the coefficients of 1, x, x^2, ... of the polynomial that is 1 at point k, and those of its
    derivative.
    """
    points = np.arange(POINTS) - BEFORE
    value = np.linalg.inv(np.vander(points, increasing=True).astype(np.float64)).T
    slope = np.zeros_like(value)
    slope[:, :-1] = value[:, 1:] * np.arange(1, POINTS)
    return value, slope


def interpolate_tables(
    tables: tuple[FloatArray, ...], position: FloatArray, derivatives: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Interpolate the rows of one or two tables (R, F) at positions (R, P) in steps of the tables.

    ``derivatives`` says for each of the two results whether it is a value (0) or a slope (1). Positions are
    clipped to the tables' ends.
    """
    size = tables[0].shape[1]
    first, powers = _powers(size, position)
    index = (first + size * np.arange(tables[0].shape[0])[:, None]).ravel() + np.arange(POINTS)[:, None]
    powers = powers.reshape(POINTS, -1)
    weight = {order: _basis()[order] @ powers for order in set(derivatives)}
    entries = [table.ravel()[index] for table in tables]
    first_result, second = (
        np.einsum("kp,kp->p", weight[order], entries[min(i, len(entries) - 1)]).reshape(position.shape)
        for i, order in enumerate(derivatives)
    )
    return first_result, second


def _powers(size: int, position: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the first of the points that interpolate at each position, and powers (POINTS, ...) of the offset."""
    inner = np.clip(position, 0.0, size - 1.0)
    first = np.clip(inner.astype(np.intp) - BEFORE, 0, size - POINTS)
    powers = np.ones((POINTS, *position.shape))
    powers[1] = inner - first - BEFORE
    for i in range(2, POINTS):
        np.multiply(powers[i - 1], powers[1], out=powers[i])
    return first, powers
