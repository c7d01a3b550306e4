"""Do the data speak against a given number? Bayes factors of the fitted model over point hypotheses."""

import re
from dataclasses import dataclass, field
from typing import final

import numpy as np

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.evidence import point_evidence
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.regression import refuse_regression
from bayesmeta.spec.prior_text import format_number, quote

# Kass & Raftery (1995), p. 777: from which Bayes factor on the evidence deserves which word.
STRENGTHS = ((150.0, "very strong evidence"), (20.0, "strong evidence"), (3.0, "positive evidence"))
WEAKEST = "evidence not worth more than a bare mention"
TESTABLE = ("mu", "p_median", "tau")
MAX_LENGTH = 200  # the longest sensible hypothesis has 40 characters

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_EQUATION = re.compile(rf"\s*([A-Za-z]\w*)\s*=\s*({_NUMBER})\s*", re.ASCII)


@final
@dataclass(frozen=True, repr=False)
class BayesFactor:
    """A Bayes factor of the fitted model, H1, over a point hypothesis, H0. ``float(result)`` is ``bf10``.

    Attributes
    ----------
    hypothesis : str
        H0, such as ``"mu = 0"``.
    model : str
        The priors of H1.
    log_bf10 : float
        Natural logarithm of the Bayes factor.
    numerical_error : float
        Absolute numerical error of ``log_bf10``, and so the relative one of ``bf10``.
    log_evidence_h1, log_evidence_h0 : float or None
        Log marginal likelihoods; None with a flat prior of mu, which gives both the same arbitrary constant.
    """

    hypothesis: str
    model: str = field(repr=False)
    log_bf10: float
    numerical_error: float
    log_evidence_h1: float | None
    log_evidence_h0: float | None

    @property
    def bf10(self) -> float:
        """H1 over H0: above 1 the data speak against the hypothesis; inf beyond 1e308."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.exp(self.log_bf10))

    @property
    def bf01(self) -> float:
        """H0 over H1: above 1 the data speak for the hypothesis."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.exp(-self.log_bf10))

    @property
    def strength(self) -> str:
        """The evidence in the words of Kass & Raftery (1995)."""
        larger = np.exp(min(abs(self.log_bf10), 700.0))
        words = next((words for least, words in STRENGTHS if larger >= least), WEAKEST)
        return f"{words} {'against' if self.log_bf10 > 0.0 else 'for'} {self.hypothesis}"

    def __float__(self) -> float:
        return self.bf10

    def __repr__(self) -> str:
        value = f"{self.bf10:.4g}" if 0.0 < self.bf10 < np.inf else f"exp({self.log_bf10:.6g})"
        return (
            f"Bayes factor of H1, {self.model}, over H0, {self.hypothesis}\n"
            f"  bf10 = {value}, log_bf10 = {self.log_bf10:.6g} (numerical error {self.numerical_error:.1g})\n"
            f"  {self.strength} (Kass & Raftery 1995)"
        )


def bayes_factor(fit: object, hypothesis: str) -> BayesFactor:
    """Compare a fitted model with the same model in which a parameter is a given number.

    Parameters
    ----------
    fit : ExactFit
        The fitted model, H1.
    hypothesis : str
        H0: ``"mu = 0"`` (link scale), ``"tau = 0"`` (a common effect), for proportions ``"p_median = 0.5"``; or mu and
        tau together, ``"mu = 0, tau = 0"``. It is parsed, never evaluated.

    Returns
    -------
    BayesFactor
        ``bf10 = p(data | H1) / p(data | H0)``, with the numerical error of its logarithm.

    Raises
    ------
    SpecError
        If the hypothesis cannot be read, or the Bayes factor is not defined because a prior is improper: that of tau,
        or that of mu where the hypothesis is about mu. With a flat mu Bayes factors for tau are defined, since its
        constant cancels.
    AccuracyError
        If the hypothesis lies too far from the data to be computed.

    Notes
    -----
    H0 keeps the prior of the parameter that it does not fix. Unlike an estimate, a Bayes factor depends on how wide
    the prior of the tested parameter is, however many data there are: the wider, the more it favours H0 (Lindley's
    paradox). It equals the ratio of prior to posterior density at the hypothesis (Savage-Dickey; Dickey 1971,
    doi:10.1214/aoms/1177693507), but is computed as a ratio of evidences, which is accurate far from the data as well.
    The words are those of Kass & Raftery (1995), doi:10.1080/01621459.1995.10476572.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
    >>> bm.bayes_factor(bm.fit(studies), "p_median = 0.5")
    Bayes factor of H1, mu ~ Normal(mu=0, sigma=1.5), tau ~ HalfNormal(sigma=1), over H0, p_median = 0.5
      bf10 = 603.2, log_bf10 = 6.40217 (numerical error 2e-08)
      very strong evidence against p_median = 0.5 (Kass & Raftery 1995)
    """
    if not isinstance(fit, ExactFit):
        refuse_regression(fit, "bayes_factor")
        engine = getattr(fit, "engine", None)
        got = f"engine={engine!r} has no evidence" if engine else f"got {a_type(fit)}"
        raise SpecError(f"bayes_factor needs a fit made by engine='exact'; {got}.")
    has_tau = "tau" in fit.parameters
    values = _parse(hypothesis, _testable(fit))
    text = ", ".join(f"{name} = {format_number(value)}" for name, value in values.items())
    fixed = _on_link_scale(values, fit.link)
    if not has_tau:
        fixed["tau"] = 0.0
    _check_proper(fit, text, fixed)
    log_h0, error = point_evidence(fit.solution.problem, mu=fixed.get("mu"), tau=fixed.get("tau"))
    log_h1 = fit.solution.fine.posterior.log_evidence
    defined = fit.log_evidence is not None
    return BayesFactor(
        text,
        f"mu ~ {fit.model.mu}" + (f", tau ~ {fit.model.tau}" if has_tau else ", common effect"),
        log_h1 - log_h0,
        fit.log_evidence_error + error,
        log_h1 if defined else None,
        log_h0 if defined else None,
    )


