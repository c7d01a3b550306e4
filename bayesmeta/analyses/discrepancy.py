"""What of a set of studies is looked at in a predictive check? Its zeros, extremes, spread and heterogeneity.

Axes of the arrays: k studies, S sets of them (replicates, or the one that was observed).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.measures import DataKind

CELL: Final = 0.5  # added to every cell of two arms, so that studies without events have a log ratio

type Data = Mapping[str, FloatArray]
"""Arrays (k, S), or (k, 1) for what is given, by role."""


def discrepancies(kind: DataKind, data: Data) -> dict[str, FloatArray]:
    """Return statistics of each set of studies, shape (S,).

    Parameters
    ----------
    kind : str
        As `Studies.kind`.
    data : mapping
        The data by role.

    Returns
    -------
    dict
        ``n_zero``: studies without events (of two arms, in either), and of one arm of patients ``n_all``: with nothing
        but events. ``lowest``, ``highest``, ``spread`` (standard deviation) of the studies' own effects: proportions,
        rates, estimates, or log ratios of two arms with 1/2 added to every cell. ``chi_square``: of homogeneity;
        Pearson's for one arm, sum_i (events_i - n_i p)^2 / (n_i p (1 - p)) with the proportion p of all studies
        together, else Cochran's Q, sum_i (y_i - y)^2 / se_i^2 with the mean y weighted by 1 / se_i^2.
    """
    found: dict[str, FloatArray] = {}
    if kind in ("two-arm-counts", "two-arm-rates"):
        found["n_zero"] = ((data["events_treatment"] == 0) | (data["events_control"] == 0)).sum(axis=0)
    elif kind != "estimates":
        found["n_zero"] = (data["events"] == 0).sum(axis=0)
    if kind == "counts":
        found["n_all"] = (data["events"] == data["n"]).sum(axis=0)
    effect = own_effects(kind, data)
    found |= {"lowest": effect.min(axis=0), "highest": effect.max(axis=0)}
    if len(effect) > 1:
        found |= {"spread": effect.std(axis=0, ddof=1), "chi_square": _chi_square(kind, data, effect)}
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


def own_effects(kind: DataKind, data: Data) -> FloatArray:
    """Return each study's own effect, shape (k, S): proportion, rate, estimate or log ratio."""
    match kind:
        case "counts":
            return np.asarray(data["events"] / data["n"])
        case "rates":
            return np.asarray(data["events"] / data["time"])
        case "estimates":
            return np.asarray(data["y"], dtype=np.float64)
    return np.asarray(_log_odds(kind, data, "treatment") - _log_odds(kind, data, "control"))


def _log_odds(kind: DataKind, data: Data, arm: str) -> FloatArray:
    """Return the log odds of an arm, or its log rate, with half an event more."""
    events = data[f"events_{arm}"]
    rest = data[f"time_{arm}"] if kind == "two-arm-rates" else data[f"n_{arm}"] - events + CELL
    return np.asarray(np.log(events + CELL) - np.log(rest))


def _chi_square(kind: DataKind, data: Data, effect: FloatArray) -> FloatArray:
    if kind in ("counts", "rates"):
        size = data["n" if kind == "counts" else "time"]
        pooled = data["events"].sum(axis=0) / np.broadcast_to(size, effect.shape).sum(axis=0)
        variance = size * pooled * ((1.0 - pooled) if kind == "counts" else 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):  # none, or nothing but events: all studies are alike
            return np.nan_to_num(((data["events"] - size * pooled) ** 2 / variance).sum(axis=0), nan=0.0)
    weight = np.broadcast_to(1.0 / _variance(kind, data), effect.shape)
    mean = (weight * effect).sum(axis=0) / weight.sum(axis=0)
    return np.asarray((weight * (effect - mean) ** 2).sum(axis=0))


def _variance(kind: DataKind, data: Data) -> FloatArray:
    """Return the variance of each estimate, or by the delta method of each log ratio."""
    if kind == "estimates":
        return np.asarray(data["se"] ** 2)
    total = np.zeros(1)
    for arm in ("treatment", "control"):
        events = data[f"events_{arm}"]
        total = total + 1.0 / (events + CELL)
        if kind == "two-arm-counts":
            total = total + 1.0 / (data[f"n_{arm}"] - events + CELL)
    return total
