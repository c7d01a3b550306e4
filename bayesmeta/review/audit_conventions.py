"""By which conventions are results pooled, and what does each give for the same studies?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import MEASURES, Measure, effect_sizes
from bayesmeta.effects.one_arm import Z_95
from bayesmeta.effects.sizes import EffectSizes
from bayesmeta.effects.study_intervals import STUDY_INTERVALS
from bayesmeta.errors import BayesmetaError, DataError, SpecError
from bayesmeta.frequentist.heterogeneity import cochran_q, q_pvalue
from bayesmeta.frequentist.intervals import ci_record
from bayesmeta.frequentist.many import PooledMany, pool_many
from bayesmeta.frequentist.natural import BACK_TRANSFORMATIONS, natural_interval, natural_value
from bayesmeta.frequentist.tau2 import tau2_record

type Values = Mapping[str, tuple[float, ...]]
"""Figure to the values it may have, natural scale: several where a statistic has several definitions."""

TAU2_METHODS: Final = ("DL", "REML", "EE")
"""Estimators that are searched unless the caller names others; EE is the common effect."""
CI_METHODS: Final = ("wald", "hartung-knapp")
"""Intervals that are searched; a common effect has the first only."""


@final
@dataclass(frozen=True)
class Transformation:
    """How studies enter: what is pooled, with which standard errors, and how the result is transformed back.

    Attributes
    ----------
    code, title : str
        Name, and the same in words.
    measure : str
        A key of `MEASURES`, whose link transforms back.
    effects : callable
        ``Studies -> EffectSizes``.
    back_transformation : str or None
        Of the double arcsine.
    """

    code: str
    title: str
    measure: str
    effects: Callable[[Studies], EffectSizes]
    back_transformation: str | None = None


@final
@dataclass(frozen=True)
class Form:
    """One way to print what was pooled: ``title`` says which, ``values`` what it prints."""

    title: str
    values: Values


@final
@dataclass(frozen=True)
class Convention:
    """A transformation with an estimator of tau2 and an interval."""

    transformation: Transformation
    tau2_method: str
    ci_method: str

    @property
    def code(self) -> str:
        """Name: ``"raw-exact DL wald"``."""
        return f"{self.transformation.code} {self.tau2_method} {self.ci_method}"

    @property
    def title(self) -> str:
        """The same in words."""
        pooled = "common effect" if self.tau2_method == "EE" else f"random effects, {self.tau2_method}"
        limits = "normal limits" if self.ci_method == "wald" else f"{self.ci_method} limits"
        return f"{self.transformation.title}; {pooled}; {limits}"


def _computed(measure: str, **options: object) -> Callable[[Studies], EffectSizes]:
    return lambda studies: effect_sizes(measure, *studies.data.values(), **options)  # type: ignore[arg-type]


def _from_width(interval: str) -> Callable[[Studies], EffectSizes]:
    """Return raw proportions with standard errors from the width of an interval."""

    def effects(studies: Studies) -> EffectSizes:
        events, n = studies.data["events"], studies.data["n"]
        lower, upper = STUDY_INTERVALS[interval].limits(events, n)
        return EffectSizes(events / n, (upper - lower) / (2.0 * Z_95), np.zeros(len(n), dtype=np.bool_))

    return effects


def _log_exact(studies: Studies) -> EffectSizes:
    """Return ln(p) with standard errors from the exact limits on the log scale; nan without events."""
    events, n = studies.data["events"], studies.data["n"]
    lower, upper = STUDY_INTERVALS["clopper-pearson"].limits(events, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return EffectSizes(
            np.log(events / n), (np.log(upper) - np.log(lower)) / (2.0 * Z_95), np.zeros(len(n), dtype=np.bool_)
        )


_WIDTHS: Final = tuple(
    Transformation(
        f"raw-{'exact' if code == 'clopper-pearson' else code}",
        f"raw proportions, SE = width of the {record.title} 95 % interval / {2 * Z_95:.6f}",
        "PR",
        _from_width(code),
    )
    for code, record in STUDY_INTERVALS.items()
    if code != "wald"
)
_PROPORTIONS: Final = (
    Transformation("raw-wald", "raw proportions, Wald variance, 0.5 added to zero cells", "PR", _computed("PR")),
    Transformation(
        "raw-wald-all",
        "raw proportions, Wald variance, 0.5 added to all cells",
        "PR",
        _computed("PR", add=0.5, to="all"),
    ),
    *_WIDTHS,
    Transformation("logit", "logits, 0.5 added to zero cells", "PLO", _computed("PLO")),
    Transformation("logit-all", "logits, 0.5 added to all cells", "PLO", _computed("PLO", add=0.5, to="all")),
    Transformation("log", "logs of proportions, 0.5 added to zero cells", "PLN", _computed("PLN")),
    Transformation("log-exact", "logs of proportions, SE from the exact limits on the log scale", "PLN", _log_exact),
    Transformation("arcsine", "arcsine of the root, no correction", "PAS", _computed("PAS")),
    Transformation("arcsine-half", "arcsine of the root, 0.5 added to zero cells", "PAS", _computed("PAS", add=0.5)),
    *(
        Transformation(f"freeman-tukey-{code}", f"Freeman-Tukey, back at {record.title}", "PFT", _computed("PFT"), code)
        for code, record in BACK_TRANSFORMATIONS.items()
    ),
)


def _ratios(*measures: str) -> tuple[Transformation, ...]:
    """Return measures of two arms or of rates, each with 0.5 added to zero cells only and to all."""
    return tuple(
        Transformation(
            code.lower() + end,
            f"{MEASURES[code].title}, 0.5 added to {cells} cells",
            code,
            _computed(code, add=0.5, to=to),
        )
        for code in measures
        for end, cells, to in (("", "zero", "only0"), ("-all", "all", "all"))
    )


_PETO: Final = Transformation("peto", "Peto's log odds ratio", "PETO", _computed("PETO"))
TRANSFORMATIONS: Final[Mapping[str, tuple[Transformation, ...]]] = MappingProxyType(
    {
        "counts": _PROPORTIONS,
        "two-arm-counts": (*_ratios("OR", "RR", "RD"), _PETO),
        "rates": _ratios("IRLN", "IR"),
        "two-arm-rates": _ratios("IRR", "IRD"),
        "estimates": (),
    }
)  # fmt: skip
"""How studies of each kind enter; estimates enter as they are."""


def conventions_for(
    studies: Studies, tau2_methods: Iterable[str] = TAU2_METHODS, ci_methods: Iterable[str] = CI_METHODS
) -> tuple[Convention, ...]:
    """Return the conventions to search for studies of this kind, the most usual first."""
    taus, limits = tuple(tau2_methods), tuple(ci_methods)
    for name in limits:
        if ci_record(name).inversion is not None:
            batched = ("wald", "t", "hartung-knapp", "hartung-knapp-adhoc")
            raise SpecError(unknown_name("ci_method of an audit", name, batched))
    ways = [
        (tau2, ci) for tau2, ci in product(taus, limits) if tau2_record(tau2).is_random or ci == limits[0]
    ]  # fmt: skip
    return tuple(Convention(way, tau2, ci) for way in transformations_for(studies) for tau2, ci in ways)


def transformations_for(studies: Studies) -> tuple[Transformation, ...]:
    """Return how studies of this kind may enter."""
    if studies.kind != "estimates":
        return TRANSFORMATIONS[studies.kind]
    code = studies.measure or "GEN"
    own = Transformation("given", f"{MEASURES[code].title}, as given", code, lambda s: EffectSizes(
        np.asarray(s.y), np.asarray(s.se), np.zeros(s.k, dtype=np.bool_)))  # fmt: skip
    return (own,)


def usable_effects(studies: Studies, way: Transformation) -> tuple[FloatArray, FloatArray] | None:
    """Return effects and standard errors; None where the transformation has none that can be weighted."""
    try:
        sizes = way.effects(studies)
    except DataError:
        return None
    good = np.isfinite(sizes.y) & np.isfinite(sizes.se) & (sizes.se > 1e-12)
    return (np.asarray(sizes.y), np.asarray(sizes.se)) if good.all() else None


def recompute(studies: Studies, conventions: Iterable[Convention]) -> dict[str, tuple[Form, ...]]:
    """Return what each convention prints of the studies, by its code; conventions that have no answer are left out."""
    found: dict[str, tuple[Form, ...]] = {}
    by_method: dict[tuple[str, str], list[Convention]] = {}
    for convention in conventions:
        by_method.setdefault((convention.tau2_method, convention.ci_method), []).append(convention)
    ways = {c.transformation.code: c.transformation for group in by_method.values() for c in group}
    effects = {code: pair for code, way in ways.items() if (pair := usable_effects(studies, way)) is not None}
    single = _single_forms(studies)
    for (tau2_method, ci_method), group in by_method.items():
        usable = [c for c in group if c.transformation.code in effects]
        for convention, many, at in _pooled(usable, effects, tau2_method, ci_method):
            forms = _forms(convention.transformation, many, at)
            found[convention.code] = (*single, *forms) if studies.k == 1 else forms
    return found


def _pooled(
    group: list[Convention], effects: dict[str, tuple[FloatArray, FloatArray]], tau2_method: str, ci_method: str
) -> list[tuple[Convention, PooledMany, int]]:
    """Return each convention of a method with the pooled results that hold it, and its place among them."""
    if not group:
        return []
    pairs = [effects[convention.transformation.code] for convention in group]
    try:
        many = pool_many(
            *(np.stack(arrays) for arrays in zip(*pairs, strict=True)), tau2_method=tau2_method, ci_method=ci_method
        )
    except BayesmetaError:
        if len(group) == 1:
            return []  # an iteration that does not end: this convention explains nothing here
        return [found for one in group for found in _pooled([one], effects, tau2_method, ci_method)]
    return [(convention, many, i) for i, convention in enumerate(group)]


def _forms(way: Transformation, many: PooledMany, at: int) -> tuple[Form, ...]:
    """Return what is printed of a pooled result: with limits cut to the range of proportions, and as they are."""
    record = MEASURES[way.measure]
    mu, se_mu = float(many.mu[at]), float(many.se_mu[at])
    n = (
        None
        if way.back_transformation is None
        else BACK_TRANSFORMATIONS[way.back_transformation].typical_n(many.se[at], se_mu)
    )
    limits = float(many.lower[at]), float(many.upper[at])
    shared = {
        "estimate": (natural_value(record, mu, n),),
        "i2": tuple(dict.fromkeys((float(many.i2[at]), float(many.i2_tau2[at])))),
        "q": (float(many.q[at]),),
        "q_pvalue": (float(many.q_pvalue[at]),),
        "tau2": (float(many.tau2[at]),),
    }  # fmt: skip
    cut = natural_interval(record, limits, n)
    whole = tuple(natural_value(record, limit, n) for limit in limits)
    forms = [Form("", {**shared, "lower": (cut[0],), "upper": (cut[1],)})]
    if whole != cut:
        forms.append(Form("limits not cut at 0 and 100 %", {**shared, "lower": (whole[0],), "upper": (whole[1],)}))
    return tuple(forms)


def _single_forms(studies: Studies) -> tuple[Form, ...]:
    """Return what a single study of one arm prints as its own interval, the exact one first."""
    if studies.k != 1 or not studies.has_counts:
        return ()
    events, n = studies.data["events"], studies.data["n"]
    forms = []
    for record in STUDY_INTERVALS.values():
        lower, upper = record.limits(events, n)
        values = {"estimate": (float(events[0] / n[0]),), "lower": (float(lower[0]),), "upper": (float(upper[0]),)}
        none = {"i2": (0.0,), "q": (0.0,), "q_pvalue": (1.0,), "tau2": (0.0,)}
        forms.append(Form(f"{record.title} interval of the one study", values | none))
    return tuple(forms)


def between_pvalue(levels: list[Studies], convention: Convention) -> float:
    """Return the P-value of the Wald test that the levels' pooled means are equal, each with its own tau2; or nan."""
    pooled = []
    for studies in levels:
        effects = usable_effects(studies, convention.transformation)
        if effects is None:
            return float("nan")
        many = pool_many(*(x[None, :] for x in effects), tau2_method=convention.tau2_method)
        pooled.append((float(many.mu[0]), float(many.se_mu[0])))
    if len(pooled) < 2:
        return float("nan")
    mu, se_mu = np.array(pooled).T
    return float(q_pvalue(cochran_q(mu, se_mu), len(pooled) - 1))


def link_record(convention: Convention) -> Measure:
    """Return the measure whose link the convention pools on."""
    return MEASURES[convention.transformation.measure]
