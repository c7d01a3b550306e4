"""How is a fit, or a comparison of fits, told on a screen?"""

from collections.abc import Iterable
from math import isnan
from types import MappingProxyType

import pandas as pd

from bayesmeta._validate import a_type, unknown_name
from bayesmeta.api import AnyFit, BayesianFit
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.coefficients import coefficient_test
from bayesmeta.frequentist.describe import i2_h2_text
from bayesmeta.frequentist.glmm_describe import interval_title, study_sd_text
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.intervals import ci_record, pi_record
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.regression_text import heterogeneity_lines
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.settings import SAMPLER_TITLES
from bayesmeta.result.words import effect_noun, with_article
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.words import meanings
from bayesmeta.tables.numbers import number_texts, percent_text
from bayesmeta.tables.render import WIDTH, render_list, render_table

KINDS = MappingProxyType({"eti": "equal-tailed", "hdi": "shortest"})
SMALLEST_P = 1e-4
NOISE = 1e-12
COMPARE_COLUMNS = ("parameter", "estimate", "lower", "upper", "interval", "explanation")


def render_fit(
    fit: AnyFit | FrequentistRegression, *, ci_prob: float = 0.95, ci_kind: str = "eti", width: int = WIDTH
) -> str:
    """Return a fit as text: the model, the estimates with intervals, and what the rows mean.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit, GlmmFit or FrequentistRegression
        The fit.
    ci_prob : float
        Probability of the credible or confidence intervals; a prediction interval has the fit's own.
    ci_kind : {"eti", "hdi"}
        Equal-tailed or shortest credible interval; confidence intervals are "eti" only.
    width : int
        Columns that the text may take.

    Returns
    -------
    str
        Lines without a final line break. Of the fit's ``notes`` only the verdict on a NUTS fit is among them.

    Raises
    ------
    SpecError
        If an option is not allowed, or `fit` is no fit.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> print(render_fit(bm.fit(studies, engine="frequentist")).partition("lower, upper")[0])
    Random effects (DerSimonian-Laird), logit-transformed proportion (PLO), k = 14
    <BLANKLINE>
    parameter  estimate      se  lower  upper
    mu            1.138  0.2409  0.666  1.610
    p_median      0.757  0.0443  0.661  0.833
    <BLANKLINE>
    <BLANKLINE>
    """
    if isinstance(fit, FrequentistRegression):
        return _regression_text(fit, ci_prob, width)
    if not isinstance(fit, ExactFit | NutsFit | FrequentistFit | GlmmFit):
        raise SpecError(f"render_fit takes a fit made by bm.fit; got {a_type(fit)}.")
    table = fit.summary(ci_prob=ci_prob, ci_kind=ci_kind)
    if isinstance(fit, GlmmFit):
        head, tail = _glmm_head(fit), _glmm_tail(fit, table, ci_prob)
    elif isinstance(fit, FrequentistFit):
        head, tail = _frequentist_head(fit), _frequentist_tail(fit, table, ci_prob)
    else:
        head, tail = _bayesian_head(fit), _bayesian_tail(fit, table, ci_prob, ci_kind)
    foot = render_list(tail, width=width, bullet="")
    return f"{render_list(head, width=width, bullet='')}\n\n{render_table(table, width=width)}\n\n{foot}"


def render_compare(table: pd.DataFrame, *, scale: str = "percent", width: int = WIDTH) -> str:
    """Return a comparison of fits as text, a block for each fit, with the explanation beside each number.

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare` returns it.
    scale : {"percent", "proportion"}
        How proportions are written.
    width : int
        Columns that the text may take.

    Returns
    -------
    str
        Lines without a final line break.

    Raises
    ------
    SpecError
        If `scale` is neither.
    """
    if scale not in ("percent", "proportion"):
        raise SpecError(unknown_name("scale", scale, ("percent", "proportion")))
    blocks = []
    for label, rows in table.groupby("fit", sort=False):
        shown = rows.loc[:, list(COMPARE_COLUMNS)].copy()
        is_percent = rows["estimand"].str.startswith("p_") & (scale == "percent")
        numbers = ("estimate", "lower", "upper")
        for name in numbers:
            shown[name] = _row_texts(rows[name].tolist(), is_percent.tolist())
        engine = str(rows["engine"].iloc[0])
        heading = render_list([f"{engine}: {label}"], width=width, bullet="")
        blocks.append(f"{heading}\n\n{render_table(shown, right=numbers, width=width)}")
    return "\n\n".join(blocks)


def _row_texts(values: list[float], is_percent: list[bool]) -> list[str]:
    """Return the texts of a column whose rows are partly per cents; nothing where there is no number."""
    rows = list(zip(values, is_percent, strict=True))
    # What is left of a difference of equal numbers is 0, not 2.6e-15.
    plain = iter(number_texts([0.0 if abs(value) < NOISE else value for value, percent in rows if not percent]))
    texts = [percent_text(value) if percent else next(plain) for value, percent in rows]
    return ["" if isnan(value) else text for value, text in zip(values, texts, strict=True)]


def _bayesian_head(fit: BayesianFit) -> list[str]:
    model = [line.strip() for line in repr(fit.model).splitlines()[1:]]
    measure = f", measure {fit.measure}" if fit.measure else ""
    engine, size = "Exact posterior", f"k = {fit.k}"
    if isinstance(fit, NutsFit):
        engine = f"Posterior by {SAMPLER_TITLES[fit.sampler]}"
        size += f", {fit.chains} chains of {fit.draws} draws, seed {fit.seed}"
    return [f"{engine}{measure}, {size}", *(f"  {' '.join(line.split())}" for line in model)]


