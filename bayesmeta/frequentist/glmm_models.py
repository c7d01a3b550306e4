"""Which generalised linear mixed models are there, for which data, and what likelihood has each study in them?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, Self, final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray, IntArray
from bayesmeta._validate import unknown_name
from bayesmeta.effects.measures import MEASURES, ROLES_OF_DATA, DataKind
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.study_intercepts import InterceptTerms
from bayesmeta.surface.binomial import BinomialTerms
from bayesmeta.surface.poisson import PoissonTerms
from bayesmeta.surface.quadrature import Level
from bayesmeta.surface.terms import MarginalRule
from bayesmeta.surface.two_arm import hypergeometric_terms, poisson_conditional_terms


class StudyTerms(Protocol):
    """The likelihoods of k studies, log-concave in their effects; `surface.terms.Terms` are such."""

    @property
    def k(self) -> int:
        """Number of studies."""
        ...

    def take(self, index: IntArray) -> Self:
        """Return the terms of the studies at ``index``."""
        ...

    def rough(self) -> tuple[FloatArray, FloatArray]:
        """Return about where each likelihood is largest and the inverse of its curvature there, shape (k,) each."""
        ...

    def limits(self) -> tuple[BoolArray, BoolArray]:
        """Return whether each likelihood tends to a constant above 0 as theta falls, and as it rises."""
        ...

    def log_likelihood_at(self, theta: FloatArray) -> FloatArray:
        """Return the log likelihoods at theta_i, shape of ``theta`` (k, ...)."""
        ...

    def marginal(self, settings: Level) -> MarginalRule:
        """Return log m_i as a function of (mu, tau), at the given resolution."""
        ...


@final
@dataclass(frozen=True)
class GlmmModel:
    """One model.

    Attributes
    ----------
    code : str
        As ``glmm_model`` names it; of two arms metafor's code.
    words : str
        The same in words, which ``glmm_model`` takes as well.
    title : str
        What is modelled.
    data : str
        The kind of data it needs.
    measure : str
        The effect measure of mu.
    build : callable
        From the arrays of `ROLES_OF_DATA` to the likelihoods.
    random_baselines : bool
        Whether the studies' own effects are random as well, so that there are more parameters than mu and tau.
    """

    code: str
    words: str
    title: str
    data: DataKind
    measure: str
    build: Callable[..., StudyTerms]
    random_baselines: bool = False


def _approximate_conditional(x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray) -> BinomialTerms:
    return BinomialTerms(x1, x1 + x0, "logit", np.log(n1 / n0))


def _binomial_intercepts(x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray) -> InterceptTerms:
    return InterceptTerms(np.stack([x1, x0]), np.stack([n1, n0]), "binomial")


def _poisson_intercepts(x1: FloatArray, t1: FloatArray, x0: FloatArray, t0: FloatArray) -> InterceptTerms:
    return InterceptTerms(np.stack([x1, x0]), np.stack([t1, t0]), "poisson")


_FIXED_INTERCEPTS: Final = "unconditional, fixed study effects"
_RANDOM_INTERCEPTS: Final = "unconditional, random study effects"
GLMM_MODELS: Final = (
    GlmmModel("BN", "binomial-normal", "binomial events, normal random effects", "counts", "PLO", BinomialTerms),
    GlmmModel("PN", "poisson-normal", "Poisson events, normal random effects", "rates", "IRLN", PoissonTerms),
    GlmmModel("UM.FS", "unconditional-fixed", _FIXED_INTERCEPTS, "two-arm-counts", "OR", _binomial_intercepts),
    GlmmModel(
        "UM.RS",
        "unconditional-random",
        _RANDOM_INTERCEPTS,
        "two-arm-counts",
        "OR",
        _binomial_intercepts,
        random_baselines=True,
    ),
    GlmmModel(
        "CM.EL",
        "conditional",
        "conditional on the events in both arms, non-central hypergeometric",
        "two-arm-counts",
        "OR",
        hypergeometric_terms,
    ),
    GlmmModel(
        "CM.AL",
        "conditional-approximate",
        "conditional on the events in both arms, binomial approximation for rare events",
        "two-arm-counts",
        "OR",
        _approximate_conditional,
    ),
    GlmmModel("UM.FS", "unconditional-fixed", _FIXED_INTERCEPTS, "two-arm-rates", "IRR", _poisson_intercepts),
    GlmmModel(
        "UM.RS",
        "unconditional-random",
        _RANDOM_INTERCEPTS,
        "two-arm-rates",
        "IRR",
        _poisson_intercepts,
        random_baselines=True,
    ),
    GlmmModel(
        "CM.EL",
        "conditional",
        "conditional on the events in both arms, binomial",
        "two-arm-rates",
        "IRR",
        poisson_conditional_terms,
    ),
)
"""The models; of each kind of data the first is the default, as in metafor."""

_BY_NAME: Final[Mapping[DataKind, Mapping[str, GlmmModel]]] = MappingProxyType(
    {
        kind: {name: model for model in GLMM_MODELS if model.data == kind for name in (model.code, model.words)}
        for kind in ROLES_OF_DATA
    }
)


def find_model(name: str | None, kind: DataKind, measure: str | None) -> GlmmModel:
    """Return the model of a name for a kind of data, by default the kind's first.

    Raises
    ------
    SpecError
        If there is none, or its measure is another.
    """
    models = _BY_NAME[kind]
    if not models:
        raise SpecError(f"method='glmm' needs events with n or time; the studies hold {kind}: leave the method out.")
    if name is not None and name not in models:
        raise SpecError(unknown_name(f"glmm_model for {kind}", name, models))
    model = next(iter(models.values())) if name is None else models[name]
    if measure is not None and measure != model.measure:
        known = "" if measure in MEASURES else " (which is no measure)"
        raise SpecError(
            f"method='glmm' models {model.measure} of {kind}, not {measure!r}{known}; leave the measure out, or use "
            "method='inverse-variance'."
        )
    return model
