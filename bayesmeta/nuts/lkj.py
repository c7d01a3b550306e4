"""How do correlations get the LKJ prior? By partial correlations, which are independent and beta-distributed.

With r_ij the correlation of outcomes i < j given those before i, (1 + r_ij) / 2 ~ Beta(b_i, b_i), counted from 0,

b_i = lkj + (d - 2 - i) / 2,   which gives the correlation matrix R of d outcomes a density as det(R)^(lkj - 1)

(Lewandowski, Kurowicka and Joe 2009, Journal of Multivariate Analysis 100, 1989-2001, doi 10.1016/j.jmva.2009.04.008:
the C-vine). `bayesmeta.nuts.code` prints this module, so that it needs no other of the package.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt


def lkj_shapes(lkj: Any, outcomes: int) -> Any:
    """Return the shapes of the beta distributions of (1 + r) / 2 by pair of outcomes."""
    before, _ = np.triu_indices(outcomes, 1)
    return lkj + (outcomes - 2.0 - before) / 2.0


def correlation_root(halves: Any, outcomes: int) -> Any:
    """Return the lower triangular L, of which L L' is the correlation matrix.

    Parameters
    ----------
    halves : TensorVariable
        (1 + r) / 2 by pair, in the order (0, 1), (0, 2), ..., (1, 2), ...
    outcomes : int
        Number of outcomes.

    Notes
    -----
    L_ji = r_ij prod_{m < i} sqrt(1 - r_mj^2) for i <= j, with r_jj = 1.
    """
    r, below = 2.0 * halves - 1.0, np.triu_indices(outcomes, 1)[::-1]
    correlations: Any = pt.as_tensor(np.eye(outcomes))[below].set(r)
    factors = pt.ones((outcomes, outcomes))[below].set(pm.math.sqrt(1.0 - r**2))
    return correlations * factors.cumprod(axis=1) / factors
