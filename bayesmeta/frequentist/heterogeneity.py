"""How much do the study effects differ beyond chance: Q, I2 and H2.

All functions work along the last axis, so that leading axes may hold many meta-analyses at once.
"""

import numpy as np
from scipy.special import chdtrc

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.pool import precision


def cochran_q(y: FloatArray, se: FloatArray) -> FloatArray:
    """Return Cochran's Q, the weighted sum of squares about the common-effect mean.

    Parameters
    ----------
    y : ndarray, shape (..., k)
        Observed effects, link scale.
    se : ndarray, shape (..., k)
        Their standard errors, link scale; positive.

    Returns
    -------
    ndarray, shape (...)
        ``Q = sum(w_i (y_i - mu)**2)`` with ``w_i = 1 / se_i**2`` and mu their weighted mean [1]_; 0 for one
        study.

    References
    ----------
    .. [1] W. G. Cochran. The combination of estimates from different experiments. Biometrics 10:101-129,
       1954. doi:10.2307/3001666
    """
    w = precision(se)
    mu = (w / w.sum(axis=-1, keepdims=True) * y).sum(axis=-1, keepdims=True)
    return np.asarray((w * (y - mu) ** 2).sum(axis=-1))


def q_pvalue(q: FloatArray | float, df: int) -> FloatArray:
    """Return the upper tail probability of Q under homogeneity.

    Parameters
    ----------
    q : ndarray, shape (...), or float
        Cochran's Q.
    df : int
        Degrees of freedom, k - 1.

    Returns
    -------
    ndarray, shape (...)
        P(chi-squared with ``df`` degrees of freedom > Q); 1 for ``df = 0``, as in metafor.
    """
    return np.asarray(chdtrc(df, q)) if df > 0 else np.ones_like(np.asarray(q, dtype=np.float64))


def typical_variance(se: FloatArray) -> FloatArray:
    """Return the "typical" within-study variance of Higgins and Thompson.

    Parameters
    ----------
    se : ndarray, shape (..., k)
        Standard errors, link scale; positive.

    Returns
    -------
    ndarray, shape (...)
        ``s2 = (k - 1) sum(w) / (sum(w)**2 - sum(w**2))`` with ``w_i = 1 / se_i**2``, equation (9) of [1]_;
        nan for one study, where it is not defined.

    Notes
    -----
    ``sum(w)**2 - sum(w**2)`` is summed as twice the products ``w_i w_j`` over the pairs i < j. Those are all
    positive, so nothing cancels when one study of a million patients stands beside studies of one.

    References
    ----------
    .. [1] J. P. T. Higgins, S. G. Thompson. Quantifying heterogeneity in a meta-analysis. Statistics in
       Medicine 21:1539-1558, 2002. doi:10.1002/sim.1186
    """
    w = precision(se)
    k = w.shape[-1]
    if k == 1:
        return np.full(w.shape[:-1], np.nan)
    pairs = 2.0 * (w[..., 1:] * np.cumsum(w, axis=-1)[..., :-1]).sum(axis=-1)
    return np.asarray((k - 1) * w.sum(axis=-1) / pairs)


def i2_from_q(q: FloatArray | float, df: int) -> FloatArray:
    """Return I2 by its definition from Q, as a fraction.

    Parameters
    ----------
    q : ndarray, shape (...), or float
        Cochran's Q.
    df : int
        Degrees of freedom, k - 1.

    Returns
    -------
    ndarray, shape (...)
        ``max(0, (Q - df) / Q)``, and 0 where Q = 0.
    """
    statistic = np.asarray(q, dtype=np.float64)
    return np.asarray(np.maximum(0.0, statistic - df) / np.where(statistic > 0.0, statistic, 1.0))


def variance_ratio(tau2: FloatArray | float, se: FloatArray) -> FloatArray:
    """Return the between-study over the typical within-study variance.

    Parameters
    ----------
    tau2 : ndarray, shape (...), or float
        Between-study variance, squared link scale.
    se : ndarray, shape (..., k)
        Standard errors, link scale; positive.

    Returns
    -------
    ndarray, shape (...)
        ``r = tau2 / s2`` with s2 the typical variance; 0 for one study. I2 is ``r / (1 + r)`` and H2 ``1 + r``.
    """
    if se.shape[-1] == 1:
        return np.zeros(se.shape[:-1])
    return np.asarray(tau2 / typical_variance(se))


def i2_from_tau2(tau2: FloatArray | float, se: FloatArray) -> FloatArray:
    """Return I2 by its definition from tau2, as a fraction.

    Parameters
    ----------
    tau2, se
        As for `variance_ratio`.

    Returns
    -------
    ndarray, shape (...)
        ``tau2 / (tau2 + s2)`` with s2 the typical variance; 0 for one study. For DerSimonian-Laird it equals
        the definition from Q.
    """
    ratio = variance_ratio(tau2, se)
    return np.asarray(ratio / (1.0 + ratio))


def h2_from_tau2(tau2: FloatArray | float, se: FloatArray) -> FloatArray:
    """Return H2, the total over the within-study variance, of a random-effects model.

    Parameters
    ----------
    tau2, se
        As for `variance_ratio`.

    Returns
    -------
    ndarray, shape (...)
        ``1 + tau2 / s2`` with s2 the typical variance (metafor's H2 for every random-effects estimator); 1
        for one study.
    """
    return np.asarray(1.0 + variance_ratio(tau2, se))


def h2_from_q(q: FloatArray | float, df: int) -> FloatArray:
    """Return H2 of a common-effect model.

    Parameters
    ----------
    q : ndarray, shape (...), or float
        Cochran's Q.
    df : int
        Degrees of freedom, k - 1.

    Returns
    -------
    ndarray, shape (...)
        ``Q / df``, which may lie below 1 (metafor's H2 for method "EE"); 1 for ``df = 0``.
    """
    return np.asarray(np.asarray(q) / df) if df > 0 else np.ones_like(np.asarray(q, dtype=np.float64))
