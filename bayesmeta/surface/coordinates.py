"""On which coordinate is a parameter integrated: smooth maps of the real line onto its support.

Each map sends a real coordinate to the parameter such that densities fall off fast at both ends, which
is what makes the trapezoid rule converge exponentially (Trefethen & Weideman 2014,
doi:10.1137/130932132; Takahasi & Mori 1974).
"""

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray


class Coordinate(Protocol):
    """A smooth increasing map from the real line onto a parameter's support."""

    def value(self, x: FloatArray) -> FloatArray:
        """Return the parameter at coordinate ``x``."""
        ...

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return the log of the derivative of `value` at ``x``."""
        ...

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Return the coordinate at which the parameter equals ``value`` (the inverse of `value`)."""
        ...


@final
@dataclass(frozen=True)
class RealLine:
    """The identity, for a parameter that may be any real number."""

    def value(self, x: FloatArray) -> FloatArray:
        """Return ``x``."""
        return x

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return zeros."""
        return np.zeros_like(x)

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Return ``value``."""
        return value


LARGEST_X = 300.0  # sinh(300) is 1e130; its square is still a double


@final
@dataclass(frozen=True)
class SinhLine:
    """``centre + scale sinh(x)``, for a real parameter whose density may have tails like a power."""

    centre: float
    scale: float

    def value(self, x: FloatArray) -> FloatArray:
        """Return ``centre + scale sinh(x)``."""
        value: FloatArray = self.centre + self.scale * np.sinh(np.clip(x, -LARGEST_X, LARGEST_X))
        return value

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return the log of ``scale cosh(x)``."""
        return np.logaddexp(x, -x) + float(np.log(0.5 * self.scale))

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Return ``asinh((value - centre) / scale)``."""
        return np.arcsinh((value - self.centre) / self.scale)


@final
@dataclass(frozen=True)
class Interval:
    """The logit of the relative position, for a parameter between two finite bounds."""

    lower: float
    upper: float

    def value(self, x: FloatArray) -> FloatArray:
        """Return ``lower + (upper - lower) expit(x)``."""
        value: FloatArray = self.lower + (self.upper - self.lower) * special.expit(x)
        return value

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return the log of ``(upper - lower) expit(x) expit(-x)``."""
        result: FloatArray = np.log(self.upper - self.lower) + np.asarray(special.log_expit(x) + special.log_expit(-x))
        return result

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Return the logit of the relative position; infinite at and beyond the bounds."""
        position = np.clip((value - self.lower) / (self.upper - self.lower), 0.0, 1.0)
        return np.asarray(special.logit(position))


@final
@dataclass(frozen=True)
class HalfLine:
    """The double-exponential map ``scale exp(x - exp(-x))``, for a parameter above zero.

    Any density that is finite at zero falls off double-exponentially in ``x`` on the left, so that the
    mass next to zero (a log grid never reaches it) is inside the rule. ``scale`` should be a fraction of
    the parameter's own scale.
    """

    scale: float

    def value(self, x: FloatArray) -> FloatArray:
        """Return ``scale exp(x - exp(-x))``."""
        return self.scale * np.exp(np.minimum(x - np.exp(-x), LARGEST_X))

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return the log of ``value (1 + exp(-x))``."""
        e = np.exp(-x)
        result: FloatArray = np.log(self.scale) + x - e + np.log1p(e)
        return result

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Solve ``x - exp(-x) = log(value / scale)``; values at and below 0 give the coordinate of 1e-308.

        The left side is increasing and concave, so that Newton's method rises to the root from a point
        left of it.
        """
        y = np.log(np.maximum(value, np.finfo(np.float64).tiny)) - np.log(self.scale)
        x = np.where(y > 0.0, y, -np.log1p(-np.minimum(y, 0.0)))
        for _ in range(8):
            e = np.exp(-x)
            x = x - (x - e - y) / (1.0 + e)
        return np.asarray(x)


@final
@dataclass(frozen=True)
class SteepInterval:
    """The tanh-sinh map, for a parameter between two bounds whose density may jump there."""

    lower: float
    upper: float

    def value(self, x: FloatArray) -> FloatArray:
        """Return ``lower + (upper - lower) expit(pi sinh(x))``."""
        return self.lower + (self.upper - self.lower) * np.asarray(special.expit(np.pi * np.sinh(x)))

    def log_jacobian(self, x: FloatArray) -> FloatArray:
        """Return the log of the derivative of `value`."""
        s = np.pi * np.sinh(x)
        slope = np.log(np.pi) + np.log(np.cosh(x))
        log_density: FloatArray = special.log_expit(s) + special.log_expit(-s)
        return np.asarray(log_density + (slope + float(np.log(self.upper - self.lower))))

    def coordinate(self, value: FloatArray) -> FloatArray:
        """Return ``asinh(logit(position) / pi)``; infinite at and beyond the bounds."""
        position = np.clip((value - self.lower) / (self.upper - self.lower), 0.0, 1.0)
        return np.arcsinh(np.asarray(special.logit(position)) / np.pi)
