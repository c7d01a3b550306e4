"""What does ArviZ want to see besides the draws? Log likelihood, predictions and the prior."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pymc as pm

from bayesmeta._arrays import FloatArray
from bayesmeta.nuts.beyond_build import MODERATOR
from bayesmeta.nuts.beyond_draws import next_effects
from bayesmeta.nuts.build import build_model
from bayesmeta.nuts.hyperpriors import hyperpriors
from bayesmeta.nuts.sample import quiet_log, without_observed
from bayesmeta.nuts.structure import OVERALL, Structure
from bayesmeta.result.datatree import by_study
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.resolve import resolve_prior
from bayesmeta.surface.random_effects import kernel_of
from bayesmeta.surface.simulate import observed_roles, replicate

if TYPE_CHECKING:
    from xarray import DataTree

PRIOR_DRAWS: Final = 4000
BY_DRAW: Final = ("chain", "draw")


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
        With groups ``log_likelihood`` (one variable: of two arms the sum of both), ``log_prior``,
        ``posterior_predictive``, ``predictions`` and, if all priors are proper and none is made from the studies,
        ``prior`` and ``prior_predictive``.
    """
    full = tree.copy()
    priors = {name: resolve_prior(prior, model, data) for name, prior in hyperpriors(model, structure).items()}
    with build_model(model, data, labels, structure) as built, quiet_log(), warnings.catch_warnings():
        # a potential is a prior of tau, and tau is drawn already: predictions need it no more
        warnings.filterwarnings("ignore", message="The effect of Potentials")
        # moderators that are missing for some studies are observed for the others, and are no outcome
        pm.compute_log_likelihood(full, var_names=_outcomes(built), progressbar=False)
        given = [variable.name for variable in built.free_RVs]
        full.update(pm.sample_posterior_predictive(tree, freeze_vars=given, random_seed=seed, progressbar=False))
        # a potential cannot be drawn from
        if all(prior.is_proper for prior in priors.values()) and not built.potentials:
            full.update(pm.sample_prior_predictive(draws=PRIOR_DRAWS, random_seed=seed))
    _put(full, "log_likelihood", _one_likelihood(full, data))
    _put(full, "log_prior", _log_prior(full, priors, structure))
    _put(full, "predictions", _predictions(full, model, data, structure, seed))
    _put(full, "predictions_constant_data", _sizes(data, labels))
    for group in ("posterior_predictive", "prior_predictive"):
        if group in full.children:
            _put(full, group, _both_arms(full, group, data))
    _put(full, "observed_data", _observed(data, labels))
    return without_observed(full)


def _outcomes(built: pm.Model) -> list[str]:
    return [variable.name for variable in built.observed_RVs if not variable.name.startswith(MODERATOR)]


def _put(tree: "DataTree", group: str, dataset: Any) -> None:
    tree[group] = type(tree)(dataset)


def _log_prior(tree: "DataTree", priors: dict[str, Prior], structure: Structure) -> Any:
    """Return the log prior densities of the draws of `hyperpriors`, those of coefficients by ``coef``."""
    posterior = tree["posterior"].to_dataset()
    found = posterior[[]]
    of_beta = [prior for name, prior in priors.items() if name.startswith("beta[")]
    if structure.beyond:
        found = found.assign(_vector_densities(posterior, priors, structure))
    for name, prior in priors.items():
        if name in posterior and name not in found:
            found[name] = (posterior[name].dims, prior.logpdf(np.asarray(posterior[name])))
    if of_beta:
        values = np.asarray(posterior["beta"])
        log_density = np.stack([prior.logpdf(values[..., i]) for i, prior in enumerate(of_beta)], axis=-1)
        found = found.assign_coords(coef=list(structure.coef))
        found["beta"] = ((*BY_DRAW, "coef"), log_density)
    dims = {name for variable in found.data_vars.values() for name in variable.dims}
    return found.drop_vars([name for name in found.coords if name not in dims])


