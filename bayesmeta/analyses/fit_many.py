"""What do thousands of meta-analyses say, each on its own? One frame, a row for each and each of its parameters."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from math import nan
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type, check_probability, unknown_name
from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.errors import BayesmetaError, SpecError
from bayesmeta.exact.fit import ExactFit, pose_model
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.exact.solve import Problem
from bayesmeta.exact.summary import summary_rows
from bayesmeta.exact.together import summarise_together
from bayesmeta.result.quantity import OTHER_ROWS, PROPORTION_ROWS, summary_rows_of
from bayesmeta.result.summary import COLUMNS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import check_studies, model_for

NUMBERS: Final = (*COLUMNS, "numerical_error", "log_evidence")
FEW: Final = 500  # fits that take less time than it takes to start processes
PART: Final = 64  # analyses handed to a process at once
SMALL_PART: Final = 32  # of them at first, so that a few hundred keep all processes busy
SMALL_PARTS: Final = 8
PART_STUDIES: Final = 2000  # but no more studies than these, if more than one analysis
PARAMETERS: Final = tuple(dict.fromkeys((*PROPORTION_ROWS, *OTHER_ROWS)))

type Progress = bool | Callable[[int, int | None], object]


@final
@dataclass(frozen=True, eq=False)
class Wanted:
    """What is asked of each meta-analysis."""

    model: ModelSpec | None
    measure: str | None
    ci_prob: float
    parameters: tuple[str, ...] | None


@final
@dataclass(frozen=True, eq=False)
class Outcome:
    """The rows of one meta-analysis: ``parameter``, `NUMBERS` in shape (rows, 7), and ``note``."""

    k: int | None
    parameter: tuple[str, ...]
    numbers: FloatArray
    note: tuple[str, ...]


def fit_many(
    analyses: Iterable[Studies] | Mapping[Any, Studies],
    model: ModelSpec | None = None,
    *,
    names: Iterable[Any] | None = None,
    processes: int | None = None,
    ci_prob: float = 0.95,
    measure: str | None = None,
    parameters: str | Sequence[str] | None = None,
    progress: Progress = False,
) -> pd.DataFrame:
    """Fit one model to many meta-analyses, each by itself, with the exact engine.

    Parameters
    ----------
    analyses : iterable of Studies, or mapping of names to Studies
        The meta-analyses; a generator is read as they are fitted, and need not fit into memory.
    model : ModelSpec, optional
        The model, as in `fit`.
    names : iterable, optional
        What to call the meta-analyses, all different; by default the keys of the mapping, or 0, 1, 2, ...
    processes : int, optional
        How many processes share the work: by default one per processor, or this one alone if there are fewer than
        500 meta-analyses. The numbers do not depend on it.
    ci_prob : float
        Posterior probability of the equal-tailed intervals.
    measure : str, optional
        As in `fit`.
    parameters : str or sequence of str, optional
        Which rows to give: some of ``mu``, ``tau``, ``p_median``, ``p_mean``, ``p_new``, ``theta_new``, or what the
        summary of a model with a formula has; by default the rows of `summary`.
    progress : bool or callable
        True writes to standard error how many are done; a callable gets that number, and how many there are
        (None if not known).

    Returns
    -------
    DataFrame
        A row per meta-analysis and parameter, in the order given: ``name``, ``k``, ``parameter``, ``estimand``,
        ``mean``, ``sd``, ``median``, ``lower``, ``upper``, ``numerical_error``, ``log_evidence`` (missing if a prior
        is improper) and ``note``. A meta-analysis that cannot be fitted, for whatever reason, has one row with that
        reason in ``note``, no parameter and no numbers.

    Raises
    ------
    SpecError
        If an option is not allowed, or the names are not different and as many as the meta-analyses.

    Notes
    -----
    Every row is what ``fit(studies, model)`` gives, within the numerical errors of both. A script needs no
    ``if __name__ == "__main__":`` for the processes, and Ctrl-C ends them.

    Examples
    --------
    >>> import bayesmeta as bm
    >>> df = bm.load_dataset("blinatumomab_cr")
    >>> groups = {name: bm.Studies.from_frame(part) for name, part in df.groupby("regimen")}
    >>> fit_many(groups, parameters="p_mean")[["name", "k", "median", "lower", "upper"]].round(3)
               name  k  median  lower  upper
    0           TKI  7   0.826  0.637  0.920
    1  chemotherapy  3   0.758  0.492  0.894
    """
    wanted = Wanted(_checked_model(model), measure, check_probability("ci_prob", ci_prob), None)
    wanted = replace(wanted, parameters=_checked(parameters, wanted.model))
    if processes is not None and not (isinstance(processes, int) and processes >= 1):
        raise SpecError(f"processes={processes!r} must be a whole number from 1 on, or None for one per processor.")
    from bayesmeta.analyses.workers import available_processes, in_order  # loads multiprocessing

    labels, items, total = _named(analyses, names)
    first = [] if processes else list(islice(items, FEW))
    if processes is None:
        processes = 1 if len(first) < FEW else available_processes()
    parts = _parts(chain(first, items))
    tell = teller(progress, total)
    outcomes: list[Outcome] = []
    with closing(in_order(partial(outcomes_of, wanted), parts, processes=processes)) as done:
        for part in done:
            outcomes += part
            tell(len(outcomes))
    return _frame(_checked_names(labels, len(outcomes)), outcomes)


def outcomes_of(wanted: Wanted, part: Sequence[object]) -> list[Outcome]:
    """Return the rows of some meta-analyses: computed together where that will do, else each by a fit of its own."""
    problems = {i: problem for i, studies in enumerate(part) if (problem := _problem(wanted, studies)) is not None}
    out: dict[int, Outcome] = {}
    if problems:
        first = next(iter(problems.values()))
        allowed = summary_rows_of(first.link)
        names = tuple(name for name in wanted.parameters or allowed if name in (*allowed, "theta_new"))
        together = summarise_together(list(problems.values()), names, ci_prob=wanted.ci_prob)
        proper = first.prior_mu.is_proper and first.prior_tau.is_proper
        for (i, problem), summary in zip(problems.items(), together, strict=True):
            if summary is not None:
                rows = dict(zip(names, np.c_[summary.values, summary.error], strict=True))
                out[i] = _outcome(wanted, problem.terms.k, rows, summary.log_evidence if proper else nan, {})
    return [out.get(i) or outcome_of(wanted, studies) for i, studies in enumerate(part)]


def outcome_of(wanted: Wanted, studies: Any) -> Outcome:
    """Return the rows of one meta-analysis by a fit of its own, or one row that says why it has none."""
    k = studies.k if isinstance(studies, Studies) else None
    try:
        result: ExactFit | RegressionFit = fit(studies, wanted.model, measure=wanted.measure)
        table, log_evidence = result.summary(ci_prob=wanted.ci_prob), result.log_evidence
        notes = dict.fromkeys(result.parameters, "; ".join(result.notes))
        if isinstance(result, ExactFit):
            fine, coarse = result.solution.fine, result.solution.coarse
            if "theta_new" not in table.index and "theta_new" in (wanted.parameters or ()):
                extra = summary_rows(fine, coarse, ("theta_new",), ci_prob=wanted.ci_prob, ci_kind="eti")
                table = pd.concat([table, extra])
            notes = {name: fine.note(name) for name in table.index}
    except BayesmetaError as error:
        return failed(k, str(error))
    except Exception as error:  # one that is not foreseen must not cost the others their answers
        return failed(k, f"{type(error).__name__}: {error}")
    rows = dict(zip(table.index, table.to_numpy(), strict=True))
    return _outcome(wanted, result.k, rows, nan if log_evidence is None else log_evidence, notes)


def _problem(wanted: Wanted, studies: object) -> Problem | None:
    """Return what is to be integrated; None where a fit is of another kind, or will say why there is nothing."""
    try:
        check_studies(studies)
        model = model_for(studies, wanted.model)  # type: ignore[arg-type]
        return None if model.formula else pose_model(studies, model, measure=wanted.measure)[0]  # type: ignore[arg-type]
    except Exception:
        return None


def _outcome(
    wanted: Wanted, k: int, rows: Mapping[str, FloatArray], log_evidence: float, notes: Mapping[str, str]
) -> Outcome:
    """Return the rows of a meta-analysis from those of its summary, by parameter."""
    names = wanted.parameters or tuple(rows)
    nothing = np.full(len(NUMBERS) - 1, nan)
    numbers = np.array([[*rows.get(name, nothing), log_evidence] for name in names])
    return Outcome(k, names, numbers, tuple(notes.get(n, "") if n in rows else f"this fit has no {n}" for n in names))


def failed(k: int | None, why: str) -> Outcome:
    """Return the one row of a meta-analysis without numbers."""
    return Outcome(k, ("",), np.full((1, len(NUMBERS)), nan), (why,))


def _checked_model(model: object) -> ModelSpec | None:
    if model is None or isinstance(model, ModelSpec):
        return model
    raise SpecError(
        f"model is {a_type(model)}, not a ModelSpec; use bm.load_model('binomial-normal') or bm.ModelSpec(...)."
    )


def _checked(parameters: str | Sequence[str] | None, model: ModelSpec | None) -> tuple[str, ...] | None:
    if parameters is None:
        return None
    wanted = (parameters,) if isinstance(parameters, str) else tuple(dict.fromkeys(parameters))
    for name in wanted:
        if name not in PARAMETERS and (model is None or model.formula is None):
            raise SpecError(unknown_name("parameter", name, PARAMETERS))
    if not wanted:
        raise SpecError("parameters is empty; name at least one, or leave it out.")
    return wanted


def _named(analyses: object, names: Iterable[Any] | None) -> tuple[Iterator[Any] | None, Iterator[object], int | None]:
    """Return names (None for 0, 1, 2, ...), meta-analyses, and how many there are if that is known."""
    if isinstance(analyses, Studies | pd.DataFrame) or not isinstance(analyses, Iterable):
        raise SpecError(
            f"fit_many takes a list of Studies, one for each meta-analysis, or a mapping; got "
            f"{a_type(analyses)}. Split a frame with df.groupby(...), and use bm.fit for one meta-analysis."
        )
    total = len(analyses) if isinstance(analyses, Sized) else None
    if isinstance(analyses, Mapping):
        if names is not None:
            raise SpecError("names is given, and a mapping has names of its own; leave one of them out.")
        return iter(analyses), iter(analyses.values()), total
    return None if names is None else iter(names), iter(analyses), total


def _checked_names(names: Iterator[Any] | None, count: int) -> list[Any]:
    if names is None:
        return list(range(count))
    given = list(islice(names, count + 1))
    if len(given) != count:
        have = f"only {len(given)}" if len(given) < count else "more"
        raise SpecError(f"names must be as many as the {count} meta-analyses; there are {have}.")
    if len(set(given)) != count:
        twice = next(name for i, name in enumerate(given) if name in given[:i])
        raise SpecError(f"names holds {twice!r} more than once; they must be different.")
    return given


def _parts(items: Iterator[object]) -> Iterator[list[object]]:
    """Split into parts that a process does at once; they do not depend on how many processes there are."""
    part: list[object] = []
    count = studies = 0
    for item in items:
        k = item.k if isinstance(item, Studies) else 0
        most = SMALL_PART if count < SMALL_PARTS else PART
        if part and (len(part) == most or studies + k > PART_STUDIES):
            yield part
            part, studies, count = [], 0, count + 1
        part.append(item)
        studies += k
    if part:
        yield part


def teller(progress: Progress, total: int | None) -> Callable[[int], object]:
    """Return what says, to whom `fit_many`'s ``progress`` means, how many meta-analyses are done."""
    if callable(progress):
        return partial(_call, progress, total)
    if not progress:
        return lambda done: None
    of = "" if total is None else f" of {total}"
    return lambda done: print(f"\r{done}{of} meta-analyses", end="\n" if done == total else "", file=sys.stderr)


def _call(progress: Callable[[int, int | None], object], total: int | None, done: int) -> None:
    progress(done, total)


def _frame(names: list[Any], outcomes: list[Outcome]) -> pd.DataFrame:
    """Return the rows of all meta-analyses."""
    rows = [len(outcome.parameter) for outcome in outcomes]
    which = np.repeat(np.arange(len(outcomes)), rows)
    parameter = [name for outcome in outcomes for name in outcome.parameter]
    k = pd.array([outcome.k for outcome in outcomes], dtype="Int64")
    numbers = np.concatenate([outcome.numbers for outcome in outcomes]) if outcomes else np.empty((0, len(NUMBERS)))
    head = {"name": pd.Series(names, dtype=None if names else object).iloc[which].array, "k": k[which]}
    head |= {"parameter": pd.array(parameter, dtype=object), "estimand": pd.array(parameter, dtype=object)}
    frame = pd.DataFrame(head | dict(zip(NUMBERS, numbers.T, strict=True)))
    frame["note"] = pd.array([note for outcome in outcomes for note in outcome.note], dtype=object)
    return frame
