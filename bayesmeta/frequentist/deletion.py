"""What does each study do to a weighted regression? Statistics of the fits that leave one study out."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import gammainc

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.frequentist.coefficients import CoefficientTest, estimate_coefficients, variance_factor
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.tau2 import Tau2Method

RANK_TOLERANCE = 1e-10  # as for a design: of the largest singular value, columns scaled to length 1


@final
@dataclass(frozen=True, eq=False)
class Deletion:
    """Statistics of k studies; nan where without the study the coefficients cannot be told apart.

    Attributes
    ----------
    rstudent : array, shape (k,)
        Externally studentized residuals.
    dffits : array, shape (k,)
        Change of the study's fitted value, in standard errors.
    cook_d : array, shape (k,)
        Cook's distances.
    cov_r : array, shape (k,)
        Determinant of the covariance of the coefficients without the study, over that with it.
    tau2, q : array, shape (k,)
        Between-study variance and (residual) Q without the study.
    hat, weight : array, shape (k,)
        Leverages, and weights as shares of their sum, of the fit of all studies.
    dfbetas : array, shape (k, p)
        Change of each coefficient, in standard errors.
    contribution : array, shape (k,)
        Squared Pearson residuals, which sum to Q for the common-effect model.
    influence : array, shape (k,)
        Squared change of the study's fitted value, over its variance without the study.
    """

    rstudent: FloatArray
    dffits: FloatArray
    cook_d: FloatArray
    cov_r: FloatArray
    tau2: FloatArray
    q: FloatArray
    hat: FloatArray
    weight: FloatArray
    dfbetas: FloatArray
    contribution: FloatArray
    influence: FloatArray

    @property
    def influential(self) -> BoolArray:
        """Whether a study is beyond one of metafor's limits, shape (k,).

        |dffits| > 3 sqrt(p / (k - p)); Cook's distance beyond the median of chi-squared with p degrees of freedom;
        hat > 3 p / k; any |dfbetas| > 1.
        """
        k, p = self.dfbetas.shape
        limit = 3.0 * np.sqrt(p / (k - p)) if k > p else np.inf
        moved = (np.abs(self.dffits) > limit) | (gammainc(0.5 * p, 0.5 * self.cook_d) > 0.5)
        return np.asarray(moved | (self.hat > 3.0 * p / k) | (np.abs(self.dfbetas) > 1.0).any(axis=1))


def delete_each(y: FloatArray, se: FloatArray, x: FloatArray, method: Tau2Method, test: CoefficientTest) -> Deletion:
    """Leave each study out in turn.

    Parameters
    ----------
    y, se : array, shape (k,)
        Observed effects and standard errors, link scale.
    x : array, shape (k, p)
        Design matrix of full column rank.
    method : Tau2Method
        Estimates tau2 anew without each study.
    test : CoefficientTest
        Its variance factor s2 is that of each fit.

    Notes
    -----
    With (-i) for the fit without study i, fitted values m = x'b and W from tau2 [1]_:

        rstudent = (y_i - m(-i)) / sqrt(s2(-i) (se_i^2 + tau2(-i)) + Var(m(-i)))
        dffits = (m - m(-i)) / sqrt(s2(-i) hat_i (se_i^2 + tau2(-i)))
        cook_d = (b - b(-i))' vb^-1 (b - b(-i)),  cov_r = det vb(-i) / det vb
        dfbetas = (b - b(-i)) / sqrt(s2(-i) diag (X'W(-i)X)^-1),  W(-i) of all studies, from tau2(-i)
        contribution = (y_i - m)^2 / (se_i^2 + tau2),  influence = (m - m(-i))^2 / Var(m(-i))

    References
    ----------
    .. [1] W. Viechtbauer, M. W.-L. Cheung. Outlier and influence diagnostics for meta-analysis. Research Synthesis
       Methods 1:112-125, 2010. doi:10.1002/jrsm.11
    """
    k, p = x.shape
    total = se**2 + float(method.estimate(y, se, x))
    whole = Projection(x, 1.0 / total)
    rows = np.full((k, 7 + p), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # a Hartung-Knapp variance may be 0
        for i in range(k):
            keep = np.arange(k) != i
            if _has_full_rank(x[keep]):
                rows[i] = _without(i, keep, y, se, whole, method, test)
    named = dict(zip(("rstudent", "dffits", "cook_d", "cov_r", "tau2", "q", "influence"), rows.T, strict=False))
    return Deletion(
        **named,
        hat=whole.leverage,
        weight=whole.w / whole.w.sum(),
        dfbetas=rows[:, 7:],
        contribution=whole.residuals(y) ** 2 / total,
    )


def _without(
    i: int, keep: BoolArray, y: FloatArray, se: FloatArray, whole: Projection, method: Tau2Method, test: CoefficientTest
) -> FloatArray:
    """Return seven statistics of one study and its dfbetas, shape (7 + p,)."""
    x, own = whole.x, whole.x[i]
    full = estimate_coefficients(whole, y, test)
    tau2 = float(method.estimate(y[keep], se[keep], x[keep]))
    fit = Projection(x[keep], 1.0 / (se[keep] ** 2 + tau2))
    rest, factor = estimate_coefficients(fit, y[keep], test), variance_factor(fit, y[keep], test)
    change, total = full.beta - rest.beta, se[i] ** 2 + tau2
    moved, variance = own @ change, own @ rest.vb @ own
    numbers = (
        (y[i] - own @ rest.beta) / np.sqrt(factor * total + variance),
        moved / np.sqrt(factor * whole.leverage[i] * total),
        (whole.w * (x @ change) ** 2).sum() / variance_factor(whole, y, test),
        np.exp(np.linalg.slogdet(rest.vb)[1] - np.linalg.slogdet(full.vb)[1]),
        tau2,
        Projection(x[keep], se[keep] ** -2.0).quadratic(y[keep]),
        moved**2 / variance,
    )
    with_all = Projection(x, 1.0 / (se**2 + tau2)).inverse
    return np.array([*map(float, numbers), *(change / np.sqrt(factor * np.diagonal(with_all)))])


def _has_full_rank(x: FloatArray) -> bool:
    length = np.linalg.norm(x, axis=0)
    if len(x) < x.shape[1] or not length.all():
        return False
    singular = np.linalg.svd(x / length, compute_uv=False)
    return bool(singular[-1] >= RANK_TOLERANCE * singular[0])
