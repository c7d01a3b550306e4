"""What is the mean proportion over studies? p_mean = integral of expit(theta) Normal(theta | mu, tau^2).

The mean of expit under a normal distribution is the marginal likelihood of one event in one patient, its mean
square that of two in two: the surface's own rules. At each tau p_mean increases with mu, so that its
distribution follows from that of mu by inverting it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import SpecError
from bayesmeta.exact.posterior import Posterior
from bayesmeta.exact.rows import invert
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.surface import POWERS


@final
@dataclass(frozen=True, eq=False)
class AverageProportion:
    """The posterior of p_mean, and the second moment of p_new, on one posterior's grid."""

    posterior: Posterior

    @cached_property
    def _nodes(self) -> FloatArray:
        """Means of expit(theta), of its square and of its complement at the nodes, shape (3, J, U)."""
        log_powers = self.posterior.surface.log_powers
        if log_powers is None:
            raise SpecError("p_mean is defined for effects on the logit scale only.")
        return np.exp(log_powers)

    @property
    def at_nodes(self) -> FloatArray:
        """Return p_mean at the nodes, shape (J, U)."""
        result: FloatArray = self._nodes[0]
        return result

    def moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_mean."""
        return self.posterior.moments(self._nodes[0])

    def p_new_moments(self) -> tuple[float, float]:
        """Return the mean and SD of p_new = expit(theta_new); its mean is that of p_mean."""
        mean = self.posterior.mean(self._nodes[0])
        within = self.posterior.mean(self._nodes[1] - self._nodes[0] ** 2)
        between = self.posterior.mean((self._nodes[0] - mean) ** 2)
        return mean, float(np.sqrt(max(within + between, 0.0)))

    @cached_property
    def _logit_at_nodes(self) -> FloatArray:
        """Logit of p_mean at the nodes of the posterior's rows, shape (R, U); it increases along each row."""
        log_powers = self.posterior.surface.log_powers
        if log_powers is None:
            raise SpecError("p_mean is defined for effects on the logit scale only.")
        logit: FloatArray = log_powers[0] - log_powers[2]
        return logit[self.posterior.rows]

    def cdf_pdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distribution function and density of logit(p_mean) at ``x``, shape (P,)."""
        position, slope = invert(self._logit_at_nodes, x)
        cdf, pdf = self.posterior.given_tau.at_position(position)
        return cdf.sum(axis=0), (pdf / slope).sum(axis=0)


def mean_proportion(mu: FloatArray, tau: FloatArray, settings: Level) -> FloatArray:
    """Return p_mean at pairs (mu, tau), each of shape (P,)."""
    result: FloatArray = np.exp(POWERS.marginal(settings)(mu, tau)[0])
    return result
