"""What do normal likelihoods and normal (or flat) priors of coefficients say of one linear combination? A closed form.

    y_i ~ Normal(x_i'beta, v_i),  v_i = se_i^2 + tau^2,  beta_j ~ Normal(m_j, s_j^2) or flat

Given tau, beta is normal with precision A = X'WX + P and mean A^-1 (X'Wy + Pm), with W = diag(1/v) and
P = diag(1/s^2), so that target'beta is normal too, for any number of coefficients (Gelman et al. 2013, Bayesian Data
Analysis, section 14.8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.spec.priors import Prior
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule

LOG_2PI = float(np.log(2.0 * np.pi))


def is_gaussian(priors: Sequence[Prior]) -> bool:
    """Return whether every prior is normal or flat."""
    return all(prior.name in ("Normal", "Flat") for prior in priors)


@final
@dataclass(frozen=True, eq=False)
class GaussianTerms:
    """All studies as one likelihood of e = target'beta, the other coefficients integrated out.

    Parameters
    ----------
    y, se : array, shape (k,)
        Estimates and standard errors.
    design : array, shape (k, p)
        The design matrix.
    mean, precision : array, shape (p,)
        Of the coefficients' priors; precision 0 is flat.
    target : array, shape (p,)
        The linear combination.
    kernel : object
        Distribution of the study effects, for predictions: the normal one.
    """

    y: FloatArray
    se: FloatArray
    design: FloatArray
    mean: FloatArray
    precision: FloatArray
    target: FloatArray
    kernel: Any = None

    @property
    def k(self) -> int:
        """Number of likelihoods: one for all studies together."""
        return 1

    def take(self, index: IntArray) -> "GaussianTerms":
        """Return itself: there is nothing to choose from."""
        del index
        return self

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return False: a normal likelihood decays on both sides."""
        none = np.zeros(1, dtype=bool)
        return none, none

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of e at tau = 0."""
        mean, variance, _ = self.given(np.zeros(1))
        return mean, variance

    def rough_given(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and SD of e given tau, shape (J,) each."""
        mean, variance, _ = self.given(tau)
        return mean, np.sqrt(variance)

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log p(y, e | tau) as a function; it is exact at every resolution."""
        del settings

        def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
            nodes, row = np.unique(tau, return_inverse=True)
            mean, variance, log_z = (values[row] for values in self.given(nodes))
            return (log_z - 0.5 * (eta - mean) ** 2 / variance - 0.5 * np.log(variance) - 0.5 * LOG_2PI)[None]

        return rule

    def given(self, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return mean and variance of e, and the log evidence, given each tau (J,)."""
        p = self.design.shape[1]
        origin, a, b = self._normal_equations(tau)
        residual, shift = self.y - self.design @ origin, self.mean - origin
        variance = self.se**2 + tau[:, None] ** 2
        centre = np.linalg.solve(a, b[:, :, None])[:, :, 0]
        spread = np.linalg.solve(a, np.broadcast_to(self.target[:, None], (tau.size, p, 1)))[:, :, 0] @ self.target
        proper = self.precision > 0.0
        log_z = (
            -0.5 * (LOG_2PI + np.log(variance) + residual**2 / variance).sum(axis=1)
            + 0.5 * (np.log(self.precision[proper]) - LOG_2PI - self.precision[proper] * shift[proper] ** 2).sum()
            + 0.5 * ((b * centre).sum(axis=1) - np.linalg.slogdet(a)[1] + p * LOG_2PI)
        )
        return self.target @ origin + centre @ self.target, spread, log_z

    def coefficients(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean (J, p) and precision (J, p, p) of the coefficients given each tau."""
        origin, a, b = self._normal_equations(tau)
        return origin + np.linalg.solve(a, b[:, :, None])[:, :, 0], a

    def _normal_equations(self, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return an origin (p,), the precision A (J, p, p) and b (J, p): the mean is origin + A^-1 b.

        The origin is a least-squares fit, about which nothing large cancels.
        """
        origin = np.linalg.lstsq(self.design / self.se[:, None], self.y / self.se, rcond=None)[0]
        variance, x = self.se**2 + tau[:, None] ** 2, self.design
        a = np.einsum("ki,jk,kl->jil", x, 1.0 / variance, x, optimize=True) + np.diag(self.precision)
        b = ((self.y - x @ origin) / variance) @ x + self.precision * (self.mean - origin)
        return origin, a, b

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Raise: all studies together have no effect of their own."""
        raise NotImplementedError("the likelihood of a regression has no study effects")

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Raise: all studies together have no effect of their own."""
        raise NotImplementedError("the likelihood of a regression has no study effects")

    log_likelihood_at = log_likelihood


def gaussian_terms(
    y: FloatArray, se: FloatArray, design: FloatArray, priors: Sequence[Prior], target: FloatArray, kernel: Any = None
) -> GaussianTerms:
    """Return the terms of studies, design and priors; see `GaussianTerms`."""
    is_flat = np.array([not prior.is_proper for prior in priors])
    mean = np.array([0.0 if flat else prior.parameters["mu"] for prior, flat in zip(priors, is_flat, strict=True)])
    sd = np.array([np.inf if flat else prior.parameters["sigma"] for prior, flat in zip(priors, is_flat, strict=True)])
    return GaussianTerms(y, se, design, mean, 1.0 / sd**2, target, kernel)
