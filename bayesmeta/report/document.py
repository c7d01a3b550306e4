"""How is an analysis told as a whole: the report, and the methods as plain text?"""

from collections.abc import Mapping
from typing import Any

from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report import methods, sections
from bayesmeta.report.compute import Results
from bayesmeta.report.inputs import HASH_SHOWN
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.model_methods import model_sentences
from bayesmeta.report.record import CLASSICAL, MIXED, versions_of
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
    return [*paragraphs, " ".join([*ending, methods.software_sentence(versions)])]


def methods_text(results: Results) -> str:
    """Return methods and references as plain text, to be pasted into a manuscript: the file ``methods.txt``."""
    paragraphs = methods_paragraphs(results)
    references = cited_in("\n".join(paragraphs))
    return "\n\n".join([*paragraphs, "References", *references]) + "\n"


def report_text(results: Results, files: Mapping[str, str]) -> str:
    """Return the report in Markdown: the file ``report.md``.

    Parameters
    ----------
    results : Results
        The answers.
    files : mapping
        The files of the folder, and what is in each.

    Returns
    -------
    str
        The whole text. What comes from the analysis file and from the data is escaped.
    """
    shown = Shown(results)
    figure = next((name for name in files if name.endswith((".png", ".svg"))), None)
    paragraphs = methods_paragraphs(results)
    parts = {
        "": sections.warning_section(results),
        " ": sections.question_section(results),
        "Result": sections.answer_section(shown, figure),
        "Estimates side by side": sections.comparison_section(shown),
        "Subgroups": sections.subgroup_section(shown),
        "Data": sections.data_section(shown),
        "Sampling": sections.sampling_section(results),
        "Notes": sections.notes_section(shown),
        "Methods": "\n\n".join(map(escaped, paragraphs)),
        "References": markdown_list(map(escaped, cited_in("\n".join(paragraphs)))),
        "Files": markdown_table(["file", "content"], _grouped(files)),
        "Versions and inputs": _provenance(results),
    }
    text = [f"# {escaped(results.analysis.title)}"]
    for heading, part in parts.items():
        if part:
            text += [f"## {heading}"] if heading.strip() else []
            text.append(part)
    return "\n\n".join(text) + "\n"


def _grouped(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the files with what is in them, those of one name and content on one line."""
    suffixes: dict[tuple[str, str], list[str]] = {}
    for name, content in files.items():
        stem, _, suffix = name.rpartition(".")
        suffixes.setdefault((stem, content), []).append(f".{suffix}")
    return [(f"{stem}{', '.join(found)}", content) for (stem, content), found in suffixes.items()]


def _provenance(results: Results) -> str:
    """Return with what the results were made, and how to make them again."""
    programs = ", ".join(f"{name} {version}" for name, version in versions_of(results).items())
    rows = [[file.role, file.name, f"{file.sha256[:HASH_SHOWN]}…"] for file in results.inputs.files]
    table = markdown_table(["input", "file", "SHA-256"], rows)
    lines = [f"Programs: {escaped(programs)}.", table, "The whole hashes are in `results.json`."]
    lines.append("To make it again, from this folder alone: `bayesmeta run analysis.toml`.")
    return "\n\n".join(lines)
