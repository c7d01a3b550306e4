"""What does a forest plot show: which rows, with which numbers?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import IntArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.api import AnyFit, BayesianFit
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_fits import Compared, is_reliable, labelled_fits, link_of
from bayesmeta.plots.forest_words import parameter_label
from bayesmeta.result.quantity import is_proportion
from bayesmeta.result.study_table import natural_name, observed_effects, study_effects
from bayesmeta.spec.beyond import refuse_features
from bayesmeta.spec.coefficients import formula_of, refuse_formula

type Record = dict[str, Any]

FRAME_DTYPES: Final = {
    "kind": "str",
    "label": "str",
    "method": "str",
    "parameter": "str",
    "events": "Int64",
    "n": "Int64",
    "estimate": "float64",
    "point": "str",
    "lower": "float64",
    "upper": "float64",
    "interval": "str",
    "shrunken": "float64",
    "shrunken_lower": "float64",
    "shrunken_upper": "float64",
    "weight": "float64",
    "is_reliable": "bool",
}
"""Columns of the frame and their types; the data of two arms or of person-time and the moderators follow."""

SIZES: Final = ("n", "n_treatment", "n_control", "time", "time_treatment", "time_control")
"""How much was observed in an arm."""

_POINTS: Final[Mapping[str, str]] = {"p_mean": "mean", "p_new": "", "theta_new": ""}
"""Which point of the posterior is drawn, where it is not the median; the prediction is a bar without one."""


def forest_frame(
    fit: AnyFit,
    *,
    compare: Compared = (),
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    study_interval: str | None = None,
) -> pd.DataFrame:
    """Return the rows of a forest plot: the studies, then the estimates of each fit.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The fit whose studies are shown.
    compare : fit, sequence of fits, or dict of fits by label
        Further fits whose estimates are shown below those of `fit`.
    order : str or sequence of str, optional
        How the studies are ordered: a column of this frame or a moderator (``"-weight"``: descending; ``"study"`` is
        the label, ``"data"`` means ``n`` or the person-time, of both arms), or all labels in the order wanted. Equal
        values keep the order of the data, which is also the default.
    ci_prob : float
        Probability of all intervals.
    study_interval : str, optional
        Interval of the observed proportions, as in `study_effects`.

    Returns
    -------
    DataFrame
        A row per line of the plot, from the top. All values are on the natural scale: proportions, ratios, or
        the scale of ``y``.

        ``kind``: ``"study"``, ``"summary"`` (a diamond) or ``"prediction"`` (a bar). ``label``: what is
        printed on the left. ``method``: the fit in words; of a study, that whose weights are shown.
        ``parameter``: ``p_median``, ``p_mean``, ``p_new``, ``mu`` or ``theta_new``; empty for a study.
        ``events``, ``n``: counts. ``estimate``: of a study, the raw proportion, rate or estimate; else by ``point``
        the posterior ``"median"``, for `p_mean` the posterior ``"mean"``, or the ``"pooled"`` estimate; nan
        for a prediction. ``lower``, ``upper``: by ``interval`` the exact (Clopper-Pearson, unless
        `study_interval` is another, or Garwood) or normal ``"CI"`` of a study,
        the ``"CrI"`` or ``"CI"`` of an estimate, or the ``"PI"``. ``shrunken``,
        ``shrunken_lower``, ``shrunken_upper``: posterior median and credible interval of the study's own
        proportion or effect; nan for a frequentist fit and for a common effect. ``weight``: share of the study in the
        fit; the shares sum to 1. ``is_reliable``: False if the fit failed its diagnosis or its verification. The data
        of two arms or of person-time (``events_treatment`` and so on, ``time``) and the moderators follow, missing for
        the estimates, except a moderator that is called like a column above.

    Raises
    ------
    SpecError
        If `ci_prob`, `order` or `study_interval` is not allowed, `compare` holds something else than fits, two fits
        have the same label, or a fit is on another scale than `fit`.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), events="events", n="n")
    >>> frame = forest_frame(bm.fit(studies))
    >>> frame.tail(3)[["parameter", "interval", "lower", "upper"]].round(3)
       parameter interval  lower  upper
    10  p_median      CrI  0.735  0.942
    11    p_mean      CrI  0.673  0.903
    12     p_new       PI  0.314  0.990
    """
    prob = check_probability("ci_prob", ci_prob)
    refuse_formula(formula_of(fit), "a forest plot")
    refuse_features(getattr(fit, "model", None), "a forest plot")
    fits = labelled_fits(fit, compare)
    title = next(iter(fits))
    studies = _study_rows(fit, prob, study_interval).assign(
        kind="study", method=title, point="", parameter="", interval="CI"
    )
    pooled = [row | {"method": label} for label, each in fits.items() for row in _pooled_rows(each, prob)]
    together = [*studies.to_dict("records"), *pooled]
    dtypes = FRAME_DTYPES | _data_dtypes(fit.studies)
    frame = pd.DataFrame(together, columns=list(dtypes))
    frame["is_reliable"] = [is_reliable(fits[method]) for method in frame["method"]]
    moderators = fit.studies.moderators.convert_dtypes()
    others = moderators.drop(columns=[name for name in moderators if name in dtypes])
    frame = pd.concat([frame.astype(dtypes), others.reindex(frame.index)], axis=1)
    at = _positions(frame.iloc[: len(studies)], order)
    return frame.iloc[[*at, *range(len(studies), len(frame))]].reset_index(drop=True)


def _data_dtypes(studies: Studies) -> dict[str, str]:
    """Return the columns of the data that are neither one arm's counts nor estimates, and their types."""
    if studies.kind in ("counts", "estimates"):
        return {}
    return {role: "float64" if role.startswith("time") else "Int64" for role in studies.data}


