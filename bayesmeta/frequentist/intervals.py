"""Between which limits do the mean and the next study's effect lie: confidence and prediction intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan, sqrt
from types import MappingProxyType
from typing import Final, final

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.henmi_copas import henmi_copas_interval, henmi_copas_test
from bayesmeta.frequentist.mean_error import adhoc_error, common_weights_error, hartung_knapp_error, wald_error
from bayesmeta.frequentist.mean_profile import likelihood_ratio_test, profile_interval
from bayesmeta.frequentist.pooled import PooledMean
from bayesmeta.frequentist.registry import look_up

type Interval = tuple[float, float]


@final
@dataclass(frozen=True, slots=True)
class Inversion:
    """An interval that is no multiple of the standard error: the means that a test of its own does not reject.

    Attributes
    ----------
    limits : callable
        ``(PooledMean, ci_prob) -> (lower, upper)``.
    test : callable
        ``PooledMean -> (statistic, P-value)`` of mu = 0.
    """

    limits: Callable[[PooledMean, float], Interval]
    test: Callable[[PooledMean], Interval]


@final
@dataclass(frozen=True, slots=True)
class CiMethod:
    """One kind of confidence interval for mu.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    standard_error : callable
        ``(y, w, tau2, mu)``, to the standard error of mu, along the last axis; w are the weights in mu.
    df : callable
        ``k -> degrees of freedom of Student's t``; inf for the normal distribution, nan if it is neither.
    inversion : Inversion, optional
        How limits and P-value are found if they are not those of ``mu ± quantile * se``.
    tau2_method : str
        The one estimator of tau2 that the method goes with; "" if any.
    has_common_weights : bool
        Whether mu is the common-effect mean, whatever tau2 is.
    """

    code: str
    title: str
    standard_error: Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray] = wald_error
    df: Callable[[int], float] = lambda k: k - 1.0
    inversion: Inversion | None = None
    tau2_method: str = ""
    has_common_weights: bool = False

    def quantile(self, ci_prob: float, k: int) -> float:
        """Return the multiple of the standard error that is half the interval; nan if there is none for k studies."""
        df = self.df(k)
        if df == inf:
            return normal_quantile(ci_prob)
        return student_quantile(ci_prob, df) if df > 0.0 else nan


@final
@dataclass(frozen=True, slots=True)
class PiMethod:
    """One kind of prediction interval for the true effect of a new study.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    quantile : callable
        ``(ci_prob, k, quantile of the confidence interval)`` to the multiple of the predictive standard
        deviation.
    min_k : int
        Fewest studies for which the interval exists.
    reason : str
        Why there is none with fewer, as a clause to follow ``"k = 2: "``; ``{df}`` stands for k - 2.
    """

    code: str
    title: str
    quantile: Callable[[float, int, float], float]
    min_k: int = 1
    reason: str = ""


def normal_quantile(ci_prob: float) -> float:
    """Return the upper limit of the central interval of the standard normal, 1.959964 for 0.95."""
    return float(ndtri(0.5 + 0.5 * ci_prob))


def student_quantile(ci_prob: float, df: float) -> float:
    """Return the upper limit of the central interval of Student's t with ``df > 0`` degrees of freedom."""
    return float(stdtrit(df, 0.5 + 0.5 * ci_prob))


def symmetric_interval(mu: float, half_width: float) -> tuple[float, float]:
    """Return ``(mu - half_width, mu + half_width)``."""
    return mu - half_width, mu + half_width


def confidence_interval(mean: PooledMean, *, ci_method: str, ci_prob: float) -> Interval:
    """Return a confidence interval for the overall mean.

    Parameters
    ----------
    mean : PooledMean
        Estimate and standard error, as the method has them, with the effects they were made from; link scale.
    ci_method : str
        A key of ``CI_METHODS``; ``"wald"`` is ``mu ± z se_mu``.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        Link scale; nan, nan where the method has no interval for these studies.

    Raises
    ------
    SpecError
        If the method is unknown.
    """
    method = ci_record(ci_method)
    if method.inversion is not None:
        return method.inversion.limits(mean, ci_prob)
    return symmetric_interval(mean.mu, method.quantile(ci_prob, len(mean.y)) * mean.se_mu)


def zero_test(mean: PooledMean, *, ci_method: str) -> tuple[float, float, float]:
    """Return the test of mu = 0 that goes with a confidence interval.

    Parameters
    ----------
    mean : PooledMean
        As for `confidence_interval`.
    ci_method : str
        A key of ``CI_METHODS``.

    Returns
    -------
    statistic, df, pvalue : float
        mu / se_mu, the degrees of freedom of its t distribution (inf: normal; nan: another one) and the two-sided
        P-value: the interval at ``1 - pvalue`` just reaches 0. For "profile" the statistic is the signed root of the
        likelihood ratio. nan where there is no interval.
    """
    method = ci_record(ci_method)
    df = method.df(len(mean.y))
    if method.inversion is not None:
        statistic, pvalue = method.inversion.test(mean)
        return statistic, nan, pvalue
    if isnan(mean.se_mu) or df <= 0.0:
        return nan, df, nan
    statistic = mean.mu / mean.se_mu
    return statistic, df, 2.0 * float(stdtr(df, -abs(statistic)) if isfinite(df) else ndtr(-abs(statistic)))


