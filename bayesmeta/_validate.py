"""How a wrong name or value is reported: what was given, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from numbers import Integral

from bayesmeta.errors import SpecError


def did_you_mean(given: object, allowed: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest allowed name, or ``""`` if none is near."""
    names = {str(name).casefold(): str(name) for name in allowed}
    near = get_close_matches(str(given).casefold(), names, n=1, cutoff=0.6)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def unknown_name(kind: str, given: object, allowed: Iterable[object]) -> str:
    """Return the message for a name that is not in a registry.

    Parameters
    ----------
    kind : str
        What the name stands for, such as ``"measure"``.
    given : object
        What the user wrote.
    allowed : iterable
        The names that exist; all are listed in the message, in quotation marks if one holds a comma.

    Returns
    -------
    str
        One line, for example ``unknown measure 'PLX'. Did you mean 'PLO'? Allowed: PLO, PR.``
    """
    names = [str(name) for name in allowed]
    return f"unknown {kind} {given!r}.{did_you_mean(given, names)} Allowed: {listed(names)}."


def listed(names: Iterable[object]) -> str:
    """Return names beside one another: ``PLO, PR``, but ``'first', 'relapse, consolidation'`` if one has a comma."""
    texts = [str(name) for name in names]
    return ", ".join(map(repr, texts) if any("," in text for text in texts) else texts)


def check_probability(name: str, value: float) -> float:
    """Return ``value`` as a float if it lies strictly between 0 and 1; raise `SpecError` if not."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise SpecError(f"{name}={value!r} is not a number; give a probability such as 0.95.") from None
    if not 0.0 < number < 1.0:
        hint = f" Did you mean {number / 100:g}?" if 10.0 <= number < 100.0 else ""
        raise SpecError(f"{name}={value!r} must lie strictly between 0 and 1.{hint}")
    return number


def check_number(name: str, value: object) -> float:
    """Return ``value`` as a float if it is a finite number; raise `SpecError` if not."""
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number is refused here
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise SpecError(f"{name}={value!r} must be a finite number, such as 0.")
    return number


def a_type(value: object) -> str:
    """Return the type of a value with its article: ``an ExactFit``, ``a GlmmFit``."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"


def check_counts(**values: object) -> None:
    """Raise `SpecError` for the first value that is not a positive integer."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise SpecError(f"{name}={value!r} must be a positive whole number, such as 1000.")
