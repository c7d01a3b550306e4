"""How is a model fitted? `fit`, the one front door to the engines."""

from typing import Literal, overload

from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.exact.fit import ExactFit, fit_exact
from bayesmeta.frequentist.fit import fit_frequentist
from bayesmeta.frequentist.result import FrequentistFit
from bayesmeta.spec.model import ModelSpec

ENGINES = ("exact", "frequentist")
OPTIONS: dict[str, tuple[str, ...]] = {
    "exact": ("measure",),
    "frequentist": ("measure", "tau2_method", "ci_method", "pi_method", "ci_prob", "variance", "add", "to"),
}


@overload
def fit(studies: Studies, model: ModelSpec | None = None, *, engine: Literal["exact"] = "exact") -> ExactFit: ...
@overload
def fit(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    engine: Literal["exact"] = "exact",
    measure: str | None,
) -> ExactFit: ...
@overload
def fit(
    studies: Studies, model: None = None, *, engine: Literal["frequentist"], **options: object
) -> FrequentistFit: ...
@overload
def fit(
    studies: Studies, model: ModelSpec | None = None, *, engine: str = "exact", **options: object
) -> ExactFit | FrequentistFit: ...
def fit(
    studies: Studies, model: ModelSpec | None = None, *, engine: str = "exact", **options: object
) -> ExactFit | FrequentistFit:
    """Fit a meta-analysis.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec, optional
        The Bayesian model; by default, for counts, ``ModelSpec("binomial")``: exact binomial likelihood,
        mu ~ Normal(0, 1.5), tau ~ HalfNormal(1). The frequentist engine takes none.
    engine : {"exact", "frequentist"}
        ``"exact"``: the posterior by quadrature, with its numerical error. ``"frequentist"``:
        DerSimonian-Laird and its relatives.
    **options
        Of the engine. exact: ``measure`` (normal likelihood with counts). frequentist: ``measure``,
        ``tau2_method``, ``ci_method``, ``pi_method``, ``ci_prob``, ``variance``, ``add``, ``to``; see
        `fit_frequentist`.

    Returns
    -------
    ExactFit or FrequentistFit

    Raises
    ------
    SpecError
        If an engine or option is unknown, or model and data do not go together.
    ImproperPosteriorError
        If prior and data do not define a posterior.
    AccuracyError
        If a number cannot be computed to its accuracy.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("pritz1997")
    >>> studies = bm.Studies.from_frame(df, study="study", events="events", n="n")
    >>> fit = bm.fit(studies)
    >>> fit.summary().loc["p_median", ["median", "lower", "upper"]].round(3).tolist()
    [0.791, 0.687, 0.88]
    """
    if not isinstance(studies, Studies):
        raise SpecError(
            f"studies is a {type(studies).__name__}, not Studies; make it with bm.Studies.from_frame(df, ...)."
        )
    if engine == "nuts":
        raise SpecError("engine='nuts' is not part of this version; use engine='exact'.")
    if engine not in ENGINES:
        raise SpecError(unknown_name("engine", engine, ENGINES))
    for name in options:
        if name not in OPTIONS[engine]:
            raise SpecError(unknown_name(f"option of engine={engine!r}:", name, OPTIONS[engine]))
    if engine == "frequentist":
        if model is not None:
            raise SpecError("engine='frequentist' takes no model, because it has no priors; leave it out.")
        return fit_frequentist(studies, **options)  # type: ignore[arg-type]
    if model is None:
        if not studies.has_counts:
            raise SpecError(
                "estimates with standard errors need a model with priors on their scale, for example "
                "bm.ModelSpec('normal', mu='Normal(0, 2)', tau='HalfNormal(1)')."
            )
        model = ModelSpec("binomial")
    if not isinstance(model, ModelSpec):
        raise SpecError(
            f"model is a {type(model).__name__}, not a ModelSpec; use bm.load_model('binomial-normal') or "
            "bm.ModelSpec(...)."
        )
    return fit_exact(studies, model, **options)  # type: ignore[arg-type]
