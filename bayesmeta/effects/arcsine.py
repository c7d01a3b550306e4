"""What does a proportion look like on the arcsine scales, whose variance hardly depends on it?

Both scales have half the constant that Freeman and Tukey used, as in metafor, so that they run from 0 to pi/2.
"""

import numpy as np
import numpy.typing as npt

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.counts import add_to_cells, counts_of
from bayesmeta.effects.sizes import EffectSizes


def arcsine(p: npt.ArrayLike) -> FloatArray:
    """Return arcsin(sqrt(p)) of proportions, elementwise."""
    return np.asarray(np.arcsin(np.sqrt(np.asarray(p, dtype=np.float64))))


def inverse_arcsine(values: npt.ArrayLike) -> FloatArray:
    """Return sin(x)^2, elementwise; 0 below x = 0 and 1 above x = pi/2, where no proportion lies."""
    return np.asarray(np.sin(np.clip(np.asarray(values, dtype=np.float64), 0.0, np.pi / 2.0)) ** 2)


def double_arcsine(p: npt.ArrayLike, n: npt.ArrayLike = np.inf) -> FloatArray:
    """Return the Freeman-Tukey double arcsine transformation of proportions.

    Parameters
    ----------
    p : array_like
        Proportions.
    n : array_like
        Sample sizes, positive, not necessarily whole; inf is the limit, `arcsine`.

    Returns
    -------
    numpy.ndarray
        ``(arcsin(sqrt(n p / (n + 1))) + arcsin(sqrt((n p + 1) / (n + 1)))) / 2``.

    References
    ----------
    Freeman and Tukey (1950), Annals of Mathematical Statistics 21, 607-611. https://doi.org/10.1214/aoms/1177729756

    Examples
    --------
    >>> double_arcsine(3 / 11, 11).round(4)
    np.float64(0.5695)
    """
    proportion, part = np.asarray(p, dtype=np.float64), 1.0 / np.asarray(n, dtype=np.float64)
    low, high = proportion / (1.0 + part), (proportion + part) / (1.0 + part)
    return np.asarray(0.5 * (np.arcsin(np.sqrt(low)) + np.arcsin(np.sqrt(np.minimum(high, 1.0)))))


def inverse_double_arcsine(values: npt.ArrayLike, n: npt.ArrayLike = np.inf) -> FloatArray:
    """Return the proportions whose double arcsine transformation at sample size n is given.

    Parameters
    ----------
    values : array_like
        On the double arcsine scale.
    n : array_like
        Sample sizes, positive, not necessarily whole; inf is the limit, `inverse_arcsine`.

    Returns
    -------
    numpy.ndarray
        Proportions; 0 below the transformed 0 at this n, and 1 above the transformed 1, where Miller's formula would
        turn round and rise, or fall, again.

    Notes
    -----
    With t = 2 x, s = sin(t) and u = s + (s - 1/s)/n, Miller's inverse is p = (1 - sgn(cos t) sqrt(1 - u^2)) / 2. For
    cos t >= 0 it is computed as p = u^2 / (2 (1 + sqrt(1 - u^2))), else as 1 minus that, with
    1 - u^2 = cos(t)^2 (1 + u) (1/(1 + s) + 1/(s n)): the same, without cancellation near p = 0, 1/2 and 1.

    References
    ----------
    Miller (1978), American Statistician 32, 138. https://doi.org/10.1080/00031305.1978.10479283

    Examples
    --------
    >>> inverse_double_arcsine([0.1, double_arcsine(3 / 11, 11), 1.5], 11).round(4)
    array([0.    , 0.2727, 1.    ])
    """
    x, size = np.asarray(values, dtype=np.float64), np.asarray(n, dtype=np.float64)
    cosine, u, root = _miller(x, size)
    nearer = 0.5 * u**2 / (1.0 + np.abs(cosine) * root)  # to 0 or 1
    outside = (x <= double_arcsine(0.0, size)) | (x >= double_arcsine(1.0, size))
    nearer = np.where(outside, 0.0, nearer)
    return np.asarray(np.where(cosine >= 0.0, nearer, 1.0 - nearer))


