"""What does ArviZ want to see besides the draws? Log likelihood, predictions and the prior."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pymc as pm

from bayesmeta.nuts.build import build_model
from bayesmeta.nuts.sample import quiet_log, without_observed
from bayesmeta.nuts.structure import OVERALL, Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed

if TYPE_CHECKING:
    from xarray import DataTree

PRIOR_DRAWS = 4000


def add_groups(
    tree: "DataTree",
    model: ModelSpec,
    data: Observed,
    labels: Sequence[str],
    seed: int,
    structure: Structure = OVERALL,
) -> "DataTree":
    """Return a copy of the sampler's tree with what can be computed from it.

    Parameters
    ----------
    tree : xarray.DataTree
        Draws of the model.
    model, data, labels
        What the PyMC model is built from.
    seed : int
        Source of randomness of the predictions.
    structure : Structure
        What the studies share.

    Returns
    -------
    xarray.DataTree
        With groups ``log_likelihood``, ``posterior_predictive`` and, if all priors are proper and none is
        made from the studies, ``prior`` and ``prior_predictive``.
    """
    full = tree.copy()
    with build_model(model, data, labels, structure) as built, quiet_log(), warnings.catch_warnings():
        # a potential is a prior of tau, and tau is drawn already: predictions need it no more
        warnings.filterwarnings("ignore", message="The effect of Potentials")
        pm.compute_log_likelihood(full, progressbar=False)
        given = [variable.name for variable in built.free_RVs]
        full.update(pm.sample_posterior_predictive(tree, freeze_vars=given, random_seed=seed, progressbar=False))
        # a potential cannot be drawn from
        priors = *structure.priors(model), model.tau
        if all(prior.is_proper for prior in priors) and not built.potentials:
            full.update(pm.sample_prior_predictive(draws=PRIOR_DRAWS, random_seed=seed))
    return without_observed(full)
