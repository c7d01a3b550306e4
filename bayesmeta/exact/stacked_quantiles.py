"""Where do the distribution functions of many posteriors have the wanted values? Newton's method, in step for all.

Axes of the arrays: B posteriors, P probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, final

import numpy as np
from scipy import special

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.exact.stacked import SQRT_2PI, Stack
from bayesmeta.exact.stacked_rows import UNIT

LAST_ERROR: Final = 1e-10  # of the spread: of the last step towards a quantile
ROUGH_ERROR: Final = 1e-4  # of the SD: of where a search starts
MOST_STEPS: Final = 12  # of Newton's method; what takes more is left to a single fit

type CdfPdf = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def quantiles(
    fine: Stack, coarse: Stack, base: str, probability: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return quantiles, how far those of the coarser resolution are, (B, P) each, and which were found, (B,).

    The coarser distribution function is searched. From there one step of Newton's method is enough for the finer one,
    as it is short; where it is not, neither is the distance, and the posterior is left to a fit of its own.

    ``base`` is mu, tau, theta_new, or p_mean, whose quantiles are those of its logit; ``probability`` is (P,), with two
    different values at least, as their distance bounds the steps of the search.
    """
    start, spread = _guess(coarse, base, probability)
    x, found = _solve(cdf_pdf_of(coarse, base), start, probability, spread)
    cdf, pdf = cdf_pdf_of(fine, base)(x)
    step = (probability - cdf) / np.maximum(pdf, 1e-300)
    return x + step, np.abs(step), found


def cdf_pdf_of(stack: Stack, base: str) -> CdfPdf:
    """Return the distribution functions and densities of mu, tau, theta_new, or the logit of p_mean."""
    functions = {
        "mu": stack.mu_cdf_pdf,
        "tau": stack.tau_cdf_pdf,
        "theta_new": stack.next_cdf_pdf,
        "p_mean": stack.mean_cdf_pdf,
    }
    return functions[base]


def _guess(stack: Stack, base: str, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where searches for quantiles start, shape (B, P), and about how wide the distribution is, (B, 1).

    For tau that is between its nodes; for the others it is the quantile of a mixture of normal distributions, one for
    each tau.
    """
    if base == "tau":
        _, sd = stack.moments(stack.grid.tau[:, None])
        cdf = np.cumsum(stack.weight_tau) - 0.5 * stack.weight_tau  # from b to b + 1 for posterior b
        q = np.interp(np.arange(sd.size)[:, None] + probability, cdf, stack.grid.q)
        return stack.rows.scale * UNIT.value(q), sd[:, None]
    mixture = Mixture.of(stack, base)
    start = mixture.mean[:, None] + mixture.sd[:, None] * special.ndtri(probability)
    x, _ = _solve(mixture.cdf_pdf, start, probability, mixture.sd[:, None], last_error=ROUGH_ERROR)
    return x, mixture.sd[:, None]


def _solve(
    cdf_pdf: CdfPdf, start: FloatArray, probability: FloatArray, spread: FloatArray, last_error: float = LAST_ERROR
) -> tuple[FloatArray, BoolArray]:
    """Solve cdf(x) = probability within a bracket, for distributions about as wide as ``spread`` (B, 1).

    Returns x (B, P), and whether it was found (B,).
    """
    x, done = start.copy(), np.zeros(start.shape, dtype=bool)
    lower, upper = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    longest = np.ptp(start, axis=1, keepdims=True)
    before = np.full((3, *x.shape), np.nan)
    for _ in range(MOST_STEPS):
        cdf, pdf = cdf_pdf(x)
        gap = cdf - probability
        move, near = _root_step(x, gap, pdf, before, spread, last_error)
        before = np.stack([x, gap, pdf])
        lower, upper = np.where(gap < 0.0, x, lower), np.where(gap > 0.0, x, upper)
        new = x + np.clip(np.nan_to_num(move), -longest, longest)
        middle = np.where(np.isfinite(lower) & np.isfinite(upper), 0.5 * (lower + upper), new)
        inside = (new > lower) & (new < upper)
        x = np.where(done, x, np.where(near | inside, new, middle))
        done |= near
        if done.all():
            break
    return x, done.all(axis=1)


def _root_step(
    at: FloatArray,
    gap: FloatArray,
    pdf: FloatArray,
    before: FloatArray,
    spread: FloatArray,
    last_error: float,
) -> tuple[FloatArray, BoolArray]:
    """Return the step to where a distribution function has the wanted value, and whether no other need follow.

    It is that of Newton's method, or of the cubic inverse interpolation of the function and its slope at this point and
    the last, if they nearly agree. Their difference is about the error of Newton's step, which is about its square; the
    error of the cubic is smaller by the squared distance of the points.

    Parameters
    ----------
    at, gap, pdf : array
        The points, by how much the function exceeds the wanted value there, and its slope.
    before : array, shape (3, ...)
        The same of the last points; nan if there were none.
    spread : array
        About how wide the distribution is.
    last_error : float
        The error, in units of ``spread``, at which the step is the last.
    """
    with np.errstate(all="ignore"):
        move = -gap / pdf
        # divided differences of the inverse function, whose slope is 1 / pdf
        way, rise = before[0] - at, before[1] - gap
        secant = way / rise
        bend, other = (secant - 1.0 / pdf) / rise, (1.0 / before[2] - secant) / rise
        more = gap * gap * (bend - (other - bend) / rise * before[1])
        good = np.abs(more) <= 0.1 * np.abs(move)
        error = np.fmin((move / spread) ** 2, np.where(good, np.abs(more) / spread * (way / spread) ** 2, np.inf))
        return np.where(good, move + more, move), (error <= last_error) & (pdf > 0.0)


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """About the distribution of mu, theta_new or the logit of p_mean: a normal one on each row of a stack.

    Parameters
    ----------
    stack : Stack
        The rows.
    share, mean_given, sd_given : array, shape (R,)
        Probability, mean and SD of each.
    """

    stack: Stack
    share: FloatArray
    mean_given: FloatArray
    sd_given: FloatArray

    @classmethod
    def of(cls, stack: Stack, base: str) -> Self:
        """Return it for one of them."""
        values, share = stack.logit_mean if base == "p_mean" else stack.grid.mu, stack.weight_tau
        mean = (stack.weight * values).sum(axis=1) / share
        variance = (stack.weight * (values - mean[:, None]) ** 2).sum(axis=1) / share
        if base == "theta_new":
            variance += stack.grid.tau**2
        return cls(stack, share, mean, np.sqrt(variance))

    @cached_property
    def mean(self) -> FloatArray:
        """Means of the mixtures, shape (B,)."""
        return self.stack.total(self.share * self.mean_given)

    @cached_property
    def sd(self) -> FloatArray:
        """SDs of the mixtures, shape (B,)."""
        square = self.sd_given**2 + (self.mean_given - self.mean[self.stack.owner]) ** 2
        return np.sqrt(self.stack.total(self.share * square))

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density at ``x`` (B, P)."""
        z = (x[self.stack.owner] - self.mean_given[:, None]) / self.sd_given[:, None]
        pdf = np.exp(-0.5 * z * z) * (self.share / (SQRT_2PI * self.sd_given))[:, None]
        return self.stack.total(special.ndtr(z) * self.share[:, None]), self.stack.total(pdf)
