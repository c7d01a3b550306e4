"""Is a record what ``results.schema.json`` says? A check by the few words of JSON Schema that this schema uses."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

TYPES: Final[Mapping[str, Callable[[object], bool]]] = MappingProxyType(
    {
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "string": lambda value: isinstance(value, str),
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
        "boolean": lambda value: isinstance(value, bool),
        "null": lambda value: value is None,
    }
)
WORDS: Final = frozenset(
    {
        "$schema", "$id", "$defs", "$ref", "title", "description", "type", "required", "properties",
        "additionalProperties", "items", "enum", "anyOf",
    }
)  # fmt: skip
"""The words that are understood; the schema must use no others."""


@cache
def schema() -> dict[str, Any]:
    """Return the schema of ``results.json`` (JSON Schema, draft 2020-12), as it lies in this package."""
    found: dict[str, Any] = json.loads((files("bayesmeta.report") / "results.schema.json").read_text("utf-8"))
    return found


def check_record(record: object) -> None:
    """Raise `ValueError` with the place of the first fault if a record is not what the schema says.

    Parameters
    ----------
    record : object
        What ``results.json`` holds.

    Examples
    --------
    >>> check_record([])
    Traceback (most recent call last):
        ...
    ValueError: results.json is no object
    """
    fault = _fault(record, schema(), "")
    if fault:
        raise ValueError(f"results.json{fault}")


def _fault(value: Any, rule: Mapping[str, Any] | bool, place: str) -> str:
    """Return the first fault with its place; "" if there is none."""
    if isinstance(rule, bool):
        return "" if rule else f"{place} is not expected"
    if "$ref" in rule:
        return _fault(value, schema()["$defs"][rule["$ref"].rpartition("/")[2]], place)
    if "anyOf" in rule:
        faults = [_fault(value, each, place) for each in rule["anyOf"]]
        if all(faults):
            return faults[0]
    types = rule.get("type", ())
    names = [types] if isinstance(types, str) else list(types)
    if names and not any(TYPES[name](value) for name in names):
        return f"{place} is no {' or '.join(names)}"
    if "enum" in rule and value not in rule["enum"]:
        return f"{place} is none of {rule['enum']}"
    inside = _inside(value, rule, place)
    return next((fault for each, its, where in inside if (fault := _fault(each, its, where))), "") or _missing(
        value, rule, place
    )


def _inside(value: Any, rule: Mapping[str, Any], place: str) -> list[tuple[Any, Any, str]]:
    """Return what a value holds, with the rule and the place of each."""
    if isinstance(value, dict):
        known, other = rule.get("properties", {}), rule.get("additionalProperties", True)
        return [(each, known.get(name, other), f"{place}, {name}") for name, each in value.items()]
    if isinstance(value, list) and "items" in rule:
        return [(each, rule["items"], f"{place}[{i}]") for i, each in enumerate(value)]
    return []


def _missing(value: Any, rule: Mapping[str, Any], place: str) -> str:
    if not isinstance(value, dict):
        return ""
    return next((f"{place}, {name} is missing" for name in rule.get("required", ()) if name not in value), "")
