"""Which model is fitted? `ModelSpec`: likelihood, link, random effects, priors; what, never how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Self, final

from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import Beta, BetaLike, check_beta, state_beta
from bayesmeta.spec.formulas import check_formula
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.likelihoods import DEFAULT_NU, LIKELIHOODS, LikelihoodRecord, check_choice, find_likelihood
from bayesmeta.spec.parameters import check_number
from bayesmeta.spec.priors import Prior, PriorLike, as_prior
from bayesmeta.spec.roles import JUSTIFIED, PARAMETERS, Parameter, baseline_prior, prior_for
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
    likelihood : str
        "binomial": exact likelihood of counts. "normal": estimates with known standard errors. "poisson": events in
        person-time. Two arms: "binomial-conditional" (given the events in both arms: non-central hypergeometric),
        "binomial-two-arm" (both arms, the control arms' odds integrated out under the prior `baseline`),
        "poisson-conditional" (given the events in both arms).
    mu, tau : Prior, str or PreliZ distribution, optional
        Priors of the overall mean and of the standard deviation of the study effects, both on the link scale.
        For the binomial likelihood they default to ``Normal(0, 1.5)`` and ``HalfNormal(1)``, for the log ratios of
        two arms to ``Normal(0, 2.82)`` and ``HalfNormal(0.5)``; otherwise both must be given, because the scale of
        the effects is not known here. ``Flat()`` for tau is kept as PyMC's ``HalfFlat()``, flat above 0.
        ``Beta(a, b)`` for mu is a prior on the proportion of the median study. For estimates, tau may have one of
        R bayesmeta's named priors ("Jeffreys", "DuMouchel", ...), which are made from the standard errors of the
        studies that are fitted, or an empirical one (`turner_prior`, `rhodes_prior`).
    formula : str, optional
        How the mean depends on moderators, in formulaic's (R's) language: ``"~ 0 + regimen"``, ``"~ year"``.
        There is no ``mu`` then, but a coefficient ``beta`` for each column of the design; see
        `bayesmeta.spec.moderators` for what is centred.
    beta : Prior, str, or mapping, optional
        Prior of every coefficient, or a prior for each by name; by default, for the binomial likelihood, that
        of ``mu``.
    link : {"logit", "probit", "cloglog", "log", "identity"}, optional
        What the study effects are a function of; by default "logit" for the binomial likelihood, "identity" for
        the normal one, and "log" for rates and for ratios. Where data are turned into estimates, the measure's link
        is used instead.
    effects : {"normal", "student-t", "none", "beta"}
        Distribution of the study effects about μ: normal; Student's t with scale τ; none, if all studies have one
        effect (then there is no τ); or, for the binomial likelihood, beta-distributed proportions whose logits have
        mean μ and standard deviation τ (the beta-binomial model).
    nu : float, optional
        Degrees of freedom of "student-t"; 4 by default.
    baseline : Prior, str or PreliZ distribution, optional
        For "binomial-two-arm": the distribution of the control arms' log odds, ``Normal(0, 1.5)`` by default. It is of
        one arm alone: where events are rarer than it expects, it moves the odds ratio too.
    name, title : str
        Short name, and one line for headings.
    why : mapping, optional
        For "mu", "tau" and "baseline", one sentence that justifies the prior; it goes into the methods text.
    sensitivity : mapping, optional
        For "mu" and "tau", the alternative priors a sensitivity analysis uses.
    source : ModelSource, optional
        The file it was read from; no part of equality.

    Attributes
    ----------
    likelihood, link, effects, name, title : str
        As above.
    mu, tau : Prior
        As above; ``mu`` is None with a formula; with ``effects="none"`` tau plays no part.
    nu : float or None
        As above; None unless the effects are "student-t".
    baseline : Prior or None
        As above; None for the other likelihoods.
    formula : str or None
        As above, in one spelling.
    beta : Prior, mapping of Prior, or None
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
    data_i | θ_i ~ likelihood_i(θ_i),  θ_i | μ, τ ~ effects(μ, τ),  with μ and τ a priori independent; with a
    formula, θ_i | β, τ ~ effects(x_i'β, τ), all coefficients and τ a priori independent.

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
    nu: float | None
    baseline: Prior | None
    name: str
    title: str
    why: FrozenMapping[str]
    sensitivity: FrozenMapping[tuple[Prior, ...]]
    source: ModelSource | None = field(compare=False)
    formula: str | None
    beta: Beta | None

    def __init__(
        self,
        likelihood: str = "binomial",
        *,
        mu: PriorLike | None = None,
        tau: PriorLike | None = None,
        link: str | None = None,
        effects: str = "normal",
        nu: float | None = None,
        baseline: PriorLike | None = None,
        name: str = "",
        title: str = "",
        why: Mapping[str, str] | None = None,
        sensitivity: Mapping[str, Iterable[PriorLike]] | None = None,
        source: ModelSource | None = None,
        formula: str | None = None,
        beta: BetaLike | None = None,
    ) -> None:
        record = find_likelihood(likelihood)
        checked_link = _check_link(record, link)
        check_choice(f"effects for likelihood={record.name!r}:", effects, record.effects)
        given_mu: Any = mu
        given_tau = _no_tau(tau) if effects == "none" else tau
        if formula is None:
            if beta is not None:
                raise SpecError("beta is the prior of the coefficients of a formula; give formula='~ ...' as well.")
            priors = _complete_priors(record, checked_link, mu, given_tau)
            given_mu = prior_for("mu", priors["mu"])
        else:
            if mu is not None:
                raise SpecError("a model with a formula has no mu: give the prior of its coefficients as beta.")
            formula = check_formula(formula)
            priors = _complete_priors(record, checked_link, "Flat()", given_tau)
            of_mu = record.default_priors.get("mu") if checked_link == record.links[0] else None
            beta = check_beta(beta, default=of_mu)
        fields = {
            "likelihood": record.name,
            "mu": given_mu,
            "tau": prior_for("tau", priors["tau"]),
            "link": _check_effects_link(effects, checked_link),
            "effects": effects,
            "nu": _check_nu(effects, nu),
            "baseline": _check_baseline(record, baseline),
            "name": _check_text("name", name),
            "title": _check_text("title", title),
            "why": _check_why(why or {}),
            "sensitivity": _check_sensitivity(sensitivity or {}),
            "source": source,
            "formula": formula,
            "beta": beta,
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
        priors: dict[str, Any] = {"mu": self.mu} if self.beta is None else {"beta": self.beta}
        priors |= {"tau": self.tau} if self.has_tau else {}
        return write_model(
            {key: getattr(self, key) for key in TEXT_KEYS},
            priors | ({"baseline": self.baseline} if self.baseline else {}),
            nu=self.nu,
            why=self.why,
            sensitivity=self.sensitivity,
        )

    @property
    def has_tau(self) -> bool:
        """Whether the studies differ: not so with ``effects="none"``."""
        return self.effects != "none"

    def with_priors(
        self, *, mu: PriorLike | None = None, tau: PriorLike | None = None, beta: BetaLike | None = None
    ) -> "ModelSpec":
        """Return the model with other priors.

        A prior that changes loses its `why`, and the model its `source`, which no longer describe it.

        Parameters
        ----------
        mu, tau : Prior, str or PreliZ distribution, optional
            What replaces the prior of that parameter; None keeps it.
        beta : Prior, str or mapping, optional
            With a formula: what replaces the prior of all coefficients, or of some.
        """
        old: dict[str, Any] = {"mu": self.mu, "tau": self.tau, "beta": self.beta}
        new: dict[str, Any] = {
            "mu": self.mu if mu is None else prior_for("mu", mu),
            "tau": self.tau if tau is None else prior_for("tau", tau),
            "beta": self.beta if beta is None else check_beta(beta, old=self.beta),
        }
        return ModelSpec(
            self.likelihood, mu=new["mu"], tau=new["tau"] if self.has_tau else tau, beta=new["beta"],
            formula=self.formula, link=self.link, effects=self.effects, nu=self.nu, baseline=self.baseline,
            name=self.name, title=self.title,
            why={key: text for key, text in self.why.items() if key not in new or new[key] == old[key]},
            sensitivity=self.sensitivity, source=self.source if new == old else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        heading = " ".join(part for part in ("ModelSpec", repr(self.name) if self.name else "") if part)
        data, *rest = LIKELIHOODS[self.likelihood].statements[self.link].split(" ~ ", 1)
        statements = [(data, rest[0])]
        if self.baseline is not None:
            statements.append(("baseline", _stated(self.baseline)))
        centre = "mu" if self.formula is None else "x'beta"
        effects = _EFFECTS_TEXT[self.effects].format(nu=self.nu, centre=centre)
        statements.append(("theta", effects if self.formula is None else f"{effects},  x: {self.formula}"))
        if self.beta is not None:
            statements += state_beta(self.beta, _stated)
        else:
            statements.append(("p_median" if self.mu.family.needs == "link" else "mu", _stated(self.mu)))
        if self.has_tau:
            statements.append(("tau", _stated(self.tau)))
        width = max(len(left) for left, _ in statements)
        lines = [f"  {left:<{width}} ~ {right}" for left, right in statements]
        return "\n".join([f"{heading}: {self.title}" if self.title else heading, *lines])


def _stated(prior: Prior) -> str:
    if prior.is_proper:
        return str(prior)
    where = {"Flat": ", flat on the whole line", "HalfFlat": ", flat above 0", "uniform": ", flat above 0"}
    return f"{prior} (improper{where.get(prior.name, '')})"


_EFFECTS_TEXT = {
    "normal": "Normal({centre}, tau)",
    "student-t": "StudentT({nu:g}, {centre}, tau)",
    "none": "{centre} for every study",
    "beta": "logit of Beta, with mean {centre} and SD tau",
}

_NO_TAU = "HalfNormal(1)"
"""What stands for the prior of a tau that plays no part; being proper, it changes no evidence."""


def _no_tau(tau: PriorLike | None) -> PriorLike:
    if tau is not None and tau != as_prior(_NO_TAU):  # which `dataclasses.replace` hands on
        raise SpecError("effects='none' gives all studies one effect, so there is no tau; leave its prior out.")
    return _NO_TAU


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


def _check_effects_link(effects: str, link: str) -> str:
    if effects == "beta" and link != "logit":
        raise SpecError(f"effects='beta' goes with link='logit'; got link={link!r}.")
    return link


def _check_nu(effects: str, nu: float | None) -> float | None:
    if effects != "student-t":
        if nu is not None:
            raise SpecError(f"nu={nu!r} is for effects='student-t'; with effects={effects!r} leave it out.")
        return None
    return check_number("nu", DEFAULT_NU if nu is None else nu, least=SMALLEST_NU)


SMALLEST_NU = 0.5
"""Fewer degrees of freedom are a distribution that nobody means."""


def _check_baseline(record: LikelihoodRecord, baseline: PriorLike | None) -> Prior | None:
    default = record.default_priors.get("baseline")
    if default is None:
        if baseline is not None:
            raise SpecError(f"baseline is for likelihood='binomial-two-arm'; with {record.name!r} leave it out.")
        return None
    return baseline_prior(default if baseline is None else baseline)


def _check_link(record: LikelihoodRecord, link: str | None) -> str:
    if link is None:
        return record.links[0]
    return check_choice(f"link for likelihood={record.name!r}:", link, record.links)


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
        check_choice("parameter in why", key, JUSTIFIED)
    checked = {key: _check_text(f"why[{key!r}]", why[key]) for key in JUSTIFIED if key in why}
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
