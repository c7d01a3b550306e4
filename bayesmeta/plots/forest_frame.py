"""What does a forest plot show: which rows, with which numbers?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from bayesmeta._arrays import IntArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.api import AnyFit
from bayesmeta.data.moderators import or_add
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.plots.forest_fits import Compared, is_reliable, labelled_fits, link_of
from bayesmeta.plots.forest_groups import Grouping, Groups, grouping_of, is_regression
from bayesmeta.plots.forest_pooled import Record, pooled_rows
from bayesmeta.result.study_table import natural_name, observed_effects, study_effects
from bayesmeta.spec.beyond import refuse_features

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
    "group": "str",
    "is_reliable": "bool",
}
"""Columns of the frame and their types; the data of two arms or of person-time and the moderators follow."""

SIZES: Final = ("n", "n_treatment", "n_control", "time", "time_treatment", "time_control")
"""How much was observed in an arm."""


def forest_frame(
    fit: AnyFit,
    *,
    compare: Compared = (),
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
    study_interval: str | None = None,
    groups: Groups | None = None,
    estimands: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the rows of a forest plot: the studies, then the estimates of each fit.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The fit whose studies are shown. A fit whose formula codes groups by cell means (``"~ 0 + regimen"``) shows its
        groups, and no estimate of all studies.
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
    groups : DataFrame, fit, or dict of fits by group, optional
        Groups of studies, each with its own estimates and heterogeneity: the result of `subgroups` by one moderator
        (with the same `ci_prob`), a fit whose formula codes groups by cell means, or a fit of each group's studies.
    estimands : str or sequence of str, optional
        Which of the estimates are shown, such as ``["p_median", "p_new"]``; all by default.

    Returns
    -------
    DataFrame
        A row per line of the plot, from the top. All values are on the natural scale: proportions, ratios, or
        the scale of ``y``.

        ``kind``: ``"study"``, ``"summary"`` (a diamond), ``"prediction"`` (a bar) or ``"heterogeneity"`` (words on a
        group). ``label``: what is printed on the left. ``method``: the fit in words; of a study, that whose weights
        are shown. ``parameter``: ``p_median``, ``p_mean``, ``p_new``, ``mu`` or ``theta_new``; empty for a study.
        ``events``, ``n``: counts. ``estimate``: of a study, the raw proportion, rate or estimate; else by ``point``
        the posterior ``"median"``, for `p_mean` the posterior ``"mean"``, or the ``"pooled"`` estimate; nan for a
        prediction. ``lower``, ``upper``: by ``interval`` the exact (Clopper-Pearson, unless `study_interval` is
        another, or Garwood) or normal ``"CI"`` of a study, the ``"CrI"`` or ``"CI"`` of an estimate, or the ``"PI"``.
        ``shrunken``, ``shrunken_lower``, ``shrunken_upper``: posterior median and credible interval of the study's
        own proportion or effect; nan for a frequentist fit and for a common effect. ``weight``: share of the study in
        the fit, or, of a Bayesian fit with groups, in its group; these shares sum to 1. ``group``: of a study and of
        what is said of its group; empty without groups. ``is_reliable``: False if the fit failed its diagnosis or its
        verification. The data of two arms or of person-time (``events_treatment`` and so on, ``time``) and the
        moderators follow, missing for the estimates, except a moderator that is called like a column above.

    Raises
    ------
    SpecError
        If `ci_prob`, `order` or `study_interval` is not allowed, `compare` holds something else than fits, two fits
        have the same label, a fit is on another scale than `fit`, or `groups` are not those of the studies.

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
    refuse_features(getattr(fit, "model", None), "a forest plot")
    return made_frame(
        fit, compare, grouping_of(fit, groups, prob), order, prob, study_interval=study_interval, estimands=estimands
    )


def made_frame(
    fit: AnyFit,
    compare: Compared,
    grouping: Grouping | None,
    order: str | Sequence[str] | None,
    prob: float,
    *,
    study_interval: str | None,
    estimands: str | Sequence[str] | None,
) -> pd.DataFrame:
    """Return the frame of `forest_frame`, once it is known which groups there are."""
    fits = labelled_fits(fit, compare)
    title = next(iter(fits))
    studies = _study_rows(fit, prob, study_interval).assign(
        kind="study", method=title, point="", parameter="", interval="CI", group="", is_reliable=is_reliable(fit)
    )
    dtypes = FRAME_DTYPES | _data_dtypes(fit.studies)
    moderators = fit.studies.moderators.convert_dtypes()
    others = moderators.drop(columns=[name for name in moderators if name in dtypes])
    observed = pd.concat([studies.reindex(columns=list(dtypes)).astype(dtypes), others], axis=1)
    observed = observed.iloc[positions(observed, order, of=fit.studies)]
    pooled = [
        row | {"method": label, "group": "", "is_reliable": is_reliable(each)}
        for label, each in fits.items()
        if not is_regression(each)
        for row in pooled_rows(each, prob)
    ]
    parts = [observed] if grouping is None else _grouped(observed, grouping, dtypes)
    frame = pd.concat([*parts, *_frames(pooled, dtypes)], ignore_index=True)
    return _chosen(frame, estimands).astype(dtypes | {name: others[name].dtype for name in others})


def _frames(rows: Iterable[Record], dtypes: dict[str, str]) -> list[pd.DataFrame]:
    """Return the rows as a frame, in a list that is empty if there are none."""
    frame = pd.DataFrame(list(rows), columns=list(dtypes))
    return [frame.astype(dtypes)] if len(frame) else []


def _grouped(observed: pd.DataFrame, grouping: Grouping, dtypes: dict[str, str]) -> list[pd.DataFrame]:
    """Return the studies of each group with what is said of it."""
    parts: list[pd.DataFrame] = []
    for group in grouping.groups:
        given: Record = {"method": grouping.title, "group": group.label, "is_reliable": not group.why}
        rows = [row | given for row in group.rows]
        if group.words:
            blank = dict.fromkeys(("point", "interval"), "")
            rows.append(blank | {"kind": "heterogeneity", "label": group.words, "parameter": "tau"} | given)
        parts += [observed[observed["label"].isin(group.members)].assign(group=group.label), *_frames(rows, dtypes)]
    return parts


def _chosen(frame: pd.DataFrame, estimands: str | Sequence[str] | None) -> pd.DataFrame:
    """Return the frame with those estimates only that are wanted."""
    if estimands is None:
        return frame
    if not isinstance(estimands, Iterable):
        raise SpecError(f"estimands={estimands!r} must be a name, or a list of names, such as ['p_median', 'p_new'].")
    wanted = [estimands] if isinstance(estimands, str) else list(estimands)
    is_estimate = frame["kind"].isin(["summary", "prediction"])
    there = frame.loc[is_estimate, "parameter"].unique().tolist()
    for name in wanted:
        if name not in there:
            raise SpecError(unknown_name("estimand", name, there))
    return frame[~is_estimate | frame["parameter"].isin(wanted)].reset_index(drop=True)


def _data_dtypes(studies: Studies) -> dict[str, str]:
    """Return the columns of the data that are neither one arm's counts nor estimates, and their types."""
    if studies.kind in ("counts", "estimates"):
        return {}
    return {role: "float64" if role.startswith("time") else "Int64" for role in studies.data}


