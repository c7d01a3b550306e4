"""Do the numbers of a PRISMA flow add up, and which of them are missing?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from bayesmeta.review.prisma_boxes import BOXES, CHAINS, MAIN, OPTIONAL, OTHER, State

type Counts = Mapping[str, int]
type Found = tuple[str, str, str]
"""Key of a box, what is wrong with it, and "error", "missing" or "warning"."""

END: Final = ("reports", "studies")
NOT_STANDARD: Final = ("further_sources",)
"""Boxes that the diagram has only as "etc.", so that nobody misses them."""
_UNAVAILABLE = re.compile(
    r"unavailab|not available|no full.?text|not retriev|could not be (?:obtained|retrieved)", re.I
)


def find_faults(counts: Counts, parts: Mapping[str, Counts], *, has_other: bool) -> list[Found]:
    """Return what does not add up, then what is missing, then what deserves a second look.

    Parameters
    ----------
    counts : mapping
        Boxes that are given, by key.
    parts : mapping of mappings
        Their parts, by key and name.
    has_other : bool
        Whether the diagram has an arm for other methods.

    Returns
    -------
    list of (box, problem, kind)
        Nothing is filled in: what a missing box would be is only said.
    """
    arms = (MAIN, OTHER) if has_other else (MAIN,)
    found = list(_parts_that_do_not_add(counts, parts))
    absent: dict[str, str] = {}
    for arm in arms:
        found += _arm(CHAINS[arm], counts, absent)
    found += _end([CHAINS[arm] for arm in arms], counts, absent)
    found += [
        (key, f"{box.words}: not given{absent.get(key, '')}", "missing")
        for key, box in BOXES.items()
        if key not in counts and (box.arm in arms or not box.arm) and key not in NOT_STANDARD
    ]
    return found + list(_second_looks(counts, parts))


def _parts_that_do_not_add(counts: Counts, parts: Mapping[str, Counts]) -> Iterator[Found]:
    for key, named in parts.items():
        total = sum(named.values())
        if total != counts[key]:
            sum_of = " + ".join(str(count) for count in named.values())
            yield key, f"{sum_of} = {total}, but {key} = {counts[key]}; correct a part or the total", "error"


def _value(state: State, counts: Counts) -> int | None:
    given = [counts[key] for key in state.boxes if key in counts]
    return sum(given) if given else None


def _shown(state: State, counts: Counts) -> str:
    return " + ".join(f"{key} {counts[key]}" for key in state.boxes if key in counts)


def _arm(chain: tuple[State, ...], counts: Counts, absent: dict[str, str]) -> Iterator[Found]:
    """Yield what does not add up between the numbers of one arm that are given, one after the other."""
    known = [i for i, state in enumerate(chain) if _value(state, counts) is not None]
    for first, last in pairwise(known):
        removed = [key for state in chain[first:last] for key in state.removed]
        before, after = _value(chain[first], counts) or 0, _value(chain[last], counts) or 0
        name = chain[last].boxes[0]
        shown = _shown(chain[first], counts)
        more = [key for key in chain[first].boxes if key not in counts]
        yield from _step(shown, before, removed, name, after, counts, absent, more)
    for i, state in enumerate(chain[:-1]):  # what a missing number between two given ones would be
        if i in known and i + 1 not in known and all(key in counts or key in OPTIONAL for key in state.removed):
            left = (_value(state, counts) or 0) - sum(counts.get(key, 0) for key in state.removed)
            absent[chain[i + 1].boxes[0]] = f"; by the boxes before it, {left}" if left >= 0 else ""


def _step(
    shown: str,
    before: int,
    removed: list[str],
    name: str,
    after: int,
    counts: Counts,
    absent: dict[str, str],
    more: Sequence[str] = (),
) -> Iterator[Found]:
    """Yield what is wrong between two numbers; note of missing boxes what they could be."""
    given = [key for key in removed if key in counts]
    missing = [key for key in removed if key not in counts]
    needed = [key for key in missing if key not in OPTIONAL]
    left = before - sum(counts[key] for key in given) - after
    for key in missing:
        alone = len(missing) == 1 or needed == [key]
        absent[key] = f"; by the others, {left}" if alone and left > 0 else ""
        if left == 0:
            absent[key] = "; the other boxes add up without it"
    if left == 0 or (left > 0 and len(needed) == 1):
        return
    sum_of = " - ".join([shown, *(f"{key} {counts[key]}" for key in given)])
    result = before - sum(counts[key] for key in given)
    if left > 0 and needed:
        for key in needed:
            absent[key] = f"; {left} of {before} between {shown} and {name} {after} are in none of the boxes"
        return
    text = f"{sum_of} = {result}, but {name} = {after}: {abs(left)} too {'few' if left > 0 else 'many'}"
    holders = missing if left > 0 else more
    hint = f"{' or '.join(holders)}, not given, may hold them" if holders else "correct one of them"
    yield name, f"{text}; {hint}", "error"


def _end(chains: list[tuple[State, ...]], counts: Counts, absent: dict[str, str]) -> Iterator[Found]:
    """Yield what does not add up between the last numbers of the arms and what is included."""
    name = next((key for key in END if key in counts), None)
    last = [[i for i, state in enumerate(chain) if _value(state, counts) is not None] for chain in chains]
    if name is None or not last[0]:
        return
    states = [chain[known[-1]] for chain, known in zip(chains, last, strict=True) if known]
    removed = [
        key
        for chain, known in zip(chains, last, strict=True)
        if known
        for state in chain[known[-1] :]
        for key in state.removed
    ]
    shown = " + ".join(_shown(state, counts) for state in states)
    before = sum(_value(state, counts) or 0 for state in states)
    for key, text, kind in _step(shown, before, removed, name, counts[name], counts, absent):
        several = "; give the box reports if several reports are of one study" if name == "studies" else ""
        yield key, text + several, kind


def _second_looks(counts: Counts, parts: Mapping[str, Counts]) -> Iterator[Found]:
    if counts.get("studies", 0) > counts.get("reports", counts.get("studies", 0)):
        text = f"studies {counts['studies']} > reports {counts['reports']}; does one report tell of several studies?"
        yield "studies", text, "warning"
    for key in ("excluded_reports", "other_excluded_reports"):
        for reason, count in parts.get(key, {}).items():
            if _UNAVAILABLE.search(reason):
                place = BOXES[key.replace("excluded_reports", "not_retrieved")]
                text = (
                    f"{reason!r} ({count}): reports that could not be had belong into '{place.words}' ({place.key}), "
                    "as they were not assessed"
                )
                yield key, text, "warning"
