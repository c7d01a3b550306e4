"""What may stand in an ``analysis.toml``: which sections, which keys, and of which type?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.frozen import FrozenMapping


@final
@dataclass(frozen=True)
class Kind:
    """A type of value.

    Attributes
    ----------
    title : str
        What it is called in messages, with an example.
    accepts : callable
        Whether a value that TOML holds is of this type.
    each : callable, optional
        Of an array or a table: whether one of its entries is as it should be.
    """

    title: str
    accepts: Callable[[object], bool]
    each: Callable[[object], bool] | None = None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_choice(value: object) -> bool:
    return isinstance(value, str) or _is_number(value) or _is_texts(value) or _is_numbers(value)


def _is_weights(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


TEXT: Final = Kind('a string, such as "study"', _is_text)
TEXTS: Final = Kind('an array of strings, such as ["regimen"]', _is_texts, _is_text)
TEXT_OR_TEXTS: Final = Kind(
    'a string or an array of strings, such as "-weight"', lambda v: _is_text(v) or _is_texts(v), _is_text
)
WHOLE: Final = Kind("a whole number, such as 1000", lambda value: type(value) is int)
NUMBER: Final = Kind("a number, such as 0.95", _is_number)
NUMBERS: Final = Kind("an array of numbers, such as [170, 85]", _is_numbers, _is_number)
YES_OR_NO: Final = Kind("true or false", lambda value: isinstance(value, bool))
CHOICE: Final = Kind('a value or an array of values of that column, such as "CR" or [2017, 2023]', _is_choice)

WEIGHTS: Final = Kind('a table of numbers by study, such as { "Lee 2019" = 0.5 }', _is_weights, _is_number)

type Keys = Mapping[str, Kind]

TOP: Final[Keys] = MappingProxyType({"title": TEXT, "question": TEXT, "outcome": TEXT, "notes": TEXTS})
DATA: Final[Keys] = MappingProxyType(
    {"file": TEXT, "dataset": TEXT, "sha256": TEXT, "on_bad": TEXT, "measure": TEXT, "interval_prob": NUMBER}
)
ROLES: Final[Keys] = MappingProxyType(
    dict.fromkeys(("study", "y", "se", "estimate", "lower", "upper", "status"), TEXT)
    | dict.fromkeys(("events", "n", "time"), TEXT_OR_TEXTS)
)
COLUMNS: Final[Keys] = MappingProxyType({**ROLES, "moderators": TEXTS})
MODEL: Final[Keys] = MappingProxyType({"name": TEXT, "file": TEXT})
ENGINES: Final[Mapping[str, Keys]] = MappingProxyType(
    {
        "exact": MappingProxyType({"measure": TEXT, "power_weights": WEIGHTS}),
        "nuts": MappingProxyType(
            {
                "measure": TEXT,
                "draws": WHOLE,
                "tune": WHOLE,
                "chains": WHOLE,
                "seed": WHOLE,
                "sampler": TEXT,
                "target_accept": NUMBER,
                "parametrisation": TEXT,
            }
        ),
        "frequentist": MappingProxyType(
            {
                "measure": TEXT,
                "variance": TEXT,
                "tau2_method": TEXT,
                "ci_method": TEXT,
                "pi_method": TEXT,
                "add": NUMBER,
                "to": TEXT,
                "method": TEXT,
                "glmm_model": TEXT,
                "back_transformation": TEXT,
            }
        ),
    }
)
"""The options of `bayesmeta.fit` by engine, without those that the whole analysis shares."""
SUBGROUPS: Final[Keys] = MappingProxyType({"by": TEXTS})
OUTCOMES: Final[Keys] = MappingProxyType({"by": TEXTS})
CHECKS: Final[Keys] = MappingProxyType(
    {"leave_one_out": YES_OR_NO, "sensitivity": YES_OR_NO, "small_study": TEXTS, "small_study_measure": TEXT}
)
PRINTED: Final[Keys] = MappingProxyType({"file": TEXT, "source": TEXT})
OUTPUT: Final[Keys] = MappingProxyType(
    {
        "ci_prob": NUMBER,
        "scale": TEXT,
        "order": TEXT_OR_TEXTS,
        "columns": TEXTS,
        "xlim": NUMBERS,
        "figures": TEXTS,
        "plots": TEXTS,
        "widths_mm": NUMBERS,
        "figure_notes": TEXTS,
    }
)

SECTIONS: Final[Mapping[str, Keys]] = MappingProxyType(
    {
        "data": DATA,
        "data.columns": COLUMNS,
        "model": MODEL,
        "model.priors": MappingProxyType({"mu": TEXT, "tau": TEXT}),
        **{f"engines.{name}": keys for name, keys in ENGINES.items()},
        "subgroups": SUBGROUPS,
        "outcomes": OUTCOMES,
        "checks": CHECKS,
        "printed": PRINTED,
        "output": OUTPUT,
    }
)
"""All sections with their keys."""


def check_values(
    table: Mapping[str, Any], section: str, origin: str, *, inside: tuple[str, ...] = (), which: str = ""
) -> dict[str, Any]:
    """Return the values of a section, arrays as tuples.

    Parameters
    ----------
    table : mapping
        What the section holds.
    section : str
        Its name; "" for what stands above the first section.
    origin : str
        The file's name, for messages.
    inside : tuple of str
        Sections that may lie inside this one; they are left out of what is returned.
    which : str
        Of several sections of that name: which, in words that follow the name.

    Raises
    ------
    SpecError
        For the first key that is unknown (with the nearest one, or the section where it belongs), or whose value is
        of another type.
    """
    keys = SECTIONS[section] if section else TOP
    where = f"{origin}: [{section}]{which}" if section else f"{origin}:"
    for key, value in table.items():
        if key in inside:
            continue
        if key not in keys:
            raise SpecError(f"{where.rstrip(':')}: {_unknown(key, value, keys, inside)}")
        check_kind(where, key, value, keys[key])
    given = {key: table[key] for key in keys if key in table}
    return {key: _fixed(value) for key, value in given.items()}


def check_kind(where: str, key: str, value: object, kind: Kind) -> None:
    """Refuse a value of another type; ``where`` begins the message."""
    if not kind.accepts(value):
        raise SpecError(f"{where} {key} must be {kind.title}; got {_shown(value)}{_wrong_entry(value, kind)}.")


def _wrong_entry(value: object, kind: Kind) -> str:
    """Return which entry of an array or table is the first that is wrong; empty if that is not known."""
    if kind.each is None or not isinstance(value, list | dict):
        return ""
    entries = enumerate(value, 1) if isinstance(value, list) else value.items()
    wrong = next(((place, entry) for place, entry in entries if not kind.each(entry)), None)
    return "" if wrong is None else f" whose entry {wrong[0]!r} is {_shown(wrong[1])}"


def _fixed(value: Any) -> Any:
    """Return a value that nothing can change any more."""
    if isinstance(value, dict):
        return FrozenMapping(value)
    return tuple(value) if isinstance(value, list) else value


def _unknown(key: str, value: object, keys: Keys, inside: tuple[str, ...]) -> str:
    kind = "section" if isinstance(value, dict) else "key"
    homes = [f"[{section}]" for section, others in SECTIONS.items() if key in others]
    message = unknown_name(kind, key, (*keys, *inside))
    return f"{message} It belongs in {' or '.join(homes)}." if homes and key not in inside else message


def _shown(value: object) -> str:
    names = {
        bool: "true or false",
        dict: "a table",
        list: "an array",
        str: "a string",
        int: "a number",
        float: "a number",
    }
    name = names.get(type(value), a_type(value))
    return f"{value!r}, {name}" if isinstance(value, str | int | float) and not isinstance(value, bool) else name