def _positions(studies: pd.DataFrame, order: str | Sequence[str] | None) -> IntArray:
    """Return which study stands where, or raise `SpecError`."""
    if order is None:
        return np.arange(len(studies))
    if isinstance(order, str):
        return _by_column(studies, order)
    if not isinstance(order, Iterable):
        raise SpecError(f"order={order!r} is no column and no list of labels; give for example order='-weight'.")
    return _by_labels(studies["label"].tolist(), [str(label) for label in order])


def _by_column(studies: pd.DataFrame, order: str) -> IntArray:
    columns = studies.drop(columns=["kind", "method", "point", "parameter", "interval", "is_reliable"])
    columns = columns.rename(columns={"label": "study"}).dropna(axis=1, how="all")
    name = order.removeprefix("-")
    sizes = [column for column in SIZES if column in columns]
    by = name
    if name == "data" and sizes:
        by, columns = sizes[0], columns.assign(**{sizes[0]: columns[sizes].sum(axis=1)})
    if by not in columns:
        raise SpecError(unknown_name("column for order", name, columns))
    try:
        ranks = columns[by].rank(method="dense", na_option="bottom", ascending=not order.startswith("-"))
    except TypeError:
        raise SpecError(f"order={order!r}: the values of {by!r} are of kinds that have no common order.") from None
    return np.argsort(ranks.to_numpy(dtype=np.float64), kind="stable")


def _by_labels(labels: list[str], wanted: list[str]) -> IntArray:
    for label in wanted:
        if label not in labels:
            raise SpecError(unknown_name("study in order", label, labels))
    if Counter(wanted) != Counter(labels):
        times = "twice" if len(wanted) > len(set(wanted)) else "not at all"
        which = next(label for label in labels if wanted.count(label) != 1)
        raise SpecError(f"order names study {which!r} {times}; name each of the {len(labels)} studies once.")
    return np.array([labels.index(label) for label in wanted], dtype=np.intp)


