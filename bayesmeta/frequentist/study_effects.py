"""What is known of each study's own effect if (mu, tau) are their maximum-likelihood estimates: empirical Bayes."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.frequentist.concave import falling_root
from bayesmeta.frequentist.glmm_found import EffectLikelihoods, Found
from bayesmeta.frequentist.glmm_models import StudyTerms
from bayesmeta.frequentist.likelihood_limits import FAR
from bayesmeta.frequentist.slopes import ORDER_8, STEP

NODES: Final = 2001  # of the trapezoid rule: a hundredth of an SD apart
REACH: Final = 10.0  # SDs on either side; the densities fall as fast as those of a normal distribution
CLOSE: Final = 1e-10  # of an estimate, in SDs


@final
@dataclass(frozen=True, eq=False)
class OwnEstimates:
    """Each study's own maximum of the likelihood.

    Parameters
    ----------
    theta, variance : array, shape (k,)
        The effect, and the inverse of the curvature there; inf where the likelihood rises for ever.
    log_likelihood : array, shape (k,)
        Its height, or the limit.
    """

    theta: FloatArray
    variance: FloatArray
    log_likelihood: FloatArray


def own_estimates(terms: StudyTerms) -> OwnEstimates:
    """Return the maximum-likelihood estimate of each study by itself: the saturated model."""
    left, right = terms.limits()
    inner = np.flatnonzero(~(left | right))
    theta, variance, height = np.where(left, -np.inf, np.inf), np.full(terms.k, np.inf), np.empty(terms.k)
    if inner.size < terms.k:
        outer = np.flatnonzero(left | right)
        height[outer] = terms.take(outer).log_likelihood_at(np.where(left[outer], -FAR, FAR))
    if inner.size:
        theta[inner], variance[inner], height[inner] = _peaks(terms.take(inner))
    return OwnEstimates(theta, variance, height)


def _peaks(terms: StudyTerms) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return place, inverse curvature and height of likelihoods that decay on both sides, shape (k,) each."""
    centre, variance = terms.rough()
    sd = np.sqrt(variance)
    step = STEP * sd

    def slope(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        values = terms.log_likelihood_at(theta[:, None] + step[:, None] * ORDER_8.offsets)
        return values @ ORDER_8.first / step, values @ ORDER_8.second / step**2

    theta = falling_root(slope, centre, longest=3.0 * sd, tolerance=CLOSE * sd)
    return theta, -1.0 / slope(theta)[1], terms.log_likelihood_at(theta)


def theta_table(terms: EffectLikelihoods, found: Found, used: BoolArray, ci_prob: float) -> pd.DataFrame:
    """Return the distribution of each theta_i given its data, at the estimates of mu and tau.

    Parameters
    ----------
    terms : EffectLikelihoods
        The likelihoods of all k effects.
    found : Found
        The estimates.
    used : array of bool, shape (k,)
        Which studies say something of the effect; ``found`` has been made of them.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        A row per study: mean sd median lower upper weight shrinkage numerical_error; link scale.
    """
    information, weight = np.zeros((2, terms.k))
    information[used], weight[used] = -found.slopes.mu_mu, found.mu_information
    score = np.zeros(terms.k)
    score[used] = found.slopes.mu
    tau2 = found.tau**2
    shrinkage = 1.0 - tau2 * information
    if found.tau == 0.0:
        rows = np.tile([found.mu, 0.0, found.mu, found.mu, found.mu, found.numerical_error], (terms.k, 1))
    else:
        # Tweedie's formula; exact, but for rounding where tau is large
        guess = found.mu + tau2 * score, np.sqrt(tau2 * shrinkage)
        rows = _integrated(terms, found, *guess, ci_prob)
    frame = pd.DataFrame(rows, columns=["mean", "sd", "median", "lower", "upper", "numerical_error"])
    frame.insert(5, "weight", weight / weight.sum())
    frame.insert(6, "shrinkage", shrinkage)
    return frame


def _integrated(terms: EffectLikelihoods, found: Found, mean: FloatArray, sd: FloatArray, ci_prob: float) -> FloatArray:
    """Return mean, sd, median, lower, upper and the difference of two resolutions, shape (k, 6)."""
    theta = mean[:, None] + sd[:, None] * np.linspace(-REACH, REACH, NODES)
    log_density = terms.log_likelihood_at(theta) - 0.5 * ((theta - found.mu) / found.tau) ** 2
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    both = [
        np.array([_numbers(x[::every], f[::every], ci_prob) for x, f in zip(theta, density, strict=True)])
        for every in (1, 2)
    ]
    error = np.abs(both[0] - both[1]).max(axis=1) + found.numerical_error
    return np.column_stack([both[0], error])


def _numbers(theta: FloatArray, density: FloatArray, ci_prob: float) -> list[float]:
    """Return mean, SD, median and limits of a density known at equal steps, up to a factor."""
    from scipy.interpolate import CubicSpline
    from scipy.optimize import brentq

    share = density / density.sum()
    mean = float(share @ theta)
    sd = float(np.sqrt(share @ (theta - mean) ** 2))
    cdf = CubicSpline(theta, density).antiderivative()
    total = float(cdf(theta[-1]))
    tail = 0.5 - 0.5 * ci_prob
    quantiles = [brentq(lambda x, p=p: cdf(x) - p * total, theta[0], theta[-1]) for p in (0.5, tail, 1.0 - tail)]
    return [mean, sd, *map(float, quantiles)]
