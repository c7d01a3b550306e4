"""How is a model written as TOML, and read back? Strictly: no unknown key, no expression, one schema."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from bayesmeta._validate import unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.roles import PARAMETERS, Parameter, prior_for

SCHEMA = 1

TEXT_KEYS = ("name", "title", "likelihood", "link", "effects", "formula", "random", "scale", "missing")
_TOP_KEYS = ("schema", *TEXT_KEYS, "nu", "lkj", "priors", "sensitivity")
_PRIOR_EXAMPLE = '{ dist = "HalfNormal", sigma = 1.0 }'


def read_file(path: str | PathLike[str], *, kind: str = "model") -> tuple[str, str]:
    """Return a TOML file's text and the SHA-256 of its bytes, in hexadecimal.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it holds, for messages.

    Raises
    ------
    SpecError
        If the file is missing, cannot be read, or is not UTF-8.
    """
    shown = str(path)
    try:
        content = Path(path).read_bytes()
        # utf-8-sig: editors on Windows put a byte-order mark first, which TOML itself refuses.
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise SpecError(f"the {kind} file {shown!r} does not exist.") from None
    except UnicodeDecodeError:
        raise SpecError(f"the {kind} file {shown!r} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise SpecError(f"the {kind} file {shown!r} cannot be read: {error.strerror}.") from None


def read_model(text: str, *, origin: str) -> dict[str, Any]:
    """Return the arguments of `ModelSpec` that a TOML text holds.

    Parameters
    ----------
    text : str
        The whole model (``models/binomial-normal.toml`` is an example).
    origin : str
        The file's name, for messages.

    Raises
    ------
    SpecError
        Naming file, table and key: no valid TOML, an unknown or missing key, a wrong type, another schema, or
        a prior that is none.
    """
    top = parse_toml(text, origin)
    check_schema(top, origin)
    check_keys(top, origin, allowed=_TOP_KEYS, required=("likelihood", "priors"))
    keywords: dict[str, Any] = {key: check_text(top[key], f"{origin}: {key}") for key in TEXT_KEYS if key in top}
    keywords |= {key: top[key] for key in ("nu", "lkj") if key in top}
    if isinstance(keywords.get("nu"), dict):
        keywords["nu"] = _read_prior("tau", keywords["nu"], f"{origin}: nu")
    table = dict(check_table(top["priors"], f"{origin}: [priors]"))
    why: dict[str, str] = {}
    if "baseline" in table:
        where = f"{origin}: [priors] baseline"
        value, why = _without_why("baseline", table.pop("baseline"), where)
        keywords["baseline"] = _read_prior("mu", value, where)
    if "formula" in top and "beta" in table:
        keywords["beta"] = read_beta(table.pop("beta"), f"{origin}: [priors] beta")
    keywords |= _read_named(table, origin)
    needed = {"mu": "formula" not in top, "tau": keywords.get("effects") != "none"}
    required: tuple[Parameter, ...] = tuple(name for name in PARAMETERS if needed[name])
    priors, reasons = read_priors(table, f"{origin}: [priors]", required=required)
    sensitivity = _read_sensitivity(
        check_table(top.get("sensitivity", {}), f"{origin}: [sensitivity]"), f"{origin}: [sensitivity]"
    )
    return {**keywords, **priors, "why": {**reasons, **why}, "sensitivity": sensitivity}


def _read_named(table: dict[str, Any], origin: str) -> dict[str, Any]:
    """Take the priors of random effects and of the scale's coefficients out of the table ``[priors]``."""
    found: dict[str, Any] = {}
    if "tau_of" in table:
        where = f"{origin}: [priors] tau_of"
        given = check_table(table.pop("tau_of"), where)
        found["tau_of"] = {name: _read_prior("tau", prior, f"{where} {name!r}") for name, prior in given.items()}
    if "alpha" in table:
        found["alpha"] = read_beta(table.pop("alpha"), f"{origin}: [priors] alpha")
    return found


def write_model(
    texts: Mapping[str, str | None],
    priors: Mapping[str, Prior | Mapping[str, Prior]],
    *,
    nu: float | Prior | None,
    lkj: float | None,
    why: Mapping[str, str],
    sensitivity: Mapping[str, Iterable[Prior]],
) -> str:
    """Return a model as TOML text, which `read_model` reads back to the same values.

    Parameters
    ----------
    texts : mapping
        The keys before the tables, such as ``likelihood``; empty ones are left out.
    priors : mapping
        The priors of μ, or of the coefficients β together or by name, of τ, of the SDs of random effects and of the
        coefficients α by name, and of the baseline.
    nu : float or Prior, optional
        Degrees of freedom of the study effects.
    lkj : float, optional
        Shape of the prior of correlations.
    why, sensitivity : mapping
        As in `ModelSpec`.
    """
    lines = [f"schema = {SCHEMA}"]
    lines += [f"{key} = {quoted(text)}" for key in TEXT_KEYS if (text := texts[key])]
    lines += [f"nu = {prior_table(nu) if isinstance(nu, Prior) else repr(nu)}"] if nu is not None else []
    lines += [f"lkj = {lkj!r}"] if lkj is not None else []
    lines += ["", "[priors]"]
    for key, prior in priors.items():
        lines.append(
            f"{key} = {prior_table(prior, why.get(key, '')) if isinstance(prior, Prior) else _table_of(prior)}"
        )
    if sensitivity:
        lines += ["", "[sensitivity]"]
    for key, alternatives in sensitivity.items():
        lines += [f"{key} = [", *(f"    {prior_table(prior)}," for prior in alternatives), "]"]
    return "\n".join(lines) + "\n"


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Return what a TOML text holds, or raise `SpecError` with the place of the fault."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) if isinstance(error, ValueError) else "nested too deeply"
        raise SpecError(f"{origin} is not valid TOML: {reason}.") from None


