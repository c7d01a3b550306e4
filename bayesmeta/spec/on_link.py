"""What does a prior on the proportion of the median study say about mu? A change of variables by the link."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from scipy import special

from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.spec.placed import quantiles
from bayesmeta.spec.standard import REAL_LINE, FloatArray


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