def _study_rows(fit: AnyFit, prob: float, study_interval: str | None) -> pd.DataFrame:
    if isinstance(fit, FrequentistFit | GlmmFit):
        return _observed_rows(fit, prob, study_interval)
    effects = study_effects(fit, ci_prob=prob, study_interval=study_interval)
    data = [role for role in fit.studies.data if role in effects]
    rows = effects.reindex(columns=list(dict.fromkeys(["events", "n", *data, "weight"]))).rename_axis("label")
    rows[["estimate", "lower", "upper"]] = effects[["observed", "observed_lower", "observed_upper"]]
    name = natural_name(fit.link, fit.studies.kind)
    posterior = [name, f"{name}_lower", f"{name}_upper"] if name else ["median", "lower", "upper"]
    rows[["shrunken", "shrunken_lower", "shrunken_upper"]] = effects[posterior] if fit.model.has_tau else np.nan
    return rows.reset_index()


def _observed_rows(fit: FrequentistFit | GlmmFit, prob: float, study_interval: str | None) -> pd.DataFrame:
    """Return the studies of a frequentist fit, which has no shrunken estimates."""
    studies = fit.studies
    values: dict[str, Any] = {} if studies.kind == "estimates" else dict(studies.data)
    if studies.events is not None or study_interval is not None:  # which is refused unless they are proportions
        estimate, lower, upper = observed_effects(
            studies, link=link_of(fit), measure=fit.measure, ci_prob=prob, study_interval=study_interval
        ).values()
    else:
        half = special.ndtri(0.5 + 0.5 * prob) * fit.se
        estimate, lower, upper = LINKS[link_of(fit)].inverse([fit.y, fit.y - half, fit.y + half])
    values |= {"label": studies.study, "estimate": estimate, "lower": lower, "upper": upper, "weight": fit.weights}
    nothing = dict.fromkeys(("shrunken", "shrunken_lower", "shrunken_upper"), np.nan)
    return pd.DataFrame(values | nothing)


def _pooled_rows(fit: AnyFit, prob: float) -> Iterator[Record]:
    rows = _frequentist_rows(fit, prob) if isinstance(fit, FrequentistFit | GlmmFit) else _bayesian_rows(fit, prob)
    for row in rows:
        kind = "prediction" if row["interval"] == "PI" else "summary"
        yield row | {"kind": kind, "label": parameter_label(row["parameter"], fit)}


def _bayesian_rows(fit: BayesianFit, prob: float) -> Iterator[Record]:
    table = fit.summary(ci_prob=prob)
    of_proportions = is_proportion(fit.link)
    link = "identity" if of_proportions else fit.link
    names = ("p_median", "p_mean", "p_new") if of_proportions else ("mu", "theta_new")
    for name in names if fit.model.has_tau else names[:1]:  # all are one where studies do not differ
        point = _POINTS.get(name, "median")
        values = (table.at[name, column] if column else np.nan for column in (point, "lower", "upper"))
        yield _pooled(name, point, "CrI" if point else "PI", _natural(link, *values))


def _frequentist_rows(fit: FrequentistFit | GlmmFit, prob: float) -> Iterator[Record]:
    at_prob = replace(fit, ci_prob=prob)
    estimand = fit.record.estimand
    row = at_prob.summary().loc[estimand or "mu"]
    values = _natural("identity" if estimand else fit.record.link, row["estimate"], row["lower"], row["upper"])
    yield _pooled(estimand or "mu", "pooled", "CI", values)
    limits = at_prob.prediction_interval_natural
    if np.isfinite(limits[0]):
        yield _pooled("p_new" if estimand else "theta_new", "", "PI", (np.nan, *limits))


def _natural(link: str, *values: Any) -> list[float]:
    with np.errstate(over="ignore"):
        return [float(value) for value in LINKS[link].inverse(values)]


def _pooled(parameter: str, point: str, interval: str, values: Iterable[float]) -> Record:
    numbers = dict(zip(("estimate", "lower", "upper"), values, strict=True))
    return {"parameter": parameter, "point": point, "interval": interval, **numbers}