def check_schema(top: Mapping[str, Any], origin: str) -> None:
    """Raise `SpecError` unless the key ``schema`` says that this version can read the file."""
    given = top.get("schema")
    if given is None:
        raise SpecError(f"{origin}: the key 'schema' is missing; the first line must be: schema = {SCHEMA}")
    if type(given) is not int or given != SCHEMA:
        raise SpecError(
            f"{origin}: schema = {given!r} is not known; this version of bayesmeta reads schema = {SCHEMA}."
        )


def check_keys(
    table: Mapping[str, Any], where: str, *, allowed: tuple[str, ...], required: tuple[str, ...] = ()
) -> None:
    """Raise `SpecError` for the first key that is unknown, or required and missing."""
    for key in table:
        if key not in allowed:
            raise SpecError(f"{where}: {unknown_name('key', key, allowed)}")
    for key in required:
        if key not in table:
            raise SpecError(f"{where}: the key {key!r} is missing. Allowed: {', '.join(allowed)}.")


def read_priors(
    table: Mapping[str, Any], where: str, *, required: tuple[str, ...] = PARAMETERS
) -> tuple[dict[str, Prior], dict[str, str]]:
    """Return the priors of a table ``[priors]`` and the reasons given for them, both by parameter."""
    check_keys(table, where, allowed=PARAMETERS, required=required)
    priors: dict[str, Prior] = {}
    why: dict[str, str] = {}
    for key in (key for key in PARAMETERS if key in table):
        here = f"{where} {key}"
        value, reason = _without_why(key, table[key], here)
        why |= reason
        priors[key] = _read_prior(key, value, here)
    return priors, why


def _without_why(key: str, value: object, where: str) -> tuple[object, dict[str, str]]:
    """Return a prior without the reason for it, and the reason by parameter, if there is one."""
    if not isinstance(value, dict) or "why" not in value:
        return value, {}
    rest = {name: entry for name, entry in value.items() if name != "why"}
    return rest, {key: check_text(value["why"], f"{where}.why")}


def read_beta(value: object, where: str) -> Prior | dict[str, Prior]:
    """Return the prior of all coefficients, or the priors by coefficient."""
    if isinstance(value, dict) and "dist" not in value:
        return {name: _read_prior("mu", prior, f"{where} {name!r}") for name, prior in value.items()}
    return _read_prior("mu", value, where)


def _read_sensitivity(table: Mapping[str, Any], where: str) -> dict[str, tuple[Prior, ...]]:
    check_keys(table, where, allowed=PARAMETERS)
    alternatives: dict[str, tuple[Prior, ...]] = {}
    for key in PARAMETERS:
        values = table.get(key, [])
        if not isinstance(values, list):
            raise SpecError(f"{where} {key} must be an array of priors, such as [{_PRIOR_EXAMPLE}].")
        alternatives[key] = tuple(
            _read_prior(key, value, f"{where} {key}[{position}]") for position, value in enumerate(values)
        )
    return alternatives


def _read_prior(parameter: Parameter, value: object, where: str) -> Prior:
    try:
        if isinstance(value, str):
            return prior_for(parameter, value)
        if not isinstance(value, dict):
            raise SpecError(f"a prior must be a table, such as {_PRIOR_EXAMPLE}, or a string.")
        if not isinstance(value.get("dist"), str):
            raise SpecError(f"a prior's table needs the key 'dist', a string, as in {_PRIOR_EXAMPLE}.")
        if "why" in value:
            raise SpecError("only the priors under [priors] take the key 'why'.")
        numbers = {name: number for name, number in value.items() if name != "dist"}
        return prior_for(parameter, Prior(value["dist"], **numbers))
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None


def check_text(value: object, where: str) -> str:
    """Return a value that is a string; raise `SpecError` if it is none."""
    if not isinstance(value, str):
        raise SpecError(f"{where} must be a string, not {type(value).__name__}.")
    return value


def check_table(value: object, where: str) -> dict[str, Any]:
    """Return a value that is a table; raise `SpecError` if it is none."""
    if not isinstance(value, dict):
        raise SpecError(f"{where} must be a table, not {type(value).__name__}.")
    return value


def _table_of(priors: Mapping[str, Prior]) -> str:
    entries = [f"{quoted(name)} = {prior_table(prior)}" for name, prior in priors.items()]
    return f"{{ {', '.join(entries)} }}"


def prior_table(prior: Prior, why: str = "") -> str:
    """Return a prior, with the reason for it if there is one, as an inline table."""
    entries = [f"dist = {quoted(prior.name)}"]
    entries += [f"{name} = {value!r}" for name, value in prior.parameters.items()]
    entries += [f"why = {quoted(why)}"] if why else []
    return f"{{ {', '.join(entries)} }}"


def quoted(text: str) -> str:
    """Return a text as a TOML string."""
    # JSON's escapes are TOML's, except that TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
