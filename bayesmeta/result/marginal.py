"""What is the distribution of one quantity? `Marginal`, with density, quantiles, intervals and moments."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_counts, check_probability
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.spec.prior_text import quote

MAX_STEPS = 200
CONVERGED = 1e-13
LAST_MOVE = 1e-6  # of the spread; the error left is about its square
NARROW_TAIL = 1e-6  # of what lies outside an interval; less is near the rounding of distribution functions

type CdfPdf = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@final
@dataclass(frozen=True)
class Scale:
    """How a quantity follows from the scale on which its distribution function is computed.

    Parameters
    ----------
    value : callable
        Increasing map from the base scale to the quantity.
    base : callable
        Its inverse.
    slope : callable
        Derivative of ``value`` as a function of the quantity.
    support : tuple of float
        Lower and upper end of the quantity.
    """

    value: Callable[[FloatArray], FloatArray]
    base: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    support: tuple[float, float]


def _same(x: FloatArray) -> FloatArray:
    return x


IDENTITY = Scale(_same, _same, np.ones_like, (-np.inf, np.inf))
POSITIVE = Scale(_same, _same, np.ones_like, (0.0, np.inf))


def _proportion_scale(name: str) -> Scale:
    link, log_slope = LINKS[name], PROPORTION_LINKS[name].log_slope
    return Scale(link.inverse, link.link, lambda p: np.asarray(np.exp(log_slope(link.link(p)))), (0.0, 1.0))


PROPORTION_SCALES = {name: _proportion_scale(name) for name in PROPORTION_LINKS}
"""By link: proportions whose distribution is computed on the link scale."""


@final
@dataclass(frozen=True, eq=False)
class Marginal:
    """The posterior distribution of one quantity.

    Parameters
    ----------
    name : str
        The quantity.
    cdf_pdf : callable
        Distribution function and density on the base scale, for an array of points.
    start : tuple of array
        Ascending points on the base scale and a rough distribution function there; where quantile searches
        start.
    moments : tuple of float
        Mean and SD of the quantity; inf or nan where they do not exist.
    scale : Scale
        From the base scale to the quantity.
    note : str
        Why a moment is not finite; otherwise empty.
    """

    name: str
    cdf_pdf: CdfPdf = field(repr=False)
    start: tuple[FloatArray, FloatArray] = field(repr=False)
    moments: tuple[float, float]
    scale: Scale = field(default=IDENTITY, repr=False)
    note: str = ""

    def mean(self) -> float:
        """Return the mean; inf, -inf or nan if it does not exist."""
        return self.moments[0]

    def sd(self) -> float:
        """Return the standard deviation; inf or nan if it does not exist."""
        return self.moments[1]

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return P(quantity <= x), with the shape of ``x``."""
        points, flat = numbers_of(x, f"the values of {self.name}")
        lower, upper = self.scale.support
        inside = np.clip(flat, lower, upper)
        with np.errstate(divide="ignore"):
            base = self.scale.base(inside)
        values = np.where(flat <= lower, 0.0, 1.0)
        usable = (flat > lower) & (flat < upper)
        if usable.any():
            values[usable] = np.clip(self.cdf_pdf(base[usable])[0], 0.0, 1.0)
        return values.reshape(points.shape)

    def pdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the density at ``x``, with the shape of ``x``; 0 outside the support."""
        points, flat = numbers_of(x, f"the values of {self.name}")
        values = np.zeros(flat.shape)
        lower, upper = self.scale.support
        with np.errstate(divide="ignore"):
            closed = bool(np.isfinite(self.scale.base(np.array([lower])))[0])
        usable = ((flat > lower) | (closed & (flat == lower))) & (flat < upper)
        if usable.any():
            density = self.cdf_pdf(self.scale.base(flat[usable]))[1]
            values[usable] = np.maximum(density, 0.0) / self.scale.slope(flat[usable])
        return values.reshape(points.shape)

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return the quantiles at probabilities ``q``, with the shape of ``q``.

        Raises
        ------
        SpecError
            If a probability lies outside [0, 1].
        AccuracyError
            If a quantile cannot be found.
        """
        points, flat = probabilities_of(q, self.name)
        values = np.where(flat == 0.0, *self.scale.support[:1], self.scale.support[1]).astype(np.float64)
        inner = (flat > 0.0) & (flat < 1.0)
        if inner.any():
            values[inner] = np.clip(self.scale.value(_quantile(self, flat[inner])), *self.scale.support)
        return values.reshape(points.shape)

    def base_ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantiles at ``q``, shape (P,), strictly between 0 and 1, on the base scale."""
        return _quantile(self, q)

    def rvs(self, size: int = 1, *, seed: int | np.random.Generator | None = None) -> FloatArray:
        """Return independent draws, shape (size,), by inversion of uniform numbers."""
        check_counts(size=size)
        uniform = np.random.default_rng(seed).uniform(size=size)
        return np.concatenate([self.ppf(part) for part in np.array_split(uniform, -(-size // 1000))])

    def eti(self, ci_prob: float = 0.95) -> tuple[float, float]:
        """Return the equal-tailed interval: the quantiles at (1 - ci_prob)/2 and (1 + ci_prob)/2."""
        tail = 0.5 * (1.0 - check_probability("ci_prob", ci_prob))
        lower, upper = self.ppf([tail, 1.0 - tail])
        return float(lower), float(upper)

    def hdi(self, ci_prob: float = 0.95) -> tuple[float, float]:
        """Return the shortest interval that holds ``ci_prob``.

        Unlike the equal-tailed interval it does not carry through a link: the interval of expit(mu) is
        not expit of the interval of mu.
        """
        rest = 1.0 - check_probability("ci_prob", ci_prob)
        low, high = 0.0, rest
        for _ in range(14):  # each round shrinks the bracket of the lower tail eightfold
            tail = np.linspace(low, high, 17)
            ends = self.ppf(np.r_[tail, np.minimum(tail + ci_prob, 1.0)]).reshape(2, -1)
            best = int(np.argmin(np.where(np.isfinite(ends).all(axis=0), ends[1] - ends[0], np.inf)))
            low, high = tail[max(best - 1, 0)], tail[min(best + 1, 16)]
            if high - low < NARROW_TAIL * rest:
                break
        return float(ends[0, best]), float(ends[1, best])


def numbers_of(x: npt.ArrayLike, what: str) -> tuple[FloatArray, FloatArray]:
    """Return what a user gave as an array, and the same flat; raise `SpecError` if it holds no numbers."""
    try:
        points = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"{what} must be a number or an array of numbers; got {quote(x)}.") from None
    return points, points.ravel()


def probabilities_of(q: npt.ArrayLike, name: str) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities of quantiles, as given and flat; raise `SpecError` for what is none."""
    points, flat = numbers_of(q, f"the probabilities of quantiles of {name}")
    wrong = flat[~((flat >= 0.0) & (flat <= 1.0))]
    if wrong.size:
        raise SpecError(f"quantiles of {name} need probabilities between 0 and 1; got {wrong[0]:g}.")
    return points, flat


