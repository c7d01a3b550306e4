"""What is believed of a formula's coefficients: one prior for all, or one for each by name?"""

from collections.abc import Callable, Mapping, Sequence

from bayesmeta._validate import listed, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.roles import prior_for

type Beta = Prior | FrozenMapping[Prior]
type BetaLike = PriorLike | Mapping[str, PriorLike]


def check_beta(beta: BetaLike | None, *, default: PriorLike | None = None, old: Beta | None = None) -> Beta:
    """Return the prior of the coefficients, or their priors by name.

    Parameters
    ----------
    beta : Prior, str, mapping or None
        As the user gave it; None stands for ``default``.
    default : Prior or str, optional
        None where no scale is known to fit.
    old : Prior or mapping, optional
        What a mapping of some coefficients changes.

    Raises
    ------
    SpecError
        If it is no prior for a mean, or none is given where there is no default.
    """
    given = default if beta is None else beta
    if given is None:
        raise SpecError(
            "the coefficients of the formula need a prior, because the scale of the estimates is not known: give "
            "beta='Normal(0, 2)', or a prior for each, as beta={'Intercept': 'Normal(0, 2)', 'year': 'Normal(0, 0.5)'}."
        )
    if not isinstance(given, Mapping):
        return _prior(given, "beta")
    if not given:
        raise SpecError("beta is empty; give one prior for all coefficients, or one for each by name.")
    kept = old if isinstance(old, FrozenMapping) else {}
    return FrozenMapping({**kept, **{str(name): _prior(prior, f"beta[{name}]") for name, prior in given.items()}})


def priors_of(beta: Beta, coef: Sequence[str]) -> tuple[Prior, ...]:
    """Return the prior of each coefficient.

    Raises
    ------
    SpecError
        If a coefficient has no prior, or a name is not that of a coefficient.
    """
    if isinstance(beta, Prior):
        return (beta,) * len(coef)
    for name in beta:
        if name not in coef:
            raise SpecError(unknown_name("coefficient in beta", name, coef))
    missing = [name for name in coef if name not in beta]
    if missing:
        raise SpecError(f"beta has no prior for {missing[0]!r}; the coefficients are {listed(coef)}.")
    return tuple(beta[name] for name in coef)


def state_beta(beta: Beta, stated: Callable[[Prior], str]) -> tuple[tuple[str, str], ...]:
    """Return the priors as lines of a model statement."""
    if isinstance(beta, Prior):
        return (("beta", stated(beta)),)
    return tuple((f"beta[{name}]", stated(prior)) for name, prior in beta.items())


def formula_of(fit: object) -> str | None:
    """Return the formula of a fit, of its model or (classical) of its design; None without one."""
    for part in ("model", "regression", "design"):
        of_part = getattr(fit, part, None)
        formula = getattr(of_part, "formula", None) or getattr(getattr(of_part, "design", None), "formula", None)
        if formula is not None:
            return str(formula)
    return None


def refuse_formula(formula: str | None, what: str) -> None:
    """Raise `SpecError` if a model has a formula, which ``what`` cannot take yet."""
    if formula is not None:
        raise SpecError(
            f"{what} takes no model with a formula yet (here {formula!r}); of its fit by bm.fit see bm.summary, "
            "bm.predict and (Bayesian) bm.contrasts."
        )


def _prior(value: PriorLike, name: str) -> Prior:
    try:
        prior = prior_for("mu", value)
    except SpecError as error:
        raise SpecError(str(error).replace("for mu", f"for {name}", 1)) from None
    if prior.family.needs:
        raise SpecError(
            f"{prior} for {name} is a prior on a proportion, which a coefficient is not; use Normal(0, 1.5)."
        )
    return prior
