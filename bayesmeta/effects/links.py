"""How is the natural scale (a proportion, a ratio) mapped to the scale that is pooled, and back?"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr, ndtri

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.arcsine import arcsine, double_arcsine, inverse_arcsine, inverse_double_arcsine


@final
@dataclass(frozen=True)
class Link:
    """A monotone map between the natural scale and the link scale.

    Attributes
    ----------
    name : str
        The name in `LINKS`.
    link : callable
        Natural scale to link scale, elementwise.
    inverse : callable
        Link scale to natural scale, elementwise.
    natural : {"proportion", "ratio", ""}
        What the natural scale is called.
    takes_n : bool
        Whether `link` and `inverse` take a sample size ``n`` too, and without it are their limits for large ones.
    """

    name: str
    link: Callable[..., FloatArray]
    inverse: Callable[..., FloatArray]
    natural: str = ""
    takes_n: bool = False


def _identity(values: npt.ArrayLike) -> FloatArray:
    return np.array(values, dtype=np.float64)


def _logit(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(logit(np.asarray(values, dtype=np.float64)))


def _expit(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(expit(np.asarray(values, dtype=np.float64)))


def _probit(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(ndtri(np.asarray(values, dtype=np.float64)))


def _normal_cdf(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(ndtr(np.asarray(values, dtype=np.float64)))


def _cloglog(values: npt.ArrayLike) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-np.asarray(values, dtype=np.float64))))


def _inverse_cloglog(values: npt.ArrayLike) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(-np.expm1(-np.exp(np.asarray(values, dtype=np.float64))))


def _log(values: npt.ArrayLike) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.asarray(values, dtype=np.float64)))


def _exp(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(np.exp(np.asarray(values, dtype=np.float64)))


LINKS = MappingProxyType(
    {
        "logit": Link("logit", _logit, _expit, "proportion"),
        "probit": Link("probit", _probit, _normal_cdf, "proportion"),
        "cloglog": Link("cloglog", _cloglog, _inverse_cloglog, "proportion"),
        "arcsine": Link("arcsine", arcsine, inverse_arcsine, "proportion"),
        "double-arcsine": Link("double-arcsine", double_arcsine, inverse_double_arcsine, "proportion", takes_n=True),
        "log": Link("log", _log, _exp, "ratio"),
        "identity": Link("identity", _identity, _identity),
    }
)
"""The links by name: five for proportions (the arcsines end at the transformed 0 and 1), ``log`` for ratios and rates,
``identity`` for the rest."""
