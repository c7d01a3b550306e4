"""What does a generalised linear mixed model say: one immutable record, with the options it was made with."""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from math import nan, sqrt
from typing import Literal, final

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit, logit

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import Measure, get_measure
from bayesmeta.frequentist.glmm_describe import glmm_notes, glmm_text
from bayesmeta.frequentist.glmm_found import Found
from bayesmeta.frequentist.glmm_intervals import GlmmInterval, interval_record, likelihood_drop
from bayesmeta.frequentist.glmm_models import GlmmModel, StudyTerms, find_model
from bayesmeta.frequentist.glmm_profile import profile_interval_of_tau
from bayesmeta.frequentist.heterogeneity import h2_from_tau2, i2_from_q, i2_from_tau2, q_pvalue
from bayesmeta.frequentist.intervals import pi_record, symmetric_interval
from bayesmeta.frequentist.natural import natural_interval, natural_se, natural_value
from bayesmeta.frequentist.rows import Row, check_summary, estimates_frame, summary_frame
from bayesmeta.frequentist.slopes import STEP, slopes
from bayesmeta.frequentist.study_effects import OwnEstimates, theta_table
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.quadrature import level

type Interval = tuple[float, float]
P_MEAN_LEVEL = 2


@final
@dataclass(frozen=True, eq=False, repr=False)
class GlmmFit:
    """A mixed model of events, fitted by maximum likelihood.

    Attributes
    ----------
    studies : Studies
        The data.
    glmm_model : str
        Code of the model; its record is `model_record`.
    ci_method, pi_method : str
        The intervals, by the names of `fit_glmm`.
    ci_prob : float
        Coverage of the intervals.
    y, se : ndarray, shape (k,)
        Observed effects and standard errors, link scale, as the inverse-variance method would pool them; the model
        uses them for `i2_tau2` and `h2` alone.
    corrected : ndarray of bool, shape (k,)
        Which of these had a constant added to their cells.
    terms : StudyTerms
        The likelihoods of the studies.
    maximum : Found
        The maximum of the likelihood, and its derivatives there.
    own : OwnEstimates
        Each study's own estimate: the saturated model.
    engine, method : str
        "frequentist", "glmm".
    """

    studies: Studies
    glmm_model: str
    ci_method: str
    pi_method: str
    ci_prob: float
    y: FloatArray
    se: FloatArray
    corrected: BoolArray
    terms: StudyTerms
    maximum: Found
    own: OwnEstimates
    engine: Literal["frequentist"] = field(default="frequentist", init=False)
    method: Literal["glmm"] = field(default="glmm", init=False)

    def __post_init__(self) -> None:
        for name in ("y", "se", "corrected"):
            values = np.array(getattr(self, name))
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.terms.k

    @property
    def mu(self) -> float:
        """Maximum-likelihood estimate of the mean effect, link scale."""
        return self.maximum.mu

    @property
    def se_mu(self) -> float:
        """Its standard error, from the observed information of all that is estimated."""
        return self.maximum.se_mu

    @property
    def tau(self) -> float:
        """Between-study standard deviation, link scale."""
        return self.maximum.tau

    @property
    def tau2(self) -> float:
        """Maximum-likelihood estimate of the between-study variance."""
        return self.maximum.tau**2

    @property
    def se_tau2(self) -> float:
        """Its standard error from the observed information; nan at tau2 = 0, where there is none."""
        return 2.0 * self.tau * float(np.sqrt(self.maximum.covariance[1, 1])) if self.tau > 0.0 else nan

    @property
    def study_sd(self) -> float:
        """SD of the study effects (the baselines) in ``"UM.RS"``, link scale; nan in the other models."""
        return self.maximum.study_sd

    @property
    def log_likelihood(self) -> float:
        """The largest log likelihood, with the constants of all probabilities."""
        return self.maximum.slopes.log_likelihood

    @property
    def numerical_error(self) -> float:
        """Largest absolute error of mu, se_mu, tau and the log likelihood."""
        return self.maximum.numerical_error

    @property
    def lrt(self) -> float:
        """Likelihood-ratio statistic of tau2 = 0."""
        return max(0.0, 2.0 * (self.log_likelihood - self.maximum.common))

    @property
    def lrt_pvalue(self) -> float:
        """Its P-value: half that of chi-squared with 1 df, since tau2 = 0 is at the boundary; 1 if tau2 is 0."""
        return 0.5 * float(chdtrc(1, self.lrt)) if self.lrt > 0.0 else 1.0

    @property
    def q(self) -> float:
        """Likelihood-ratio statistic of equal effects against an effect per study (metafor's ``QE.LRT``)."""
        saturated = float(self.own.log_likelihood[self.used].sum())
        return max(0.0, 2.0 * (saturated - self.maximum.common))

    @property
    def q_wald(self) -> float:
        """Wald statistic of the same (``QE.Wld``): Cochran's Q of the studies' own estimates, uncorrected.

        Studies whose own estimate is infinite have no weight in it.
        """
        finite = np.isfinite(self.own.theta)
        theta, w = self.own.theta[finite], 1.0 / self.own.variance[finite]
        return float((w * (theta - (w * theta).sum() / w.sum()) ** 2).sum()) if theta.size else 0.0

    @property
    def df(self) -> int:
        """Degrees of freedom of `q` and `q_wald`, k - 1."""
        return self.k - 1

    @property
    def q_pvalue(self) -> float:
        """P-value of `q`."""
        return float(q_pvalue(self.q, self.df))

    @property
    def q_wald_pvalue(self) -> float:
        """P-value of `q_wald`."""
        return float(q_pvalue(self.q_wald, self.df))

    @property
    def i2(self) -> float:
        """max(0, (q - df) / q), a fraction."""
        return float(i2_from_q(self.q, self.df))

    @property
    def i2_tau2(self) -> float:
        """tau2 / (tau2 + s2), a fraction (metafor's I2); s2 is the typical variance of the observed effects."""
        return float(i2_from_tau2(self.tau2, self.se))

    @property
    def h2(self) -> float:
        """1 + tau2 / s2 (metafor's H2)."""
        return float(h2_from_tau2(self.tau2, self.se))

    @property
    def used(self) -> BoolArray:
        """Which studies say anything of the effect, shape (k,)."""
        return self.maximum.used(self.terms)

    @cached_property
    def weights(self) -> FloatArray:
        """Share of each study in the information about mu, shape (k,); they sum to 1.

        J_i = -d2 log m_i / dmu2 at the estimates; for normal likelihoods 1 / (se_i^2 + tau2). With random study effects
        (UM.RS) their mean alpha is at its best for each mu.
        """
        information = np.zeros(self.k)
        information[self.used] = self.maximum.mu_information
        return information / information.sum()

    @property
    def lower(self) -> float:
        """Lower confidence limit of `mu`, link scale."""
        return self._own_limits[0]

    @property
    def upper(self) -> float:
        """Upper confidence limit of `mu`, link scale."""
        return self._own_limits[1]

    @cached_property
    def _own_limits(self) -> Interval:
        return self.limits(self.ci_prob)

    def limits(self, ci_prob: float) -> Interval:
        """Return the confidence limits of `mu`, link scale."""
        return self.interval_record.limits(self.maximum, self.k, ci_prob)

    @cached_property
    def tau_interval(self) -> Interval:
        """Profile-likelihood limits of tau at the fit's `ci_prob`; the lower one is 0 where tau = 0 is within.

        The upper one is nan where the likelihood so far out cannot be computed accurately.
        """
        return profile_interval_of_tau(self.maximum, likelihood_drop(self.ci_prob))

    @property
    def tau2_interval(self) -> Interval:
        """Profile-likelihood limits of tau2."""
        lower, upper = self.tau_interval
        return lower**2, upper**2

    @property
    def prediction_interval(self) -> Interval:
        """Limits for the true effect of a new study, link scale; nan, nan if there are none (see `notes`)."""
        record = pi_record(self.pi_method)
        if self.k < record.min_k:
            return nan, nan
        quantile = record.quantile(self.ci_prob, self.k, self.interval_record.quantile(self.ci_prob, self.k))
        return symmetric_interval(self.mu, quantile * sqrt(self.tau2 + self.se_mu**2))

    @property
    def prediction_interval_natural(self) -> Interval:
        """The same on the natural scale of the measure."""
        return natural_interval(self.record, self.prediction_interval)

    @property
    def model_record(self) -> GlmmModel:
        """The record of the model."""
        return find_model(self.glmm_model, self.studies.kind, None)

    @property
    def measure(self) -> str:
        """Code of the effect measure."""
        return self.model_record.measure

    @property
    def record(self) -> Measure:
        """The record of `measure`: its title, link and estimand."""
        return get_measure(self.measure)

    @property
    def link(self) -> str:
        """What the effects are a function of."""
        return self.record.link

    @property
    def interval_record(self) -> GlmmInterval:
        """The record of `ci_method`."""
        return interval_record(self.ci_method)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of data and estimates, one line each."""
        return glmm_notes(self)

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, estimate, se, lower, upper, at the fit's `ci_prob`."""
        return estimates_frame(self.rows(self.ci_prob))

    def summary(self, *, ci_prob: float | None = None, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the estimates with their confidence intervals, on the link and on the natural scale.

        Parameters
        ----------
        ci_prob : float, optional
            Coverage, between 0 and 1; the fit's own by default.
        ci_kind : str
            Only ``"eti"``.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``; columns ``estimate``, ``se``, ``lower``, ``upper``. Row ``mu`` is on the link
            scale. For proportions ``p_median``, its back-transform (transformed limits, delta-method se), and
            ``p_mean``, the mean of the distribution of proportions at the estimates of mu and tau: its ``se`` is of
            the delta method, and its limits are those of its logit, with the quantile (z or t) of `ci_method`
            (z for "profile", whose limits are those of mu and p_median alone).

        Raises
        ------
        SpecError
            If `ci_prob` is not a probability, or `ci_kind` is not ``"eti"``.
        """
        return summary_frame(self.rows(check_summary(ci_prob, ci_kind, own=self.ci_prob)))

    def rows(self, ci_prob: float) -> dict[str, Row]:
        """Return estimate, standard error and limits of each parameter, as `summary` has them."""
        limits = self._own_limits if ci_prob == self.ci_prob else self.limits(ci_prob)
        rows: dict[str, Row] = {"mu": (self.mu, self.se_mu, *limits)}
        if self.record.estimand is not None:
            value, se = natural_value(self.record, self.mu), natural_se(self.record, self.mu, self.se_mu)
            rows["p_median"] = (value, se, *natural_interval(self.record, limits))
            rows["p_mean"] = self._p_mean(ci_prob)
        return rows

    def _p_mean(self, ci_prob: float) -> Row:
        """Return the row of the mean proportion: one event in one patient has it as its marginal likelihood."""
        rule = BinomialTerms(np.ones(1), np.ones(1)).marginal(level(P_MEAN_LEVEL))
        at = slopes(rule, self.mu, self.tau, STEP * sqrt(1.0 + self.tau2))
        p = float(np.exp(at.log_m[0]))
        gradient = np.array([at.mu[0], at.tau[0]]) if self.tau > 0.0 else np.array([at.mu[0], 0.0])
        se_log = float(np.sqrt(gradient @ np.nan_to_num(self.maximum.covariance) @ gradient))
        half = self.interval_record.quantile(ci_prob, self.k) * se_log / (1.0 - p)
        return p, p * se_log, float(expit(logit(p) - half)), float(expit(logit(p) + half))

    def theta_table(self, *, ci_prob: float) -> pd.DataFrame:
        """Return the distribution of each theta_i at the estimates of mu and tau (empirical Bayes), link scale."""
        return theta_table(self.maximum.effect_likelihoods(self.terms), self.maximum, self.used, ci_prob)

    def __repr__(self) -> str:
        return glmm_text(self)

    def _repr_html_(self) -> str:
        """Return what `repr` prints, preformatted, for notebooks."""
        return f"<pre>{escape(repr(self))}</pre>"
