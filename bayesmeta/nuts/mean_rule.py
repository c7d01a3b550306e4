"""At which study effects is the mean proportion summed? Nodes and weights for `p_mean` in PyMC."""

from typing import Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.spec.beyond import LEAST_FREE_NU, fixed_nu
from bayesmeta.spec.model import ModelSpec

# The trapezoid rule for the mean of invlogit(mu + tau z) over a standard normal z: with this step its error is
# exp(-2 pi^2 / (0.02 tau)), below 1e-8 up to tau = 50, and the normal mass beyond its ends is 1e-15.
Z_ENDS: Final = 8.0
Z_NODES: Final = 801
# For Student's t, z = sinh(v): in v the density falls like exp(-nu |v|).
V_STEP: Final = 0.02
DEEP: Final = 40.0
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
        z = np.linspace(-Z_ENDS, Z_ENDS, Z_NODES)
        weight = np.exp(-0.5 * z**2)
    return z, weight / weight.sum()
