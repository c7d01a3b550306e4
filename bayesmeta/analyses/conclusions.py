"""What is concluded? A statement about the posterior, such as "P(p_new > 0.5) >= 0.95", read and checked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.spec.prior_text import quote

MAX_LENGTH = 200
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_NAME = r"([A-Za-z]\w*)"
_PROBABILITY = re.compile(rf"\s*P\s*\(\s*{_NAME}\s*([<>])=?\s*{_NUMBER}\s*\)\s*([<>])=?\s*{_NUMBER}\s*", re.ASCII)
_INTERVAL = re.compile(
    rf"\s*the\s+(?:{_NUMBER}\s*%\s+)?interval\s+of\s+{_NAME}\s+(excludes|includes)\s+{_NUMBER}\s*", re.ASCII
)
_FORMS = "'P(p_new > 0.5) >= 0.95' or 'the interval of p_mean excludes 0.8'"
_SIGNS = {"≥": ">=", "≤": "<="}

type Margin = Callable[[ExactFit], float]


@final
@dataclass(frozen=True)
class Conclusion:
    """A statement that a posterior fulfils or not.

    Attributes
    ----------
    text : str
        As it was given.
    margin : callable
        By how much a fit fulfils it: above 0 if it does.
    value : callable
        What is compared with a threshold: a probability; of a function of the user's, 1 if it holds and 0 if not.
    threshold : float
        With which it is compared.
    words : str
        What the value is.
    """

    text: str
    margin: Margin
    value: Margin
    threshold: float
    words: str

    def holds(self, fit: ExactFit) -> bool:
        """Return whether a posterior fulfils the statement."""
        return self.margin(fit) > 0.0


def as_conclusion(value: str | Callable[[ExactFit], bool], fit: ExactFit) -> Conclusion:
    """Return what was given as a `Conclusion`.

    Parameters
    ----------
    value : str or callable
        Text is parsed, never evaluated. A callable takes a fit and returns whether the conclusion holds.
    fit : ExactFit
        Whose quantities may be named.

    Raises
    ------
    SpecError
        If it is neither, names no quantity of the fit, or compares one with a value that it cannot have.
    """
    if callable(value):
        name = getattr(value, "__name__", "the conclusion")
        return Conclusion(
            name, lambda f: 1.0 if value(f) else -1.0, lambda f: float(bool(value(f))), 0.5, f"{name} holds"
        )
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        raise SpecError(f"{quote(value)} is no conclusion; write {_FORMS}, or give a function of a fit.")
    text = value
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    if (found := _PROBABILITY.fullmatch(text)) is not None:
        name, side, x, relation, p = found.groups()
        at = _possible(_known(name, fit), float(x))
        return _probability(value, name, side, at, relation, check_probability("P", float(p)))
    if (found := _INTERVAL.fullmatch(text)) is not None:
        percent, name, verb, x = found.groups()
        prob = check_probability("the interval's probability", float(percent or 95) / 100.0)
        return _interval(value, name, prob, verb, _possible(_known(name, fit), float(x)))
    raise SpecError(f"{quote(value)} is no conclusion; write {_FORMS}, or give a function of a fit.")


def _known(name: str, fit: ExactFit) -> str:
    allowed = tuple(dict.fromkeys((*fit.parameters, "theta_new")))
    if name not in allowed:
        raise SpecError(unknown_name("parameter", name, allowed))
    return name


def _possible(name: str, x: float) -> float:
    """Return ``x``, or raise `SpecError` where no posterior could change what is said of it."""
    if name.startswith("p_") and not 0.0 < x < 1.0:
        hint = f" Did you mean {x / 100.0:g}?" if 1.0 < x < 100.0 else ""
        raise SpecError(f"{name} is a proportion, so {x:g} must lie strictly between 0 and 1.{hint}")
    if name == "tau" and not x > 0.0:
        raise SpecError(f"tau is a standard deviation, so {x:g} must be above 0.")
    if not np.isfinite(x):
        raise SpecError(f"{x:g} is no value of {name}; give a finite number.")
    return x


def _probability(text: str, name: str, side: str, x: float, relation: str, p: float) -> Conclusion:
    def probability(fit: ExactFit) -> float:
        below = float(fit.marginal(name).cdf(x))
        return below if side == "<" else 1.0 - below

    def margin(fit: ExactFit) -> float:
        return probability(fit) - p if relation == ">" else p - probability(fit)

    return Conclusion(text, margin, probability, p, f"P({name} {side} {x:g})")


def _interval(text: str, name: str, prob: float, verb: str, x: float) -> Conclusion:
    # an equal-tailed interval excludes x if less than a tail's probability lies on one side of x
    tail = 0.5 * (1.0 - prob)

    def beyond(fit: ExactFit) -> float:
        below = float(fit.marginal(name).cdf(x))
        return min(below, 1.0 - below)

    def margin(fit: ExactFit) -> float:
        return tail - beyond(fit) if verb == "excludes" else beyond(fit) - tail

    return Conclusion(text, margin, beyond, tail, f"P({name} on the other side of {x:g})")
