"""What do a model's priors say about mu and tau once the data are known? Link, standard errors, effect measure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.spec.priors import Prior

# The effect that each likelihood of counts has on its logit link, by the code of its measure.
_MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {"binomial": "PLO", "binomial-conditional": "OR", "binomial-two-arm": "OR"}
)
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "OR": "log odds ratios of two arms",
        "SMD": "standardised mean differences",
        "PLO": "logits of single arms",
        "GEN": "estimates on a logit scale",
    }
)
_SOURCES: Final[Mapping[str, str]] = MappingProxyType({"OR": "Turner et al. (2015)", "SMD": "Rhodes et al. (2015)"})


def resolve_priors(model: ModelSpec, data: Observed) -> tuple[Prior, Prior]:
    """Return the priors of mu and tau as densities, for a model of given data.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies. For a subset of them, resolve again: some priors of tau are made from the
        standard errors.

    Returns
    -------
    mu, tau : Prior
        See `resolve_prior`.

    Raises
    ------
    SpecError
        If a prior does not go with the data.
    """
    return resolve_prior(model.mu, model, data), resolve_prior(model.tau, model, data)


def resolve_prior(prior: Prior, model: ModelSpec, data: Observed) -> Prior:
    """Return a prior as a density of its parameter, whatever is needed for it.

    Parameters
    ----------
    prior : Prior
        A prior of mu or tau, of the model or instead of the model's.
    model : ModelSpec
        The model, for its likelihood.
    data : Counts or Estimates
        What it sees of the studies.

    Returns
    -------
    Prior
        The prior itself, unless its family needs the link or the studies.

    Raises
    ------
    SpecError
        If it is a prior on a proportion and the link leads to none; if it is made from standard errors and the
        likelihood has none; if it was derived for another effect measure.
    """
    _check_meaning(prior, model, data)
    if prior.family.needs == "studies":
        if not isinstance(data, Estimates):
            instead = "Flat()" if prior.name == "uniform" else "HalfNormal(1)"
            raise SpecError(
                f"the prior {prior.name} of tau is R bayesmeta's for estimates with known standard errors, which the "
                f"{model.likelihood} likelihood of counts does not have; use tau={instead!r}, or likelihood='normal'."
            )
        return prior.resolved(se=data.se)
    return prior.resolved(link=data.link)


def _check_meaning(prior: Prior, model: ModelSpec, data: Observed) -> None:
    """Raise unless the effects are those that an empirical prior was derived for, or of a measure that is unknown."""
    wanted = prior.family.meant_for
    given = data.measure or _MEASURES.get(model.likelihood, model.likelihood)
    unknown = given == "GEN" and data.link == "identity"
    if not wanted or given == wanted or unknown:
        return
    raise SpecError(
        f"{prior} for tau was derived by {_SOURCES[wanted]} from {_WORDS[wanted]}, and says nothing about "
        f"{_WORDS.get(given, given)}; use another, such as HalfNormal(1)."
    )
