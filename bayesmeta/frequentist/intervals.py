"""Between which limits do the mean and the next study's effect lie: confidence and prediction intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan, sqrt
from types import MappingProxyType
from typing import Final, final

from scipy.special import ndtri, stdtrit

from bayesmeta.frequentist.registry import look_up


@final
@dataclass(frozen=True, slots=True)
class CiMethod:
    """One kind of confidence interval for mu, symmetric about the estimate.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    quantile : callable
        ``(ci_prob, k) -> multiple of the standard error``.
    """

    code: str
    title: str
    quantile: Callable[[float, int], float]


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


def confidence_interval(mu: float, se_mu: float, *, k: int, ci_method: str, ci_prob: float) -> tuple[float, float]:
    """Return a confidence interval for the overall mean.

    Parameters
    ----------
    mu, se_mu : float
        Estimate and standard error, link scale.
    k : int
        Number of studies.
    ci_method : str
        A key of ``CI_METHODS``; ``"wald"`` is ``mu ± z se_mu``.
    ci_prob : float
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float
        Link scale.

    Raises
    ------
    SpecError
        If the method is unknown or not supported yet.
    """
    return symmetric_interval(mu, ci_record(ci_method).quantile(ci_prob, k) * se_mu)


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
    ``mu ± quantile * sqrt(tau2 + se_mu**2)``. Below three studies metafor's equivalent of "hts"
    (``pi.type="riley"``) goes on with one degree of freedom; nothing supports that, so none is given.

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
    {"wald": CiMethod("wald", "Wald", lambda ci_prob, k: normal_quantile(ci_prob))}
)
PLANNED_CI_METHODS: Final = ("t", "hartung-knapp", "hartung-knapp-adhoc", "henmi-copas", "profile")

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
    """Return the confidence interval of a name, or raise `SpecError` that lists the supported ones."""
    return look_up("ci_method", code, CI_METHODS, PLANNED_CI_METHODS)


def pi_record(code: object) -> PiMethod:
    """Return the prediction interval of a name, or raise `SpecError` that lists the supported ones."""
    return look_up("pi_method", code, PI_METHODS)
