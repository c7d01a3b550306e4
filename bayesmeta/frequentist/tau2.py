"""How large is the between-study variance: the estimators, by metafor's codes.

All estimators work along the last axis, so that leading axes may hold many meta-analyses at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.heterogeneity import cochran_q, typical_variance
from bayesmeta.frequentist.registry import look_up


@final
@dataclass(frozen=True, slots=True)
class Tau2Method:
    """One estimator of the between-study variance.

    Attributes
    ----------
    code : str
        metafor's code.
    title : str
        Name in print.
    model : str
        ``"random effects"`` or ``"common effect"``.
    estimate : callable
        ``(y, se) -> tau2``, shapes (..., k), (..., k) -> (...).
    """

    code: str
    title: str
    model: str
    estimate: Callable[[FloatArray, FloatArray], FloatArray]

    @property
    def is_random(self) -> bool:
        """Whether the true effects have a distribution, from which a new study could be predicted."""
        return self.model == "random effects"


def dersimonian_laird(y: FloatArray, se: FloatArray) -> FloatArray:
    """Return the DerSimonian-Laird estimate of the between-study variance.

    Parameters
    ----------
    y : ndarray, shape (..., k)
        Observed effects, link scale.
    se : ndarray, shape (..., k)
        Their standard errors, link scale; positive.

    Returns
    -------
    ndarray, shape (...)
        ``max(0, (Q - (k - 1)) / (sum(w) - sum(w**2) / sum(w)))`` with ``w_i = 1 / se_i**2``; 0 for one study.

    Notes
    -----
    The method of moments [1]_: Q is set equal to its expectation under the random-effects model. The
    denominator is ``(k - 1) / s2`` with s2 the typical variance of Higgins and Thompson, and computed so.

    References
    ----------
    .. [1] R. DerSimonian, N. Laird. Meta-analysis in clinical trials. Controlled Clinical Trials 7:177-188,
       1986. doi:10.1016/0197-2456(86)90046-2
    """
    df = y.shape[-1] - 1
    if df == 0:
        return np.zeros(y.shape[:-1])
    return np.asarray(np.maximum(0.0, typical_variance(se) * (cochran_q(y, se) - df) / df))


def common_effect(y: FloatArray, se: FloatArray) -> FloatArray:
    """Return 0, the between-study variance of the common-effect model.

    Parameters
    ----------
    y : ndarray, shape (..., k)
        Observed effects, link scale.
    se : ndarray, shape (..., k)
        Their standard errors, link scale.

    Returns
    -------
    ndarray, shape (...)
        Zeros.
    """
    return np.zeros(y.shape[:-1])


TAU2_METHODS: Final[Mapping[str, Tau2Method]] = MappingProxyType(
    {
        "DL": Tau2Method("DL", "DerSimonian-Laird", "random effects", dersimonian_laird),
        "EE": Tau2Method("EE", "equal effects", "common effect", common_effect),
    }
)
PLANNED_TAU2_METHODS: Final = ("HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM")


def tau2_record(code: object) -> Tau2Method:
    """Return the estimator of a code, or raise `SpecError` that lists the supported ones."""
    return look_up("tau2_method", code, TAU2_METHODS, PLANNED_TAU2_METHODS)
