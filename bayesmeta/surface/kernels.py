"""How are the study effects distributed about the linear predictor eta, with heterogeneity tau?

Each kernel has density, distribution function and draws, and a quadrature rule for functions that vary little
over its width: ``theta = eta + tau z``, for nodes z with weights.
"""

from dataclasses import dataclass
from functools import cache
from math import inf, log, pi, sqrt
from typing import Final, Protocol, final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray

SQRT_2PI: Final = sqrt(2.0 * pi)
LOG_SQRT_2PI: Final = 0.5 * log(2.0 * pi)
SD_STEP: Final = 0.7  # steps of scales are at most this many of their SDs: error exp(-2 pi^2 / 0.7^2) if normal
SINH_STEP: Final = 0.15
SCALE_CUT: Final = 44.0  # their density is cut where its log has fallen by this much
FARTHEST: Final = 1e150  # its square is still a double


class Kernel(Protocol):
    """Distribution of the study effects given (eta, tau)."""

    def __hash__(self) -> int:
        """Return the same number for kernels that are equal."""
        ...

    @property
    def name(self) -> str:
        """As `ModelSpec` names it."""
        ...

    @property
    def tail_order(self) -> float:
        """The a in density ~ |theta|**-a; inf if it falls faster than every power."""
        ...

    @property
    def is_symmetric(self) -> bool:
        """Whether eta is the median of the study effects."""
        ...

    @property
    def variance(self) -> float:
        """Variance of the study effects, in units of tau squared; inf if there is none."""
        ...

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the log density of a study effect; the arrays broadcast."""
        ...

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the distribution function of a study effect; the arrays broadcast."""
        ...

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the median of the study effects, the shape of eta and tau broadcast."""
        ...

    def rule(self, nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return nodes z and weights, for means of functions that are smooth at the scale of tau, shape (N,)."""
        ...

    def rule_correction(self, z: float, eta: FloatArray, tau: FloatArray) -> FloatArray | float:
        """Return the density at eta + tau z relative to that for which `rule` is made."""
        ...

    def draw(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return a study effect for each pair, the shape of ``eta``."""
        ...


@final
@dataclass(frozen=True)
class NormalKernel:
    """theta ~ Normal(eta, tau^2)."""

    name: str = "normal"
    tail_order: float = inf
    is_symmetric: bool = True
    variance: float = 1.0

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the log of the normal density."""
        z = (theta - eta) / tau
        return -0.5 * z * z - np.log(tau) - LOG_SQRT_2PI

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return Phi((theta - eta) / tau)."""
        return np.asarray(special.ndtr((theta - eta) / tau))

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return eta."""
        return np.broadcast_arrays(eta, tau)[0]

    def rule(self, nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return the nodes and weights of Gauss-Hermite quadrature."""
        return hermite_rule(nodes)

    def rule_correction(self, z: float, eta: FloatArray, tau: FloatArray) -> float:
        """Return 1."""
        return 1.0

    def draw(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return a draw for each pair."""
        return rng.normal(eta, tau)


NORMAL: Final = NormalKernel()


@final
@dataclass(frozen=True)
class StudentKernel:
    """theta = eta + tau t, with Student's t with ``nu`` degrees of freedom: outlying studies are less unlikely.

    It is the mixture of Normal(eta, (tau s)^2) over s^-2 ~ Gamma(nu/2, nu/2).
    """

    nu: float

    @property
    def name(self) -> str:
        """As `ModelSpec` names it."""
        return "student-t"

    @property
    def tail_order(self) -> float:
        """Nu + 1."""
        return self.nu + 1.0

    @property
    def is_symmetric(self) -> bool:
        """True."""
        return True

    @property
    def variance(self) -> float:
        """Nu / (nu - 2), for nu above 2."""
        return self.nu / (self.nu - 2.0) if self.nu > 2.0 else inf

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the log density of Student's t."""
        z = np.clip((theta - eta) / tau, -FARTHEST, FARTHEST)
        constant = log(special.poch(0.5 * self.nu, 0.5)) - 0.5 * log(pi * self.nu)
        return constant - 0.5 * (self.nu + 1.0) * np.log1p(z * z / self.nu) - np.log(tau)

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return the distribution function of Student's t."""
        return np.asarray(special.stdtr(self.nu, (theta - eta) / tau))

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return eta."""
        return np.broadcast_arrays(eta, tau)[0]

    def rule(self, nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return a trapezoid rule in v, z = sinh(v), which reaches into the tails."""
        return _sinh_rule(self.nu)

    def rule_correction(self, z: float, eta: FloatArray, tau: FloatArray) -> float:
        """Return 1."""
        return 1.0

    def scales(self, step: float) -> tuple[FloatArray, FloatArray]:
        """Return scales s and their probabilities, a trapezoid rule in log s with at most this step, shape (S,)."""
        return _scales(self.nu, step)

    def draw(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return a draw for each pair."""
        drawn: FloatArray = eta + tau * rng.standard_t(self.nu, size=np.shape(eta))
        return drawn


@final
@dataclass(frozen=True)
class CommonKernel:
    """theta = eta: all studies have one effect, and tau plays no part."""

    name: str = "none"
    tail_order: float = inf
    is_symmetric: bool = True
    variance: float = 0.0

    def log_density(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return inf where theta is eta, else -inf."""
        return np.where(theta == eta, inf, -inf)

    def cdf(self, theta: FloatArray, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return whether eta is at most theta."""
        return np.asarray(theta >= eta, dtype=np.float64)

    def median(self, eta: FloatArray, tau: FloatArray) -> FloatArray:
        """Return eta."""
        return np.broadcast_arrays(eta, tau)[0]

    def rule(self, nodes: int) -> tuple[FloatArray, FloatArray]:
        """Return the one node 0."""
        return np.zeros(1), np.ones(1)

    def rule_correction(self, z: float, eta: FloatArray, tau: FloatArray) -> float:
        """Return 1."""
        return 1.0

    def draw(self, eta: FloatArray, tau: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return eta."""
        return np.array(eta)


@cache
def hermite_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss-Hermite quadrature for a standard normal variable."""
    z, weight = special.roots_hermitenorm(nodes)
    return z, weight / SQRT_2PI


@cache
def _sinh_rule(nu: float) -> tuple[FloatArray, FloatArray]:
    """Return the rule of `StudentKernel.rule`; in v the density falls like exp(-nu |v|)."""
    reach = SCALE_CUT / nu + 3.5
    v = np.linspace(-reach, reach, 2 * int(np.ceil(reach / SINH_STEP)) + 1)
    z = np.sinh(v)
    weight = np.exp(-0.5 * (nu + 1.0) * np.log1p(z * z / nu) + np.log(np.cosh(v)))
    return z, weight / weight.sum()


@cache
def _scales(nu: float, step: float) -> tuple[FloatArray, FloatArray]:
    """Return the rule of `StudentKernel.scales`: log s has the log density -nu u - nu/2 exp(-2 u), up to a constant."""
    sd = 1.0 / np.sqrt(2.0 * nu)  # near its mode
    step = min(step, SD_STEP * sd)
    u = step * np.arange(-np.ceil(12.0 * sd / step), np.ceil((12.0 * sd + SCALE_CUT / nu) / step))
    u = u[u > -5.0]
    log_density = -nu * (u + 0.5 * np.expm1(-2.0 * u))
    keep = log_density > -SCALE_CUT
    share = np.exp(log_density[keep])
    return np.exp(u[keep]), share / share.sum()
