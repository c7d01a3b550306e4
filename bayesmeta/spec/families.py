"""Which prior families are there, and what are their parameters? A registry, under PyMC's names."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from bayesmeta.spec import standard
from bayesmeta.spec.standard import Standard


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
class PriorFamily:
    """A family of priors.

    Attributes
    ----------
    name : str
        PyMC's name.
    standard : Standard
        The distribution of z = (x - loc) / scale.
    forms : mapping
        For each set of parameters that defines a member, in PyMC's order, the function that places it. The
        first is the one that values without a name fill.
    positive : frozenset of str
        The parameters that must be above 0.
    """

    name: str
    standard: Standard
    forms: Mapping[tuple[str, ...], Callable[..., Placement]]
    positive: frozenset[str] = frozenset()

    @property
    def main_form(self) -> tuple[str, ...]:
        """The parameters that values without a name fill, in order."""
        return next(iter(self.forms))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Every parameter of any form, once."""
        return tuple(dict.fromkeys(name for form in self.forms for name in form))

    def template(self, form: tuple[str, ...] | None = None) -> str:
        """Return how a member is written, for example ``HalfStudentT(nu=..., sigma=...)``."""
        names = self.main_form if form is None else form
        return f"{self.name}({', '.join(f'{name}=...' for name in names)})"


def _loc_scale(loc: float, scale: float) -> Placement:
    return Placement(loc, scale)


def _between(lower: float, upper: float) -> Placement:
    return Placement(lower, upper - lower, ends=(lower, upper))


def _gamma_from_moments(mu: float, sigma: float) -> Placement:
    # alpha = mu²/sigma², beta = mu/sigma²: PyMC's alternative form of Gamma.
    return Placement(0.0, sigma / mu * sigma, ((mu / sigma) ** 2,))


_FAMILIES = (
    PriorFamily("Normal", standard.NORMAL, {("mu", "sigma"): _loc_scale}, frozenset({"sigma"})),
    PriorFamily(
        "StudentT",
        standard.STUDENT,
        {("nu", "mu", "sigma"): lambda nu, mu, sigma: Placement(mu, sigma, (nu,))},
        frozenset({"nu", "sigma"}),
    ),
    PriorFamily("Cauchy", standard.CAUCHY, {("alpha", "beta"): _loc_scale}, frozenset({"beta"})),
    PriorFamily("Logistic", standard.LOGISTIC, {("mu", "s"): _loc_scale}, frozenset({"s"})),
    PriorFamily("Uniform", standard.UNIFORM, {("lower", "upper"): _between}),
    PriorFamily("Flat", standard.FLAT, {(): lambda: Placement(0.0, 1.0)}),
    PriorFamily(
        "HalfNormal",
        standard.HALF_NORMAL,
        {("sigma",): lambda sigma: Placement(0.0, sigma)},
        frozenset({"sigma"}),
    ),
    PriorFamily(
        "HalfCauchy",
        standard.HALF_CAUCHY,
        {("beta",): lambda beta: Placement(0.0, beta)},
        frozenset({"beta"}),
    ),
    PriorFamily(
        "HalfStudentT",
        standard.HALF_STUDENT,
        {("nu", "sigma"): lambda nu, sigma: Placement(0.0, sigma, (nu,))},
        frozenset({"nu", "sigma"}),
    ),
    PriorFamily(
        "Exponential",
        standard.EXPONENTIAL,
        {
            ("lam",): lambda lam: Placement(0.0, 1.0 / lam),
            ("scale",): lambda scale: Placement(0.0, scale),
        },
        frozenset({"lam", "scale"}),
    ),
    PriorFamily(
        "Gamma",
        standard.GAMMA,
        {
            ("alpha", "beta"): lambda alpha, beta: Placement(0.0, 1.0 / beta, (alpha,)),
            ("mu", "sigma"): _gamma_from_moments,
        },
        frozenset({"alpha", "beta", "mu", "sigma"}),
    ),
    PriorFamily(
        "InverseGamma",
        standard.INVERSE_GAMMA,
        {("alpha", "beta"): lambda alpha, beta: Placement(0.0, beta, (alpha,))},
        frozenset({"alpha", "beta"}),
    ),
    PriorFamily(
        "LogNormal",
        standard.LOG_NORMAL,
        {("mu", "sigma"): lambda mu, sigma: Placement(0.0, math.exp(mu), (sigma,))},
        frozenset({"sigma"}),
    ),
    PriorFamily(
        "Weibull",
        standard.WEIBULL,
        {("alpha", "beta"): lambda alpha, beta: Placement(0.0, beta, (alpha,))},
        frozenset({"alpha", "beta"}),
    ),
    PriorFamily("HalfFlat", standard.HALF_FLAT, {(): lambda: Placement(0.0, 1.0)}),
)

PRIORS: dict[str, PriorFamily] = {family.name: family for family in _FAMILIES}

R_BAYESMETA_PRIORS = (
    "uniform", "sqrt", "Jeffreys", "BergerDeely", "conventional", "DuMouchel", "shrinkage", "I2",
)  # fmt: skip
"""R bayesmeta's named priors on τ for a normal likelihood: improper, or dependent on the standard errors."""
