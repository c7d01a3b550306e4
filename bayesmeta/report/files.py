"""Which files does an analysis leave in its folder, and what is in them?"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import EngineChoice
from bayesmeta.report.compute import Results
from bayesmeta.report.document import methods_text, report_text
from bayesmeta.report.figures import figure_names, write_figures
from bayesmeta.report.html import report_html
from bayesmeta.report.record import results_json
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.frozen import FrozenMapping

DATA: Final = "data.csv"
ANALYSIS: Final = "analysis.toml"
MODEL: Final = "model.toml"

type Tables = dict[str, tuple[str, Callable[[], pd.DataFrame]]]


def file_list(results: Results) -> dict[str, str]:
    """Return the files by name, each with what is in it, in the order in which they are worth opening.

    Parameters
    ----------
    results : Results
        The answers.
    """
    living = "the report with priors that the reader can move, for a browser"
    names = {
        "report.html": living if "exact" in results.fits else "the report, for a browser",
        "report.md": "the report",
    }
    names |= {"methods.txt": "the methods section with its references, to be pasted"}
    names |= dict.fromkeys(figure_names(results.analysis), "the forest plot")
    names |= {"results.json": "all results for programs, in full precision, with versions and hashes"}
    names |= {name: text for name, (text, _) in _tables(results).items()}
    names |= {DATA: "the data file as it was read", ANALYSIS: "this analysis with all settings, to run it again"}
    return names | ({MODEL: "the model file"} if _own_model(results.analysis) else {})


def write_files(results: Results, folder: Path) -> None:
    """Write all files of an analysis.

    Parameters
    ----------
    results : Results
        The answers.
    folder : pathlib.Path
        An empty folder.

    Raises
    ------
    SpecError
        If the figure that is asked for is not possible.
    OSError
        If a file cannot be written.
    """
    write_figures(results.analysis, results.fits, folder)
    texts = {
        "report.html": report_html(results, file_list(results), folder),
        "report.md": report_text(results, file_list(results)),
        "methods.txt": methods_text(results),
        "results.json": results_json(results),
        ANALYSIS: _again(results).to_toml(),
        **{name: _csv(table()) for name, (_, table) in _tables(results).items()},
    }
    if _own_model(results.analysis) and results.inputs.base is not None:
        texts[MODEL] = results.inputs.base.to_toml()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / DATA).write_bytes(results.inputs.table)


def _own_model(analysis: Analysis) -> bool:
    return analysis.model is not None and analysis.model.file is not None


def _again(results: Results) -> Analysis:
    """Return the analysis as it can be run again from its folder alone, with the hash of its data."""
    analysis = results.analysis
    sha256 = next(file.sha256 for file in results.inputs.files if file.role == "data")
    again = replace(
        analysis,
        data=replace(analysis.data, file=DATA, dataset=None, sha256=sha256),
        engines=tuple(_as_used(engine, results) for engine in analysis.engines),
    )
    if analysis.model is None or not _own_model(analysis):
        return again
    return replace(again, model=replace(analysis.model, file=MODEL))


def _as_used(engine: EngineChoice, results: Results) -> EngineChoice:
    """Return an engine with the sampler and the seed that were used, if the analysis leaves them open."""
    fit = results.fits.get(engine.name)
    if not isinstance(fit, NutsFit):
        return engine
    return EngineChoice("nuts", FrozenMapping({"seed": fit.seed, "sampler": fit.sampler, **engine.options}))


def _tables(results: Results) -> Tables:
    """Return the tables by file name, each with what it holds and how it is made."""
    ci_prob = results.analysis.output.ci_prob
    tables: Tables = {
        f"summary_{name}.csv": (f"estimates: {name}", partial(fit.summary, ci_prob=ci_prob))
        for name, fit in results.fits.items()
    }
    tables["compare.csv"] = ("all estimates, with what each is and why they differ", lambda: results.comparison)
    if (bayesian := results.bayesian) is not None:
        effects = partial(study_effects, bayesian, ci_prob=ci_prob)
        tables["study_effects.csv"] = ("each study, observed and in the model", effects)
    if (loo := results.loo) is not None:
        tables["loo.csv"] = ("how well each study is predicted from the others", lambda: loo)
    if (subgroups := results.subgroups) is not None:
        tables["subgroups.csv"] = ("the subgroups by each method", lambda: subgroups)
    nuts = results.fits.get("nuts")
    if isinstance(nuts, NutsFit) and (found := nuts.verification) is not None:
        tables["verification.csv"] = ("the draws against the exact posterior, in MCSE", lambda: found.table)
    return tables


def _csv(table: pd.DataFrame) -> str:
    """Return a table with the full precision of its numbers; its index only if that has a name."""
    text: str = table.to_csv(index=table.index.name is not None, lineterminator="\n")
    return text
