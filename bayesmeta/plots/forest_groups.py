"""Into which groups does a forest plot put its studies, and what is said of each?"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type
from bayesmeta.api import ENGINES, AnyFit
from bayesmeta.errors import SpecError
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_fits import is_reliable, link_of, noun_of
from bayesmeta.plots.forest_pooled import (
    Record,
    labelled_rows,
    natural,
    parameters_of,
    pooled_row,
    pooled_rows,
    posterior_rows,
)
from bayesmeta.plots.forest_words import heterogeneity_line, short_heterogeneity, tau_words
from bayesmeta.result.diagnosis import NOT_RELIABLE
from bayesmeta.result.quantity import is_proportion
from bayesmeta.result.words import with_article
from bayesmeta.spec.coefficients import formula_of, refuse_formula
from bayesmeta.spec.levels import levels_of, variables_of

type Groups = pd.DataFrame | AnyFit | Mapping[str, AnyFit]

NEEDED: Final = ("variable", "level", "parameter", "estimate", "point", "lower", "upper", "interval", "note")
"""Columns of `bayesmeta.subgroups` that are drawn."""


@final
@dataclass(frozen=True)
class Group:
    """A group of studies.

    Attributes
    ----------
    label : str
        What it is called.
    members : tuple of str
        Labels of its studies.
    rows : tuple of dict
        Its estimates, as `pooled_rows` makes them.
    words : str
        How far its studies differ, or why it has no estimates; "" if that is said of all groups together.
    why : str
        Why the estimates must not be used; "" if they may.
    """

    label: str
    members: tuple[str, ...]
    rows: tuple[Record, ...] = ()
    words: str = ""
    why: str = ""


@final
@dataclass(frozen=True)
class Grouping:
    """All groups, what they are by, and a line on the heterogeneity that they share, "" if each has its own."""

    title: str
    groups: tuple[Group, ...]
    shared: str = ""


def is_regression(fit: object) -> bool:
    """Return whether a fit has a formula, so that it estimates no mean of all studies."""
    return formula_of(fit) is not None


def grouping_of(fit: AnyFit, groups: Groups | None, prob: float) -> Grouping | None:
    """Return the groups of a forest plot.

    Parameters
    ----------
    fit : fit
        The fit whose studies are shown; one with a formula has groups of its own.
    groups : DataFrame, fit or dict, optional
        As in `forest_frame`.
    prob : float
        Probability of all intervals.

    Raises
    ------
    SpecError
        If the groups are of another kind, or not those of the studies.
    """
    if groups is None:
        return _of_regression(fit, fit, prob) if is_regression(fit) else None
    if isinstance(groups, pd.DataFrame):
        return _of_table(fit, groups, prob)
    if isinstance(groups, Mapping):
        return _of_fits(fit, groups, prob)
    if getattr(groups, "engine", None) not in ENGINES or not is_regression(groups):
        given: Any = groups
        hint = f"bm.subgroups(studies, by={given!r})" if isinstance(given, str) else "bm.subgroups(studies, by=...)"
        raise SpecError(
            f"groups is {a_type(groups)}; give {hint}, a fit with a formula of groups ('~ 0 + x'), or a dict of fits "
            "by group."
        )
    if groups.studies.study != fit.studies.study:
        raise SpecError("groups is a fit of other studies than the plot shows; fit the same studies.")
    _check_scale(groups, fit)
    return _of_regression(groups, fit, prob)


def _of_regression(regression: Any, fit: AnyFit, prob: float) -> Grouping:
    """Return the groups of a formula that codes them by cell means."""
    if not isinstance(regression, RegressionFit | NutsFit | FrequentistRegression):
        refuse_formula(formula_of(regression), "a forest plot")
    design = regression.design
    if not design.groups:
        raise SpecError(
            f"a forest plot takes no model with a formula yet (here {design.formula!r}) that does not code groups by "
            "cell means, as '~ 0 + regimen' does; see bm.summary and bm.predict."
        )
    study, why = np.array(fit.studies.study, dtype=object), _why(regression)
    table = None if isinstance(regression, FrequentistRegression) else regression.summary(ci_prob=prob)
    groups = []
    for i, label in enumerate(design.groups):
        rows = _classical_group(regression, i, prob) if table is None else _posterior_group(regression, table, i)
        members = tuple(study[design.matrix[:, i] == 1.0])
        groups.append(Group(str(label), members, tuple(labelled_rows(rows, regression)), why=why))
    title = f"Groups, {design.formula}"
    return Grouping(title, tuple(groups), heterogeneity_line(title, regression, ci_prob=prob))


def _posterior_group(regression: Any, table: pd.DataFrame, i: int) -> list[Record]:
    label = regression.groups[i]
    own = {f"{name}[{label}]": name for name in ("p_median", "p_mean", "p_new", "theta_new")}
    own[f"beta[{regression.design.coef[i]}]"] = "mu"
    rows = table.loc[[name for name in table.index if name in own]].rename(index=own)
    return list(posterior_rows(rows, regression.link, has_tau=regression.model.has_tau))


def _classical_group(regression: FrequentistRegression, i: int, prob: float) -> list[Record]:
    estimand, link = regression.record.estimand, regression.record.link
    table = regression.at(np.eye(len(regression.beta))[i], ci_prob=prob)
    scale, mean, new = "identity" if estimand else link, estimand or "eta", "p_new" if estimand else "theta_new"
    numbers = table[["estimate", "lower", "upper"]].astype(float)
    rows = [pooled_row(estimand or "mu", "pooled", "CI", natural(scale, *numbers.loc[mean]))]
    limits = natural(scale, *numbers.loc[new])[1:]
    return rows if np.isnan(limits).any() else [*rows, pooled_row(new, "", "PI", (np.nan, *limits))]


def _of_fits(fit: AnyFit, fits: Mapping[str, AnyFit], prob: float) -> Grouping:
    """Return the groups of a dict of fits, each of the studies of one group."""
    groups = []
    for label, each in fits.items():
        if getattr(each, "engine", None) not in ENGINES or is_regression(each):
            raise SpecError(f"groups: {label!r} is {a_type(each)}; give fits without a formula, made by bm.fit.")
        _check_scale(each, fit)
        rows = tuple(pooled_rows(each, prob))
        groups.append(Group(str(label), each.studies.study, rows, short_heterogeneity(each, prob), _why(each)))
    times = Counter(study for group in groups for study in group.members)
    for study in dict.fromkeys((*fit.studies.study, *times)):
        if times[study] != 1 or study not in fit.studies.study:
            where = "in no group" if not times[study] else f"in {times[study]} groups"
            where = where if study in fit.studies.study else "in a group, but not in the plot"
            raise SpecError(f"groups: study {study!r} is {where}; each study of the plot must be in one.")
    return Grouping("Groups", tuple(groups))


def _of_table(fit: AnyFit, table: pd.DataFrame, prob: float) -> Grouping:
    """Return the groups of a table made by `bayesmeta.subgroups`."""
    missing = [name for name in NEEDED if name not in table]
    if missing or table.empty:
        what = f"lacks the column {missing[0]!r}" if missing else "is empty"
        raise SpecError(f"groups is a DataFrame that {what}; give the result of bm.subgroups(studies, by=...).")
    variables = table["variable"].unique().tolist()
    if len(variables) > 1:
        raise SpecError(
            f"groups holds {', '.join(map(repr, variables))}, of which a plot shows one; give "
            f"groups=table[table['variable'] == {variables[0]!r}]."
        )
    made_with = table.attrs.get("ci_prob", prob)
    if made_with != prob:
        raise SpecError(f"groups has intervals of ci_prob={made_with:g}, the plot of {prob:g}; make both with one.")
    variables_of(fit.studies, variables)
    levels, study = levels_of(fit.studies, variables[0]), fit.studies.study
    known = dict(iter(table.groupby(table["level"].astype(str), sort=False)))
    groups = []
    for label, part in levels:
        if label not in known:
            raise SpecError(f"groups has no level {label!r} of {variables[0]!r}; make it from the studies of the plot.")
        rows = known[label]
        if "k" in rows and int(rows["k"].iloc[0]) != len(part):
            raise SpecError(f"groups has {rows['k'].iloc[0]} studies of {label!r}, the plot {len(part)}; use the same.")
        groups.append(_of_level(fit, label, tuple(study[i] for i in part), rows, prob))
    title, words = f"Groups by {variables[0]}", {group.words for group in groups}
    if len(groups) == 1 or len(words) > 1 or not words.pop().startswith("tau"):
        return Grouping(title, tuple(groups))
    shared = f"{title}, heterogeneity within each: {groups[0].words}"
    return Grouping(title, tuple(replace(group, words="") for group in groups), shared)


def _of_level(fit: AnyFit, label: str, members: tuple[str, ...], table: pd.DataFrame, prob: float) -> Group:
    """Return the group of one level from its rows in the table."""
    link, note = link_of(fit), str(table["note"].iloc[0])
    of_proportions = fit.studies.has_counts or is_proportion(link)
    scale = "identity" if of_proportions else link
    rows: dict[Any, dict[Any, Any]] = table.set_index("parameter").to_dict(orient="index")
    found = []
    for name in parameters_of(of_proportions):
        if name in rows and np.isfinite(rows[name]["lower"]):
            row = rows[name]
            values = natural(scale, row["estimate"], row["lower"], row["upper"])
            if row["interval"] == "PI":
                row["point"], values[0] = "", np.nan
            found.append(pooled_row(name, row["point"], row["interval"], values))
    if not found:
        return Group(label, members, words=note or "not analysed")
    words = ""
    if "tau" in rows:
        words = tau_words([rows["tau"][name] for name in ("estimate", "lower", "upper")], link, prob)
    return Group(label, members, tuple(labelled_rows(found, fit)), words, note if NOT_RELIABLE in note else "")


def _why(fit: AnyFit) -> str:
    return "" if is_reliable(fit) else fit.notes[0]


def _check_scale(each: AnyFit, fit: AnyFit) -> None:
    if noun_of(each) != noun_of(fit):
        raise SpecError(
            f"groups holds a fit of {with_article(noun_of(each))}, but the plot shows {with_article(noun_of(fit))}; "
            "use fits on one scale."
        )