def positions(studies: pd.DataFrame, order: str | Sequence[str] | None, *, of: Studies | None = None) -> IntArray:
    """Return which study stands where, or raise `SpecError`; `of`: the studies whose moderators the frame has."""
    if order is None:
        return np.arange(len(studies))
    if isinstance(order, str):
        return _by_column(studies, order, of)
    if not isinstance(order, Iterable):
        raise SpecError(f"order={order!r} is no column and no list of labels; give for example order='-weight'.")
    return _by_labels(studies["label"].tolist(), [str(label) for label in order])


def _by_column(studies: pd.DataFrame, order: str, of: Studies | None) -> IntArray:
    columns = studies.drop(columns=["kind", "method", "point", "parameter", "interval", "group", "is_reliable"])
    columns = columns.rename(columns={"label": "study"}).dropna(axis=1, how="all")
    name = order.removeprefix("-")
    sizes = [column for column in SIZES if column in columns]
    by = name
    if name == "data" and sizes:
        by, columns = sizes[0], columns.assign(**{sizes[0]: columns[sizes].sum(axis=1)})
    if by not in columns:
        hint = "" if of is None else or_add(of, name, columns)
        raise SpecError(unknown_name("column for order", name, columns) + hint)
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
    if isinstance(fit, FrequentistFit | GlmmFit | FrequentistRegression):
        return _observed_rows(fit, prob, study_interval)
    effects = study_effects(fit, ci_prob=prob, study_interval=study_interval)
    data = [role for role in fit.studies.data if role in effects]
    rows = effects.reindex(columns=list(dict.fromkeys(["events", "n", *data, "weight"]))).rename_axis("label")
    rows[["estimate", "lower", "upper"]] = effects[["observed", "observed_lower", "observed_upper"]]
    name = natural_name(fit.link, fit.studies.kind)
    posterior = [name, f"{name}_lower", f"{name}_upper"] if name else ["median", "lower", "upper"]
    rows[["shrunken", "shrunken_lower", "shrunken_upper"]] = effects[posterior] if fit.model.has_tau else np.nan
    return rows.reset_index()


def _observed_rows(
    fit: FrequentistFit | GlmmFit | FrequentistRegression, prob: float, study_interval: str | None
) -> pd.DataFrame:
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
