"""Which prior families are there, and what are their parameters? A registry, under PyMC's names."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, final

from bayesmeta.spec import standard
from bayesmeta.spec.from_studies import STUDIES_LAWS
from bayesmeta.spec.placed import Placement
from bayesmeta.spec.standard import Standard

RHODES_NU = 5.0  # degrees of freedom of the t distribution of log tau² in Rhodes et al. (2015)


@final
@dataclass(frozen=True)
class PriorFamily:
    """A family of priors.

    Attributes
    ----------
    name : str
        PyMC's name where it has one.
    standard : Standard or None
        The distribution of z = (x - loc) / scale; None for a prior that is made from the studies.
    forms : mapping
        For each set of parameters that defines a member, in PyMC's order, the function that places it. The
        first is the one that values without a name fill.
    positive : frozenset of str
        The parameters that must be above 0.
    needs : {"", "link", "studies"}
        What must be known before it is a density of the parameter: the model's link, if it is a prior on a
        proportion; the studies' standard errors, if it is made from them.
    meant_for : str
        The effect measure it was derived for, by metafor's code; empty for any.
    is_proper : bool
        Whether it integrates to 1.
    """

    name: str
    standard: Standard | None
    forms: Mapping[tuple[str, ...], Callable[..., Placement]]
    positive: frozenset[str] = frozenset()
    needs: Literal["", "link", "studies"] = ""
    meant_for: str = ""
    is_proper: bool = True

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


def _nowhere() -> Placement:
    return Placement(0.0, 1.0)


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
    PriorFamily(
        "Beta",
        standard.BETA,
        {("alpha", "beta"): lambda alpha, beta: Placement(0.0, 1.0, (alpha, beta))},
        frozenset({"alpha", "beta"}),
        needs="link",
    ),
    PriorFamily("Flat", standard.FLAT, {(): _nowhere}, is_proper=False),
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
    PriorFamily("HalfLogistic", standard.HALF_LOGISTIC, {("s",): lambda s: Placement(0.0, s)}, frozenset({"s"})),
    PriorFamily(
        "Lomax",
        standard.LOMAX,
        {("alpha", "m"): lambda alpha, m: Placement(0.0, m, (alpha,))},
        frozenset({"alpha", "m"}),
    ),
    # The square root of a variable whose log has location mu and scale sigma has a log of mu/2 and sigma/2.
    PriorFamily(
        "Turner2015",
        standard.LOG_NORMAL,
        {("mu", "sigma"): lambda mu, sigma: Placement(0.0, math.exp(0.5 * mu), (0.5 * sigma,))},
        frozenset({"sigma"}),
        meant_for="OR",
    ),
    PriorFamily(
        "Rhodes2015",
        standard.LOG_STUDENT,
        {("mu", "sigma"): lambda mu, sigma: Placement(0.0, math.exp(0.5 * mu), (RHODES_NU, 0.5 * sigma))},
        frozenset({"sigma"}),
        meant_for="SMD",
    ),
    PriorFamily("HalfFlat", standard.HALF_FLAT, {(): _nowhere}, is_proper=False),
)

PRIORS: dict[str, PriorFamily] = {family.name: family for family in _FAMILIES}

R_BAYESMETA_PRIORS: dict[str, PriorFamily] = {
    name: PriorFamily(name, None, {(): _nowhere}, needs="studies", is_proper=law.is_proper)
    for name, law in STUDIES_LAWS.items()
}
"""R bayesmeta's named priors on τ for a normal likelihood, most of them made from the standard errors."""
