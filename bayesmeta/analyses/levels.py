"""Into which groups does a moderator split the studies, and how are they fitted together?"""

from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.groups import Groups, fit_groups, groups_of_fit
from bayesmeta.exact.hierarchy import Omega
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.spec.levels import groups_by, variables_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import check_studies, model_for
from bayesmeta.spec.priors import PriorLike
from bayesmeta.spec.roles import prior_for

TAU = ("separate", "common", "hierarchical")
DEFAULT_OMEGA = "HalfNormal(0.5)"
LARGEST_OMEGA, LARGEST_SCALE = 3.0, 1.0  # beyond, groups' tau would differ by factors of hundreds


def check_tau(tau: str) -> str:
    """Return how heterogeneity is shared, if it is one of the ways there are; raise `SpecError` if not."""
    if tau not in TAU:
        raise SpecError(unknown_name("tau", tau, TAU))
    return tau


def fit_levels(
    studies: Studies, model: ModelSpec | None, variable: str, *, tau: str, omega: PriorLike | float, measure: str | None
) -> Groups:
    """Fit the levels of one moderator together.

    Raises
    ------
    SpecError
        If the moderator has one level, or the model has a formula.
    """
    chosen = model_for(studies, model)
    if chosen.formula is not None:
        raise SpecError(
            "groups are named by `by`, so the model needs no formula: give one with mu and tau, or use the fit of "
            "'~ 0 + x' alone."
        )
    if not chosen.has_tau:
        raise SpecError(f"effects='none' has no tau, so tau={tau!r} says nothing; use tau='separate'.")
    levels = groups_by(studies, variable)
    members, labels = [part for _, part in levels], [label for label, _ in levels]
    return fit_groups(studies, chosen, members, labels, tau=check_tau(tau), omega=check_omega(omega), measure=measure)


def groups_from(
    data: Studies | RegressionFit,
    model: ModelSpec | None,
    *,
    by: str | None,
    tau: str,
    omega: PriorLike | float,
    measure: str | None,
) -> Groups:
    """Return the groups of a fit by cell means, or fit those that ``by`` makes of the studies."""
    if isinstance(data, RegressionFit):
        if by is not None or model is not None:
            raise SpecError("a fit has its groups and its model already; leave out by and model, or give the studies.")
        if len(data.groups) < 2:
            raise SpecError(
                "the fit has no groups: code them by cell means, as in formula='~ 0 + regimen', or give the studies "
                "and by."
            )
        return groups_of_fit(data)
    check_studies(data)
    if by is None:
        raise SpecError("by is missing; name the moderator whose levels are compared, as in by='regimen'.")
    variable = variables_of(data, by)[0]
    return fit_levels(data, model, variable, tau=tau, omega=omega, measure=measure)


def check_omega(omega: PriorLike | float) -> Omega:
    """Return the SD of log tau between groups as it was given: a number, or a half-normal prior.

    Examples
    --------
    >>> check_omega("HalfNormal(0.5)"), check_omega(0.3)
    (Omega(value=0.5, fixed=False), Omega(value=0.3, fixed=True))
    """
    if isinstance(omega, int | float) and not isinstance(omega, bool):
        if not 0.0 <= omega <= LARGEST_OMEGA:
            raise SpecError(f"omega={omega!r} must lie between 0 (a common tau) and {LARGEST_OMEGA:g}.")
        return Omega(float(omega), fixed=True)
    prior = prior_for("tau", omega)  # type: ignore[arg-type]  # what is no prior is refused there
    if prior.name != "HalfNormal" or prior.parameters["sigma"] > LARGEST_SCALE:
        raise SpecError(
            f"omega={prior}, the SD of log tau between groups, must be a number or HalfNormal(sigma) with sigma up to "
            f"{LARGEST_SCALE:g}, such as {DEFAULT_OMEGA}."
        )
    return Omega(prior.parameters["sigma"], fixed=False)
