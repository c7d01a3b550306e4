"""What of a model can only NUTS fit? Random effects of groups, free nu, a scale formula, missing moderators."""

from collections.abc import Mapping
from numbers import Number
from typing import Any, Final

from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import BetaLike, check_beta
from bayesmeta.spec.formulas import check_formula
from bayesmeta.spec.likelihoods import DEFAULT_NU
from bayesmeta.spec.parameters import check_number
from bayesmeta.spec.priors import Prior, PriorLike, as_prior
from bayesmeta.spec.random_effects import check_lkj, check_random, check_tau_of, terms_in

SMALLEST_NU: Final = 0.5
"""Fewer degrees of freedom are a distribution that nobody means."""
LEAST_FREE_NU: Final = 1.0
"""Where a prior of nu is cut off, as brms does: with fewer degrees of freedom study effects have no mean."""
NU_FAMILIES: Final = ("Gamma", "Exponential", "LogNormal", "HalfNormal", "HalfCauchy", "InverseGamma", "Weibull")
DEFAULT_ALPHA: Final = "Normal(0, 0.5)"
FIELDS: Final = ("random", "tau_of", "lkj", "scale", "alpha", "missing")
"""What `ModelSpec` has for these models, besides nu."""


def check_beyond(
    *,
    effects: str,
    formula: str | None,
    random: str | None,
    tau_of: Mapping[str, PriorLike] | None,
    lkj: float | None,
    scale: str | None,
    alpha: BetaLike | None,
    missing: str | None,
) -> dict[str, Any]:
    """Return the fields of `FIELDS`, checked.

    Raises
    ------
    SpecError
        If one is not allowed, or they do not go together.
    """
    checked_random = check_random(random, effects, formula)
    fields = {
        "random": checked_random,
        "tau_of": check_tau_of(tau_of, checked_random),
        "lkj": check_lkj(lkj, checked_random),
        "scale": _check_scale(scale, effects, checked_random),
        "alpha": None,
        "missing": _check_missing(missing, formula),
    }
    if fields["scale"] is not None:
        fields["alpha"] = _check_alpha(alpha)
    elif alpha is not None:
        raise SpecError("alpha is the prior of the coefficients of scale; give scale='~ ...' as well.")
    if effects == "beta" and any(fields[name] for name in ("random", "scale", "missing")):
        raise SpecError("effects='beta' takes no random, scale or missing; use effects='normal'.")
    return fields


def check_nu(effects: str, nu: float | PriorLike | None) -> float | Prior | None:
    """Return the degrees of freedom of Student's t, or their prior; None for other effects."""
    if effects != "student-t":
        if nu is not None:
            raise SpecError(f"nu={nu!r} is for effects='student-t'; with effects={effects!r} leave it out.")
        return None
    if nu is None or isinstance(nu, Number) or (isinstance(nu, str) and "(" not in nu):
        return check_number("nu", DEFAULT_NU if nu is None else nu, least=SMALLEST_NU)
    given: Any = nu
    try:
        prior = as_prior(given, among=NU_FAMILIES)
    except SpecError as error:
        raise SpecError(f"prior for nu: {error}") from None
    if prior.name not in NU_FAMILIES:
        raise SpecError(f"nu={prior} must be a number, such as 4, or a prior: {', '.join(NU_FAMILIES)}.")
    return prior


def _check_scale(scale: str | None, effects: str, random: str | None) -> str | None:
    if scale is None:
        return None
    if effects == "none":
        raise SpecError("effects='none' has no tau, so scale says nothing; leave it out.")
    if any(term.outcome for term in terms_in(random)):
        raise SpecError(f"scale={scale!r} does not go with the correlated outcomes of random; leave one of them out.")
    try:
        return check_formula(scale)
    except SpecError as error:
        raise SpecError(str(error).replace("formula", "scale", 1)) from None


def _check_alpha(alpha: BetaLike | None) -> Any:
    try:
        return check_beta(alpha, default=DEFAULT_ALPHA)
    except SpecError as error:
        raise SpecError(str(error).replace("beta", "alpha")) from None


def _check_missing(missing: str | None, formula: str | None) -> str | None:
    if missing is None:
        return None
    if missing != "impute":
        raise SpecError(f"missing={missing!r} is not known; use missing='impute', or leave it out.")
    if formula is None:
        raise SpecError("missing='impute' is for the moderators of a formula; give formula='~ ...' as well.")
    return missing


def features_beyond(model: Any) -> tuple[str, ...]:
    """Return what of a model the exact engine cannot integrate, as it was given; nothing if it can."""
    found = [f"{name}={getattr(model, name)!r}" for name in ("random", "scale", "missing") if getattr(model, name)]
    return (*([f"nu={str(model.nu)!r}"] if isinstance(model.nu, Prior) else []), *found)


def refuse_beyond(model: Any, what: str = "the exact engine") -> None:
    """Raise `SpecError` for a model that only NUTS can fit."""
    features = features_beyond(model)
    if features:
        raise SpecError(f"{what} cannot take {' and '.join(features)}; use bm.fit(..., engine='nuts').")


def refuse_features(model: Any, what: str) -> None:
    """Raise `SpecError` if what a function does not know yet is in a model of a fit that NUTS made."""
    features = () if model is None else features_beyond(model)
    if features:
        raise SpecError(
            f"{what} takes no model with {' and '.join(features)} yet; of its fit see bm.summary, bm.predict and "
            "bm.study_effects."
        )


def fixed_nu(nu: float | Prior | None) -> float:
    """Return degrees of freedom that are a number; 0 where the effects are not Student's t."""
    if isinstance(nu, Prior):
        raise SpecError(f"nu={str(nu)!r} is free, and a number is needed here; use bm.fit(..., engine='nuts').")
    return float(nu or 0.0)


def nu_text(nu: float | Prior | None) -> str:
    """Return the degrees of freedom as they stand in a statement: the number, or ``nu``."""
    return "nu" if isinstance(nu, Prior) else f"{nu or 0.0:g}"
