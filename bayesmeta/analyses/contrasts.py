"""How do groups of studies differ, and which is best? Exact posteriors of all pairwise contrasts and of ranks."""

from collections.abc import Iterator
from itertools import combinations
from math import nan

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.analyses.contrast_rows import contrast_row
from bayesmeta.analyses.levels import DEFAULT_OMEGA, groups_from
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, SpecError
from bayesmeta.exact.contrast import Kind, contrast
from bayesmeta.exact.groups import Groups
from bayesmeta.exact.ranks import rank_probabilities
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.exact.solve import ACCEPTABLE
from bayesmeta.exact.summary import FLOOR
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import PriorLike

SCALES = ("link", "proportion")
COLUMNS = (
    "level", "reference", "parameter", "contrast", "mean", "sd", "median", "lower", "upper", "prob_above",
    "numerical_error",
)  # fmt: skip
HARDLY_BOUND = (
    "a group's data hardly bound it, or a prior has a heavy tail; use a narrow prior of the groups' means, such as "
    "Normal(0, 1.5), and one of tau such as HalfNormal(1)."
)
REFINE_ABOVE = 2e-7  # of which 1e-7 is the floor: beyond, the panels are not fine enough to be sure of the error
HIGHEST, LOWEST = "highest", "lowest"


def contrasts(
    data: Studies | RegressionFit,
    model: ModelSpec | None = None,
    *,
    by: str | None = None,
    tau: str = "separate",
    omega: PriorLike | float = DEFAULT_OMEGA,
    scale: str | None = None,
    ci_prob: float = 0.95,
    measure: str | None = None,
) -> pd.DataFrame:
    """Return all pairwise differences and ratios between groups of studies.

    Parameters
    ----------
    data : Studies or RegressionFit
        The studies, with the moderators; or a fit whose formula codes groups by cell means, as ``"~ 0 + regimen"``.
    model : ModelSpec, optional
        With studies: the model, as `fit` takes it. The prior of mu is that of each group's mean.
    by : str, optional
        With studies: the moderator whose levels are the groups.
    tau : {"separate", "common", "hierarchical"}
        With studies: how heterogeneity is shared, as in `subgroups`.
    omega : str, Prior or float
        In the hierarchy, the SD of log tau between groups, as in `subgroups`.
    scale : {"link", "proportion"}, optional
        Only contrasts on this scale; by default both, where there is a proportion.
    ci_prob : float
        Probability of the equal-tailed intervals.
    measure : str, optional
        As in `fit`.

    Returns
    -------
    DataFrame
        A row for each pair, parameter and contrast: ``level`` against ``reference``, the one that comes first in the
        data. ``parameter`` and ``contrast``: ``mu``, difference (link scale); for proportions ``p_median``, difference,
        ratio and odds ratio; ``p_mean``, difference (the risk difference between populations of studies) and ratio; for
        ratio measures ``mu``, ratio. ``mean sd median lower upper``; mean and sd of ratios are nan, because a
        denominator near 0 can leave them infinite. ``prob_above``: probability that the difference exceeds 0, or the
        ratio 1. ``numerical_error``: the largest absolute error of the row, relative to the value where that exceeds 1.

    Raises
    ------
    SpecError
        If there are no groups, or an option is not allowed.
    DataError, ImproperPosteriorError, AccuracyError
        As `fit`.

    Notes
    -----
    With separate tau the groups are independent, so that the distribution of a difference is a convolution of two
    known ones; with a shared tau they are independent given it, and the convolution is averaged over its posterior.
    Nothing is simulated.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])
    >>> table = contrasts(studies, by="regimen", tau="common", scale="proportion")
    >>> table.query("parameter == 'p_mean'")[["level", "contrast", "median", "prob_above"]].round(2)
      level    contrast  median  prob_above
    3   TKI  difference    0.10         0.8
    4   TKI       ratio    1.13         0.8
    """
    prob = check_probability("ci_prob", ci_prob)
    if scale is not None and scale not in SCALES:
        raise SpecError(unknown_name("scale", scale, SCALES))
    groups = groups_from(data, model, by=by, tau=tau, omega=omega, measure=measure)
    if scale == "proportion" and not _has_proportions(groups.link):
        raise SpecError(
            f"scale='proportion' needs effects that are proportions, not link {groups.link!r}; leave it out."
        )
    rows = [
        {"level": groups.labels[first], "reference": groups.labels[second], **row}
        for second, first in combinations(range(len(groups.labels)), 2)
        for row in _pair(groups, first, second, scale, prob)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _has_proportions(link: str) -> bool:
    return "p_mean" in summary_rows_of(link)


def _pair(groups: Groups, first: int, second: int, scale: str | None, prob: float) -> Iterator[dict[str, object]]:
    difference = _numbers(groups, first, second, "mu", "difference", prob)
    if scale != "proportion":
        yield {"parameter": "mu", "contrast": "difference", **difference}
        if groups.link == "log":
            yield {"parameter": "mu", "contrast": "ratio", **_exponential(difference)}
    if scale == "link" or not _has_proportions(groups.link):
        return
    kinds: tuple[Kind, ...] = ("difference", "ratio")
    for name in ("p_median", "p_mean"):
        for kind in kinds:
            yield {"parameter": name, "contrast": kind, **_numbers(groups, first, second, name, kind, prob)}
        if name == "p_median" and groups.link == "logit":
            yield {"parameter": name, "contrast": "odds ratio", **_exponential(difference)}


def _numbers(groups: Groups, first: int, second: int, name: str, kind: Kind, prob: float) -> dict[str, float]:
    """Return the numbers of one contrast; raise `AccuracyError` if they cannot be certified."""
    row = contrast_row(*contrast(groups, first, second, name, kind), kind, prob)
    if not row["numerical_error"] <= REFINE_ABOVE:
        row = contrast_row(*contrast(groups, first, second, name, kind, refined=True), kind, prob)
    if not row["numerical_error"] <= ACCEPTABLE:
        raise AccuracyError(
            f"the {kind} of {name} between {groups.labels[first]!r} and {groups.labels[second]!r} could not be "
            f"computed to {ACCEPTABLE:g}: {HARDLY_BOUND}"
        )
    return row


def _exponential(row: dict[str, float]) -> dict[str, float]:
    """Return the numbers of exp(difference): an odds ratio, or a ratio of ratios."""
    quantiles = {name: float(np.exp(row[name])) for name in ("median", "lower", "upper")}
    return {**row, "mean": nan, "sd": nan, **quantiles}


def prob_best(
    data: Studies | RegressionFit,
    model: ModelSpec | None = None,
    *,
    by: str | None = None,
    tau: str = "separate",
    omega: PriorLike | float = DEFAULT_OMEGA,
    parameter: str | None = None,
    best: str = HIGHEST,
    measure: str | None = None,
) -> pd.DataFrame:
    """Return the probability that each group is the best, and of every other rank.

    Parameters
    ----------
    data, model, by, tau, omega, measure
        As in `contrasts`.
    parameter : str, optional
        What is ranked: ``"p_mean"`` (the default for proportions), ``"p_median"``, or ``"mu"``.
    best : {"highest", "lowest"}
        Which value is best.

    Returns
    -------
    DataFrame
        Indexed by ``level``: ``prob_best``; ``rank_1``, ``rank_2``, ...: the probabilities of the ranks, 1 for the
        best; they sum to 1 in each row and each column. ``mean_rank``, and ``numerical_error``, the largest absolute
        error of the row's probabilities. Where tau is common, all three parameters have the same ranks.

    Raises
    ------
    SpecError
        If there are no groups, or an option is not allowed.
    DataError, ImproperPosteriorError, AccuracyError
        As `fit`.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])
    >>> prob_best(studies, by="regimen", tau="common")["prob_best"].round(2).to_dict()
    {'chemotherapy': 0.2, 'TKI': 0.8}
    """
    if best not in (HIGHEST, LOWEST):
        raise SpecError(unknown_name("best", best, (HIGHEST, LOWEST)))
    groups = groups_from(data, model, by=by, tau=tau, omega=omega, measure=measure)
    allowed = ("p_mean", "p_median", "mu") if _has_proportions(groups.link) else ("mu",)
    name = allowed[0] if parameter is None else parameter
    if name not in allowed:
        raise SpecError(unknown_name("parameter", name, allowed))
    ranks, error = rank_probabilities(groups, name)
    error = error + FLOOR
    if not error.max() <= ACCEPTABLE:
        raise AccuracyError(f"the ranks could not be computed to {ACCEPTABLE:g}: {HARDLY_BOUND}")
    return _rank_frame(groups, np.clip(ranks if best == HIGHEST else ranks[:, ::-1], 0.0, 1.0), error)


def _rank_frame(groups: Groups, ranks: FloatArray, error: FloatArray) -> pd.DataFrame:
    size = len(groups.labels)
    columns = {f"rank_{r + 1}": ranks[:, r] for r in range(size)}
    mean_rank = ranks @ np.arange(1.0, size + 1.0)
    frame = {"prob_best": ranks[:, 0], **columns, "mean_rank": mean_rank, "numerical_error": error}
    return pd.DataFrame(frame, index=pd.Index(groups.labels, name="level"))
