"""Where do many posteriors live? The search of `region`, in step for all of them, with likelihoods good to 1e-2.

A region only says where nodes are laid: brackets in which a log density falls by 26 do not mind an error of 1e-2.

Axes of the arrays: B posteriors, R rows (values of tau) of all of them, N = `NODES` values of mu in a row, S studies of
all posteriors, and pairs of a row with each study of its posterior.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, Self, TypeGuard, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.binomial import BinomialTerms, joined
from bayesmeta.surface.coordinates import HalfLine
from bayesmeta.surface.locate import NODES, Located, LogDensity, locate
from bayesmeta.surface.quadrature import PILOT
from bayesmeta.surface.region import FIRST_Q, NEAR_Q, Q_STEP, TINY, Region, bends, sharpest
from bayesmeta.surface.terms import Terms

UNIT = HalfLine(1.0)
DROP = 26.0  # of a log density: where it has fallen so far, about 1e-11 of its mass lies beyond
LEAST_TAU = 1e-3  # of a likelihood's SD: narrower kernels do not average it
FLAT_Z: tuple[FloatArray, FloatArray] = 0.8 * np.arange(-10.0, 11.0), 0.25 * np.arange(-32.0, 33.0)
"""Where a kernel is summed, in SDs, times a likelihood that tends to 1: up to `FEW_TO`, and beyond."""
FEW_TO = 1.5
LARGEST_SHAPE = 0.5  # of the correction for third and fourth derivatives, which is wrong away from the mode
LARGEST_THETA = 700.0  # exp(700) is still a double
AT_ONCE = 16_384  # numbers per temporary array, which stay in a processor's cache


class LogDensityOf(Protocol):
    """The log density of a prior."""

    def logpdf(self, x: FloatArray, /) -> FloatArray:
        """Return the log density at ``x``."""
        ...


def can_search_together(terms: Terms) -> TypeGuard[BinomialTerms]:
    """Return whether `find_regions` takes these likelihoods: binomial ones of log odds, with no offset."""
    return isinstance(terms, BinomialTerms) and terms.link == "logit" and terms.offset is None and terms.k > 0


def find_regions(
    terms: Sequence[BinomialTerms], scale: FloatArray, prior_mu: LogDensityOf, prior_tau: LogDensityOf
) -> list[Region]:
    """Find where some posteriors with the same priors live, of mu on the real line and tau on the half line.

    Parameters
    ----------
    terms : sequence of BinomialTerms
        The likelihoods of each posterior; see `can_search_together`.
    scale : array, shape (B,)
        The scale of each tau's coordinate.
    prior_mu, prior_tau : LogDensityOf
        The priors.

    Raises
    ------
    AccuracyError
        If the bracket of any of them does not settle.
    """
    return _Search(_Pool.of(terms), scale, prior_mu, prior_tau).regions()


@final
@dataclass(frozen=True, eq=False)
class _Search:
    """The search for the regions of B posteriors."""

    pool: "_Pool"
    scale: FloatArray
    prior_mu: LogDensityOf
    prior_tau: LogDensityOf

    def regions(self) -> list[Region]:
        """Bracket q of each posterior; then mu on rows of q that are closer together."""
        count = self.scale.size
        lower, upper = np.empty((2, count, NODES))

        def outer(q: FloatArray, which: IntArray) -> FloatArray:
            owner, at = np.repeat(which, NODES), q.ravel()
            guess = self.pool.first_guess(self._tau(at, owner), owner)
            found = locate(self._density(at, owner), *guess, drop=PILOT.drop)
            lower[which], upper[which] = found.lower.reshape(q.shape), found.upper.reshape(q.shape)
            return self._log_mass(found, at, owner).reshape(1, *q.shape)

        found = locate(outer, np.full(count, FIRST_Q[0]), np.full(count, FIRST_Q[1]), drop=PILOT.drop)
        first, last = _ends(found.x, found.log_f[0])
        rows = np.maximum(NODES, np.ceil((last - first) / Q_STEP).astype(np.intp) + 1)
        q = [np.linspace(*ends) for ends in zip(first, last, rows, strict=True)]
        start, owner, every = np.cumsum(rows)[:-1], np.repeat(np.arange(count), rows), np.concatenate(q)
        guess = [
            np.concatenate([np.interp(*one) for one in zip(q, found.x, ends, strict=True)]) for ends in (lower, upper)
        ]
        log_f = self._density(every, owner)
        mu = locate(log_f, *guess, drop=PILOT.drop)
        sharp = sharpest(log_f, mu)
        of_rows = self._log_mass(mu, every, owner), *_ends(mu.x, mu.log_f[0]), *sharp
        parts = zip(q, *(np.split(values, start) for values in of_rows), strict=True)
        return [_region(*part) for part in parts]

    def _tau(self, q: FloatArray, owner: IntArray) -> FloatArray:
        return np.maximum(self.scale[owner] * UNIT.value(q), TINY)

    def _density(self, q: FloatArray, owner: IntArray) -> LogDensity:
        """Return the log densities of mu on rows of q, up to a constant."""
        tau = self._tau(q, owner)

        def log_f(mu: FloatArray, rows: IntArray) -> FloatArray:
            return (self.pool.log_m(mu, tau[rows], owner[rows]) + self.prior_mu.logpdf(mu))[None]

        return log_f

    def _log_mass(self, found: Located, q: FloatArray, owner: IntArray) -> FloatArray:
        """Return the log of the mass of each row, per unit of q and up to a constant, shape (R,)."""
        log_mass: FloatArray = found.log_mass()[0] + self.prior_tau.logpdf(self._tau(q, owner))
        return log_mass + UNIT.log_jacobian(q)


def _ends(x: FloatArray, log_f: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where unimodal log densities have fallen by `DROP`, shape (R,) each, from some values of each (R, N).

    They are given at equally spaced x (R, N) that reach further. Between the last point above and the first below, a
    parabola through them and the point before; without a root there, the point below.
    """
    level, row = log_f.max(axis=1) - DROP, np.arange(len(x))
    inside = log_f >= level[:, None]
    last = x.shape[1] - 1

    def crossing(within: IntArray, way: int) -> FloatArray:
        before, here, beyond = (log_f[row, np.clip(within + i * way, 0, last)] for i in (-1, 0, 1))
        slope, bend, above = 0.5 * (beyond - before), 0.5 * (beyond + before) - here, here - level
        with np.errstate(all="ignore"):
            steps = 2.0 * above / (np.sqrt(slope**2 - 4.0 * bend * above) - slope)
        steps = np.clip(np.nan_to_num(steps, nan=1.0), 0.0, 1.0)
        return x[row, within] + way * steps * (x[:, 1] - x[:, 0])

    return crossing(inside.argmax(axis=1), -1), crossing(last - inside[:, ::-1].argmax(axis=1), 1)


