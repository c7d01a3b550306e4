"""What are the densities of the prior families, in standard form?

A prior is a standard distribution of z, moved and stretched: x = loc + scale · z. Here are the standard ones:
log density with its constant, distribution function and quantile function as functions of z (or the
probability q) and of the shape parameters alone. `scipy.special` is all they need, so that no fit has to load
`scipy.stats`.

The callers (`bayesmeta.spec.priors`) keep z inside the open support and q strictly between 0 and 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy import special

type FloatArray = npt.NDArray[np.float64]
# Of an array and the shape parameters; returns an array, which the stubs of scipy's ufuncs cannot promise.
type Function = Callable[..., Any]

REAL_LINE = (-math.inf, math.inf)
HALF_LINE = (0.0, math.inf)

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_LOG_2 = math.log(2.0)
_LOG_PI = math.log(math.pi)


@final
@dataclass(frozen=True)
class Standard:
    """A standard distribution.

    Attributes
    ----------
    support : tuple of float
        Lower and upper end for z.
    logpdf, cdf, ppf : callable
        Functions of an array and the shape parameters. `cdf` and `ppf` are None for an improper prior.
    tail_order : callable
        From the shape parameters to a in density ~ z**-a at the infinite end(s); inf where the density falls
        faster than every power, or the support is bounded.
    zero_in_support : bool
        Whether the density has its limit at z = 0 by `logpdf` itself; if not it vanishes there.
    """

    support: tuple[float, float]
    logpdf: Function
    cdf: Function | None
    ppf: Function | None
    tail_order: Callable[..., float]
    zero_in_support: bool = True


def _light(*_shape: float) -> float:
    return math.inf


def _student_logpdf(z: FloatArray, nu: float) -> FloatArray:
    # poch(ν/2, 1/2) = Γ((ν+1)/2) / Γ(ν/2), because a difference of two gammaln cancels for large ν.
    constant = math.log(special.poch(0.5 * nu, 0.5)) - 0.5 * math.log(math.pi * nu)
    return np.asarray(constant - 0.5 * (nu + 1.0) * np.log1p(z * z / nu))


def _cauchy_ppf(q: FloatArray) -> FloatArray:
    # Both branches take the tangent of a small angle, which is accurate however far out the quantile lies.
    return np.where(q < 0.5, -1.0 / np.tan(np.pi * q), 1.0 / np.tan(np.pi * (1.0 - q)))


def _half_cauchy_ppf(q: FloatArray) -> FloatArray:
    return np.where(q < 0.5, np.tan(0.5 * np.pi * q), 1.0 / np.tan(0.5 * np.pi * (1.0 - q)))


def _half_student_cdf(z: FloatArray, nu: float) -> FloatArray:
    # The incomplete beta function is accurate at small z, where 2 F(z) - 1 would cancel, but not in the tail.
    low = special.betainc(0.5, 0.5 * nu, 1.0 / (1.0 + nu / (z * z)))
    return np.where(z * z < nu, low, 1.0 - 2.0 * special.stdtr(nu, -z))


def _half_student_ppf(q: FloatArray, nu: float) -> FloatArray:
    low = special.betaincinv(0.5, 0.5 * nu, np.minimum(q, 0.5))
    return np.where(q < 0.5, np.sqrt(nu * low / (1.0 - low)), -special.stdtrit(nu, 0.5 * (1.0 - q)))


def _lognormal_logpdf(z: FloatArray, sigma: float) -> FloatArray:
    log_z = np.log(z)
    return -0.5 * (log_z / sigma) ** 2 - log_z - math.log(sigma) - _HALF_LOG_2PI


NORMAL = Standard(
    support=REAL_LINE,
    logpdf=lambda z: -0.5 * z * z - _HALF_LOG_2PI,
    cdf=special.ndtr,
    ppf=special.ndtri,
    tail_order=_light,
)
STUDENT = Standard(
    support=REAL_LINE,
    logpdf=_student_logpdf,
    cdf=lambda z, nu: special.stdtr(nu, z),
    ppf=lambda q, nu: special.stdtrit(nu, q),
    tail_order=lambda nu: nu + 1.0,
)
CAUCHY = Standard(
    support=REAL_LINE,
    logpdf=lambda z: -_LOG_PI - np.log1p(z * z),
    # arctan2 keeps relative accuracy in the lower tail, where 1/2 + arctan(z)/pi would cancel.
    cdf=lambda z: np.arctan2(1.0, -z) / np.pi,
    ppf=_cauchy_ppf,
    tail_order=lambda: 2.0,
)
LOGISTIC = Standard(
    support=REAL_LINE,
    logpdf=lambda z: -np.abs(z) - 2.0 * np.log1p(np.exp(-np.abs(z))),
    cdf=special.expit,
    ppf=special.logit,
    tail_order=_light,
)
UNIFORM = Standard(
    support=(0.0, 1.0),
    logpdf=np.zeros_like,
    cdf=lambda z: z,
    ppf=lambda q: q,
    tail_order=_light,
)
BETA = Standard(
    support=(0.0, 1.0),
    logpdf=lambda z, alpha, beta: (
        special.xlogy(alpha - 1.0, z) + special.xlog1py(beta - 1.0, -z) - special.betaln(alpha, beta)
    ),
    cdf=lambda z, alpha, beta: special.betainc(alpha, beta, z),
    ppf=lambda q, alpha, beta: special.betaincinv(alpha, beta, q),
    tail_order=_light,
)
FLAT = Standard(support=REAL_LINE, logpdf=np.zeros_like, cdf=None, ppf=None, tail_order=lambda: 0.0)
HALF_FLAT = Standard(support=HALF_LINE, logpdf=np.zeros_like, cdf=None, ppf=None, tail_order=lambda: 0.0)
HALF_NORMAL = Standard(
    support=HALF_LINE,
    logpdf=lambda z: _LOG_2 - _HALF_LOG_2PI - 0.5 * z * z,
    cdf=lambda z: special.erf(z / math.sqrt(2.0)),
    ppf=lambda q: math.sqrt(2.0) * special.erfinv(q),
    tail_order=_light,
)
HALF_CAUCHY = Standard(
    support=HALF_LINE,
    logpdf=lambda z: _LOG_2 - _LOG_PI - np.log1p(z * z),
    cdf=lambda z: 2.0 / np.pi * np.arctan(z),
    ppf=_half_cauchy_ppf,
    tail_order=lambda: 2.0,
)
HALF_STUDENT = Standard(
    support=HALF_LINE,
    logpdf=lambda z, nu: _LOG_2 + _student_logpdf(z, nu),
    cdf=_half_student_cdf,
    ppf=_half_student_ppf,
    tail_order=lambda nu: nu + 1.0,
)
EXPONENTIAL = Standard(
    support=HALF_LINE,
    logpdf=lambda z: -z,
    cdf=lambda z: -np.expm1(-z),
    ppf=lambda q: -np.log1p(-q),
    tail_order=_light,
)
GAMMA = Standard(
    support=HALF_LINE,
    logpdf=lambda z, alpha: special.xlogy(alpha - 1.0, z) - z - special.gammaln(alpha),
    cdf=lambda z, alpha: special.gammainc(alpha, z),
    ppf=lambda q, alpha: special.gammaincinv(alpha, q),
    tail_order=_light,
)
INVERSE_GAMMA = Standard(
    support=HALF_LINE,
    logpdf=lambda z, alpha: -(alpha + 1.0) * np.log(z) - 1.0 / z - special.gammaln(alpha),
    cdf=lambda z, alpha: special.gammaincc(alpha, 1.0 / z),
    ppf=lambda q, alpha: 1.0 / special.gammainccinv(alpha, q),
    tail_order=lambda alpha: alpha + 1.0,
    zero_in_support=False,
)
LOG_NORMAL = Standard(
    support=HALF_LINE,
    logpdf=_lognormal_logpdf,
    cdf=lambda z, sigma: special.ndtr(np.log(z) / sigma),
    ppf=lambda q, sigma: np.exp(sigma * special.ndtri(q)),
    tail_order=_light,
    zero_in_support=False,
)
WEIBULL = Standard(
    support=HALF_LINE,
    logpdf=lambda z, alpha: math.log(alpha) + special.xlogy(alpha - 1.0, z) - z**alpha,
    cdf=lambda z, alpha: -np.expm1(-(z**alpha)),
    ppf=lambda q, alpha: (-np.log1p(-q)) ** (1.0 / alpha),
    tail_order=_light,
)
HALF_LOGISTIC = Standard(
    support=HALF_LINE,
    logpdf=lambda z: _LOG_2 - z - 2.0 * np.log1p(np.exp(-z)),
    cdf=lambda z: np.tanh(0.5 * z),
    ppf=lambda q: 2.0 * np.arctanh(q),
    tail_order=_light,
)
LOMAX = Standard(
    support=HALF_LINE,
    logpdf=lambda z, alpha: math.log(alpha) - (alpha + 1.0) * np.log1p(z),
    cdf=lambda z, alpha: -np.expm1(-alpha * np.log1p(z)),
    ppf=lambda q, alpha: np.expm1(-np.log1p(-q) / alpha),
    tail_order=lambda alpha: alpha + 1.0,
)
# The density falls like 1 / (z log(z)^(nu + 1)): slower than every power below z^-1, and yet it has an integral.
# Beside studies an integer is added to the order, where a moment at its edge exists thanks to the logarithm.
_ABOVE_ONE = 1.0 + 1e-9
# exp(250)² is still a double. Beyond it the density is taken as 0: with nu = 5, a mass of 1e-10 for a scale of 1.3.
_LONGEST = 250.0


def _log_student_logpdf(z: FloatArray, nu: float, sigma: float) -> FloatArray:
    log_z = np.log(z)
    inside = _student_logpdf(log_z / sigma, nu) - log_z - math.log(sigma)
    return np.where(np.abs(log_z) <= _LONGEST, inside, -np.inf)


LOG_STUDENT = Standard(
    support=HALF_LINE,
    logpdf=_log_student_logpdf,
    cdf=lambda z, nu, sigma: special.stdtr(nu, np.log(z) / sigma),
    ppf=lambda q, nu, sigma: np.exp(sigma * special.stdtrit(nu, q)),
    tail_order=lambda nu, sigma: _ABOVE_ONE,
    zero_in_support=False,
)
