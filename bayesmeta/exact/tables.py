"""What do many posteriors on one grid say? Their sums over one table of shares, read back as summaries.

Axes of the arrays: R posteriors, J nodes of tau, U nodes of mu for each, X knots, M columns of the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.exact.functionals import Axes, Functionals, bases_of
from bayesmeta.exact.knots import Knots, place
from bayesmeta.exact.rows import REFINEMENT, interpolate_smooth, sinc_cdf
from bayesmeta.surface.surface import Surface

if TYPE_CHECKING:
    from bayesmeta.exact.batch import Family, Weights

LEAST_LOG = -1e5  # of a node's weight: far below what doubles hold, yet finite
TAU_KNOTS = 3  # knots per node of tau
BEYOND = 2.0  # knots reach this many SDs beyond the outermost quantile
WHOLE = 7.5  # SDs on each side that hold all that matters of a density
SMALLEST_SD = 1e-6


@final
@dataclass(frozen=True, eq=False)
class Density:
    """A density at the knots, per unit of their coordinate, and what lies below and above them."""

    pdf: FloatArray
    below: FloatArray
    above: FloatArray


@final
@dataclass(frozen=True, eq=False)
class Tables:
    """The shares of one surface's nodes in moments, distribution functions and densities.

    Parameters
    ----------
    surface : Surface
        At one resolution.
    axes : Axes
        Coordinates of the knots.
    knots : dict of str to Knots
        By base quantity; the same at both resolutions.
    columns : dict
        Which columns of ``shares`` hold what.
    shares : array, shape (J, U, M)
        The table.
    """

    surface: Surface
    axes: Axes
    knots: dict[str, Knots]
    columns: dict[tuple[str, str], slice]
    shares: FloatArray

    @classmethod
    def of(
        cls, surface: Surface, axes: Axes, knots: dict[str, Knots], names: Sequence[str], *, densities: bool
    ) -> "Tables":
        """Tabulate what the summaries of some quantities need, with their densities if wanted."""
        functionals = Functionals(surface, axes)
        parts = {("moments", name): functionals.moments(name) for name in names}
        for base in bases_of(names):
            if base == "tau":
                continue
            v = knots[base].at
            cdf, pdf = functionals.distribution(base, axes[base].value(v))
            parts["cdf", base] = cdf
            if densities:
                parts["pdf", base] = pdf * np.exp(axes[base].log_jacobian(v))
        ends = np.cumsum([0, *(part.shape[2] for part in parts.values())])
        columns = {key: slice(a, b) for key, a, b in zip(parts, ends[:-1], ends[1:], strict=True)}
        return cls(surface, axes, knots, columns, np.concatenate(list(parts.values()), axis=2))

    @cached_property
    def centre(self) -> float:
        """What was taken from mu before its powers were tabulated."""
        return Functionals(self.surface, self.axes).centre

    @cached_property
    def refinement(self) -> FloatArray:
        """The matrix (J, F) from log weights of the nodes of tau to those of nodes `REFINEMENT` times as dense."""
        size = self.surface.grid.q.size
        position = np.arange(REFINEMENT * (size - 1) + 1) / REFINEMENT
        return np.stack([interpolate_smooth(row, position) for row in np.eye(size)])

    @cached_property
    def of_tau(self) -> tuple[FloatArray, FloatArray]:
        """The matrices (F, X) from weights of the refined nodes to distribution function and density at the knots."""
        q = self.surface.grid.q
        step = (q[1] - q[0]) / REFINEMENT
        offset = (self.knots["tau"].at - q[0]) / step - np.arange(self.refinement.shape[1])[:, None]
        return sinc_cdf(offset), np.sinc(offset) / step


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Some posteriors read from the tables of one resolution.

    Parameters
    ----------
    tables : Tables
        The shares.
    weights : Weights
        The posterior weights of R rows on the tables' surface.
    """

    tables: Tables
    weights: "Weights"

    @cached_property
    def _sums(self) -> FloatArray:
        return self.weights.sums(self.tables.shares)

    @cached_property
    def _tau_weight(self) -> FloatArray:
        """Probabilities of the refined nodes of tau, shape (R, F), by interpolation of their logs."""
        log_weight = np.maximum(self.weights.log_tau, LEAST_LOG) @ self.tables.refinement
        return np.exp(np.minimum(log_weight, 0.0)) / REFINEMENT

    def moments(self, name: str) -> FloatArray:
        """Return mean and SD of a quantity, shape (R, 2), whether or not they exist."""
        first, second = self._sums[:, self.tables.columns["moments", name]].T
        with np.errstate(invalid="ignore", over="ignore"):
            sd = np.sqrt(np.maximum(second - first * first, 0.0))
        return np.stack([first + (self.tables.centre if name in ("mu", "theta_new") else 0.0), sd], axis=1)

    def cdf(self, base: str) -> FloatArray:
        """Return the distribution functions of a base quantity at its knots, shape (R, X)."""
        if base == "tau":
            return self._tau_weight @ self.tables.of_tau[0]
        return self._sums[:, self.tables.columns["cdf", base]]

    def density(self, base: str) -> Density:
        """Return the densities of a base quantity at its knots."""
        cdf = self.cdf(base)
        pdf = self._tau_weight @ self.tables.of_tau[1] if base == "tau" else self._sums[:, self._pdf_columns(base)]
        return Density(np.maximum(pdf, 0.0), np.clip(cdf[:, 0], 0.0, 1.0), np.clip(1.0 - cdf[:, -1], 0.0, 1.0))

    def _pdf_columns(self, base: str) -> slice:
        return self.tables.columns["pdf", base]


