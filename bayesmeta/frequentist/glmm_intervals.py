"""Between which limits does mu lie in a mixed model: the confidence intervals, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy.special import chdtri

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.glmm_found import Found
from bayesmeta.frequentist.glmm_profile import profile_interval_of_mu
from bayesmeta.frequentist.intervals import normal_quantile, student_quantile, symmetric_interval
from bayesmeta.frequentist.registry import look_up
from bayesmeta.frequentist.slopes import Slopes

SMALLEST: Final = 1e-12
"""Share of the information below which a study counts as saying nothing."""


@final
@dataclass(frozen=True, slots=True)
class GlmmInterval:
    """One kind of confidence interval for mu.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    scale : callable or None
        ``(slopes at the maximum, k)`` to the factor of the standard error; None for a profile likelihood, which has no
        standard error.
    has_t : bool
        Whether the quantile is that of t with k - 1 degrees of freedom.
    has_score_factor : bool
        Whether the scale is that of `hartung_knapp_factor`.
    """

    code: str
    title: str
    scale: Callable[[Slopes, int], float] | None
    has_t: bool = False
    has_score_factor: bool = False

    def quantile(self, ci_prob: float, k: int) -> float:
        """Return the multiple of the standard error; nan where t has no degree of freedom."""
        if not self.has_t:
            return normal_quantile(ci_prob)
        return student_quantile(ci_prob, k - 1) if k > 1 else np.nan

    def limits(self, found: Found, k: int, ci_prob: float) -> tuple[float, float]:
        """Return the limits of mu, link scale."""
        if self.scale is None:
            return profile_interval_of_mu(found, likelihood_drop(ci_prob))
        return symmetric_interval(found.mu, self.quantile(ci_prob, k) * self.scale(found.slopes, k) * found.se_mu)


def likelihood_drop(ci_prob: float) -> float:
    """Return by how much the log likelihood may lie below its maximum: half a quantile of chi-squared with 1 df."""
    return 0.5 * float(chdtri(1, 1.0 - ci_prob))


def hartung_knapp_factor(slopes: Slopes, k: int) -> float:
    """Return by what the standard error is multiplied after Hartung and Knapp; nan for one study.

    The square root of sum(s_i^2 / J_i) / (k - 1), with the scores s_i and the information J_i of the studies about mu.
    For normal likelihoods s_i = w_i (y_i - mu) and J_i = w_i, so that it is their factor; for others it is ours.
    """
    if k < 2:
        return float("nan")
    information: FloatArray = -slopes.mu_mu
    some = information > SMALLEST * information.sum()
    return float(np.sqrt((slopes.mu[some] ** 2 / information[some]).sum() / (k - 1)))


GLMM_INTERVALS: Final[Mapping[str, GlmmInterval]] = MappingProxyType(
    {
        record.code: record
        for record in (
            GlmmInterval("wald", "Wald", lambda slopes, k: 1.0),
            GlmmInterval("t", "t with k - 1 df", lambda slopes, k: 1.0, has_t=True),
            GlmmInterval("hartung-knapp", "Hartung-Knapp with scores", hartung_knapp_factor, True, True),
            GlmmInterval(
                "hartung-knapp-adhoc",
                "Hartung-Knapp with scores, at least the Wald standard error",
                lambda slopes, k: float(np.fmax(hartung_knapp_factor(slopes, k), 1.0)),
                True,
                True,
            ),
            GlmmInterval("profile", "profile likelihood", None),
        )
    }
)
"""The intervals by name."""


def interval_record(name: object) -> GlmmInterval:
    """Return the interval of a name, or raise `SpecError` that lists those there are."""
    return look_up("ci_method of method='glmm'", name, GLMM_INTERVALS)
