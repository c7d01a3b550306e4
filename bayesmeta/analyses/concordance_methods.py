"""Which methods stand in a concordance table, and from which other does each differ in one choice?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from bayesmeta.effects.measures import DataKind


@final
@dataclass(frozen=True, eq=False)
class Method:
    """One method of pooling.

    Attributes
    ----------
    code : str
        Its name in the table's columns ``method`` and ``against``.
    against : str or None
        The method from which it differs in one choice; None for the first.
    choice : str
        That choice, a key of `REASONS`.
    parameter : str
        The row of its summary that is shown.
    options : mapping
        Options of `fit`.
    """

    code: str
    against: str | None
    choice: str
    parameter: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_bayesian(self) -> bool:
        """Whether it has priors."""
        return "engine" not in self.options


def _classical(code: str, against: str | None, choice: str, parameter: str = "mu", **options: Any) -> Method:
    return Method(code, against, choice, parameter, {"engine": "frequentist", **options})


def _inverse_variance(first: str, parameter: str, first_against: str | None, measure: str) -> tuple[Method, ...]:
    """Return the inverse-variance methods of one measure: by ML first, then other estimators, intervals and no tau."""
    choice = "approximation" if measure else "prior"
    given = {"measure": measure} if measure else {}
    return (
        _classical(f"{first}ML", first_against, choice, parameter, tau2_method="ML", **given),
        _classical(f"{first}REML", f"{first}ML", "tau2", parameter, tau2_method="REML", **given),
        _classical(f"{first}PM", f"{first}REML", "tau2", parameter, tau2_method="PM", **given),
        _classical(f"{first}DL", f"{first}REML", "tau2", parameter, **given),
        _classical(
            f"{first}DL, Hartung-Knapp", f"{first}DL", "interval", parameter, ci_method="hartung-knapp", **given
        ),
        _classical(f"{first}common effect", f"{first}DL", "common", parameter, tau2_method="EE", **given),
    )


def _counted_pairs(measure: str) -> tuple[Method, ...]:
    """Return the methods for two arms of counts or rates."""
    return (
        Method("exact", None, "", "mu"),
        _classical("GLMM", "exact", "prior", method="glmm", measure=measure),
        *_inverse_variance(f"{measure} ", "mu", "GLMM", measure),
        _classical("Mantel-Haenszel", f"{measure} common effect", "counted", method="mantel-haenszel", measure=measure),
    )


METHODS: Final[Mapping[DataKind, tuple[Method, ...]]] = MappingProxyType(
    {
        "counts": (
            Method("exact", None, "", "p_median"),
            Method("exact, mean over studies", "exact", "estimand", "p_mean"),
            _classical("GLMM", "exact", "prior", "p_median", method="glmm"),
            *_inverse_variance("logit ", "p_median", "GLMM", "PLO"),
            _classical("arcsine DL", "logit DL", "scale", "p_median", measure="PAS"),
            _classical("double arcsine DL", "arcsine DL", "scale", "p_median", measure="PFT"),
            _classical("log DL", "logit DL", "scale", "p_median", measure="PLN"),
            _classical("raw DL", "logit DL", "raw", "p_mean", measure="PR"),
            _classical("raw DL, exact-ci variance", "raw DL", "variance", "p_mean", measure="PR", variance="exact-ci"),
            _classical("raw common effect", "raw DL", "common", "p_mean", measure="PR", tau2_method="EE"),
        ),
        "two-arm-counts": (*_counted_pairs("OR"), _classical("Peto", "Mantel-Haenszel", "peto", method="peto")),
        "two-arm-rates": _counted_pairs("IRR"),
        "rates": (
            Method("exact", None, "", "mu"),
            _classical("GLMM", "exact", "prior", method="glmm"),
            *_inverse_variance("log rate ", "mu", "GLMM", "IRLN"),
        ),
        "estimates": (Method("exact", None, "", "mu"), *_inverse_variance("", "mu", "exact", "")),
    }
)
"""The methods by kind of data; each comes after the one it is held against."""