def prediction_interval(
    mu: float, se_mu: float, *, tau2: float, k: int, ci_method: str, pi_method: str, ci_prob: float
) -> tuple[float, float]:
    """Return a prediction interval for the true effect of a new study.

    Parameters
    ----------
    mu, se_mu : float
        Estimate and standard error of the mean, link scale.
    tau2 : float
        Between-study variance, squared link scale.
    k : int
        Number of studies.
    ci_method : str
        A key of ``CI_METHODS``: its quantile is the one that ``pi_method="metafor"`` takes over.
    pi_method : str
        A key of ``PI_METHODS``: ``"hts"`` takes Student's t with k - 2 degrees of freedom [1]_; ``"metafor"``
        the quantile of the confidence interval (z for Wald).
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        Link scale; nan, nan where the method has no interval for so few studies.

    Raises
    ------
    SpecError
        If a method is unknown or not supported yet.

    Notes
    -----
    ``mu ± quantile * sqrt(tau2 + se_mu**2)``, with the standard error of the confidence interval. Below three studies
    metafor's equivalent of "hts" (``pi.type="riley"``) goes on with one degree of freedom; nothing supports that, so
    none is given.

    References
    ----------
    .. [1] J. P. T. Higgins, S. G. Thompson, D. J. Spiegelhalter. A re-evaluation of random-effects
       meta-analysis. Journal of the Royal Statistical Society A 172:137-159, 2009.
       doi:10.1111/j.1467-985X.2008.00552.x
    """
    record = pi_record(pi_method)
    if k < record.min_k:
        return nan, nan
    quantile = record.quantile(ci_prob, k, ci_record(ci_method).quantile(ci_prob, k))
    return symmetric_interval(mu, quantile * sqrt(tau2 + se_mu**2))


CI_METHODS: Final[Mapping[str, CiMethod]] = MappingProxyType(
    {
        record.code: record
        for record in (
            CiMethod("wald", "Wald", df=lambda k: inf),
            CiMethod("t", "t with k - 1 df"),
            CiMethod("hartung-knapp", "Hartung-Knapp", hartung_knapp_error),
            CiMethod("hartung-knapp-adhoc", "Hartung-Knapp, variance factor at least 1", adhoc_error),
            CiMethod(
                "henmi-copas",
                "Henmi-Copas",
                common_weights_error,
                df=lambda k: nan,
                inversion=Inversion(henmi_copas_interval, henmi_copas_test),
                tau2_method="DL",
                has_common_weights=True,
            ),
            CiMethod(
                "profile",
                "profile likelihood",
                df=lambda k: nan,
                inversion=Inversion(profile_interval, likelihood_ratio_test),
                tau2_method="ML",
            ),
        )
    }
)
"""The confidence intervals by name."""

PI_METHODS: Final[Mapping[str, PiMethod]] = MappingProxyType(
    {
        "hts": PiMethod(
            "hts",
            "Higgins-Thompson-Spiegelhalter, t with k - 2 df",
            lambda ci_prob, k, quantile: student_quantile(ci_prob, k - 2),
            min_k=3,
            reason="no prediction interval, because t with k - 2 = {df} degrees of freedom does not exist",
        ),
        "metafor": PiMethod("metafor", "quantile of the confidence interval", lambda ci_prob, k, quantile: quantile),
    }
)


def ci_record(code: object) -> CiMethod:
    """Return the confidence interval of a name, or raise `SpecError` that lists them."""
    return look_up("ci_method", code, CI_METHODS)


def check_pair(ci_method: str, tau2_method: str) -> None:
    """Raise `SpecError` if a confidence interval is not defined with an estimator of tau2."""
    record = ci_record(ci_method)
    if record.tau2_method not in ("", tau2_method):
        raise SpecError(
            f"ci_method={ci_method!r} goes with tau2_method={record.tau2_method!r} only; got {tau2_method!r}. "
            f"Use tau2_method={record.tau2_method!r}, or another ci_method: "
            f"{', '.join(name for name, other in CI_METHODS.items() if not other.tau2_method)}."
        )


def pi_record(code: object) -> PiMethod:
    """Return the prediction interval of a name, or raise `SpecError` that lists them."""
    return look_up("pi_method", code, PI_METHODS)
