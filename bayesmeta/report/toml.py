"""How is an analysis written as TOML, and read back? Strictly, like a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.report.choices import CheckChoice, DataChoice, EngineChoice, ModelChoice, OutputChoice, PrintedChoice
from bayesmeta.report.keys import CHECKS, CHOICE, ENGINES, OUTPUT, PRINTED, ROLES, TOP, check_kind, check_values
from bayesmeta.spec.frozen import FrozenMapping
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.toml import SCHEMA, check_schema, check_table, parse_toml, prior_table, quoted, read_priors

if TYPE_CHECKING:
    from bayesmeta.report.analysis import Analysis

_SECTIONS = ("data", "model", "engines", "subgroups", "outcomes", "checks", "printed", "output")
_LONGEST_ARRAY = 80  # on one line
_REQUIRED = ("title", "data", "engines")


def read_analysis(text: str, *, origin: str) -> dict[str, Any]:
    """Return the arguments of `Analysis` that a TOML text holds.

    Parameters
    ----------
    text : str
        The whole file.
    origin : str
        The file's name, for messages.

    Raises
    ------
    SpecError
        Naming file, section and key: no valid TOML, an unknown or missing key or section, a wrong type, another
        schema, or values that contradict one another.
    """
    top = parse_toml(text, origin)
    check_schema(top, origin)
    values = check_values({key: top[key] for key in top if key != "schema"}, "", origin, inside=_SECTIONS)
    for key in _REQUIRED:
        if key not in top:
            what = f"section [{key}]" if key in _SECTIONS else f"key {key!r}"
            raise SpecError(f"{origin}: the {what} is missing. Needed: title, [data], [engines].")
    tables = {key: check_table(top[key], f"{origin}: [{key}]") for key in _SECTIONS if key in top}
    values |= {"data": _read_data(tables["data"], origin), "engines": _read_engines(tables["engines"], origin)}
    if "model" in tables:
        values["model"] = _read_model(tables["model"], origin)
    for section, example in (("subgroups", "regimen"), ("outcomes", "endpoint")):
        if section in tables:
            values[section] = check_values(tables[section], section, origin).get("by", ())
            if not values[section]:
                raise SpecError(
                    f'{origin}: [{section}] needs columns; write by = ["{example}"], or remove the section.'
                )
    if "printed" in tables:
        printed = check_values(tables["printed"], "printed", origin)
        if "file" not in printed:
            raise SpecError(f'{origin}: [printed] needs a file; write file = "printed.csv", or remove the section.')
        values["printed"] = PrintedChoice(**printed)
    values["checks"] = CheckChoice(**check_values(tables.get("checks", {}), "checks", origin))
    return values | {"output": OutputChoice(**check_values(tables.get("output", {}), "output", origin))}


def _read_data(table: Mapping[str, Any], origin: str) -> DataChoice:
    values = check_values(table, "data", origin, inside=("columns", "where"))
    where = check_table(table.get("where", {}), f"{origin}: [data.where]")
    for column, wanted in where.items():
        check_kind(f"{origin}: [data.where]", column, wanted, CHOICE)
    chosen = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in where.items()}
    inner = check_table(table.get("columns", {}), f"{origin}: [data.columns]")
    columns = check_values(inner, "data.columns", origin)
    moderators = columns.pop("moderators", ())
    return DataChoice(**values, columns=FrozenMapping(columns), moderators=moderators, where=FrozenMapping(chosen))


def _read_model(table: Mapping[str, Any], origin: str) -> ModelChoice:
    values = check_values(table, "model", origin, inside=("priors",))
    where = f"{origin}: [model.priors]"
    priors, why = read_priors(check_table(table.get("priors", {}), where), where, required=())
    return ModelChoice(**values, priors=FrozenMapping(priors), why=FrozenMapping(why))


def _read_engines(table: Mapping[str, Any], origin: str) -> tuple[EngineChoice, ...]:
    engines = []
    for name, value in table.items():
        if name not in ENGINES:
            raise SpecError(f"{origin}: [engines]: {unknown_name('engine', name, ENGINES)}")
        entries = value if isinstance(value, list) else [value]
        for number, entry in enumerate(entries, 1):
            where = f"{origin}: [engines.{name}]"
            if not isinstance(entry, dict):
                raise SpecError(f"{where} must be a section of its own, not {name} = ...; write [engines.{name}].")
            which = f" (no. {number})" if len(entries) > 1 else ""
            options = check_values(entry, f"engines.{name}", origin, which=which)
            engines.append(EngineChoice(name, FrozenMapping(options)))
    return tuple(engines)


def write_analysis(analysis: "Analysis") -> str:
    """Return an analysis as TOML text, which `read_analysis` reads back to the same values.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    """
    lines = [f"schema = {SCHEMA}", *_lines({key: getattr(analysis, key) or None for key in TOP})]
    lines += _section("data", _data_values(analysis.data))
    lines += _section(
        "data.columns",
        {**{role: analysis.data.columns.get(role) for role in ROLES}, "moderators": analysis.data.moderators or None},
        optional=True,
    )
    lines += _section("data.where", {quoted(name): value for name, value in analysis.data.where.items()}, optional=True)
    if analysis.model is not None:
        lines += _section("model", {"name": analysis.model.name, "file": analysis.model.file})
        lines += _prior_section(analysis.model.priors, analysis.model.why)
    names = [engine.name for engine in analysis.engines]
    for engine in analysis.engines:
        title = f"engines.{engine.name}"
        lines += _section(
            f"[{title}]" if names.count(engine.name) > 1 else title,
            {key: engine.options.get(key) for key in ENGINES[engine.name]},
        )
    lines += _section("subgroups", {"by": analysis.subgroups or None}, optional=True)
    lines += _section("outcomes", {"by": analysis.outcomes or None}, optional=True)
    lines += _section("checks", {key: getattr(analysis.checks, key) for key in CHECKS})
    if analysis.printed is not None:
        lines += _section("printed", {key: getattr(analysis.printed, key) for key in PRINTED})
    lines += _section("output", {key: getattr(analysis.output, key) for key in OUTPUT})
    return "\n".join(lines) + "\n"


def _data_values(data: DataChoice) -> dict[str, Any]:
    names = ("file", "dataset", "sha256", "on_bad", "measure", "interval_prob")
    return {name: getattr(data, name) for name in names}


def _prior_section(priors: Mapping[str, Prior], why: Mapping[str, str]) -> list[str]:
    if not priors:
        return []
    tables = [f"{key} = {prior_table(prior, why.get(key, ''))}" for key, prior in priors.items()]
    return ["", "[model.priors]", *tables]


def _section(name: str, values: Mapping[str, Any], *, optional: bool = False) -> list[str]:
    lines = _lines(values)
    return ["", f"[{name}]", *lines] if lines or not optional else []


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        entries = list(map(_value, value))
        line = f"[{', '.join(entries)}]"
        return line if len(line) <= _LONGEST_ARRAY else "\n".join(["[", *(f"    {entry}," for entry in entries), "]"])
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{quoted(key)} = {entry!r}' for key, entry in value.items())} }}"
    return quoted(value) if isinstance(value, str) else repr(value)
