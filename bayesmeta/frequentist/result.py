"""What does a classical meta-analysis look like: one immutable record, with the options it was made with."""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from types import MappingProxyType
from typing import Final, Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import Measure, get_measure
from bayesmeta.frequentist.describe import fit_notes, fit_text
from bayesmeta.frequentist.intervals import Interval, confidence_interval, prediction_interval, zero_test
from bayesmeta.frequentist.natural import BACK_TRANSFORMATIONS, natural_interval, natural_se, natural_value
from bayesmeta.frequentist.rows import Row, check_summary, estimates_frame, summary_frame
from bayesmeta.frequentist.study_blups import study_table
from bayesmeta.frequentist.tau2 import tau2_record

POOLED_AS_COUNTS: Final = MappingProxyType({"mantel-haenszel": "Mantel-Haenszel", "peto": "Peto"})
"""The methods that pool counts of a common effect, and their names in print."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class FrequentistFit:
    """A classical meta-analysis: estimate, heterogeneity, intervals, and what was done to get them.

    Attributes
    ----------
    studies : Studies
        The data.
    measure, variance, tau2_method, ci_method, pi_method : str
        The method, by the names of `fit_frequentist`.
    ci_prob : float
        Coverage of the intervals.
    add, to : float, str
        The zero-cell rule that was asked for.
    y, se : ndarray, shape (k,)
        Observed effects and standard errors that were pooled, link scale.
    corrected : ndarray of bool, shape (k,)
        Which studies had a constant added to their cells.
    mu, se_mu : float
        Pooled effect and its standard error, link scale; both are those of `ci_method`.
    tau2 : float
        Between-study variance, squared link scale.
    q, q_pvalue : float
        Cochran's Q and its P-value; the degrees of freedom are `df`.
    df : int
        k - 1.
    i2 : float
        max(0, (Q - df) / Q), a fraction.
    i2_tau2 : float
        tau2 / (tau2 + s2), a fraction; s2 is the typical within-study variance of Higgins and Thompson.
    h2 : float
        1 + tau2 / s2; for the common-effect model Q / df.
    weights : ndarray, shape (k,)
        Weights of the studies in `mu`; they sum to 1.
    method : str
        How the studies were pooled: "inverse-variance", "mantel-haenszel" or "peto".
    back_transformation : str or None
        For PFT, the sample size at which pooled values are transformed back: "harmonic" or "variance".
    engine : str
        "frequentist".
    """

    studies: Studies
    measure: str
    variance: str
    tau2_method: str
    ci_method: str
    pi_method: str
    ci_prob: float
    add: float
    to: str
    y: FloatArray
    se: FloatArray
    corrected: BoolArray
    mu: float
    se_mu: float
    tau2: float
    q: float
    df: int
    q_pvalue: float
    i2: float
    i2_tau2: float
    h2: float
    weights: FloatArray
    method: str = "inverse-variance"
    back_transformation: str | None = None
    engine: Literal["frequentist"] = field(default="frequentist", init=False)

    def __post_init__(self) -> None:
        for name in ("y", "se", "corrected", "weights"):
            values = np.array(getattr(self, name))
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.y)

    @property
    def lower(self) -> float:
        """Lower confidence limit of `mu`, link scale."""
        return self._own_limits[0]

    @property
    def upper(self) -> float:
        """Upper confidence limit of `mu`, link scale."""
        return self._own_limits[1]

    @property
    def tau(self) -> float:
        """Between-study standard deviation, link scale."""
        return float(np.sqrt(self.tau2))

    @property
    def se_tau2(self) -> float:
        """Asymptotic standard error of `tau2`; nan for a common effect, and for one study."""
        return float(tau2_record(self.tau2_method).se_of(self.tau2, self.y, self.se))

    @property
    def statistic(self) -> float:
        """Statistic of the test of mu = 0 that goes with the interval; nan where there is no interval.

        `mu` / `se_mu`; for "profile" the signed root of the likelihood ratio.
        """
        return self._test[0]

    @property
    def df_mu(self) -> float:
        """Degrees of freedom of Student's t behind interval and test; inf for z, nan if it is neither."""
        return self._test[1]

    @property
    def pvalue(self) -> float:
        """Two-sided P-value of mu = 0: the interval at 1 - `pvalue` just reaches 0. nan where there is no interval."""
        return self._test[2]

    @property
    def prediction_interval(self) -> Interval:
        """Limits for the true effect of a new study, link scale; nan, nan if there are none (see `notes`)."""
        if not tau2_record(self.tau2_method).is_random:
            return np.nan, np.nan
        return prediction_interval(
            self.mu,
            self.se_mu,
            tau2=self.tau2,
            k=self.k,
            ci_method=self.ci_method,
            pi_method=self.pi_method,
            ci_prob=self.ci_prob,
        )

    @property
    def prediction_interval_natural(self) -> Interval:
        """The same on the natural scale of the measure; the limits of a proportion are cut at 0 and 1."""
        return natural_interval(self.record, self.prediction_interval, self.typical_n)

    @property
    def typical_n(self) -> float | None:
        """Sample size at which pooled values are transformed back; None for measures that need none."""
        return None if self.back_transformation is None else self.typical_n_by(self.back_transformation)

    def typical_n_by(self, back_transformation: str) -> float:
        """Return the sample size by one of the ``BACK_TRANSFORMATIONS``."""
        return BACK_TRANSFORMATIONS[back_transformation].typical_n(self.se, self.se_mu)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was corrected, cut or could not be given, one line each."""
        return fit_notes(self)

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, estimate, se, lower, upper, at the fit's `ci_prob`."""
        return estimates_frame(self.rows(self.ci_prob))

    def summary(self, *, ci_prob: float | None = None, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the pooled effect with its confidence interval, on the link and on the natural scale.

        Parameters
        ----------
        ci_prob : float, optional
            Coverage, between 0 and 1; the fit's own by default.
        ci_kind : str
            Only ``"eti"``: a confidence interval leaves equal tails, and has no density to be highest.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``; columns ``estimate``, ``se``, ``lower``, ``upper``. Row ``mu`` is on the
            link scale. For proportions a second row, named after what it estimates, is the back-transformed
            mean: ``p_mean`` for PR, ``p_median`` for the others (limits cut at 0 and 1). Its limits are the
            transformed limits, its ``se`` is of the delta method.

        Raises
        ------
        SpecError
            If `ci_prob` is not a probability, or `ci_kind` is not ``"eti"``.
        """
        return summary_frame(self.rows(check_summary(ci_prob, ci_kind, own=self.ci_prob)))

    @cached_property
    def _own_limits(self) -> Interval:
        return confidence_interval(self, ci_method=self.ci_method, ci_prob=self.ci_prob)

    def _limits(self, ci_prob: float) -> Interval:
        if ci_prob == self.ci_prob:
            return self._own_limits
        return confidence_interval(self, ci_method=self.ci_method, ci_prob=ci_prob)

    @cached_property
    def _test(self) -> tuple[float, float, float]:
        return zero_test(self, ci_method=self.ci_method)

    @property
    def estimator(self) -> str:
        """What pooled the studies, in print: the estimator of tau2, or Mantel-Haenszel, or Peto."""
        return POOLED_AS_COUNTS.get(self.method, tau2_record(self.tau2_method).title)

    @property
    def record(self) -> Measure:
        """The record of `measure`: its title, link and estimand."""
        return get_measure(self.measure)

    def rows(self, ci_prob: float) -> dict[str, Row]:
        """Return estimate, standard error and limits of each parameter, as `summary` has them."""
        limits = self._limits(ci_prob)
        rows: dict[str, Row] = {"mu": (self.mu, self.se_mu, *limits)}
        measure = self.record
        if measure.estimand is not None:
            n = self.typical_n
            value, se = natural_value(measure, self.mu, n), natural_se(measure, self.mu, self.se_mu, n)
            rows[measure.estimand] = (value, se, *natural_interval(measure, limits, n))
        return rows

    def study_table(self, *, ci_prob: float, study_interval: str | None = None) -> pd.DataFrame:
        """Return what `bayesmeta.study_effects` shows of each study: data, observed effect and its BLUP."""
        return study_table(self, ci_prob=ci_prob, study_interval=study_interval)

    def __repr__(self) -> str:
        return fit_text(self)

    def _repr_html_(self) -> str:
        """Return what `repr` prints, preformatted, for notebooks."""
        return f"<pre>{escape(repr(self))}</pre>"
