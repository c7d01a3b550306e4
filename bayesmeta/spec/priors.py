"""What is believed about one parameter? `Prior`, a frozen record under PyMC's names."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import numpy.typing as npt

from bayesmeta.effects.proportion_links import PROPORTION_LINKS
from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS, PriorFamily
from bayesmeta.spec.from_studies import FromStudies
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.on_link import BetaOnLink
from bayesmeta.spec.parameters import check_parameters, place
from bayesmeta.spec.placed import Law, Placed, Placement, improper
from bayesmeta.spec.prior_text import find_family, format_number, format_prior, parse_prior, quote
from bayesmeta.spec.pymc_forms import pymc_variable
from bayesmeta.spec.standard import FloatArray

# The smallest probability a draw inverts: half the spacing of `Generator.random`, which can return 0.
_SMALLEST_DRAW = 2.0**-54


@runtime_checkable
class PrelizDistribution(Protocol):
    """What is relied on of a PreliZ distribution (0.28): its class name and its parameters by name."""

    @property
    def params_dict(self) -> Mapping[str, float] | None:
        """Parameters in the form the user chose; None while they are not set."""
        ...


@runtime_checkable
class HoldsPrior(Protocol):
    """What has been made with a prior in it, such as `elicit`'s result."""

    @property
    def prior(self) -> "Prior":
        """The prior."""
        ...


type PriorLike = Prior | str | PrelizDistribution | HoldsPrior


