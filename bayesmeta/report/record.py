"""What does a program read of a whole analysis? One record, the same bytes on every run."""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from bayesmeta.api import AnyFit
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.compute import Results
from bayesmeta.report.schema import check_record
from bayesmeta.report.versions import program_versions
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.model import ModelSpec
from bayesmeta.tables.records import fit_record, frame_records

SCHEMA: Final = 1
COMMAND: Final = "bayesmeta run analysis.toml"
"""What makes the results again, in their folder."""
CLASSICAL: Final = (
    "method", "measure", "variance", "tau2_method", "ci_method", "pi_method", "ci_prob", "add", "to",
    "back_transformation",
)  # fmt: skip
"""The settings of a frequentist fit."""
MIXED: Final = ("method", "glmm_model", "measure", "ci_method", "pi_method", "ci_prob")
"""The settings of a mixed model."""


def results_json(results: Results) -> str:
    """Return the record of an analysis as JSON text: the file ``results.json``.

    Parameters
    ----------
    results : Results
        The answers.

    Returns
    -------
    str
        ``schema title problems command versions inputs settings model studies dropped fits comparison`` and, where
        there are, ``study_effects loo subgroups leave_one_out sensitivity small_study printed``: what
        ``results.schema.json`` of this package says, against which it is checked. Numbers have their full precision;
        None stands for what does not exist or is not finite. There is no time and no path in it, so that a second run
        with the same files, seed and versions gives the same bytes.
    """
    return record_text(results_record(results))


def record_text(record: dict[str, Any]) -> str:
    """Return a record as JSON text, once it is what the schema says.

    Raises
    ------
    ValueError
        If it is not, which is a fault of this package.
    """
    check_record(record)
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def results_record(results: Results) -> dict[str, Any]:
    """Return the record of an analysis; see `results_json`."""
    analysis, checks = results.analysis, results.checks
    record = head_record(results) | answer_record(results)
    tables = {
        "loo": results.loo, "subgroups": results.subgroups, "leave_one_out": checks.leave_one_out,
        "sensitivity": checks.sensitivity, "small_study": checks.small_study, "printed": results.printed,
    }  # fmt: skip
    if (bayesian := results.bayesian) is not None:
        tables["study_effects"] = study_effects(bayesian, ci_prob=analysis.output.ci_prob)
    for name, table in tables.items():
        if table is not None:
            record[name] = frame_records(table if table.index.name is None else table.reset_index())
    return record


def head_record(results: Any) -> dict[str, Any]:
    """Return what every record begins with: what was analysed, how, and with which programs."""
    analysis, inputs = results.analysis, results.inputs
    return {
        "schema": SCHEMA,
        "title": analysis.title,
        "problems": list(results.problems),
        "command": COMMAND,
        "versions": versions_of(results),
        "inputs": [vars(file) for file in inputs.files],
        "settings": _settings(analysis),
        "model": _model(inputs.model),
    }


def answer_record(results: Results) -> dict[str, Any]:
    """Return studies and fits of one outcome."""
    studies = results.inputs.studies
    return {
        "studies": frame_records(studies.to_frame()),
        "dropped": frame_records(studies.dropped),
        "fits": {name: _fit(results, fit) for name, fit in results.fits.items()},
        "comparison": frame_records(results.comparison),
    }


def versions_of(results: Any) -> dict[str, str]:
    """Return the versions of the programs that took part."""
    return program_versions(fit.sampler for fit in results.fits.values() if isinstance(fit, NutsFit))


def _settings(analysis: Analysis) -> dict[str, Any]:
    """Return all settings, those left to their defaults included, with file names in place of paths."""
    settings = tomllib.loads(analysis.to_toml())
    for section in ("data", "model", "printed"):
        if "file" in settings.get(section, {}):
            settings[section]["file"] = Path(settings[section]["file"]).name
    return settings


def _model(model: ModelSpec | None) -> dict[str, Any] | None:
    if model is None:
        return None
    names = ("name", "title", "likelihood", "link", "effects")
    record: dict[str, Any] = {name: getattr(model, name) for name in names}
    record |= {"nu": model.nu if isinstance(model.nu, float) else str(model.nu)} if model.nu is not None else {}
    priors = {"mu": model.mu, "tau": model.tau if model.has_tau else None, "baseline": model.baseline}
    stated = {name: str(prior) for name, prior in priors.items() if prior is not None}
    return {**record, **stated, "why": dict(model.why)}


def _fit(results: Results, fit: AnyFit) -> dict[str, Any]:
    record = fit_record(fit, ci_prob=results.analysis.output.ci_prob)
    if isinstance(fit, FrequentistFit):
        record["method"] = {name: getattr(fit, name) for name in CLASSICAL}
    elif isinstance(fit, GlmmFit):
        record["method"] = {name: getattr(fit, name) for name in MIXED}
    return {**record, "notes": list(fit.notes)}
