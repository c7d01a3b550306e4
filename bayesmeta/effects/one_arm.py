"""What do ``events`` out of ``n`` say about a study's proportion: interval, effect, standard error?"""

import numpy as np
import numpy.typing as npt
from scipy.special import betainccinv, betaincinv

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import check_probability, unknown_name
from bayesmeta.effects.counts import add_to_cells, counts_of, refuse_empty_cells
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.errors import SpecError

Z_95 = 1.959963984540054
"""The 0.975 quantile of the standard normal: half the width of a 95 % interval in standard errors."""

PROPORTION_VARIANCES = ("wald", "exact-ci")


def clopper_pearson(events: npt.ArrayLike, n: npt.ArrayLike, *, ci_prob: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the exact (Clopper-Pearson) interval of each study's proportion.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Patients with the event, and patients; ``0 <= events <= n`` and ``n > 0``.
    ci_prob : float
        Coverage probability, strictly between 0 and 1.

    Returns
    -------
    lower, upper : numpy.ndarray, shape (k,)
        Limits on the proportion scale; ``lower`` is 0 at no events, ``upper`` is 1 at all events.

    Raises
    ------
    DataError
        If the counts are not finite or not within ``0 <= events <= n``, ``n > 0``.
    SpecError
        If `ci_prob` is not a probability.

    Notes
    -----
    With a = (1 - ci_prob) / 2 the limits are the a quantile of Beta(r, n - r + 1) and the 1 - a quantile of
    Beta(r + 1, n - r): all proportions that neither one-sided binomial test at level a rejects.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26, 404-413. https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    >>> lower, upper = clopper_pearson([18, 4], [18, 5])
    >>> lower.round(3), upper.round(3)
    (array([0.815, 0.284]), array([1.   , 0.995]))
    """
    r, size = counts_of(events, n)
    return _clopper_pearson(r, size, (1.0 - check_probability("ci_prob", ci_prob)) / 2.0)


def logit_proportion(events: npt.ArrayLike, n: npt.ArrayLike, *, add: float = 0.5, to: str = "only0") -> EffectSizes:
    """Return each study's log odds and its standard error (measure PLO).

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Patients with the event, and patients; ``0 <= events <= n`` and ``n > 0``.
    add : float
        Constant added to both cells (events, and n - events) of the studies that `to` selects.
    to : {"only0", "all", "if0all", "none"}
        Studies that get `add`: those with an empty cell; all; all if any study has an empty cell; none.

    Returns
    -------
    EffectSizes
        Logit scale.

    Raises
    ------
    DataError
        If the counts are impossible, or a study keeps an empty cell, where the log odds are infinite.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = log(r / (n - r)), se^2 = 1 / r + 1 / (n - r), after the correction (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> logit_proportion([18, 9], [18, 18]).y.round(4)
    array([3.6109, 0.    ])
    """
    r, size = counts_of(events, n)
    r, size, corrected = add_to_cells(r, size, add, to)
    refuse_empty_cells(r, size, "the log odds are infinite")
    y, se = _log_odds(r, size)
    return EffectSizes(y, se, corrected)


def log_proportion(events: npt.ArrayLike, n: npt.ArrayLike, *, add: float = 0.5, to: str = "only0") -> EffectSizes:
    """Return the log of each study's proportion and its standard error (measure PLN).

    Parameters
    ----------
    events, n, add, to
        As in `logit_proportion`.

    Returns
    -------
    EffectSizes
        Log scale, up to 0.

    Raises
    ------
    DataError
        If the counts are impossible, or a study keeps an empty cell: without events the log is infinite, with events
        only its variance is zero.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = log(r / n), se^2 = 1 / r - 1 / n, after the correction (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> log_proportion([0, 9], [18, 18]).y.round(4)
    array([-3.6376, -0.6931])
    """
    r, size = counts_of(events, n)
    r, size, corrected = add_to_cells(r, size, add, to)
    refuse_empty_cells(r, size, "the log of the proportion is infinite or has no variance")
    return EffectSizes(np.log(r / size), np.sqrt((size - r) / size / r), corrected)


def raw_proportion(
    events: npt.ArrayLike, n: npt.ArrayLike, *, variance: str = "wald", add: float = 0.5, to: str = "only0"
) -> EffectSizes:
    """Return each study's raw proportion and its standard error (measure PR).

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Patients with the event, and patients; ``0 <= events <= n`` and ``n > 0``.
    variance : {"wald", "exact-ci"}
        ``"wald"``: p (1 - p) / n. ``"exact-ci"``: from the width of the exact 95 % interval, as Stata's
        ``metan es lower upper`` has it; `add` and `to` are not used then, since nothing needs a correction.
    add, to
        The rule for empty cells, as in `logit_proportion`.

    Returns
    -------
    EffectSizes
        Proportion scale.

    Raises
    ------
    DataError
        If the counts are impossible, or a study keeps an empty cell, where the Wald variance is zero.
    SpecError
        If `variance`, `add` or `to` is not allowed.

    Notes
    -----
    Wald: y = r / n, se^2 = y (1 - y) / n, after the correction, which changes y as well (as in metafor's
    ``escalc``: 18/18 enters as 18.5/19). Exact-ci: y = r / n, se = (upper - lower) / (2 x 1.959964) of the
    unrounded Clopper-Pearson 95 % interval, so that r = 0 and r = n are no special cases.

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> raw_proportion([18, 9], [18, 18], variance="exact-ci").se.round(4)
    array([0.0473, 0.1224])
    """
    if variance not in PROPORTION_VARIANCES:
        raise SpecError(unknown_name("variance", variance, PROPORTION_VARIANCES))
    r, size = counts_of(events, n)
    if variance == "exact-ci":
        lower, upper = _clopper_pearson(r, size, 0.025)
        return EffectSizes(r / size, (upper - lower) / (2.0 * Z_95), np.zeros(r.shape, dtype=np.bool_))
    r, size, corrected = add_to_cells(r, size, add, to)
    refuse_empty_cells(r, size, "the Wald variance is zero")
    y = r / size
    return EffectSizes(y, np.sqrt(y * (1.0 - y) / size), corrected)


def _log_odds(r: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.log(r / (size - r)), np.sqrt(1.0 / r + 1.0 / (size - r))


def _clopper_pearson(r: FloatArray, size: FloatArray, a: float) -> tuple[FloatArray, FloatArray]:
    some, not_all = r > 0.0, r < size
    lower = np.where(some, betaincinv(np.where(some, r, 1.0), size - r + 1.0, a), 0.0)
    upper = np.where(not_all, betainccinv(r + 1.0, np.where(not_all, size - r, 1.0), a), 1.0)
    return lower, upper
