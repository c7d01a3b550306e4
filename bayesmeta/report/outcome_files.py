"""How is an analysis of several outcomes told and written? One table of all, and the same files as of any analysis."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bayesmeta.errors import BayesmetaError
from bayesmeta.report.document import finished_text, methods_paragraphs
from bayesmeta.report.estimands import headline
from bayesmeta.report.figures import Figures, figure_file, lent, save, widths_of
from bayesmeta.report.files import RESULTS, csv_text, source_files, write_sources, write_texts
from bayesmeta.report.html import page
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.outcomes import Outcomes, outcome_table, printed_of
from bayesmeta.report.record import answer_record, head_record, record_text
from bayesmeta.report.references import cited_in
from bayesmeta.report.sections import question_section, status_of, status_sentence
from bayesmeta.report.shown import Shown

FIGURE: Final = "outcomes"
TITLE: Final = "the estimates of all outcomes"
_ALONE: Final = (
    "Each outcome is analysed on its own, with the same model and the same priors. Of many outcomes some differ by "
    "chance, and outcomes of the same patients are not independent."
)
_NO_LIVING: Final = (
    "several outcomes are analysed; select one by [data.where] and leave [outcomes] out, for a report whose priors move"
)


def outcome_files(outcomes: Outcomes) -> dict[str, str]:
    """Return the files by name, each with what is in it."""
    names = {"report.html": "the report for a browser", "report.md": "the report"}
    names |= {"methods.txt": "the methods section with its references, to be pasted"}
    names |= {} if outcomes.figures is None else outcomes.figures.files
    names |= {RESULTS: "all results for programs, in full precision, with versions and hashes"}
    names |= {"outcomes.csv": "all estimates of all outcomes"}
    return names | source_files(outcomes.analysis)


def write_outcomes(outcomes: Outcomes, folder: Path) -> Outcomes:
    """Write all files of an analysis of several outcomes; return it with the figures that were written.

    Parameters
    ----------
    outcomes : Outcomes
        The answers.
    folder : pathlib.Path
        An empty folder.
    """
    written = replace(outcomes, figures=_write_figure(outcomes, folder))
    files = outcome_files(written)
    text = outcome_report(written, files)
    paragraphs = outcome_methods(written)
    texts = {
        "report.html": page(written.analysis.title, text, folder, why=_NO_LIVING),
        "report.md": text,
        "methods.txt": "\n\n".join([*paragraphs, "References", *cited_in("\n".join(paragraphs))]) + "\n",
        RESULTS: record_text(outcome_record(written)),
        "outcomes.csv": csv_text(outcome_table(written)),
    }
    write_sources(written.analysis, written.inputs, folder)
    write_texts(texts, folder)
    return written


def outcome_record(outcomes: Outcomes) -> dict[str, Any]:
    """Return the record of an analysis of several outcomes: what ``results.json`` holds."""
    by = outcomes.analysis.outcomes
    each = [
        {"outcome": dict(zip(by, levels, strict=True)), **answer_record(part)}
        for levels, part in outcomes.parts.items()
    ]
    return {**head_record(outcomes), "outcomes": each}


def outcome_methods(outcomes: Outcomes) -> list[str]:
    """Return the methods as paragraphs of plain text: those of the outcome with most studies stand for all."""
    levels, largest = max(outcomes.parts.items(), key=lambda item: item[1].inputs.studies.k)
    lead = f"{len(outcomes.parts)} outcomes were analysed, each on its own and in the same way; "
    lead += f"the following is said of the one with most studies ({', '.join(levels)})."
    return [lead, *methods_paragraphs(largest)]


def outcome_report(outcomes: Outcomes, files: Mapping[str, str]) -> str:
    """Return the report in Markdown."""
    analysis = outcomes.analysis
    paragraphs = outcome_methods(outcomes)
    figure = next((name for name in files if name.startswith(FIGURE) and name.endswith((".png", ".svg"))), None)
    head, rows, right = overview_rows(outcomes)
    result = [_lead(outcomes), markdown_table(head, rows, right=right), _ALONE]
    if figure is not None:
        result.append(f"![{TITLE[:1].upper()}{TITLE[1:]}]({figure})")
    missing = () if outcomes.figures is None else outcomes.figures.missing
    parts = {
        "Question" if analysis.question else " ": question_section(analysis),
        "Result": "\n\n".join(result),
        "Data": _data(outcomes),
        "Notes": markdown_list(map(escaped, dict.fromkeys((*outcomes.notes, *missing)))),
        "Methods": "\n\n".join(map(escaped, paragraphs)),
    }
    return finished_text(outcomes, parts, files, paragraphs, more=())


def _lead(outcomes: Outcomes) -> str:
    shown = next(iter(outcomes.shown.values()))
    percent = shown.percent
    words = f"{len(outcomes.parts)} outcomes; {shown.noun} with {percent} intervals."
    if shown.title == "Proportion" and outcomes.analysis.has_bayesian:
        words += (
            " p\\_median is the proportion of the median study, p\\_mean the mean of the distribution of study "
            "proportions, p\\_new where the proportion of a next study is expected: three questions, three answers."
        )
    choice = outcomes.analysis.printed
    if choice is not None:
        words += f" Printed: as printed by {escaped(choice.source or 'others')}."
    return words


def overview_rows(outcomes: Outcomes) -> tuple[list[str], list[list[str]], list[str]]:
    """Return heading, rows and the numeric columns of the table with one row for each outcome."""
    analysis = outcomes.analysis
    has_counts = outcomes.inputs.studies.kind == "counts"
    columns: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    for levels, part in outcomes.parts.items():
        shown, studies = outcomes.shown[levels], part.inputs.studies
        cells = dict(zip(analysis.outcomes, levels, strict=True)) | {"k": str(studies.k)}
        if has_counts:
            cells["events/n"] = f"{studies.data['events'].sum():.0f}/{studies.data['n'].sum():.0f}"
        for name, key, text in _estimates(shown):
            columns[f"{name} {key}"] = f"{key}"
            cells[f"{name} {key}"] = text
        if (printed := printed_of(outcomes, levels)) is not None:
            cells["printed"] = shown.printing.cell(*printed)
        rows.append(cells)
    first = [*analysis.outcomes, "k", *(["events/n"] if has_counts else [])]
    last = ["printed"] if any("printed" in cells for cells in rows) else []
    keys = [*first, *columns, *last]
    titles = [*first, *columns.values(), *last]
    right = [title for title in titles if title not in analysis.outcomes]
    return titles, [[cells.get(key, "") for key in keys] for cells in rows], right


def _estimates(shown: Shown) -> Iterator[tuple[str, str, str]]:
    """Yield fit, heading and text of each estimate: of Bayesian fits all, of classical ones the pooled estimate."""
    for name, fit in shown.results.fits.items():
        is_classical = fit.engine == "frequentist"
        row: Any
        for row in shown.pooled(name).itertuples(index=False):
            if is_classical and row.kind == "prediction":
                continue
            method = f"{shown.method(name)}: " if is_classical else ""
            estimate = nan if row.kind == "prediction" else row.estimate
            yield (
                name,
                f"{method}{_called(shown, row)} ({row.interval})",
                shown.printing.cell(estimate, row.lower, row.upper),
            )


def _called(shown: Shown, row: Any) -> str:
    """Return what an estimate is called: of ratios not by the name of their logarithm."""
    if shown.title != "Ratio":
        return str(row.parameter)
    return "next study" if row.kind == "prediction" else shown.noun


def _data(outcomes: Outcomes) -> str:
    """Return the rows of all outcomes."""
    analysis, known, rows = outcomes.analysis, [], []
    head: list[str] = []
    for levels, part in outcomes.parts.items():
        shown, studies = outcomes.shown[levels], part.inputs.studies
        frame = shown.frame[shown.frame["kind"] == "study"].set_index("label")
        status = status_of(analysis, studies)
        texts = studies_texts(studies) | ({"status": status} if status else {})
        head = [*analysis.outcomes, "study", *texts, f"observed{shown.unit}, {shown.percent} CI"]
        known += status
        for i, label in enumerate(studies.study):
            rows.append([*levels, label, *(column[i] for column in texts.values()), shown.cell(frame.loc[label])])
    right = [name for name in head if name not in (*analysis.outcomes, "study", "status")]
    sentence = status_sentence(known, noun="rows")
    return "\n\n".join(filter(None, [sentence, markdown_table(head, rows, right=right), _dropped(outcomes)]))


def studies_texts(studies: Any) -> dict[str, list[str]]:
    """Return the data of studies as text by heading; nothing of estimates, whose interval says the same."""
    from bayesmeta.data.display import data_texts

    return {} if studies.kind == "estimates" else data_texts(studies.kind, studies.data)


def _dropped(outcomes: Outcomes) -> str:
    lines = outcomes.dropped
    return f"Left out, because these rows cannot be used:\n\n{markdown_list(map(escaped, lines))}" if lines else ""


def _write_figure(outcomes: Outcomes, folder: Path) -> Figures:
    """Write the figure of all outcomes in each format and width."""
    from bayesmeta.plots.outcomes import plot_outcomes

    analysis, files = outcomes.analysis, dict[str, str]()
    if not analysis.output.figures:
        return Figures({})
    shown = next(iter(outcomes.shown.values()))
    for width in widths_of(analysis):
        try:
            with lent(
                lambda width=width: plot_outcomes(
                    figure_frame(outcomes), unit=shown.printing.unit, label=analysis.outcome, width_mm=width
                )
            ) as axes:
                save(axes, folder, FIGURE, width, analysis)
        except BayesmetaError as error:
            return Figures(files, (f"Figure {FIGURE}: {error}",))
        files |= {figure_file(FIGURE, width, suffix): TITLE for suffix in analysis.output.figures}
    return Figures(files)


def figure_frame(outcomes: Outcomes) -> pd.DataFrame:
    """Return what the figure of all outcomes draws: `plot_outcomes` says which columns.

    Of each fit the headline is drawn, and what another fit has for its headline: like stands beside like.
    """
    rows = []
    for levels, part in outcomes.parts.items():
        shown = outcomes.shown[levels]
        label = ", ".join(levels)
        pooled = {name: shown.pooled(name) for name in part.fits}
        main = {name: headline(each["parameter"]) for name, each in pooled.items()}
        for name, fit in part.fits.items():
            for row in pooled[name].itertuples(index=False):
                if row.kind == "prediction" and fit.engine == "frequentist":
                    continue
                if row.kind == "summary" and row.parameter not in main.values():
                    continue
                parameter = str(row.parameter) if row.kind == "summary" else main[name]
                method = shown.method(name) + (f": {parameter}" if parameter.startswith("p_") else "")
                rows.append((label, method, row.kind, row.estimate, row.lower, row.upper, row.interval))
        if (printed := printed_of(outcomes, levels)) is not None:
            rows.append((label, "Printed", "summary", *printed, "CI"))
    frame = pd.DataFrame(rows, columns=["outcome", "method", "kind", "estimate", "lower", "upper", "interval"])
    return frame[frame["kind"].isin(["summary", "prediction"])]
