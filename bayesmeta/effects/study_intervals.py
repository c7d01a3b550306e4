"""Between which limits does one study's proportion lie: exact, Wilson, Agresti-Coull, Jeffreys or Wald?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np
import numpy.typing as npt
from scipy.special import betainccinv, betaincinv, ndtri

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.effects.counts import counts_of
from bayesmeta.effects.one_arm import clopper_pearson
from bayesmeta.errors import SpecError

type Limits = tuple[FloatArray, FloatArray]

DEFAULT_STUDY_INTERVAL: Final = "clopper-pearson"


@final
@dataclass(frozen=True, slots=True)
class StudyInterval:
    """One kind of interval for a proportion.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    limits : callable
        ``limits(events, n, ci_prob=0.95)`` gives lower and upper, each of shape (k,).
    """

    code: str
    title: str
    limits: Callable[..., Limits]


def wilson(events: npt.ArrayLike, n: npt.ArrayLike, *, ci_prob: float = 0.95) -> Limits:
    """Return Wilson's score interval of each study's proportion.

    Parameters
    ----------
    events, n, ci_prob
        As in `clopper_pearson`.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits on the proportion scale; ``lower`` is 0 at no events, ``upper`` is 1 at all events.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    The proportions p with (r/n - p)^2 <= z^2 p (1 - p) / n: (r + z^2/2 -+ z sqrt(r (n - r)/n + z^2/4)) / (n + z^2), as
    R's ``prop.test(correct = FALSE)``.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> lower, upper = wilson([0, 81], [20, 263])
    >>> lower.round(4), upper.round(4)
    (array([0.    , 0.2553]), array([0.1611, 0.3662]))
    """
    r, size, z = _checked(events, n, ci_prob)
    half = z * np.sqrt(r * ((size - r) / size) + 0.25 * z**2)
    # the other root, from the product of the two, is exact where this one cancels
    lower = r**2 / size / (r + 0.5 * z**2 + half)
    upper = 1.0 - (size - r) ** 2 / size / (size - r + 0.5 * z**2 + half)
    return lower, upper


def agresti_coull(events: npt.ArrayLike, n: npt.ArrayLike, *, ci_prob: float = 0.95) -> Limits:
    """Return the Agresti-Coull interval of each study's proportion.

    Parameters
    ----------
    events, n, ci_prob
        As in `clopper_pearson`.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits on the proportion scale, cut at 0 and 1 (as R's DescTools does).

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    The Wald interval of r + z^2/2 events among n + z^2; Wilson's middle, and never shorter than his.

    References
    ----------
    Agresti and Coull (1998), American Statistician 52, 119-126. https://doi.org/10.1080/00031305.1998.10480550

    Examples
    --------
    >>> lower, upper = agresti_coull([0, 81], [20, 263])
    >>> lower.round(4), upper.round(4)
    (array([0.    , 0.2552]), array([0.1898, 0.3662]))
    """
    r, size, z = _checked(events, n, ci_prob)
    return _wald(r + 0.5 * z**2, size + z**2, z)


def jeffreys(events: npt.ArrayLike, n: npt.ArrayLike, *, ci_prob: float = 0.95) -> Limits:
    """Return the Jeffreys interval of each study's proportion.

    Parameters
    ----------
    events, n, ci_prob
        As in `clopper_pearson`.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits on the proportion scale; ``lower`` is 0 at no events, ``upper`` is 1 at all events, as [1]_ define it, so
        that it does not leave out the observed proportion.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    The equal tails of Beta(r + 1/2, n - r + 1/2), the posterior under Jeffreys' prior.

    References
    ----------
    .. [1] Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133. https://doi.org/10.1214/ss/1009213286

    Examples
    --------
    >>> lower, upper = jeffreys([0, 81], [20, 263])
    >>> lower.round(4), upper.round(4)
    (array([0.    , 0.2545]), array([0.1166, 0.3656]))
    """
    r, size, _ = _checked(events, n, ci_prob)
    a = 0.5 * (1.0 - ci_prob)
    lower = np.where(r > 0.0, betaincinv(r + 0.5, size - r + 0.5, a), 0.0)
    return lower, np.where(r < size, betainccinv(r + 0.5, size - r + 0.5, a), 1.0)


def wald(events: npt.ArrayLike, n: npt.ArrayLike, *, ci_prob: float = 0.95) -> Limits:
    """Return the Wald interval of each study's proportion, which is no interval at no events, and at all.

    Parameters
    ----------
    events, n, ci_prob
        As in `clopper_pearson`.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits on the proportion scale, cut at 0 and 1 (as R's DescTools does); both are 0 at no events, and 1 at all
        events.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    p -+ z sqrt(p (1 - p) / n) with p = r / n. It covers the true proportion far less often than it says where n is
    small or p near 0 or 1.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 857-872.
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E

    Examples
    --------
    >>> lower, upper = wald([0, 81], [20, 263])
    >>> lower.round(4), upper.round(4)
    (array([0.    , 0.2522]), array([0.    , 0.3638]))
    """
    return _wald(*_checked(events, n, ci_prob))


STUDY_INTERVALS: Final[Mapping[str, StudyInterval]] = MappingProxyType(
    {
        record.code: record
        for record in (
            StudyInterval(DEFAULT_STUDY_INTERVAL, "exact (Clopper-Pearson)", clopper_pearson),
            StudyInterval("wilson", "Wilson", wilson),
            StudyInterval("agresti-coull", "Agresti-Coull", agresti_coull),
            StudyInterval("jeffreys", "Jeffreys", jeffreys),
            StudyInterval("wald", "Wald", wald),
        )
    }
)
"""The intervals of single proportions by code, the default first."""


def study_interval_record(code: object) -> StudyInterval:
    """Return the interval of a code, or raise `SpecError` that lists them."""
    if not isinstance(code, str) or code not in STUDY_INTERVALS:
        raise SpecError(unknown_name("study_interval", code, STUDY_INTERVALS))
    return STUDY_INTERVALS[code]


def _checked(events: npt.ArrayLike, n: npt.ArrayLike, ci_prob: float) -> tuple[FloatArray, FloatArray, float]:
    """Return the counts, and the quantile of the normal distribution."""
    return *counts_of(events, n), float(ndtri(0.5 + 0.5 * check_probability("ci_prob", ci_prob)))


def _wald(r: FloatArray, size: FloatArray, z: float) -> Limits:
    p = r / size
    half = z * np.sqrt(p * ((size - r) / size) / size)
    return np.maximum(p - half, 0.0), np.minimum(p + half, 1.0)
