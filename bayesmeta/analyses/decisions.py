"""How probable is it that a quantity exceeds a threshold, or is practically the same as a value?"""

import math
from numbers import Real
from typing import Any, Protocol, Self, final, runtime_checkable

import numpy as np

from bayesmeta._validate import a_type
from bayesmeta.errors import SpecError
from bayesmeta.exact.summary import FLOOR
from bayesmeta.nuts.diagnosis import NOT_RELIABLE
from bayesmeta.nuts.estimates import share_within
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.marginal import Marginal
from bayesmeta.spec.prior_text import quote

ESTIMANDS = {
    "mu": "mean of the study effects, link scale",
    "tau": "standard deviation of the study effects, link scale",
    "theta_new": "true effect of the next study, link scale",
    "p_median": "true proportion of the median study",
    "p_mean": "mean of the true proportions over studies",
    "p_new": "true proportion of the next study",
    "theta": "true effect of this study, link scale",
    "p": "true proportion of this study",
}


FIELDS = ("statement", "estimand", "numerical_error", "mcse", "note")


@runtime_checkable
class HasResolutions(Protocol):
    """A fit by quadrature."""

    def resolutions(self, name: str) -> tuple[Marginal, Marginal]:
        """Return the distribution of a quantity at the finer and at the coarser resolution."""
        ...


@final
class Probability(float):
    """A posterior probability: a number that says what it is the probability of, and how accurate it is.

    Attributes
    ----------
    statement : str
        Such as ``"P(p_new > 0.8)"``.
    estimand : str
        The quantity in words.
    numerical_error : float or None
        Absolute error of an exact fit's probability; 0 where it is 0 or 1 by definition.
    mcse : float or None
        Monte-Carlo standard error of a probability by draws.
    note : str
        What a reader should know; otherwise empty.
    """

    statement: str
    estimand: str
    numerical_error: float | None
    mcse: float | None
    note: str

    def __new__(
        cls,
        value: float,
        *,
        statement: str,
        estimand: str,
        numerical_error: float | None = None,
        mcse: float | None = None,
        note: str = "",
    ) -> Self:
        """Return the number with what it means."""
        self = super().__new__(cls, value)
        for name, given in zip(FIELDS, (statement, estimand, numerical_error, mcse, note), strict=True):
            object.__setattr__(self, name, given)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Probability cannot be changed; {name} stays as it is.")

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, Any]]:
        return (float(self),), {name: getattr(self, name) for name in FIELDS}

    def __getstate__(self) -> None:
        """Return nothing: all is in the arguments of `__new__`."""

    def __str__(self) -> str:
        return float.__repr__(self)

    def __repr__(self) -> str:
        error = f"MCSE {self.mcse:.1g}" if self.mcse is not None else f"numerical error {self.numerical_error:.1g}"
        text = f"{self.statement} = {_shown(float(self))} ({error}); {self.estimand}"
        return f"{text}; {self.note}" if self.note else text


def prob_above(fit: object, name: str, *, threshold: float) -> Probability:
    """Return the posterior probability that a quantity exceeds a threshold.

    Parameters
    ----------
    fit : ExactFit, NutsFit or AveragedFit
        A Bayesian fit.
    name : str
        Any quantity of ``fit.marginal``: ``"p_new"``, ``"tau"``, ``"theta[label]"``, ...
    threshold : float
        On the scale of the quantity: 0.8, not 80, for a proportion.

    Returns
    -------
    Probability
        A float with ``numerical_error`` (exact) or ``mcse`` (nuts), ``statement``, ``estimand`` and ``note``. Exactly 0
        or 1 where the quantity cannot exceed the threshold, or must.

    Raises
    ------
    SpecError
        If there is no such quantity, the threshold is no number, or the fit is not Bayesian.

    Notes
    -----
    "The proportion exceeds 0.8" is three statements: about the median study (`p_median`), the mean over studies
    (`p_mean`), or the next study (`p_new`), which is the least certain.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> bm.prob_above(fit, "p_new", threshold=0.8)
    P(p_new > 0.8) = 0.470758 (numerical error 1e-07); true proportion of the next study
    """
    at = _number("threshold", threshold)
    return _probability(fit, name, at, math.inf, f"P({name} > {at:g})")


