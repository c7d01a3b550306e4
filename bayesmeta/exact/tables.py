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
from bayesmeta.exact.functionals import Axes, Functionals
from bayesmeta.exact.knots import Knots, place
from bayesmeta.exact.posterior import NEGLIGIBLE
from bayesmeta.exact.rows import REFINEMENT, refinement, sinc_cdf
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.surface import Surface

if TYPE_CHECKING:
    from bayesmeta.exact.batch import Family, Weights

LEAST_LOG = -1e5  # of a node's weight: far below what doubles hold, yet finite
TAU_KNOTS = 3  # knots per node of tau
BEYOND = 2.0  # knots reach this many SDs beyond the outermost quantile
CLOSER = {
    "mu": 1.0,
    "p_mean": 1.0,
    "p_median": 1.0,
    "theta_new": 1.25,
}  # knots lie where a sharp peak may have wide flanks
WHOLE = 13.0  # SDs on each side that hold all that matters of a density
SMALLEST_SD = 1e-6
NODES_AT_ONCE = 16  # of tau, neighbours, whose shares are computed at a time


@final
@dataclass(frozen=True, eq=False)
class Density:
    """Densities of R posteriors at X knots, per unit of the knots' coordinate.

    Parameters
    ----------
    pdf : array, shape (R, X)
        The densities.
    tails : array, shape (R, 2)
        Probabilities below the first knot and above the last.
    """

    pdf: FloatArray
    tails: FloatArray


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
        By base quantity; others at each resolution, so that comparing the two also shows what lies between knots.
    live : slice
        The nodes of tau that matter to distribution functions and densities.
    names : tuple of str
        The N quantities.
    moments : array, shape (J, U, 2 N)
        Shares in the first two powers of each quantity.
    shapes : dict of str to array, shape (live nodes, U, M)
        By base quantity but tau, shares in its distribution function at the X knots, then, if they are wanted, in its
        density there and in the probabilities of both tails: in one array, which one matrix product sums.
    """

    surface: Surface
    axes: Axes
    knots: dict[str, Knots]
    live: slice
    names: tuple[str, ...]
    moments: FloatArray
    shapes: dict[str, FloatArray]

    @classmethod
    def of(
        cls, surface: Surface, axes: Axes, places: "Places", names: Sequence[str], *, reach: float, finer: float,
        densities: bool,
    ) -> "Tables":  # fmt: skip
        """Tabulate what the summaries of some quantities need.

        Parameters
        ----------
        surface : Surface
            The grid.
        axes : Axes
            Coordinates of the knots.
        places : Places
            Where the posteriors live.
        names : sequence of str
            The quantities.
        reach : float
            Standard deviations that the knots span on each side.
        finer : float
            By how much closer than usual the knots lie.
        densities : bool
            Whether densities are wanted as well.
        """
        functionals, q = Functionals(surface, axes, densities), surface.grid.q
        knots = {base: place(*where, reach=reach, finer=finer * CLOSER[base]) for base, where in places.of.items()}
        knots["tau"] = Knots(np.linspace(q[0], q[-1], TAU_KNOTS * (q.size - 1) + 1))
        first, last = np.searchsorted(q, places.q)
        live = slice(int(first), int(last) + 1)
        shapes = {
            base: _shares(functionals, base, axes[base], knots[base].at, np.arange(q.size)[live]) for base in places.of
        }
        moments = np.concatenate([functionals.moments(name) for name in names], axis=2)
        return cls(surface, axes, knots, live, tuple(names), moments, shapes)

    @cached_property
    def centre(self) -> float:
        """What was taken from mu before its powers were tabulated."""
        return Functionals(self.surface, self.axes).centre

    @cached_property
    def of_tau(self) -> tuple[FloatArray, FloatArray]:
        """The matrices (F, X) from weights of the refined nodes to distribution function and density at the knots.

        Knots and refined nodes both divide the steps of q evenly, so that few distances between them differ.
        """
        q = self.surface.grid.q
        knot, node = np.arange(self.knots["tau"].at.size), np.arange(REFINEMENT * (q.size - 1) + 1)
        index = REFINEMENT * knot - TAU_KNOTS * node[:, None]
        offset = np.arange(index.min(), index.max() + 1) / TAU_KNOTS
        index -= index.min()
        return sinc_cdf(offset)[index], np.sinc(offset)[index] * REFINEMENT / (q[1] - q[0])


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
    def _moments(self) -> FloatArray:
        return self.weights.sums(self.tables.moments)

    @cached_property
    def _known(self) -> dict[str, FloatArray]:
        return {}

    def _shapes(self, base: str) -> FloatArray:
        if base not in self._known:
            self._known[base] = self.weights.sums(self.tables.shapes[base], self.tables.live)
        return self._known[base]

    @cached_property
    def _tau_weight(self) -> FloatArray:
        """Probabilities of the refined nodes of tau, shape (R, F), by interpolation of their logs."""
        log_weight = np.maximum(self.weights.log_tau, LEAST_LOG) @ refinement(self.weights.log_tau.shape[1])
        return np.exp(np.minimum(log_weight, 0.0)) / REFINEMENT

    def moments(self, name: str) -> FloatArray:
        """Return mean and SD of a quantity, shape (R, 2), whether or not they exist."""
        i = 2 * self.tables.names.index(name)
        first, second = self._moments[:, i : i + 2].T
        with np.errstate(invalid="ignore", over="ignore"):
            sd = np.sqrt(np.maximum(second - first * first, 0.0))
        return np.stack([first + (self.tables.centre if name in ("mu", "theta_new") else 0.0), sd], axis=1)

    def cdf(self, base: str) -> FloatArray:
        """Return the distribution functions of a base quantity at its knots, shape (R, X)."""
        if base == "tau":
            return self._tau_weight @ self.tables.of_tau[0]
        return self._shapes(base)[:, : self.tables.knots[base].at.size]

    def density(self, base: str) -> Density:
        """Return the densities of a base quantity at its knots."""
        if base == "tau":  # its knots span the whole grid
            pdf = self._tau_weight @ self.tables.of_tau[1]
            tails = np.zeros((len(pdf), 2))
        else:
            both = self._shapes(base)[:, self.tables.knots[base].at.size :]
            pdf, tails = both[:, :-2], both[:, -2:]
        return Density(np.maximum(pdf, 0.0), tails)


def quantiles(fine: Rows, coarse: Rows, base: str, probability: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return quantiles on the base scale, their errors by the coarser distribution function, and which were found.

    Each has shape (R, P).
    """
    axis = fine.tables.axes[base]
    v, slope, error, found = fine.tables.knots[base].solve(fine.cdf(base), probability)
    other = coarse.tables.knots[base].values(coarse.cdf(base), v)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = (np.abs(other - probability) + error) / slope
    return axis.value(v), off * np.exp(axis.log_jacobian(v)), found


