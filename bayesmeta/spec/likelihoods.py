"""Which likelihoods are there, what data do they need, and which links do they allow?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from bayesmeta._validate import unknown_name
from bayesmeta.effects.measures import DataKind
from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping


@final
@dataclass(frozen=True)
class LikelihoodRecord:
    """A likelihood of one study's data given its effect theta.

    Attributes
    ----------
    name : str
        As `ModelSpec` and the TOML form name it.
    title : str
        What it is, in words.
    data : str
        The kind of data it needs: "counts" (events and n), "estimates" (y and se), "rates" (events and time), and
        with two arms "two-arm-counts" or "two-arm-rates".
    links : tuple of str
        The links allowed; the first is the default.
    statements : mapping
        For each link, the likelihood as a model statement.
    effects : tuple of str
        The distributions of the study effects that it allows.
    default_priors : mapping
        The priors of its parameters, with the default link, when none are given; empty where no scale is known to
        fit.
    """

    name: str
    title: str
    data: DataKind
    links: tuple[str, ...]
    statements: Mapping[str, str]
    effects: tuple[str, ...]
    default_priors: Mapping[str, str]


EFFECTS: dict[str, str] = {
    "normal": "normal distribution",
    "student-t": "Student's t distribution with nu degrees of freedom, so that outlying studies are less unlikely",
    "none": "no distribution: all studies share one effect",
    "beta": "beta distribution of the proportions (the beta-binomial model); mu and tau are mean and SD of logits",
}
"""The distributions of the study effects about mu, in words."""

DEFAULT_EFFECTS = "normal"
DEFAULT_NU = 4.0

_ANY = ("normal", "student-t", "none")
# Log odds ratios and rate ratios have a scale of their own: Guenhan, Roever & Friede (2020), doi:10.1002/jrsm.1370,
# give 95 % to odds ratios from 1/250 to 250, and a heterogeneity of 0.5.
_LOG_RATIO = FrozenMapping({"mu": "Normal(0, 2.82)", "tau": "HalfNormal(0.5)"})

_BINOMIAL = LikelihoodRecord(
    name="binomial",
    title="exact binomial likelihood of the events among n patients",
    data="counts",
    links=("logit", "probit", "cloglog"),
    statements=FrozenMapping(
        {link: f"events ~ Binomial(n, p),  {link} p = theta" for link in ("logit", "probit", "cloglog")}
    ),
    effects=(*_ANY, "beta"),
    # Weakly informative on the logit scale, whatever the proportion; models/binomial-normal.toml says why.
    default_priors=FrozenMapping({"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}),
)
_NORMAL = LikelihoodRecord(
    name="normal",
    title="normal likelihood of an estimate y with a known standard error se",
    data="estimates",
    links=("identity", "logit"),
    statements=FrozenMapping({"identity": "y ~ Normal(theta, se)", "logit": "y ~ Normal(theta, se),  logit p = theta"}),
    effects=_ANY,
    default_priors=FrozenMapping({}),
)
_POISSON = LikelihoodRecord(
    name="poisson",
    title="Poisson likelihood of the events in a known person-time",
    data="rates",
    links=("log",),
    statements=FrozenMapping({"log": "events ~ Poisson(time rate),  log rate = theta"}),
    effects=_ANY,
    default_priors=FrozenMapping({}),
)
_CONDITIONAL = LikelihoodRecord(
    name="binomial-conditional",
    title="likelihood of the events under treatment given the events in both arms (non-central hypergeometric)",
    data="two-arm-counts",
    links=("log",),
    statements=FrozenMapping(
        {"log": "events_treatment | events in both arms ~ Hypergeometric(odds ratio),  log odds ratio = theta"}
    ),
    effects=_ANY,
    default_priors=_LOG_RATIO,
)
_TWO_ARM = LikelihoodRecord(
    name="binomial-two-arm",
    title="exact binomial likelihoods of both arms, with the odds of each control arm integrated out",
    data="two-arm-counts",
    links=("log",),
    statements=FrozenMapping(
        {"log": "events ~ Binomial(n, p) in each arm,  logit p = baseline (control), baseline + theta (treatment)"}
    ),
    effects=_ANY,
    default_priors=FrozenMapping({**_LOG_RATIO, "baseline": "Normal(0, 1.5)"}),
)
_POISSON_CONDITIONAL = LikelihoodRecord(
    name="poisson-conditional",
    title="binomial likelihood of the events under treatment given the events in both arms and their person-time",
    data="two-arm-rates",
    links=("log",),
    statements=FrozenMapping(
        {"log": "events_treatment | events in both arms ~ Binomial(rate ratio, times),  log rate ratio = theta"}
    ),
    effects=_ANY,
    default_priors=_LOG_RATIO,
)

LIKELIHOODS: dict[str, LikelihoodRecord] = {
    record.name: record for record in (_BINOMIAL, _NORMAL, _POISSON, _CONDITIONAL, _TWO_ARM, _POISSON_CONDITIONAL)
}


def find_likelihood(name: str) -> LikelihoodRecord:
    """Return the likelihood of that name, or raise `SpecError` with those there are."""
    check_choice("likelihood", name, LIKELIHOODS)
    return LIKELIHOODS[name]


def check_choice(kind: str, given: str, allowed: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return ``given`` if it is one of the names allowed; raise `SpecError` if not.

    Parameters
    ----------
    kind : str
        The option's name, for the message.
    given : str
        What the user wrote.
    allowed : mapping or tuple
        The names that work.
    """
    if isinstance(given, str) and given in allowed:
        return given
    raise SpecError(unknown_name(kind, given, allowed))
