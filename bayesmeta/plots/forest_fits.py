"""Which fits does a forest plot show, and what is each called?"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bayesmeta._validate import a_type
from bayesmeta.api import ENGINES, AnyFit
from bayesmeta.errors import SpecError
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.regression import FrequentistRegression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.result.study_table import natural_name
from bayesmeta.result.words import effect_noun, with_article
from bayesmeta.spec.coefficients import formula_of
from bayesmeta.spec.words import traits

type Shown = AnyFit | FrequentistRegression
type Compared = AnyFit | Sequence[AnyFit] | Mapping[str, AnyFit]

_MEASURE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PLO": "logit",
        "PR": "raw proportion",
        "PLN": "log",
        "PAS": "arcsine",
        "PFT": "double arcsine",
        "PETO": "Peto's odds ratio",
    }
)
_ENGINE_WORDS: Final[Mapping[str, str]] = MappingProxyType({"exact": "exact", "nuts": "NUTS"})


def labelled_fits(fit: AnyFit, compare: Compared) -> dict[str, AnyFit]:
    """Return all fits by their label in the plot, the main one first.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The fit whose studies are shown.
    compare : fit, sequence of fits, or dict of fits by label
        The others.

    Raises
    ------
    SpecError
        If something is no fit, two fits have the same label, or a fit is on another scale than `fit`.
    """
    others: list[tuple[str | None, Any]]
    if isinstance(compare, Mapping):
        others = [(str(label), other) for label, other in compare.items()]
    elif isinstance(compare, Sequence):
        others = [(None, other) for other in compare]
    else:
        others = [(None, compare)]
    given = [(None, fit), *others]
    for _, each in given:
        _check_fit(each, fit)
    for _, each in others:
        if (formula := formula_of(each)) is not None:
            raise SpecError(
                f"compare holds a fit with the formula {formula!r}, which has groups; give it as groups=fit."
            )
    unnamed = [each for label, each in given if label is None]
    fits: dict[str, AnyFit] = {}
    for label, each in given:
        title = method_title(each, beside=unnamed) if label is None else label
        if title in fits:
            raise SpecError(f"two fits are called {title!r}; name them: compare={{'another label': fit}}.")
        fits[title] = each
    return fits


def _check_fit(each: Any, fit: AnyFit) -> None:
    if getattr(each, "engine", None) not in ENGINES:
        raise SpecError(f"a forest plot shows fits made by bm.fit; got {a_type(each)}.")
    if noun_of(each) != noun_of(fit):
        raise SpecError(
            f"compare holds a fit of {with_article(noun_of(each))}, but the plot shows {with_article(noun_of(fit))}; "
            "compare fits on one scale."
        )


def method_title(fit: Shown, *, beside: Sequence[AnyFit] = ()) -> str:
    """Return what a fit is called above its estimates, such as ``"DerSimonian-Laird, logit"``.

    Parameters
    ----------
    fit : ExactFit, NutsFit, FrequentistFit or GlmmFit
        The fit.
    beside : sequence of fits
        All fits of the plot. If they are Bayesian by more than one engine, the engine is named. What is unusual in
        the model always is.
    """
    if isinstance(fit, GlmmFit):
        return f"GLMM, {fit.model_record.words}"
    if isinstance(fit, FrequentistRegression):
        return f"{method_title(fit.null)}, formula {fit.design.formula}"
    if isinstance(fit, FrequentistFit):
        title = fit.estimator
        words = _MEASURE_WORDS.get(fit.measure)
        return f"{title[0].upper()}{title[1:]}{f', {words}' if words else ''}"
    engines = {each.engine for each in beside if each.engine in _ENGINE_WORDS}
    engine = [_ENGINE_WORDS[fit.engine]] if len(engines) > 1 else []
    return ", ".join(["Bayesian model", *traits(fit.model), *engine])


def is_reliable(fit: AnyFit) -> bool:
    """Return False for a fit whose sampler failed its diagnosis, or whose answer differs from the exact one."""
    return fit.engine != "nuts" or fit.is_reliable


def link_of(fit: Shown | FrequentistRegression) -> str:
    """Return the link on whose scale the fit was made."""
    return fit.record.link if isinstance(fit, FrequentistFit | GlmmFit | FrequentistRegression) else fit.link


def natural_scale(fit: AnyFit | FrequentistRegression) -> str:
    """Return what the values of a plot are: ``"proportion"``, ``"rate"``, ``"ratio"`` or ``"effect"``."""
    if fit.studies.has_counts:
        return "proportion"
    return natural_name(link_of(fit), fit.studies.kind) or "effect"


def noun_of(fit: AnyFit | FrequentistRegression) -> str:
    """Return what the values of a plot are more precisely, such as ``"odds ratio"``."""
    return effect_noun(fit.studies, link_of(fit), fit.measure)