def squared_hellinger(knots: Knots, p: Density, q: Density) -> tuple[FloatArray, FloatArray]:
    """Return squared Hellinger distances of densities at the knots from one of them, and their errors, each (R,).

    H^2 = 1/2 integral of (sqrt p - sqrt q)^2. Of the tails beyond the knots only the masses P and Q are known:
    there it lies between (sqrt P - sqrt Q)^2 / 2, which is taken, and (P + Q) / 2.
    """
    fine, coarse = knots.integration
    integrand = 0.5 * (np.sqrt(p.pdf) - np.sqrt(q.pdf)) ** 2
    inner = integrand @ fine
    tails = 0.5 * (np.sqrt(p.tails) - np.sqrt(q.tails)) ** 2
    unknown = np.abs(inner - integrand @ coarse) + np.sqrt(p.tails * q.tails).sum(axis=1)
    return np.clip(inner + tails.sum(axis=1), 0.0, 1.0), unknown


def _shares(functionals: Functionals, base: str, axis: Coordinate, v: FloatArray, nodes: IntArray) -> FloatArray:
    """Return the shares of some nodes of tau in what is known of a base quantity (`Tables.shapes`)."""
    densities, x, jacobian = functionals.densities, axis.value(v), np.exp(axis.log_jacobian(v))
    shape = nodes.size, functionals.surface.grid.shape[1], v.size + densities * (v.size + 2)
    out = np.empty(shape)
    for i in range(0, nodes.size, NODES_AT_ONCE):
        part = slice(i, i + NODES_AT_ONCE)
        cdf, pdf = functionals.distribution(base, x, nodes[part])
        out[part, :, : v.size] = cdf
        if densities:
            np.multiply(pdf, jacobian, out=out[part, :, v.size : -2])
    if densities:
        out[:, :, -2:] = functionals.tails(base, x[[0, -1]])[nodes]
    return out


@final
@dataclass(frozen=True, eq=False)
class Places:
    """Roughly where some posteriors live.

    Parameters
    ----------
    of : dict of str to tuple of array
        For each base quantity but tau, means and SDs (R,) in the coordinate of its knots.
    q : tuple of float
        Between which nodes of tau's coordinate all have their mass.
    """

    of: dict[str, tuple[FloatArray, FloatArray]]
    q: tuple[float, float]


def find_places(family: "Family", surface: Surface, axes: Axes, bases: Sequence[str], rows: IntArray) -> Places:
    """Return where some rows live, from one surface."""
    others = [base for base in bases if base != "tau"]
    functionals, q = Functionals(surface, axes), surface.grid.q
    table = np.concatenate([np.empty((*surface.grid.shape, 0)), *(functionals.rough(base) for base in others)], axis=2)
    parts, largest = [], np.full(q.size, -np.inf)
    for block in family.blocks(rows):
        weights = family.weights(surface, block)
        parts.append(weights.sums(table))
        largest = np.maximum(largest, weights.log_tau.max(axis=0))
    sums = np.concatenate(parts)
    places = {}
    for i, base in enumerate(others):
        mean, square = sums[:, 2 * i], sums[:, 2 * i + 1]
        places[base] = mean, np.sqrt(np.maximum(square - mean**2, (SMALLEST_SD * (1.0 + np.abs(mean))) ** 2))
    live = np.flatnonzero(largest > np.log(NEGLIGIBLE))
    return Places(places, (q[max(live[0] - 1, 0)], q[min(live[-1] + 1, q.size - 1)]))


def reach_for(tail: float, *, whole: bool) -> float:
    """Return how many SDs knots must reach, for quantiles at probability ``tail`` or for whole densities."""
    outermost = BEYOND - float(special.ndtri(tail))
    return max(WHOLE, outermost) if whole else outermost
