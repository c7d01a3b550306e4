"""How do pooled rates of several outcomes compare with a control's, if the outcomes' log odds ratios are exchangeable?

    theta_ij ~ Normal(gamma_j + delta_j, tau_j)    study i of outcome j, logit scale
    gamma_j                                        logit of the control's rate, with its own posterior
    delta_j  ~ Normal(m, omega)                    log odds ratio, pooled against control

Given delta_j the outcomes are independent, so that tau_j and gamma_j integrate out of each,

    L_j(delta) = integral of M_j(gamma + delta) q_j(gamma) dgamma
    M_j(mu) = integral of prod_i m_ij(mu, tau) p(tau) dtau

and what is left is a random-effects meta-analysis whose studies are the outcomes, with tabulated likelihoods L_j.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.contrast import gauss_panels
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Solution, pose, solve
from bayesmeta.exact.summary import worst_error
from bayesmeta.exact.theta import Effect, study_effects
from bayesmeta.spec.control import Rate
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.kernels import CommonKernel
from bayesmeta.surface.quadrature import Level, level
from bayesmeta.surface.tabulated import TabulatedTerms, interpolate
from bayesmeta.surface.terms import Terms

DEEP: Final = 40.0  # likelihoods are tabulated to where their logs have fallen by this much
REACH: Final = 40.0  # but no further than so many logits from their centre
SCAN: Final = 0.25  # step of the search for their ends
STEP: Final = 0.1  # of the tables of L_j, or a third of the SD of the log odds ratio where that is less
SMALLEST_TAU: Final = 0.5  # of the standard error of the mean at tau = 0: below, m is smooth in tau
LOGISTIC: Final = 0.5  # where no study has events, log M_j turns like a logistic function, however wide M_j is
MOST_NODES: Final = 4000  # of mu: more would take minutes
TAIL_TAU: Final = 1e-11  # prior probability of tau beyond which it is cut off
ROWS: Final = ("mu", "tau", "theta_new")


@final
@dataclass(frozen=True)
class Resolution:
    """How finely M_j and L_j are computed: Gauss nodes per panel of tau, steps per SD of mu and of gamma."""

    settings: Level
    tau_order: int
    steps_per_sd: float


FINE: Final = Resolution(level(1), 12, 3.0)
COARSE: Final = Resolution(level(0), 9, 2.4)


@final
@dataclass(frozen=True, eq=False)
class Outcome:
    """What is known of one outcome: the pooled studies' likelihoods, and the control's rate.

    Parameters
    ----------
    terms : Terms
        The studies' likelihoods, logit scale.
    prior_tau : Prior
        Of their heterogeneity.
    control : Rate
        The control's rate.
    resolution : Resolution
        How finely all is computed.
    """

    terms: Terms
    prior_tau: Prior
    control: Rate
    resolution: Resolution

    @cached_property
    def sd(self) -> float:
        """Standard error of the mean if tau were 0: the narrowest that M_j can be."""
        return float(1.0 / np.sqrt((1.0 / self.terms.rough()[1]).sum()))

    @cached_property
    def limits(self) -> tuple[bool, bool]:
        """Whether M_j tends to a constant as mu falls, and as it rises: all or none had the event."""
        left, right = self.terms.limits()
        return bool(left.all()), bool(right.all())

    @cached_property
    def tau(self) -> tuple[FloatArray, FloatArray]:
        """Nodes of tau (T,), and the logs of their prior probabilities."""
        if isinstance(self.terms.kernel, CommonKernel):
            return np.ones(1), np.zeros(1)
        lowest, highest = self.prior_tau.support
        top = float(self.prior_tau.ppf(1.0 - TAIL_TAU)) if not np.isfinite(highest) else highest
        halvings = max(int(np.ceil(np.log2((top - lowest) / (SMALLEST_TAU * self.sd)))), 1)
        edges = lowest + np.r_[0.0, (top - lowest) * 0.5 ** np.arange(halvings, -1.0, -1.0)]
        edges = np.union1d(edges, [x for x in self.prior_tau.breakpoints if lowest < x < top])
        tau, weight = gauss_panels(edges, self.resolution.tau_order)
        return tau, self.prior_tau.logpdf(tau) + np.log(weight)

    def log_m(self, mu: FloatArray) -> FloatArray:
        """Return the log of prod_i m_i(mu, tau) p(tau) times the weight of each node of tau, shape (T, U)."""
        tau, log_weight = self.tau
        rule = self.terms.marginal(self.resolution.settings)
        values = rule(np.tile(mu, tau.size), np.repeat(tau, mu.size)).sum(axis=0).reshape(tau.size, mu.size)
        return values + log_weight[:, None]

    @cached_property
    def lattice(self) -> tuple[FloatArray, FloatArray]:
        """Nodes of mu (U,) at equal steps, and log M_j there."""
        y, variance = self.terms.rough()
        centre = float(np.average(y, weights=1.0 / variance))
        wide = centre + np.arange(-REACH, REACH + SCAN, 2.0 * SCAN)
        low, high = _ends(wide, special.logsumexp(self.log_m(wide), axis=0), *self.limits)
        step = min(self.sd, LOGISTIC) / self.resolution.steps_per_sd
        if (high - low) / step > MOST_NODES:
            raise AccuracyError(
                f"the studies of an outcome know their mean to {self.sd:.2g} on the logit scale, too well for a table "
                "of its likelihood; compare that outcome by itself with bm.compare_control."
            )
        mu = np.linspace(low, high, int(np.ceil((high - low) / step)) + 2)
        return mu, np.asarray(special.logsumexp(self.log_m(mu), axis=0))

    def log_mean(self, mu: FloatArray) -> FloatArray:
        """Return log M_j at ``mu``, any shape; beyond the table that of its end, or -inf where it decays."""
        nodes, table = self.lattice
        position = (mu - nodes[0]) / (nodes[1] - nodes[0])
        values = interpolate(table[None], position.reshape(1, -1)).reshape(mu.shape)
        left, right = self.limits
        outside = ((position < 0.0) & (not left)) | ((position > nodes.size - 1.0) & (not right))
        return np.where(outside, -np.inf, values)

    @cached_property
    def gamma(self) -> tuple[FloatArray, FloatArray]:
        """Nodes of the logit of the control's rate (G,) at equal steps, and the logs of their probabilities."""
        return self.gamma_rule(self.sd)

    def gamma_rule(self, narrow: float) -> tuple[FloatArray, FloatArray]:
        """Return nodes as in `gamma` for an integrand with another factor that has at least this SD."""
        low, high = self.control.logit_ppf(special.ndtr(np.array([-1.0, 1.0])))
        wide = np.arange(low - REACH, high + REACH, 0.05 * (high - low))
        ends = _ends(wide, self.control.logpdf(wide), False, False)
        step = min(0.5 * float(high - low), narrow) / self.resolution.steps_per_sd
        gamma = np.arange(ends[0], ends[1] + step, step)
        return gamma, self.control.logpdf(gamma) + np.log(step)

    def log_likelihood(self, delta: FloatArray) -> FloatArray:
        """Return log L_j at ``delta``, shape (D,)."""
        gamma, log_weight = self.gamma
        return np.asarray(special.logsumexp(self.log_mean(np.add.outer(delta, gamma)) + log_weight, axis=1))

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where the table of log L_j begins and ends."""
        mu, gamma = self.lattice[0], self.gamma[0]
        wide = np.arange(mu[0] - gamma[-1], mu[-1] - gamma[0] + SCAN, SCAN)
        return _ends(wide, self.log_likelihood(wide), *self.limits)


def _ends(x: FloatArray, log_f: FloatArray, left: bool, right: bool) -> tuple[float, float]:
    """Return where a log function has fallen by `DEEP`; where it tends to a constant, the end of what was searched."""
    inside = np.flatnonzero(log_f > log_f.max() - DEEP)
    low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, x.size - 1)
    return float(x[0 if left else low]), float(x[-1 if right else high])


def tabulate_outcomes(outcomes: Sequence[Outcome]) -> TabulatedTerms:
    """Return the likelihoods of the log odds ratios, as those of studies."""
    ends = np.array([outcome.ends for outcome in outcomes])
    narrow = min(min(outcome.sd for outcome in outcomes) / 3.0, STEP)
    count = int(np.ceil((ends[:, 1] - ends[:, 0]).max() / narrow)) + 1
    unit = np.linspace(0.0, 1.0, count)
    table = np.stack([o.log_likelihood(a + (b - a) * unit) for o, (a, b) in zip(outcomes, ends, strict=True)])
    left, right = (np.array([outcome.limits[side] for outcome in outcomes]) for side in range(2))
    factor = np.where(left, table[:, 0], np.where(right, table[:, -1], table.max(axis=1)))
    step = (ends[:, 1] - ends[:, 0]) / (count - 1)
    return TabulatedTerms(ends[:, 0], step, table - factor[:, None], left, right, factor)


@final
@dataclass(frozen=True, eq=False)
class Exchangeable:
    """The outcomes' posteriors at one resolution.

    Parameters
    ----------
    outcomes : tuple of Outcome
        What is known of each.
    quantities : Quantities
        Of the hierarchy: ``mu`` is m, ``tau`` is omega.
    effects : tuple of StudyEffect or CommonEffect
        The log odds ratios.
    """

    outcomes: tuple[Outcome, ...]
    quantities: Quantities
    effects: tuple[Effect, ...]


def solve_outcomes(
    parts: Sequence[tuple[Terms, Prior, Rate]], prior_m: Prior, prior_omega: Prior
) -> tuple[Exchangeable, Exchangeable]:
    """Return the posterior of outcomes with exchangeable log odds ratios, at two resolutions.

    Parameters
    ----------
    parts : sequence of tuple
        Of each outcome the studies' likelihoods on the logit scale, the prior of their tau, and the control's rate.
    prior_m, prior_omega : Prior
        Of mean and SD of the log odds ratios.

    Raises
    ------
    ImproperPosteriorError, AccuracyError
        As `solve`.
    """
    made = []
    for resolution in (FINE, COARSE):
        outcomes = tuple(Outcome(*part, resolution) for part in parts)
        solution = _solve(tabulate_outcomes(outcomes), prior_m, prior_omega)
        quantities = solution.fine if resolution is FINE else solution.coarse
        made.append(Exchangeable(outcomes, quantities, tuple(study_effects(quantities.posterior))))
    return made[0], made[1]


def _solve(terms: TabulatedTerms, prior_m: Prior, prior_omega: Prior) -> Solution:
    return solve(pose(terms, prior_m, prior_omega, link="log"), lambda fine, coarse: worst_error(fine, coarse, ROWS))
