"""What do the links of proportions look like in their tails, where a proportion itself would round to 0 or 1?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy import special

type FloatArray = npt.NDArray[np.float64]

_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))
_LARGEST = 700.0  # exp(700) is still a double


@final
@dataclass(frozen=True)
class ProportionLink:
    """A link from a proportion p to the real line, in functions of an array of theta.

    Attributes
    ----------
    log_p, log_q : callable
        Logs of p and of 1 - p, without cancellation in either tail.
    log_slope : callable
        Log of dp / dtheta.
    from_p, from_q : callable
        theta from p, and from 1 - p.
    """

    log_p: Callable[[FloatArray], Any]
    log_q: Callable[[FloatArray], Any]
    log_slope: Callable[[FloatArray], Any]
    from_p: Callable[[FloatArray], Any]
    from_q: Callable[[FloatArray], Any]


def _log_p_cloglog(x: FloatArray) -> FloatArray:
    """Return log(1 - exp(-exp(x))), which is x - exp(x)/2 to rounding where x is far below 0."""
    e = np.exp(np.minimum(x, _LARGEST))
    with np.errstate(divide="ignore"):  # in the branches that are not taken
        return np.where(x < -30.0, x - 0.5 * e, np.where(e < 0.5, np.log(-np.expm1(-e)), np.log1p(-np.exp(-e))))


PROPORTION_LINKS: Mapping[str, ProportionLink] = MappingProxyType(
    {
        "logit": ProportionLink(
            log_p=special.log_expit,
            log_q=lambda x: special.log_expit(-x),
            log_slope=lambda x: special.log_expit(x) + special.log_expit(-x),
            from_p=special.logit,
            from_q=lambda q: -special.logit(q),
        ),
        "probit": ProportionLink(
            log_p=special.log_ndtr,
            log_q=lambda x: special.log_ndtr(-x),
            log_slope=lambda x: -0.5 * x * x - _HALF_LOG_2PI,
            from_p=special.ndtri,
            from_q=lambda q: -special.ndtri(q),
        ),
        "cloglog": ProportionLink(
            log_p=_log_p_cloglog,
            log_q=lambda x: -np.exp(np.minimum(x, _LARGEST)),
            log_slope=lambda x: x - np.exp(np.minimum(x, _LARGEST)),
            from_p=lambda p: np.log(-np.log1p(-p)),
            from_q=lambda q: np.log(-np.log(q)),
        ),
    }
)
"""The links from proportions to the real line."""
