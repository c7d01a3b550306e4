"""Do the engines agree? A NUTS fit is held against the exact posterior of the same model and data."""

import numpy as np
import pandas as pd

from bayesmeta.errors import AccuracyError, ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import fit_exact
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.verification import Verification

STATISTICS = ("mean", "sd", "median", "lower", "upper")
TABLE_COLUMNS = ("parameter", "statistic", "exact", "nuts", "mcse", "difference")


def verify(fit: NutsFit, *, ci_prob: float = 0.95) -> Verification:
    """Compare a NUTS fit with the exact posterior, number by number.

    Parameters
    ----------
    fit : NutsFit
        The fit.
    ci_prob : float
        Probability of the equal-tailed interval whose ends are compared.

    Returns
    -------
    Verification
        Mean, SD, median and both ends of the interval of every row of the summary, each difference in units of
        its own Monte-Carlo standard error. Moments that do not exist are left out. Where the exact engine has
        no answer, the reason.

    Raises
    ------
    SpecError
        If `fit` is no NUTS fit.

    Notes
    -----
    The two engines share the model's specification and nothing else: one sums over a grid, the other samples
    a PyMC model. The standard errors are ArviZ's: of a mean or SD from its effective sample size, of a
    quantile from the order statistics around it (Vehtari et al. 2021, doi 10.1214/20-BA1221).
    """
    if not isinstance(fit, NutsFit):
        raise SpecError(f"verify takes a fit made by engine='nuts'; got a {type(fit).__name__}.")
    try:
        exact = fit_exact(fit.studies, fit.model, measure=fit.measure if fit.studies.has_counts else None)
        expected = _numbers(exact.summary(ci_prob=ci_prob))
    except (AccuracyError, ImproperPosteriorError) as failure:
        return Verification(pd.DataFrame(columns=list(TABLE_COLUMNS)), f"the exact engine has no answer: {failure}")
    sampled = _numbers(fit.summary(ci_prob=ci_prob))
    errors = _numbers(fit.monte_carlo_errors(ci_prob=ci_prob))
    rows = [
        (*key, value, sampled[key], errors[key], _in_units(sampled[key] - value, errors[key]))
        for key, value in expected.items()
        if np.isfinite(value)
    ]
    return Verification(pd.DataFrame(rows, columns=list(TABLE_COLUMNS)))


def _numbers(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the numbers by parameter and statistic."""
    rows = table[list(STATISTICS)].to_dict(orient="index")
    return {(str(parameter), str(name)): float(row[name]) for parameter, row in rows.items() for name in row}


def _in_units(difference: float, error: float) -> float:
    """Return a difference in standard errors; nan, which agrees with nothing, where there is none."""
    return difference / error if error > 0.0 else np.nan
