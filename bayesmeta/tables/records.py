"""What does a program read of a fit? One record of plain numbers, ready for JSON."""

import math
from typing import Any

import pandas as pd

from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.methods import INVERSE_VARIANCE
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.summary import Fit

HETEROGENEITY = ("q", "df", "q_pvalue", "i2", "i2_tau2", "h2", "tau2")
WALD_TEST = ("statistic", "df", "df_residual", "pvalue")
CHOICES = ("measure", "method", "glmm_model", "tau2_method", "ci_method", "pi_method", "ci_prob")
SAMPLING = (
    "sampler", "draws", "tune", "chains", "seed", "target_accept", "parametrisation", "n_divergent", "interrupted",
)  # fmt: skip


def fit_record(fit: Fit, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> dict[str, Any]:
    """Return the results of a fit as numbers, text and lists: what ``bayesmeta fit --format json`` prints.

    Parameters
    ----------
    fit : ExactFit, NutsFit or FrequentistFit
        The fit.
    ci_prob : float
        Probability of the intervals.
    ci_kind : {"eti", "hdi"}
        Equal-tailed or shortest credible interval; confidence intervals are "eti" only.

    Returns
    -------
    dict
        ``engine``, ``k`` and ``estimates``, a list with one dict for each row of the summary. For a Bayesian
        fit ``numerical_error``, the largest of the rows', and, if both priors are proper, ``log_evidence``.
        For a frequentist fit ``choices``: ``measure method glmm_model tau2_method ci_method pi_method ci_prob``, those
        that it has; ``prediction_interval`` and ``prediction_interval_natural``, lower and upper limit at the fit's
        own ``ci_prob``; and ``heterogeneity``: ``q``, ``df``, ``q_pvalue``, ``i2`` (from Q, a
        fraction), ``i2_tau2`` (from tau2), ``h2`` and ``tau2``, of mixed models with random study
        effects (UM.RS) their ``study_sd``; with moderators also ``r2``, and ``moderators``:
        ``statistic df df_residual pvalue`` of their test.
        For a NUTS fit ``sampling``: ``sampler draws tune chains seed target_accept
        parametrisation n_divergent interrupted``; ``diagnosis``: ``ok``, ``verdict``; and ``verification``: ``agrees``
        (None if there is no exact answer), ``verdict``, ``largest`` (difference in MCSE). Keys that do not apply are
        left out.

    Raises
    ------
    SpecError
        If an option is not allowed.

    Notes
    -----
    Numbers keep their full precision. JSON has no infinity and no "not a number", so both become None:
    such as the mean of a posterior that falls too slowly to have one. The notes of the fit say why.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"))
    >>> record = fit_record(bm.fit(studies, engine="frequentist"))
    >>> record["choices"]["tau2_method"], round(record["heterogeneity"]["i2"], 3)
    ('DL', 0.564)
    """
    table = fit.summary(ci_prob=ci_prob, ci_kind=ci_kind)
    record: dict[str, Any] = {"engine": fit.engine, "k": fit.studies.k, "estimates": _rows(table)}
    log_evidence = getattr(fit, "log_evidence", None)
    if log_evidence is not None:
        record["log_evidence"] = _plain(log_evidence)
    if "numerical_error" in table:
        record["numerical_error"] = _plain(table["numerical_error"].max(skipna=False))
    if fit.engine == "frequentist":
        record |= _classical(fit)
        record["heterogeneity"] = {name: _plain(getattr(fit, name)) for name in HETEROGENEITY}
    if isinstance(fit, GlmmFit) and not math.isnan(fit.study_sd):
        record["heterogeneity"]["study_sd"] = _plain(fit.study_sd)
    if isinstance(fit, FrequentistRegression):
        record["heterogeneity"]["r2"] = _plain(fit.r2)
        record["moderators"] = {name: _plain(getattr(fit.moderator_test, name)) for name in WALD_TEST}
    if isinstance(fit, NutsFit):
        record |= _sampling(fit)
    return record


def frame_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as a list with one dict for each row, ready for JSON.

    Parameters
    ----------
    frame : pandas.DataFrame
        Numbers and text; the index is left out.

    Returns
    -------
    list of dict
        Column to value: plain numbers and text, None for what is missing or not finite.

    Examples
    --------
    >>> frame_records(pd.DataFrame({"study": ["Lee 2019", None], "mean": [0.5, float("inf")]}))
    [{'study': 'Lee 2019', 'mean': 0.5}, {'study': None, 'mean': None}]
    """
    return [{str(column): _plain(value) for column, value in row.items()} for row in frame.to_dict(orient="records")]


def _classical(fit: Fit) -> dict[str, Any]:
    """Return the choices of a classical fit, and its prediction interval; a regression's depends on moderators."""
    values = {"method": INVERSE_VARIANCE} | {name: getattr(fit, name) for name in CHOICES if hasattr(fit, name)}
    if isinstance(fit, FrequentistRegression):
        values["pi_method"] = fit.null.pi_method
    record: dict[str, Any] = {"choices": {name: _plain(values[name]) for name in CHOICES if name in values}}
    for name in ("prediction_interval", "prediction_interval_natural"):
        limits = getattr(fit, name, (math.nan, math.nan))
        if not math.isnan(limits[0]):
            record[name] = [_plain(limit) for limit in limits]
    return record


def _sampling(fit: NutsFit) -> dict[str, Any]:
    record: dict[str, Any] = {
        "sampling": {name: _plain(getattr(fit, name)) for name in SAMPLING},
        "diagnosis": {"ok": fit.diagnosis.ok, "verdict": fit.diagnosis.verdict},
    }
    if (found := fit.verification) is not None:
        record["verification"] = {"agrees": found.agrees, "verdict": found.verdict, "largest": _plain(found.largest)}
    return record


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return frame_records(table.rename_axis("parameter").reset_index())


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA:
        return None
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
