"""At which (mu, tau) is the surface tabulated: a trapezoid rule in tau, and one in mu for each tau.

The outer rule runs over a coordinate q of tau with equal steps. Given tau, the inner rule runs over v in
x = centre + width sinh(v), where x is the coordinate of mu; centre and width follow the posterior of mu
given that tau, so that some twenty nodes suffice at every tau, and one long tail costs only its logarithm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.locate import NODES, Located, locate
from bayesmeta.surface.quadrature import PILOT, WIDTH, Level
from bayesmeta.surface.terms import Terms

type Target = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""``target(mu, tau, log_m)``, shapes (P,), (P,), (k, P), returns log densities, shape (targets, P)."""

FIRST_Q = (-3.8, 6.0)  # exp(-exp(3.8)) is 0 to double precision: all of (0, 400 scales)


@final
@dataclass(frozen=True, eq=False)
class Region:
    """Where the posterior lives: a bracket of q, and brackets of x (mu's coordinate) for some tau.

    Parameters
    ----------
    q : array, shape (R,)
        Nodes of tau's coordinate, ascending; its ends are the bracket.
    sd_q : float
        Standard deviation of q near its mode, from the curvature.
    lower, upper, centre, sd : array, shape (R,)
        Bracket, mode and local standard deviation of x given q.
    """

    q: FloatArray
    sd_q: float
    lower: FloatArray
    upper: FloatArray
    centre: FloatArray
    sd: FloatArray


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


def find_region(
    terms: Terms, target: Target, mu_coordinate: Coordinate, tau_coordinate: Coordinate
) -> Region:
    """Find where the posterior (or any of several targets) lives.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    target : callable
        Log posterior densities with respect to (mu, tau), up to a constant each.
    mu_coordinate, tau_coordinate : Coordinate
        Maps onto the supports.

    Returns
    -------
    Region

    Raises
    ------
    AccuracyError
        If no bracket settles.
    """
    rule = terms.marginal(PILOT)

    def inner(q: FloatArray, lower: FloatArray, upper: FloatArray) -> Located:
        """Locate x given each q."""
        tau = np.maximum(tau_coordinate.value(q), np.finfo(np.float64).tiny)
        log_jacobian = tau_coordinate.log_jacobian(q)

        def log_f(x: FloatArray, rows: IntArray) -> FloatArray:
            mu, t = mu_coordinate.value(x).ravel(), np.repeat(tau[rows], NODES)
            f = target(mu, t, rule(mu, t)).reshape(-1, *x.shape)
            return f + mu_coordinate.log_jacobian(x) + log_jacobian[rows, None]

        return locate(log_f, lower, upper, drop=PILOT.drop)

    seen: list[Located] = []

    def outer(q: FloatArray, rows: IntArray) -> FloatArray:
        tau = np.maximum(tau_coordinate.value(q[0]), np.finfo(np.float64).tiny)
        seen.append(inner(q[0], *_first_guess(terms, tau, mu_coordinate)))
        return seen[-1].log_mass()[:, None, :]

    found = locate(outer, np.array([FIRST_Q[0]]), np.array([FIRST_Q[1]]), drop=PILOT.drop)
    q = np.linspace(found.lower[0], found.upper[0], NODES)
    guess = (np.interp(q, found.x[0], ends) for ends in (seen[-1].lower, seen[-1].upper))
    mu = inner(q, *guess)
    centre, sd = mu.mode_and_sd(PILOT.drop)
    _, sd_q = Located(q[:1], q[-1:], q[None, :], mu.log_mass()[:, None, :]).mode_and_sd(PILOT.drop)
    return Region(q, float(sd_q[0]), mu.lower, mu.upper, centre, sd)


def _first_guess(terms: Terms, tau: FloatArray, mu_coordinate: Coordinate) -> tuple[FloatArray, FloatArray]:
    """Return a first bracket of x given tau, from inverse-variance weights."""
    if terms.k == 0:
        return np.full(tau.size, -4.0), np.full(tau.size, 4.0)
    y, variance = terms.rough()
    weight = 1.0 / (variance[:, None] + tau**2)
    mean, sd = (weight * y[:, None]).sum(axis=0) / weight.sum(axis=0), 1.0 / np.sqrt(weight.sum(axis=0))
    lower, upper = mu_coordinate.coordinate(mean - 10.0 * sd), mu_coordinate.coordinate(mean + 10.0 * sd)
    usable = np.isfinite(lower) & np.isfinite(upper) & (upper > lower)
    return np.where(usable, lower, -4.0), np.where(usable, upper, 4.0)


def make_grid(region: Region, settings: Level, mu_coordinate: Coordinate, tau_coordinate: Coordinate) -> Grid:
    """Lay the rule of one level over a region.

    Returns
    -------
    Grid
    """
    low, high = region.q[0], region.q[-1]
    step_q = min(settings.step_tau, region.sd_q / settings.steps_per_sd)
    q = np.linspace(low, high, int(np.ceil((high - low) / step_q)) + 1)
    tau = np.maximum(tau_coordinate.value(q), np.finfo(np.float64).tiny)
    lower, upper, centre = (np.interp(q, region.q, a) for a in (region.lower, region.upper, region.centre))
    width = WIDTH * np.exp(np.interp(q, region.q, np.log(region.sd)))
    first, last = np.arcsinh((lower - centre) / width), np.arcsinh((upper - centre) / width)
    count = int(np.ceil((last - first).max() / settings.step_mu)) + 1
    step_v = (last - first) / (count - 1)
    v = first[:, None] + step_v[:, None] * np.arange(count)
    x = centre[:, None] + width[:, None] * np.sinh(v)
    log_slope = np.log(width[:, None] * np.cosh(v)) + np.log(step_v[:, None])
    return Grid(
        q=q,
        tau=tau,
        log_weight_tau=np.log(q[1] - q[0]) + tau_coordinate.log_jacobian(q),
        centre=centre,
        width=width,
        first_v=first,
        step_v=step_v,
        mu=mu_coordinate.value(x),
        log_weight_mu=log_slope + mu_coordinate.log_jacobian(x),
        mu_coordinate=mu_coordinate,
        tau_coordinate=tau_coordinate,
    )
