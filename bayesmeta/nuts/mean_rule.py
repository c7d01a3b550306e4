"""At which study effects is the mean proportion summed? Nodes and weights for `p_mean` in PyMC."""

from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.spec.beyond import LEAST_FREE_NU, fixed_nu
from bayesmeta.spec.model import ModelSpec

# The trapezoid rule for the mean of invlogit(mu + tau z) over a standard normal z: with this step its error is
# exp(-2 pi^2 / (0.02 tau)), below 1e-8 up to tau = 50, and the normal mass beyond its ends is 1e-15.
Z_ENDS: Final = 8.0
Z_NODES: Final = 801
# For Student's t, z = sinh(v): in v the density falls like exp(-nu |v|).
V_STEP: Final = 0.02
DEEP: Final = 40.0
# With fewer nodes in z up to some tau, which halves the step as tau doubles: error below 1e-11 for links that are
# bounded near the real line, to a distance of 3.
_NODES: Final = ((1.0, 33), (2.0, 65), (4.0, 129), (np.inf, 0))
_BOUNDED: Final = ("logit", "probit")
BLOCK: Final = 2_000_000  # floats per temporary array
NU_REACH: Final = DEEP / LEAST_FREE_NU + 3.5  # of v, where nu is free: enough for the smallest


def mean_rule(model: ModelSpec) -> tuple[FloatArray, FloatArray]:
    """Return nodes z and weights of the mean over study effects mu + tau z, shape (Z,)."""
    if model.effects == "student-t":
        from scipy import stats

        nu = fixed_nu(model.nu)
        reach = DEEP / nu + 3.5
        v = np.linspace(-reach, reach, 2 * int(np.ceil(reach / V_STEP)) + 1)
        z, weight = np.sinh(v), stats.t.pdf(np.sinh(v), nu) * np.cosh(v)
    else:
        return _normal_rule(Z_NODES)
    return z, weight / weight.sum()


def _normal_rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    z = np.linspace(-Z_ENDS, Z_ENDS, nodes)
    weight = np.exp(-0.5 * z**2)
    return z, weight / weight.sum()


def mean_of_proportions(model: ModelSpec, link: str, eta: FloatArray, tau: FloatArray) -> FloatArray:
    """Return the mean of the proportions over studies for each draw of eta and tau, which have one shape.

    Notes
    -----
    By `mean_rule`, or where its step may be wider for tau up to some bound: the integrand varies at the scale of the
    normal density and of the link, 1 / tau.
    """
    flat, spread, means = eta.ravel(), tau.ravel(), np.empty(eta.size)
    inverse, upper = LINKS[link].inverse, -1.0
    quick = model.effects == "normal" and link in _BOUNDED
    for bound, nodes in _NODES if quick else _NODES[-1:]:
        z, weight = _normal_rule(nodes) if nodes else mean_rule(model)
        chosen = np.flatnonzero((spread > upper) & ~(spread > bound))
        for block in np.array_split(chosen, -(-chosen.size * z.size // BLOCK) or 1):
            means[block] = inverse(flat[block, None] + spread[block, None] * z) @ weight
        upper = bound
    return means.reshape(eta.shape)
