"""How large is the between-study variance: the estimators, by metafor's codes.

    y_i = x_i' beta + u_i + e_i,  Var(u_i) = tau2,  Var(e_i) = se_i^2

All work along the last axis of ``y`` and ``se``; leading axes may hold many meta-analyses at once. ``x`` is the design
of a meta-regression; without it, a column of ones. P is the projection of `linear` at weights 1 / (se^2 + tau2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.registry import look_up
from bayesmeta.frequentist.tau2_roots import largest_likelihood, root_of_q

type Estimator = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


@final
@dataclass(frozen=True, slots=True)
class Tau2Method:
    """One estimator of the between-study variance.

    Attributes
    ----------
    code : str
        metafor's code; "DL2" for the two-step DerSimonian-Laird.
    title : str
        Name in print.
    model : str
        ``"random effects"`` or ``"common effect"``.
    estimator : callable
        ``(y, variance, x) -> tau2``, shapes (..., k), (..., k), (k, p) -> (...), at least p + 1 studies.
    standard_error : callable
        ``(y, variance, x, tau2)``, to the asymptotic standard error of tau2; nan where none is known.
    from_q : callable, optional
        ``(Q, projection at weights 1 / se^2) -> tau2`` of an estimate that needs the effects only for Cochran's Q,
        which then is not computed twice.
    """

    code: str
    title: str
    model: str
    estimator: Estimator
    standard_error: Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
    from_q: Callable[[FloatArray, Projection], FloatArray] | None = None

    @property
    def is_random(self) -> bool:
        """Whether the true effects have a distribution, from which a new study could be predicted."""
        return self.model == "random effects"

    def estimate(self, y: FloatArray, se: FloatArray, x: FloatArray | None = None) -> FloatArray:
        """Return the estimate, shape (...); 0 where no more studies than coefficients leave nothing to estimate.

        Parameters
        ----------
        y, se : array, shape (..., k)
            Observed effects and their standard errors, link scale.
        x : array, shape (k, p), optional
            Design matrix; by default a column of ones.
        """
        x = np.ones((y.shape[-1], 1)) if x is None else x
        if x.shape[0] <= x.shape[1]:
            return np.zeros(y.shape[:-1])
        return self.estimator(y, se**2, x)

    def se_of(self, tau2: FloatArray | float, y: FloatArray, se: FloatArray, x: FloatArray | None = None) -> FloatArray:
        """Return the asymptotic standard error of an estimate (shapes as in `estimate`); nan where none is known."""
        x = np.ones((y.shape[-1], 1)) if x is None else x
        if x.shape[0] <= x.shape[1]:
            return np.full(y.shape[:-1], np.nan)
        return self.standard_error(y, se**2, x, np.asarray(tau2, dtype=np.float64))


def dersimonian_laird(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return max(0, (Q - df) / tr(P)) with weights 1 / se^2: Q set equal to its expectation [1]_.

    References
    ----------
    .. [1] R. DerSimonian, N. Laird. Meta-analysis in clinical trials. Controlled Clinical Trials 7:177-188,
       1986. doi:10.1016/0197-2456(86)90046-2
    """
    at_zero = Projection(x, 1.0 / variance)
    return _dersimonian_laird(at_zero.quadratic(y), at_zero)


def _dersimonian_laird(q: FloatArray, at_zero: Projection) -> FloatArray:
    return np.asarray(np.maximum(0.0, (q - at_zero.df) / at_zero.trace()))


