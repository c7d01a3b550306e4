"""How do an outcome's pooled proportion and the control's rate differ, once its log odds ratio has been shrunk?

The posterior of an outcome among exchangeable ones is

    p(mu, tau, gamma | all data) ~ prod_i m_i(mu, tau) p(tau) q(gamma) r(mu - gamma)
    r(delta) = p(delta | all data) / L(delta)

where r is what the other outcomes say of this one's log odds ratio. It is laid on equal steps of mu and gamma; sinc
interpolation between the nodes of mu gives the distribution of the median, mean and next study's proportion beside each
gamma.
"""

from dataclasses import dataclass, field
from functools import cache, cached_property
from math import nan
from typing import Final, Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.against import RateKind, logit_at, on_kind
from bayesmeta.exact.contrast import RATIO
from bayesmeta.exact.outcomes import Outcome
from bayesmeta.exact.rows import invert, sinc_cdf
from bayesmeta.exact.theta import Effect
from bayesmeta.result.marginal import IDENTITY, Marginal
from bayesmeta.surface.kernels import CommonKernel
from bayesmeta.surface.surface import powers_rule
from bayesmeta.surface.tabulated import POINTS, interpolate

NOISE: Final = 1e-10  # of the largest density: below, it may be rounding
NEGLIGIBLE: Final = 1e-12  # of all probability
SMALL_TAU: Final = 1e-11  # nodes of tau with less posterior probability are left out
FARTHEST: Final = 20.0  # logits; beyond, 1 - p is 2e-9
REACH: Final = 8.0  # SDs of the next study's effect about mu
WAVES: Final = 2000  # nodes of the Fourier integral of a normal kernel cut at the lattice's frequency
WAVES_PER_STEP: Final = 2.2
WIDE: Final = 4.0  # a kernel of so many steps has nothing beyond that frequency
REFINED: Final = 8  # nodes of gamma per step, for distribution functions
HALF: Final = 2  # steps of the pooled logit per step of mu
SLOPE_STEP: Final = 0.02  # of the central difference for densities, in steps
AT_NODE: Final = 1e-14  # stands for a distance of 0 steps to a node
START_POINTS: Final = 150
START_WEIGHT: Final = 1e-9
RATIO_STEPS: Final = 5.0  # per SD, of the table of r


