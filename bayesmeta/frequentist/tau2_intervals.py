"""Between which limits does the between-study variance lie: four kinds of confidence interval.

All but `wald` take ``(y, variance, x, ci_prob)``, shapes (k,), (k,), (k, p): x is the design of a meta-regression, a
column of ones for a mean. They return ``(lower, upper)``, squared link scale, cut at 0; both are 0 if every tau2 >= 0
is contradicted: the data vary less than sampling lets expect, and the interval is empty.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.linear import Projection
from bayesmeta.frequentist.quadratic_forms import weighted_chi2_cdf
from bayesmeta.frequentist.tau2_roots import log_likelihood, root_of_q

type Interval = tuple[float, float]

SCAN: Final = 400
"""Values of tau2 at which the likelihood is looked at: it may fall below its limit and come back."""
LARGEST_K: Final = 3000
"""Most studies of the generalised Q: it needs the eigenvalues of a k x k matrix."""


def q_profile(y: FloatArray, variance: FloatArray, x: FloatArray, ci_prob: float) -> Interval:
    """Return the tau2 at which y'Py is a quantile of chi-squared with k - p degrees of freedom [1]_.

    References
    ----------
    .. [1] W. Viechtbauer. Confidence intervals for the amount of heterogeneity in meta-analysis. Statistics in Medicine
       26:37-52, 2007. doi:10.1002/sim.2514
    """
    df, tail = x.shape[0] - x.shape[1], 0.5 - 0.5 * ci_prob
    lower, upper = (float(root_of_q(y, variance, x, float(special.chdtri(df, p)))) for p in (tail, 1.0 - tail))
    return lower, upper


def generalised_q(
    y: FloatArray, variance: FloatArray, x: FloatArray, ci_prob: float, *, power: float = 1.0
) -> Interval:
    """Return the tau2 at which the generalised Q is a quantile of its own distribution [1]_.

    Parameters
    ----------
    y, variance, x, ci_prob
        As for the others.
    power : float
        Weights are ``variance ** -power``: 1 for Q itself, exact where DerSimonian-Laird is at its best, near tau2 = 0;
        1 / 2 for less variable limits where tau2 may be large.

    Returns
    -------
    lower, upper : float

    Raises
    ------
    SpecError
        If there are more than `LARGEST_K` studies.

    Notes
    -----
    Q = y'Py, P the projection at fixed weights, is distributed as the sum of lambda_i Z_i^2, lambda the positive
    eigenvalues of S^(1/2) P S^(1/2) and S = diag(variance + tau2). P(Q <= q) falls with tau2.

    References
    ----------
    .. [1] D. Jackson. Confidence intervals for the between-study variance in random effects meta-analysis using
       generalised Cochran heterogeneity statistics. Research Synthesis Methods 4:220-229, 2013. doi:10.1002/jrsm.1081
    """
    if len(y) > LARGEST_K:
        raise SpecError(
            f"the generalised Q takes up to {LARGEST_K} studies, and there are {len(y)}; use method='q-profile'."
        )
    unit = float(np.median(variance))
    cdf = _GeneralisedQ(y / np.sqrt(unit), variance / unit, x, power)
    tail = 0.5 - 0.5 * ci_prob
    return unit * cdf.tau2_at(1.0 - tail), unit * cdf.tau2_at(tail)


class _GeneralisedQ:
    """P(Q <= what was observed) as a function of tau2."""

    def __init__(self, y: FloatArray, variance: FloatArray, x: FloatArray, power: float) -> None:
        fit = Projection(x, variance**-power)
        root = np.sqrt(fit.w)
        basis = np.linalg.qr(root[:, np.newaxis] * x)[0]
        self.matrix = root[:, np.newaxis] * (np.eye(len(y)) - basis @ basis.T) * root
        self.q, self.variance, self.df = float(fit.quadratic(y)), variance, fit.df
        self.scale = float(fit.trace())

    def __call__(self, tau2: float) -> float:
        root = np.sqrt(self.variance + tau2)
        eigenvalues = np.linalg.eigvalsh(root[:, np.newaxis] * self.matrix * root)
        return weighted_chi2_cdf(self.q, np.maximum(eigenvalues[-self.df :], 0.0))

    def tau2_at(self, probability: float) -> float:
        """Return the tau2 with this probability, or 0 if there is none."""
        from scipy.optimize import brentq

        if self(0.0) <= probability:
            return 0.0
        high = self.q / self.scale + 1.0
        while self(high) > probability:
            high *= 4.0
        return float(brentq(lambda tau2: self(tau2) - probability, 0.0, high, xtol=1e-13, rtol=1e-12))


def profile_likelihood(
    y: FloatArray, variance: FloatArray, x: FloatArray, ci_prob: float, *, tau2: float, restricted: bool
) -> Interval:
    """Return the outermost tau2 whose likelihood is within a quantile of chi-squared (1 df) of the largest [1]_.

    Parameters
    ----------
    y, variance, x, ci_prob
        As for the others.
    tau2 : float
        The estimate of ML, or of REML.
    restricted : bool
        Whether the likelihood is that of REML.

    Returns
    -------
    lower, upper : float
        Around ``tau2``, so that the interval is never empty.

    References
    ----------
    .. [1] R. J. Hardy, S. G. Thompson. A likelihood approach to meta-analysis with random effects. Statistics in
       Medicine 15:619-629, 1996. doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A
    """
    best = _log_likelihoods(np.array([tau2]), y, variance, x, restricted)[0]
    allowed = 0.5 * float(special.chdtri(1, 1.0 - ci_prob))

    def excess(at: FloatArray) -> FloatArray:
        return np.asarray(_log_likelihoods(at, y, variance, x, restricted) - best + allowed)

    high = 4.0 * (tau2 + float(variance.max()) + float(np.ptp(y)) ** 2)
    while excess(np.array([high]))[0] > 0.0:
        high *= 4.0
    grid = np.unique(np.r_[0.0, np.geomspace(1e-6 * float(variance.min()), high, SCAN), tau2])
    inside = np.flatnonzero(excess(grid) >= 0.0)
    first, last = int(inside[0]), int(inside[-1])
    lower = 0.0 if first == 0 else _crossing(excess, grid[first - 1], grid[first])
    return lower, _crossing(excess, grid[last], grid[last + 1])


def _crossing(excess: Callable[[FloatArray], FloatArray], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(lambda at: float(excess(np.array([at]))[0]), low, high, xtol=1e-14 * high, rtol=1e-13))


def _log_likelihoods(
    tau2: FloatArray, y: FloatArray, variance: FloatArray, x: FloatArray, restricted: bool
) -> FloatArray:
    """Return the log likelihood at each tau2, shape (T,)."""
    ys, variances = (np.broadcast_to(a, (len(tau2), len(y))) for a in (y, variance))
    return log_likelihood(tau2, ys, variances, x, restricted=restricted)


def wald(tau2: float, se_tau2: float, ci_prob: float) -> Interval:
    """Return tau2 ± z se, cut at 0: for very many studies only, because the estimate is skewed."""
    half = float(special.ndtri(0.5 + 0.5 * ci_prob)) * se_tau2
    return max(0.0, tau2 - half), max(0.0, tau2 + half)
