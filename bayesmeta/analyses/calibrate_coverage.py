"""How often do the intervals of each method hold the truth, for given mu and tau? By simulation."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.analyses.fit_many import Outcome, Wanted, outcomes_of
from bayesmeta.api import fit
from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import BayesmetaError

STREAM: Final = 2
NO_INTERVAL: Final = "the method has no interval for these data"
COLUMNS: Final = ("method", "mu", "tau", "target", "coverage", "mcse", "width", "replicates", "failed")

type Limits = tuple[FloatArray, FloatArray]
type Answer = tuple[dict[str, tuple[float, float]], str]
"""Limits by target, and why there are none."""


@final
@dataclass(frozen=True)
class CoverageMethod:
    """A method whose intervals are judged.

    Attributes
    ----------
    code, title : str
        Name of the option, and name in print.
    options : mapping or None
        Of ``fit(studies, engine="frequentist", ...)``; None for the Bayesian model itself.
    kinds : tuple of str
        The kinds of data it is for.
    """

    code: str
    title: str
    options: Mapping[str, object] | None
    kinds: tuple[str, ...]


COUNTED: Final = ("counts", "two-arm-counts", "rates", "two-arm-rates")
_EVERY: Final = ("estimates", *COUNTED)
METHODS: Final[Mapping[str, CoverageMethod]] = MappingProxyType(
    {
        "exact": CoverageMethod("exact", "Bayesian model, exact engine", None, _EVERY),
        "DL": CoverageMethod("DL", "DerSimonian-Laird, Wald", {"tau2_method": "DL", "ci_method": "wald"}, _EVERY),
        "hartung-knapp": CoverageMethod(
            "hartung-knapp", "REML, Hartung-Knapp", {"tau2_method": "REML", "ci_method": "hartung-knapp"}, _EVERY
        ),
        "glmm": CoverageMethod("glmm", "GLMM by maximum likelihood, Wald", {"method": "glmm"}, COUNTED),
    }
)
"""The methods by name. Their prediction intervals are those with t and k - 2 degrees of freedom."""


@final
@dataclass(frozen=True)
class CoveragePart:
    """Some replicates of a design at one (mu, tau); `cell` and `part` number them."""

    design: Design
    methods: tuple[CoverageMethod, ...]
    mu: float
    tau: float
    ci_prob: float
    seed: int
    cell: int
    part: int
    size: int


def targets_of(design: Design) -> tuple[str, ...]:
    """Return the quantities whose intervals are judged: mean or median, and the next study's."""
    return ("mu", "p_median", "p_new") if design.is_proportion else ("mu", "theta_new")


def coverage_part(job: CoveragePart) -> tuple[FloatArray, list[tuple[str, float, str]]]:
    """Return probability of coverage and width, shape (methods, replicates, targets, 2), and (method, tau, reason).

    The truth of ``mu`` and ``p_median`` is known: 0 or 1. The next study's effect has a known distribution, and the
    interval's probability under it says more than one draw.
    """
    design, rng = job.design, np.random.default_rng([job.seed, STREAM, job.cell, job.part])
    mu, tau = np.full(job.size, job.mu), np.full(job.size, job.tau)
    every = design.draw_studies(design.draw_effects(mu, tau, rng)[:, :-1], rng)
    out = np.full((len(job.methods), job.size, len(targets_of(design)), 2), np.nan)
    failures = []
    for m, method in enumerate(job.methods):
        answers = _bayesian(job, every) if method.options is None else [_classical(job, method, one) for one in every]
        for i, (limits, reason) in enumerate(answers):
            out[m, i] = [_judged(job, target, *limits.get(target, (np.nan, np.nan))) for target in targets_of(design)]
            if np.isnan(out[m, i, :, 0]).any():
                failures.append((method.code, job.tau, reason or NO_INTERVAL))
    return out, failures


def _bayesian(job: CoveragePart, every: Sequence[Studies]) -> list[Answer]:
    by_link = job.design.kernel.is_symmetric  # then limits of mu and theta_new, which cost less, are all
    names = ("mu", "theta_new") if by_link else targets_of(job.design)
    outcomes = outcomes_of(Wanted(job.design.model, job.design.measure, job.ci_prob, names), every)
    answers = [_limits(outcome) for outcome in outcomes]
    if not by_link:
        return answers
    return [(_by_link(job.design, *(limits.get(x, (nan, nan)) for x in names)), why) for limits, why in answers]


