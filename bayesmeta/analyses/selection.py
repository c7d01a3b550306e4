"""What if significance decided which studies are seen? Selection models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta._validate import check_number, check_probability, unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import get_measure
from bayesmeta.errors import DataError, SpecError
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.intervals import normal_quantile
from bayesmeta.frequentist.natural import on_both_scales
from bayesmeta.frequentist.numbers import number_text
from bayesmeta.frequentist.selection import Selected, SelectionProblem, maximise
from bayesmeta.frequentist.selection_weights import TITLES, Weighting
from bayesmeta.spec.observed import check_studies

ALTERNATIVES: Final = ("greater", "less", "two-sided")
FITTED_BY: Final = ("ML", "EE")
FEWEST: Final = 3
POWERLESS: Final = 10
"""Studies below which the estimates are accompanied by a warning."""
LARGEST_DELTA: Final = 500.0
"""exp(-delta) must stay a number."""


@final
@dataclass(frozen=True, eq=False)
class SelectionFit:
    """A selection model fitted by maximum likelihood.

    Attributes
    ----------
    studies : Studies
        The data.
    measure, selection, alternative, tau2_method : str
        Measure, weight function and options, by the names of `selection_model`.
    steps : ndarray, shape (c,)
        P-values at which a step function changes, the last of them 1; else empty.
    counts : ndarray of int, shape (c,)
        Studies in each interval of P-values.
    null : float
        Effect that the P-values test.
    delta_max : float
        Largest delta that was considered.
    typical_n : float or None
        Sample size at which a double arcsine (PFT) is transformed back: the harmonic mean.
    mu, se_mu, tau2, se_tau2 : float
        Mean and variance of the effects before selection, with standard errors from the observed information; nan
        where there is none.
    delta, se_delta : ndarray
        Estimated (or given) parameters of the weight function; of a step function those after the first, which is 1.
    at_bound : ndarray of bool
        Which deltas lie at 0 or at `delta_max`.
    log_likelihood, lrt, lrt_pvalue : float
        Log-likelihood; likelihood-ratio statistic against no selection, and its P-value.
    lrt_df : int
        Its degrees of freedom; 0 if the deltas were given.
    """

    studies: Studies
    measure: str
    selection: str
    alternative: str
    tau2_method: str
    steps: FloatArray
    counts: IntArray
    null: float
    delta_max: float
    typical_n: float | None
    mu: float
    se_mu: float
    tau2: float
    se_tau2: float
    delta: FloatArray
    se_delta: FloatArray
    at_bound: BoolArray
    log_likelihood: float
    lrt: float
    lrt_df: int
    lrt_pvalue: float

    def summary(self, *, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return estimates with Wald limits, indexed by parameter.

        Rows ``mu``, for proportions what it estimates on their scale, ``tau2`` and each ``delta``; columns estimate,
        se, lower, upper. Limits of tau2 and delta are not given: near their bounds Wald's are wrong.
        """
        half = normal_quantile(check_probability("ci_prob", ci_prob)) * self.se_mu
        limits = self.mu - half, self.mu + half
        rows: dict[str, tuple[float, float, float, float]]
        rows = on_both_scales(get_measure(self.measure), self.mu, self.se_mu, limits, self.typical_n)
        rows["tau2"] = (self.tau2, self.se_tau2, np.nan, np.nan)
        for i, (value, error) in enumerate(zip(self.delta, self.se_delta, strict=True)):
            rows[f"delta[{self._interval(i)}]"] = (float(value), float(error), np.nan, np.nan)
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "se", "lower", "upper"])
        return frame.rename_axis("parameter")

    def _interval(self, i: int) -> str:
        return f"{self.steps[i]:g} < p <= {self.steps[i + 1]:g}" if len(self.steps) else "p"

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be estimated, and what the P-values test, one line each."""
        notes = []
        if get_measure(self.measure).estimand is not None:
            notes.append(f"P-values test mu = {self.null:g} on the link scale, which single-arm studies rarely do")
        if self.lrt_df and self.studies.k < POWERLESS:
            notes.append(f"k = {self.studies.k} < {POWERLESS}: too few studies to estimate selection; try known delta")
        if self.tau2 == 0.0 and self.tau2_method == "ML":
            notes.append("tau2 is estimated as 0, its bound, so that it has no standard error")
        for i in np.flatnonzero(self.counts == 0).tolist():
            low = self.steps[i - 1] if i else 0.0
            notes.append(f"no study has {low:g} < p <= {self.steps[i]:g}, so its weight is not estimated, only bounded")
        for i in np.flatnonzero(self.at_bound).tolist():
            notes.append(f"delta[{self._interval(i)}] = {self.delta[i]:g} lies at its bound (0 to {self.delta_max:g})")
        for i in np.flatnonzero(np.isnan(self.se_delta) & ~self.at_bound & bool(self.lrt_df)).tolist():
            notes.append(f"the likelihood is flat in delta[{self._interval(i)}], which is not estimated")
        if np.isnan(self.se_mu):
            notes.append("the observed information is not positive definite, so that there are no standard errors")
        return tuple(notes)

    def __repr__(self) -> str:
        head = (
            f"Selection model ({TITLES[self.selection]}, {self.alternative}), {self.tau2_method}, k = {self.studies.k}"
        )
        lines = [head, self.summary().to_string(float_format=number_text, index_names=False)]
        if self.lrt_df:
            lines.append(f"no selection: LRT(df = {self.lrt_df}) = {self.lrt:.3f}, P = {self.lrt_pvalue:.4f}")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def selection_model(
    studies: Studies,
    selection: str = "stepfun",
    *,
    steps: Sequence[float] = (0.025,),
    alternative: str = "greater",
    delta: Sequence[float] | None = None,
    delta_max: float = 100.0,
    null: float = 0.0,
    tau2_method: str = "ML",
    measure: str | None = None,
    variance: str = "wald",
    add: float | None = None,
    to: str = "only0",
) -> SelectionFit:
    """Fit a model in which the P-value of a study decides how likely it is to be seen.

    Parameters
    ----------
    studies : Studies
        k >= 3 studies of any kind.
    selection : {"stepfun", "logistic", "negexp"}
        Weight of a study with P-value p: constant between `steps` (1 up to the first, then delta_2, delta_3, ...); 2
        exp(-delta p) / (1 + exp(-delta p)); or exp(-delta p).
    steps : sequence of float
        For "stepfun", where the weight changes, between 0 and 1.
    alternative : {"greater", "less", "two-sided"}
        Of the tests whose P-values select. Give "less" where studies with small effects get published.
    delta : sequence of float, optional
        Known weights (as many as are otherwise estimated), for a sensitivity analysis where there are few studies.
    delta_max : float
        Largest delta that is considered, up to 500.
    null : float
        Effect that the P-values test, link scale.
    tau2_method : {"ML", "EE"}
        Between-study variance by maximum likelihood, or none.
    measure, variance, add, to
        Effect measure and zero-cell rule, as in `fit` with ``engine="frequentist"``.

    Returns
    -------
    SelectionFit

    Raises
    ------
    SpecError
        If an option is unknown or not allowed.
    DataError
        If there are fewer than 3 studies.
    AccuracyError
        If the likelihood has no maximum.

    Notes
    -----
    The density of a study that is seen is w(p) phi(y; mu, se^2 + tau2) / A, with A the mean of w over that normal
    distribution: in closed form for steps, else by Gauss-Legendre quadrature on panels of the z scale, to about 1e-13.
    Definitions are those of metafor's `selmodel` [1]_, [2]_. Parameters are estimated with few studies only if the
    weight function is nearly known; a step between whose P-values there is no study is not estimated at all.

    References
    ----------
    .. [1] J. L. Vevea, L. V. Hedges. A general linear model for estimating effect size in the presence of publication
       bias. Psychometrika 60:419-435, 1995. doi:10.1007/BF02294384
    .. [2] C. Preston, D. Ashby, R. Smyth. Adjusting for publication bias: modelling the selection process. Journal of
       Evaluation in Clinical Practice 10:313-322, 2004. doi:10.1111/j.1365-2753.2003.00457.x

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"study": list("ABCDEF"), "y": [.9, .7, .4, .35, .1, .5], "se": [.4, .3, .15, .1, .09, .3]})
    >>> fit = selection_model(Studies.from_frame(df, y="y", se="se"), "negexp")
    >>> round(fit.mu, 3), fit.delta.round(2), round(fit.lrt, 3)
    (0.047, array([17.81]), 6.007)
    """
    check_studies(studies)
    weighting = _weighting(selection, steps, alternative)
    if tau2_method not in FITTED_BY:
        raise SpecError(unknown_name("tau2_method of a selection model", tau2_method, FITTED_BY))
    centre, fixed = check_number("null", null), _fixed(delta, weighting, delta_max)
    if studies.k < FEWEST:
        raise DataError(f"selection_model needs at least {FEWEST} studies; {studies.source} has {studies.k}.")
    fit = fit_frequentist(studies, measure=measure, tau2_method="EE", variance=variance, add=add, to=to)
    sign = -1.0 if alternative == "less" else 1.0
    problem = SelectionProblem(sign * (fit.y - centre), fit.se, weighting)
    found = maximise(problem, fixed_delta=fixed, random=tau2_method == "ML", delta_max=delta_max)
    counts = np.bincount(weighting.interval_of(problem.p), minlength=len(weighting.steps))
    return SelectionFit(
        studies=studies, measure=fit.measure, selection=selection, alternative=alternative, tau2_method=tau2_method,
        steps=weighting.steps, counts=counts[: len(weighting.steps)], null=centre, delta_max=float(delta_max),
        mu=sign * found.mu + centre, typical_n=fit.typical_n, **_numbers(found),
    )  # fmt: skip


def _numbers(found: Selected) -> dict[str, Any]:
    names = ("se_mu", "tau2", "se_tau2", "delta", "se_delta", "at_bound", "log_likelihood", "lrt", "lrt_pvalue")
    return {name: getattr(found, name) for name in names} | {"lrt_df": found.df}


def _weighting(selection: str, steps: Sequence[float], alternative: str) -> Weighting:
    if selection not in TITLES:
        raise SpecError(unknown_name("selection", selection, TITLES))
    if alternative not in ALTERNATIVES:
        raise SpecError(unknown_name("alternative", alternative, ALTERNATIVES))
    two_sided = alternative == "two-sided"
    if selection != "stepfun":
        return Weighting(selection, np.empty(0), two_sided)
    try:
        given = np.asarray([step for step in np.atleast_1d(steps) if step != 1.0], dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if not len(given) or not ((given > 0.0) & (given < 1.0)).all() or (np.diff(given) <= 0.0).any():
        raise SpecError(f"steps={steps!r} must be P-values between 0 and 1 in ascending order, such as (0.025, 0.5).")
    return Weighting(selection, np.append(given, 1.0), two_sided)


def _fixed(delta: Sequence[float] | None, weighting: Weighting, delta_max: float) -> FloatArray | None:
    if not 0.0 < check_number("delta_max", delta_max) <= LARGEST_DELTA:
        raise SpecError(f"delta_max={delta_max!r} must lie between 0 and {LARGEST_DELTA:g}.")
    if delta is None:
        return None
    try:
        values = np.atleast_1d(np.asarray(delta, dtype=np.float64))
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (weighting.n_delta,) or not ((values >= 0.0) & (values <= delta_max)).all():
        raise SpecError(
            f"delta={delta!r} must be {weighting.n_delta} number{'s' if weighting.n_delta > 1 else ''} from 0 to "
            f"{delta_max:g}, one for each step after the first, whose weight is 1."
        )
    return values
