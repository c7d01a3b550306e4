"""Which sections does a report have? Each a function of the results that returns Markdown, or nothing."""

from collections import Counter
from typing import Any

import pandas as pd

from bayesmeta.api import AnyFit
from bayesmeta.data.display import data_texts
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import POOLED_AS_COUNTS, FrequentistFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.compute import Results
from bayesmeta.report.firm_sections import missing_lines
from bayesmeta.report.markdown import escaped, markdown_list, markdown_table
from bayesmeta.report.sentences import answer_sentences
from bayesmeta.report.shown import NO_TAU, Shown
from bayesmeta.spec.words import meanings
from bayesmeta.tables.numbers import error_text, number_texts

_NO_REASON = "; no reason is given for it"
_TAU_KNOWN = (
    "Credible intervals average over what is not known of tau, and use its prior; frequentist intervals take tau as "
    "known, equal to its estimate."
)


def warning_section(results: Results) -> str:
    """Return what makes the results unfit for use, if anything does."""
    return "\n>\n".join(f"> **{escaped(problem)}**" for problem in results.problems)


def question_section(analysis: Analysis) -> str:
    """Return the question, and what the author of the analysis wants to be known."""
    question = escaped(analysis.question) if analysis.question else ""
    return "\n\n".join(filter(None, [question, markdown_list(map(escaped, analysis.notes))]))


def answer_section(shown: Shown, figure: str | None) -> str:
    """Return the estimates of the first fit with their meanings, and the figure."""
    results = shown.results
    name, fit = next(iter(results.fits.items()))
    words = meanings(None if isinstance(fit, FrequentistFit | GlmmFit) else fit.model)
    rows = [
        [f"{row.label}", shown.cell(row), row.interval, words.get(str(row.parameter), "")]
        for row in shown.pooled(name).itertuples(index=False)
    ]
    head = ["quantity", f"{shown.noun}, {shown.percent} interval", "kind", "meaning"]
    parts = [
        answer_sentences(shown),
        f"{_engine_words(fit)}, {size_words(results)}:",
        markdown_table(head, rows, right=head[1:2]),
        _heterogeneity(shown, name, fit),
        _point_words(shown.pooled(name)),
    ]
    if figure is not None:
        parts.append(f"![Forest plot: each study and the estimates of all fits]({figure})")
    return "\n\n".join(filter(None, parts))


def comparison_section(shown: Shown) -> str:
    """Return the estimates of all fits side by side, and why they differ; nothing if there is only one."""
    results = shown.results
    if len(results.fits) == 1:
        return ""
    rows = []
    for name in results.fits:
        rows += [
            [shown.method(name), row.label, shown.cell(row), row.interval]
            for row in shown.pooled(name).itertuples(index=False)
        ]
        rows.append([shown.method(name), "Heterogeneity (tau)", shown.tau(name), shown.tau_scale(name)])
    head = ["method", "quantity", f"{shown.noun}, {shown.percent} interval", "kind"]
    table = markdown_table(head, rows, right=head[2:3])
    return "\n\n".join([table, "Why the numbers differ:", _explanations(shown)])


def sampling_section(results: Results) -> str:
    """Return how far the draws can be trusted; nothing without NUTS."""
    fit = results.fits.get("nuts")
    if not isinstance(fit, NutsFit):
        return ""
    table = fit.summary(ci_prob=results.analysis.output.ci_prob)
    columns = {name: number_texts(table[name], digits=3) for name in ("mean", "sd", "mcse_mean")}
    columns |= {name: [f"{value:.0f}" for value in table[name]] for name in ("ess_bulk", "ess_tail")}
    columns["r_hat"] = [f"{value:.3f}" for value in table["r_hat"]]
    rows = [[str(parameter), *(columns[name][i] for name in columns)] for i, parameter in enumerate(table.index)]
    verdicts = [f"Diagnosis: {escaped(fit.diagnosis.verdict)}."]
    if fit.verification is not None:
        verdicts.append(f"Verification: {escaped(fit.verification.verdict)}.")
        verdicts.append(
            "Where the draws and the exact posterior agree, their differences are Monte-Carlo noise, which more draws "
            "would reduce; the exact numbers have none."
        )
    notes = [escaped(note) for note in (fit.settings.note,) if note]
    how = f"{fit.chains} chains of {fit.draws} draws after {fit.tune} tuning steps, sampler {fit.sampler}, seed "
    how += f"{fit.seed}."
    grid = markdown_table(["parameter", *columns], rows, right=list(columns))
    return "\n\n".join([how, markdown_list([*verdicts, *notes]), grid])


