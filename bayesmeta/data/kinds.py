"""What can describe a study, and what are the columns of each kind of data called?"""

from typing import Final, Literal

from bayesmeta.effects.measures import ROLES_OF_DATA, DataKind

type Kind = DataKind | Literal["intervals"]
"""What the columns of a file hold: the data of studies, or estimates with limits, which become estimates."""

ARMS: Final = ("treatment", "control")

ROLES_OF_KIND: dict[Kind, tuple[str, ...]] = {
    **dict[Kind, tuple[str, ...]](ROLES_OF_DATA.items()),
    "intervals": ("estimate", "lower", "upper"),
}
"""The roles of the columns that describe a study, for each kind of data."""

DATA_ROLES: Final = tuple(dict.fromkeys(role for roles in ROLES_OF_DATA.values() for role in roles))
"""The fields of `Studies` that hold data."""

ALIASES = {
    "study": ("slab", "label", "author", "trial"),
    "events": ("xi",),
    "n": ("ni",),
    "time": ("ti",),
    "events_treatment": ("ai", "x1i"),
    "n_treatment": ("n1i",),
    "time_treatment": ("t1i",),
    "events_control": ("ci", "x2i"),
    "n_control": ("n2i",),
    "time_control": ("t2i",),
}
"""Column names taken for a role when the user names none and the canonical name is absent (metafor's)."""


def kind_of(roles: set[str]) -> Kind | None:
    """Return the kind of data that has exactly these roles, or None."""
    return next((kind for kind, needed in ROLES_OF_KIND.items() if set(needed) == roles), None)


def base_role(role: str) -> str:
    """Return the role without its arm: ``events`` for ``events_control``."""
    for arm in ARMS:
        role = role.removesuffix(f"_{arm}")
    return role


def arms_of(kind: Kind) -> tuple[str, ...]:
    """Return the endings of the roles of each arm: ``_treatment`` and ``_control``, or none for one arm."""
    return tuple(f"_{arm}" for arm in ARMS) if kind.startswith("two-arm") else ("",)
