"""Where does a function of tau2 that defines an estimator vanish? Bracketed roots for many meta-analyses at once."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.frequentist.linear import Projection

SCAN: Final = 64
"""Values of tau2 at which the slope of the likelihood is looked at, for it may have several maxima."""
SMALLEST_STEP: Final = 1e-4
"""The first of them, in units of the smallest sampling variance."""


def root_of_q(y: FloatArray, variance: FloatArray, x: FloatArray, target: float) -> FloatArray:
    """Return the tau2 at which the weighted residual sum of squares equals ``target``, or 0 if it is less at 0.

    Parameters
    ----------
    y, variance : array, shape (..., k)
        Observed effects and their sampling variances.
    x : array, shape (k, p)
        Design matrix.
    target : float
        Positive.

    Returns
    -------
    array, shape (...)

    Notes
    -----
    y'Py falls with tau2, and is at most RSS / tau2 with RSS that of unweighted least squares, so that the root lies
    between 0 and RSS / target.
    """
    shape = y.shape[:-1]
    ys, vs = (np.reshape(a, (-1, y.shape[-1])) for a in np.broadcast_arrays(y, variance))
    highest = Projection(x, np.ones_like(ys)).quadratic(ys) / target
    index = np.flatnonzero(Projection(x, 1.0 / vs).quadratic(ys) > target)

    def excess(tau2: FloatArray, at: IntArray) -> FloatArray:
        return Projection(x, 1.0 / (vs[at] + tau2[..., None])).quadratic(ys[at]) - target

    out = np.zeros(len(ys))
    out[index] = _roots(excess, np.zeros(index.size), highest[index] * (1.0 + 1e-12), index)
    return out.reshape(shape)


def largest_likelihood(y: FloatArray, variance: FloatArray, x: FloatArray, *, restricted: bool) -> FloatArray:
    """Return the tau2 >= 0 at which the (restricted) likelihood is largest.

    Parameters
    ----------
    y, variance : array, shape (..., k)
        Observed effects and their sampling variances.
    x : array, shape (k, p)
        Design matrix.
    restricted : bool
        Whether the coefficients are integrated out (REML) or maximised (ML).

    Returns
    -------
    array, shape (...)

    Notes
    -----
    The slope is negative above RSS / (k - p) + max(variance). Below, its sign is scanned at `SCAN` values, equally
    spaced in log tau2; each change from rising to falling is refined, and the best of these maxima and of 0 is
    returned. So a second maximum, which stops Fisher scoring at the wrong one, is seen.
    """
    shape = y.shape[:-1]
    ys, vs = (np.reshape(a, (-1, y.shape[-1])) for a in np.broadcast_arrays(y, variance))
    plain = Projection(x, np.ones_like(ys))
    highest = plain.quadratic(ys) / plain.df + vs.max(axis=-1)
    tau2 = np.geomspace(np.minimum(SMALLEST_STEP * vs.min(axis=-1), 0.5 * highest), highest, SCAN - 1)
    tau2 = np.concatenate([np.zeros((1, len(ys))), tau2])

    def slope(at_tau2: FloatArray, at: IntArray) -> FloatArray:
        fit = Projection(x, 1.0 / (vs[at] + at_tau2[..., None]))
        lost = fit.trace() if restricted else fit.w.sum(axis=-1)
        return np.asarray(((fit.w * fit.residuals(ys[at])) ** 2).sum(axis=-1) - lost)

    everyone = np.arange(len(ys))
    rising = np.stack([slope(row, everyone) > 0.0 for row in tau2])
    cell, index = np.nonzero(rising[:-1] & ~rising[1:])
    found = _roots(slope, tau2[cell, index], tau2[cell + 1, index], index)
    return _best(ys, vs, x, found, index, restricted=restricted).reshape(shape)


def log_likelihood(
    tau2: FloatArray, y: FloatArray, variance: FloatArray, x: FloatArray, *, restricted: bool
) -> FloatArray:
    """Return the log (restricted) likelihood of tau2, with beta at its best, shape (...).

    -1/2 [ (k - p') log 2 pi + sum log(se^2 + tau2) + y'Py + (restricted) log det X'WX - log det X'X ], with p' = p if
    restricted and 0 if not; the last term is metafor's convention (``REMLf=TRUE``), which makes it free of X's units.
    """
    fit = Projection(x, 1.0 / (variance + np.asarray(tau2)[..., None]))
    total = -np.log(fit.w).sum(axis=-1) + fit.quadratic(y)
    size = x.shape[0]
    if restricted:
        size -= x.shape[1]
        total = total + fit.log_determinant() - np.linalg.slogdet(x.T @ x)[1]
    return np.asarray(-0.5 * (size * np.log(2.0 * np.pi) + total))


def _best(
    ys: FloatArray, vs: FloatArray, x: FloatArray, found: FloatArray, index: IntArray, *, restricted: bool
) -> FloatArray:
    """Return for each meta-analysis the candidate (or 0) with the largest likelihood, shape (B,)."""
    best = np.zeros(len(ys))
    largest = log_likelihood(best, ys, vs, x, restricted=restricted)
    height = log_likelihood(found, ys[index], vs[index], x, restricted=restricted)
    for i, tau2, value in zip(index, found, height, strict=True):
        if value > largest[i]:
            best[i], largest[i] = tau2, value
    return best


def _roots(
    function: Callable[[FloatArray, IntArray], FloatArray], low: FloatArray, high: FloatArray, index: IntArray
) -> FloatArray:
    """Return a root in each bracket [low, high], shape (R,); ``index`` (R,) says which meta-analysis it is of."""
    from scipy.optimize import elementwise  # loads much

    if index.size == 0:
        return np.empty(0)

    result = elementwise.find_root(function, (low, high), args=(index,), maxiter=500)
    return np.asarray(result.x)
