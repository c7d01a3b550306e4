"""What is Fisher's non-central hypergeometric distribution in PyMC? Its log probability and draws.

`bayesmeta.nuts.code` prints this module, so that it needs no other of the package.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats


def log_hypergeometric(events: Any, theta: Any, n_treatment: Any, n_control: Any, total: Any) -> Any:
    """Return the log probability of the events under treatment given those in both arms, as an expression of PyMC.

    Fisher's non-central hypergeometric distribution: C(n1, x) C(n0, m - x) exp(x theta), divided by its sum over all
    x that are possible. Shapes (k,).
    """
    lowest, highest = pt.maximum(0, total - n_control), pt.minimum(n_treatment, total)
    x = lowest[:, None] + pm.math.arange((highest - lowest).max() + 1)
    ways = _log_ways(pt.minimum(x, highest[:, None]), n_treatment[:, None], n_control[:, None], total[:, None])
    terms = pt.switch(x <= highest[:, None], ways + x * theta[:, None], -np.inf)
    own = _log_ways(events, n_treatment, n_control, total) + events * theta
    inside = (events >= lowest) & (events <= highest)
    return pt.switch(inside, own - pm.math.logsumexp(terms, axis=1), -np.inf)


def _log_ways(x: Any, n_treatment: Any, n_control: Any, total: Any) -> Any:
    """Return log C(n1, x) C(n0, m - x)."""
    return _log_choose(n_treatment, x) + _log_choose(n_control, total - x)


def _log_choose(n: Any, x: Any) -> Any:
    return pt.gammaln(n + 1.0) - pt.gammaln(x + 1.0) - pt.gammaln(n - x + 1.0)


def draw_hypergeometric(
    theta: Any, n_treatment: Any, n_control: Any, total: Any, rng: Any = None, size: Any = None
) -> Any:
    """Return draws of the events under treatment, as `pymc.CustomDist` asks for them."""
    law = stats.nchypergeom_fisher(n_treatment + n_control, n_treatment, total, np.exp(theta))
    return law.rvs(size=size, random_state=rng)
