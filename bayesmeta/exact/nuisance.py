"""What do the data say of one linear combination of a few coefficients, the others integrated out?

    L(e, tau) = integral over beta with target'beta = e of prior(beta) product of m_i(x_i'beta, tau)

beta = T z with z_1 = e. The other coordinates are integrated one after the other: given those before it, each is
laid about the mode of what is left (Newton's method; log m_i is concave in eta) and summed by the trapezoid rule
in v, z = mode + 4 sd sinh(v), which converges exponentially. log m_i(eta, tau) is tabulated once for each node of tau
at equal steps of eta, and interpolated by a polynomial through the twelve nearest entries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.gaussian import GaussianTerms
from bayesmeta.exact.interpolate import Lattice, tabulate_lattice
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.quadrature import PILOT, WIDTH, Level, level
from bayesmeta.surface.terms import MarginalRule, Terms

MOST_COEFFICIENTS = 3
LATTICE_STEP = 0.85  # of `Level.step_mu`, in units of max(1, tau): steps of 0.12 at level 0
TRAPEZOID_STEP = 1.6  # of `Level.step_mu`, in v
FIRST_V = 1.35  # nodes reach 4 sinh(1.35) = 7.2 local SDs
MORE_V = 0.5
MOST_V = 5.0
DROP = 23.0  # ends of the rule lie where the log density has fallen by this much
NEWTON_STEPS = 40
NEAR_MODE = 0.02  # of a standard deviation: the centre of a rule need not be exact
FIRST_STEP = 4.0  # standard deviations in the first Newton step, at most; the next may be
LONGER = 2.0  # times as long, as long as the density rises: where tau is small, the mode may be 1000 away
ROWS_AT_ONCE = 1_000_000  # entries of a table computed at once
FIRST_REACH = 10.0
MOST_TABLES = 12
MOST_ENTRIES = 15_000_000  # of one table, which takes four times as many numbers
REFERENCE_TAUS = np.geomspace(0.01, 1000.0, 40)  # in units of the typical standard error
HOPELESS, HOPELESS_EACH = 100.0, 2.0  # log L so far below its maximum, and per study, is not looked at closely
NEAR = 12.0  # where the log density has fallen by less than this, edges must be resolved
COARSE = 14.0  # times an edge's width from the mode, the steps of the sinh rule at level 0 pass over it
EVEN_STEP = 0.5  # of an edge's width at level 0: for exp(-exp(x)) the trapezoid rule is exact to exp(-pi^2 / 0.5)
MOST_POINTS = 30_000_000  # of the even rule: about a minute
POINTS_AT_ONCE = 1_000_000
HARDLY_BOUND = (
    "the coefficients could not be integrated: the data hardly bound them and their priors are wide; "
    "use narrower priors, such as Normal(0, 1.5)."
)
LEAST_LOG_RATIO = -550.0  # of m_i to the likelihood's largest: below, log m_i may be a stand-in
LOG_2PI = float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True, eq=False)
class IntegratedTerms:
    """Studies of a regression as one likelihood of e = target'beta, the other coefficients integrated out.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods.
    design : array, shape (k, p)
        The design matrix, p at most 3.
    priors : sequence of Prior
        Of the coefficients, each on the whole line.
    target : array, shape (p,)
        The linear combination.
    """

    terms: Terms
    design: FloatArray
    priors: Sequence[Prior]
    target: FloatArray

    @property
    def k(self) -> int:
        """Number of likelihoods: one for all studies together."""
        return 1

    @property
    def kernel(self) -> Any:
        """Distribution of the study effects, for predictions."""
        return getattr(self.terms, "kernel", None)

    def take(self, index: IntArray) -> "IntegratedTerms":
        """Return itself: there is nothing to choose from."""
        del index
        return self

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return False; whether moments exist is decided in `propriety`."""
        none = np.zeros(1, dtype=bool)
        return none, none

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return about where e lies and its variance at a small tau, from inverse-variance weights."""
        mean, sd = self.rough_given(np.zeros(1))
        return mean, sd**2

    def rough_given(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and SD of e given tau, shape (J,) each, as if all were normal."""
        mean, covariance = self._normal(tau)
        return mean @ self.target, np.sqrt(np.einsum("i,jil,l->j", self.target, covariance, self.target))

    def edge_given(self, tau: FloatArray) -> FloatArray:
        """Return over how much of e some study's log m may turn from level to falling, shape (J,).

        Laplace's method does not show it where separated data leave the other coefficients to their priors.
        """
        fastest = np.abs(self.design @ self.target).max() / (self.target @ self.target)
        return np.asarray(np.maximum(tau, 1.0) / max(fastest, 1e-300))

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Raise: all studies together have no effect of their own."""
        raise NotImplementedError("the likelihood of a regression has no study effects")

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Raise: all studies together have no effect of their own."""
        raise NotImplementedError("the likelihood of a regression has no study effects")

    log_likelihood_at = log_likelihood

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log L as a function of (e, tau), by quadrature at the given resolution.

        At the pilot's resolution by Laplace's method, which is good enough to find the region.
        """
        base = self.terms.marginal(settings)
        judge = self._as_if_normal(base) if settings is PILOT else None

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            nodes, row = np.unique(tau, return_inverse=True)
            counts = np.bincount(row)
            order = np.argsort(row, kind="stable")
            start = np.cumsum(counts) - counts
            # rows of equal length: the last point of a shorter one is repeated
            column = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
            index = order[start[:, None] + column]
            values = np.empty(index.shape)
            hopeless = np.zeros(nodes.size, dtype=bool)
            if judge is not None:
                hopeless, normal = judge(nodes)
                values[hopeless] = normal(eta[index[hopeless]].ravel(), tau[index[hopeless]].ravel()).reshape(
                    -1, index.shape[1]
                )
            for block in self.blocks(nodes[~hopeless], settings):
                row_of = np.flatnonzero(~hopeless)[block]
                conditional = Conditional(self, base, settings, nodes[row_of])
                values[row_of] = conditional.log_integral(eta[index[row_of]])
            out = np.empty(eta.size)
            out[index] = values
            return out[None]

        return rule

    def _as_if_normal(self, base: MarginalRule) -> Callable[[FloatArray], tuple[BoolArray, MarginalRule]]:
        """Return a function that tells which rows of tau cannot matter, and what is used there instead of log L.

        Far below its maximum log m_i is only a stand-in, on which no mode can be found. As if all were normal, log L
        has other constants, which a comparison where it is largest removes.
        """
        y, variance = self.terms.rough()
        centre, precision = prior_centres(self.priors)
        normal = GaussianTerms(y, np.sqrt(variance), self.design, centre, precision, self.target)
        reference = float(np.sqrt(np.median(variance))) * REFERENCE_TAUS
        mean, _, log_z = normal.given(reference)
        best = np.array([log_z.argmax()])
        rule, at, tau_at = normal.marginal(PILOT), mean[best], reference[best]
        shift = Conditional(self, base, PILOT, tau_at).log_integral(at[:, None])[0, 0] - rule(at, tau_at)[0, 0]
        least = log_z.max() - HOPELESS - HOPELESS_EACH * self.terms.k

        def judge(tau: FloatArray) -> tuple[BoolArray, MarginalRule]:
            return normal.given(tau)[2] < least, lambda e, t: rule(e, t) + shift

        return judge

    def blocks(self, tau: FloatArray, settings: Level) -> Iterator[IntArray]:
        """Split rows of tau so that tables stay below `ROWS_AT_ONCE` entries."""
        if not tau.size:
            return
        mean, covariance = self._normal(tau)
        eta = mean @ self.design.T
        sd = np.sqrt(np.einsum("ki,jil,kl->jk", self.design, covariance, self.design, optimize=True))
        width = (eta + FIRST_REACH * sd).max(axis=1) - (eta - FIRST_REACH * sd).min(axis=1)
        steps = width / (LATTICE_STEP * settings.step_mu * np.maximum(tau, 1.0)) + 20.0
        each = int(self.terms.k * steps.max())
        yield from np.array_split(np.arange(tau.size), -(-tau.size * each // ROWS_AT_ONCE))

    def _normal(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean (J, p) and covariance (J, p, p) of beta given tau, as if all were normal."""
        y, variance = self.terms.rough()
        weight = 1.0 / (variance + tau[:, None] ** 2)
        centre, precision = prior_centres(self.priors)
        a = np.einsum("ki,jk,kl->jil", self.design, weight, self.design, optimize=True) + np.diag(precision)
        b = (weight * y) @ self.design + precision * centre
        covariance = np.linalg.inv(a)
        return np.einsum("jil,jl->ji", covariance, b), covariance


