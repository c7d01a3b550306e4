"""What must the maximum of a mixed model's likelihood tell, however it was found?"""

from collections.abc import Callable
from typing import Protocol

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.frequentist.glmm_models import StudyTerms
from bayesmeta.frequentist.slopes import Slopes


class EffectLikelihoods(Protocol):
    """The likelihoods of k effects."""

    @property
    def k(self) -> int:
        """Number of studies."""
        ...

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i, shape of ``theta`` (k, ...)."""
        ...


class Found(Protocol):
    """The maximum of a likelihood of (mu, tau) and perhaps of more."""

    @property
    def mu(self) -> float:
        """Where it is: the mean of the effects."""
        ...

    @property
    def tau(self) -> float:
        """Where it is: their SD."""
        ...

    @property
    def study_sd(self) -> float:
        """SD of the baselines (sigma), nan where they are not random."""
        ...

    @property
    def slopes(self) -> Slopes:
        """Values and derivatives of log m_i there, all else held, of the studies that say something of the effect."""
        ...

    @property
    def mu_information(self) -> FloatArray:
        """What each of these adds to the information about mu."""
        ...

    @property
    def covariance(self) -> FloatArray:
        """Inverse of the observed information, of (mu, tau), shape (2, 2); for tau = 0 that of mu, and nan for tau."""
        ...

    @property
    def se_mu(self) -> float:
        """Standard error of mu."""
        ...

    @property
    def common(self) -> float:
        """The largest log likelihood at tau = 0."""
        ...

    @property
    def n_maxima(self) -> int:
        """How many local maxima were found."""
        ...

    @property
    def numerical_error(self) -> float:
        """Largest absolute error of mu, its standard error, tau and the log likelihood."""
        ...

    @property
    def unit(self) -> float:
        """The smallest SD of a study's own estimate."""
        ...

    def used(self, terms: StudyTerms) -> BoolArray:
        """Return which of all studies say something of the effect, shape (k,)."""
        ...

    def effect_likelihoods(self, terms: StudyTerms) -> EffectLikelihoods:
        """Return the likelihoods of the effects, what else is estimated being known."""
        ...

    def profile_of_mu(self, mu: float) -> float:
        """Return the largest log likelihood with this mu."""
        ...

    def profile_of_tau(self) -> Callable[[float], float]:
        """Return the largest log likelihood as a function of tau; it is quickest for a series of near values."""
        ...