def _quantile(marginal: Marginal, probability: FloatArray) -> FloatArray:
    """Solve cdf(x) = probability on the base scale: Newton steps, kept within a shrinking bracket."""
    knots, rough = marginal.start
    x = np.interp(probability, rough, knots)
    spread = max(float(np.diff(np.interp([0.1, 0.9], rough, knots))[0]), 1e-300)
    lower, upper = np.full(x.size, -np.inf), np.full(x.size, np.inf)
    active = np.arange(x.size)
    for step in range(MAX_STEPS):
        at = x[active]
        cdf, pdf = marginal.cdf_pdf(at)
        gap = cdf - probability[active]
        with np.errstate(all="ignore"):
            move = -gap / pdf
        done = (np.abs(move) <= LAST_MOVE * spread) & (pdf > 0.0)  # the next one would be its square
        lower[active] = np.where(gap < 0.0, at, lower[active])
        upper[active] = np.where(gap > 0.0, at, upper[active])
        reach = 0.1 * spread * 2.0 ** min(step, 60)
        x[active] = np.where(done, at + move, _keep_inside(at + move, at, gap, lower[active], upper[active], reach))
        active = active[~done & (upper[active] - lower[active] > CONVERGED * (1.0 + np.abs(at)))]
        if not active.size:
            return x
    raise AccuracyError(
        f"a quantile of {marginal.name} at {probability[active][0]:g} could not be found to 1e-13; "
        "ask for a less extreme probability."
    )


def _keep_inside(
    new: FloatArray, at: FloatArray, gap: FloatArray, lower: FloatArray, upper: FloatArray, reach: float
) -> FloatArray:
    """Replace steps that leave the bracket by bisection, or by a bounded step where one end is open."""
    outside = ~((new > lower) & (new < upper)) | ~np.isfinite(new)
    closed = np.isfinite(lower) & np.isfinite(upper)
    with np.errstate(invalid="ignore"):
        middle = np.where(closed, 0.5 * (lower + upper), at - np.sign(gap) * reach)
    far = ~closed & (np.abs(new - at) > reach)
    return np.where(outside | far, middle, new)