def data_section(shown: Shown) -> str:
    """Return the studies with their data, observed and in the model, and the rows that were left out."""
    studies = shown.results.inputs.studies
    rows = shown.frame[shown.frame["kind"] == "study"]
    known = status_of(shown.results.analysis, studies)
    texts = {} if studies.kind == "estimates" else data_texts(studies.kind, studies.data)
    texts |= {"status": known} if known else {}
    of_study = dict(zip(studies.study, zip(*texts.values(), strict=True), strict=bool(texts)))
    has_shrunken = bool(rows["shrunken"].notna().any())
    head = ["study", *texts, f"observed{shown.unit}, {shown.percent} CI"]
    head += [f"in the model{shown.unit}, {shown.percent} CrI"] if has_shrunken else []
    cells = []
    row: Any
    for row in rows.itertuples(index=False):
        data = of_study.get(row.label, ())
        model = [shown.printing.cell(row.shrunken, row.shrunken_lower, row.shrunken_upper)] if has_shrunken else []
        cells.append([row.label, *data, shown.cell(row), *model, f"{100 * float(row.weight):.1f} %"])
    right = [name for name in head if name != "study"] + ["weight"]
    parts = [
        f"{size_words(shown.results)}.",
        status_sentence(known),
        markdown_table([*head, "weight"], cells, right=[name for name in right if name != "status"]),
        _dropped(shown.results),
    ]
    return "\n\n".join(filter(None, parts))


def status_of(analysis: Analysis, studies: Studies) -> list[str]:
    """Return how the numbers of each study are known; empty if the analysis names no column that says it."""
    column = analysis.data.columns.get("status")
    return [] if column is None else [str(value) for value in studies.moderators[column]]


def status_sentence(known: list[str], *, noun: str = "studies") -> str:
    """Return how many studies' numbers are reconstructed, and how often each status occurs; nothing without them."""
    if not known:
        return ""
    count = sum(status.startswith("reconstructed") for status in known)
    each = ", ".join(f"{escaped(status)}: {number}" for status, number in Counter(known).items())
    studies = "the one study is" if len(known) == 1 else f"{count} of the {len(known)} {noun} are"
    lead = f"The counts of {studies} reconstructed from printed figures. " if count else ""
    return f"{lead}How the numbers are known (column status): {each}."


def subgroup_section(shown: Shown) -> str:
    """Return the subgroups; nothing if there are none."""
    table = shown.results.subgroups
    if table is None:
        return ""
    wanted = ("p_median", "p_mean") if shown.title == "Proportion" else ("mu",)
    cells = [
        [row.variable, row.level, row.k, _events(row), shown.method(str(row.name)), row.parameter, _level(shown, row)]
        for row in _by_level(table[table["parameter"].isin((*wanted, ""))]).itertuples(index=False)
    ]
    head = ["variable", "level", "k", "events/n", "method", "quantity", f"{shown.noun}, {shown.percent} interval"]
    if not shown.results.inputs.studies.has_counts:
        cells, head = [row[:3] + row[4:] for row in cells], head[:3] + head[4:]
    telling = (table["k"] == 1) | table["estimate"].isna()
    notes = table[telling & (table["note"] != "")].drop_duplicates(["variable", "level", "name"])
    lines = [
        f"{escaped(row.variable)} = {escaped(row.level)}, {escaped(shown.method(str(row.name)))}: {escaped(row.note)}."
        for row in notes.itertuples(index=False)
    ]
    warning = (
        "Each level is analysed on its own. A difference between levels is one between studies, not between treatments "
        "within a study, and with several levels some differ by chance."
    )
    return "\n\n".join(
        filter(None, [markdown_table(head, cells, right=["k", head[-1]]), warning, markdown_list(lines)])
    )


