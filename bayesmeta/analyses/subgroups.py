"""Does the answer differ between kinds of studies? Each kind analysed on its own, side by side."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta.analyses.compare import compare
from bayesmeta.analyses.levels import DEFAULT_OMEGA, check_tau, fit_levels
from bayesmeta.api import check_options, fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, DataError, ImproperPosteriorError, SpecError
from bayesmeta.exact.groups import check_proper_groups
from bayesmeta.frequentist.describe import effect_notes
from bayesmeta.frequentist.methods import INVERSE_VARIANCE
from bayesmeta.frequentist.regression import regress
from bayesmeta.nuts.fit import fit_nuts
from bayesmeta.nuts.structure import structure_by
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.spec.levels import levels_of, variables_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import cell_means
from bayesmeta.spec.observed import check_studies, model_for
from bayesmeta.spec.priors import PriorLike
from bayesmeta.verify import verify

COLUMNS = (
    "variable", "level", "k", "events", "n", "engine", "parameter", "estimand", "estimate", "point", "lower", "upper",
    "interval", "note",
)  # fmt: skip
_FROM_COMPARE = ("engine", "parameter", "estimand", "estimate", "point", "lower", "upper", "interval")


def subgroups(
    studies: Studies,
    model: ModelSpec | None = None,
    *,
    by: str | Sequence[str],
    tau: str = "separate",
    omega: PriorLike | float = DEFAULT_OMEGA,
    engine: str = "exact",
    ci_prob: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """Analyse each level of a moderator, with a mean of its own and its own or a shared tau.

    Parameters
    ----------
    studies : Studies
        The data, with the moderators.
    model : ModelSpec, optional
        The Bayesian model, as `fit` takes it.
    by : str or sequence of str
        Moderators that split the studies; each splits all of them anew.
    tau : {"separate", "common", "hierarchical"}
        How heterogeneity is shared. ``"separate"``: each level has a tau of its own and is analysed as if alone.
        ``"common"``: one tau for all levels. ``"hierarchical"``: tau of level g is tau0 exp(omega z_g) with standard
        normal z_g; tau0 has the model's prior of tau.
    omega : str, Prior or float
        In the hierarchy, the SD of log tau between levels: known, or with a half-normal prior.
    engine : str
        As in `fit`. "frequentist" takes no hierarchy; its common tau is that of the meta-regression on the levels,
        with k - levels degrees of freedom where ``ci_method`` has some.
    ci_prob : float
        Probability of all intervals.
    **options
        Options of the engine, as in `fit`.

    Returns
    -------
    DataFrame
        A row per moderator (``variable``), ``level``, and parameter: ``k`` studies with ``events`` and ``n`` in all
        (missing for estimates), then ``engine parameter estimand estimate point lower upper interval`` as in `compare`.
        ``note``: what a reader of this level must know. A level that cannot be analysed has one row with the reason
        there and no numbers. Levels are in the order in which they appear in the data.

    Raises
    ------
    SpecError
        If a moderator is unknown, or an option is not allowed.

    Notes
    -----
    With separate tau no level borrows from another, so a level of one study is that study combined with the prior,
    and its tau is known from the prior alone. The means have independent priors, whatever the tau. That two intervals
    overlap does not say that the levels are alike, nor does their number protect from finding a difference by chance;
    `contrasts` has the differences, `subgroup_test` the classical tests.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> studies = bm.Studies.from_frame(bm.load_dataset("blinatumomab_cr"), moderators=["regimen"])
    >>> table = subgroups(studies, by="regimen")
    >>> table.query("parameter == 'p_mean'")[["level", "k", "estimate"]].round(3)
              level  k  estimate
    3  chemotherapy  3     0.740
    8           TKI  7     0.814
    """
    check_studies(studies)
    shared = check_tau(tau) != "separate"
    if tau == "hierarchical" and engine == "frequentist":
        raise SpecError("tau='hierarchical' needs engine='exact' or 'nuts', not 'frequentist'; or use tau='separate'.")
    check_options(engine, {})
    if shared and (method := options.get("method", INVERSE_VARIANCE)) != INVERSE_VARIANCE and engine == "frequentist":
        raise SpecError(f"tau={tau!r} needs method={INVERSE_VARIANCE!r}, not {method!r}; or use tau='separate'.")
    if options.get("formula") is not None:
        raise SpecError(f"by names the groups, so that formula={options['formula']!r} has none to add; leave it out.")
    if engine == "frequentist" and model is not None:
        raise SpecError("engine='frequentist' takes no model, because it has no priors; leave it out.")
    if shared and options.get("power_weights") is not None:
        raise SpecError("power_weights need tau='separate' here; or leave them out.")
    if engine == "frequentist":
        options = {**options, "ci_prob": ci_prob}
    rows: list[dict[str, Any]] = []
    for variable in variables_of(studies, by):
        if shared and engine == "frequentist":
            rows += _pooled_rows(studies, variable, **options)
            continue
        if shared and engine == "nuts":
            rows += _sampled_rows(studies, model, variable, tau, omega, ci_prob, **options)
            continue
        if shared:
            rows += _shared_rows(studies, model, variable, tau, omega, ci_prob, **options)
            continue
        for level, part in levels_of(studies, variable):
            head = {"variable": variable, "level": level}
            rows += _rows(studies.take(part), model, engine, ci_prob, options, head)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame.attrs["ci_prob"] = ci_prob
    frame = frame.fillna(dict.fromkeys(("parameter", "estimand", "point", "interval"), ""))
    return frame.astype({"events": "Int64", "n": "Int64", "estimate": float, "lower": float, "upper": float})


def _rows(
    part: Studies,
    model: ModelSpec | None,
    engine: str,
    ci_prob: float,
    options: dict[str, Any],
    head: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the rows of one level."""
    head |= _size(part)
    if isinstance(weights := options.get("power_weights"), Mapping):
        options = {**options, "power_weights": {label: weights[label] for label in part.study if label in weights}}
    try:
        result = fit(part, model, engine=engine, **options)
        table = compare([result], ci_prob=ci_prob)
    except (DataError, ImproperPosteriorError, AccuracyError) as error:
        return [{**head, "engine": engine, "note": f"not analysed: {error}"}]
    alone = part.k == 1 and engine != "frequentist"
    notes = ["one study: tau is known from its prior alone"] if alone else []
    note = "; ".join([*notes, *result.notes])
    values = table[list(_FROM_COMPARE)].to_dict(orient="records")
    return [{**head, **{str(name): value for name, value in row.items()}, "note": note} for row in values]


