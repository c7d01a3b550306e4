"""At which (mu, tau) is the surface tabulated: a trapezoid rule in tau, and one in mu for each tau.

The outer rule runs over a coordinate q of tau with equal steps. Given tau, the inner rule runs over v in
x = centre + width sinh(v), where x is the coordinate of mu; centre and width follow the posterior of mu
given that tau, so that some twenty nodes suffice at every tau, and one long tail costs only its logarithm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.coordinates import Coordinate, SinhLine, SteepInterval
from bayesmeta.surface.quadrature import WIDTH, Level
from bayesmeta.surface.region import Region

LOG_SD = 0.5  # largest local SD assumed of a density with tails like a power, in its logarithmic coordinate
STEEP = 0.5  # the tanh-sinh map falls off twice as steeply as the half-line's
EVEN = 10.0  # a sinh rule this many ranges wide has equal steps


@final
@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes and weights of the rule over (mu, tau).

    Parameters
    ----------
    q, tau : array, shape (J,)
        Outer nodes, equally spaced in q.
    log_weight_tau : array, shape (J,)
        Log of step times d tau / d q.
    centre, width, first_v, step_v : array, shape (J,)
        Inner rule: v = first_v + step_v u for u = 0 .. U - 1, and x = centre + width sinh(v).
    local_sd : array, shape (J,)
        SD of mu at its sharpest feature, ``centre``.
    mu, log_weight_mu : array, shape (J, U)
        Inner nodes, and the log of step times d mu / d v.
    mu_coordinate, tau_coordinate : Coordinate
        The maps from x and q to mu and tau.
    """

    q: FloatArray
    tau: FloatArray
    log_weight_tau: FloatArray
    centre: FloatArray
    width: FloatArray
    local_sd: FloatArray
    first_v: FloatArray
    step_v: FloatArray
    mu: FloatArray
    log_weight_mu: FloatArray
    mu_coordinate: Coordinate
    tau_coordinate: Coordinate

    @property
    def shape(self) -> tuple[int, int]:
        """Return (J, U), the numbers of outer and inner nodes."""
        return self.mu.shape[0], self.mu.shape[1]

    def take(self, rows: IntArray) -> "Grid":
        """Return some of the rows."""
        parts: dict[str, Any] = {
            name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, **parts)

    def position(self, mu: FloatArray, row: IntArray | slice = slice(None)) -> FloatArray:
        """Return where ``mu`` (R, P) lies in units of inner steps from each row's first node."""
        x = self.mu_coordinate.coordinate(mu)
        v = np.arcsinh((x - self.centre[row, None]) / self.width[row, None])
        return (v - self.first_v[row, None]) / self.step_v[row, None]

    def log_slope(self, mu: FloatArray, row: IntArray | slice = slice(None)) -> FloatArray:
        """Return the log derivative of `position` with respect to mu, at ``mu`` (R, P)."""
        x = self.mu_coordinate.coordinate(mu)
        z = (x - self.centre[row, None]) / self.width[row, None]
        log_dx = np.log(self.width[row, None]) + 0.5 * np.log1p(z * z) + np.log(self.step_v[row, None])
        return -log_dx - self.mu_coordinate.log_jacobian(x)


def make_grid(region: Region, settings: Level, mu_coordinate: Coordinate, tau_coordinate: Coordinate) -> Grid:
    """Lay the rule of one level over a region.

    Returns
    -------
    Grid
    """
    return make_grids([region], settings, mu_coordinate, [tau_coordinate])[0]


def make_grids(
    regions: Sequence[Region], settings: Level, mu_coordinate: Coordinate, tau_coordinates: Sequence[Coordinate]
) -> tuple[Grid, IntArray, IntArray]:
    """Lay the rule of one level over each of several regions.

    Returns
    -------
    grid : Grid
        The rows of all regions, one beneath another, as wide as the widest; ``tau_coordinate`` is the first.
    start : array of int, shape (B,)
        The first row of each region.
    size : array of int, shape (J,)
        The number of nodes of mu in each row; a row with fewer than others goes on beyond them.
    """
    pairs = list(zip(regions, tau_coordinates, strict=True))
    outer = [_outer(region, settings, coordinate) for region, coordinate in pairs]
    q, tau, log_weight = (np.concatenate(parts) for parts in zip(*outer, strict=True))
    of_rows = [region.at(part[0]) for region, part in zip(regions, outer, strict=True)]
    lower, upper, centre, sd = np.concatenate(of_rows, axis=1)
    width = WIDTH * sd
    unit = settings.step_mu * np.ones_like(q)
    if isinstance(mu_coordinate, SinhLine):  # features have this scale everywhere, so x itself has equal steps
        local = np.minimum(sd, LOG_SD)
        width = EVEN * (upper - lower)
        unit = settings.step_mu * WIDTH * local / width
    first, last = np.arcsinh((lower - centre) / width), np.arcsinh((upper - centre) / width)
    rows = np.array([part[0].size for part in outer])
    start = np.cumsum(rows) - rows
    steps = np.repeat(np.maximum.reduceat(np.ceil((last - first) / unit), start), rows)
    step_v = (last - first) / steps
    v = first[:, None] + step_v[:, None] * np.arange(steps.max() + 1.0)
    x = centre[:, None] + width[:, None] * np.sinh(v)
    log_slope = np.log(width[:, None] * np.cosh(v)) + np.log(step_v[:, None])
    grid = Grid(
        q=q,
        tau=tau,
        log_weight_tau=log_weight,
        centre=centre,
        width=width,
        local_sd=sd * np.exp(mu_coordinate.log_jacobian(centre)),
        first_v=first,
        step_v=step_v,
        mu=mu_coordinate.value(x),
        log_weight_mu=log_slope + mu_coordinate.log_jacobian(x),
        mu_coordinate=mu_coordinate,
        tau_coordinate=tau_coordinates[0],
    )
    return grid, start, steps.astype(np.intp) + 1


def _outer(region: Region, settings: Level, tau_coordinate: Coordinate) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the nodes q, their tau, and the logs of their weights."""
    low, high = region.q[0], region.q[-1]
    largest = settings.step_tau * (STEEP if isinstance(tau_coordinate, SteepInterval) else 1.0)
    step_q = min(largest, region.sd_q / settings.steps_per_sd)
    q = np.linspace(low, high, int(np.ceil((high - low) / step_q)) + 1)
    tau = np.maximum(tau_coordinate.value(q), np.finfo(np.float64).tiny)
    return q, tau, np.log(q[1] - q[0]) + tau_coordinate.log_jacobian(q)
