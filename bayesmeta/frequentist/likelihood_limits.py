"""Does the likelihood of (mu, tau) have a maximum at all? Where it goes as mu or tau grow without bound."""

import numpy as np
from scipy.special import xlogy

from bayesmeta._arrays import BoolArray
from bayesmeta.errors import DataError
from bayesmeta.frequentist.glmm_models import StudyTerms
from bayesmeta.frequentist.study_intercepts import InterceptTerms

FAR = 100.0
"""On the link scale: a likelihood that tends to a constant has got there."""
WAY_OUT = "use engine='exact', whose prior bounds it, or method='inverse-variance', which corrects empty cells"


def informative(terms: StudyTerms) -> BoolArray:
    """Return which studies say anything of theta: the likelihoods that are not constant, shape (k,)."""
    left, right = terms.limits()
    return ~(left & right)


def check_has_maximum(terms: StudyTerms) -> None:
    """Raise `DataError` if the likelihood rises for ever as mu falls or rises."""
    left, right = terms.limits()
    some = informative(terms)
    if not some.any():
        raise DataError(f"no study says anything of the effect: every one has no events, or only events; {WAY_OUT}.")
    for limit, end, side in ((left, "-inf", "falls"), (right, "inf", "rises")):
        if limit[some].all():
            raise DataError(
                f"the likelihood grows without bound as mu -> {end}, because that of every study grows as its effect "
                f"{side} (cells without events or without non-events); {WAY_OUT}."
            )


def ceiling(terms: StudyTerms) -> float:
    """Return what the log likelihood tends to at most as tau grows without bound; -inf for ordinary data.

    The terms are those of studies that say something of theta.

    Notes
    -----
    m_i of a likelihood that decays on both sides tends to 0. One that tends to 1 only as theta falls has m_i -> Phi(c)
    for mu = -c tau, one that does so as theta rises Phi(-c); with a and b of them the best c has Phi(c) = a / (a + b).
    Where the baseline of each trial is at its best, this holds for trials that separate their arms altogether; others
    decay.
    """
    left, right = terms.separated if isinstance(terms, InterceptTerms) else terms.limits()
    if not (left | right).all():
        return -np.inf
    a, b = int(left.sum()), int(right.sum())
    at_ends = terms.log_likelihood_at(np.where(left, -FAR, FAR)).sum()
    return float(at_ends + xlogy(a, a / (a + b)) + xlogy(b, b / (a + b)))
