"""What is the density of a prior that stands by itself? A standard distribution, moved and stretched."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import numpy.typing as npt

from bayesmeta.errors import SpecError
from bayesmeta.spec.standard import FloatArray, Standard


class Law(Protocol):
    """Density, distribution function and quantiles of one parameter; `Prior` says what each returns."""

    @property
    def support(self) -> tuple[float, float]:
        """Lower and upper end of the values that are possible."""
        ...

    @property
    def tail_order(self) -> float:
        """The a in density ~ x**-a at the infinite end(s)."""
        ...

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density."""
        ...

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the distribution function."""
        ...

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles."""
        ...


@final
@dataclass(frozen=True)
class Placement:
    """A standard distribution put in its place: x = loc + scale · z.

    Attributes
    ----------
    loc, scale : float
        Shift and stretch of the standard distribution.
    shape : tuple of float
        The standard distribution's shape parameters.
    ends : tuple of float or None
        Both ends of a bounded support exactly as given, because loc + scale may round; None elsewhere.
    """

    loc: float
    scale: float
    shape: tuple[float, ...] = ()
    ends: tuple[float, float] | None = None


@final
@dataclass(frozen=True)
class Placed:
    """The law of x = loc + scale · z.

    Attributes
    ----------
    prior : Prior
        What it is the law of, for messages.
    standard : Standard
        The law of z.
    placement : Placement
        loc, scale, shapes and ends.
    """

    prior: object
    standard: Standard
    placement: Placement

    @property
    def support(self) -> tuple[float, float]:
        """Lower and upper end of the values that are possible."""
        return self.placement.ends or self.standard.support

    @property
    def tail_order(self) -> float:
        """The a in density ~ x**-a at the infinite end(s)."""
        return self.standard.tail_order(*self.placement.shape)

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density."""
        points = np.asarray(x, dtype=np.float64)
        lower, upper = self.support
        with np.errstate(all="ignore"):
            z = (points - self.placement.loc) / self.placement.scale
            inside = (points >= lower) & (points <= upper) & np.isfinite(z)
            if not self.standard.zero_in_support:
                inside &= z > 0.0
            everywhere = bool(inside.all())
            shape = self.placement.shape
            values: FloatArray = self.standard.logpdf(z if everywhere else np.where(inside, z, 0.5), *shape)
            values = values - math.log(self.placement.scale)
        if everywhere:
            return values[()]
        return np.where(inside, values, np.where(np.isnan(points), np.nan, -np.inf))[()]

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the distribution function; raise `SpecError` if improper."""
        function = self._proper("cdf", self.standard.cdf)
        points = np.asarray(x, dtype=np.float64)
        lower, upper = self.support
        with np.errstate(all="ignore"):
            z = (points - self.placement.loc) / self.placement.scale
            inside = (points > lower) & (points < upper)
            values = np.clip(function(np.where(inside, z, 0.5), *self.placement.shape), 0.0, 1.0)
        outside = np.where(np.isnan(points), np.nan, np.where(points >= upper, 1.0, 0.0))
        return np.where(inside, values, outside)[()]

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles; raise `SpecError` if improper."""
        function = self._proper("quantiles", self.standard.ppf)
        lower, upper = self.support

        def inner(probability: FloatArray) -> FloatArray:
            z = function(probability, *self.placement.shape)
            return np.clip(self.placement.loc + self.placement.scale * z, lower, upper)

        return quantiles(q, inner, self.support)

    def _proper(self, what: str, function: Callable[..., FloatArray] | None) -> Callable[..., FloatArray]:
        if function is None:
            raise improper(self.prior, what)
        return function


def quantiles(q: npt.ArrayLike, inner: Callable[[FloatArray], FloatArray], support: tuple[float, float]) -> FloatArray:
    """Return ``inner(q)`` for probabilities between 0 and 1, the support's ends at 0 and 1, and nan elsewhere."""
    probability = np.asarray(q, dtype=np.float64)
    inside = (probability > 0.0) & (probability < 1.0)
    with np.errstate(all="ignore"):
        values = inner(np.where(inside, probability, 0.5))
    ends = np.where(probability == 0.0, support[0], np.where(probability == 1.0, support[1], np.nan))
    return np.where(inside, values, ends)[()]


def improper(prior: object, what: str) -> SpecError:
    """Return the error for a question that an improper prior cannot answer."""
    return SpecError(f"{prior} is improper and has no {what}; use a proper prior, such as Normal or HalfNormal.")
