"""Is the posterior calibrated over the prior? Where true values lie in their posteriors (simulation-based calibration).

Truths are drawn from the priors and data from the model; then the posterior distribution function at the truth is
uniform (Talts et al. 2018, doi:10.48550/arXiv.1804.06788). An exact engine has that function itself, so there are no
ranks among draws, and no draws to thin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import FloatArray
from bayesmeta.analyses.calibrate_simulate import Design
from bayesmeta.analyses.calibrate_uniformity import TESTS, holm
from bayesmeta.data.studies import Studies
from bayesmeta.errors import BayesmetaError
from bayesmeta.exact.fit import fit_exact, pose_model
from bayesmeta.exact.solve import Problem
from bayesmeta.exact.together import probabilities_together
from bayesmeta.spec.model import ModelSpec

FAMILY_WISE: Final = 1e-3
"""The adjusted P-value below which a posterior is said not to be calibrated."""
STREAM: Final = 1
"""Which numbers of a seed are drawn here; those of the coverage are others."""
FEWEST: Final = 10
"""Values of which uniformity can be tested."""
UNIFORM, NOT_UNIFORM, UNTESTED = "uniform", "not uniform", "not tested"


@final
@dataclass(frozen=True)
class SbcPart:
    """Some replicates: of ``design`` by its own model, fitted by ``model``."""

    design: Design
    model: ModelSpec
    seed: int
    part: int
    size: int


def sbc_part(job: SbcPart) -> tuple[pd.DataFrame, list[str]]:
    """Return the probabilities of the truths, a row per replicate, and why there are none where they are missing."""
    design, rng = job.design, np.random.default_rng([job.seed, STREAM, job.part])
    prior_mu, prior_tau = design.priors
    mu = prior_mu.rvs(job.size, seed=rng)
    tau = prior_tau.rvs(job.size, seed=rng) if design.model.has_tau else np.zeros(job.size)
    theta = design.draw_effects(mu, tau, rng)
    truth = design.quantities(mu, tau, theta[:, -1])
    every = design.draw_studies(theta[:, :-1], rng)
    posed = [_posed(studies, job.model, design.measure) for studies in every]
    at = [i for i, problem in enumerate(posed) if problem is not None]
    pit, failures = np.full((job.size, len(truth)), np.nan), []
    problems = [problem for problem in posed if problem is not None]
    pit[at] = probabilities_together(problems, {name: values[at] for name, values in truth.items()})
    for i in np.flatnonzero(np.isnan(pit).any(axis=1)):
        try:
            pit[i] = _alone(every[i], job.model, design.measure, {name: x[i] for name, x in truth.items()})
        except BayesmetaError as error:
            failures.append(str(error))
    return pd.DataFrame(pit, columns=list(truth)), failures


def _posed(studies: Studies, model: ModelSpec, measure: str | None) -> Problem | None:
    """Return what is to be integrated; None where a fit will say why there is nothing."""
    try:
        return pose_model(studies, model, measure=measure)[0]
    except BayesmetaError:
        return None


def _alone(studies: Studies, model: ModelSpec, measure: str | None, truth: dict[str, float]) -> FloatArray:
    fit = fit_exact(studies, model, measure=measure)
    return np.array([float(fit.marginal(name).cdf(value)) for name, value in truth.items()])


def sbc_frame(pit: pd.DataFrame) -> pd.DataFrame:
    """Return the tests of uniformity of each quantity.

    Parameters
    ----------
    pit : DataFrame
        Posterior probabilities of the truths, a column for each quantity; missing where there was no answer.

    Returns
    -------
    DataFrame
        A row per ``quantity`` and ``test``: ``statistic``, ``pvalue``, ``replicates``, how many of them
        ``failed``, ``pvalue_holm`` and ``verdict``.
    """
    rows = []
    for quantity, column in pit.items():
        u = column.dropna().to_numpy()
        for name, test in TESTS.items():
            statistic, pvalue = test(u) if u.size >= FEWEST else (np.nan, np.nan)
            rows.append((quantity, name, statistic, pvalue, len(column), len(column) - u.size))
    return with_verdicts(
        pd.DataFrame(rows, columns=["quantity", "test", "statistic", "pvalue", "replicates", "failed"])
    )


def with_verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``pvalue_holm``, adjusted for all rows, and the ``verdict`` it gives."""
    adjusted = holm(frame["pvalue"])
    verdict: Sequence[str] = np.where(
        np.isnan(adjusted), UNTESTED, np.where(adjusted > FAMILY_WISE, UNIFORM, NOT_UNIFORM)
    ).tolist()
    return frame.assign(pvalue_holm=adjusted, verdict=verdict)