def _region(
    q: FloatArray, log_mass: FloatArray, lower: FloatArray, upper: FloatArray, centre: FloatArray, sd: FloatArray
) -> Region:
    bend = bends(log_mass[None, None], NEAR_Q).max()
    return Region(q, (q[1] - q[0]) / float(np.sqrt(max(bend, 1e-3))), lower, upper, centre, sd, log_mass)


@final
@dataclass(frozen=True, eq=False)
class _Pool:
    """The studies of all posteriors, one posterior after another: those that tend to 1 apart from the others.

    Attributes
    ----------
    peaked, flat : _Studies
        With an event and a patient without one at least, and the others.
    every : _Studies
        All of them.
    """

    peaked: "_Studies"
    flat: "_Studies"
    every: "_Studies"

    @classmethod
    def of(cls, terms: Sequence[BinomialTerms]) -> Self:
        """Join the studies of some posteriors."""
        every = joined(terms)
        owner = np.repeat(np.arange(len(terms)), [one.k for one in terms])
        flat = np.minimum(every.events, every.n - every.events) < 1.0
        parts = (np.flatnonzero(some) for some in (~flat, flat, owner >= 0))
        return cls(*(_Studies.of(every.take(part), owner[part], len(terms)) for part in parts))

    def log_m(self, mu: FloatArray, tau: FloatArray, owner: IntArray) -> FloatArray:
        """Return the sums over studies of log m_i, up to a constant, at mu (R, N) and tau (R,) of posteriors (R,)."""
        out = np.zeros(mu.shape)
        narrow = tau <= FEW_TO
        for studies, some, nodes, rule in (
            (self.peaked, tau > 0.0, 1, _log_m_peaked),
            (self.flat, narrow, FLAT_Z[0].size, partial(_log_m_flat, z=FLAT_Z[0])),
            (self.flat, ~narrow, FLAT_Z[1].size, partial(_log_m_flat, z=FLAT_Z[1])),
        ):
            for rows, row, study, first in studies.pairs(owner, some, AT_ONCE // (nodes * mu.shape[1])):
                log_m = rule(studies.terms.take(study), mu.T[:, row], tau[row])
                out[rows] += np.add.reduceat(log_m, first, axis=1).T
        return out

    def first_guess(self, tau: FloatArray, owner: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return a first bracket of mu given tau, from inverse-variance weights; shape (R,) each."""
        lower, upper = np.empty((2, tau.size))
        for rows, row, study, first in self.every.pairs(owner, tau > 0.0, AT_ONCE):
            y, variance = self.every.terms.take(study).rough()
            weight = 1.0 / (variance + tau[row] ** 2)
            total = np.add.reduceat(weight, first)
            mean, sd = np.add.reduceat(weight * y, first) / total, 1.0 / np.sqrt(total)
            lower[rows], upper[rows] = mean - 10.0 * sd, mean + 10.0 * sd
        return lower, upper


@final
@dataclass(frozen=True, eq=False)
class _Studies:
    """Studies of several posteriors: their likelihoods, and of each posterior the first and how many there are."""

    terms: BinomialTerms
    start: IntArray
    count: IntArray

    @classmethod
    def of(cls, terms: BinomialTerms, owner: IntArray, posteriors: int) -> Self:
        """Return the studies of posteriors ``owner`` (S,), ascending."""
        count = np.bincount(owner, minlength=posteriors)
        return cls(terms, np.cumsum(count) - count, count)

    def pairs(
        self, owner: IntArray, some: BoolArray, most: int
    ) -> Iterator[tuple[IntArray, IntArray, IntArray, IntArray]]:
        """Pair some rows of posteriors ``owner`` (R,) with each of their studies, about ``most`` pairs at once.

        Yields rows that have studies, row and study of each pair, and the first pair of each row.
        """
        count = self.count[owner]
        having = np.flatnonzero(some & (count > 0))
        part = np.cumsum(count[having]) // most
        for rows in np.split(having, np.flatnonzero(np.diff(part)) + 1) if having.size else ():
            size = count[rows]
            first = np.cumsum(size) - size
            study = np.repeat(self.start[owner[rows]] - first, size) + np.arange(size.sum())
            yield rows, np.repeat(rows, size), study, first


def _log_m_peaked(terms: BinomialTerms, mu: FloatArray, tau: FloatArray) -> FloatArray:
    """Return about log m_i(mu, tau), up to a constant, at mu (N, S) and tau (S,), by Laplace's method.

    With l the log likelihood and H = 1/tau^2 - l'' at the mode of likelihood times kernel,

        log m = l - (theta - mu)^2 / (2 tau^2) - log(tau^2 H) / 2 + l'''' / (8 H^2) + 5 l'''^2 / (24 H^3).
    """
    events, n = terms.events, terms.n
    centre, variance = terms.rough()
    largest = special.logit(events / n)
    tau = np.maximum(tau, LEAST_TAU * np.sqrt(variance))
    precision = 1.0 / tau**2
    theta = (centre / variance + precision * mu) / (1.0 / variance + precision)
    low, high = np.minimum(mu, largest), np.maximum(mu, largest)
    p, rest = _p_and_rest(theta)
    theta += (events - n * p - (theta - mu) * precision) / (n * p * rest + precision)  # a step of Newton's method
    np.clip(theta, low, high, out=theta)
    p, rest = _p_and_rest(theta)
    spread = p * rest
    bend = n * spread + precision
    third, fourth = (n * spread * (rest - p)) ** 2, n * spread * (6.0 * spread - 1.0)
    shape = (0.125 * fourth + 5.0 / 24.0 * third / bend) / bend**2
    log_l = events * theta + n * np.log(rest)
    log_f: FloatArray = log_l - 0.5 * (precision * (theta - mu) ** 2 + np.log(bend / precision))
    return log_f + np.clip(shape, -LARGEST_SHAPE, LARGEST_SHAPE)


def _p_and_rest(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return expit(theta), roughly, and expit(-theta)."""
    rest = 1.0 / (1.0 + np.exp(np.minimum(theta, LARGEST_THETA)))
    return 1.0 - rest, rest


def _log_m_flat(terms: BinomialTerms, mu: FloatArray, tau: FloatArray, z: FloatArray) -> FloatArray:
    """Return about log m_i(mu, tau), up to a constant, at mu (N, S) and tau (S,), by a sum over z (Z,)."""
    events, n = terms.events[:, None], terms.n[:, None]
    theta = mu[:, :, None] + tau[:, None] * z
    log_f = (events - n) * np.maximum(theta, 0.0) + events * np.minimum(theta, 0.0)
    log_f -= n * np.log1p(np.exp(-np.abs(theta))) + 0.5 * z**2
    largest = log_f.max(axis=2)
    result: FloatArray = largest + np.log(np.exp(log_f - largest[:, :, None]).sum(axis=2) * (z[1] - z[0]))
    return result
