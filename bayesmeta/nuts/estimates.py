"""What are the numbers of the summary, and their Monte-Carlo errors? ArviZ's formulas on plain arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.result.summary import COLUMNS, check_interval

DIAGNOSTICS = ("mcse_mean", "ess_bulk", "ess_tail", "r_hat")
TAIL = (0.05, 0.95)  # the quantiles whose effective sample size is that of the tails (Vehtari et al. 2021)


def estimate_rows(draws: Mapping[str, FloatArray], *, ci_prob: float, ci_kind: str = "eti") -> pd.DataFrame:
    """Return a row for each quantity.

    Parameters
    ----------
    draws : mapping
        Name to draws, shape (chains, draws).
    ci_prob : float
        Probability of the interval.
    ci_kind : {"eti", "hdi"}
        Equal-tailed or shortest.

    Returns
    -------
    DataFrame
        Indexed by name: ``mean sd median lower upper``, and by ArviZ ``mcse_mean``, ``ess_bulk``, ``ess_tail``
        and the rank-normalised ``r_hat`` (nan for a single chain).

    Raises
    ------
    SpecError
        If an option is not allowed.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16, 667-718,
    doi 10.1214/20-BA1221.
    """
    prob = check_interval(ci_prob, ci_kind)
    stats = _array_stats()
    rows = []
    for values in draws.values():
        flat = values.ravel()
        limits = stats.hdi(flat, prob) if ci_kind == "hdi" else np.quantile(flat, _tails(prob))
        with np.errstate(divide="ignore", invalid="ignore"):  # draws that do not move have no R-hat
            r_hat = stats.rhat(values) if len(values) > 1 else np.nan
            diagnostics = stats.mcse(values), stats.ess(values), stats.ess(values, method="tail", prob=TAIL), r_hat
        rows.append([flat.mean(), flat.std(ddof=1), np.median(flat), *np.ravel(limits), *map(float, diagnostics)])
    return pd.DataFrame(rows, index=list(draws), columns=[*COLUMNS, *DIAGNOSTICS])


def moment_errors(values: FloatArray) -> tuple[float, float]:
    """Return the Monte-Carlo standard errors of the mean and of the SD of draws, shape (chains, draws)."""
    stats = _array_stats()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(stats.mcse(values)), float(stats.mcse(values, method="sd"))


def share_below(values: FloatArray, at: float, prob: float) -> tuple[float, float]:
    """Return the share of draws at or below a point, and its standard error if the true share is `prob`.

    Parameters
    ----------
    values : array, shape (chains, draws)
        The draws.
    at : float
        The point.
    prob : float
        Its cumulative probability.

    Returns
    -------
    share, error : float
        error = sqrt(prob (1 - prob) / ess), with the effective sample size of the indicator of the draws below
        the point; where no draw or every draw is below it, of the draws themselves.
    """
    below = (values <= at).astype(np.float64)
    share = float(below.mean())
    stats = _array_stats()
    ess = stats.ess(values) if share in (0.0, 1.0) else stats.ess(below, method="mean")
    return share, float(np.sqrt(prob * (1.0 - prob) / ess))


def share_within(values: FloatArray, low: float, high: float) -> tuple[float, float]:
    """Return the share of draws strictly between two points, and its Monte-Carlo standard error.

    Parameters
    ----------
    values : array, shape (chains, draws)
        The draws.
    low, high : float
        The points; -inf and inf are allowed.

    Returns
    -------
    share, error : float
        error = sqrt(p (1 - p) / ess), with the effective sample size of the indicator of the draws within; where no
        draw or every draw is, of the draws themselves. p is the share, drawn towards 1/2 by one draw on each side, so
        that a share of 0 or 1 has an error too.
    """
    within = ((values > low) & (values < high)).astype(np.float64)
    share, stats = float(within.mean()), _array_stats()
    ess = float(stats.ess(values) if share in (0.0, 1.0) else stats.ess(within, method="mean"))
    p = (ess * share + 1.0) / (ess + 2.0)
    return share, float(np.sqrt(p * (1.0 - p) / ess))


def _tails(prob: float) -> tuple[float, float]:
    return 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)


def _array_stats() -> Any:
    from arviz_stats.base import array_stats

    return array_stats
