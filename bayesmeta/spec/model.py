"""Which model is fitted? `ModelSpec`: likelihood, link, random effects, priors; what, never how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Self, final

from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.likelihoods import (
    EFFECTS,
    LIKELIHOODS,
    PLANNED_EFFECTS,
    PLANNED_LINKS,
    LikelihoodRecord,
    check_choice,
    find_likelihood,
)
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.roles import PARAMETERS, Parameter, prior_for
from bayesmeta.spec.toml import TEXT_KEYS, read_file, read_model, write_model


@final
@dataclass(frozen=True)
class ModelSource:
    """The file a model was read from.

    Attributes
    ----------
    path : str
        As it was given or found.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    """

    path: str
    sha256: str


@final
@dataclass(frozen=True, init=False, repr=False)
class ModelSpec:
    """A random-effects model of study effects, free of data.

    Parameters
    ----------
    likelihood : {"binomial", "normal"}
        Exact likelihood of counts, or normal likelihood of estimates with known standard errors.
    mu, tau : Prior, str or PreliZ distribution, optional
        Priors of the overall mean and of the standard deviation of the study effects, both on the link scale.
        For the binomial likelihood they default to ``Normal(0, 1.5)`` and ``HalfNormal(1)``; for the normal
        one both must be given, because the scale of its estimates is not known here. ``Flat()`` for tau is
        kept as PyMC's ``HalfFlat()``, flat above 0. ``Beta(a, b)`` for mu is a prior on the proportion of the
        median study. For estimates, tau may have one of R bayesmeta's named priors ("Jeffreys", "DuMouchel",
        ...), which are made from the standard errors of the studies that are fitted, or an empirical one
        (`turner_prior`, `rhodes_prior`).
    link : {"logit", "identity"}, optional
        What the study effects are a function of; by default "logit" for the binomial likelihood (which allows
        no other yet) and "identity" for the normal one. Where counts are turned into estimates, the measure's
        link is used instead.
    effects : {"normal"}
        Distribution of the study effects about μ.
    name, title : str
        Short name, and one line for headings.
    why : mapping, optional
        For "mu" and "tau", one sentence that justifies the prior; it goes into the methods text.
    sensitivity : mapping, optional
        For "mu" and "tau", the alternative priors a sensitivity analysis uses.
    source : ModelSource, optional
        The file it was read from; no part of equality.

    Attributes
    ----------
    likelihood, link, effects, name, title : str
        As above.
    mu, tau : Prior
        As above.
    why, sensitivity : mapping
        Read-only; without empty entries.
    source : ModelSource or None
        As above.

    Raises
    ------
    SpecError
        If an option is unknown or not supported yet, a prior does not suit its parameter, or priors are
        missing.

    Notes
    -----
    data_i | θ_i ~ likelihood_i(θ_i),  θ_i | μ, τ ~ Normal(μ, τ²),  with μ and τ a priori independent.

    `dataclasses.replace` keeps `why` and `source` whatever it replaces; `with_priors` does not.

    Examples
    --------
    >>> ModelSpec("binomial", tau="HalfNormal(0.5)")
    ModelSpec
      events ~ Binomial(n, p),  logit p = theta
      theta  ~ Normal(mu, tau)
      mu     ~ Normal(mu=0, sigma=1.5)
      tau    ~ HalfNormal(sigma=0.5)
    """

    likelihood: str
    mu: Prior
    tau: Prior
    link: str
    effects: str
    name: str
    title: str
    why: FrozenMapping[str]
    sensitivity: FrozenMapping[tuple[Prior, ...]]
    source: ModelSource | None = field(compare=False)

    def __init__(
        self,
        likelihood: str = "binomial",
        *,
        mu: PriorLike | None = None,
        tau: PriorLike | None = None,
        link: str | None = None,
        effects: str = "normal",
        name: str = "",
        title: str = "",
        why: Mapping[str, str] | None = None,
        sensitivity: Mapping[str, Iterable[PriorLike]] | None = None,
        source: ModelSource | None = None,
    ) -> None:
        record = find_likelihood(likelihood)
        priors = _complete_priors(record, mu, tau)
        fields = {
            "likelihood": record.name,
            "mu": prior_for("mu", priors["mu"]),
            "tau": prior_for("tau", priors["tau"]),
            "link": _check_link(record, link),
            "effects": check_choice("effects", effects, EFFECTS, planned=PLANNED_EFFECTS),
            "name": _check_text("name", name),
            "title": _check_text("title", title),
            "why": _check_why(why or {}),
            "sensitivity": _check_sensitivity(sensitivity or {}),
            "source": source,
        }
        for key, value in fields.items():
            object.__setattr__(self, key, value)

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> Self:
        """Read a model file; `source` tells its path and hash.

        Parameters
        ----------
        path : path-like
            A TOML file in the form of ``models/binomial-normal.toml``.

        Raises
        ------
        SpecError
            If the file cannot be read or is no model; the message names file, table and key.
        """
        text, sha256 = read_file(path)
        return cls._from_text(text, str(path), ModelSource(str(path), sha256))

    @classmethod
    def from_toml_text(cls, text: str, *, origin: str = "TOML text") -> Self:
        """Read a model from TOML text; ``origin`` stands for the file's name in messages."""
        return cls._from_text(text, origin, None)

    @classmethod
    def _from_text(cls, text: str, origin: str, source: ModelSource | None) -> Self:
        keywords = read_model(text, origin=origin)
        try:
            return cls(**keywords, source=source)
        except SpecError as error:
            raise SpecError(f"{origin}: {error}") from None

    def to_toml(self) -> str:
        """Return the model as TOML text, from which `from_toml_text` makes an equal model."""
        return write_model(
            {key: getattr(self, key) for key in TEXT_KEYS},
            {"mu": self.mu, "tau": self.tau},
            why=self.why,
            sensitivity=self.sensitivity,
        )

    def with_priors(self, *, mu: PriorLike | None = None, tau: PriorLike | None = None) -> "ModelSpec":
        """Return the model with other priors.

        A prior that changes loses its `why`, and the model its `source`, which no longer describe it.

        Parameters
        ----------
        mu, tau : Prior, str or PreliZ distribution, optional
            What replaces the prior of that parameter; None keeps it.
        """
        old = {"mu": self.mu, "tau": self.tau}
        new = {
            "mu": self.mu if mu is None else prior_for("mu", mu),
            "tau": self.tau if tau is None else prior_for("tau", tau),
        }
        return ModelSpec(
            self.likelihood, mu=new["mu"], tau=new["tau"], link=self.link, effects=self.effects,
            name=self.name, title=self.title,
            why={key: text for key, text in self.why.items() if new[key] == old[key]},
            sensitivity=self.sensitivity, source=self.source if new == old else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        heading = " ".join(part for part in ("ModelSpec", repr(self.name) if self.name else "") if part)
        data, *rest = LIKELIHOODS[self.likelihood].statements[self.link].split(" ~ ", 1)
        of_mu = "p_median" if self.mu.family.needs == "link" else "mu"
        priors = ((of_mu, _stated(self.mu)), ("tau", _stated(self.tau)))
        statements = ((data, rest[0]), ("theta", "Normal(mu, tau)"), *priors)
        width = max(len(left) for left, _ in statements)
        lines = [f"  {left:<{width}} ~ {right}" for left, right in statements]
        return "\n".join([f"{heading}: {self.title}" if self.title else heading, *lines])


def _stated(prior: Prior) -> str:
    if prior.is_proper:
        return str(prior)
    where = {"Flat": ", flat on the whole line", "HalfFlat": ", flat above 0", "uniform": ", flat above 0"}
    return f"{prior} (improper{where.get(prior.name, '')})"


def _complete_priors(
    record: LikelihoodRecord, mu: PriorLike | None, tau: PriorLike | None
) -> dict[Parameter, PriorLike]:
    given: dict[Parameter, PriorLike | None] = {"mu": mu, "tau": tau}
    complete: dict[Parameter, PriorLike] = {}
    for key, value in given.items():
        prior = record.default_priors.get(key) if value is None else value
        if prior is None:
            missing = " and ".join(name for name, prior in given.items() if prior is None)
            raise SpecError(
                f"likelihood={record.name!r} has no default prior for {missing}, because the scale of the "
                f"estimates is not known: give both, for example ModelSpec({record.name!r}, "
                "mu='Normal(0, 2)', tau='HalfNormal(1)') for estimates on a logit or log-ratio scale."
            )
        complete[key] = prior
    return complete


def _check_link(record: LikelihoodRecord, link: str | None) -> str:
    if link is None:
        return record.links[0]
    return check_choice(f"link for likelihood={record.name!r}:", link, record.links, planned=PLANNED_LINKS)


def _check_text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise SpecError(f"{key} must be a string, not {type(value).__name__}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SpecError(f"{key}={value!r} holds a character that cannot be written as UTF-8.") from None
    return value


def _check_why(why: Mapping[str, str]) -> FrozenMapping[str]:
    for key in why:
        check_choice("parameter in why", key, PARAMETERS)
    checked = {key: _check_text(f"why[{key!r}]", why[key]) for key in PARAMETERS if key in why}
    return FrozenMapping({key: text for key, text in checked.items() if text})


def _check_sensitivity(sensitivity: Mapping[str, Iterable[PriorLike]]) -> FrozenMapping[tuple[Prior, ...]]:
    checked: dict[str, tuple[Prior, ...]] = {}
    for key in sensitivity:
        check_choice("parameter in sensitivity", key, PARAMETERS)
    for key in PARAMETERS:
        alternatives = sensitivity.get(key, ())
        if isinstance(alternatives, str | Prior):
            raise SpecError(f"sensitivity[{key!r}] must be a list of priors, such as ['HalfNormal(0.5)'].")
        checked[key] = tuple(prior_for(key, prior) for prior in alternatives)
    return FrozenMapping({key: priors for key, priors in checked.items() if priors})
