"""How precise is the pooled mean: its standard error by each kind of confidence interval.

All functions take ``(y, w, tau2, mu)``, shapes (..., k), (..., k), (...), (...), w the inverse variances that weigh the
effects in mu, and return shape (...); leading axes may hold many meta-analyses at once.
"""

import numpy as np

from bayesmeta._arrays import FloatArray


def wald_error(y: FloatArray, w: FloatArray, tau2: FloatArray, mu: FloatArray) -> FloatArray:
    """Return sum(w)^(-1/2), w = 1 / (se^2 + tau2): tau2 is taken as known."""
    return np.asarray(w.sum(axis=-1) ** -0.5)


def variance_factor(y: FloatArray, w: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the factor of Hartung and Knapp, sum(w (y - mu)^2) / (k - 1); nan for one study.

    It is 0 if all effects are equal, which is told from rounding.
    """
    df = y.shape[-1] - 1
    if df == 0:
        return np.full(y.shape[:-1], np.nan)
    factor = (w * (y - mu[..., np.newaxis]) ** 2).sum(axis=-1) / df
    return np.where((y == y[..., :1]).all(axis=-1), 0.0, factor)


def hartung_knapp_error(y: FloatArray, w: FloatArray, tau2: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the Wald standard error times the root of the variance factor [1]_ [2]_; nan where the factor is 0 or nan.

    References
    ----------
    .. [1] J. Hartung, G. Knapp. A refined method for the meta-analysis of controlled clinical trials with binary
       outcome. Statistics in Medicine 20:3875-3889, 2001. doi:10.1002/sim.1009
    .. [2] K. Sidik, J. N. Jonkman. A simple confidence interval for meta-analysis. Statistics in Medicine
       21:3153-3159, 2002. doi:10.1002/sim.1262
    """
    factor = variance_factor(y, w, mu)
    return np.asarray(wald_error(y, w, tau2, mu) * np.sqrt(np.where(factor > 0.0, factor, np.nan)))


def adhoc_error(y: FloatArray, w: FloatArray, tau2: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the standard error of Hartung and Knapp with a variance factor of at least 1 [1]_; nan for one study.

    References
    ----------
    .. [1] G. Knapp, J. Hartung. Improved tests for a random effects meta-regression with a single covariate.
       Statistics in Medicine 22:2693-2710, 2003. doi:10.1002/sim.1482
    """
    return np.asarray(wald_error(y, w, tau2, mu) * np.sqrt(np.maximum(1.0, variance_factor(y, w, mu))))


def common_weights_error(y: FloatArray, w: FloatArray, tau2: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the standard error of the mean with weights w = 1 / se^2 if the effects vary by tau2.

    sqrt(sum(w^2 (se^2 + tau2))) / sum(w) = sqrt(1 + tau2 sum(w^2) / sum(w)) / sqrt(sum(w)).
    """
    total = w.sum(axis=-1)
    return np.asarray(np.sqrt((1.0 + tau2 * ((w / total[..., np.newaxis]) * w).sum(axis=-1)) / total))
