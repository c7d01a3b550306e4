"""How is a prior written as text, and read back? Parsed by a fixed pattern, never evaluated."""

import re
from collections.abc import Collection, Iterable

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS, PriorFamily

# The longest sensible prior has about 60 characters; the limit keeps hostile input out of the pattern.
MAX_LENGTH = 200

_NAME = re.compile(r"\s*([A-Za-z]\w*)\s*", re.ASCII)
_CALL = re.compile(r"\s*([A-Za-z]\w*)\s*\(([^()]*)\)\s*", re.ASCII)
_ARGUMENT = re.compile(r"\s*(?:([A-Za-z]\w*)\s*=)?\s*(\S+)\s*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|nan)", re.ASCII)


def parse_prior(
    text: str, *, among: Collection[str] = PRIORS.keys()
) -> tuple[str, tuple[float, ...], dict[str, float]]:
    """Take ``"Name(value, parameter=value, ...)"`` apart.

    Values are plain decimal numbers. Nested calls, expressions, names and attributes are refused; nothing is
    evaluated.

    Parameters
    ----------
    text : str
        For example ``"HalfNormal(0.5)"``, ``"HalfStudentT(nu=3, sigma=1)"`` or ``"Flat()"``.
    among : collection of str
        The families that the message for a bare name lists.

    Returns
    -------
    name : str
        The family; whether it exists is not checked here.
    values : tuple of float
        The values without a name, in order.
    named : dict
        The values with a name.

    Raises
    ------
    SpecError
        If the text has another form, or is longer than 200 characters.
    """
    if len(text) > MAX_LENGTH:
        raise SpecError(
            f"a prior of {len(text)} characters, {quote(text)}, is too long (at most {MAX_LENGTH}); "
            "write for example 'HalfNormal(0.5)'."
        )
    call = _CALL.fullmatch(text)
    if call is None:
        raise SpecError(_malformed(text, among))
    values: list[float] = []
    named: dict[str, float] = {}
    for argument in _arguments(call[2]):
        name, value = _parse_argument(argument, text)
        if name is None and named:
            raise SpecError(f"prior {quote(text)}: the value {argument.strip()} needs a name after a named one.")
        if name is None:
            values.append(value)
        elif name in named:
            raise SpecError(f"prior {quote(text)}: {name} is given twice.")
        else:
            named[name] = value
    return call[1], tuple(values), named


def find_family(name: object, *, bare: bool = False, among: Collection[str] = PRIORS.keys()) -> PriorFamily:
    """Return the family of that name, or raise `SpecError` with the nearest name and all that are allowed.

    Parameters
    ----------
    name : object
        What was given as the family's name.
    bare : bool
        Whether it stands without any parameter, as R bayesmeta's priors do.
    among : collection of str
        The families that the message lists: those that suit the parameter, where it is known.
    """
    if isinstance(name, str) and name in PRIORS:
        return PRIORS[name]
    if bare and isinstance(name, str) and name in R_BAYESMETA_PRIORS:
        return R_BAYESMETA_PRIORS[name]
    shown = f"{name[:50]}..." if isinstance(name, str) and len(name) > 60 else name
    raise SpecError(unknown_name("prior", shown, among))


def format_prior(name: str, parameters: Iterable[tuple[str, float]]) -> str:
    """Return ``"HalfNormal(sigma=0.5)"``; `parse_prior` reads it back to the same numbers."""
    return f"{name}({', '.join(f'{key}={format_number(value)}' for key, value in parameters)})"


def format_number(value: float) -> str:
    """Return the shortest text that reads back to ``value``, without a trailing ``.0``."""
    return repr(float(value)).removesuffix(".0")


def quote(text: object) -> str:
    """Return what the user wrote, on one line and no longer than an error message can bear."""
    shown = " ".join(repr(text).split())
    return shown if len(shown) <= 60 else f"{shown[:50]}...{shown[-1]}"


def _arguments(inside: str) -> list[str]:
    return inside.split(",") if inside.strip() else []


def _parse_argument(argument: str, text: str) -> tuple[str | None, float]:
    match = _ARGUMENT.fullmatch(argument)
    if match is None or _NUMBER.fullmatch(match[2]) is None:
        raise SpecError(
            f"prior {quote(text)}: {quote(argument.strip())} is not a number or parameter=number; "
            "expressions are not evaluated, write the number itself."
        )
    return match[1], float(match[2])


def _malformed(text: str, among: Collection[str]) -> str:
    bare = _NAME.fullmatch(text)
    if bare is not None:
        family = find_family(bare[1], bare=True, among=among)
        return f"the prior {quote(text)} lacks its parentheses; write {family.template()!r}."
    return (
        f"{quote(text)} is not a prior; write a name and numbers in parentheses, "
        "for example 'HalfNormal(0.5)' or 'Normal(mu=0, sigma=1.5)'."
    )
