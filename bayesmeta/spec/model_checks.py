"""Do the parts of a model go together? The checks of `ModelSpec`, and its default priors."""

from collections.abc import Iterable, Mapping
from typing import Any

from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import BetaLike, check_beta
from bayesmeta.spec.formulas import check_formula
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.likelihoods import LikelihoodRecord, check_choice
from bayesmeta.spec.priors import Prior, PriorLike, as_prior
from bayesmeta.spec.roles import JUSTIFIED, PARAMETERS, Parameter, baseline_prior, prior_for

_NO_TAU = "HalfNormal(1)"
"""What stands for the prior of a tau that plays no part; being proper, it changes no evidence."""


def no_tau(tau: PriorLike | None) -> PriorLike:
    """Return the prior that stands for a tau that plays no part."""
    if tau is not None and tau != as_prior(_NO_TAU):  # which `dataclasses.replace` hands on
        raise SpecError("effects='none' gives all studies one effect, so there is no tau; leave its prior out.")
    return _NO_TAU


def check_parameters(
    record: LikelihoodRecord,
    link: str,
    *,
    mu: PriorLike | None,
    tau: PriorLike | None,
    formula: str | None,
    beta: BetaLike | None,
) -> dict[str, Any]:
    """Return ``mu``, ``tau``, ``formula`` and ``beta`` of a model: of mu and beta one is None."""
    if formula is None:
        if beta is not None:
            raise SpecError("beta is the prior of the coefficients of a formula; give formula='~ ...' as well.")
        priors = _complete_priors(record, link, mu, tau)
        return {
            "mu": prior_for("mu", priors["mu"]), "tau": prior_for("tau", priors["tau"]), "formula": None, "beta": None,
        }  # fmt: skip
    if mu is not None:
        raise SpecError("a model with a formula has no mu: give the prior of its coefficients as beta.")
    checked = check_formula(formula)
    priors = _complete_priors(record, link, "Flat()", tau)
    of_mu = record.default_priors.get("mu") if link == record.links[0] else None
    of_beta = check_beta(beta, default=of_mu)
    return {"mu": None, "tau": prior_for("tau", priors["tau"]), "formula": checked, "beta": of_beta}


def _complete_priors(
    record: LikelihoodRecord, link: str, mu: PriorLike | None, tau: PriorLike | None
) -> dict[Parameter, PriorLike]:
    given: dict[Parameter, PriorLike | None] = {"mu": mu, "tau": tau}
    default = record.default_priors if link == record.links[0] else {}
    complete: dict[Parameter, PriorLike] = {}
    for key, value in given.items():
        prior = default.get(key) if value is None else value
        if prior is None:
            missing = " and ".join(name for name, prior in given.items() if prior is None)
            why = "the scale of the estimates is not known"
            if record.default_priors:
                why = f"its defaults are for the {record.links[0]} link, not {link}"
            raise SpecError(
                f"likelihood={record.name!r} has no default prior for {missing}, because {why}: give both, for "
                f"example ModelSpec({record.name!r}, mu='Normal(0, 2)', tau='HalfNormal(1)') for estimates on a "
                "logit or log-ratio scale."
            )
        complete[key] = prior
    return complete


def check_effects_link(effects: str, link: str) -> str:
    """Return the link, if the distribution of the study effects goes with it."""
    if effects == "beta" and link != "logit":
        raise SpecError(f"effects='beta' goes with link='logit'; got link={link!r}.")
    return link


def check_baseline(record: LikelihoodRecord, baseline: PriorLike | None) -> Prior | None:
    """Return the distribution of the control arms' log odds; None for likelihoods without it."""
    default = record.default_priors.get("baseline")
    if default is None:
        if baseline is not None:
            raise SpecError(f"baseline is for likelihood='binomial-two-arm'; with {record.name!r} leave it out.")
        return None
    return baseline_prior(default if baseline is None else baseline)


def check_link(record: LikelihoodRecord, link: str | None) -> str:
    """Return the link, by default the likelihood's own."""
    if link is None:
        return record.links[0]
    return check_choice(f"link for likelihood={record.name!r}:", link, record.links)


def check_text(key: str, value: object) -> str:
    """Return a text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise SpecError(f"{key} must be a string, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SpecError(f"{key}={value!r} holds a character that cannot be written as UTF-8.") from None
    return value


def check_why(why: Mapping[str, str]) -> FrozenMapping[str]:
    """Return the reasons for priors, without empty ones."""
    for key in why:
        check_choice("parameter in why", key, JUSTIFIED)
    checked = {key: check_text(f"why[{key!r}]", why[key]) for key in JUSTIFIED if key in why}
    return FrozenMapping({key: text for key, text in checked.items() if text})


def check_sensitivity(sensitivity: Mapping[str, Iterable[PriorLike]]) -> FrozenMapping[tuple[Prior, ...]]:
    """Return the alternative priors, by parameter."""
    checked: dict[str, tuple[Prior, ...]] = {}
    for key in sensitivity:
        check_choice("parameter in sensitivity", key, PARAMETERS)
    for key in PARAMETERS:
        alternatives = sensitivity.get(key, ())
        if isinstance(alternatives, str | Prior):
            raise SpecError(f"sensitivity[{key!r}] must be a list of priors, such as ['HalfNormal(0.5)'].")
        checked[key] = tuple(prior_for(key, prior) for prior in alternatives)
    return FrozenMapping({key: priors for key, priors in checked.items() if priors})
