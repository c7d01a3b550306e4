"""Which studies decide the answer, and which do not fit? One row per study."""

import numpy as np
import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.parts import PartFit, check_fit
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit

HEADLINES = ("p_median", "p_mean", "mu")
BAYESIAN = ("median", "lower", "upper", "shift", "elpd_loo")
CLASSICAL = ("estimate", "lower", "upper", "shift", "tau2", "i2", "q", "q_pvalue")


def influence(fit: PartFit, *, parameter: str | None = None, ci_prob: float | None = None) -> pd.DataFrame:
    """Return what each study does to the answer, and how well the others predict it.

    Parameters
    ----------
    fit : ExactFit, FrequentistFit or GlmmFit
        The analysis of all k studies.
    parameter : str, optional
        A row of the summary. By default ``p_median`` for proportions (``p_mean`` for a raw one), else ``mu``.
    ci_prob : float, optional
        Probability of the intervals; by default the fit's own, 0.95 for a Bayesian one.

    Returns
    -------
    DataFrame
        Indexed by ``study``: the ``parameter`` without the study. Bayesian: ``median lower upper shift elpd_loo``
        (see `leave_one_out`), ``conflict_pvalue`` (see `conflict`), and ``numerical_error``, the largest absolute
        error of the row. Frequentist: ``estimate lower upper shift tau2 i2 q q_pvalue``. ``note``: why numbers are
        missing, else empty.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or an option is not allowed.
    AccuracyError
        If a posterior cannot be computed accurately.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesmeta as bm
    >>> df = pd.DataFrame({"study": list("ABCDE"), "events": [10, 11, 9, 12, 38], "n": [40] * 5})
    >>> fit = bm.fit(bm.Studies.from_frame(df), bm.ModelSpec(tau="HalfNormal(0.3)"))
    >>> influence(fit)[["median", "shift", "elpd_loo", "conflict_pvalue"]].round(3)
           median  shift  elpd_loo  conflict_pvalue
    study
    A       0.456  0.478    -3.407            0.351
    B       0.449  0.402    -3.318            0.439
    C       0.463  0.555    -3.526            0.271
    D       0.442  0.329    -3.252            0.534
    E       0.264 -1.590   -14.065            0.000
    """
    checked = check_fit(fit, "influence")
    table = leave_one_out(checked, ci_prob=ci_prob)
    names = list(dict.fromkeys(table["parameter"]))
    chosen = next(name for name in HEADLINES if name in names) if parameter is None else parameter
    if chosen not in names:
        raise SpecError(unknown_name("parameter", chosen, names))
    rows = table[table["parameter"] == chosen].set_index("study")
    if not isinstance(checked, ExactFit):
        return rows[["parameter", *CLASSICAL, "note"]]
    frame, note = rows[["parameter", *BAYESIAN]], rows["note"]
    try:
        conflicts = conflict(checked)[["conflict_pvalue", "numerical_error"]]
    except SpecError as error:  # not defined for this likelihood, or these priors
        conflicts = pd.DataFrame(np.nan, index=rows.index, columns=["conflict_pvalue", "numerical_error"])
        note = note.where(note != "", f"no conflict p-value: {error}")
    worst = np.fmax(rows["numerical_error"], conflicts["numerical_error"])
    return frame.assign(conflict_pvalue=conflicts["conflict_pvalue"], numerical_error=worst, note=note)