def prob_rope(fit: object, name: str, *, rope: tuple[float, float]) -> Probability:
    """Return the posterior probability that a quantity lies in a region of practical equivalence.

    Parameters
    ----------
    fit : ExactFit, NutsFit or AveragedFit
        A Bayesian fit.
    name : str
        Any quantity of ``fit.marginal``.
    rope : tuple of float
        Lower and upper end of the region, on the scale of the quantity; infinite ends are allowed.

    Returns
    -------
    Probability
        As in `prob_above`.

    Raises
    ------
    SpecError
        If there is no such quantity, the region is none, or the fit is not Bayesian.

    References
    ----------
    Kruschke (2018), Advances in Methods and Practices in Psychological Science 1, 270-280,
    doi:10.1177/2515245918771304.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> round(bm.prob_rope(fit, "p_median", rope=(0.75, 0.85)), 4)
    0.7013
    """
    try:
        low, high = rope
    except (TypeError, ValueError):
        raise SpecError(f"rope={quote(rope)} must be two numbers, as in rope=(-0.1, 0.1).") from None
    low, high = _number("rope", low), _number("rope", high)
    if not low < high:
        raise SpecError(f"rope=({low:g}, {high:g}) must have its lower end first, as in rope=(-0.1, 0.1).")
    return _probability(fit, name, low, high, f"P({low:g} < {name} < {high:g})")


def _probability(fit: object, name: str, low: float, high: float, statement: str) -> Probability:
    if not isinstance(fit, HasResolutions | NutsFit):
        engine = getattr(fit, "engine", None)
        got = f"engine={engine!r} has no posterior" if engine else f"got {a_type(fit)}"
        raise SpecError(f"a posterior probability needs a Bayesian fit; {got}; fit with engine='exact'.")
    distributions = (fit.marginal(name),) if isinstance(fit, NutsFit) else fit.resolutions(name)
    estimand = ESTIMANDS.get(name.partition("[")[0], name)
    certain, note = _by_definition(name, low, high)
    if certain is not None:
        return Probability(certain, statement=statement, estimand=estimand, numerical_error=0.0, note=note)
    if isinstance(fit, NutsFit):
        note = "" if fit.is_reliable else f"{NOT_RELIABLE}, see bm.diagnose"
        share, mcse = share_within(fit.values_of(name), low, high)
        return Probability(share, statement=statement, estimand=estimand, mcse=mcse, note=note)
    at = np.array([low, high])
    fine, coarse = (float(np.diff(marginal.cdf(at))[0]) for marginal in distributions)
    value = min(max(fine, 0.0), 1.0)
    return Probability(value, statement=statement, estimand=estimand, numerical_error=FLOOR + abs(fine - coarse))


def _by_definition(name: str, low: float, high: float) -> tuple[float | None, str]:
    """Return 0 or 1 and the reason where the support of the quantity decides, else None."""
    kind = name.partition("[")[0]
    lower, upper = -math.inf, math.inf
    if kind == "tau":
        lower = 0.0
    elif kind == "p" or kind.startswith("p_"):
        lower, upper = 0.0, 1.0
    if low <= lower and high >= upper:
        return 1.0, f"{name} always lies between {lower:g} and {upper:g}"
    if low < upper and high > lower:
        return None, ""
    hint = f"; did you mean {low / 100.0:g}?" if upper == 1.0 < low <= 100.0 else ""
    return 0.0, f"{name} always lies between {lower:g} and {upper:g}{hint}"


def _number(option: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise SpecError(f"{option}={quote(value)} is not a number; give a number such as 0.8.")
    return float(value)


def _shown(value: float) -> str:
    """Return a probability with six decimals; more where that would read as 0 or 1."""
    text = f"{value:.6f}"
    if value in (0.0, 1.0):
        return f"{value:g}"
    return {"0.000000": f"{value:.2g}", "1.000000": f"1 - {1.0 - value:.2g}"}.get(text, text)
