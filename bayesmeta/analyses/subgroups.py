"""Does the answer differ between kinds of studies? Each kind analysed on its own, side by side."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.analyses.compare import compare
from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import AccuracyError, DataError, ImproperPosteriorError, SpecError
from bayesmeta.spec.model import ModelSpec

TAU = ("separate", "common", "hierarchical")
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
    engine: str = "exact",
    ci_prob: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """Analyse each level of a moderator on its own.

    Parameters
    ----------
    studies : Studies
        The data, with the moderators.
    model : ModelSpec, optional
        The Bayesian model, as `fit` takes it.
    by : str or sequence of str
        Moderators that split the studies; each splits all of them anew.
    tau : {"separate"}
        How heterogeneity is shared: each level has a tau of its own. "common" and "hierarchical" are not supported
        yet.
    engine : str
        As in `fit`.
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
    No level borrows from another, so a level of one study is that study combined with the prior, and its tau is known
    from the prior alone. That two intervals overlap does not say that the levels are alike, nor does their number
    protect from finding a difference by chance.

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
    if tau not in TAU:
        raise SpecError(unknown_name("tau", tau, TAU))
    if tau != "separate":
        raise SpecError(f"tau={tau!r} is not supported yet; use tau='separate': each level has its own.")
    if engine == "frequentist":
        options = {**options, "ci_prob": ci_prob}
    rows: list[dict[str, Any]] = []
    for variable in _variables(studies, by):
        for level, part in _levels(studies, variable):
            rows += _rows(part, model, engine, ci_prob, options, {"variable": variable, "level": level})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame = frame.fillna(dict.fromkeys(("parameter", "estimand", "point", "interval"), ""))
    return frame.astype({"events": "Int64", "n": "Int64", "estimate": float, "lower": float, "upper": float})


def _variables(studies: Studies, by: str | Sequence[str]) -> list[str]:
    wanted = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    if not wanted:
        raise SpecError("by is empty; name at least one moderator.")
    there = [str(name) for name in studies.moderators.columns]
    for name in wanted:
        if name not in there:
            if not there:
                raise SpecError(f"the studies have no moderator {name!r}; read them with moderators=[{name!r}].")
            raise SpecError(unknown_name("moderator", name, there))
    return wanted


def _levels(studies: Studies, variable: str) -> Iterator[tuple[str, Studies]]:
    values: list[Hashable] = studies.moderators[variable].tolist()
    for level in dict.fromkeys(values):
        yield _level_text(level), studies.take(np.array([value == level for value in values]))


def _level_text(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def _rows(
    part: Studies,
    model: ModelSpec | None,
    engine: str,
    ci_prob: float,
    options: dict[str, Any],
    head: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the rows of one level."""
    head = {**head, "k": part.k}
    if part.events is not None and part.n is not None:
        head |= {"events": int(part.events.sum()), "n": int(part.n.sum())}
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
