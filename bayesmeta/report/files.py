"""Which files does an analysis leave in its folder, and what is in them?"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.choices import EngineChoice
from bayesmeta.report.compute import Results
from bayesmeta.report.document import methods_text, report_text, tell
from bayesmeta.report.figures import FOREST_TITLE, figure_names, write_figures
from bayesmeta.report.html import report_html
from bayesmeta.report.inputs import Inputs
from bayesmeta.report.living.page import why_not
from bayesmeta.report.record import results_json
from bayesmeta.result.study_table import study_effects
from bayesmeta.spec.frozen import FrozenMapping

DATA: Final = "data.csv"
ANALYSIS: Final = "analysis.toml"
MODEL: Final = "model.toml"
PRINTED: Final = "printed.csv"
RESULTS: Final = "results.json"

type Tables = dict[str, tuple[str, Callable[[], pd.DataFrame]]]


def file_list(results: Results) -> dict[str, str]:
    """Return the files by name, each with what is in it, in the order in which they are worth opening.

    Parameters
    ----------
    results : Results
        The answers.
    """
    moves = not why_not(results.fits.get("exact"))
    names = {"report.html": f"the report{', with priors that the reader can move,' if moves else ''} for a browser"}
    names |= {"report.md": "the report", "methods.txt": "the methods section with its references, to be pasted"}
    forest = dict.fromkeys(figure_names(results.analysis), FOREST_TITLE)
    names |= forest if results.figures is None else results.figures.files
    names |= {RESULTS: "all results for programs, in full precision, with versions and hashes"}
    names |= {name: text for name, (text, _) in _tables(results).items()}
    return names | source_files(results.analysis)


def source_files(analysis: Analysis) -> dict[str, str]:
    """Return the files from which an analysis can be run again, each with what is in it."""
    names = {DATA: "the data file as it was read", ANALYSIS: "this analysis with all settings, to run it again"}
    names |= {MODEL: "the model file"} if _own_model(analysis) else {}
    return names | ({PRINTED: "the printed figures as they were read"} if analysis.printed else {})


def write_files(results: Results, folder: Path) -> Results:
    """Write all files of an analysis.

    Parameters
    ----------
    results : Results
        The answers.
    folder : pathlib.Path
        An empty folder.

    Returns
    -------
    Results
        The answers, with the figures that were written.

    Raises
    ------
    SpecError
        If a figure that is asked for is not possible.
    OSError
        If a file cannot be written.
    """
    written = replace(results, figures=write_figures(results, folder))
    listed = file_list(written)
    told = tell(written, listed)
    texts = {
        "report.html": report_html(written, listed, folder, told=told),
        "report.md": report_text(written, listed, told=told),
        "methods.txt": methods_text(written),
        RESULTS: results_json(written),
        **{name: csv_text(table()) for name, (_, table) in _tables(written).items()},
    }
    engines = tuple(_as_used(engine, results) for engine in results.analysis.engines)
    write_sources(replace(results.analysis, engines=engines), results.inputs, folder)
    write_texts(texts, folder)
    return written


def write_texts(texts: Mapping[str, str], folder: Path) -> None:
    """Write texts by file name, the same bytes on every system."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def write_sources(analysis: Analysis, inputs: Inputs, folder: Path) -> None:
    """Write what is needed to run an analysis again from its folder alone, with the hash of its data.

    Parameters
    ----------
    analysis : Analysis
        The analysis, with the engines as they were used.
    inputs : Inputs
        Its data and model.
    folder : pathlib.Path
        Where to write.
    """
    sha256 = next(file.sha256 for file in inputs.files if file.role == "data")
    again = replace(analysis, data=replace(analysis.data, file=DATA, dataset=None, sha256=sha256))
    if analysis.model is not None and analysis.model.file is not None and inputs.base is not None:
        again = replace(again, model=replace(analysis.model, file=MODEL))
        write_texts({MODEL: inputs.base.to_toml()}, folder)
    if analysis.printed is not None:
        again = replace(again, printed=replace(analysis.printed, file=PRINTED))
        (folder / PRINTED).write_bytes(inputs.printed_table)
    write_texts({ANALYSIS: again.to_toml()}, folder)
    (folder / DATA).write_bytes(inputs.table)


def _own_model(analysis: Analysis) -> bool:
    return analysis.model is not None and analysis.model.file is not None


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
    checks = results.checks
    for name, text, table in (
        ("leave_one_out.csv", "the estimates without each study", checks.leave_one_out),
        ("sensitivity.csv", "the estimates under other priors", checks.sensitivity),
        ("small_study.csv", "tests for small-study effects", checks.small_study),
    ):
        if table is not None:
            tables[name] = (text, partial(_same, table))
    if (subgroups := results.subgroups) is not None:
        tables["subgroups.csv"] = ("the subgroups by each method", lambda: subgroups)
    nuts = results.fits.get("nuts")
    if isinstance(nuts, NutsFit) and (found := nuts.verification) is not None:
        tables["verification.csv"] = ("the draws against the exact posterior, in MCSE", lambda: found.table)
    return tables


def _same(table: pd.DataFrame) -> pd.DataFrame:
    return table


def csv_text(table: pd.DataFrame) -> str:
    """Return a table with the full precision of its numbers; its index only if that has a name."""
    text: str = table.to_csv(index=table.index.name is not None, lineterminator="\n")
    return text
