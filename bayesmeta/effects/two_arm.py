"""What do the events among the patients of two arms say about the effect of treatment: ratio or difference?"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.effects.arcsine import arcsine
from bayesmeta.effects.sizes import (
    EffectSizes,
    columns_of,
    corrected_studies,
    has_empty_cell,
    refuse_impossible,
    refuse_undefined,
)


@final
@dataclass(frozen=True, eq=False)
class _Table:
    """The 2 × 2 tables of k studies after the correction, and what they were before it."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    corrected: BoolArray
    given: dict[str, FloatArray]


def odds_ratio(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's log odds ratio and its standard error (measure OR).

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control : array_like, shape (k,)
        Patients with the event and patients, in each arm; ``0 <= events <= n`` and ``n > 0``.
    add : float
        Constant added to all four cells (events and non-events of both arms) of the studies that `to` selects.
    to : {"only0", "all", "if0all", "none"}
        Studies that get `add`: those with an empty cell; all; all if any study has an empty cell; none.

    Returns
    -------
    EffectSizes
        Log scale; above 0 where the odds of the event are higher with treatment.

    Raises
    ------
    DataError
        If the counts are impossible, or a study keeps an empty cell, where the log odds ratio is infinite.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    With the cells a, b (treatment: events, no events) and c, d (control): y = log(a d / (b c)),
    se^2 = 1/a + 1/b + 1/c + 1/d, after the correction (as in metafor's ``escalc``, with `drop00=FALSE`: a study
    without events, or with events only, in both arms is corrected and kept).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> odds_ratio([4], [123], [11], [139]).y.round(4)
    array([-0.9387])
    """
    t = _table(events_treatment, n_treatment, events_control, n_control, add, to)
    empty = (t.a == 0.0) | (t.b == 0.0) | (t.c == 0.0) | (t.d == 0.0)
    refuse_undefined(empty, t.given, "the log odds ratio is infinite")
    y = np.log(t.a / t.b) - np.log(t.c / t.d)
    return EffectSizes(y, np.sqrt(1.0 / t.a + 1.0 / t.b + 1.0 / t.c + 1.0 / t.d), t.corrected)


def risk_ratio(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's log risk ratio and its standard error (measure RR).

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control, add, to
        As in `odds_ratio`.

    Returns
    -------
    EffectSizes
        Log scale; above 0 where the risk of the event is higher with treatment.

    Raises
    ------
    DataError
        If the counts are impossible, or a study keeps an arm without events, where the log risk ratio is infinite,
        or has events only, where its variance is zero.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    With p = a / (a + b) and q = c / (c + d): y = log(p / q), se^2 = (1 - p)/a + (1 - q)/c = 1/a - 1/(a + b) + 1/c -
    1/(c + d), after the correction, which adds to all four cells and so twice to each n (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> risk_ratio([4], [123], [11], [139]).y.round(4)
    array([-0.8893])
    """
    t = _table(events_treatment, n_treatment, events_control, n_control, add, to)
    refuse_undefined((t.a == 0.0) | (t.c == 0.0), t.given, "the log risk ratio is infinite")
    refuse_undefined((t.b == 0.0) & (t.d == 0.0), t.given, "the variance of the log risk ratio is zero")
    n, m = t.a + t.b, t.c + t.d
    return EffectSizes(np.log(t.a / n) - np.log(t.c / m), np.sqrt(t.b / n / t.a + t.d / m / t.c), t.corrected)


def risk_difference(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's risk difference and its standard error (measure RD).

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control, add, to
        As in `odds_ratio`.

    Returns
    -------
    EffectSizes
        Difference of proportions; above 0 where the risk of the event is higher with treatment.

    Raises
    ------
    DataError
        If the counts are impossible, or both arms of a study keep an empty cell, where the variance is zero.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    With p = a / (a + b) and q = c / (c + d): y = p - q, se^2 = p (1 - p) / (a + b) + q (1 - q) / (c + d), after the
    correction, which changes y as well (as in metafor's ``escalc``); ``to="none"`` leaves the proportions as they are.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> risk_difference([4], [123], [11], [139]).y.round(4)
    array([-0.0466])
    """
    t = _table(events_treatment, n_treatment, events_control, n_control, add, to)
    no_variance = ((t.a == 0.0) | (t.b == 0.0)) & ((t.c == 0.0) | (t.d == 0.0))
    refuse_undefined(no_variance, t.given, "the variance of the risk difference is zero")
    n, m = t.a + t.b, t.c + t.d
    return EffectSizes(t.a / n - t.c / m, np.sqrt(t.a / n * (t.b / n) / n + t.c / m * (t.d / m) / m), t.corrected)


def arcsine_difference(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    *,
    add: float = 0.0,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's difference of arcsine-transformed risks and its standard error (measure AS).

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control, to
        As in `odds_ratio`.
    add : float
        Constant added to all four cells of the studies that `to` selects: none by default, because none is needed.

    Returns
    -------
    EffectSizes
        Difference in radians; above 0 where the risk of the event is higher with treatment.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = arcsin(sqrt(p)) - arcsin(sqrt(q)), se^2 = 1 / (4 (a + b)) + 1 / (4 (c + d)) (as in metafor's ``escalc``); the
    symbols are those of `risk_difference`. It has no natural scale of its own.

    References
    ----------
    Rücker, Schwarzer, Carpenter and Olkin (2009), Statistics in Medicine 28, 721-738. https://doi.org/10.1002/sim.3511

    Examples
    --------
    >>> arcsine_difference([0], [10], [4], [11]).y.round(4)
    array([-0.6473])
    """
    t = _table(events_treatment, n_treatment, events_control, n_control, add, to)
    n, m = t.a + t.b, t.c + t.d
    return EffectSizes(arcsine(t.a / n) - arcsine(t.c / m), np.sqrt(0.25 / n + 0.25 / m), t.corrected)


def peto_odds_ratio(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    *,
    add: float = 0.5,
    to: str = "only0",
) -> EffectSizes:
    """Return each study's log odds ratio by Peto's one-step method and its standard error (measure PETO).

    Parameters
    ----------
    events_treatment, n_treatment, events_control, n_control, add, to
        As in `odds_ratio`.

    Returns
    -------
    EffectSizes
        Log scale; above 0 where the odds of the event are higher with treatment.

    Raises
    ------
    DataError
        If the counts are impossible, or a study is left without events, or with nothing else, in both arms, which
        says nothing of the odds ratio.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = (a - E) / V, se^2 = 1 / V, where E = n e / N and V = n m e (N - e) / (N^2 (N - 1)) are the hypergeometric mean
    and variance of a, given e events among the N = n + m patients. One empty cell needs no correction; metafor's
    ``escalc`` corrects it all the same, and so does this by default, while Peto's pooling (``method="peto"``) does not.

    References
    ----------
    Yusuf, Peto, Lewis, Collins and Sleight (1985), Progress in Cardiovascular Diseases 27, 335-371.
    https://doi.org/10.1016/S0033-0620(85)80003-7

    Examples
    --------
    >>> peto_odds_ratio([0], [10], [4], [11], add=0).y.round(4)
    array([-2.246])
    """
    t = _table(events_treatment, n_treatment, events_control, n_control, add, to)
    n, m, e = t.a + t.b, t.c + t.d, t.a + t.c
    total = n + m
    refuse_undefined((e == 0.0) | (e == total), t.given, "Peto's log odds ratio does not exist")
    v = n / total * (m / total) * e * (total - e) / (total - 1.0)
    return EffectSizes((t.a - n * e / total) / v, 1.0 / np.sqrt(v), t.corrected)


def _table(
    events_treatment: npt.ArrayLike,
    n_treatment: npt.ArrayLike,
    events_control: npt.ArrayLike,
    n_control: npt.ArrayLike,
    add: float,
    to: str,
) -> _Table:
    """Return the cells with `add` added where `to` says so, or say which study has impossible counts."""
    given = columns_of(
        {
            "events_treatment": events_treatment,
            "n_treatment": n_treatment,
            "events_control": events_control,
            "n_control": n_control,
        }
    )
    a, n, c, m = given.values()
    good = np.isfinite(a) & np.isfinite(n) & (n > 0.0) & (a >= 0.0) & (a <= n)
    good &= np.isfinite(c) & np.isfinite(m) & (m > 0.0) & (c >= 0.0) & (c <= m)
    refuse_impossible(good, given, "0 <= events <= n, n > 0 in both arms")
    corrected = corrected_studies(has_empty_cell(given), add=add, to=to)
    extra = add * corrected
    return _Table(a + extra, n - a + extra, c + extra, m - c + extra, corrected, given)