def _testable(fit: ExactFit) -> tuple[str, ...]:
    """Return the parameters that a hypothesis may be about."""
    skewed = fit.model.effects == "beta"  # there p_median depends on tau as well, and fixing it fixes no parameter
    return tuple(name for name in TESTABLE if name in fit.parameters and not (skewed and name == "p_median"))


def _parse(hypothesis: object, testable: tuple[str, ...]) -> dict[str, float]:
    """Return the values that a hypothesis gives to parameters."""
    example = f"write for example '{testable[0]} = 0'" if testable else "this model has no parameter to test"
    if not isinstance(hypothesis, str) or len(hypothesis) > MAX_LENGTH:
        raise SpecError(f"the hypothesis {quote(hypothesis)} is not a short text; {example}.")
    values: dict[str, float] = {}
    for part in hypothesis.split(","):
        match = _EQUATION.fullmatch(part)
        if match is None:
            raise SpecError(
                f"the hypothesis {quote(hypothesis)} cannot be read: it must be a parameter, =, and a plain number; "
                f"{example}."
            )
        name, value = match[1], float(match[2]) + 0.0
        if name not in testable:
            raise SpecError(unknown_name("parameter of a hypothesis", name, testable))
        if name in values:
            raise SpecError(f"the hypothesis {quote(hypothesis)} gives {name} twice; give it once.")
        values[name] = value
    return values


def _on_link_scale(values: dict[str, float], link: str) -> dict[str, float]:
    """Return the values of mu and tau, each checked to be possible."""
    fixed = {name: value for name, value in values.items() if name != "p_median"}
    if "p_median" in values:
        p = values["p_median"]
        if "mu" in values:
            raise SpecError("mu and p_median are one parameter on two scales; give one of them.")
        if not 0.0 < p < 1.0:
            hint = f" Did you mean {p / 100:g}?" if 1.0 < p < 100.0 else ""
            raise SpecError(f"p_median = {p:g} must lie strictly between 0 and 1.{hint}")
        fixed["mu"] = float(LINKS[link].link(p))
    for name, value in fixed.items():
        if not np.isfinite(value):
            raise SpecError(f"{name} = {value:g} must be finite.")
    if fixed.get("tau", 0.0) < 0.0:
        raise SpecError(f"tau = {fixed['tau']:g} must not be negative, because tau is a standard deviation.")
    return fixed


def _check_proper(fit: ExactFit, text: str, fixed: dict[str, float]) -> None:
    problem = fit.solution.problem
    for name, prior, remedy in (
        ("tau", problem.prior_tau, "HalfNormal(1)"),
        ("mu", problem.prior_mu, "Normal(0, 1.5)"),
    ):
        if prior.is_proper or (name == "mu" and name not in fixed):
            continue
        raise SpecError(
            f"the Bayes factor for {text} is not defined: the prior of {name}, {prior}, is improper and its constant "
            f"arbitrary; give a proper prior, such as {remedy}."
        )
