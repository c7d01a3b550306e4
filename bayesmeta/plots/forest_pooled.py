"""What does a fit say of all its studies together, natural scale: the rows of its estimates?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta.api import AnyFit
from bayesmeta.effects.links import LINKS
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_words import parameter_label
from bayesmeta.result.quantity import is_proportion

type Record = dict[str, Any]

_POINTS: Final[Mapping[str, str]] = {"p_mean": "mean", "p_new": "", "theta_new": ""}
"""Which point of the posterior is drawn, where it is not the median; the prediction is a bar without one."""


def pooled_rows(fit: AnyFit, prob: float) -> list[Record]:
    """Return a row for each estimate of all studies together: label, kind, parameter, point, interval, and numbers."""
    if isinstance(fit, FrequentistFit | GlmmFit):
        rows = _frequentist_rows(fit, prob)
    else:
        rows = posterior_rows(fit.summary(ci_prob=prob), fit.link, has_tau=fit.model.has_tau)
    return labelled_rows(rows, fit)


def labelled_rows(rows: Iterable[Record], fit: AnyFit) -> list[Record]:
    """Return the rows with what they are called and how they are drawn: kind and label."""
    kinds = {"PI": "prediction"}
    return [
        row | {"kind": kinds.get(row["interval"], "summary"), "label": parameter_label(row["parameter"], fit)}
        for row in rows
    ]


def posterior_rows(table: pd.DataFrame, link: str, *, has_tau: bool) -> Iterator[Record]:
    """Yield the estimates in the summary of a posterior, of all studies or of one group."""
    of_proportions = is_proportion(link)
    names = parameters_of(of_proportions)
    for name in names if has_tau else names[:1]:  # all are one where studies do not differ
        point = _POINTS.get(name, "median")
        values = (table.at[name, column] if column else np.nan for column in (point, "lower", "upper"))
        natural_values = natural("identity" if of_proportions else link, *values)
        yield pooled_row(name, point, "CrI" if point else "PI", natural_values)


def parameters_of(of_proportions: bool) -> tuple[str, ...]:
    """Return which parameters a forest plot shows."""
    return ("p_median", "p_mean", "p_new") if of_proportions else ("mu", "theta_new")


def _frequentist_rows(fit: FrequentistFit | GlmmFit, prob: float) -> Iterator[Record]:
    at_prob = replace(fit, ci_prob=prob)
    estimand = fit.record.estimand
    row = at_prob.summary().loc[estimand or "mu"]
    values = natural("identity" if estimand else fit.record.link, row["estimate"], row["lower"], row["upper"])
    yield pooled_row(estimand or "mu", "pooled", "CI", values)
    limits = at_prob.prediction_interval_natural
    if np.isfinite(limits[0]):
        yield pooled_row("p_new" if estimand else "theta_new", "", "PI", (np.nan, *limits))


def natural(link: str, *values: Any) -> list[float]:
    """Return values of the link scale on the natural scale."""
    with np.errstate(over="ignore"):
        return [float(value) for value in LINKS[link].inverse(values)]


def pooled_row(parameter: str, point: str, interval: str, values: Iterable[float]) -> Record:
    """Return one row, with estimate, lower and upper limit on the natural scale."""
    numbers = dict(zip(("estimate", "lower", "upper"), values, strict=True))
    return {"parameter": parameter, "point": point, "interval": interval, **numbers}