def prior_centres(priors: Sequence[Prior]) -> tuple[FloatArray, FloatArray]:
    """Return medians and rough precisions of priors; 0 and 0 where flat."""
    centre, precision = np.zeros(len(priors)), np.zeros(len(priors))
    for i, prior in enumerate(priors):
        if prior.is_proper:
            low, centre[i], high = prior.ppf([0.1587, 0.5, 0.8413])
            precision[i] = 4.0 / (high - low) ** 2
    return centre, precision


class Conditional:
    """The log density of the coordinates z at some nodes of tau; points have shape (J, P, p)."""

    def __init__(self, owner: IntegratedTerms, base: MarginalRule, settings: Level, tau: FloatArray) -> None:
        self.tau, self.base, self.settings = tau, base, settings
        self.priors, self.k = owner.priors, owner.terms.k
        size = float(owner.target @ owner.target)
        # beta = T z: z_1 = e along the target, the rest an orthonormal basis of what it leaves free
        basis = np.linalg.svd(owner.target[None])[2][1:]
        self.transform = np.column_stack([owner.target / size, *basis])
        self.log_volume = -0.5 * float(np.log(size))
        self.design = owner.design @ self.transform
        mean, covariance = owner._normal(tau)
        inverse = np.linalg.inv(self.transform)
        self.mean, self.covariance = mean @ inverse.T, inverse @ covariance @ inverse.T
        self.scale = 1.0 / np.sqrt(np.maximum(prior_centres(owner.priors)[1], 1e-12))
        self.least = owner.terms.log_likelihood_at(owner.terms.rough()[0][:, None])[:, 0] + LEAST_LOG_RATIO
        self.lattice: Lattice | None = None
        self.reach = dict.fromkeys(range(1, self.design.shape[1]), FIRST_V)  # of v, by coordinate; grows as needed

    def log_integral(self, e: FloatArray) -> FloatArray:
        """Return log L at points (J, P)."""
        shape = self.covariance[:, :, 0] / self.covariance[:, :1, 0]
        start = self.mean[:, None, :] + (e - self.mean[:, :1])[:, :, None] * shape[:, None, :]
        start[:, :, 0] = e
        spread = FIRST_REACH * np.sqrt(
            np.einsum("ki,jil,kl->jk", self.design, self.covariance, self.design, optimize=True)
        )
        eta = start.reshape(-1, start.shape[2]) @ self.design.T
        eta = eta.reshape(*e.shape, -1)
        low, high = (eta.min(axis=1) - spread).min(axis=1), (eta.max(axis=1) + spread).max(axis=1)
        for _ in range(MOST_TABLES):
            if self.k * self.tau.size * float(((high - low) / self._steps()).max()) > MOST_ENTRIES:
                break
            self.tabulate(low, high)
            values = self._integrate(start, 1)
            if (self.needed[0] >= low).all() and (self.needed[1] <= high).all():
                return values + self.log_volume
            margin = 0.05 * (self.needed[1] - self.needed[0])
            low, high = np.minimum(low, self.needed[0] - margin), np.maximum(high, self.needed[1] + margin)
        raise AccuracyError(
            "the coefficients' region could not be found; scale the moderators to an SD of about 1, or narrow priors."
        )

    def tabulate(self, low: FloatArray, high: FloatArray) -> None:
        """Tabulate log m_i on each row's range of eta (J,); what lies outside is found in ``needed``."""
        self.lattice = tabulate_lattice(self.base, self.tau, low, high, self._steps(), self.least)
        self.needed = low.copy(), high.copy()

    def _steps(self) -> FloatArray:
        return LATTICE_STEP * self.settings.step_mu * np.maximum(self.tau, 1.0)

    def _integrate(self, start: FloatArray, known: int) -> FloatArray:
        """Return the log integral over the coordinates from ``known`` on, given those before; shape (J, P)."""
        p = self.design.shape[1]
        if known == p:
            return self._log_density(start)
        mode, peak, covariance = self.mode(start, known)
        if self.settings is PILOT:
            return np.asarray(peak + 0.5 * np.linalg.slogdet(covariance)[1] + 0.5 * (p - known) * LOG_2PI)
        sd = np.sqrt(covariance[:, :, 0, 0])
        slope = covariance[:, :, :, 0] / covariance[:, :, :1, 0]
        needed = self.needed
        while self.reach[known] < MOST_V:
            reach = self.reach[known]
            v = np.linspace(-reach, reach, int(np.ceil(2.0 * reach / (TRAPEZOID_STEP * self.settings.step_mu))) + 1)
            offset = sd[:, :, None] * (WIDTH * np.sinh(v))
            values = self._along(mode, slope, known, offset)
            largest = values.max(axis=2)
            if (largest[:, :, None] - values[:, :, [0, -1]] > DROP).all():
                even = self._evenly(mode, slope, known, values, offset)
                if even is not None:
                    self.needed = needed  # beyond the table the ends are found well enough
                    return self._summed(mode, slope, known, *even)
                weight = WIDTH * np.cosh(v) * (v[1] - v[0])
                return np.asarray(np.log(np.exp(values - largest[:, :, None]) @ weight) + largest + np.log(sd))
            self.reach[known] = reach + MORE_V
        raise AccuracyError(HARDLY_BOUND)

    def _evenly(
        self, mode: FloatArray, slope: FloatArray, known: int, values: FloatArray, offset: FloatArray
    ) -> tuple[FloatArray, FloatArray, int] | None:
        """Return ends (J, P) and number of equal steps, if the sinh rule may pass over an edge far from the mode.

        Where the data are separated the density is flat but for its prior until some study's log m turns from level
        to falling, over max(1, tau) of its eta. None where `offset` resolves that, or equal steps would take too long
        (as in a plane of two coordinates).
        """
        if mode.shape[2] > 2:
            return None
        lower, upper = _holding(values, offset, NEAR)
        fastest = np.abs(slope @ self.design[:, known:].T).max(axis=2)
        edge = np.maximum(self.tau, 1.0)[:, None] / np.maximum(fastest, 1e-300)
        if not (np.maximum(-lower, upper) > COARSE * edge).any():
            return None
        lower, upper = _holding(values, offset, DROP)
        finer = self.settings.step_mu / level(0).step_mu
        count = int(np.ceil(((upper - lower) / (EVEN_STEP * finer * edge)).max())) + 1
        return (lower, upper, count) if lower.size * count <= MOST_POINTS else None

    def _summed(
        self, mode: FloatArray, slope: FloatArray, known: int, lower: FloatArray, upper: FloatArray, count: int
    ) -> FloatArray:
        """Return the log integral over coordinate ``known`` and what follows it by equal steps, shape (J, P)."""
        unit, log_f = np.linspace(0.0, 1.0, count), np.empty(lower.shape)
        for some in np.array_split(np.arange(lower.shape[1]), -(-lower.size * count // POINTS_AT_ONCE)):
            offset = lower[:, some, None] + (upper - lower)[:, some, None] * unit
            log_f[:, some] = special.logsumexp(self._along(mode[:, some], slope[:, some], known, offset), axis=2)
        return np.asarray(log_f + np.log((upper - lower) / (count - 1)))

    def _along(self, mode: FloatArray, slope: FloatArray, known: int, offset: FloatArray) -> FloatArray:
        """Return the log integrals over what follows coordinate ``known``, at mode + offset (J, P, W); (J, P, W)."""
        points = np.repeat(mode[:, :, None, :], offset.shape[2], axis=2)
        points[..., known:] += offset[..., None] * slope[:, :, None, :]
        flat = points.reshape(mode.shape[0], -1, mode.shape[2])
        return self._integrate(flat, known + 1).reshape(offset.shape)

    def mode(self, start: FloatArray, known: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the mode over the coordinates from ``known`` on, the log density and the inverse curvature there."""
        point = start.copy()
        best = np.full(start.shape[:2], -np.inf)
        kept, step = point.copy(), np.zeros((*start.shape[:2], start.shape[2] - known))
        longest = np.full(start.shape[:2], FIRST_STEP)
        for _ in range(NEWTON_STEPS):
            value, gradient, curvature = self._derivatives(point, known)
            worse = value < best - 1e-9 * (1.0 + np.abs(best))
            step = np.where(worse[:, :, None], 0.25 * step, 0.0)
            covariance = np.linalg.inv(curvature)
            newton = np.einsum("jpab,jpb->jpa", covariance, gradient)
            length = np.sqrt(np.maximum(np.einsum("jpa,jpa->jp", newton, gradient), 0.0))
            longest = np.where(worse, FIRST_STEP, np.where(length > longest, LONGER * longest, longest))
            newton *= np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, :, None]
            if not worse.any() and length.max() < NEAR_MODE:
                break
            step = np.where(worse[:, :, None], step, newton)
            kept[:, :, known:] = np.where(worse[:, :, None], kept[:, :, known:], point[:, :, known:])
            best = np.where(worse, best, value)
            point[:, :, known:] = kept[:, :, known:] + step
        return point, value, covariance

    def _log_density(self, z: FloatArray) -> FloatArray:
        assert self.lattice is not None
        eta_low, eta_high, value = self.lattice.total(z, self.design)
        self._need(eta_low, eta_high)
        return value + self._log_prior(z @ self.transform.T)

    def _need(self, low: FloatArray, high: FloatArray) -> None:
        self.needed = np.minimum(self.needed[0], low), np.maximum(self.needed[1], high)

    def _log_prior(self, beta: FloatArray) -> FloatArray:
        total = np.zeros(beta.shape[:-1])
        for j, prior in enumerate(self.priors):
            total += prior.logpdf(beta[..., j])
        return total

    def _derivatives(self, z: FloatArray, known: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log density, its gradient and minus its second derivative in the coordinates from ``known`` on."""
        assert self.lattice is not None
        value, gradient, curvature = self.lattice.derivatives(z, self.design, known)
        beta = z @ self.transform.T
        floor = 1e-12
        for j, prior in enumerate(self.priors):
            h = 1e-3 * min(self.scale[j], 1e3)
            middle, above, below = (prior.logpdf(beta[..., j] + side * h) for side in (0.0, 1.0, -1.0))
            direction = self.transform[j, known:]
            value = value + middle
            gradient = gradient + ((above - below) / (2.0 * h))[..., None] * direction
            bend = np.maximum((2.0 * middle - above - below) / h**2, floor)
            curvature = curvature + bend[..., None, None] * np.outer(direction, direction)
        return value, gradient, curvature


def _holding(values: FloatArray, offset: FloatArray, drop: float) -> tuple[FloatArray, FloatArray]:
    """Return the offsets (J, P) just outside those at which values (J, P, W) are within ``drop`` of their largest."""
    inside, last = values > values.max(axis=2, keepdims=True) - drop, offset.shape[2] - 1
    first = np.maximum(inside.argmax(axis=2) - 1, 0)
    final = np.minimum(last + 1 - inside[:, :, ::-1].argmax(axis=2), last)
    lower, upper = (np.take_along_axis(offset, i[:, :, None], axis=2)[:, :, 0] for i in (first, final))
    return lower, upper
