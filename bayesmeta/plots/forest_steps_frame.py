"""What does a forest plot show of an answer without each study, or after each study?"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.analyses.cumulative import cumulative
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.parts import PartFit
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.plots.forest_fits import is_reliable, link_of, method_title
from bayesmeta.plots.forest_frame import FRAME_DTYPES, positions
from bayesmeta.plots.forest_pooled import natural, pooled_rows

STEP_DTYPES: Final = FRAME_DTYPES | {
    "k": "Int64",
    "by": "object",
    "tau": "float64",
    "i2": "float64",
    "shift": "float64",
    "note": "str",
}
"""Columns of the frames and their types."""


def leave_one_out_frame(
    fit: PartFit | NutsFit,
    *,
    estimand: str | None = None,
    order: str | Sequence[str] | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Return the rows of `plot_leave_one_out`: the estimate without each study, then that of all.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies; a NutsFit is sampled anew for each row.
    estimand : str, optional
        ``"p_median"``, ``"p_mean"`` or ``"mu"``; by default the first that the fit estimates.
    order : str or sequence of str, optional
        A column of this frame (``"-shift"``: descending; ``"study"`` is the label), or all labels in the order wanted.
    ci_prob : float
        Probability of all intervals.

    Returns
    -------
    DataFrame
        The columns of `forest_frame`, with ``kind`` ``"step"`` for an estimate without the study of that ``label``,
        then ``k`` (studies in it), ``tau`` (posterior median; link scale), ``i2`` (frequentist), ``shift`` as in
        `leave_one_out`, and ``note``, why there is no number. Values on the natural scale. ``is_reliable`` is False
        where sampling failed its diagnosis.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, has a formula, or an option is not allowed.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> leave_one_out_frame(fit, order="-shift")[["label", "estimate", "k"]].head(2).round(3)
                label  estimate   k
    0  Otsubo et al.     0.809  13
    1    Awad et al.     0.808  13
    """
    prob = check_probability("ci_prob", ci_prob)
    _refuse_formula(fit, "leave_one_out")
    table = leave_one_out(fit, ci_prob=prob)
    frame = _frame(fit, table.assign(k=fit.studies.k - 1), estimand, prob)
    return _ordered(frame, order)


def cumulative_frame(
    fit: PartFit | NutsFit, *, by: str | Sequence[str] | None = None, estimand: str | None = None, ci_prob: float = 0.95
) -> pd.DataFrame:
    """Return the rows of `plot_cumulative`: the estimate after each study.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The analysis of all k studies; a NutsFit is sampled anew for each row.
    by : str or sequence of str, optional
        In which order they came, as in `cumulative`.
    estimand : str, optional
        As in `leave_one_out_frame`.
    ci_prob : float
        Probability of all intervals.

    Returns
    -------
    DataFrame
        As `leave_one_out_frame`: a ``"step"`` is the estimate from the study of that ``label`` and those above it;
        ``k`` studies, ``by`` the moderator of the one added.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> fit = bm.fit(bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n"))
    >>> cumulative_frame(fit)[["k", "estimate"]].iloc[[0, 13]].round(3)
         k  estimate
    0    1     0.857
    13  14     0.791
    """
    prob = check_probability("ci_prob", ci_prob)
    _refuse_formula(fit, "cumulative")
    return _frame(fit, cumulative(fit, by=by, ci_prob=prob), estimand, prob)


def _refuse_formula(fit: PartFit | NutsFit, verb: str) -> None:
    if isinstance(fit, NutsFit) and fit.model.formula is not None:
        raise SpecError(
            f"a figure of {verb} is for models without a formula, not {fit.model.formula!r}; see bm.{verb}."
        )


def _frame(fit: PartFit | NutsFit, table: pd.DataFrame, estimand: str | None, prob: float) -> pd.DataFrame:
    """Return the rows of one parameter at each step, and below them those of all studies."""
    title = method_title(fit)
    overall = [row for row in pooled_rows(fit, prob) if row["kind"] == "summary"]
    there = [row["parameter"] for row in overall]
    name = there[0] if estimand is None else estimand
    if name not in there:
        raise SpecError(unknown_name("estimand", name, there))
    whole = next(row for row in overall if row["parameter"] == name)
    rows = table[table["parameter"] == name].reset_index(drop=True)
    is_bayesian = isinstance(fit, ExactFit | NutsFit)
    point = whole["point"] if is_bayesian else "estimate"
    scale = link_of(fit) if name == "mu" else "identity"
    numbers = [natural(scale, *values) for values in rows[[point, "lower", "upper"]].itertuples(index=False)]
    steps = rows.reindex(columns=["k", "by", "i2", "shift", "note"]).assign(
        kind="step", label=rows["study"], method=title, parameter=name, point=whole["point"], group="",
        interval=whole["interval"], is_reliable=True, tau=_tau(table, rows),
    )  # fmt: skip
    if isinstance(fit, NutsFit):
        steps["is_reliable"] = rows["is_reliable"] | rows[point].isna()
    if not is_bayesian:
        steps.loc[steps["k"] == 1, ["tau", "i2"]] = np.nan  # which one study does not tell
    steps[["estimate", "lower", "upper"]] = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    last: dict[str, Any] = {
        "method": title,
        "group": "",
        "is_reliable": is_reliable(fit),
        "k": fit.studies.k,
        "note": "",
    }
    if isinstance(fit, ExactFit | NutsFit):
        last |= {"tau": fit.marginal("tau").ppf(0.5) if fit.model.has_tau else np.nan, "i2": np.nan}
    else:
        last |= {"tau": fit.tau, "i2": fit.i2_tau2 if isinstance(fit, GlmmFit) else fit.i2}
    both = [*steps.to_dict("records"), whole | last]
    return pd.DataFrame(both, columns=list(STEP_DTYPES)).astype(STEP_DTYPES)


def _tau(table: pd.DataFrame, rows: pd.DataFrame) -> Any:
    """Return tau at each step: its posterior median, or its estimate."""
    if "tau2" in rows:
        return np.sqrt(rows["tau2"])
    own = table.loc[table["parameter"] == "tau", "median"]
    return own.to_numpy() if len(own) else np.nan


def _ordered(frame: pd.DataFrame, order: str | Sequence[str] | None) -> pd.DataFrame:
    steps = frame[frame["kind"] == "step"]
    at = positions(steps.drop(columns=["note"]), order)
    return frame.iloc[[*at, *range(len(steps), len(frame))]].reset_index(drop=True)
