"""What is the likelihood of events among patients, as a function of the study's effect on a link scale?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.proportion_links import PROPORTION_LINKS, ProportionLink
from bayesmeta.surface.bands import averaged
from bayesmeta.surface.kernels import NORMAL, NormalKernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

BEYOND: Final = 2.0  # where a likelihood tends to 1 abruptly, a lattice goes on: its closure is less exact near by
FEW_PATIENTS: Final = 500.0  # up to so many a log likelihood is precise as events log p + (n - events) log q
NO_PATIENTS: Final = 1e-100  # in a pair of arms without events; nothing is known of its effect
FLAT: Final[Mapping[str, Callable[[float, FloatArray], FloatArray]]] = MappingProxyType(
    {
        "logit": lambda cut, n: np.stack([-(cut + np.log1p(n)), cut + np.log1p(n)]),
        "probit": lambda cut, n: (np.sqrt(2.0 * (cut + np.log1p(n))) + BEYOND) * np.array([[-1.0], [1.0]]),
        "cloglog": lambda cut, n: np.stack([-(cut + np.log1p(n)), np.log(cut + np.log1p(n)) + BEYOND]),
    }
)
"""By link: the two values of theta from which on n patients without, or all with, an event have a probability that
differs from 1 by exp(-cut), shape (2, k)."""


@final
@dataclass(frozen=True, eq=False)
class BinomialTerms:
    """Binomial likelihoods: events_i ~ Binomial(n_i, p_i), link(p_i) = theta_i + offset_i.

    Parameters
    ----------
    events, n : array, shape (k,)
        Counts; not whole numbers where a power prior discounts a study. With ``events=n=1`` the marginal is the
        mean of p under the distribution of effects, and with ``events=n=2`` its mean square.
    link : str
        A name in `FLAT`.
    offset : array, shape (k,), or None
        Known part of the linear predictor; logit link only.
    log_coefficient : array, shape (k,), or None
        Log of the constant factor of each likelihood; by default the binomial coefficients.
    """

    events: FloatArray
    n: FloatArray
    link: str = "logit"
    offset: FloatArray | None = None
    log_coefficient: FloatArray | None = None

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.n)

    @property
    def kernel(self) -> NormalKernel:
        """The normal distribution."""
        return NORMAL

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return the link of (events + 1/2)/(n + 1) and its delta-method variance."""
        return self._rough

    @cached_property
    def _rough(self) -> tuple[FloatArray, FloatArray]:
        p = self._rough_p
        if self.link == "logit":
            return self._minus_offset(np.asarray(special.logit(p))), 1.0 / ((self.n + 1.0) * p * (1.0 - p))
        theta = LINKS[self.link].link(p)
        variance = p * (1.0 - p) / ((self.n + 1.0) * np.exp(2.0 * self._link.log_slope(theta)))
        # beyond the centre a likelihood of no or only events falls ever more steeply under the probit link
        steep = (self.link == "probit") & ((self.events == 0) | (self.events == self.n))
        return theta, np.where(steep, 0.4 * variance, variance)

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information at theta_i: p (1 - p) / (n p'^2)."""
        theta = theta if self.offset is None else theta + self.offset
        log_information = 2.0 * self._link.log_slope(theta) - self._link.log_p(theta) - self._link.log_q(theta)
        return np.asarray(np.exp(-log_information) / np.maximum(self.n, NO_PATIENTS))

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return events == 0 (tends to 1 on the left) and events == n (on the right)."""
        return self.events == 0, self.events == self.n

    def powered(self, power: FloatArray) -> "BinomialTerms":
        """Return each likelihood raised to a power: that of a events among a n patients."""
        coefficient = power * self.log_coefficients
        return BinomialTerms(power * self.events, power * self.n, self.link, self.offset, coefficient)

    def take(self, index: IntArray) -> "BinomialTerms":
        """Return the terms of the studies at ``index``."""
        offset = None if self.offset is None else self.offset[index]
        coefficient = None if self.log_coefficient is None else self.log_coefficient[index]
        taken = BinomialTerms(self.events[index], self.n[index], self.link, offset, coefficient)
        vars(taken)["log_coefficients"] = self.log_coefficients[index]  # as its cached property would compute it
        return taken

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta, shape (k, *theta.shape)."""
        if self.link == "logit" and self.offset is None and self.n.max(initial=0.0) <= FEW_PATIENTS:
            flat = theta.ravel()
            log_power: FloatArray = self._counts @ np.array([self._link.log_p(flat), self._link.log_q(flat)])
            log_power += self.log_coefficients[:, None]
            return log_power.reshape(self.k, *theta.shape)
        return self.log_likelihood_at(np.broadcast_to(theta, (self.k, *theta.shape)))

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log binomial probability at theta_i, shape of ``theta`` (k, ...)."""
        shape = (-1,) + (1,) * (theta.ndim - 1)
        if self.link == "logit":
            centre, _ = self.rough()
            return self._log_ratio(theta - centre.reshape(shape), shape) + self._log_at_centre.reshape(shape)
        events, rest = self.events.reshape(shape), (self.n - self.events).reshape(shape)
        log_power = events * self._link.log_p(theta) + rest * self._link.log_q(theta)
        return np.asarray(log_power + self.log_coefficients.reshape(shape))

    def _log_ratio(self, shift: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """Return log likelihood(centre + shift) - log likelihood(centre) for the logit link.

        Written with log1p and expm1, so that its error is n |shift| 1e-16, not n 1e-16.
        """
        p = self._rough_p.reshape(shape)
        far = np.minimum(shift, 600.0)  # exp stays finite; beyond, the log is linear
        log_ratio = self.events.reshape(shape) * far - self.n.reshape(shape) * np.log1p(p * np.expm1(far))
        rest = np.maximum(shift - 600.0, 0.0)
        return np.asarray(log_ratio - (self.n - self.events).reshape(shape) * rest)

    @cached_property
    def slopes(self) -> FloatArray:
        """What `logit_change` is multiplied by, shape (k, 2)."""
        return np.array([self.events, -self.n]).T

    @cached_property
    def _counts(self) -> FloatArray:
        """Events and patients without one, shape (k, 2)."""
        return np.array([self.events, self.n - self.events]).T

    @cached_property
    def _log_at_centre(self) -> FloatArray:
        p = self._rough_p
        result: FloatArray = np.asarray(special.xlogy(self.events, p) + special.xlog1py(self.n - self.events, -p))
        return result + self.log_coefficients

    @cached_property
    def log_coefficients(self) -> FloatArray:
        """Log of the constant factor of each likelihood, shape (k,)."""
        if self.log_coefficient is not None:
            return self.log_coefficient
        return log_binomial_coefficient(self.events, self.n)

    def far(self, cut: float) -> FloatArray:
        """Return a distance from the centre at which a likelihood that decays is below exp(-cut), shape (k,)."""
        cells = np.stack([self.events, self.n - self.events])
        slowest = np.where(cells > 0.0, cells, np.inf).min(axis=0)
        result: FloatArray = (cut + np.log1p(self.n)) / np.minimum(slowest, 1.0)
        return result

    def flat_from(self, cut: float) -> FloatArray:
        """Return from where on, left and right, a likelihood that tends to 1 differs by exp(-cut), shape (2, k)."""
        return self._minus_offset(FLAT[self.link](cut, self.n))

    def log_change(self, eta: FloatArray, step: FloatArray) -> FloatArray:
        """Return log likelihood(eta + step) - log likelihood(eta), for (P,) and (P, N); shape (k, P, N)."""
        if self.link != "logit":
            here, there = self.log_likelihood(eta), self.log_likelihood(eta[:, None] + step)
            return there - here[:, :, None]
        if self.offset is None:
            change: FloatArray = self.slopes @ logit_change(eta, step).reshape(2, -1)
            return change.reshape(self.k, *step.shape)
        p = special.expit(eta + self.offset[:, None])
        result: FloatArray = np.multiply.outer(self.events, step) - self.n[:, None, None] * np.log1p(
            p[:, :, None] * np.expm1(step)
        )
        return result

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), by quadrature at the given resolution."""
        return averaged(self, settings)

    @property
    def _link(self) -> ProportionLink:
        return PROPORTION_LINKS[self.link]

    @cached_property
    def _rough_p(self) -> FloatArray:
        return (self.events + 0.5) / (self.n + 1.0)

    def _minus_offset(self, theta: FloatArray) -> FloatArray:
        return theta if self.offset is None else theta - self.offset


def logit_change(eta: FloatArray, step: FloatArray) -> FloatArray:
    """Return by how much eta (P,) and log(1 + exp(eta)) change with steps (P, N), shape (2, P, N)."""
    softplus = np.log1p(special.expit(eta)[:, None] * np.expm1(step))
    return np.array([step, softplus])


def joined(every: Sequence[BinomialTerms]) -> BinomialTerms:
    """Return the terms of the studies of several problems with the same link, without offsets, as of one."""
    events, n, coefficient = (
        np.concatenate(parts)
        for parts in zip(*((one.events, one.n, one.log_coefficients) for one in every), strict=True)
    )
    return BinomialTerms(events, n, every[0].link, None, coefficient)


def log_binomial_coefficient(events: FloatArray, n: FloatArray) -> FloatArray:
    """Return the log of n choose events, also for numbers that are not whole."""
    result: FloatArray = -np.log1p(n) - special.betaln(events + 1.0, n - events + 1.0)
    return result