def two_step_dersimonian_laird(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the moment estimate with the weights of the DerSimonian-Laird fit in place of 1 / se^2 [1]_.

    max(0, (y'Py - tr(PV)) / tr(P)), P at weights 1 / (se^2 + tau2_DL).

    References
    ----------
    .. [1] R. DerSimonian, R. Kacker. Random-effects model for meta-analysis of clinical trials: an update.
       Contemporary Clinical Trials 28:105-114, 2007. doi:10.1016/j.cct.2006.04.004
    """
    first = dersimonian_laird(y, variance, x)
    fit = Projection(x, 1.0 / (variance + first[..., None]))
    return np.asarray(np.maximum(0.0, (fit.quadratic(y) - fit.trace(variance)) / fit.trace()))


def hedges(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return max(0, (RSS - tr(PV)) / (k - p)) with equal weights: the variance-component estimator [1]_.

    References
    ----------
    .. [1] L. V. Hedges, I. Olkin. Statistical methods for meta-analysis, chapter 9. Academic Press, 1985.
    """
    plain = Projection(x, np.ones_like(y))
    return np.asarray(np.maximum(0.0, (plain.quadratic(y) - plain.trace(variance)) / plain.df))


def hunter_schmidt(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return max(0, (Q - k) / sum(w)) with w = 1 / se^2 [1]_.

    References
    ----------
    .. [1] W. Viechtbauer. Bias and efficiency of meta-analytic variance estimators in the random-effects model.
       Journal of Educational and Behavioral Statistics 30:261-293, 2005. doi:10.3102/10769986030003261
    """
    return _hunter_schmidt(y, variance, x, 1.0)


def hunter_schmidt_corrected(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the Hunter-Schmidt estimate with Q multiplied by k / (k - p), which makes up for the lost df."""
    return _hunter_schmidt(y, variance, x, x.shape[0] / (x.shape[0] - x.shape[1]))


def _hunter_schmidt(y: FloatArray, variance: FloatArray, x: FloatArray, factor: float) -> FloatArray:
    at_zero = Projection(x, 1.0 / variance)
    return np.asarray(np.maximum(0.0, (factor * at_zero.quadratic(y) - x.shape[0]) / at_zero.w.sum(axis=-1)))


def sidik_jonkman(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return tau2_0 y'Py / (k - p), P at weights 1 / (se^2 + tau2_0), tau2_0 the mean square about the mean of y [1]_.

    It is positive unless all effects are equal.

    References
    ----------
    .. [1] K. Sidik, J. N. Jonkman. A note on variance estimation in random effects meta-regression. Journal of
       Biopharmaceutical Statistics 15:823-838, 2005. doi:10.1081/BIP-200067915
    """
    start = y.var(axis=-1)
    fit = Projection(x, 1.0 / (variance + start[..., None]))
    return np.asarray(start * fit.quadratic(y) / fit.df)


def maximum_likelihood(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the tau2 >= 0 with the largest likelihood."""
    return largest_likelihood(y, variance, x, restricted=False)


def restricted_maximum_likelihood(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the tau2 >= 0 with the largest restricted likelihood, that of the residuals' contrasts."""
    return largest_likelihood(y, variance, x, restricted=True)


def paule_mandel(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the tau2 at which y'Py = k - p, or 0 [1]_; it equals the empirical Bayes estimate.

    References
    ----------
    .. [1] R. C. Paule, J. Mandel. Consensus values and weighting factors. Journal of Research of the National
       Bureau of Standards 87:377-385, 1982. doi:10.6028/jres.087.022
    """
    return root_of_q(y, variance, x, float(x.shape[0] - x.shape[1]))


def paule_mandel_median(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return the tau2 at which y'Py is the median of a chi-squared with k - p degrees of freedom, or 0."""
    from scipy.special import chdtri

    return root_of_q(y, variance, x, float(chdtri(x.shape[0] - x.shape[1], 0.5)))


def common_effect(y: FloatArray, variance: FloatArray, x: FloatArray) -> FloatArray:
    """Return 0, the between-study variance of the common-effect model."""
    return np.zeros(y.shape[:-1])


def _quadratic_form_se(fit: Projection, divisor: FloatArray | float, total: FloatArray) -> FloatArray:
    """Return the standard error of (y'Py - c) / d with fixed P: sqrt(2 tr(P S P S)) / d, S = diag(total variances)."""
    return np.asarray(np.sqrt(2.0 * fit.trace_square(total)) / divisor)


def _se_dersimonian_laird(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    fit = Projection(x, 1.0 / variance)
    return _quadratic_form_se(fit, fit.trace(), variance + tau2[..., None])


def _se_two_step(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    fit = Projection(x, 1.0 / (variance + dersimonian_laird(y, variance, x)[..., None]))
    return _quadratic_form_se(fit, fit.trace(), variance + tau2[..., None])


def _se_hedges(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    fit = Projection(x, np.ones_like(variance))
    return _quadratic_form_se(fit, fit.df, variance + tau2[..., None])


def _se_hunter_schmidt(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    fit = Projection(x, 1.0 / variance)
    return _quadratic_form_se(fit, fit.w.sum(axis=-1), variance + tau2[..., None])


def _se_hunter_schmidt_corrected(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    return np.asarray(x.shape[0] / (x.shape[0] - x.shape[1]) * _se_hunter_schmidt(y, variance, x, tau2))


def _se_sidik_jonkman(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    start = y.var(axis=-1)
    fit = Projection(x, 1.0 / (variance + start[..., None]))
    return np.asarray(start * _quadratic_form_se(fit, fit.df, variance + tau2[..., None]))


def _se_likelihood(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    """Return (sum(w^2) / 2)^(-1/2), from the expected information."""
    return np.asarray(np.sqrt(2.0 / ((variance + tau2[..., None]) ** -2.0).sum(axis=-1)))


def _se_restricted(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    """Return (tr(PP) / 2)^(-1/2), from the expected information."""
    return np.asarray(np.sqrt(2.0 / Projection(x, 1.0 / (variance + tau2[..., None])).trace_square()))


def _se_empirical_bayes(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    """Return sqrt(2 k^2 / (k - p)) / sum(w), as Viechtbauer (2005) has it."""
    k, p = x.shape
    return np.asarray(np.sqrt(2.0 * k**2 / (k - p)) / (1.0 / (variance + tau2[..., None])).sum(axis=-1))


def _se_none(y: FloatArray, variance: FloatArray, x: FloatArray, tau2: FloatArray) -> FloatArray:
    return np.full(y.shape[:-1], np.nan)


_RANDOM: Final = "random effects"
TAU2_METHODS: Final[Mapping[str, Tau2Method]] = MappingProxyType(
    {
        record.code: record
        for record in (
            Tau2Method(
                "DL", "DerSimonian-Laird", _RANDOM, dersimonian_laird, _se_dersimonian_laird, _dersimonian_laird
            ),
            Tau2Method("EE", "equal effects", "common effect", common_effect, _se_none),
            Tau2Method("HE", "Hedges", _RANDOM, hedges, _se_hedges),
            Tau2Method("HS", "Hunter-Schmidt", _RANDOM, hunter_schmidt, _se_hunter_schmidt),
            Tau2Method(
                "HSk", "Hunter-Schmidt, corrected", _RANDOM, hunter_schmidt_corrected, _se_hunter_schmidt_corrected
            ),
            Tau2Method("SJ", "Sidik-Jonkman", _RANDOM, sidik_jonkman, _se_sidik_jonkman),
            Tau2Method("ML", "maximum likelihood", _RANDOM, maximum_likelihood, _se_likelihood),
            Tau2Method("REML", "restricted maximum likelihood", _RANDOM, restricted_maximum_likelihood, _se_restricted),
            Tau2Method("EB", "empirical Bayes", _RANDOM, paule_mandel, _se_empirical_bayes),
            Tau2Method("PM", "Paule-Mandel", _RANDOM, paule_mandel, _se_empirical_bayes),
            Tau2Method("PMM", "Paule-Mandel, median", _RANDOM, paule_mandel_median, _se_empirical_bayes),
            Tau2Method("DL2", "DerSimonian-Laird, two-step", _RANDOM, two_step_dersimonian_laird, _se_two_step),
        )
    }
)
"""The estimators by code."""


def tau2_record(code: object) -> Tau2Method:
    """Return the estimator of a code, or raise `SpecError` that lists them."""
    return look_up("tau2_method", code, TAU2_METHODS)
