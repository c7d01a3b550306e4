"""Where does the posterior live? A bracket of tau, and for each tau a bracket of mu and its sharpest feature."""

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.locate import NODES, Located, LogDensity, locate
from bayesmeta.surface.quadrature import PILOT
from bayesmeta.surface.terms import Terms

FIRST_Q = (-3.8, 6.0)  # exp(-exp(3.8)) is 0 to double precision: all of (0, 400 scales)
Q_STEP = 0.7  # largest distance of the tau at which mu is located
NEAR = 12.0  # features where the log density has fallen by less than this are resolved
NEAR_Q = 4.0
RESOLVED = 4.0  # a second difference of the log density up to this: nodes at most 2 SDs apart
MAX_ZOOMS = 20
TINY = np.finfo(np.float64).tiny


class Target(Protocol):
    """One or several posterior densities of (mu, tau), up to a constant each."""

    def of_mu(self, mu: FloatArray, tau: FloatArray, log_m: FloatArray) -> FloatArray:
        """Return the part that depends on mu, at points (P,) given log m (k, P); shape (targets, P)."""
        ...

    def of_tau(self, tau: FloatArray) -> FloatArray:
        """Return the part that depends on tau only, at ``tau`` (R,); shape (targets, R).

        Shape (n, targets, R) makes n targets of each.
        """
        ...


@final
@dataclass(frozen=True, eq=False)
class Region:
    """Where the posterior lives: a bracket of q, and brackets of x (mu's coordinate) for some tau.

    Parameters
    ----------
    q : array, shape (R,)
        Nodes of tau's coordinate, ascending; its ends are the bracket.
    sd_q : float
        Smallest local standard deviation of q, from the curvature of its log density.
    lower, upper, centre, sd : array, shape (R,)
        Bracket of x given q, place of its sharpest feature (the mode, or a steep edge) and local SD there.
    log_mass : array, shape (R,)
        Log of the mass of each row per unit of q, roughly and up to a constant.
    """

    q: FloatArray
    sd_q: float
    lower: FloatArray
    upper: FloatArray
    centre: FloatArray
    sd: FloatArray
    log_mass: FloatArray

    def at(self, q: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return lower, upper, centre and sd between the nodes: the widest bracket and the sharper feature."""
        left = np.clip(np.searchsorted(self.q, q, side="right") - 1, 0, self.q.size - 2)
        sharper = left + (self.sd[left + 1] < self.sd[left])
        lower = np.minimum(self.lower[left], self.lower[left + 1])
        upper = np.maximum(self.upper[left], self.upper[left + 1])
        return lower, upper, self.centre[sharper], self.sd[sharper]


def find_region(terms: Terms, target: Target, mu_coordinate: Coordinate, tau_coordinate: Coordinate) -> Region:
    """Find where the posterior (or any of several targets) lives.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    target : Target
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

    def density_of_x(tau: FloatArray) -> LogDensity:
        def log_f(x: FloatArray, rows: IntArray) -> FloatArray:
            mu, t = mu_coordinate.value(x).ravel(), np.repeat(tau[rows], x.shape[1])
            f = target.of_mu(mu, t, rule(mu, t)).reshape(-1, *x.shape)
            return f + mu_coordinate.log_jacobian(x)

        return log_f

    def log_mass(found: Located, q: FloatArray, tau: FloatArray) -> FloatArray:
        return found.log_mass() + target.of_tau(tau) + tau_coordinate.log_jacobian(q)

    seen: list[Located] = []

    def outer(q: FloatArray, rows: IntArray) -> FloatArray:
        tau = np.maximum(tau_coordinate.value(q[0]), TINY)
        guess = _first_guess(terms, tau, mu_coordinate)
        seen.append(locate(density_of_x(tau), *guess, drop=PILOT.drop))
        return log_mass(seen[-1], q[0], tau).reshape(-1, 1, tau.size)

    found = locate(outer, np.array([FIRST_Q[0]]), np.array([FIRST_Q[1]]), drop=PILOT.drop)
    low, high = found.lower[0], found.upper[0]
    q = np.linspace(low, high, max(NODES, int(np.ceil((high - low) / Q_STEP)) + 1))
    tau = np.maximum(tau_coordinate.value(q), TINY)
    lower, upper = (np.interp(q, found.x[0], ends) for ends in (seen[-1].lower, seen[-1].upper))
    mu = locate(density_of_x(tau), lower, upper, drop=PILOT.drop)
    centre, sd = sharpest(density_of_x(tau), mu)
    mass = log_mass(mu, q, tau).reshape(-1, 1, tau.size)
    sd_q = (q[1] - q[0]) / float(np.sqrt(max(bends(mass, NEAR_Q).max(), 1e-3)))
    return Region(q, sd_q, mu.lower, mu.upper, centre, sd, mass.max(axis=(0, 1)))


def sharpest(log_f: LogDensity, found: Located) -> tuple[FloatArray, FloatArray]:
    """Return, per row, where the log density bends most, and the SD of a normal density that bends as much.

    That is the mode, unless the density has a steep edge elsewhere. Rows whose points lie too far apart to
    tell are looked at again around the place, until they do not.
    """
    x, f = found.x.copy(), found.log_f
    peak = f.max(axis=2)
    centre, sd = np.empty(len(x)), np.empty(len(x))
    active = np.arange(len(x))
    for _ in range(MAX_ZOOMS):
        bend = bends(f, NEAR, peak[:, active]).max(axis=0)
        row, most = np.arange(active.size), bend.argmax(axis=1)
        top = np.clip(f[0].argmax(axis=1) - 1, 0, bend.shape[1] - 1)
        most = np.where(bend[row, top] > bend[row, most] / 1.5, top, most)  # ties go to the mode
        largest = np.maximum(bend.max(axis=1), 1e-3)
        step = x[:, 1] - x[:, 0]
        centre[active], sd[active] = x[row, most + 1], step / np.sqrt(largest)
        again = np.flatnonzero(largest > RESOLVED)
        if not again.size:
            break
        lower, upper = x[again, most[again]], x[again, most[again] + 2]
        active = active[again]
        x = lower[:, None] + (upper - lower)[:, None] * np.linspace(0.0, 1.0, NODES)
        f = log_f(x, active)
        peak[:, active] = np.maximum(peak[:, active], f.max(axis=2))
    return centre, sd


def bends(f: FloatArray, near: float, peak: FloatArray | None = None) -> FloatArray:
    """Return second differences -f'' step^2 at inner points where f is within ``near`` of its peak, else -inf."""
    peak = f.max(axis=2) if peak is None else peak
    with np.errstate(invalid="ignore"):
        bend = 2.0 * f[:, :, 1:-1] - f[:, :, :-2] - f[:, :, 2:]
    return np.where(f[:, :, 1:-1] > peak[:, :, None] - near, bend, -np.inf)


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