@final
@dataclass(frozen=True, eq=False)
class Joint:
    """The posterior of an outcome's (mu, tau, gamma).

    Parameters
    ----------
    outcome : Outcome
        Its data.
    mu, gamma : array, shape (U,), (G,)
        Nodes at equal steps.
    tau : array, shape (T,)
        Nodes.
    weight : array, shape (G, U)
        Posterior probabilities of gamma and mu.
    given_mu : array, shape (T, U)
        Of tau, given mu.
    tables : dict
        What `below` has computed.
    """

    outcome: Outcome
    mu: FloatArray
    gamma: FloatArray
    tau: FloatArray
    weight: FloatArray
    given_mu: FloatArray
    tables: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    @classmethod
    def of(cls, outcome: Outcome, effect: Effect) -> Self:
        """Return the posterior of an outcome whose log odds ratio has the given one."""
        gamma, log_q = outcome.gamma_rule(min(outcome.sd, effect.moments()[1]))
        ratio, share = _log_ratio(outcome, effect), np.exp(log_q)[:, None]
        mu = outcome.lattice[0]
        rough = _weight(outcome, ratio, mu, gamma) * share
        narrow = min(outcome.sd, _narrowest(mu, rough))
        keep = np.flatnonzero(rough.sum(axis=0) > NEGLIGIBLE * rough.sum())
        low, high = mu[max(keep[0] - 1, 0)], mu[min(keep[-1] + 1, mu.size - 1)]
        steps = outcome.resolution.steps_per_sd / narrow
        mu = np.linspace(low, high, int(np.ceil((high - low) * steps)) + 2)
        weight = _weight(outcome, ratio, mu, gamma) * share
        inside = weight.sum(axis=1) > NEGLIGIBLE * weight.sum()
        log_m = outcome.log_m(mu)
        given_mu = np.exp(log_m - special.logsumexp(log_m, axis=0))
        tau = outcome.tau[0]
        matters = given_mu @ weight.sum(axis=0) > SMALL_TAU
        return cls(outcome, mu, gamma[inside], tau[matters], weight[inside], given_mu[matters])

    @property
    def step(self) -> float:
        """Step of mu."""
        return float(self.mu[1] - self.mu[0])

    @cached_property
    def gammas(self) -> FloatArray:
        """Nodes of gamma `REFINED` times as dense, shape (R,): contrasts bend where a proportion would be 0 or 1."""
        return np.linspace(self.gamma[0], self.gamma[-1], REFINED * (self.gamma.size - 1) + 1)

    @cached_property
    def _refinement(self) -> FloatArray:
        """Probabilities of `gammas` from those of gamma, by sinc interpolation, shape (R, G)."""
        position = np.arange(self.gammas.size) / REFINED
        return np.asarray(np.sinc(np.subtract.outer(position, np.arange(self.gamma.size))) / REFINED)

    @cached_property
    def defect(self) -> float:
        """How far the probabilities are from 1 in all."""
        return abs(1.0 - float((self.given_mu.sum(axis=0) * self.weight).sum()))

    @cached_property
    def powers(self) -> FloatArray:
        """Logs of the means over studies of p, of its square, and of 1 - p, given mu and tau, shape (3, T, U)."""
        rule = powers_rule("logit", self.outcome.terms.kernel, self.outcome.resolution.settings)
        assert rule is not None
        at = np.tile(self.mu, self.tau.size), np.repeat(self.tau, self.mu.size)
        return np.asarray(rule(*at).reshape(3, self.tau.size, self.mu.size))

    def first_second(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return the means of a proportion and of its square, given mu, shape (U,) each."""
        if name == "p_median" or isinstance(self.outcome.terms.kernel, CommonKernel):
            p = special.expit(self.mu)
            return p, p * p
        mean, square, _ = np.exp(self.powers)
        second = square if name == "p_new" else mean**2
        return (self.given_mu * mean).sum(axis=0), (self.given_mu * second).sum(axis=0)

    def below(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return logits t at equal steps (N,), and the probabilities of `gammas` with a pooled logit below t (R, N)."""
        if name not in self.tables:
            t = self._logits(name)
            if name == "p_median" or isinstance(self.outcome.terms.kernel, CommonKernel):
                shares = sinc_cdf(np.subtract.outer(t, self.mu) / self.step)
            else:
                shares = self._next_shares(t) if name == "p_new" else self._mean_shares(t)
            self.tables[name] = t, self._refinement @ (self.weight @ shares.T)
        return self.tables[name]

    def _logits(self, name: str) -> FloatArray:
        """Return equal steps of the pooled logit, half as wide as those of mu."""
        step = self.step / HALF
        low, high = self.mu[0], self.mu[-1]
        if name == "p_new":
            reach = REACH * float(self.tau.max())
            low, high = max(low - reach, min(low, -FARTHEST)), min(high + reach, max(high, FARTHEST))
        first = np.floor((low - self.mu[0]) / step)
        return np.asarray(self.mu[0] + step * np.arange(first, np.ceil((high - self.mu[0]) / step) + 1.0))

    def _next_shares(self, t: FloatArray) -> FloatArray:
        """Return P(theta_new < t) beside each node of mu, shape (N, U)."""
        offsets = np.rint(np.subtract.outer(t, self.mu) * (HALF / self.step)).astype(np.intp)
        lowest = int(offsets.min())
        steps = _smooth_steps(np.arange(lowest, int(offsets.max()) + 1) / HALF, self.tau / self.step)
        out = np.zeros(offsets.shape)
        for of_tau, share in zip(steps, self.given_mu, strict=True):
            out += share * of_tau[offsets - lowest]
        return out

    def _mean_shares(self, t: FloatArray) -> FloatArray:
        """Return P(logit p_mean < t) beside each node of mu, shape (N, U)."""
        positions, _ = invert(self.powers[0] - self.powers[2], t)
        out = np.zeros((t.size, self.mu.size))
        for position, share in zip(positions, self.given_mu, strict=True):
            out += share * sinc_cdf(np.subtract.outer(position, np.arange(self.mu.size)))
        return out


@final
@dataclass(frozen=True, eq=False)
class Shrunken:
    """The distribution of a contrast of an outcome among exchangeable ones; of ratios, its logarithm.

    Parameters
    ----------
    joint : Joint
        The outcome's posterior.
    name : {"p_median", "p_mean", "p_new"}
        The pooled proportion.
    kind : {"difference", "ratio", "odds ratio"}
        Pooled minus control, or over it.
    """

    joint: Joint
    name: str
    kind: RateKind

    @property
    def defect(self) -> float:
        """How far the probabilities are from 1 in all."""
        return self.joint.defect

    @property
    def _table(self) -> tuple[FloatArray, FloatArray]:
        return self.joint.below(self.name)

    def cdf_pdf(self, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``d``, shape (D,)."""
        t, below = self._table
        step = t[1] - t[0]
        at, slope = logit_at(self.joint.gammas[:, None], d, self.kind)
        position = (at - t[0]) / step
        low, middle, high = (_between(below, position + shift) for shift in (-SLOPE_STEP, 0.0, SLOPE_STEP))
        density = np.maximum(high - low, 0.0) / (2.0 * SLOPE_STEP * step)
        inside = (position > 0.0) & (position < t.size - 1.0)
        ends = np.where(position <= 0.0, 0.0, below[:, -1:])
        pdf = np.where(inside & (density > 0.0), density, 0.0) * np.where(inside, slope, 0.0)
        return np.where(inside, middle, ends).sum(axis=0), pdf.sum(axis=0)

    def moments(self) -> tuple[float, float]:
        """Return mean and SD of the difference; nan for a ratio, whose tail may be too heavy for either."""
        if self.kind != "difference":
            return nan, nan
        first, second = self.joint.first_second(self.name)
        control = special.expit(self.joint.gamma)[:, None]
        weight = self.joint.weight / self.joint.weight.sum()
        mean = float((weight * (first - control)).sum())
        square = float((weight * (second - 2.0 * control * first + control**2)).sum())
        return mean, float(np.sqrt(max(square - mean**2, 0.0)))

    def marginal(self, name: str) -> Marginal:
        """Return the difference, or the ratio itself, as a distribution."""
        scale = IDENTITY if self.kind == "difference" else RATIO
        return Marginal(name, self.cdf_pdf, self._start(), self.moments(), scale)

    def _start(self) -> tuple[FloatArray, FloatArray]:
        """Return where quantile searches start."""
        t, below = self._table
        few = np.unique(np.linspace(0, t.size - 1, START_POINTS).astype(np.intp))
        pooled, weight = 0.5 * (t[few[1:]] + t[few[:-1]]), np.diff(below[:, few], axis=1).ravel()
        control = on_kind(self.joint.gammas, self.kind)
        contrasts = (on_kind(pooled, self.kind) - control[:, None]).ravel()
        keep = np.flatnonzero(weight > START_WEIGHT)
        order = keep[np.argsort(contrasts[keep])]
        return contrasts[order], np.cumsum(weight[order]) - 0.5 * weight[order]


def _between(table: FloatArray, position: FloatArray) -> FloatArray:
    """Return functions (R, N) at positions (R, P) in steps by polynomials through `POINTS` entries, barycentrically."""
    inner = np.clip(position, 0.0, table.shape[1] - 1.0)
    first = np.clip(inner.astype(np.intp) - POINTS // 2 + 1, 0, table.shape[1] - POINTS)
    node = np.arange(POINTS)
    offset = (inner - first)[..., None] - node
    share = (-1.0) ** node * special.comb(POINTS - 1, node) / np.where(offset == 0.0, AT_NODE, offset)
    values = table[np.arange(len(table))[:, None, None], first[..., None] + node]
    return np.asarray((share * values).sum(axis=-1) / share.sum(axis=-1))


def _log_ratio(outcome: Outcome, effect: Effect) -> tuple[FloatArray, FloatArray]:
    """Return log odds ratios at equal steps, and the log of r there."""
    sd = effect.moments()[1]
    wide = np.linspace(effect.theta[0], effect.theta[-1], 2001)
    density = effect.cdf_pdf(wide)[1]
    outside, top = np.flatnonzero(density < NOISE * density.max()), int(density.argmax())
    low = wide[outside[outside < top].max(initial=-1) + 1]
    high = wide[outside[outside > top].min(initial=wide.size) - 1]
    delta = np.linspace(low, high, int(np.ceil((high - low) / (sd / RATIO_STEPS))) + 2)
    return delta, np.log(effect.cdf_pdf(delta)[1]) - outcome.log_likelihood(delta)


def _weight(outcome: Outcome, ratio: tuple[FloatArray, FloatArray], mu: FloatArray, gamma: FloatArray) -> FloatArray:
    """Return prod_i m_i r(mu - gamma) at each gamma and mu, without the weights of gamma, shape (G, U)."""
    delta, log_r = ratio
    position = (np.subtract.outer(mu, gamma).T - delta[0]) / (delta[1] - delta[0])
    inside = (position >= 0.0) & (position <= delta.size - 1.0)
    values = interpolate(log_r[None], position.reshape(1, -1)).reshape(position.shape)
    return np.asarray(np.exp(np.where(inside, values, -np.inf) + outcome.log_mean(mu)) * (mu[1] - mu[0]))


def _narrowest(mu: FloatArray, weight: FloatArray) -> float:
    """Return the SD of mu beside the most probable gamma."""
    share = weight[weight.sum(axis=1).argmax()]
    share = share / share.sum()
    return float(np.sqrt(share @ (mu - share @ mu) ** 2))


def _smooth_steps(x: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the integral of sinc smoothed by a normal kernel of SD ``rho`` (T,), up to ``x`` (X,); shape (T, X).

    1/2 + 1/pi integral over k from 0 to pi of sin(k x) / k exp(-k^2 rho^2 / 2): what sinc interpolation gives for the
    distribution function of mu + tau z.
    """
    out = special.ndtr(x / rho[:, None])
    narrow = rho < WIDE
    if narrow.any():
        z, weight = _gauss(max(WAVES, int(WAVES_PER_STEP * np.abs(x).max())))
        k = 0.5 * np.pi * (z + 1.0)
        damped = np.exp(-0.5 * np.square(np.multiply.outer(rho[narrow], k))) * (0.5 * weight / k)
        out[narrow] = 0.5 + damped @ np.sin(np.multiply.outer(k, x))
    return np.asarray(out)


@cache
def _gauss(nodes: int) -> tuple[FloatArray, FloatArray]:
    return np.polynomial.legendre.leggauss(nodes)
