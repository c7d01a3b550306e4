"""Is the posterior of a regression proper, and which of its moments exist?

As in `existence`, with several coefficients. The likelihood does not fall along a direction d of beta in which
every study's mean moves only to where its likelihood tends to a constant (complete separation): a flat prior
along d leaves the posterior improper, a prior with a heavy tail keeps that tail. Along tau ~ |beta| the joint
density falls like tau to the power of -(a + interior studies), and each flat coefficient costs one power.
"""

from collections.abc import Sequence
from math import inf

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.errors import ImproperPosteriorError
from bayesmeta.exact.existence import TailOrders
from bayesmeta.spec.priors import Prior

REACH = 1e-7  # of a box of half-width 1; less is rounding of the linear programme


def regression_orders(
    design: FloatArray, coef: Sequence[str], priors: Sequence[Prior], prior_tau: Prior, left: BoolArray,
    right: BoolArray, target: FloatArray,
) -> TailOrders:  # fmt: skip
    """Return the tail orders of tau and of target'beta, or raise if the posterior is improper.

    Parameters
    ----------
    design : array, shape (k, p)
        The design matrix.
    coef : sequence of str
        Names of its columns.
    priors : sequence of Prior
        Of the coefficients.
    prior_tau : Prior
        Of tau.
    left, right : array of bool, shape (k,)
        Whether each study's likelihood tends to a constant as its effect falls, or rises, without bound.
    target : array, shape (p,)
        The linear combination.

    Raises
    ------
    ImproperPosteriorError
        If the posterior cannot be normalised; the message names the coefficient and the way out.
    """
    orders = np.array([prior.tail_order for prior in priors])
    flat = np.array([not prior.is_proper for prior in priors])
    interior = int((~(left | right)).sum())
    of_tau = prior_tau.tail_order + interior - int(flat.sum())
    if not of_tau > 1.0:
        raise ImproperPosteriorError(
            f"the posterior of tau is improper: the prior of tau is {prior_tau}, {flat.sum()} of {len(priors)} "
            f"coefficients have a flat prior, and {interior} of {len(left)} studies inform about tau (not those with 0 "
            "or all events); give proper priors, such as HalfNormal(1) for tau or Normal(0, 1.5) for beta."
        )
    for column in np.flatnonzero(flat).tolist():
        unit = np.eye(len(priors))[column]
        if max(_reach(design, left, right, flat, side * unit) for side in (-1.0, 1.0)) > REACH:
            raise ImproperPosteriorError(
                f"the posterior of beta[{coef[column]}] is improper: its prior is {priors[column]} and the data are "
                "completely separated (the studies that would bound it have 0 events, or all); give it a proper prior, "
                "such as Normal(0, 1.5)."
            )
    touched = orders[(target != 0.0) & np.isfinite(orders)]
    along = of_tau + max(float(touched.min()) - 1.0, 0.0) if touched.size else inf
    heavy = np.isfinite(orders)
    ends = [
        float(orders[heavy & ~flat].min())
        if (heavy & ~flat).any() and _reach(design, left, right, heavy, side * target) > REACH
        else inf
        for side in (-1.0, 1.0)
    ]
    return TailOrders(tau=of_tau, mu_left=min(ends[0], along), mu_right=min(ends[1], along))


def is_separated(design: FloatArray, free: BoolArray, left: BoolArray, right: BoolArray) -> bool:
    """Return whether the likelihood does not fall in some direction of the coefficients that are ``free``."""
    sides = [sign * unit for unit in np.eye(design.shape[1])[free] for sign in (-1.0, 1.0)]
    return any(_reach(design, left, right, free, side) > REACH for side in sides)


def separated(design: FloatArray, left: BoolArray, right: BoolArray) -> BoolArray:
    """Return which coefficients (p,) can go without bound, alone or with others, without any likelihood falling."""
    free = np.ones(design.shape[1], dtype=bool)
    ends = [
        max(_reach(design, left, right, free, unit), _reach(design, left, right, free, -unit))
        for unit in np.eye(design.shape[1])
    ]
    return np.array(ends) > REACH


def _reach(design: FloatArray, left: BoolArray, right: BoolArray, free: BoolArray, target: FloatArray) -> float:
    """Return how far target'd can go for |d| <= 1 along which no likelihood falls; only ``free`` entries move."""
    from scipy.optimize import linprog

    if not (free & (target != 0.0)).any():
        return 0.0
    inner = ~(left | right)  # their means must not move; the others' only to where the likelihood is constant
    size = np.maximum(np.abs(design).max(axis=0), 1e-300)
    scaled, goal = design / size, target / size
    matrix = np.vstack([scaled[inner], -scaled[inner], -scaled[right], scaled[left]])
    bounds = [(-1.0, 1.0) if f else (0.0, 0.0) for f in free]
    found = linprog(-goal / np.abs(goal).max(), A_ub=matrix, b_ub=np.zeros(len(matrix)), bounds=bounds)
    return 0.0 if found.fun is None else -float(found.fun)
