"""By which method are the studies pooled: inverse variance, or one that works on the counts themselves?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from bayesmeta._validate import a_type
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.glmm import fit_glmm
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.mantel_haenszel import fit_mantel_haenszel, fit_peto
from bayesmeta.frequentist.registry import look_up
from bayesmeta.frequentist.result import FrequentistFit

type ClassicalFit = FrequentistFit | GlmmFit

INVERSE_VARIANCE: Final = "inverse-variance"


@final
@dataclass(frozen=True, slots=True)
class PoolingMethod:
    """One way to pool.

    Attributes
    ----------
    code : str
        Value of the option ``method``.
    fit : callable
        ``fit(studies, **options)``.
    options : tuple of str
        Names of the options that `fit` takes.
    """

    code: str
    fit: Callable[..., ClassicalFit]
    options: tuple[str, ...]


_SHARED: Final = ("measure", "ci_prob", "add", "to")

POOLING_METHODS: Final[Mapping[str, PoolingMethod]] = MappingProxyType(
    {
        record.code: record
        for record in (
            PoolingMethod(
                INVERSE_VARIANCE,
                fit_frequentist,
                (
                    "measure",
                    "tau2_method",
                    "ci_method",
                    "pi_method",
                    "ci_prob",
                    "variance",
                    "add",
                    "to",
                    "back_transformation",
                ),
            ),
            PoolingMethod("mantel-haenszel", fit_mantel_haenszel, _SHARED),
            PoolingMethod("peto", fit_peto, _SHARED),
            PoolingMethod("glmm", fit_glmm, ("measure", "glmm_model", "ci_method", "pi_method", "ci_prob")),
        )
    }
)
"""The methods by code."""

POOLING_OPTIONS: Final = ("method", *dict.fromkeys(name for each in POOLING_METHODS.values() for name in each.options))
"""The options of all methods together, and their choice."""


def not_pooled(verb: str, fit: object, hint: str = "", *, with_formula: bool = False) -> SpecError:
    """Return what is raised where a function is given no fit by inverse variance."""
    formula = "with or without a formula" if with_formula else "without a formula"
    return SpecError(
        f"{verb} takes a fit with engine='frequentist' and method={INVERSE_VARIANCE!r}, {formula}; got {a_type(fit)}"
        f"{'; ' if hint else '.'}{hint}"
    )


def fit_by_method(studies: Studies, *, method: str = INVERSE_VARIANCE, **options: object) -> ClassicalFit:
    """Pool the studies by the method of this name.

    Parameters
    ----------
    studies : Studies
        The data.
    method : str
        A key of `POOLING_METHODS`.
    **options
        Options of that method; see its function.

    Returns
    -------
    FrequentistFit or GlmmFit
        What the method says.

    Raises
    ------
    SpecError
        If the method is unknown, or an option is not one of its own.
    DataError
        If the data are not fit for the method.
    """
    record = look_up("method", method, POOLING_METHODS)
    for name in options:
        if name not in record.options:
            takers = [repr(code) for code, other in POOLING_METHODS.items() if name in other.options]
            instead = f", or choose method={' or '.join(takers)}" if takers else ""
            raise SpecError(
                f"method={method!r} takes no {name}; leave it out{instead}. It takes {', '.join(record.options)}."
            )
    return record.fit(studies, **options)
