"""How are the parts of a regression solved, all of them or without one study?"""

from collections.abc import Sequence

import numpy as np

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.errors import AccuracyError
from bayesmeta.exact.joint import Joint, solve_jointly
from bayesmeta.exact.parts import Regression
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.solve import TOLERANCE
from bayesmeta.exact.summary import worst_error

type Pair = tuple[Quantities, Quantities]
"""A posterior at the finer and the coarser resolution."""


def solve_parts(
    regression: Regression,
    parts: Sequence[IntArray],
    targets: Sequence[FloatArray],
    names: tuple[str, ...],
    wanted: int,
) -> Joint:
    """Solve the parts together until the first ``wanted`` are accurate in ``names``; without names, the evidence."""
    unit = np.eye(len(regression.coef))
    goals = list(targets) or [unit[part[0]] for part in parts]
    problems = [regression.problem(part, goal) for part, goal in zip(parts, goals, strict=True)]

    def error(part: int, fine: Quantities, coarse: Quantities) -> float:
        if not names:
            return abs(fine.posterior.log_evidence - coarse.posterior.log_evidence) / TOLERANCE
        return worst_error(fine, coarse, names) if part < wanted else 0.0

    try:
        return solve_jointly(problems, error)
    except AccuracyError as problem:
        raise AccuracyError(regression.explained(str(problem))) from None


def pairs(joint: Joint) -> list[Pair]:
    """Return each part at both resolutions."""
    return list(zip(joint.fine, joint.coarse, strict=True))


def leave_each_out(regression: Regression, whole: Pair) -> tuple[FloatArray, FloatArray]:
    """Return log p(data_i | all other studies) of every study, and its numerical error, shape (k,) each.

    Parameters
    ----------
    regression : Regression
        All studies.
    whole : Pair
        The posterior of one of its parts, for the evidence of all studies.
    """
    evidence = np.array([part.posterior.log_evidence for part in whole])
    rest = np.zeros((regression.k, 2))
    for i in range(regression.k):
        without = regression.without(i)
        if without.k:
            joint = solve_parts(without, without.parts(), [], (), 1)
            rest[i] = [part[0].posterior.log_evidence for part in (joint.fine, joint.coarse)]
    return evidence[0] - rest[:, 0], np.abs(evidence[0] - evidence[1]) + np.abs(rest[:, 0] - rest[:, 1])
