"""What must be known of the studies' likelihoods, whatever their kind? `Terms`, as functions of the true effects.

    m_i(eta, tau) = integral of likelihood_i(theta) kernel(theta | eta, tau) dtheta

where the kernel is the distribution of the study effects, normal unless `random_effects` says otherwise.
"""

from collections.abc import Callable
from typing import Protocol, Self

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.surface.kernels import Kernel
from bayesmeta.surface.quadrature import Level

type MarginalRule = Callable[[FloatArray, FloatArray], FloatArray]
"""``rule(eta, tau)``, each of shape (P,), returns log m_i, shape (k, P)."""


class Terms(Protocol):
    """The likelihoods of k studies."""

    @property
    def k(self) -> int:
        """Number of studies."""
        ...

    @property
    def kernel(self) -> Kernel:
        """Distribution of the study effects given (eta, tau)."""
        ...

    def take(self, index: IntArray) -> Self:
        """Return the terms of the studies at ``index``."""
        ...

    def powered(self, power: FloatArray) -> Self:
        """Return each likelihood raised to a power, shape (k,), as power priors and power-scaling do."""
        ...

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return about where each likelihood is largest and the inverse of its curvature there, shape (k,) each."""
        ...

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information of each study at theta_i, shape (k,)."""
        ...

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return whether each likelihood tends to a constant above 0 as theta falls, and as it rises."""
        ...

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta, shape (k, *theta.shape)."""
        ...

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i, shape of ``theta`` (k, ...)."""
        ...

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau), at the given resolution."""
        ...


class LogConcaveTerms(Terms, Protocol):
    """Likelihoods without a closed form of m_i; `bands` integrates them.

    They are log-concave, and scaled such that the limits of those that tend to a constant are 1.
    """

    def far(self, cut: float) -> FloatArray:
        """Return a distance from the centre at which a likelihood that decays is below exp(-cut), shape (k,)."""
        ...

    def flat_from(self, cut: float) -> FloatArray:
        """Return from where on, left and right, a likelihood that tends to 1 differs by exp(-cut), shape (2, k)."""
        ...

    def log_change(self, eta: FloatArray, step: FloatArray) -> FloatArray:
        """Return log likelihood(eta + step) - log likelihood(eta), for (P,) and (P, N); shape (k, P, N)."""
        ...
