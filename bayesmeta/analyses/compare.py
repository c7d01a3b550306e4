"""How do fits of the same data differ, and why? Bayesian beside frequentist, each with its estimand."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.analyses.compare_glmm import Row, glmm_rows
from bayesmeta.api import AnyFit, BayesianFit
from bayesmeta.errors import DataError, SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.describe import of_studies
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import POOLED_AS_COUNTS, FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.diagnosis import NOT_RELIABLE
from bayesmeta.result.words import effect_noun
from bayesmeta.spec.beyond import refuse_features
from bayesmeta.spec.coefficients import formula_of, refuse_formula
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.words import has_mean, model_label

COLUMNS = (
    "fit", "engine", "parameter", "estimand", "estimate", "point", "lower", "upper", "interval",
    "explanation",
)  # fmt: skip
_TRANSFORMED = {"PLO": "logits", "PLN": "logs", "PAS": "arcsines", "PFT": "double arcsines"}
FAR_WEIGHT = 1.25  # a precision weight this many times an equal share is worth a sentence


def compare(fits: Sequence[AnyFit] | AnyFit, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Put fits of the same studies into one table that says what each number estimates.

    Parameters
    ----------
    fits : ExactFit, NutsFit, FrequentistFit or GlmmFit, or a sequence of them
        Fits of the same studies.
    ci_prob : float
        Probability of all intervals.

    Returns
    -------
    DataFrame
        A row per fit and parameter. ``fit``: the method in words. ``estimand``: which quantity the row
        estimates: ``mu`` and ``tau`` (link scale), ``p_median``, ``p_mean`` or ``p_new``. ``estimate`` is, by
        ``point``, the posterior median, for `p_mean` the posterior mean (which is also the mean of
        `p_new`), the pooled estimate, or that of maximum likelihood (ML). ``interval``: CrI (credible), CI
        (confidence) or PI (prediction).
        ``explanation``: why the number may differ from the others; of a NUTS fit that failed its diagnosis, that
        it is not reliable.

    Raises
    ------
    SpecError
        If ``fits`` is empty, or holds something else than fits.
    DataError
        If the fits are of different studies.

    Notes
    -----
    Three quantities are called "the pooled proportion": the proportion of the median study (`p_median`),
    the mean over studies (`p_mean`), and the proportion of the next study (`p_new`). A precision-weighted
    mean of raw proportions estimates `p_mean`, but its weights depend on the proportions themselves.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("blinatumomab_cr")
    >>> studies = bm.Studies.from_frame(df, events="events", n="n")
    >>> dl = bm.fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
    >>> table = bm.compare([bm.fit(studies), dl])
    >>> table.query("estimand == 'p_mean'")[["engine", "estimate"]].round(3)
            engine  estimate
    3        exact     0.813
    7  frequentist     0.865
    """
    if not isinstance(fits, Iterable):
        fits = [fits]
    given: list[Any] = list(fits)
    if not given:
        raise SpecError("compare needs at least one fit; got none.")
    for fit in given:
        refuse_formula(formula_of(fit), "compare")
        refuse_features(getattr(fit, "model", None), "compare")
        if not isinstance(fit, ExactFit | NutsFit | FrequentistFit | GlmmFit):
            raise SpecError(f"compare takes fits made by bm.fit; got {a_type(fit)}.")
        _check_same_studies(given[0], fit)
    rows = [row for fit in given for row in _rows(fit, ci_prob)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_same_studies(first: AnyFit, other: AnyFit) -> None:
    if first.studies.study == other.studies.study:
        return
    different = sorted(set(first.studies.study) ^ set(other.studies.study))
    shown = f"study {different[0]!r} is in only one of them" if different else "their studies are in another order"
    raise DataError(f"compare needs fits of the same studies; {shown}.")


def _rows(fit: AnyFit, ci_prob: float) -> list[Row]:
    if isinstance(fit, GlmmFit):
        return glmm_rows(fit, ci_prob)
    return _frequentist_rows(fit, ci_prob) if isinstance(fit, FrequentistFit) else _bayesian_rows(fit, ci_prob)


def _bayesian_rows(fit: BayesianFit, ci_prob: float) -> list[Row]:
    table = fit.summary(ci_prob=ci_prob).to_dict(orient="index")
    label = model_label(fit.model)
    warning = ""
    if isinstance(fit, NutsFit):
        label += f", NUTS ({fit.sampler})"
        warning = "" if fit.is_reliable else f"{NOT_RELIABLE}, see bm.diagnose: "
    elif fit.power_weights is not None:
        label += ", power weights"
    noun = effect_noun(fit.studies, fit.link, fit.measure)
    rows: list[Row] = []
    for name in fit.parameters:
        row = table[name]
        point = "mean" if name == "p_mean" else "median"
        kind = "PI" if name in ("p_new", "theta_new") else "CrI"
        limits = row["lower"], row["upper"]
        why = _why_bayesian(name, table, noun, fit.model) if fit.model.has_tau else _why_common(name, noun)
        rows.append((label, fit.engine, name, name, row[point], point, *limits, kind, warning + why))
    return rows


def _why_bayesian(name: str, table: dict[Hashable, dict[Hashable, float]], noun: str, model: ModelSpec) -> str:
    tau = f"tau = {table['tau']['median']:.2f}"
    match name:
        case "p_median":
            return "the study in the middle: half of all studies have a larger true proportion"
        case "p_mean":
            gap = 100.0 * (table["p_mean"]["mean"] - table["p_median"]["median"])
            side = "below" if gap < 0 else "above"
            return (
                "the mean over studies, each counting alike whatever its size or precision; "
                f"{abs(gap):.1f} points {side} p_median, because proportions vary and are skewed ({tau})"
            )
        case "p_new":
            return f"the true proportion of the next study; wide because studies differ ({tau})"
        case "theta_new":
            return f"{_log_of(noun)} of the next study; wide because studies differ ({tau})"
        case "mu":
            middle = "mean" if has_mean(model) else "middle"
            return f"{middle} of the study effects, link scale{_as_log(noun)}"
    spread = f"scale of Student's t (nu = {model.nu:g})" if model.effects == "student-t" else "standard deviation"
    return f"{spread} of the study effects, link scale"


def _why_common(name: str, noun: str) -> str:
    match name:
        case "p_median":
            return "the true proportion that all studies are taken to share"
        case "mu":
            return f"the effect that all studies are taken to share, link scale{_as_log(noun)}"
    return "the same: a model with a common effect lets no study differ from the others"


def _as_log(noun: str) -> str:
    return f" (log {noun})" if noun.endswith(("ratio", "rate")) else ""


def _log_of(noun: str) -> str:
    return f"the true log {noun}" if noun.endswith(("ratio", "rate")) else "the true effect"


def _frequentist_rows(fit: FrequentistFit, ci_prob: float) -> list[Row]:
    variance = f", {fit.variance} variance" if len(fit.record.variances) > 1 else ""
    pooled = POOLED_AS_COUNTS.get(fit.method, fit.tau2_method)
    label = f"{pooled}, {fit.measure}{variance}, {fit.ci_method} interval"
    why = {
        "mu": "pooled from the counts as they are, scale of the measure"
        if fit.method in POOLED_AS_COUNTS
        else "weighted mean of the estimates, scale of the measure",
        "p_mean": _why_raw(fit),
        "p_median": _why_median(fit),
    }
    rows: list[Row] = []
    for key, row in fit.summary(ci_prob=ci_prob).to_dict(orient="index").items():
        name, limits = str(key), (row["lower"], row["upper"])
        rows.append((label, fit.engine, name, name, row["estimate"], "pooled", *limits, "CI", why[name]))
    nothing = np.nan, np.nan
    is_random = tau2_record(fit.tau2_method).is_random
    note = "moment estimate, scale of the measure" if is_random else "none: a common effect is assumed"
    rows.insert(1, (label, fit.engine, "tau", "tau", fit.tau, "pooled", *nothing, "", note))
    if fit.record.estimand is not None and ci_prob == fit.ci_prob:
        limits = fit.prediction_interval_natural
        note = "plug-in: tau is taken as known"
        if not np.isfinite(limits[0]):
            note = "none: too few studies" if is_random else "none: a common effect is assumed"
        rows.append((label, fit.engine, "p_new", "p_new", rows[-1][4], "pooled", *limits, "PI", note))
    return rows


def _why_raw(fit: FrequentistFit) -> str:
    """Say how the precision weights of raw proportions moved the pool."""
    text = "precision-weighted mean of the raw proportions"
    equal = float(fit.y.mean())
    if fit.k < 2:
        return text
    text += f" (weighting all studies alike: {100 * equal:.1f} %)"
    heavy = np.argsort(-fit.weights)[:3]
    heavy = heavy[fit.weights[heavy] > FAR_WEIGHT / fit.k]
    extreme = heavy[np.abs(fit.y[heavy] - 0.5) > np.abs(fit.y - 0.5).mean()]
    if not extreme.size:
        return text
    named = ", ".join(fit.studies.study[i] for i in extreme)
    share = 100.0 * float(fit.weights[extreme].sum())
    near = "100 %" if fit.y[extreme].mean() > 0.5 else "0 %"
    return (
        f"{text}; standard errors of raw proportions shrink near {near}, so that studies there weigh most "
        f"and pull the pool towards it: {named} hold {share:.0f} % of the weight"
    )


def _why_median(fit: FrequentistFit) -> str:
    text = f"weighted mean of the {_TRANSFORMED.get(fit.measure, 'effects')}, transformed back"
    if fit.typical_n is not None:
        text += f" as if all studies had n = {fit.typical_n:.4g}"
    count = int(fit.corrected.sum())
    if count:
        text += (
            f"; {of_studies(count, fit.k, 'has', 'have')} a zero cell and {'was' if count == 1 else 'were'} corrected "
            f"by {fit.add:g}, which pulls {'it' if count == 1 else 'them'} towards 50 % and gives "
            f"{'it' if count == 1 else 'them'} little weight"
        )
    return text