def _bayesian_tail(fit: BayesianFit, table: pd.DataFrame, ci_prob: float, ci_kind: str) -> list[str]:
    lines = [f"lower, upper: {100 * ci_prob:g} % CrI ({KINDS[ci_kind]})", _meanings(table.index, fit.link, fit.model)]
    if fit.link == "log" and ci_kind == "eti":
        lines.append(_ratio_text(table, "median", effect_noun(fit.studies, fit.link, fit.measure)))
    if fit.log_evidence is not None:
        lines.append(f"log evidence: {fit.log_evidence:.4f}")
    if isinstance(fit, NutsFit):
        lines.append(fit.diagnosis.verdict)
    return lines


def _frequentist_head(fit: FrequentistFit) -> list[str]:
    method = tau2_record(fit.tau2_method)
    title = f"{method.model.capitalize()} ({fit.estimator}), {fit.record.title} ({fit.measure})"
    return [f"{title}, k = {fit.k}"]


def _frequentist_tail(fit: FrequentistFit, table: pd.DataFrame, ci_prob: float) -> list[str]:
    title = ci_record(fit.ci_method).title
    lines = [f"lower, upper: {100 * ci_prob:g} % CI ({title})", _meanings(table.index, fit.record.link, None)]
    if fit.record.link == "log" and fit.record.estimand is None:
        lines.append(_ratio_text(table, "estimate", effect_noun(fit.studies, fit.record.link, fit.measure)))
    if not isnan(fit.prediction_interval[0]):
        lines.append(f"{100 * fit.ci_prob:g} % PI ({pi_record(fit.pi_method).title}): {_prediction_text(fit)}")
    variance = f"tau2 = {_number_text(fit.tau2)}, {i2_h2_text(fit, _number_text(fit.h2), sign=' = ')}"
    return [*lines, f"{variance}, Q = {fit.q:.2f}, df = {fit.df}, {_pvalue_text(fit.q_pvalue)}"]


def _regression_text(fit: FrequentistRegression, ci_prob: float, width: int) -> str:
    """Return a classical meta-regression as text."""
    method = tau2_record(fit.tau2_method)
    title = f"Meta-regression {fit.design.formula}, {method.model} ({method.title}), {fit.record.title} ({fit.measure})"
    title_of_test = coefficient_test(fit.ci_method).title
    tail = [f"lower, upper: {100 * ci_prob:g} % CI ({title_of_test}); beta on the {_scale_of(fit)}"]
    head = render_list([f"{title}, k = {fit.k}"], width=width, bullet="")
    foot = render_list([*tail, *heterogeneity_lines(fit)], width=width, bullet="")
    return f"{head}\n\n{render_table(fit.summary(ci_prob=ci_prob), width=width)}\n\n{foot}"


def _scale_of(fit: FrequentistRegression) -> str:
    link = fit.record.link
    return "scale of the estimates" if link == "identity" else f"{link} scale"


def _glmm_head(fit: GlmmFit) -> list[str]:
    title = f"Mixed model by maximum likelihood ({fit.glmm_model}: {fit.model_record.title})"
    return [f"{title}, {fit.record.title} ({fit.measure}), k = {fit.k}"]


def _glmm_tail(fit: GlmmFit, table: pd.DataFrame, ci_prob: float) -> list[str]:
    title = interval_title(fit)
    lines = [f"lower, upper: {100 * ci_prob:g} % CI ({title})", _meanings(table.index, fit.link, None)]
    if fit.link == "log":
        lines.append(_ratio_text(table, "estimate", effect_noun(fit.studies, fit.link, fit.measure)))
    percent = f"{100 * fit.ci_prob:g} %"
    if not isnan(fit.prediction_interval[0]):
        lines.append(f"{percent} PI ({pi_record(fit.pi_method).title}): {_prediction_text(fit)}")
    return [
        *lines,
        f"tau2 = {_number_text(fit.tau2)} ({percent} CI, profile likelihood: {_range_text(fit.tau2_interval)}), "
        f"I2 = {100 * fit.i2_tau2:.1f} %, H2 = {_number_text(fit.h2)}{study_sd_text(fit)}",
        f"tau2 = 0: likelihood ratio {fit.lrt:.2f}, {_pvalue_text(fit.lrt_pvalue)}; equal effects, df = {fit.df}: "
        f"likelihood ratio {fit.q:.2f}, {_pvalue_text(fit.q_pvalue)}, Wald {fit.q_wald:.2f}, "
        f"{_pvalue_text(fit.q_wald_pvalue)}",
    ]


def _pvalue_text(pvalue: float) -> str:
    return f"P < {SMALLEST_P:.4f}" if pvalue < SMALLEST_P else f"P = {pvalue:.4f}"


def _prediction_text(fit: FrequentistFit | GlmmFit) -> str:
    natural = _range_text(fit.prediction_interval_natural)
    if fit.record.link == "identity":
        return natural
    return f"{_range_text(fit.prediction_interval)}, transformed back {natural}"


def _meanings(parameters: Iterable[object], link: str, model: ModelSpec | None) -> str:
    scale = "on the scale of the estimates" if link == "identity" else f"on the {link} scale"
    words = meanings(model)
    return "; ".join(
        f"{name}: {words[str(name)]}" + (f", {scale}" if name in ("mu", "theta_new") else "") for name in parameters
    )


def _ratio_text(table: pd.DataFrame, point: str, noun: str) -> str:
    row = table.to_dict(orient="index")["mu"]
    middle, *limits = (float(LINKS["log"].inverse(row[name])) for name in (point, "lower", "upper"))
    return f"mu as {with_article(noun)}: {_number_text(middle)} ({_range_text(limits)})"


def _number_text(value: float) -> str:
    return number_texts([value])[0]


def _range_text(limits: Iterable[float]) -> str:
    return " to ".join(number_texts(limits))
