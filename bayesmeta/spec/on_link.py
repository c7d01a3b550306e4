"""What does a prior on the proportion of the median study say about mu? A change of variables by the link."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmeta.spec.placed import quantiles
from bayesmeta.spec.standard import REAL_LINE, FloatArray

_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True)
class ProportionLink:
    """What a change of variables from p to mu needs, each a function of an array of mu.

    Attributes
    ----------
    log_p, log_q : callable
        Logs of p and of 1 - p, without cancellation in either tail.
    log_slope : callable
        Log of dp / dmu.
    from_p, from_q : callable
        mu from p, and from 1 - p.
    """

    log_p: Callable[[FloatArray], Any]
    log_q: Callable[[FloatArray], Any]
    log_slope: Callable[[FloatArray], Any]
    from_p: Callable[[FloatArray], Any]
    from_q: Callable[[FloatArray], Any]


def _log_p_cloglog(x: FloatArray) -> FloatArray:
    """Return log(1 - exp(-exp(x))), which is x - exp(x)/2 to rounding where x is far below 0."""
    e = np.exp(x)
    with np.errstate(divide="ignore"):  # in the branches that are not taken
        return np.where(x < -30.0, x - 0.5 * e, np.where(e < 0.5, np.log(-np.expm1(-e)), np.log1p(-np.exp(-e))))


PROPORTION_LINKS: Mapping[str, ProportionLink] = MappingProxyType(
    {
        "logit": ProportionLink(
            log_p=special.log_expit,
            log_q=lambda x: special.log_expit(-x),
            log_slope=lambda x: special.log_expit(x) + special.log_expit(-x),
            from_p=special.logit,
            from_q=lambda q: -special.logit(q),
        ),
        "probit": ProportionLink(
            log_p=special.log_ndtr,
            log_q=lambda x: special.log_ndtr(-x),
            log_slope=lambda x: -0.5 * x * x - _HALF_LOG_2PI,
            from_p=special.ndtri,
            from_q=lambda q: -special.ndtri(q),
        ),
        "cloglog": ProportionLink(
            log_p=_log_p_cloglog,
            log_q=lambda x: -np.exp(x),
            log_slope=lambda x: x - np.exp(x),
            from_p=lambda p: np.log(-np.log1p(-p)),
            from_q=lambda q: np.log(-np.log(q)),
        ),
    }
)
"""The links from proportions to the real line."""


@final
@dataclass(frozen=True)
class BetaOnLink:
    """The law of mu where its inverse link p has a beta distribution.

    With g the link, mu = g(p) has density Beta(p | alpha, beta) dp/dmu, which falls at least exponentially in
    both directions for every link here.

    Attributes
    ----------
    link : str
        A key of `PROPORTION_LINKS`.
    alpha, beta : float
        The parameters of the beta distribution.
    """

    link: str
    alpha: float
    beta: float
    support: tuple[float, float] = REAL_LINE
    tail_order: float = np.inf

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density of mu."""
        points, link = np.asarray(x, dtype=np.float64), PROPORTION_LINKS[self.link]
        with np.errstate(all="ignore"):
            values = (
                _times(self.alpha - 1.0, link.log_p(points))
                + _times(self.beta - 1.0, link.log_q(points))
                + link.log_slope(points)
                - special.betaln(self.alpha, self.beta)
            )
        inside = np.isfinite(points) & ~np.isnan(values)
        return np.where(inside, values, np.where(np.isnan(points), np.nan, -np.inf))[()]

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the distribution function of mu."""
        points, link = np.asarray(x, dtype=np.float64), PROPORTION_LINKS[self.link]
        with np.errstate(all="ignore"):
            log_p, log_q = link.log_p(points), link.log_q(points)
            low = special.betainc(self.alpha, self.beta, np.exp(log_p))
            high = special.betaincc(self.beta, self.alpha, np.exp(log_q))
            return np.asarray(np.where(log_p < log_q, low, high))[()]

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles of mu."""
        link = PROPORTION_LINKS[self.link]

        def inner(probability: FloatArray) -> FloatArray:
            p = special.betaincinv(self.alpha, self.beta, probability)
            other = special.betainccinv(self.beta, self.alpha, probability)
            return np.asarray(np.where(p < 0.5, link.from_p(p), link.from_q(other)))

        return quantiles(q, inner, self.support)


def _times(factor: float, values: FloatArray) -> FloatArray:
    """Return the product, 0 where the factor is 0 even if the value is infinite."""
    return np.zeros_like(values) if factor == 0.0 else factor * values
