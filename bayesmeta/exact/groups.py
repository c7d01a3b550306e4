"""What is known of several groups of studies, each with its own mean, and tau separate, common or tied by a hierarchy?

In every case there is something given which the groups are independent: with separate tau nothing, with a common tau
tau itself, in a hierarchy its hyperparameters (`hierarchy`). `Mixture` holds the posterior of that, and, given it, the
posterior of each group's tau on the nodes of its grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray, IntArray
from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact, pose_model
from bayesmeta.exact.hierarchy import Omega, solve_hierarchy
from bayesmeta.exact.joint import solve_jointly
from bayesmeta.exact.parts import Regression
from bayesmeta.exact.quantities import Quantities
from bayesmeta.exact.regression import RegressionFit
from bayesmeta.exact.summary import EVIDENCE_FLOOR, summary_rows, worst_error
from bayesmeta.result.quantity import summary_rows_of
from bayesmeta.spec.model import ModelSpec


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """Given what the groups are independent.

    Parameters
    ----------
    weight : array, shape (H,)
        Posterior probabilities.
    given : tuple of array, each of shape (H, J)
        For each group the probabilities of its nodes of tau.
    """

    weight: FloatArray
    given: tuple[FloatArray, ...]


@final
@dataclass(frozen=True, eq=False)
class Groups:
    """The posteriors of groups of studies, at two resolutions.

    Parameters
    ----------
    labels : tuple of str
        Names of the groups.
    link : str
        What mu is a function of.
    tau : {"separate", "common", "hierarchical"}
        How heterogeneity is shared.
    fine, coarse : tuple of Quantities
        One for each group.
    mixtures : tuple of Mixture
        At the finer and the coarser resolution.
    log_evidence : float or None
        Of all groups together; None if a prior is improper.
    log_evidence_error : float
        Its numerical error.
    """

    labels: tuple[str, ...]
    link: str
    tau: str
    fine: tuple[Quantities, ...]
    coarse: tuple[Quantities, ...]
    mixtures: tuple[Mixture, Mixture]
    log_evidence: float | None
    log_evidence_error: float

    def summary(self, group: int, *, ci_prob: float = 0.95, ci_kind: str = "eti") -> pd.DataFrame:
        """Return the rows of one group; columns as in `ExactFit.summary`."""
        names = summary_rows_of(self.link)
        return summary_rows(self.fine[group], self.coarse[group], names, ci_prob=ci_prob, ci_kind=ci_kind)


def fit_groups(
    studies: Studies,
    model: ModelSpec,
    members: Sequence[IntArray],
    labels: Sequence[str],
    *,
    tau: str,
    omega: Omega,
    measure: str | None = None,
) -> Groups:
    """Fit groups of studies together.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec
        Without a formula; the prior of mu is that of each group's mean.
    members : sequence of array of int
        Positions of the studies of each group.
    labels : sequence of str
        Their names.
    tau : {"separate", "common", "hierarchical"}
        How heterogeneity is shared.
    omega : Omega
        Of the hierarchy.
    measure : str, optional
        As in `fit_exact`.

    Raises
    ------
    ImproperPosteriorError, AccuracyError, SpecError
        As `fit_exact`.
    """
    if tau == "separate":
        fits = [fit_exact(studies.take(part), model, measure=measure) for part in members]
        pairs = [(fit.solution.fine, fit.solution.coarse) for fit in fits]
        fine, coarse = (tuple(pair[i] for pair in pairs) for i in range(2))
        evidence = [fit.log_evidence for fit in fits]
        total = None if None in evidence else float(np.sum([value for value in evidence if value is not None]))
        error = float(sum(fit.log_evidence_error for fit in fits))
        mixtures = _independent(fine), _independent(coarse)
        return Groups(tuple(labels), fits[0].link, tau, fine, coarse, mixtures, total, error)
    regression = _pose(studies, model, members, labels, measure)
    data = regression.data
    unit = np.eye(len(members))
    problems = [regression.problem(np.array([i]), unit[i]) for i in range(len(members))]
    names = summary_rows_of(data.link)

    def error_of(_: int, fine: Quantities, coarse: Quantities) -> float:
        return worst_error(fine, coarse, names)

    proper = model.mu.is_proper and model.tau.is_proper
    if tau == "common":
        joint = solve_jointly(problems, error_of)
        mixtures = _common(joint.fine), _common(joint.coarse)
    else:
        joint, (weights, roughly) = solve_hierarchy(problems, omega, error_of)
        mixtures = Mixture(*weights), Mixture(*roughly)
    both = [part[0].posterior.log_evidence for part in (joint.fine, joint.coarse)]
    evidence_error = EVIDENCE_FLOOR + abs(both[0] - both[1])
    return Groups(
        tuple(labels), data.link, tau, joint.fine, joint.coarse, mixtures, both[0] if proper else None, evidence_error
    )


def check_proper_groups(
    studies: Studies,
    model: ModelSpec,
    members: Sequence[IntArray],
    labels: Sequence[str],
    *,
    measure: str | None = None,
) -> None:
    """Raise `ImproperPosteriorError` if groups with a common tau have no posterior, whatever is to compute it."""
    regression = _pose(studies, model, members, labels, measure)
    for target in np.eye(len(members)):
        regression.orders(target)


def _pose(
    studies: Studies, model: ModelSpec, members: Sequence[IntArray], labels: Sequence[str], measure: str | None
) -> Regression:
    """Return the regression on the groups."""
    base, data = pose_model(studies, model, measure=measure)
    design = np.zeros((studies.k, len(members)))
    for column, part in enumerate(members):
        design[part, column] = 1.0
    return Regression(base, data, design, tuple(labels), (base.prior_mu,) * len(members), False)


def groups_of_fit(fit: RegressionFit) -> Groups:
    """Return the groups of a fit whose formula codes them by cell means."""
    fine, coarse = (tuple(pair[i] for pair in fit.posteriors) for i in range(2))
    return Groups(
        fit.groups, fit.link, "common", fine, coarse, (_common(fine), _common(coarse)), fit.log_evidence,
        fit.log_evidence_error,
    )  # fmt: skip


def _common(parts: Sequence[Quantities]) -> Mixture:
    """Return the mixture over the nodes of a common tau."""
    weight = parts[0].posterior.weight_tau
    keep = np.unique(np.concatenate([part.posterior.rows for part in parts]))
    given = np.eye(weight.size)[keep]
    return Mixture(weight[keep] / weight[keep].sum(), (given,) * len(parts))


def _independent(parts: Sequence[Quantities]) -> Mixture:
    """Return the mixture of groups that share nothing."""
    return Mixture(np.ones(1), tuple(part.posterior.weight_tau[None] for part in parts))
