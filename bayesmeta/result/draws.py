"""Draws of all parameters of a fit, before they are dressed as an ArviZ DataTree."""

from dataclasses import dataclass
from typing import final

from bayesmeta._arrays import FloatArray


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """Draws from a posterior or a prior, link scale.

    Parameters
    ----------
    beta : array, shape (p, size)
        Coefficients; without moderators one, the overall mean.
    tau : array, shape (size,)
        Heterogeneity SD.
    theta : array, shape (k, size)
        Study effects.
    eta_new, theta_new : array, shape (N, size)
        Linear predictors of N new studies, and their effects; without moderators N is 1.
    """

    beta: FloatArray
    tau: FloatArray
    theta: FloatArray
    eta_new: FloatArray
    theta_new: FloatArray
