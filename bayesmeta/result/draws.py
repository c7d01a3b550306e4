"""Draws of all parameters of a fit, before they are dressed as an ArviZ DataTree."""

from dataclasses import dataclass
from typing import final

from bayesmeta._arrays import FloatArray


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """Posterior draws, link scale.

    Parameters
    ----------
    mu, tau, theta_new : array, shape (size,)
        Overall mean, heterogeneity SD, effect of the next study.
    theta, log_likelihood : array, shape (k, size)
        Study effects, and log likelihood of each study at its effect.
    """

    mu: FloatArray
    tau: FloatArray
    theta: FloatArray
    theta_new: FloatArray
    log_likelihood: FloatArray
