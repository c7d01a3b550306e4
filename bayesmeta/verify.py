"""Do the engines agree? A NUTS fit is held against the exact posterior of the same model and data."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayesmeta._validate import a_type, check_probability
from bayesmeta.errors import AccuracyError, ImproperPosteriorError, SpecError
from bayesmeta.exact.fit import ExactFit, fit_exact
from bayesmeta.nuts.estimates import moment_errors, share_below
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.result.verification import Verification

TABLE_COLUMNS = ("parameter", "statistic", "exact", "nuts", "mcse", "difference")

type Row = tuple[str, str, float, float, float, float]


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
    The two engines share the specification of the model and nothing else: one sums over a grid, the other
    samples a PyMC model. The standard errors of means and SDs are ArviZ's. A quantile is compared by the share of
    draws below the exact one, which should be its probability: that is the same to first order, but needs no
    estimate of the density in the tails, which made one fit in forty differ by more than 4 standard errors when
    nothing was wrong.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16, 667-718,
    doi 10.1214/20-BA1221.
    """
    if not isinstance(fit, NutsFit):
        raise SpecError(f"verify takes a fit made by engine='nuts'; got {a_type(fit)}.")
    prob = check_probability("ci_prob", ci_prob)
    try:
        exact = fit_exact(fit.studies, fit.model, measure=fit.measure)
        table = exact.summary(ci_prob=prob)
    except (AccuracyError, ImproperPosteriorError) as error:
        return Verification(pd.DataFrame(columns=list(TABLE_COLUMNS)), f"the exact engine has no answer: {error}")
    rows: list[Row] = []
    for parameter, values in table.to_dict(orient="index").items():
        known = {str(name): float(value) for name, value in values.items()}
        rows += _moments(fit, str(parameter), known)
        rows += _quantiles(fit, exact, str(parameter), known, prob)
    return Verification(pd.DataFrame(rows, columns=list(TABLE_COLUMNS)))


def _moments(fit: NutsFit, parameter: str, known: dict[str, float]) -> Iterator[Row]:
    draws = fit.draws_of(parameter)
    found = draws.mean(), draws.std(ddof=1)
    for name, value, error in zip(("mean", "sd"), found, moment_errors(draws), strict=True):
        if np.isfinite(known[name]):
            # No error, as of draws that do not move, agrees with nothing.
            difference = (value - known[name]) / error if error > 0.0 else np.nan
            yield parameter, name, known[name], float(value), error, float(difference)


def _quantiles(fit: NutsFit, exact: ExactFit, parameter: str, known: dict[str, float], ci_prob: float) -> Iterator[Row]:
    draws, marginal = fit.draws_of(parameter), exact.marginal(parameter)
    tail = 0.5 * (1.0 - ci_prob)
    for name, prob in (("median", 0.5), ("lower", tail), ("upper", 1.0 - tail)):
        share, error = share_below(draws, known[name], prob)
        density = float(marginal.pdf(known[name]))
        value = float(np.quantile(draws, prob))
        yield parameter, name, known[name], value, error / density, (prob - share) / error
