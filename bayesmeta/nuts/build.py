"""What is the model in PyMC? As a statistician would write it, with named dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm

from bayesmeta.data.studies import Studies
from bayesmeta.nuts.priors import add_priors
from bayesmeta.nuts.scope import check_sampled
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Counts, Observed, check_studies, model_for, observed_by

# The trapezoid rule for the mean of invlogit(mu + tau z) over a standard normal z: with this step its error is
# exp(-2 pi^2 / (0.02 tau)), below 1e-8 up to tau = 50, and the normal mass beyond its ends is 1e-15.
Z_ENDS = 8.0
Z_NODES = 801


def pymc_model(studies: Studies, model: ModelSpec | None = None, *, measure: str | None = None) -> pm.Model:
    """Return the PyMC model that ``engine="nuts"`` samples, to look at or to extend.

    Parameters
    ----------
    studies : Studies
        The data.
    model : ModelSpec, optional
        As in `bayesmeta.fit`.
    measure : str, optional
        For the normal likelihood with counts: the effect measure they are turned into (default "PLO").

    Returns
    -------
    pymc.Model
        See `build_model`.

    Raises
    ------
    SpecError
        If model and data do not go together, or only the exact engine knows the model.
    """
    check_studies(studies)
    chosen = model_for(studies, model)
    check_sampled(chosen)
    return build_model(chosen, observed_by(chosen, studies, measure=measure), studies.study)


def build_model(model: ModelSpec, data: Observed, labels: Sequence[str]) -> pm.Model:
    """Return the PyMC model of a specification and data.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    labels : sequence of str
        The studies.

    Returns
    -------
    pymc.Model
        Free variables ``mu`` (or ``p_median``, if the prior is on the proportion), ``tau``, ``z`` (standardised
        study effects) and ``z_new``; deterministic ``theta`` and ``theta_new``, and for proportions ``p``,
        ``p_median``, ``p_mean``, ``p_new``; observed ``events`` with data ``n``, or ``y`` with data ``se``.
        Dimension ``study``.

    Notes
    -----
    theta_i = mu + tau z_i with z_i ~ Normal(0, 1): the non-centred form of theta_i ~ Normal(mu, tau), which
    NUTS explores without divergences where tau may be close to 0.
    """
    with pm.Model(coords={"study": list(labels)}) as built:
        mu, tau = add_priors(model, data)
        z = pm.Normal("z", 0, 1, dims="study")
        theta = pm.Deterministic("theta", mu + tau * z, dims="study")
        theta_new = pm.Deterministic("theta_new", mu + tau * pm.Normal("z_new", 0, 1))
        if data.link == "logit":
            _add_proportions(built, mu, tau, theta, theta_new)
        if isinstance(data, Counts):
            events, n = data.events.astype(np.int64), pm.Data("n", data.n.astype(np.int64), dims="study")
            pm.Binomial("events", n=n, logit_p=theta, observed=events, dims="study")
        else:
            pm.Normal("y", theta, pm.Data("se", data.se, dims="study"), observed=data.y, dims="study")
    return built


def _add_proportions(built: pm.Model, mu: Any, tau: Any, theta: Any, theta_new: Any) -> None:
    """Add the studies' own proportions and the three that summarise them."""
    z = np.linspace(-Z_ENDS, Z_ENDS, Z_NODES)
    weight = np.exp(-0.5 * z**2)
    pm.Deterministic("p", pm.math.invlogit(theta), dims="study")
    if "p_median" not in built.named_vars:
        pm.Deterministic("p_median", pm.math.invlogit(mu))
    pm.Deterministic("p_mean", pm.math.dot(pm.math.invlogit(mu + tau * z), weight / weight.sum()))
    pm.Deterministic("p_new", pm.math.invlogit(theta_new))
