"""Where does the posterior live? A bracket of tau, and for each tau a bracket of mu and its sharpest feature."""

from dataclasses import dataclass, replace
from typing import Protocol, final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.surface.coordinates import Coordinate
from bayesmeta.surface.locate import NODES, Located, LogDensity, locate
from bayesmeta.surface.quadrature import PILOT, level
from bayesmeta.surface.terms import MarginalRule, Terms

FIRST_Q = (-3.8, 6.0)  # exp(-exp(3.8)) is 0 to double precision: all of (0, 400 scales)
Q_STEP = 0.7  # largest distance of the tau at which mu is located
NEAR = 12.0  # features where the log density has fallen by less than this are resolved
NEAR_Q = 4.0
RESOLVED = 4.0  # a second difference of the log density up to this: nodes at most 2 SDs apart
MAX_ZOOMS = 20
LEAST_DROP = 20.0  # of the posterior's log density at the edges, where it was to fall by more
LOOKS = 7  # in a row: a density's peak is then missed by little
NEAR_ENDS = 0.15  # of a bracket's width: how far those of another search may end from it
MOST_SEARCHES = 6  # each with a finer rule than the last, where data and priors are far apart
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

    def is_near(self, other: "Region | None") -> bool:
        """Return whether another region has about the same brackets."""
        if other is None or not np.allclose(
            self.q[[0, -1]], other.q[[0, -1]], rtol=0.0, atol=NEAR_ENDS * np.ptp(self.q)
        ):
            return False
        ends = (np.interp(self.q, other.q, end) for end in (other.lower, other.upper))
        off = np.maximum(*(np.abs(one - end) for one, end in zip((self.lower, self.upper), ends, strict=True)))
        return bool((off <= NEAR_ENDS * (self.upper - self.lower)).all())


def find_region(terms: Terms, target: Target, mu_coordinate: Coordinate, tau_coordinate: Coordinate) -> Region:
    """Find where the posterior (or any of several targets) lives.

    The search takes a rough rule for likelihoods averaged over effects. A finer one must then find that the densities
    have fallen at the region's edges: where priors and data are far apart, likelihoods are steeper than at the maxima
    from which a rule takes its step. If they have not, the search is repeated with the finer rule.

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
        If no bracket settles, or no region holds the posterior.
    """
    return find_region_and_rule(terms, target, mu_coordinate, tau_coordinate)[0]


def find_region_and_rule(
    terms: Terms, target: Target, mu_coordinate: Coordinate, tau_coordinate: Coordinate
) -> tuple[Region, MarginalRule | None]:
    """Return what `find_region` does, and the likelihoods averaged at level 0 if it came by them at last."""
    search, before = Search(terms, target, mu_coordinate, tau_coordinate, terms.marginal(PILOT)), None
    for index in range(MOST_SEARCHES):
        region = search.region()
        search = replace(search, rule=terms.marginal(level(index)))
        if region.is_near(before) or search.holds(region):
            return region, search.rule if index == 0 else None
        before = region
    raise AccuracyError(
        "the region of the posterior could not be found: data and priors may be far apart; use wider priors, or check "
        "the data."
    )


@final
@dataclass(frozen=True, eq=False)
class Search:
    """The search for a region, with likelihoods averaged by some rule."""

    terms: Terms
    target: Target
    mu_coordinate: Coordinate
    tau_coordinate: Coordinate
    rule: MarginalRule

    def density_of_x(self, tau: FloatArray) -> LogDensity:
        """Return the log densities of x given ``tau`` (R,), for the targets."""

        def log_f(x: FloatArray, rows: IntArray) -> FloatArray:
            mu, t = self.mu_coordinate.value(x).ravel(), np.repeat(tau[rows], x.shape[1])
            f = self.target.of_mu(mu, t, self.rule(mu, t)).reshape(-1, *x.shape)
            return f + self.mu_coordinate.log_jacobian(x)

        return log_f

    def log_mass(self, found: Located, q: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the logs of the masses of rows, per unit of q and up to a constant, (..., targets, R)."""
        return found.log_mass() + self.target.of_tau(tau) + self.tau_coordinate.log_jacobian(q)

    def tau(self, q: FloatArray) -> FloatArray:
        """Return tau at q, above 0."""
        return np.maximum(self.tau_coordinate.value(q), TINY)

    def region(self) -> Region:
        """Bracket q; then mu at nodes of q that are closer together."""
        seen: list[Located] = []

        def outer(q: FloatArray, rows: IntArray) -> FloatArray:
            tau = self.tau(q[0])
            guess = _first_guess(self.terms, tau, self.mu_coordinate)
            seen.append(locate(self.density_of_x(tau), *guess, drop=PILOT.drop))
            return self.log_mass(seen[-1], q[0], tau).reshape(-1, 1, tau.size)

        found = locate(outer, np.array([FIRST_Q[0]]), np.array([FIRST_Q[1]]), drop=PILOT.drop)
        low, high = found.lower[0], found.upper[0]
        q = np.linspace(low, high, max(NODES, int(np.ceil((high - low) / Q_STEP)) + 1))
        tau = self.tau(q)
        lower, upper = (np.interp(q, found.x[0], ends) for ends in (seen[-1].lower, seen[-1].upper))
        mu = locate(self.density_of_x(tau), lower, upper, drop=PILOT.drop)
        centre, sd = sharpest(self.density_of_x(tau), mu)
        mass = self.log_mass(mu, q, tau).reshape(-1, 1, tau.size)
        sd_q = (q[1] - q[0]) / float(np.sqrt(max(bends(mass, NEAR_Q).max(), 1e-3)))
        return Region(q, sd_q, mu.lower, mu.upper, centre, sd, mass.max(axis=(0, 1)))

    def holds(self, region: Region) -> bool:
        """Return whether the densities have fallen by `LEAST_DROP` at the edges of a region."""
        tau, every = self.tau(region.q), np.arange(region.q.size)
        x = region.lower[:, None] + (region.upper - region.lower)[:, None] * np.linspace(0.0, 1.0, LOOKS)
        of_tau = self.target.of_tau(tau) + self.tau_coordinate.log_jacobian(region.q)
        f = (self.density_of_x(tau)(x, every) + of_tau[..., None]).reshape(-1, *x.shape)
        of_row = f.max(axis=2)
        edges = np.concatenate([f[:, :, 0], f[:, :, -1], of_row[:, [0, -1]]], axis=1)
        return bool((edges.max(axis=1) <= of_row.max(axis=1) - LEAST_DROP).all())


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
