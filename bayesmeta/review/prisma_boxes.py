"""Which boxes has the PRISMA 2020 flow diagram of a new review, and how must their numbers go together?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

MAIN: Final = "databases and registers"
OTHER: Final = "other methods"


@final
@dataclass(frozen=True)
class Box:
    """One number of the diagram.

    Attributes
    ----------
    key : str
        What files call it.
    words : str
        What the diagram prints before the number.
    arm : str
        ``"databases and registers"``, ``"other methods"``, or ``""`` where both come together.
    stage : str
        ``"Identification"``, ``"Screening"`` or ``"Included"``.
    has_parts : bool
        Whether it can be split: databases by name, exclusions by reason.
    """

    key: str
    words: str
    arm: str
    stage: str
    has_parts: bool = False


_IDENTIFIED, _SCREENED, _INCLUDED = "Identification", "Screening", "Included"
BOXES: Final[Mapping[str, Box]] = MappingProxyType(
    {
        box.key: box
        for box in (
            Box("databases", "Databases", MAIN, _IDENTIFIED, has_parts=True),
            Box("registers", "Registers", MAIN, _IDENTIFIED, has_parts=True),
            Box("duplicates", "Duplicate records removed", MAIN, _IDENTIFIED),
            Box("automation", "Records marked as ineligible by automation tools", MAIN, _IDENTIFIED),
            Box("removed_other", "Records removed for other reasons", MAIN, _IDENTIFIED, has_parts=True),
            Box("screened", "Records screened", MAIN, _SCREENED),
            Box("excluded", "Records excluded", MAIN, _SCREENED, has_parts=True),
            Box("sought", "Reports sought for retrieval", MAIN, _SCREENED),
            Box("not_retrieved", "Reports not retrieved", MAIN, _SCREENED),
            Box("assessed", "Reports assessed for eligibility", MAIN, _SCREENED),
            Box("excluded_reports", "Reports excluded", MAIN, _SCREENED, has_parts=True),
            Box("websites", "Websites", OTHER, _IDENTIFIED, has_parts=True),
            Box("organisations", "Organisations", OTHER, _IDENTIFIED, has_parts=True),
            Box("citations", "Citation searching", OTHER, _IDENTIFIED),
            Box("further_sources", "Further sources", OTHER, _IDENTIFIED, has_parts=True),
            Box("other_sought", "Reports sought for retrieval", OTHER, _SCREENED),
            Box("other_not_retrieved", "Reports not retrieved", OTHER, _SCREENED),
            Box("other_assessed", "Reports assessed for eligibility", OTHER, _SCREENED),
            Box("other_excluded_reports", "Reports excluded", OTHER, _SCREENED, has_parts=True),
            Box("studies", "Studies included in review", "", _INCLUDED),
            Box("reports", "Reports of included studies", "", _INCLUDED),
        )
    }
)
"""The boxes of the diagram of M. J. Page et al. (2021, BMJ 372:n71, doi:10.1136/bmj.n71), in its order."""


@final
@dataclass(frozen=True)
class State:
    """A number that stands in the middle of an arm, and what is taken away from it to get to the next one.

    Attributes
    ----------
    boxes : tuple of str
        Keys of the boxes whose sum it is.
    removed : tuple of str
        Keys of the boxes that are taken away.
    """

    boxes: tuple[str, ...]
    removed: tuple[str, ...] = ()


CHAINS: Final[Mapping[str, tuple[State, ...]]] = MappingProxyType(
    {
        MAIN: (
            State(("databases", "registers"), ("duplicates", "automation", "removed_other")),
            State(("screened",), ("excluded",)),
            State(("sought",), ("not_retrieved",)),
            State(("assessed",), ("excluded_reports",)),
        ),
        OTHER: (
            State(("websites", "organisations", "citations", "further_sources")),
            State(("other_sought",), ("other_not_retrieved",)),
            State(("other_assessed",), ("other_excluded_reports",)),
        ),
    }
)
"""What becomes of the records of each arm; what is left at the end of both arms are the reports of included studies."""
OPTIONAL: Final = frozenset(
    ("registers", "automation", "removed_other", "websites", "organisations", "citations", "further_sources", "reports")
)
"""Boxes that the diagram may leave out if they are empty, or say no more than another."""
