"""What are the estimates of a fit? One function for fits of every engine."""

from typing import Protocol

import pandas as pd

from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError

COLUMNS = ("mean", "sd", "median", "lower", "upper")
"""The numbers of each row of a Bayesian summary."""

INTERVAL_KINDS = ("eti", "hdi")


class Fit(Protocol):
    """What every fit offers, whatever engine made it."""

    @property
    def engine(self) -> str:
        """Name of the engine."""
        ...

    @property
    def studies(self) -> Studies:
        """The data."""
        ...

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter, with column ``estimand``."""
        ...

    def summary(self, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the estimates with intervals, indexed by parameter."""
        ...


def summary(fit: Fit, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
    """Return the estimates of a fit.

    Parameters
    ----------
    fit : ExactFit, NutsFit or FrequentistFit
        The fit.
    ci_prob : float
        Probability of the interval.
    ci_kind : {"eti", "hdi"}
        Equal-tailed or shortest credible interval; confidence intervals are "eti" only.

    Returns
    -------
    DataFrame
        Indexed by ``parameter``. Bayesian fits: ``mu``, ``tau`` (link scale), and for proportions
        ``p_median``, ``p_mean``, ``p_new``, otherwise ``theta_new``; columns ``mean sd median lower upper``
        and ``numerical_error`` (exact) or ``mcse_mean ess_bulk ess_tail r_hat`` (nuts). Frequentist fits:
        ``mu`` and, for proportions, what it estimates; columns ``estimate se lower upper``.

    Raises
    ------
    SpecError
        If an option is not allowed.
    """
    if not hasattr(fit, "summary"):
        raise SpecError(f"summary takes a fit made by bm.fit; got {a_type(fit)}.")
    return fit.summary(ci_prob=ci_prob, ci_kind=ci_kind)


def check_interval(ci_prob: float, ci_kind: str) -> float:
    """Return the probability of a credible interval if it and the kind are allowed; raise `SpecError` if not."""
    if ci_kind not in INTERVAL_KINDS:
        raise SpecError(unknown_name("ci_kind", ci_kind, INTERVAL_KINDS))
    return check_probability("ci_prob", ci_prob)


def with_estimand(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a Bayesian summary with the columns ``parameter`` and ``estimand``, which is the parameter itself."""
    frame = summary.reset_index()
    frame.insert(1, "estimand", frame["parameter"])
    return frame
