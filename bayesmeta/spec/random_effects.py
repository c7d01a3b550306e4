"""Which rows share a random effect? The terms of ``random``, in the language of lme4 and brms, read and checked.

(1 | trial)              rows of one trial share an effect (three levels: rows within trials)
(1 | trial/arm)          the same as (1 | trial) + (1 | trial:arm)
(1 | trial) + (1 | lab)  crossed: each row has an effect of its trial and one of its lab
(0 + outcome | trial)    several outcomes: each trial has an effect on each outcome, and these are correlated
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from bayesmeta._validate import listed
from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.parameters import check_number
from bayesmeta.spec.priors import Prior, PriorLike
from bayesmeta.spec.roles import prior_for

DEFAULT_LKJ: Final = 2.0
SMALLEST_LKJ: Final = 0.1  # below it the prior of correlations has next to all its mass at -1 and 1
_NAME: Final = r"[^\W\d]\w*"
_TERM: Final = re.compile(rf"\(\s*(?P<left>[^|()]*?)\s*\|\s*(?P<group>{_NAME}(?:\s*[:/]\s*{_NAME})*)\s*\)")
_OUTCOME: Final = re.compile(rf"0\s*\+\s*(?P<outcome>{_NAME})")
_EXAMPLES: Final = "'(1 | trial)', '(1 | trial/arm)', '(1 | trial) + (1 | country)' or '(0 + outcome | trial)'"


@final
@dataclass(frozen=True)
class Term:
    """One term of random effects.

    Attributes
    ----------
    columns : tuple of str
        Whose combinations of values are the groups.
    outcome : str
        The column of outcomes, if each group has an effect on each outcome; else empty.
    """

    columns: tuple[str, ...]
    outcome: str = ""

    @property
    def name(self) -> str:
        """What the groups are called: ``trial`` or ``trial:arm``."""
        return ":".join(self.columns)

    def __str__(self) -> str:
        return f"({f'0 + {self.outcome}' if self.outcome else '1'} | {self.name})"


def terms_in(random: str | None) -> tuple[Term, ...]:
    """Return the terms of ``random``; none if it is None.

    Raises
    ------
    SpecError
        If it cannot be read.

    Examples
    --------
    >>> [str(term) for term in terms_in("(1|trial/arm)")]
    ['(1 | trial)', '(1 | trial:arm)']
    """
    if random is None:
        return ()
    if not isinstance(random, str) or not random.strip():
        raise SpecError(f"random={random!r} names no random effects; write {_EXAMPLES}.")
    found: list[Term] = []
    rest = random
    while rest.strip():
        match = _TERM.match(rest.strip())
        if match is None:
            raise SpecError(f"random={random!r} cannot be read at {rest.strip()!r}; write {_EXAMPLES}.")
        found += _terms_of(match["left"], match["group"], random)
        rest = rest.strip()[match.end() :].strip()
        if rest:
            if not rest.startswith("+") or not rest[1:].strip():
                raise SpecError(f"random={random!r}: terms are joined by '+'; write {_EXAMPLES}.")
            rest = rest[1:]
    for i, term in enumerate(found):
        if term.name in [other.name for other in found[:i]]:
            raise SpecError(f"random={random!r} names {term.name!r} twice; name it once.")
    if len(found) > 1 and any(term.outcome for term in found):
        raise SpecError(
            f"random={random!r}: correlated outcomes are one term alone, such as '(0 + outcome | trial)'; leave the "
            "others out."
        )
    return tuple(found)


def _terms_of(left: str, group: str, random: str) -> list[Term]:
    nested = [tuple(re.split(r"\s*:\s*", part)) for part in re.split(r"\s*/\s*", group)]
    paths = [sum(nested[: depth + 1], ()) for depth in range(len(nested))]
    if left == "1":
        return [Term(columns) for columns in paths]
    outcome = _OUTCOME.fullmatch(left)
    if outcome is None or len(paths) > 1:
        raise SpecError(f"random={random!r}: {left!r} and {group!r} do not go together; write {_EXAMPLES}.")
    return [Term(paths[0], outcome["outcome"])]


def check_random(random: str | None, effects: str, formula: str | None) -> str | None:
    """Return ``random`` in one spelling, if it goes with the rest of the model."""
    terms = terms_in(random)
    if not terms:
        return None
    correlated = bool(terms[0].outcome)
    if effects not in (("normal",) if correlated else ("normal", "none")):
        allowed = "effects='normal'" if correlated else "effects='normal', or 'none' for rows without their own"
        raise SpecError(f"random={random!r} goes with {allowed}; got effects={effects!r}.")
    if correlated and formula is None:
        outcome = terms[0].outcome
        raise SpecError(
            f"random={random!r} has several outcomes, of which each needs its own mean; give formula='~ 0 + {outcome}'."
        )
    return " + ".join(map(str, terms))


def check_lkj(lkj: float | None, random: str | None) -> float | None:
    """Return the shape of the prior of correlations; None where there are none."""
    if not any(term.outcome for term in terms_in(random)):
        if lkj is not None:
            raise SpecError(
                f"lkj={lkj!r} is for correlated outcomes, as in random='(0 + outcome | trial)'; leave it out."
            )
        return None
    return check_number("lkj", DEFAULT_LKJ if lkj is None else lkj, least=SMALLEST_LKJ)


def check_tau_of(tau_of: Mapping[str, PriorLike] | None, random: str | None) -> FrozenMapping[Prior]:
    """Return the priors of the SDs of random effects that have one of their own."""
    given = {} if tau_of is None else tau_of
    terms = terms_in(random)
    if not isinstance(given, Mapping):
        raise SpecError(f"tau_of={given!r} must be a mapping, such as {{'trial': 'HalfNormal(0.5)'}}.")
    if given and not terms:
        raise SpecError("tau_of is for the SDs of random effects; give random='(1 | trial)' as well.")
    if terms and not terms[0].outcome:
        names = [term.name for term in terms]
        for name in given:
            if name not in names:
                raise SpecError(f"tau_of names {name!r}, but the random effects are of {listed(names)}.")
    return FrozenMapping({str(name): _prior_of(str(name), prior) for name, prior in given.items()})


def _prior_of(name: str, value: PriorLike) -> Prior:
    try:
        return prior_for("tau", value)
    except SpecError as error:
        raise SpecError(str(error).replace("for tau", f"for tau[{name}]", 1)) from None