def _limits(outcome: Outcome) -> Answer:
    rows = zip(outcome.parameter, outcome.numbers, strict=True)
    return {name: (float(row[3]), float(row[4])) for name, row in rows}, "; ".join(dict.fromkeys(outcome.note))


def _by_link(design: Design, of_mu: tuple[float, float], of_new: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Return the limits of all targets from those of mu and of the next study's effect, link scale."""
    if not design.is_proportion:
        return {"mu": of_mu, "theta_new": of_new}
    median, new = LINKS[design.link].inverse(np.array([of_mu, of_new])).tolist()
    return {"mu": of_mu, "p_median": tuple(median), "p_new": tuple(new)}


def _classical(job: CoveragePart, method: CoverageMethod, studies: Studies) -> Answer:
    try:
        done = fit_classical(studies, {**(method.options or {}), "ci_prob": job.ci_prob})
        confidence, prediction = (done.lower, done.upper), done.prediction_interval
    except BayesmetaError as error:
        return {}, _without_numbers(str(error))
    return _by_link(job.design, confidence, prediction), ""


def fit_classical(studies: Studies, options: Mapping[str, object]) -> Any:
    """Fit by the frequentist engine; the type of what it returns depends on the options."""
    call: Callable[..., Any] = fit
    return call(studies, engine="frequentist", **options)


def _without_numbers(message: str) -> str:
    """Return the first clause of a message, so that those of many replicates are one."""
    return message.split(";")[0].split(", because")[0]


def _judged(job: CoveragePart, target: str, lower: float, upper: float) -> tuple[float, float]:
    """Return the probability with which an interval holds its target, and its width; nan if there is none."""
    if np.isnan(lower) or np.isnan(upper):
        return np.nan, np.nan
    design, mu, tau = job.design, np.full(2, job.mu), np.full(2, job.tau)
    link = LINKS[design.link].link if target.startswith("p_") else np.asarray
    with np.errstate(divide="ignore"):
        ends = link(np.clip(np.array([lower, upper]), *((0.0, 1.0) if target.startswith("p_") else (-np.inf, np.inf))))
    if target in ("p_new", "theta_new") and job.tau > 0.0:
        below = design.kernel.cdf(ends, mu, tau)
        return float(below[1] - below[0]), upper - lower
    truth = float(design.kernel.median(mu, tau)[0]) if target == "p_median" else job.mu
    return float(ends[0] <= truth <= ends[1]), upper - lower


def coverage_frame(jobs: Sequence[CoveragePart], results: Sequence[FloatArray]) -> pd.DataFrame:
    """Return coverage and mean width, over the replicates in which the method had an interval.

    Returns
    -------
    DataFrame
        A row per ``method``, ``mu``, ``tau`` and ``target``: ``coverage`` with its Monte-Carlo standard error ``mcse``,
        mean ``width`` on the target's scale, ``replicates``, and in how many of them the method ``failed``.
    """
    cells: dict[int, list[int]] = {}
    for i, job in enumerate(jobs):
        cells.setdefault(job.cell, []).append(i)
    rows = []
    for members in cells.values():
        job = jobs[members[0]]
        values = np.concatenate([results[i] for i in members], axis=1)
        for m, method in enumerate(job.methods):
            for t, target in enumerate(targets_of(job.design)):
                rows.append((method.code, job.mu, job.tau, target, *_averaged(values[m, :, t])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _averaged(values: FloatArray) -> tuple[float, float, float, int, int]:
    """Return coverage, its standard error, mean width, replicates and failures from (R, 2)."""
    held, width = values[~np.isnan(values[:, 0])].T
    total, answered = len(values), held.size
    if answered == 0:
        return np.nan, np.nan, np.nan, total, total
    mcse = float(held.std() / np.sqrt(answered))
    return float(held.mean()), mcse, float(width.mean()), total, total - answered


def failures_frame(failures: Sequence[tuple[str, float, str]]) -> pd.DataFrame:
    """Return how often each method had no interval at each tau, and why."""
    counted = Counter(failures).items()
    rows = [(method, tau, reason, count) for (method, tau, reason), count in counted]
    return pd.DataFrame(rows, columns=["method", "tau", "reason", "count"])