def _size(part: Studies) -> dict[str, Any]:
    if part.events is None or part.n is None:
        return {"k": part.k}
    return {"k": part.k, "events": int(part.events.sum()), "n": int(part.n.sum())}


def _shared_rows(
    studies: Studies,
    model: ModelSpec | None,
    variable: str,
    tau: str,
    omega: PriorLike | float,
    ci_prob: float,
    measure: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of all levels of a moderator whose tau is shared."""
    groups = fit_levels(studies, model, variable, tau=tau, omega=omega, measure=measure)
    rows = []
    for i, (level, part) in enumerate(levels_of(studies, variable)):
        head = {"variable": variable, "level": level, **_size(studies.take(part)), "engine": "exact"}
        table = groups.summary(i, ci_prob=ci_prob)
        notes = [note for name in table.index if (note := groups.fine[i].note(str(name)))]
        rows += [{**head, **numbers, "note": "; ".join(notes)} for numbers in _posterior_rows(table)]
    return rows


def _posterior_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the parameters of one level from the summary of its posterior."""
    rows = []
    for name, row in table.iterrows():
        point = "mean" if name == "p_mean" else "median"
        numbers = {"estimate": row[point], "point": point, "lower": row["lower"], "upper": row["upper"]}
        interval = "PI" if name in ("p_new", "theta_new") else "CrI"
        rows.append({"parameter": str(name), "estimand": str(name), "interval": interval, **numbers})
    return rows


def _sampled_rows(
    studies: Studies,
    model: ModelSpec | None,
    variable: str,
    tau: str,
    omega: PriorLike | float,
    ci_prob: float,
    **options: Any,
) -> list[dict[str, Any]]:
    """Return the rows of all levels of a moderator whose tau is shared, by one NUTS fit."""
    chosen = model_for(studies, model)
    check_options("nuts", options)
    structure = structure_by(studies, chosen, variable, tau=tau, omega=omega)
    levels, measure = levels_of(studies, variable), options.get("measure")
    members = [part for _, part in levels]
    check_proper_groups(studies, chosen, members, structure.groups, measure=measure)
    sampled = fit_nuts(studies, chosen, structure=structure, **options)
    sampled = replace(sampled, verification=verify(sampled))
    table, note = sampled.summary(ci_prob=ci_prob), "; ".join(sampled.notes)
    rows = []
    for (level, part), coef in zip(levels, structure.coef, strict=True):
        names = {f"beta[{coef}]": "mu", "tau": "tau"}
        names |= {f"{kind}[{level}]": kind for kind in summary_rows_of(sampled.link)}
        own = table.loc[[name for name in table.index if name in names]].rename(index=names)
        head = {"variable": variable, "level": level, **_size(studies.take(part)), "engine": "nuts"}
        rows += [{**head, **numbers, "note": note} for numbers in _posterior_rows(own)]
    return rows


def _pooled_rows(studies: Studies, variable: str, *, ci_method: str = "wald", **options: Any) -> list[dict[str, Any]]:
    """Return the rows of all levels of a moderator by a classical regression with one tau."""
    levels = levels_of(studies, variable)
    found = regress(
        fit(studies, engine="frequentist", **options), cell_means(variable, levels, studies.k), ci_method=ci_method
    )
    note = "; ".join(effect_notes(found.null))
    tau: dict[Hashable, Any] = {"estimate": found.tau, "lower": np.nan, "upper": np.nan, "interval": ""}
    rows = []
    for i, (level, part) in enumerate(levels):
        head = {"variable": variable, "level": level, **_size(studies.take(part)), "engine": "frequentist"}
        table = found.at(np.eye(len(levels))[i], ci_prob=found.ci_prob).drop(index="theta_new", errors="ignore")
        mean, *natural = table.rename(index={"eta": "mu"}).to_dict(orient="index").items()
        for parameter, row in (mean, ("tau", tau), *natural):
            numbers = {name: row[name] for name in ("estimate", "lower", "upper", "interval")}
            names = {"parameter": parameter, "estimand": parameter, "point": "pooled"}
            rows.append({**head, **names, **numbers, "note": note})
    return rows
