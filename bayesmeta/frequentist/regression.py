"""How do the effects depend on moderators? Random-effects meta-regression by weighted least squares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Literal, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import Measure
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.coefficients import Coefficients, WaldTest, coefficient_test, estimate_coefficients
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.heterogeneity import h2_from_q, i2_from_q, q_pvalue
from bayesmeta.frequentist.intervals import pi_record
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.natural import natural_interval, natural_se, natural_value
from bayesmeta.frequentist.regression_text import regression_notes, regression_text
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.frequentist.tau2 import tau2_record
from bayesmeta.spec.moderators import Design, design_of

COLUMNS = ("estimate", "se", "lower", "upper", "statistic", "pvalue")
PREDICTED = ("estimate", "se", "lower", "upper", "interval")


@final
@dataclass(frozen=True, eq=False, repr=False)
class FrequentistRegression:
    """A classical meta-regression: coefficients, what heterogeneity is left, and how much is explained.

    Attributes
    ----------
    null : FrequentistFit
        The same studies without moderators: data, measure, effects, and the options of both.
    design : Design
        The design matrix, with names of the coefficients, and the means at which moderators were centred.
    ci_method : str
        "wald", "t", "hartung-knapp" or "hartung-knapp-adhoc".
    coefficients : Coefficients
        Estimates ``beta``, their covariance ``vb``, statistics, P-values; link scale.
    tau2, se_tau2 : float
        Residual between-study variance, squared link scale, and its asymptotic standard error (nan if none is known).
    q, q_pvalue : float
        Residual heterogeneity (metafor's QE): the weighted residual sum of squares with tau2 = 0, and its P-value.
    df : int
        k - p.
    moderator_test : WaldTest
        Of all coefficients but the intercept (metafor's QM); without an intercept, of all.
    i2 : float
        max(0, (Q - df) / Q), a fraction.
    i2_tau2, h2 : float
        tau2 / (tau2 + s2), a fraction, and 1 + tau2 / s2, with s2 = (k - p) / tr(P) the typical within-study variance;
        for the common-effect model h2 is Q / df.
    r2 : float
        Fraction of tau2 that the moderators explain, max(0, 1 - tau2 / tau2 without them) [1]_; for the common-effect
        model the adjusted R2 of the weighted regression. nan if there is nothing to explain, or no constant.
    weights : array, shape (k,)
        1 / (se^2 + tau2), as shares of their sum.
    engine : str
        "frequentist".

    References
    ----------
    .. [1] S. W. Raudenbush. Analyzing effect sizes: random-effects models. In H. Cooper, L. V. Hedges, J. C. Valentine
       (editors), The handbook of research synthesis and meta-analysis, 2nd edition, chapter 16. Russell Sage
       Foundation, 2009.
    """

    null: FrequentistFit
    design: Design
    ci_method: str
    coefficients: Coefficients
    tau2: float
    se_tau2: float
    q: float
    df: int
    q_pvalue: float
    moderator_test: WaldTest
    i2: float
    i2_tau2: float
    h2: float
    r2: float
    weights: FloatArray
    engine: Literal["frequentist"] = field(default="frequentist", init=False)

    @property
    def studies(self) -> Studies:
        """The data."""
        return self.null.studies

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.null.k

    @property
    def y(self) -> FloatArray:
        """Observed effects, link scale, shape (k,)."""
        return self.null.y

    @property
    def se(self) -> FloatArray:
        """Their standard errors, link scale, shape (k,)."""
        return self.null.se

    @property
    def measure(self) -> str:
        """Code of the effect measure."""
        return self.null.measure

    @property
    def record(self) -> Measure:
        """The record of `measure`: its title, link and estimand."""
        return self.null.record

    @property
    def tau2_method(self) -> str:
        """Estimator of tau2."""
        return self.null.tau2_method

    @property
    def ci_prob(self) -> float:
        """Coverage of the intervals."""
        return self.null.ci_prob

    @property
    def beta(self) -> FloatArray:
        """Coefficients, link scale, shape (p,)."""
        return self.coefficients.beta

    @property
    def vb(self) -> FloatArray:
        """Their covariance, shape (p, p)."""
        return self.coefficients.vb

    @property
    def tau(self) -> float:
        """Residual between-study standard deviation, link scale."""
        return float(np.sqrt(self.tau2))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Rows of the summary."""
        return tuple(self._rows(self.ci_prob).index)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each."""
        return regression_notes(self)

    @property
    def estimates(self) -> pd.DataFrame:
        """One row per parameter: parameter, estimand, estimate, se, lower, upper, statistic, pvalue."""
        frame = self._rows(self.ci_prob).reset_index()
        frame.insert(1, "estimand", frame["parameter"])
        return frame

    def summary(self, *, ci_prob: float | None = None, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the coefficients with confidence intervals and tests.

        Parameters
        ----------
        ci_prob : float, optional
            Coverage, between 0 and 1; the fit's own by default.
        ci_kind : str
            Only ``"eti"``.

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: ``beta[...]``, link scale; for proportions whose formula codes groups by cell
            means also the back-transformed mean of each group, ``p_median[...]`` (``p_mean[...]`` of raw proportions).
            Columns ``estimate se lower upper``, and of the coefficients ``statistic`` (z or t) and ``pvalue``.

        Raises
        ------
        SpecError
            If `ci_prob` is not a probability, or `ci_kind` is not ``"eti"``.
        """
        return self._rows(self._checked(ci_prob, ci_kind))

    def predict(self, at: Mapping[str, object], *, ci_prob: float | None = None, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the mean and a new study's interval at stated values of the moderators; see `bayesmeta.predict`."""
        return self.at(self.design.row(at), ci_prob=self._checked(ci_prob, ci_kind))

    def at(self, row: FloatArray, *, ci_prob: float) -> pd.DataFrame:
        """Return what is estimated for a row x of the design, shape (p,).

        Returns
        -------
        DataFrame
            Indexed by ``parameter``: ``eta``, the linear predictor x'beta (link scale), and for proportions its
            back-transform, both with a confidence interval; ``theta_new`` (for proportions ``p_new``), the true effect
            of a new study, with a prediction interval, nan where there is none. Columns ``estimate se lower upper
            interval``; the se of theta_new is that of its prediction, of p_new there is none.
        """
        eta = self.coefficients.combine(row[None, :])
        value, se = float(eta.beta[0]), float(eta.se[0])
        below, above = eta.limits(ci_prob)
        limits = float(below[0]), float(above[0])
        spread = float(np.hypot(self.tau, se))
        half = self._prediction_quantile(ci_prob) * spread
        new = value - half, value + half
        rows: dict[str, tuple[float | str, ...]] = {"eta": (value, se, *limits, "CI")}
        estimand = self.record.estimand
        if estimand is None:
            rows["theta_new"] = (value, spread, *new, "PI")
        else:
            natural = natural_value(self.record, value)
            rows[estimand] = (
                natural, natural_se(self.record, value, se), *natural_interval(self.record, limits), "CI"
            )  # fmt: skip
            rows["p_new"] = (natural, np.nan, *natural_interval(self.record, new), "PI")
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(PREDICTED)).rename_axis("parameter")

    def _prediction_quantile(self, ci_prob: float) -> float:
        """Return the multiple of the predictive standard deviation; nan where there is no interval."""
        record = pi_record(self.null.pi_method)
        as_of_mean = self.df + 1  # a mean of so many studies has the same residual degrees of freedom
        if not tau2_record(self.tau2_method).is_random or as_of_mean < record.min_k:
            return np.nan
        return record.quantile(ci_prob, as_of_mean, self.coefficients.quantile(ci_prob))

    def _checked(self, ci_prob: float | None, ci_kind: str) -> float:
        if ci_kind != "eti":
            raise SpecError(f"ci_kind={ci_kind!r} is not defined for a confidence interval; use ci_kind='eti'.")
        return self.ci_prob if ci_prob is None else check_probability("ci_prob", ci_prob)

    def _rows(self, ci_prob: float) -> pd.DataFrame:
        known = self.coefficients
        values = (known.beta, known.se, *known.limits(ci_prob), known.statistics, known.pvalues)
        names = [f"beta[{name}]" for name in self.design.coef]
        frame = pd.DataFrame(np.column_stack(values), index=names, columns=list(COLUMNS))
        estimand = self.record.estimand
        if estimand is not None:
            for i, group in enumerate(self.design.groups):
                row = self.at(np.eye(len(names))[i], ci_prob=ci_prob).loc[estimand]
                frame.loc[f"{estimand}[{group}]"] = [*row[list(COLUMNS[:4])], np.nan, np.nan]
        return frame.rename_axis("parameter")

    def __repr__(self) -> str:
        return regression_text(self)

    def _repr_html_(self) -> str:
        """Return what `repr` prints, preformatted, for notebooks."""
        return f"<pre>{escape(repr(self))}</pre>"


def fit_frequentist_regression(
    studies: Studies,
    *,
    formula: str,
    measure: str | None = None,
    tau2_method: str = "DL",
    ci_method: str = "wald",
    pi_method: str = "hts",
    ci_prob: float = 0.95,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
) -> FrequentistRegression:
    """Regress the study effects on moderators, with inverse-variance weights.

    Parameters
    ----------
    studies : Studies
        k studies, with the moderators that the formula names.
    formula : str
        Such as ``"~ year"`` or ``"~ 0 + regimen"``, in the language of the Bayesian models: a bare numeric column is
        centred at its mean if the formula has a constant, so that the intercept is the mean at the average study.
        ``"~ I(year)"`` takes it as written, which gives the intercept of R's metafor; slopes are the same.
    ci_method : str
        Test of the coefficients, and their intervals: ``"wald"`` (normal), ``"t"`` (t with k - p degrees of freedom),
        ``"hartung-knapp"`` or ``"hartung-knapp-adhoc"`` (whose variance factor is at least 1).
    pi_method : str
        Prediction interval: ``"hts"`` (t with k - p - 1 degrees of freedom) or ``"metafor"`` (the quantile of the
        confidence interval).
    measure, tau2_method, ci_prob, variance, add, to
        As in `fit_frequentist`.

    Returns
    -------
    FrequentistRegression

    Raises
    ------
    SpecError
        If an option or moderator is unknown, columns of the formula are constant or collinear, or there are not more
        studies than coefficients.
    DataError
        If a moderator is missing for a study, or the effects cannot be weighted.

    Notes
    -----
    ``y = x'beta + u + e`` with Var(u) = tau2 and Var(e) = se**2; ``beta = (X'WX)^-1 X'Wy`` and ``vb = (X'WX)^-1`` with
    ``W = diag(1 / (se**2 + tau2))``. The values equal those of R's metafor [1]_.

    References
    ----------
    .. [1] W. Viechtbauer. Conducting meta-analyses in R with the metafor package. Journal of Statistical
       Software 36(3), 2010. doi:10.18637/jss.v036.i03

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"study": list("ABCDE"), "y": [0.9, 0.6, 0.5, 0.1, 0.2], "se": [0.2, 0.3, 0.2, 0.2, 0.3]})
    >>> studies = Studies.from_frame(frame.assign(weeks=[0, 1, 2, 3, 4]), y="y", se="se", moderators=["weeks"])
    >>> fit = fit_frequentist_regression(studies, formula="~ I(weeks)")
    >>> print(fit.summary().rename_axis(None).round(3))
                     estimate     se  lower  upper  statistic  pvalue
    beta[Intercept]     0.873  0.172  0.536  1.211      5.076   0.000
    beta[I(weeks)]     -0.213  0.075 -0.360 -0.067     -2.851   0.004
    """
    null = fit_frequentist(
        studies, measure=measure, tau2_method=tau2_method, pi_method=pi_method, ci_prob=ci_prob, variance=variance,
        add=add, to=to,
    )  # fmt: skip
    return regress(null, design_of(formula, studies), ci_method=ci_method)


def regress(null: FrequentistFit, design: Design, *, ci_method: str) -> FrequentistRegression:
    """Regress the effects of a fit on a design that has been checked, with the options of the fit.

    Raises
    ------
    SpecError
        If there are not more studies than coefficients, or the test is unknown.
    """
    x, y, method = design.matrix, null.y, tau2_record(null.tau2_method)
    test = coefficient_test(ci_method)
    _check_size(design, "" if method.is_random else ci_method)
    tau2 = float(method.estimate(y, null.se, x))
    fit, at_zero = Projection(x, 1.0 / (null.se**2 + tau2)), Projection(x, 1.0 / null.se**2)
    coefficients = estimate_coefficients(fit, y, test)
    df = at_zero.df
    q = float(at_zero.quadratic(y)) if df else 0.0  # of as many coefficients as studies, all but rounding
    ratio = tau2 * float(at_zero.trace()) / df if df else 0.0  # tau2 over the typical variance
    with np.errstate(invalid="ignore"):  # weights beyond 1e20 of each other leave no digit of the variance of tau2
        se_tau2 = float(method.se_of(tau2, y, null.se, x))
    return FrequentistRegression(
        null=null,
        design=design,
        ci_method=ci_method,
        coefficients=coefficients,
        tau2=tau2,
        se_tau2=se_tau2,
        q=q,
        df=df,
        q_pvalue=float(q_pvalue(q, df)),
        moderator_test=coefficients.wald_test(moderator_columns(x)),
        i2=float(i2_from_q(q, df)),
        i2_tau2=ratio / (1.0 + ratio),
        h2=1.0 + ratio if method.is_random else float(h2_from_q(q, df)),
        r2=_explained(null, x, tau2, q),
        weights=fit.w / fit.w.sum(),
    )


def moderator_columns(x: FloatArray) -> list[int]:
    """Return the columns of a design but its intercept, a column of ones; all if there is none, or nothing else."""
    others = [i for i in range(x.shape[1]) if not (x[:, i] == 1.0).all()]
    return others or [0]


def _check_size(design: Design, saturated_by: str) -> None:
    """Refuse a design that leaves nothing to estimate tau2, or (the common effect's `ci_method` given) the errors."""
    k, p = design.matrix.shape
    has_enough = k >= p if saturated_by == "wald" else k > p
    if not has_enough:
        needed = "tau2 from" if not saturated_by or k < p else f"what ci_method={saturated_by!r} needs"
        raise SpecError(
            f"the formula {design.formula!r} has {p} coefficients for {k} {'study' if k == 1 else 'studies'}, which "
            f"leaves none to estimate {needed}; leave out at least one."
        )


def _explained(null: FrequentistFit, x: FloatArray, tau2: float, q: float) -> float:
    """Return R2: of tau2, or for the common-effect model of the weighted mean squares."""
    k, p = x.shape
    ones = np.ones(k)
    if k == p:
        return np.nan
    if np.abs(x @ np.linalg.lstsq(x, ones, rcond=None)[0] - ones).max() > 1e-9 or p == 1:
        return np.nan  # without a constant the models are not nested
    is_random = tau2_record(null.tau2_method).is_random
    before, after = (null.tau2, tau2) if is_random else (null.q / (k - 1), q / (k - p))
    return max(0.0, 1.0 - after / before) if before > 0.0 else np.nan
