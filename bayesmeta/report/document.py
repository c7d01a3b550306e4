"""How is an analysis told as a whole: the report, and the methods as plain text?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_columns import Printing
from bayesmeta.report import firm_sections, methods, sections
from bayesmeta.report.checklists import checklist_section
from bayesmeta.report.compute import Results
from bayesmeta.report.firmness import Checks
from bayesmeta.report.inputs import HASH_SHOWN
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.model_methods import model_sentences
from bayesmeta.report.record import CLASSICAL, COMMAND, MIXED, versions_of
from bayesmeta.report.references import cited_in
from bayesmeta.report.shown import Shown

_SAMPLING = ("sampler", "draws", "tune", "chains", "seed", "target_accept", "parametrisation")


def methods_paragraphs(results: Results) -> list[str]:
    """Return the methods section, built from the specification and the settings of the fits.

    Parameters
    ----------
    results : Results
        The answers; of their numbers only those of studies are told.

    Returns
    -------
    list of str
        Paragraphs of plain text.
    """
    analysis, inputs, versions = results.analysis, results.inputs, versions_of(results)
    paragraphs, bayesian, ci_prob = [], results.bayesian, analysis.output.ci_prob
    if bayesian is not None:
        spec = bayesian.model
        powers = getattr(bayesian, "power_weights", None)
        model = model_sentences(spec, inputs.studies, measure=bayesian.measure, power_weights=powers)
        how = [methods.exact_sentences(has_tau=spec.has_tau)] if "exact" in results.fits else []
        nuts = results.fits.get("nuts")
        if isinstance(nuts, NutsFit):
            settings: dict[str, Any] = {name: getattr(nuts.settings, name) for name in _SAMPLING}
            verified = nuts.verification is not None and nuts.verification.agrees is not None
            settings |= {"chains": nuts.chains, "draws": nuts.draws}  # fewer if sampling was interrupted
            how.append(methods.nuts_sentences(settings, versions, verified=verified))
            if nuts.interrupted:
                asked = nuts.settings
                how.append(f"Sampling was interrupted; {asked.chains} chains of {asked.draws} draws were planned.")
        paragraphs += [
            model,
            " ".join([*how, methods.report_sentences(bayesian.link, ci_prob=ci_prob, effects=spec.effects)]),
        ]
    for fit in results.fits.values():
        if isinstance(fit, FrequentistFit):
            settings = {name: getattr(fit, name) for name in CLASSICAL}
            paragraphs.append(methods.frequentist_sentences(settings, k_corrected=int(fit.corrected.sum())))
        elif isinstance(fit, GlmmFit):
            paragraphs.append(methods.glmm_sentences({name: getattr(fit, name) for name in MIXED}, fit.model_record))
    if any(isinstance(fit, FrequentistFit) for fit in results.fits.values()):
        paragraphs[-1] += f" {methods.heterogeneity_sentence()}"
    differs = bayesian is None or bayesian.model.has_tau
    ending = [methods.subgroup_sentences(analysis.subgroups, has_tau=differs)] if analysis.subgroups else []
    return [*paragraphs, " ".join([*ending, *_firmness(results.checks), methods.software_sentence(versions)])]


def _firmness(checks: Checks) -> list[str]:
    """Return what the methods say of other priors, studies left out and small-study tests."""
    pairs = 0 if checks.sensitivity is None else len(checks.sensitivity[["mu", "tau"]].drop_duplicates()) - 1
    tests = [] if checks.small_study is None else list(dict.fromkeys(checks.small_study["test"]))
    return methods.firmness_sentences(pairs=pairs, left_out=checks.leave_one_out is not None, tests=tests)


def methods_text(results: Results) -> str:
    """Return methods and references as plain text, to be pasted into a manuscript: the file ``methods.txt``."""
    paragraphs = methods_paragraphs(results)
    references = cited_in("\n".join(paragraphs))
    return "\n\n".join([*paragraphs, "References", *references]) + "\n"


@final
@dataclass(frozen=True)
class Told:
    """What a report tells, without what ends it.

    Attributes
    ----------
    parts : mapping
        Heading to Markdown; parts that have nothing to say are empty.
    paragraphs : tuple of str
        The methods as plain text.
    printing : Printing
        How it prints numbers, which the living part does too.
    """

    parts: Mapping[str, str]
    paragraphs: tuple[str, ...]
    printing: Printing


def report_text(
    results: Results, files: Mapping[str, str], *, more: Sequence[str] = (), told: Told | None = None
) -> str:
    """Return the report in Markdown: the file ``report.md``.

    Parameters
    ----------
    results : Results
        The answers.
    files : mapping
        The files of the folder, and what is in each.
    more : sequence of str
        Headings of what is put below this text, to which the checklists may refer.
    told : Told, optional
        From `tell`, to be used twice.

    Returns
    -------
    str
        The whole text. What comes from the analysis file and from the data is escaped.
    """
    told = tell(results, files) if told is None else told
    return finished_text(results, told.parts, files, told.paragraphs, more=more)


def tell(results: Results, files: Mapping[str, str]) -> Told:
    """Return the parts of the report."""
    shown = Shown(results)
    pictures = _pictures(files)
    paragraphs = methods_paragraphs(results)
    parts = {
        "": sections.warning_section(results),
        "Question" if results.analysis.question else " ": sections.question_section(results.analysis),
        "Result": sections.answer_section(shown, pictures.get("forest")),
        "Estimates side by side": sections.comparison_section(shown),
        "Subgroups": sections.subgroup_section(shown),
        "Printed figures": firm_sections.printed_section(shown),
        "Other priors": firm_sections.prior_section(shown),
        "Leaving studies out": firm_sections.left_out_section(shown),
        "Small studies": firm_sections.small_study_section(shown),
        "Data": sections.data_section(shown),
        "Figures": _figures(pictures, files),
        "Sampling": sections.sampling_section(results),
        "Notes": markdown_list(sections.notes(shown)),
        "Methods": "\n\n".join(map(escaped, paragraphs)),
    }
    return Told(parts, tuple(paragraphs), shown.printing)


def finished_text(
    results: Any, parts: Mapping[str, str], files: Mapping[str, str], paragraphs: Sequence[str], *, more: Sequence[str]
) -> str:
    """Return a report whose parts are known, with what ends every report: checklists, references, files, provenance.

    Parameters
    ----------
    results : Results or Outcomes
        The answers.
    parts : mapping
        Heading to Markdown; parts without text are left out, blank headings are not shown.
    files : mapping
        The files of the folder, and what is in each.
    paragraphs : sequence of str
        The methods as plain text.
    more : sequence of str
        Headings of what is put below.
    """
    analysis = results.analysis
    there = [heading for heading, part in parts.items() if part]
    ending = ["References", "Files", "Versions and inputs", *more]
    checklists = checklist_section([*there, *ending], is_bayesian=analysis.has_bayesian)
    last = {
        "References": markdown_list(map(escaped, cited_in("\n".join([*paragraphs, checklists])))),
        "Files": markdown_table(["file", "content"], _grouped(files)),
        "Versions and inputs": _provenance(results),
        "Reporting checklists": checklists,
    }
    text = [f"# {escaped(analysis.title)}"]
    for heading, part in {**parts, **last}.items():
        if part:
            text += [f"## {heading}"] if heading.strip() else []
            text.append(part)
    return "\n\n".join(text) + "\n"


def _pictures(files: Mapping[str, str]) -> dict[str, str]:
    """Return the first file of each figure that a browser can show, by the name of the figure."""
    found: dict[str, str] = {}
    for suffix in (".png", ".svg"):
        for name in files:
            if name.endswith(suffix):
                found.setdefault(name.rpartition("-")[0], name)
    return found


def _figures(pictures: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Return the figures beside the forest plot."""
    others = [name for plot, name in pictures.items() if plot != "forest"]
    return "\n\n".join(
        f"![{files[name][:1].upper()}{files[name][1:]}]({name})\n\n{_caption(files[name])}" for name in others
    )


def _caption(text: str) -> str:
    return f"*{escaped(text[:1].upper() + text[1:])}.*"


def _grouped(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the files with what is in them, those of one name and content on one line."""
    suffixes: dict[tuple[str, str], list[str]] = {}
    for name, content in files.items():
        stem, _, suffix = name.rpartition(".")
        suffixes.setdefault((stem, content), []).append(f".{suffix}")
    return [(f"{stem}{', '.join(found)}", content) for (stem, content), found in suffixes.items()]


def _provenance(results: Any) -> str:
    """Return with what the results were made, and how to make them again."""
    programs = ", ".join(f"{name} {version}" for name, version in versions_of(results).items())
    rows = [[file.role, file.name, f"{file.sha256[:HASH_SHOWN]}…"] for file in results.inputs.files]
    table = markdown_table(["input", "file", "SHA-256"], rows)
    lines = [f"Programs: {escaped(programs)}.", table, "The whole hashes are in `results.json`."]
    lines.append(
        f"To make it again, from this folder alone: `{COMMAND}`. The same versions give the same bytes in every "
        "file; no file holds a time or a place."
    )
    return "\n\n".join(lines)
