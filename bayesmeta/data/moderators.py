"""What is said of a moderator that the studies do not have, and how do they get it?"""

from collections.abc import Iterable

from bayesmeta._validate import did_you_mean, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError


def check_moderator(studies: Studies, name: str) -> None:
    """Raise `SpecError` if the studies have no such moderator, saying how they get it."""
    there = [str(own) for own in studies.moderators.columns]
    if name in there:
        return
    if not there:
        raise SpecError(f"the studies have no moderator {name!r}; read them with {wanted_with(studies, name)}.")
    raise SpecError(unknown_name("moderator", name, there) + or_add(studies, name, there))


def wanted_with(studies: Studies, name: str) -> str:
    """Return the option by which a column of the data becomes a moderator: ``moderators=['design', 'year']``."""
    return f"moderators={[*map(str, studies.moderators.columns), name]!r}"


def or_add(studies: Studies, name: str, allowed: Iterable[object]) -> str:
    """Return that an unknown name may be a column of the data, unless it is a misspelt one of those allowed."""
    if did_you_mean(name, allowed):
        return ""
    call = f"Studies.from_frame(..., {wanted_with(studies, name)})"
    return f" If {name!r} is a column of your data, read it with the studies: {call}."
