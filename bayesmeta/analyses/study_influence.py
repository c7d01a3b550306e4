"""Which studies decide the answer, and which do not fit? One row per study."""

import numpy as np
import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.conflict import conflict
from bayesmeta.analyses.leave_one_out import leave_one_out
from bayesmeta.analyses.parts import PartFit, check_fit
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.frequentist.coefficients import COEFFICIENT_TESTS
from bayesmeta.frequentist.deletion import Deletion, delete_each
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record

HEADLINES = ("p_median", "p_mean", "mu")
BAYESIAN = ("median", "lower", "upper", "shift", "elpd_loo")
CLASSICAL = ("estimate", "lower", "upper", "shift", "tau2", "i2", "q", "q_pvalue")
STATISTICS = ("rstudent", "dffits", "cook_d", "cov_r", "hat", "weight")


def influence(
    fit: PartFit | FrequentistRegression, *, parameter: str | None = None, ci_prob: float | None = None
) -> pd.DataFrame:
    """Return what each study does to the answer, and how well the others predict it.

    Parameters
    ----------
    fit : ExactFit, FrequentistFit, GlmmFit or FrequentistRegression
        The analysis of all k studies.
    parameter : str, optional
        A row of the summary. By default ``p_median`` for proportions (``p_mean`` for a raw one), else ``mu``. A
        regression takes none: its statistics are of all coefficients.
    ci_prob : float, optional
        Probability of the intervals; by default the fit's own, 0.95 for a Bayesian one.

    Returns
    -------
    DataFrame
        Indexed by ``study``: the ``parameter`` without the study. Bayesian: ``median lower upper shift elpd_loo``
        (see `leave_one_out`), ``conflict_pvalue`` (see `conflict`), and ``numerical_error``, the largest absolute
        error of the row. Frequentist: ``estimate lower upper shift tau2 i2 q q_pvalue``, then the statistics of R's
        metafor (see `Notes`) ``rstudent dffits cook_d cov_r hat weight dfbetas`` and ``influential``. Regression:
        ``rstudent dffits cook_d cov_r tau2 q hat weight``, ``tau2`` and ``q`` without the study, ``dfbetas[...]`` of
        each coefficient and ``influential``. ``note``: why numbers are missing, else empty.

    Raises
    ------
    SpecError
        If the fit cannot be repeated, or an option is not allowed.
    AccuracyError
        If a posterior cannot be computed accurately.

    Notes
    -----
    Classical statistics, on the link scale [1]_: ``rstudent``, the residual from the fit without the study, in its
    standard errors; ``dffits``, the change of the study's fitted value; ``cook_d``, Cook's distance; ``cov_r``, the
    determinant of the covariance of the coefficients without the study over that with it; ``hat``, the leverage;
    ``weight``, as a share; ``dfbetas``, the change of the coefficient in standard errors. ``influential``: |dffits| > 3
    sqrt(p / (k - p)), Cook's distance beyond the median of chi-squared(p), hat > 3 p / k, or |dfbetas| > 1. With all
    studies from one distribution ``rstudent`` has about a standard normal distribution.

    References
    ----------
    .. [1] W. Viechtbauer, M. W.-L. Cheung. Outlier and influence diagnostics for meta-analysis. Research Synthesis
       Methods 1:112-125, 2010. doi:10.1002/jrsm.11

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
    if isinstance(fit, FrequentistRegression):
        if parameter is not None or ci_prob is not None:
            raise SpecError("influence of a regression takes no parameter and no ci_prob; leave them out.")
        return _of_regression(fit)
    checked = check_fit(fit, "influence")
    table = leave_one_out(checked, ci_prob=ci_prob)
    names = list(dict.fromkeys(table["parameter"]))
    chosen = next(name for name in HEADLINES if name in names) if parameter is None else parameter
    if chosen not in names:
        raise SpecError(unknown_name("parameter", chosen, names))
    rows = table[table["parameter"] == chosen].set_index("study")
    if isinstance(checked, FrequentistFit):
        found = deletion_of(checked)
        frame = rows[["parameter", *CLASSICAL]].copy()
        for name in STATISTICS:
            frame[name] = getattr(found, name)
        return frame.assign(dfbetas=found.dfbetas[:, 0], influential=found.influential, note=rows["note"])
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


def deletion_of(fit: FrequentistFit | FrequentistRegression) -> Deletion:
    """Return the statistics of the fits without each study, by the estimator and the variance of the whole."""
    x = fit.design.matrix if isinstance(fit, FrequentistRegression) else np.ones((fit.k, 1))
    test = COEFFICIENT_TESTS.get(fit.ci_method, COEFFICIENT_TESTS["wald"])  # other intervals have no variance
    return delete_each(fit.y, fit.se, x, tau2_record(fit.tau2_method), test)


def deletion_notes(found: Deletion) -> list[str]:
    """Return for each study why it has no statistics, else an empty text."""
    reason = "without this study the coefficients cannot be told apart"
    return [reason if np.isnan(tau2) else "" for tau2 in found.tau2]


def _of_regression(fit: FrequentistRegression) -> pd.DataFrame:
    found = deletion_of(fit)
    columns = {name: getattr(found, name) for name in (*STATISTICS[:4], "tau2", "q", *STATISTICS[4:])}
    columns |= {f"dfbetas[{name}]": found.dfbetas[:, i] for i, name in enumerate(fit.design.coef)}
    columns |= {"influential": found.influential, "note": np.array(deletion_notes(found), dtype=object)}
    return pd.DataFrame(columns, index=pd.Index(fit.studies.study, name="study"))
