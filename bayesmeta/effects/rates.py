"""What do the events in a person-time say: the rate of one arm, or how the rates of two arms compare?"""

import numpy as np
import numpy.typing as npt
from scipy.special import gammainccinv, gammaincinv

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta._validate import check_probability
from bayesmeta.effects.sizes import (
    EffectSizes,
    columns_of,
    corrected_studies,
    has_empty_cell,
    refuse_impossible,
    refuse_undefined,
)


def garwood(events: npt.ArrayLike, time: npt.ArrayLike, *, ci_prob: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the exact (Garwood) interval of each study's incidence rate.

    Parameters
    ----------
    events, time : array_like, shape (k,)
        Events, and the person-time in which they happened; ``events >= 0`` and ``time > 0``.
    ci_prob : float
        Coverage probability, strictly between 0 and 1.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits, events per unit of `time`; ``lower`` is 0 at no events.

    Raises
    ------
    DataError
        If the data are impossible.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    With a = (1 - ci_prob) / 2 the limits are, over t, the a quantile of Gamma(x, 1) and the 1 - a quantile of
    Gamma(x + 1, 1): all rates that neither one-sided Poisson test at level a rejects.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442. https://doi.org/10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> lower, upper = garwood([0, 7], [10, 10])
    >>> lower.round(3), upper.round(3)
    (array([0.   , 0.281]), array([0.369, 1.442]))
    """
    (x, t), _, _ = _rates({"events": events, "time": time}, 0.0, "none")
    a = (1.0 - check_probability("ci_prob", ci_prob)) / 2.0
    lower = np.where(x > 0.0, gammaincinv(np.where(x > 0.0, x, 1.0), a), 0.0)
    return lower / t, gammainccinv(x + 1.0, a) / t


def log_rate(events: npt.ArrayLike, time: npt.ArrayLike, *, add: float = 0.5, to: str = "only0") -> EffectSizes:
    """Return each study's log incidence rate and its standard error (measure IRLN).

    Parameters
    ----------
    events, time : array_like, shape (k,)
        Events, and the person-time in which they happened; ``events >= 0`` and ``time > 0``.
    add : float
        Constant added to the events of the studies that `to` selects.
    to : {"only0", "all", "if0all", "none"}
        Studies that get `add`: those without events; all; all if any study has none; none.

    Returns
    -------
    EffectSizes
        Log scale, per unit of `time`.

    Raises
    ------
    DataError
        If the data are impossible, or a study is left without events, where the log rate is infinite.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = log(x / t), se^2 = 1 / x, after the correction (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> log_rate([7], [1344]).y.round(4)
    array([-5.2575])
    """
    (x, t), corrected, given = _rates({"events": events, "time": time}, add, to)
    refuse_undefined(x == 0.0, given, "the log rate is infinite")
    return EffectSizes(np.log(x / t), np.sqrt(1.0 / x), corrected)


def raw_rate(events: npt.ArrayLike, time: npt.ArrayLike, *, add: float = 0.5, to: str = "only0") -> EffectSizes:
    """Return each study's incidence rate and its standard error (measure IR).

    Parameters
    ----------
    events, time, add, to
        As in `log_rate`.

    Returns
    -------
    EffectSizes
        Events per unit of `time`.

    Raises
    ------
    DataError
        If the data are impossible, or a study is left without events, where the variance is zero.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = x / t, se^2 = x / t^2, after the correction, which changes y as well (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> raw_rate([7], [1400]).y
    array([0.005])
    """
    (x, t), corrected, given = _rates({"events": events, "time": time}, add, to)
    refuse_undefined(x == 0.0, given, "the variance of the rate is zero")
    return EffectSizes(x / t, np.sqrt(x) / t, corrected)


def rate_ratio(
    events_treatment: npt.ArrayLike,
    time_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    time_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's log ratio of incidence rates and its standard error (measure IRR).

    Parameters
    ----------
    events_treatment, time_treatment, events_control, time_control : array_like, shape (k,)
        Events and person-time of each arm; ``events >= 0`` and ``time > 0``.
    add, to
        As in `log_rate`; a study that is selected has `add` added to the events of both arms.

    Returns
    -------
    EffectSizes
        Log scale; above 0 where the rate is higher with treatment.

    Raises
    ------
    DataError
        If the data are impossible, or an arm is left without events, where the log ratio is infinite.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = log((x / t) / (x' / t')), se^2 = 1/x + 1/x', after the correction (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> rate_ratio([7], [1344], [11], [1988]).y.round(4)
    array([-0.0605])
    """
    given = _two_arms(events_treatment, time_treatment, events_control, time_control)
    (x, t, x_control, t_control), corrected, data = _rates(given, add, to)
    refuse_undefined((x == 0.0) | (x_control == 0.0), data, "the log rate ratio is infinite")
    y = np.log(x / t) - np.log(x_control / t_control)
    return EffectSizes(y, np.sqrt(1.0 / x + 1.0 / x_control), corrected)


def rate_difference(
    events_treatment: npt.ArrayLike,
    time_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    time_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's difference of incidence rates and its standard error (measure IRD).

    Parameters
    ----------
    events_treatment, time_treatment, events_control, time_control, add, to
        As in `rate_ratio`.

    Returns
    -------
    EffectSizes
        Events per unit of time; above 0 where the rate is higher with treatment.

    Raises
    ------
    DataError
        If the data are impossible, or both arms are left without events, where the variance is zero.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = x / t - x' / t', se^2 = x / t^2 + x' / t'^2, after the correction (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> rate_difference([7], [1400], [11], [2200]).y
    array([0.])
    """
    given = _two_arms(events_treatment, time_treatment, events_control, time_control)
    (x, t, x_control, t_control), corrected, data = _rates(given, add, to)
    refuse_undefined((x == 0.0) & (x_control == 0.0), data, "the variance of the rate difference is zero")
    variance = x / t / t + x_control / t_control / t_control
    return EffectSizes(x / t - x_control / t_control, np.sqrt(variance), corrected)


def _two_arms(
    events_treatment: npt.ArrayLike,
    time_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    time_control: npt.ArrayLike,
) -> dict[str, npt.ArrayLike]:
    return {
        "events_treatment": events_treatment,
        "time_treatment": time_treatment,
        "events_control": events_control,
        "time_control": time_control,
    }


def _rates(
    values: dict[str, npt.ArrayLike], add: float, to: str
) -> tuple[tuple[FloatArray, ...], BoolArray, dict[str, FloatArray]]:
    """Return events (corrected) and time of each arm in turn, which studies were corrected, and what was given."""
    given = columns_of(values)
    arrays = list(given.values())
    events, times = arrays[::2], arrays[1::2]
    good = np.ones(arrays[0].shape, dtype=np.bool_)
    for x, t in zip(events, times, strict=True):
        good &= np.isfinite(x) & np.isfinite(t) & (x >= 0.0) & (t > 0.0)
    refuse_impossible(good, given, "events >= 0, time > 0, both finite")
    corrected = corrected_studies(has_empty_cell(given), add=add, to=to)
    counted = [array + add * corrected if i % 2 == 0 else array for i, array in enumerate(arrays)]
    return tuple(counted), corrected, given
