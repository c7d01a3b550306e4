"""What is a model called in one line, and what do the rows of its summary stand for?"""

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import Final

from bayesmeta.spec.beyond import features_beyond, fixed_nu
from bayesmeta.spec.coefficients import state_beta
from bayesmeta.spec.likelihoods import LIKELIHOODS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mu": "overall mean of the study effects",
        "tau": "their standard deviation, the heterogeneity",
        "p_median": "proportion of the median study",
        "p_mean": "mean of the study proportions",
        "p_new": "proportion of the next study",
        "theta_new": "effect of the next study",
    }
)
"""What the rows of a summary stand for, where study effects are normal."""

_COMMON: Final = {
    "mu": "effect that all studies share",
    "p_median": "proportion that all studies share",
    "p_mean": "the same, because the studies do not differ",
    "p_new": "the same, because the studies do not differ",
    "theta_new": "the same, because the studies do not differ",
}


def meanings(model: ModelSpec | None) -> Mapping[str, str]:
    """Return what the rows of a summary stand for.

    Parameters
    ----------
    model : ModelSpec or None
        The model; None for a frequentist fit.

    Examples
    --------
    >>> meanings(ModelSpec(effects="none"))["mu"]
    'effect that all studies share'
    """
    if model is None or model.effects in ("normal", "beta"):
        return MEANINGS
    if model.effects == "none":
        return {**MEANINGS, **_COMMON}
    if isinstance(model.nu, Prior):
        spread, freedom = "they have a variance where nu > 2", "nu degrees of freedom"
    else:
        nu = fixed_nu(model.nu)
        spread = f"their standard deviation is {sqrt(nu / (nu - 2.0)):.3g} tau" if nu > 2.0 else "they have no variance"
        freedom = f"{nu:g} degrees of freedom"
    return {
        **MEANINGS,
        "mu": MEANINGS["mu"] if has_mean(model) else "middle of the study effects",
        "tau": f"scale of their t distribution with {freedom}, the heterogeneity ({spread})",
    }


def has_mean(model: ModelSpec) -> bool:
    """Return whether the study effects have a mean: Student's t with one degree of freedom or fewer has none."""
    return model.nu is None or isinstance(model.nu, Prior) or model.nu > 1.0


def traits(model: ModelSpec) -> tuple[str, ...]:
    """Return what is not usual in a model: its link, the distribution of its study effects, moderators.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Examples
    --------
    >>> traits(ModelSpec("binomial", link="probit", mu="Normal(0, 1)", tau="HalfNormal(1)", effects="student-t"))
    ('probit link', 'Student-t effects (nu = 4)')
    """
    found = []
    if model.link != LIKELIHOODS[model.likelihood].links[0]:
        found.append(f"{model.link} link")
    match model.effects:
        case "student-t":
            free = isinstance(model.nu, Prior)
            found.append(f"Student-t effects (nu {f'~ {model.nu}' if free else f'= {model.nu:g}'})")
        case "none" if not model.random:
            found.append("common effect")
        case "beta":
            found.append("beta-distributed proportions")
    if model.formula is not None:
        found.append(f"formula {model.formula}")
    found += [text for text in features_beyond(model) if not text.startswith("nu=")]
    return tuple(found)


def prior_statements(model: ModelSpec) -> tuple[str, ...]:
    """Return the priors as statements: ``mu ~ Normal(mu=0, sigma=1.5)`` and so on.

    Parameters
    ----------
    model : ModelSpec
        The model.
    """
    mean = [("mu", model.mu)] if model.beta is None else list(state_beta(model.beta, str))
    others = {"tau": model.tau if model.has_tau else None, "baseline": model.baseline}
    stated = [*mean, *((name, prior) for name, prior in others.items() if prior is not None)]
    return tuple(f"{name} ~ {prior}" for name, prior in (*stated, *_of_beyond(model)))


def _of_beyond(model: ModelSpec) -> list[tuple[str, Prior | str]]:
    named = [(f"tau[{name}]", prior) for name, prior in model.tau_of.items()]
    of_alpha = (
        []
        if model.alpha is None
        else [(name.replace("beta", "alpha", 1), text) for name, text in state_beta(model.alpha, str)]
    )
    return [*named, *of_alpha, *([("R", f"LKJ({model.lkj:g})")] if model.lkj is not None else [])]


def model_label(model: ModelSpec) -> str:
    """Return a model in one line, which tells it from others.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Examples
    --------
    >>> model_label(ModelSpec("binomial", effects="none"))
    'binomial likelihood, common effect, mu ~ Normal(mu=0, sigma=1.5)'
    """
    return ", ".join([f"{model.likelihood} likelihood", *traits(model), *prior_statements(model)])