@final
@dataclass(frozen=True, init=False, repr=False)
class Prior:
    """A prior distribution of one parameter, under PyMC's names.

    Parameters
    ----------
    name : str
        PyMC's name of the distribution, such as ``"HalfNormal"``; `bayesmeta.spec.families.PRIORS` lists
        them.
    *values : float
        Parameters in PyMC's order.
    **parameters : float
        Parameters by PyMC's names. All must be given: there are no defaults.

    Attributes
    ----------
    name : str
        As given.
    parameters : mapping
        Read-only; the parameters in the form they were given, in PyMC's order.
    resolution : BetaOnLink, FromStudies or None
        The density of the parameter in a model of studies, once `resolved` has made it.

    Raises
    ------
    SpecError
        If the name or a parameter is unknown, one is missing or given twice, is not a finite number, or is
        out of range (scales and shapes above 0, lower < upper).

    Notes
    -----
    Two priors are equal when written with the same parameters: ``Exponential(lam=2)`` and
    ``Exponential(scale=0.5)`` are one distribution but two records. Densities are closed forms of
    `scipy.special`, normalised; `Flat` and `HalfFlat` are improper and have log density 0. In Stan's and R's
    terms, Gamma's ``beta`` and Exponential's ``lam`` are rates; InverseGamma's and Weibull's ``beta`` are
    scales.

    Examples
    --------
    >>> Prior("HalfNormal", sigma=0.5) == Prior("HalfNormal", 0.5)
    True
    >>> print(Prior("Normal", 0, 1.5))
    Normal(mu=0, sigma=1.5)
    >>> Prior("HalfCauchy", 0.5).tail_order
    2.0
    """

    name: str
    parameters: FrozenMapping[float]
    _placement: Placement = field(compare=False)
    resolution: BetaOnLink | FromStudies | None

    def __init__(self, name: str, /, *values: float, **parameters: float) -> None:
        family = find_family(name, bare=not values and not parameters)
        checked = check_parameters(family, values, parameters)
        object.__setattr__(self, "name", family.name)
        object.__setattr__(self, "parameters", FrozenMapping(checked))
        object.__setattr__(self, "_placement", place(family, checked))
        object.__setattr__(self, "resolution", None)

    def __str__(self) -> str:
        return format_prior(self.name, self.parameters.items())

    def __repr__(self) -> str:
        shown = [
            repr(self.name),
            *(f"{key}={format_number(value)}" for key, value in self.parameters.items()),
        ]
        return f"Prior({', '.join(shown)})"

    @property
    def family(self) -> PriorFamily:
        """The family it belongs to."""
        return PRIORS.get(self.name) or R_BAYESMETA_PRIORS[self.name]

    @property
    def is_proper(self) -> bool:
        """Whether the density integrates to 1; not so for `Flat` and `HalfFlat`."""
        return self.family.is_proper

    @property
    def is_resolved(self) -> bool:
        """Whether it is a density of its parameter as it stands; if not, see `resolved`."""
        return self.resolution is not None or not self.family.needs

    def resolved(self, *, link: str | None = None, se: npt.ArrayLike | None = None) -> "Prior":
        """Return the prior as a density of its parameter in a given model of given studies.

        Parameters
        ----------
        link : str, optional
            The model's link: what `Beta`, a prior on p_median, needs to be a density of mu.
        se : array_like, shape (k,), optional
            Standard errors: what R bayesmeta's priors of tau are made from.

        Returns
        -------
        Prior
            The prior itself if it needs neither.

        Raises
        ------
        SpecError
            If what it needs is not given, or does not define it.

        Examples
        --------
        >>> round(float(Prior("Beta", 1, 1).resolved(link="logit").logpdf(0.0)), 4)
        -1.3863
        >>> float(Prior("DuMouchel").resolved(se=[0.5, 0.5]).ppf(0.5))
        0.5
        """
        needs, resolution = self.family.needs, self.resolution
        if not needs:
            return self
        if needs == "link" and link is not None:
            if link not in PROPORTION_LINKS:
                raise SpecError(
                    f"{self} is a prior on a proportion, which link={link!r} does not lead to (only "
                    f"{', '.join(PROPORTION_LINKS)} do); give a prior of mu itself, such as Normal(0, 2)."
                )
            resolution = BetaOnLink(link, self.parameters["alpha"], self.parameters["beta"])
        if needs == "studies" and se is not None:
            resolution = FromStudies(self.name, tuple(np.asarray(se, dtype=np.float64).tolist()))
        copy = object.__new__(Prior)
        for key in ("name", "parameters", "_placement"):
            object.__setattr__(copy, key, getattr(self, key))
        object.__setattr__(copy, "resolution", resolution)
        return copy

    @property
    def _law(self) -> Law:
        if self.resolution is not None:
            return self.resolution
        family = self.family
        if family.standard is None or family.needs:
            raise SpecError(
                f"{self} is a density of the proportion p_median, and of mu only once the link is known: use "
                f"prior.resolved(link='logit')."
                if family.needs == "link"
                else f"{self} is made from the studies' standard errors: use prior.resolved(se=...)."
            )
        return Placed(self, family.standard, self._placement)

    @property
    def support(self) -> tuple[float, float]:
        """Lower and upper end of the parameters that are possible."""
        return self._law.support

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Points inside the support where the density is not smooth; none in any family here."""
        return ()

    @property
    def tail_order(self) -> float:
        """The a in density ~ x**-a at the infinite end(s); inf if it falls faster than every power.

        0.0 for `Flat` and `HalfFlat`, 2.0 for `HalfCauchy`, nu + 1 for `StudentT`, inf for a bounded support.
        The prior's m-th moment exists when m < a - 1.
        """
        return self._law.tail_order

    def logpdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return the log density at ``x``.

        Parameters
        ----------
        x : array_like
            Any shape, on the parameter's own scale.

        Returns
        -------
        ndarray
            The shape of ``x`` (a float for a scalar); -inf outside the support and at infinity, nan where x
            is nan.

        Examples
        --------
        >>> Prior("Normal", 0, 1).logpdf([0.0, 1.0]).round(4)
        array([-0.9189, -1.4189])
        """
        return self._law.logpdf(x)

    def cdf(self, x: npt.ArrayLike) -> FloatArray:
        """Return P(parameter <= x), in the shape of ``x``; raise `SpecError` if improper.

        Examples
        --------
        >>> float(Prior("Uniform", 0, 5).cdf(1.0))
        0.2
        """
        return self._law.cdf(x)

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return the quantile at probability ``q``, in the shape of ``q``; the support's ends at 0 and 1.

        nan where q is not a probability; raise `SpecError` if the prior is improper.

        Examples
        --------
        >>> float(Prior("HalfNormal", 1).ppf(0.95).round(3))
        1.96
        """
        return self._law.ppf(q)

    def rvs(self, size: int | tuple[int, ...], *, seed: int | np.random.Generator) -> FloatArray:
        """Draw independent values by inversion, so that one seed gives comparable draws of different priors.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the result.
        seed : int or numpy.random.Generator
            Where the randomness comes from.

        Raises
        ------
        SpecError
            If the prior is improper.
        """
        if not self.is_proper:
            raise improper(self, "draws")
        uniform = np.random.default_rng(seed).random(size)
        return self.ppf(np.maximum(uniform, _SMALLEST_DRAW))

    def to_pymc(self, varname: str, **options: Any) -> Any:
        """Return the PyMC variable of this distribution; call it inside a `pymc.Model`.

        Parameters
        ----------
        varname : str
            What the variable is called.
        **options
            Of the variable, such as ``dims``.

        Raises
        ------
        SpecError
            If it needs the link or the studies to be a density of the parameter: `pymc_model` knows them.
        """
        import pymc

        if self.family.needs:
            raise SpecError(f"{self} is a density of the parameter in a model only; use bm.pymc_model(studies, model).")
        # As np.float64, because PyTensor keeps a Python float such as 1.5 in single precision.
        parameters = {name: np.float64(value) for name, value in self.parameters.items()}
        return pymc_variable(pymc, self.name, varname, parameters, **options)


def as_prior(value: PriorLike, *, among: Collection[str] = PRIORS.keys()) -> Prior:
    """Return what was given as a `Prior`.

    Parameters
    ----------
    value : Prior, str, PreliZ distribution, or result of `elicit`
        A string is parsed, never evaluated; a family without parameters needs no parentheses.
        Of a PreliZ distribution the class name and ``params_dict`` are
        read; where that is in a form PyMC's families here do not have (a precision, say), the attributes of
        the main form.
    among : collection of str
        The families that the message for an unknown name lists.

    Raises
    ------
    SpecError
        If it is none of these, or does not define a prior.

    Examples
    --------
    >>> as_prior("HalfNormal(0.5)")
    Prior('HalfNormal', sigma=0.5)
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, str):
        bare = value.strip() if len(value) < 50 else ""
        alone = bare in R_BAYESMETA_PRIORS or (bare in PRIORS and not PRIORS[bare].parameter_names)
        name, values, named = (bare, (), {}) if alone else parse_prior(value, among=among)
        find_family(name, bare=not values and not named, among=among)
        return Prior(name, *values, **named)
    if isinstance(value, PrelizDistribution):
        return _from_preliz(value, among)
    if isinstance(value, HoldsPrior) and isinstance(value.prior, Prior):
        return value.prior
    raise SpecError(
        f"{quote(value)} is not a prior; give a Prior, a string such as 'HalfNormal(0.5)', a PreliZ distribution, or "
        "the result of elicit()."
    )


def _from_preliz(distribution: PrelizDistribution, among: Collection[str]) -> Prior:
    family = find_family(type(distribution).__name__, among=among)
    given = distribution.params_dict
    if given is None:
        raise SpecError(f"the PreliZ distribution {family.name} has no values yet; give them, as {family.template()}.")
    if frozenset(given) not in {frozenset(form) for form in family.forms}:
        given = {name: getattr(distribution, name, math.nan) for name in family.main_form}
    return Prior(family.name, **given)