def quantiles(
    fine: Rows, coarse: Rows, base: str, probability: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return quantiles on the base scale, their errors by the coarser distribution function, and which were found.

    Each has shape (R, P).
    """
    knots, axis = fine.tables.knots[base], fine.tables.axes[base]
    v, slope, error, found = knots.solve(fine.cdf(base), probability)
    other, other_error = knots.values(coarse.cdf(base), v)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = (np.abs(other - probability) + error + other_error) / slope
    return axis.value(v), off * np.exp(axis.log_jacobian(v)), found


def squared_hellinger(knots: Knots, p: Density, q: Density) -> tuple[FloatArray, FloatArray]:
    """Return squared Hellinger distances of densities at the knots from one of them, and their errors, each (R,).

    H^2 = 1/2 integral of (sqrt p - sqrt q)^2. Of the tails beyond the knots only the masses P and Q are known:
    there it lies between (sqrt P - sqrt Q)^2 / 2, which is taken, and (P + Q) / 2.
    """
    fine, coarse = knots.integration
    integrand = 0.5 * (np.sqrt(p.pdf) - np.sqrt(q.pdf)) ** 2
    inner = integrand @ fine
    tails, unknown = np.zeros_like(inner), np.abs(inner - integrand @ coarse)
    for a, b in ((p.below, q.below), (p.above, q.above)):
        tails += 0.5 * (np.sqrt(a) - np.sqrt(b)) ** 2
        unknown += np.sqrt(a * b)
    return np.clip(inner + tails, 0.0, 1.0), unknown


def shared_knots(
    family: "Family",
    surface: Surface,
    axes: Axes,
    bases: Sequence[str],
    rows: IntArray,
    *,
    tail: float,
    whole: bool,
) -> dict[str, Knots]:
    """Return knots for each base quantity that resolve all rows.

    Parameters
    ----------
    family : Family
        The posteriors.
    surface : Surface
        On which means and SDs are taken roughly.
    axes : Axes
        Coordinates of the knots.
    bases : sequence of str
        The base quantities.
    rows : array of int
        Which posteriors.
    tail : float
        The smallest probability whose quantile is wanted.
    whole : bool
        Whether the knots should hold all of each density.
    """
    others = [base for base in bases if base != "tau"]
    knots = {}
    if others:
        functionals = Functionals(surface, axes)
        table = np.concatenate([functionals.rough(base) for base in others], axis=2)
        sums = np.concatenate([family.weights(surface, block).sums(table) for block in family.blocks(rows)])
        reach = WHOLE if whole else BEYOND - float(special.ndtri(tail))
        for i, base in enumerate(others):
            mean, square = sums[:, 2 * i], sums[:, 2 * i + 1]
            sd = np.sqrt(np.maximum(square - mean**2, (SMALLEST_SD * (1.0 + np.abs(mean))) ** 2))
            knots[base] = place(mean, sd, reach=reach)
    if "tau" in bases:
        q = surface.grid.q
        knots["tau"] = Knots(np.linspace(q[0], q[-1], TAU_KNOTS * (q.size - 1) + 1))
    return knots