def _vector_densities(posterior: Any, priors: dict[str, Prior], structure: Structure) -> dict[str, Any]:
    """Return the log prior densities of SDs by outcome and of alpha."""
    correlated, scale = structure.beyond.correlated, structure.beyond.scale
    labelled = [("tau", correlated.outcomes)] if correlated is not None else []
    labelled += [("alpha", scale.coef)] if scale is not None else []
    found = {}
    for name, labels in labelled:
        values = np.asarray(posterior[name])
        each = [priors[f"{name}[{label}]"].logpdf(values[..., i]) for i, label in enumerate(labels)]
        found[name] = (posterior[name].dims, np.stack(each, axis=-1))
    return found


def _one_likelihood(tree: "DataTree", data: Observed) -> Any:
    """Return the log likelihood of each study: of two binomial arms the sum of both."""
    dataset = tree["log_likelihood"].to_dataset()
    name = observed_roles(data)[0]
    return dataset[[]].assign({name: sum(dataset[each] for each in dataset.data_vars)})


def _predictions(tree: "DataTree", model: ModelSpec, data: Observed, structure: Structure, seed: int) -> Any:
    """Return data of new studies, of the size and the moderators of each study: ``events_new`` or ``y_new``."""
    posterior, rng = tree["posterior"].to_dataset(), np.random.default_rng(seed)
    if structure.beyond:
        theta = next_effects(model, structure, posterior, rng)
    else:
        theta = _next_effects(model, structure, posterior, rng)
    shape, k = (posterior.sizes["chain"], posterior.sizes["draw"]), posterior.sizes["study"]
    made = replicate(model, data, theta, rng, new=True)
    variables = {
        f"{role}_new": ((*BY_DRAW, "study"), by_study(role, values).values.T.reshape(*shape, k))
        for role, values in made.items()
    }
    return posterior[["theta"]].assign(variables).drop_vars("theta")


def _next_effects(model: ModelSpec, structure: Structure, posterior: Any, rng: np.random.Generator) -> FloatArray:
    """Return effects of next studies with the moderators of each study, shape (k, draws of all chains)."""
    shape, k = (posterior.sizes["chain"], posterior.sizes["draw"]), posterior.sizes["study"]

    def by_study_first(name: str, default: float = 0.0) -> FloatArray:
        values = np.asarray(posterior[name]) if name in posterior else np.full(shape, default)
        if values.ndim == 3 and name == "tau":
            values = values @ structure.matrix.T
        return np.broadcast_to(values.reshape(shape[0] * shape[1], -1).T, (k, shape[0] * shape[1]))

    eta = by_study_first("mu" if structure.design is None else "eta")
    return kernel_of(model).draw(eta, by_study_first("tau"), rng)


def _both_arms(tree: "DataTree", group: str, data: Observed) -> Any:
    """Return replicates of both arms: given the events of both, those of the control arm are what is left."""
    dataset = tree[group].to_dataset()
    dataset = dataset.drop_vars([name for name in dataset.data_vars if str(name).startswith(MODERATOR)])
    if isinstance(data, Estimates) or "events_control" not in data.data or "events_control" in dataset:
        return dataset
    total = (data.data["events_treatment"] + data.data["events_control"]).astype(np.int64)
    return dataset.assign(events_control=total - dataset["events_treatment"])


def _observed(data: Observed, labels: Sequence[str]) -> Any:
    return _dataset({role: _arrays(data)[role] for role in observed_roles(data)}, labels)


def _sizes(data: Observed, labels: Sequence[str]) -> Any:
    seen = observed_roles(data)
    return _dataset({f"{role}_new": values for role, values in _arrays(data).items() if role not in seen}, labels)


def _arrays(data: Observed) -> dict[str, FloatArray]:
    return {"y": data.y, "se": data.se} if isinstance(data, Estimates) else dict(data.data)


def _dataset(arrays: dict[str, FloatArray], labels: Sequence[str]) -> Any:
    import xarray as xr

    variables = {role: ("study", by_study(role, values).values) for role, values in arrays.items()}
    return xr.Dataset(variables, coords={"study": list(labels)})
