"""Which likelihoods are there, what data do they need, and which links do they allow?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

from bayesmeta._validate import unknown_name
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
    data : {"counts", "estimates"}
        What it needs: events and n, or y and se.
    links : tuple of str
        The links allowed; the first is the default.
    statements : mapping
        For each link, the likelihood as a model statement.
    default_priors : mapping
        The priors of μ and τ when none are given; empty where no scale is known to fit.
    """

    name: str
    title: str
    data: Literal["counts", "estimates"]
    links: tuple[str, ...]
    statements: Mapping[str, str]
    default_priors: Mapping[str, str]


_BINOMIAL = LikelihoodRecord(
    name="binomial",
    title="exact binomial likelihood of the events among n patients",
    data="counts",
    links=("logit",),
    statements=FrozenMapping({"logit": "events ~ Binomial(n, p),  logit p = theta"}),
    # Weakly informative on the logit scale, whatever the proportion; models/binomial-normal.toml says why.
    default_priors=FrozenMapping({"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}),
)
_NORMAL = LikelihoodRecord(
    name="normal",
    title="normal likelihood of an estimate y with a known standard error se",
    data="estimates",
    links=("identity", "logit"),
    statements=FrozenMapping({"identity": "y ~ Normal(theta, se)", "logit": "y ~ Normal(theta, se),  logit p = theta"}),
    default_priors=FrozenMapping({}),
)

LIKELIHOODS: dict[str, LikelihoodRecord] = {record.name: record for record in (_BINOMIAL, _NORMAL)}

PLANNED_LIKELIHOODS = ("poisson", "binomial-conditional", "binomial-two-arm", "poisson-conditional")
EFFECTS = ("normal",)
PLANNED_EFFECTS = ("student-t", "none")
PLANNED_LINKS = ("probit", "cloglog")


def find_likelihood(name: str) -> LikelihoodRecord:
    """Return the likelihood of that name, or raise `SpecError` with those there are."""
    check_choice("likelihood", name, LIKELIHOODS, planned=PLANNED_LIKELIHOODS)
    return LIKELIHOODS[name]


def check_choice(
    kind: str, given: str, allowed: Mapping[str, object] | tuple[str, ...], *, planned: tuple[str, ...] = ()
) -> str:
    """Return ``given`` if it is one of the names allowed; raise `SpecError` if not.

    Parameters
    ----------
    kind : str
        The option's name, for the message.
    given : str
        What the user wrote.
    allowed : mapping or tuple
        The names that work.
    planned : tuple of str
        Names of the interface that do not work yet, which the message says.
    """
    if isinstance(given, str) and given in allowed:
        return given
    if given in planned:
        raise SpecError(f"{kind} {given!r} is not supported yet. Allowed: {', '.join(allowed)}.")
    raise SpecError(unknown_name(kind, given, allowed))
