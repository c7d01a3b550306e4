"""Which prior of tau says that "in comparable studies the true rate lies between 10 % and 40 %"?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.prior_text import format_number
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.standard import FloatArray

# Nodes of x in t = exp(x - exp(-x)), the trapezoid rule of which is exact to 1e-14 for every family here.
_X = np.arange(-4.2, 60.0, 0.05)
BISECTIONS = 200
SCALES = (1e-8, 1e8)  # between which the scale is sought
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
DEFAULT_NU = 3.0
DEFAULT_SIGMA = 0.5

_FAMILIES: FrozenMapping[Callable[[float, float, float], Prior]] = FrozenMapping({
    "HalfNormal": lambda scale, _, __: Prior("HalfNormal", sigma=scale),
    "HalfStudentT": lambda scale, nu, _: Prior("HalfStudentT", nu=nu, sigma=scale),
    "LogNormal": lambda scale, _, sigma: Prior("LogNormal", mu=float(np.log(scale)), sigma=sigma),
})  # fmt: skip


@final
@dataclass(frozen=True)
class Elicited:
    """A prior of tau that was derived from a range of true rates.

    Attributes
    ----------
    prior : Prior
        For `ModelSpec`'s ``tau``.
    lower, upper, prob : float
        What was said: this share of comparable studies has a true rate between these two.
    centre : float
        The rate of the median study that goes with it, the middle of the range on the logit scale.
    """

    prior: Prior
    lower: float
    upper: float
    prob: float
    centre: float

    @cached_property
    def picture(self) -> pd.DataFrame:
        """What the prior says of true rates of studies about ``centre``, as proportions.

        Indexed by ``probability``. ``proportion``: quantiles over studies, averaged over the prior of tau.
        ``proportion_low_tau``, ``proportion_median_tau``, ``proportion_high_tau``: the same were tau at the prior's
        5 %, 50 % and 95 % quantile.
        """
        middle = float(special.logit(self.centre))
        z = np.abs(special.ndtri(np.array(QUANTILES)))
        sign = np.sign(np.array(QUANTILES) - 0.5)
        share = np.abs(2.0 * np.array(QUANTILES) - 1.0)
        reach = np.array([_solve(lambda d: inside(self.prior, d), p) if p > 0.0 else 0.0 for p in share])
        columns = {"proportion": special.expit(middle + sign * reach)}
        for name, p in (("low", 0.05), ("median", 0.5), ("high", 0.95)):
            columns[f"proportion_{name}_tau"] = special.expit(middle + sign * z * float(self.prior.ppf(p)))
        return pd.DataFrame(columns, index=pd.Index(QUANTILES, name="probability"))

    def __str__(self) -> str:
        low, high, centre = (f"{100.0 * value:g} %" for value in (self.lower, self.upper, round(self.centre, 3)))
        return (
            f"{self.prior}: {100.0 * self.prob:g} % of comparable studies have a true rate from {low} to {high}, "
            f"around {centre}"
        )


def elicit(
    lower: float,
    upper: float,
    *,
    prob: float = 0.95,
    family: str = "HalfNormal",
    nu: float = DEFAULT_NU,
    sigma: float = DEFAULT_SIGMA,
) -> Elicited:
    """Return the prior of tau under which comparable studies have true rates in a given range.

    Parameters
    ----------
    lower, upper : float
        The range of true rates, as proportions.
    prob : float
        The share of comparable studies whose true rate lies in it.
    family : {"HalfNormal", "HalfStudentT", "LogNormal"}
        The family of the prior.
    nu : float
        Degrees of freedom of a half-t prior.
    sigma : float
        Standard deviation of log tau under a log-normal prior, that is, how uncertain tau is.

    Returns
    -------
    Elicited

    Raises
    ------
    SpecError
        If the range or an option is not allowed.

    Notes
    -----
    A study's true rate is expit(theta) with theta ~ Normal(m, tau^2), where expit(m) is the rate of the median study.
    The range is taken to be symmetric on the logit scale, m = (logit(lower) + logit(upper)) / 2, with half width
    d = (logit(upper) - logit(lower)) / 2. The scale of the prior is the one at which the share of studies inside the
    range, averaged over the prior of tau, is ``prob``:

        integral of (2 Phi(d / tau) - 1) p(tau) dtau = prob

    So the range holds for a study that is drawn at random, tau being uncertain. The m that goes with it says nothing
    about the prior of mu. For the reading of tau in terms of ranges of rates see Spiegelhalter, Abrams and Myles
    (2004, section 5.7.3, doi:10.1002/0470092602) and Roever et al. (2021, doi:10.1002/jrsm.1475).

    Examples
    --------
    >>> prior = elicit(0.1, 0.4)
    >>> print(prior.prior.name, round(prior.prior.parameters["sigma"], 4), round(prior.centre, 3))
    HalfNormal 0.4106 0.214
    >>> prior.picture["proportion"].round(3).tolist()[::3]
    [0.1, 0.214, 0.4]
    """
    low, high = check_probability("lower", lower), check_probability("upper", upper)
    check_probability("prob", prob)
    if not low < high:
        raise SpecError(
            f"lower={lower!r} must be below upper={upper!r}; give the range of true rates, such as 0.1, 0.4."
        )
    if family not in _FAMILIES:
        raise SpecError(unknown_name("family", family, _FAMILIES))
    _check_positive({"nu": nu, "sigma": sigma})
    ends = special.logit(np.array([low, high]))
    half = float(ends[1] - ends[0]) / 2.0
    make = _FAMILIES[family]

    def short_of(scale: float) -> float:
        return -inside(make(scale, nu, sigma), half)

    scale = _solve(short_of, -prob)
    return Elicited(make(scale, nu, sigma), low, high, float(prob), float(special.expit(ends.mean())))


def inside(prior: Prior, distance: float) -> float:
    """Return the share of studies within ``distance`` of the median study on the link scale, averaged over tau."""
    typical = float(prior.ppf(0.5))
    t = typical * np.exp(_X - np.exp(-_X))
    log_slope = np.log(t) + np.log1p(np.exp(-_X))
    weight: FloatArray = np.exp(prior.logpdf(t) + log_slope) * (_X[1] - _X[0])
    # 1 - erf, so that nothing is lost far from the median study
    return 1.0 - float(weight @ special.erfc(distance / (t * np.sqrt(2.0))))


def _solve(function: Callable[[float], float], value: float) -> float:
    """Return where an increasing function of a positive number takes a value, by bisection of its logarithm."""
    low, high = np.log(SCALES)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if function(float(np.exp(middle))) < value else (low, middle)
        if high - low < 1e-14 * (1.0 + abs(middle)):
            break
    return float(np.exp(0.5 * (low + high)))


def _check_positive(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not (isinstance(value, int | float) and np.isfinite(value) and value > 0.0):
            raise SpecError(f"{name}={value!r} must be a number above 0, such as {format_number(DEFAULT_NU)}.")
