"""What do subsets of the studies, or other priors, say by NUTS? A refit for each, without compiling anew."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from bayesmeta._arrays import BoolArray
from bayesmeta.analyses.parts import BAYESIAN, NONE_LEFT, Parts
from bayesmeta.errors import BayesmetaError
from bayesmeta.exact.fit import check_proper
from bayesmeta.exact.regression import check_proper_regression
from bayesmeta.nuts.estimates import DIAGNOSTICS
from bayesmeta.nuts.fit import NutsFit
from bayesmeta.nuts.hyperpriors import hyperpriors
from bayesmeta.nuts.part import fit_part
from bayesmeta.nuts.refits import Refit, Refitted, sample_each
from bayesmeta.spec.model import ModelSpec

QUICKER: Final = "engine='exact' answers this model in milliseconds"


def sample_parts(fit: NutsFit, include: BoolArray, ci_prob: float, *, what: str, quiet: bool) -> Parts:
    """Summarise subsets of a fit's studies; see `summarise_parts`."""
    refits = [_refit(fit, mask) for mask in include]
    return rows_of(fit, sample_each(refits, seed=fit.seed, what=what, quiet=quiet), ci_prob)


def rows_of(fit: NutsFit, refitted: Sequence[Refitted], ci_prob: float) -> Parts:
    """Return the summaries of refits, in their order."""
    columns = (*BAYESIAN, *DIAGNOSTICS)
    values = np.full((len(refitted), len(fit.parameters), len(columns)), np.nan)
    for i, one in enumerate(refitted):
        if one.fit is not None:
            values[i] = one.fit.summary(ci_prob=ci_prob)[list(columns)].to_numpy()
    note = [one.note for one in refitted]
    reliable = np.array([one.fit is not None and one.fit.is_reliable for one in refitted])
    return Parts(
        fit.parameters, columns, values, None, None, None, None, note, reliable, QUICKER if _has_exact(fit) else ""
    )


def why_improper(fit: NutsFit, model: ModelSpec, include: BoolArray) -> str:
    """Return why prior and data of some studies define no posterior; empty if they do."""
    if all(prior.is_proper for prior in hyperpriors(model, fit.structure).values()):
        return ""
    check = check_proper if model.formula is None else check_proper_regression
    studies = fit.studies.take(include)
    try:
        check(studies, model, measure=None if studies.y is not None else fit.measure)
    except BayesmetaError as error:
        return str(error)
    return ""


def _refit(fit: NutsFit, include: BoolArray) -> Refit:
    if not include.any():
        return NONE_LEFT
    if include.all():
        return fit
    return why_improper(fit, fit.model, include) or partial(_sample, fit, include)


def _sample(fit: NutsFit, include: BoolArray, seed: int) -> NutsFit:
    return fit_part(fit, include, seed=seed)


def _has_exact(fit: NutsFit) -> bool:
    """Return whether the exact engine has the same analysis: it does not leave studies of a regression out."""
    return fit.design is None and fit.verification is not None and not fit.verification.reason
