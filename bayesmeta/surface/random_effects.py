"""What is m(eta, tau) if the study effects are not normally distributed?"""

from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta.spec.beyond import fixed_nu
from bayesmeta.spec.model import ModelSpec
from bayesmeta.surface.beta_kernel import BetaKernel, log_rising
from bayesmeta.surface.binomial import BinomialTerms, log_binomial_coefficient
from bayesmeta.surface.kernels import NORMAL, CommonKernel, Kernel, StudentKernel
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.student import student_rule
from bayesmeta.surface.terms import MarginalRule, Terms


@final
@dataclass(frozen=True, eq=False)
class WithKernel:
    """Likelihoods whose study effects have another distribution than the normal one.

    Parameters
    ----------
    terms : Terms
        The likelihoods.
    kernel : StudentKernel, BetaKernel or CommonKernel
        The distribution of the study effects.
    """

    terms: Terms
    kernel: Kernel

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.terms.k

    def take(self, index: IntArray) -> "WithKernel":
        """Return the terms of the studies at ``index``."""
        return WithKernel(self.terms.take(index), self.kernel)

    def powered(self, power: FloatArray) -> "WithKernel":
        """Return each likelihood raised to a power."""
        return WithKernel(self.terms.powered(power), self.kernel)

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return that of the likelihoods."""
        return self.terms.rough()

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return that of the likelihoods."""
        return self.terms.variance_at(theta)

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return those of the likelihoods."""
        return self.terms.limits()

    def log_likelihood(self, theta: FloatArray) -> FloatArray:
        """Return that of the likelihoods."""
        return self.terms.log_likelihood(theta)

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return that of the likelihoods."""
        return self.terms.log_likelihood_at(theta)

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (eta, tau)."""
        match self.kernel:
            case StudentKernel():
                return student_rule(self.terms, self.kernel, settings)
            case BetaKernel():
                return _beta_rule(self.terms, self.kernel)
            case CommonKernel():
                return _common_rule(self.terms)
        raise TypeError(f"no rule for {self.kernel!r}")


def kernel_of(model: ModelSpec) -> Kernel:
    """Return the distribution of the study effects."""
    match model.effects:
        case "student-t":
            return StudentKernel(fixed_nu(model.nu))
        case "none":
            return CommonKernel()
        case "beta":
            return BetaKernel()
    return NORMAL


def with_kernel(terms: Terms, kernel: Kernel) -> Terms:
    """Return likelihoods averaged over another kernel; the terms themselves if it is the normal one."""
    return terms if kernel == terms.kernel else WithKernel(terms, kernel)


def _common_rule(terms: Terms) -> MarginalRule:
    """Return log likelihood_i(eta), whatever tau."""
    return lambda eta, _tau: terms.log_likelihood(eta)


def _beta_rule(terms: Terms, kernel: BetaKernel) -> MarginalRule:
    """Return the log of the beta-binomial probability: C(n, r) B(r + a, n - r + b) / B(a, b)."""
    if not isinstance(terms, BinomialTerms):
        raise TypeError("beta-distributed effects need a binomial likelihood")
    events, n = terms.events[:, None], terms.n[:, None]
    coefficient = (
        log_binomial_coefficient(terms.events, terms.n) if terms.log_coefficient is None else terms.log_coefficient
    )

    def rule(eta: FloatArray, tau: FloatArray) -> FloatArray:
        a, b = kernel.shapes(eta, tau)
        rising = log_rising(a, events) + log_rising(b, n - events) - log_rising(a + b, n)
        return np.asarray(coefficient[:, None] + rising)

    return rule
