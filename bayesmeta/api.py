"""How is a model fitted? `fit`, the one front door to the engines."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast, overload

import numpy as np

from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit, check_proper, fit_exact
from bayesmeta.exact.regression import check_proper_regression, fit_regression
from bayesmeta.frequentist.glmm_result import GlmmFit
from bayesmeta.frequentist.methods import INVERSE_VARIANCE, POOLING_OPTIONS, ClassicalFit, fit_by_method
from bayesmeta.frequentist.regression import fit_frequentist_regression
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.nuts.fit import NutsFit, fit_nuts
from bayesmeta.spec.beyond import features_beyond, refuse_beyond
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import check_studies, model_for
from bayesmeta.verify import verify

type BayesianFit = ExactFit | NutsFit
type AnyFit = ExactFit | NutsFit | ClassicalFit

ENGINES = ("exact", "nuts", "frequentist")
OPTIONS: dict[str, tuple[str, ...]] = {
    "exact": ("measure", "power_weights"),
    "nuts": ("measure", "draws", "tune", "chains", "seed", "sampler", "target_accept", "parametrisation", "quiet"),
    "frequentist": (*POOLING_OPTIONS, "formula"),
}


@overload
def fit(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    engine: Literal["exact"] = "exact",
    measure: str | None = None,
    power_weights: object = None,
) -> ExactFit: ...
@overload
def fit(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    engine: Literal["nuts"],
    measure: str | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | np.random.Generator | None = None,
    sampler: str | None = None,
    target_accept: float = 0.95,
    parametrisation: str | None = None,
    quiet: bool = False,
) -> NutsFit: ...
@overload
def fit(
    studies: Studies, model: None = None, *, engine: Literal["frequentist"], method: Literal["glmm"], **options: object
) -> GlmmFit: ...
@overload
def fit(
    studies: Studies,
    model: None = None,
    *,
    engine: Literal["frequentist"],
    method: Literal["inverse-variance", "mantel-haenszel", "peto"] = "inverse-variance",
    **options: object,
) -> FrequentistFit: ...
@overload
def fit(studies: Studies, model: ModelSpec | None = None, *, engine: str = "exact", **options: object) -> AnyFit: ...
def fit(studies: Studies, model: ModelSpec | None = None, *, engine: str = "exact", **options: object) -> AnyFit:
    """Fit a meta-analysis.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec, optional
        The Bayesian model. By default, for counts, ``ModelSpec("binomial")``: exact binomial likelihood,
        mu ~ Normal(0, 1.5), tau ~ HalfNormal(1), logit scale. For two arms of counts
        ``ModelSpec("binomial-conditional")`` and of person-time ``ModelSpec("poisson-conditional")``: mu ~ Normal(0,
        2.82), tau ~ HalfNormal(0.5), the scale of log odds ratios and log rate ratios. Rates of one arm and estimates
        have no default, because their scale is not known. The frequentist engine takes no model.
    engine : {"exact", "nuts", "frequentist"}
        ``"exact"``: the posterior by quadrature, with its numerical error. ``"nuts"``: draws from it by PyMC
        or nutpie, held against the exact posterior where there is one (``fit.verification``).
        ``"frequentist"``: DerSimonian-Laird and its relatives.
    **options
        Of the engine. exact: ``measure`` (normal likelihood with counts), ``power_weights``; see `fit_exact`. nuts:
        ``measure``, ``draws``,
        ``tune``, ``chains``, ``seed``, ``sampler``, ``target_accept``, ``parametrisation``, ``quiet``; see `fit_nuts`.
        frequentist: ``method`` (``"inverse-variance"`` by default; see `POOLING_METHODS`) and the options of that
        method, as a rule ``measure``, ``tau2_method``, ``ci_method``, ``pi_method``, ``ci_prob``, ``variance``,
        ``add``, ``to``; see `fit_frequentist`. ``method="glmm"`` takes ``measure``, ``glmm_model``, ``ci_method``,
        ``pi_method`` and ``ci_prob``; see `fit_glmm`. With ``formula``, a meta-regression; see
        `fit_frequentist_regression`.

    Returns
    -------
    ExactFit, NutsFit, FrequentistFit or, by ``method="glmm"``, GlmmFit; with a formula RegressionFit, NutsFit or
    FrequentistRegression

    Raises
    ------
    SpecError
        If an engine or option is unknown, or model and data do not go together.
    ImproperPosteriorError
        If prior and data do not define a posterior.
    AccuracyError
        If a number cannot be computed to its accuracy, or there are no draws.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> studies = bm.Studies.from_frame(df, study="study", events="events", n="n")
    >>> fit = bm.fit(studies)
    >>> fit.summary().loc["p_median", ["median", "lower", "upper"]].round(3).tolist()
    [0.791, 0.687, 0.88]
    """
    check_studies(studies)
    check_options(engine, options)
    if engine == "frequentist":
        if model is not None:
            raise SpecError("engine='frequentist' takes no model, because it has no priors; leave it out.")
        formula = options.pop("formula", None)
        if formula is None:
            return fit_by_method(studies, **options)  # type: ignore[arg-type]
        _refuse_with_formula(options)
        classical: Any = fit_frequentist_regression(studies, formula=formula, **options)  # type: ignore[arg-type]
        return cast(AnyFit, classical)  # as with a model's formula below
    chosen = model_for(studies, model)
    if engine == "exact":
        refuse_beyond(chosen, "engine='exact'")
    if chosen.formula is not None and engine == "exact":
        if options.pop("power_weights", None) is not None:
            raise SpecError("power_weights are not taken by models with a formula yet; leave them out.")
        regression: Any = fit_regression(studies, chosen, **options)  # type: ignore[arg-type]
        return cast(AnyFit, regression)  # the model's formula, which no type tells, decides
    if engine == "exact":
        return fit_exact(studies, chosen, **options)  # type: ignore[arg-type]
    if features_beyond(chosen):
        sampled = fit_nuts(studies, chosen, **options)  # type: ignore[arg-type]
        return replace(sampled, verification=verify(sampled))
    check = check_proper if chosen.formula is None else check_proper_regression
    check(studies, chosen, measure=options.get("measure"))  # type: ignore[arg-type]
    sampled = fit_nuts(studies, chosen, **options)  # type: ignore[arg-type]
    return replace(sampled, verification=verify(sampled))


def _refuse_with_formula(options: dict[str, object]) -> None:
    """Drop the method that a meta-regression has anyway; raise `SpecError` for what it does not take."""
    if options.get("method") == INVERSE_VARIANCE:
        options.pop("method")
    for name in ("method", "glmm_model", "back_transformation"):
        if name in options:
            raise SpecError(f"{name}={options[name]!r} does not go with a formula; leave one of them out.")


def check_options(engine: str, options: Mapping[str, object]) -> None:
    """Raise `SpecError` for an engine, or an option of it, that there is not."""
    if engine not in ENGINES:
        raise SpecError(unknown_name("engine", engine, ENGINES))
    for name in options:
        if name in OPTIONS[engine]:
            continue
        if name in ("ci_prob", "ci_kind"):
            raise SpecError(
                f"{name} is no option of engine={engine!r}, whose fit gives any interval: bm.summary(fit, {name}=...)."
            )
        owners = [other for other in ENGINES if name in OPTIONS[other]]
        if owners:
            raise SpecError(f"{name} is an option of engine={owners[0]!r}, not of {engine!r}; leave it out.")
        raise SpecError(unknown_name("option", name, ("engine", *OPTIONS[engine])))
