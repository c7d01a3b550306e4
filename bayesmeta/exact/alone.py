"""What does a posterior say that shares no grid? Its own solution, and its distance from another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.functionals import Axes
from bayesmeta.exact.knots import Knots, place
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import Problem, solve
from bayesmeta.exact.summary import EVIDENCE_FLOOR, summary_rows, worst_error
from bayesmeta.exact.tables import SMALLEST_SD, TAU_KNOTS, WHOLE, Density


@final
@dataclass(frozen=True, eq=False)
class Alone:
    """One posterior's summary from a grid of its own.

    Attributes
    ----------
    values, error : array, shape (N, 5) and (N,)
        As in `Summaries`.
    log_evidence, log_evidence_error : float
        As in `Summaries`.
    fine, coarse : Quantities
        The solution.
    """

    values: FloatArray
    error: FloatArray
    log_evidence: float
    log_evidence_error: float
    fine: Quantities
    coarse: Quantities


def solve_alone(problem: Problem, names: Sequence[str], *, ci_prob: float) -> Alone:
    """Solve one problem and summarise it.

    Raises
    ------
    AccuracyError
        If it cannot be computed accurately.
    """
    solution = solve(problem, lambda fine, coarse: worst_error(fine, coarse, names))
    frame = summary_rows(solution.fine, solution.coarse, names, ci_prob=ci_prob, ci_kind="eti")
    log_evidence, other = (part.posterior.log_evidence for part in (solution.fine, solution.coarse))
    return Alone(
        values=frame.iloc[:, :5].to_numpy(),
        error=frame["numerical_error"].to_numpy(),
        log_evidence=log_evidence,
        log_evidence_error=EVIDENCE_FLOOR + abs(log_evidence - other),
        fine=solution.fine,
        coarse=solution.coarse,
    )


def place_of(quantities: Quantities, axes: Axes, base: str) -> tuple[FloatArray, FloatArray]:
    """Return rough mean and SD, each (1,), of a base quantity in its knots' coordinate; (0,) if it lies outside."""
    points, cdf = quantities.start(base)
    v = axes[base].coordinate(points)
    inside = np.isfinite(v)
    v, weight = v[inside], np.diff(cdf, prepend=0.0)[inside]
    if not weight.sum() > 0.0:
        return np.empty(0), np.empty(0)
    mean = weight @ v / weight.sum()
    sd = np.sqrt(weight @ (v - mean) ** 2 / weight.sum())
    return np.array([mean]), np.maximum(np.array([sd]), SMALLEST_SD * (1.0 + abs(mean)))


def knots_of(both: tuple[Quantities, Quantities], axes: Axes, base: str, *, finer: float) -> Knots:
    """Return knots that hold all of two distributions."""
    if base == "tau":  # the nodes of tau follow its own density already
        q = [axes[base].coordinate(part.posterior.surface.grid.tau) for part in both]
        nodes = [part[np.isfinite(part)] for part in q if np.isfinite(part).sum() > 1]
        step = min(float(np.diff(part).min()) for part in nodes[:1]) / (finer * TAU_KNOTS)
        ends = min(part[0] for part in nodes), max(part[-1] for part in nodes)
        return Knots(np.linspace(*ends, int(np.ceil((ends[1] - ends[0]) / step)) + 1))
    mean, sd = (np.concatenate(part) for part in zip(*(place_of(part, axes, base) for part in both), strict=True))
    return place(mean, sd, reach=WHOLE, finer=finer)


def density_at(quantities: Quantities, axes: Axes, base: str, knots: Knots) -> Density:
    """Return the density of a base quantity of a solution at some knots."""
    x = axes[base].value(knots.at)
    cdf, pdf = quantities.base(base)(x)
    slope = np.exp(axes[base].log_jacobian(knots.at))
    tails = np.clip([[cdf[0], 1.0 - cdf[-1]]], 0.0, 1.0)
    return Density(np.where(slope > 0.0, np.maximum(pdf, 0.0) * slope, 0.0)[None], tails)
