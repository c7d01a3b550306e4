"""Which model is fitted? `ModelSpec`: likelihood, link, random effects, priors; what, never how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Self, final

from bayesmeta.errors import SpecError
from bayesmeta.spec.beyond import FIELDS, check_beyond, check_nu
from bayesmeta.spec.beyond_text import beyond_statements, effects_statement
from bayesmeta.spec.coefficients import Beta, BetaLike, check_beta, state_beta
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.likelihoods import LIKELIHOODS, check_choice, find_likelihood
from bayesmeta.spec.model_checks import (
    check_baseline,
    check_effects_link,
    check_link,
    check_parameters,
    check_sensitivity,
    check_text,
    check_why,
    no_tau,
)
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.roles import prior_for
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
    nu : float, Prior or str, optional
        Degrees of freedom of "student-t"; 4 by default. A prior, such as ``"Gamma(2, 0.1)"``, leaves them free; it is
        cut off below 1, where the effects would have no mean.
    baseline : Prior, str or PreliZ distribution, optional
        For "binomial-two-arm": the distribution of the control arms' log odds, ``Normal(0, 1.5)`` by default. It is of
        one arm alone: where events are rarer than it expects, it moves the odds ratio too.
    random : str, optional
        Effects that rows share, as lme4 and brms write them: ``"(1 | trial)"``, nested ``"(1 | trial/arm)"``, crossed
        ``"(1 | trial) + (1 | country)"``, or correlated outcomes ``"(0 + outcome | trial)"``, one row for each trial
        and outcome. The names are those of moderators.
    tau_of : mapping, optional
        Priors of the SDs of those effects by name, such as ``{"trial": "HalfNormal(0.5)"}``, or by outcome; the others
        have the prior ``tau``.
    lkj : float, optional
        Shape of the LKJ prior of the outcomes' correlations; 2 by default, 1 is uniform over correlation matrices.
    scale : str, optional
        How the heterogeneity depends on moderators, as ``formula`` says it of the mean: ``"~ year"`` (metafor's name).
    alpha : Prior, str, or mapping, optional
        Prior of the coefficients of ``scale``; ``Normal(0, 0.5)`` by default.
    missing : {"impute"}, optional
        What is done about numeric moderators of the formula that are missing; by default they are refused.
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
    nu : float, Prior or None
        As above; None unless the effects are "student-t".
    random, lkj, scale, alpha, missing
        As above, or None; ``random`` in one spelling.
    tau_of : mapping of Prior
        As above; empty where no SD has a prior of its own.
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

    Of these only ``engine="nuts"`` knows:

    * random effects: θ_i = η_i + Σ_f r_f[level of i] + τ z_i,  r_f ~ Normal(0, τ_f²), z_i ~ Normal(0, 1). The
      heterogeneity of rows within groups stays τ (`effects`), as in metafor's ``rma.mv(random = ~ 1 | trial/row)``.
    * correlated outcomes: θ_i = η_i + r[trial of i, outcome of i],  r[trial] ~ Normal(0, diag(τ) R diag(τ)),
      R ~ LKJ(lkj) with density proportional to det(R)^(lkj - 1). There is no other heterogeneity of rows.
    * scale: log τ_i = log τ + w_i'α, with w_i the columns of ``scale`` but for the intercept, numeric ones centred, so
      that τ is that of the average study (or of the reference level).
    * missing: x ~ Normal(m, s²) for observed and missing values alike, with m ~ Normal(mean, (2.5 SD)²) and
      s ~ Exponential(1/SD) by mean and SD of the observed ones (rstanarm's default priors); missing at random.

    The median, mean and next study are those of a new level of every group: its variance is τ² + Σ_f τ_f².

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
    nu: float | Prior | None
    baseline: Prior | None
    name: str
    title: str
    why: FrozenMapping[str]
    sensitivity: FrozenMapping[tuple[Prior, ...]]
    source: ModelSource | None = field(compare=False)
    formula: str | None
    beta: Beta | None
    random: str | None
    tau_of: FrozenMapping[Prior]
    lkj: float | None
    scale: str | None
    alpha: Beta | None
    missing: str | None

    def __init__(
        self,
        likelihood: str = "binomial",
        *,
        mu: PriorLike | None = None,
        tau: PriorLike | None = None,
        link: str | None = None,
        effects: str = "normal",
        nu: float | PriorLike | None = None,
        baseline: PriorLike | None = None,
        name: str = "",
        title: str = "",
        why: Mapping[str, str] | None = None,
        sensitivity: Mapping[str, Iterable[PriorLike]] | None = None,
        source: ModelSource | None = None,
        formula: str | None = None,
        beta: BetaLike | None = None,
        random: str | None = None,
        tau_of: Mapping[str, PriorLike] | None = None,
        lkj: float | None = None,
        scale: str | None = None,
        alpha: BetaLike | None = None,
        missing: str | None = None,
    ) -> None:
        record = find_likelihood(likelihood)
        checked_link = check_link(record, link)
        check_choice(f"effects for likelihood={record.name!r}:", effects, record.effects)
        given_tau = no_tau(tau) if effects == "none" and random is None else tau
        parameters = check_parameters(record, checked_link, mu=mu, tau=given_tau, formula=formula, beta=beta)
        fields: dict[str, Any] = {
            "likelihood": record.name,
            **parameters,
            "link": check_effects_link(effects, checked_link),
            "effects": effects,
            "nu": check_nu(effects, nu),
            "baseline": check_baseline(record, baseline),
            "name": check_text("name", name),
            "title": check_text("title", title),
            "why": check_why(why or {}),
            "sensitivity": check_sensitivity(sensitivity or {}),
            "source": source,
        }
        fields |= check_beyond(
            effects=effects, formula=fields["formula"], random=random, tau_of=tau_of, lkj=lkj, scale=scale, alpha=alpha,
            missing=missing,
        )  # fmt: skip
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
        priors |= {"tau": self.tau} if self.has_tau or self.random else {}
        priors |= {key: value for key in ("tau_of", "alpha") if (value := getattr(self, key))}
        return write_model(
            {key: getattr(self, key) for key in TEXT_KEYS},
            priors | ({"baseline": self.baseline} if self.baseline else {}),
            nu=self.nu,
            lkj=self.lkj,
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
            self.likelihood, mu=new["mu"], tau=new["tau"] if self.has_tau or self.random else tau, beta=new["beta"],
            formula=self.formula, link=self.link, effects=self.effects, nu=self.nu, baseline=self.baseline,
            name=self.name, title=self.title, **{key: getattr(self, key) for key in FIELDS},
            why={key: text for key, text in self.why.items() if key not in new or new[key] == old[key]},
            sensitivity=self.sensitivity, source=self.source if new == old else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        heading = " ".join(part for part in ("ModelSpec", repr(self.name) if self.name else "") if part)
        data, *rest = LIKELIHOODS[self.likelihood].statements[self.link].split(" ~ ", 1)
        statements = [(data, rest[0])]
        if self.baseline is not None:
            statements.append(("baseline", _stated(self.baseline)))
        statements.append(("theta", effects_statement(self)))
        if self.beta is not None:
            statements += state_beta(self.beta, _stated)
        else:
            statements.append(("p_median" if self.mu.family.needs == "link" else "mu", _stated(self.mu)))
        if self.has_tau:
            statements.append(("tau", _stated(self.tau)))
        statements += beyond_statements(self, _stated)
        width = max(len(left) for left, _ in statements)
        lines = [f"  {left:<{width}} ~ {right}" for left, right in statements]
        return "\n".join([f"{heading}: {self.title}" if self.title else heading, *lines])


def _stated(prior: Prior) -> str:
    if prior.is_proper:
        return str(prior)
    where = {"Flat": ", flat on the whole line", "HalfFlat": ", flat above 0", "uniform": ", flat above 0"}
    return f"{prior} (improper{where.get(prior.name, '')})"