def notes(shown: Shown) -> list[str]:
    """Return what was corrected, cut or could not be given, by fit, as sentences of Markdown."""
    results = shown.results
    lines = [
        f"{escaped(shown.method(name))}: {escaped(note)}."
        for name, fit in results.fits.items()
        for note in fit.notes
        if not isinstance(fit, NutsFit)
    ]
    if (choice := results.analysis.model) is not None:
        for parameter, prior in choice.priors.items():
            reason = "" if parameter in choice.why else _NO_REASON
            lines.append(f"The prior of {parameter}, {prior}, replaces that of the model file{reason}.")
    exact = results.fits.get("exact")
    if isinstance(exact, ExactFit):
        lines.append(
            f"Exact posterior: the numerical error of every summary number is {error_text(exact.numerical_error)}."
        )
    if isinstance(exact, ExactFit) and results.loo is None:
        lines.append("Leave-one-out densities do not exist, because without some study the posterior is improper.")
    return [*lines, *missing_lines(shown)]


def _by_level(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with all fits of one level together."""
    levels = [tuple(row) for row in table[["variable", "level"]].itertuples(index=False)]
    order = {level: i for i, level in enumerate(dict.fromkeys(levels))}
    return table.iloc[sorted(range(len(levels)), key=lambda i: order[levels[i]])]


def size_words(results: Results) -> str:
    """Return how many studies and events there are."""
    studies = results.inputs.studies
    count = "1 study" if studies.k == 1 else f"{studies.k} studies"
    return count if studies.kind == "estimates" else f"{count}, {studies.totals}"


def _engine_words(fit: AnyFit) -> str:
    if isinstance(fit, GlmmFit):
        return f"Mixed model by maximum likelihood ({fit.glmm_model}, {fit.measure})"
    if isinstance(fit, FrequentistFit):
        return f"Frequentist estimate ({POOLED_AS_COUNTS.get(fit.method, fit.tau2_method)}, {fit.measure})"
    return "Posterior by NUTS" if isinstance(fit, NutsFit) else "Exact posterior"


def _point_words(rows: pd.DataFrame) -> str:
    if "mean" not in set(rows["point"]):
        return ""
    return "Estimates are posterior medians, for p\\_mean the posterior mean."


def _heterogeneity(shown: Shown, name: str, fit: AnyFit) -> str:
    link = fit.record.link if isinstance(fit, FrequentistFit) else fit.link
    scale = "the scale of the estimates" if link == "identity" else f"the {link} scale"
    tau = shown.tau(name)
    text = "Heterogeneity: none, a common effect is assumed."
    if tau != NO_TAU:
        text = f"Heterogeneity: tau = {tau} on {scale}."
    for other, each in shown.results.fits.items():
        if isinstance(each, FrequentistFit | GlmmFit) and each.df > 0:
            pvalue = "P < 0.001" if each.q_pvalue < 0.001 else f"P = {each.q_pvalue:.3f}"
            values = f"I² = {100 * each.i2:.1f} %, Q = {each.q:.2f}, df = {each.df}, {pvalue}"
            text += f" {escaped(shown.method(other))}: {values}."
    return text


def _explanations(shown: Shown) -> str:
    """Return the reasons, each once: NUTS and exact have the same."""
    table = shown.results.comparison
    rows = table[table["estimand"].isin(["p_median", "p_mean", "p_new", "theta_new"])]
    if "exact" in shown.results.fits:
        rows = rows[rows["engine"] != "nuts"]
    lines = [
        f"{escaped(shown.method(str(row.name)))}, `{row.parameter}`: {escaped(row.explanation)}."
        for row in rows.itertuples(index=False)
    ]
    if shown.results.bayesian is not None and "frequentist" in set(table["engine"]):
        lines.append(_TAU_KNOWN)
    return markdown_list(lines)


def _dropped(results: Results) -> str:
    lines = results.inputs.dropped
    return f"Left out, because these rows cannot be used:\n\n{markdown_list(map(escaped, lines))}" if lines else ""


def _events(row: Any) -> str:
    return "" if pd.isna(row.n) else f"{row.events}/{row.n}"


def _level(shown: Shown, row: Any) -> str:
    if pd.isna(row.estimate):
        return "not analysed"
    fit = shown.results.fits[row.name]
    link = fit.record.link if isinstance(fit, FrequentistFit) else fit.link
    values = [float(value) for value in (row.estimate, row.lower, row.upper)]
    if row.parameter == "mu":
        values = [float(LINKS[link].inverse(value)) for value in values]
    return f"{shown.printing.cell(*values)} {row.interval}"
