"""What follows from the draws of mean and heterogeneity? All other variables of the model, computed after sampling.

They cost the sampler time at every draw if they are part of what it samples, and nothing it does depends on them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.effects.links import LINKS
from bayesmeta.nuts.conditional import draw_standardised
from bayesmeta.nuts.mean_rule import mean_of_proportions
from bayesmeta.nuts.structure import Structure
from bayesmeta.result.quantity import is_proportion
from bayesmeta.spec.beyond import fixed_nu
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Observed

if TYPE_CHECKING:
    from xarray import DataTree

BY_DRAW: Final = ("chain", "draw")
OF_FORMS: Final = ("w", "u", "s", "theta_mean")  # variables of `bayesmeta.nuts.forms` that other forms do not have
CONTAINERS: Final = ("rough_y", "rough_v")


def complete(
    tree: "DataTree", model: ModelSpec, data: Observed, labels: Sequence[str], structure: Structure, seed: int
) -> "DataTree":
    """Return the draws with every variable that `build_model` has in its non-centred form.

    Parameters
    ----------
    tree : xarray.DataTree
        Draws of the model in any form, lean or not; its effects are not beta.
    model, data, labels, structure
        What the model is built from.
    seed : int
        Source of randomness: of the next study, and of effects that were integrated out.

    Returns
    -------
    xarray.DataTree
        With ``z``, ``theta``, ``z_new``, ``theta_new`` and, for proportions, ``p``, ``p_median``, ``p_mean``,
        ``p_new`` in the posterior; those of the next study unless moderators decide its mean.
    """
    rng = np.random.default_rng([seed, 1])
    posterior = tree["posterior"].to_dataset().drop_vars(OF_FORMS, errors="ignore").assign_coords(study=list(labels))
    made = _of_studies(posterior, model, data, structure, rng)
    made |= _of_next(posterior, model, data.link, structure, rng)
    if is_proportion(data.link):
        made["p"] = ((*BY_DRAW, "study"), LINKS[data.link].inverse(made["theta"][1]))
    tree = tree.copy()
    tree["posterior"] = tree["posterior"].from_dict({"/": posterior.assign(made)})
    if "constant_data" in tree.children:
        constant = tree["constant_data"].to_dataset().drop_vars(CONTAINERS, errors="ignore")
        tree["constant_data"] = tree["constant_data"].from_dict({"/": constant})
    return tree


def _of_studies(
    posterior: Any, model: ModelSpec, data: Observed, structure: Structure, rng: np.random.Generator
) -> dict[str, Any]:
    """Return ``theta`` and, if the studies differ, ``z``, each with its dimensions."""
    dims = (*BY_DRAW, "study")
    eta = _by_study(posterior["mu" if structure.design is None else "eta"], structure)
    if not model.has_tau:
        return {"theta": (dims, eta + np.zeros(posterior.sizes["study"]))}
    tau = _by_study(posterior["tau"], structure)
    if "z" in posterior:
        return {"theta": (dims, eta + tau * np.asarray(posterior["z"]))}
    if "theta" in posterior:
        theta = np.asarray(posterior["theta"])
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"theta": (dims, theta), "z": (dims, np.where(tau > 0.0, (theta - eta) / tau, 0.0))}
    z = draw_standardised(model, data, eta, tau, rng)
    return {"theta": (dims, eta + tau * z), "z": (dims, z)}


def _of_next(
    posterior: Any, model: ModelSpec, link: str, structure: Structure, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what there is of the next study, or that of each group, with dimensions."""
    if structure.design is not None and not structure.groups:
        return {}
    dims = (*BY_DRAW, "level") if structure.groups else BY_DRAW
    mean = np.asarray(posterior["beta" if structure.groups else "mu"])
    tau, theta_new = np.zeros_like(mean), mean
    found: dict[str, Any] = {}
    if model.has_tau:
        tau = np.asarray(posterior["tau"])
        tau = tau if tau.ndim == mean.ndim else tau[..., None]
        z_new = rng.standard_t(fixed_nu(model.nu), mean.shape) if model.nu else rng.standard_normal(mean.shape)
        theta_new, found["z_new"] = mean + tau * z_new, (dims, z_new)
    found["theta_new"] = (dims, theta_new)
    if not is_proportion(link):
        return found
    inverse = LINKS[link].inverse
    if "p_median" not in posterior:  # with a beta prior it is sampled
        found["p_median"] = (dims, inverse(mean))
    found["p_mean"] = (dims, mean_of_proportions(model, link, mean, np.broadcast_to(tau, mean.shape)))
    found["p_new"] = (dims, inverse(theta_new))
    return found


def _by_study(values: Any, structure: Structure) -> FloatArray:
    """Return draws as (chain, draw, study), or (chain, draw, 1) if they are the same for all."""
    array = np.asarray(values)
    if array.ndim == 2:
        return array[..., None]
    return array @ structure.matrix.T if "level" in values.dims else array