def slope_inverse_double_arcsine(values: npt.ArrayLike, n: npt.ArrayLike = np.inf) -> FloatArray:
    """Return the derivative of `inverse_double_arcsine`, 0 outside the range of proportions.

    Notes
    -----
    dp/dx = u (1 + 1/n + 1/(n s^2)) / sqrt((1 + u) (1/(1 + s) + 1/(s n))), the symbols being those of
    `inverse_double_arcsine`.
    """
    x, size = np.asarray(values, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = (x > double_arcsine(0.0, size)) & (x < double_arcsine(1.0, size))
    _, u, root = _miller(x, size)
    s = np.sin(2.0 * np.where(inside, x, np.pi / 4.0))
    return np.asarray(np.where(inside, u * (1.0 + (1.0 + 1.0 / s**2) / size) / root, 0.0))


def _miller(x: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return cos t, u and sqrt((1 + u) (1/(1 + s) + 1/(s n))) at the values, moved into the range of proportions."""
    t = 2.0 * np.clip(x, double_arcsine(0.0, size), double_arcsine(1.0, size))
    s = np.maximum(np.sin(t), np.finfo(np.float64).tiny)  # 0 only at the ends of the limit, n = inf
    u = s + (s - 1.0 / s) / size
    return np.cos(t), u, np.sqrt((1.0 + u) * (1.0 / (1.0 + s) + 1.0 / (s * size)))


def arcsine_proportion(events: npt.ArrayLike, n: npt.ArrayLike, *, add: float = 0.0, to: str = "only0") -> EffectSizes:
    """Return the arcsine of the square root of each study's proportion, and its standard error (measure PAS).

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Patients with the event, and patients; ``0 <= events <= n`` and ``n > 0``.
    add : float
        Constant added to both cells of the studies that `to` selects: none by default, because none is needed.
    to : {"only0", "all", "if0all", "none"}
        Studies that get `add`.

    Returns
    -------
    EffectSizes
        Arcsine scale, from 0 to pi/2.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = arcsin(sqrt(r / n)), se^2 = 1 / (4 n) (as in metafor's ``escalc``).

    References
    ----------
    Viechtbauer (2010), Journal of Statistical Software 36(3). https://doi.org/10.18637/jss.v036.i03

    Examples
    --------
    >>> arcsine_proportion([0, 9], [18, 18]).y.round(4)
    array([0.    , 0.7854])
    """
    r, size, corrected = add_to_cells(*counts_of(events, n), add, to)
    return EffectSizes(arcsine(r / size), np.sqrt(0.25 / size), corrected)


def double_arcsine_proportion(
    events: npt.ArrayLike, n: npt.ArrayLike, *, add: float = 0.0, to: str = "only0"
) -> EffectSizes:
    """Return the Freeman-Tukey double arcsine of each study's proportion, and its standard error (measure PFT).

    Parameters
    ----------
    events, n, add, to
        As in `arcsine_proportion`.

    Returns
    -------
    EffectSizes
        Double arcsine scale: between 0 and pi/2, which it does not reach.

    Raises
    ------
    DataError
        If the counts are impossible.
    SpecError
        If `add` or `to` is not allowed.

    Notes
    -----
    y = (arcsin(sqrt(r / (n + 1))) + arcsin(sqrt((r + 1) / (n + 1)))) / 2, se^2 = 1 / (4 n + 2) (as in metafor's
    ``escalc``). The transformation of one proportion differs between sample sizes, so that a pooled value has no
    proportion of its own [1]_; see ``back_transformation`` of `fit_frequentist`.

    References
    ----------
    .. [1] Schwarzer, Chemaitelly, Abu-Raddad and Rücker (2019), Research Synthesis Methods 10, 476-483.
       https://doi.org/10.1002/jrsm.1348

    Examples
    --------
    >>> double_arcsine_proportion([3, 6, 10, 1], [11, 17, 21, 6]).y.round(4)
    array([0.5695, 0.6444, 0.7626, 0.4758])
    """
    r, size, corrected = add_to_cells(*counts_of(events, n), add, to)
    return EffectSizes(double_arcsine(r / size, size), np.sqrt(1.0 / (4.0 * size + 2.0)), corrected)
