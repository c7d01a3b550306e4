"""What is the inverse-variance weighted mean of the study effects, and how precise is it.

All functions work along the last axis, so that leading axes may hold many meta-analyses at once.
"""

import numpy as np

from bayesmeta._arrays import FloatArray


def precision(se: FloatArray, tau2: FloatArray | float = 0.0) -> FloatArray:
    """Return the inverse of each study's total variance.

    Parameters
    ----------
    se : ndarray, shape (..., k)
        Standard errors, link scale; positive.
    tau2 : ndarray, shape (...), or float
        Between-study variance, squared link scale.

    Returns
    -------
    ndarray, shape (..., k)
        ``w_i = 1 / (se_i**2 + tau2)``.
    """
    return np.asarray(1.0 / (se * se + np.asarray(tau2)[..., np.newaxis]))


def normalised_weights(se: FloatArray, tau2: FloatArray | float = 0.0) -> FloatArray:
    """Return the inverse-variance weights, which sum to 1.

    Parameters
    ----------
    se : ndarray, shape (..., k)
        Standard errors, link scale; positive.
    tau2 : ndarray, shape (...), or float
        Between-study variance, squared link scale.

    Returns
    -------
    ndarray, shape (..., k)
        ``w_i / sum(w)`` with ``w_i = 1 / (se_i**2 + tau2)``.
    """
    w = precision(se, tau2)
    return np.asarray(w / w.sum(axis=-1, keepdims=True))


def pooled_mean(y: FloatArray, se: FloatArray, tau2: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Return the weighted mean of the study effects and its Wald standard error.

    Parameters
    ----------
    y : ndarray, shape (..., k)
        Observed effects, link scale.
    se : ndarray, shape (..., k)
        Their standard errors, link scale; positive.
    tau2 : ndarray, shape (...), or float
        Between-study variance, squared link scale.

    Returns
    -------
    mu, se_mu : ndarray, shape (...)
        Link scale.

    Notes
    -----
    ``mu = sum(w_i y_i) / sum(w_i)`` and ``se_mu = sum(w_i)**(-1/2)`` with ``w_i = 1 / (se_i**2 + tau2)``
    (DerSimonian and Laird 1986, section 3 [1]_). ``tau2`` is taken as known, which is what makes the Wald
    interval too short for few studies.

    References
    ----------
    .. [1] R. DerSimonian, N. Laird. Meta-analysis in clinical trials. Controlled Clinical Trials 7:177-188,
       1986. doi:10.1016/0197-2456(86)90046-2
    """
    mu = (normalised_weights(se, tau2) * y).sum(axis=-1)
    return np.asarray(mu), np.asarray(precision(se, tau2).sum(axis=-1) ** -0.5)
