"""Which numbers does the PyMC model of a specification take? Data and prior parameters, as containers (`pymc.Data`).

With other numbers of the same shapes in them a model that is compiled already is another analysis: other studies, or
other parameters of the same families of priors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import pymc as pm

from bayesmeta._arrays import FloatArray
from bayesmeta.errors import DataError
from bayesmeta.nuts.beyond import Beyond
from bayesmeta.nuts.parametrisations import NON_CENTRED, ROUGH
from bayesmeta.nuts.rough import rough_effects
from bayesmeta.nuts.structure import Structure
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.observed import Estimates, Observed
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.resolve import resolve_prior

OBSERVED: Final = "_observed"
"""What follows the name of an observed variable in that of the container of its data."""
LARGEST_COUNT: Final = 2**31 - 1  # `pymc.Data` makes int32 of whole numbers, and wraps those that are larger


@final
@dataclass(frozen=True)
class Number:
    """What one container holds.

    Attributes
    ----------
    value : array
        Its value; whole numbers where they count something.
    dims : tuple of str
        Names of its dimensions.
    """

    value: Any
    dims: tuple[str, ...]


def numbers_of(model: ModelSpec, data: Observed, structure: Structure, *, form: str = NON_CENTRED) -> dict[str, Number]:
    """Return what the containers of the PyMC model hold, by their names.

    Parameters
    ----------
    model : ModelSpec
        The model.
    data : Counts or Estimates
        What it sees of the studies.
    structure : Structure
        What the studies share.
    form : str
        The form of the study effects.

    Returns
    -------
    dict
        The data: those of the likelihood by their roles, the observed ones ``events_observed`` and so on, and
        ``design`` (study, coef); partially centred or integrated out also ``rough_y`` and ``rough_v``, where they lie
        and how wide they are, on which the posterior does not depend. The parameters of priors: ``prior_tau_sigma``
        and so on, of coefficients (coef,).

    Raises
    ------
    SpecError
        If a prior does not go with the data.
    """
    found = {name: Number(value, ("study",)) for name, value in _DATA[model.likelihood](data).items()}
    if structure.design is not None:
        found["design"] = Number(structure.matrix, ("study", "coef"))
    if form in ROUGH:
        found |= {
            name: Number(value, ("study",))
            for name, value in zip(("rough_y", "rough_v"), rough_effects(model, data), strict=True)
        }
    return found | _prior_numbers(model, data, structure)


def containers(numbers: Mapping[str, Number]) -> dict[str, Any]:
    """Add the containers to the PyMC model whose context is open, and return them by name."""
    return {name: pm.Data(name, number.value, dims=number.dims or None) for name, number in numbers.items()}


def parameters_in(held: Mapping[str, Any], prefix: str, prior: Prior) -> dict[str, Any]:
    """Return the containers of the parameters of one prior, by PyMC's names."""
    return {key: held[f"{prefix}_{key}"] for key in prior.parameters}


def alike(priors: tuple[Prior, ...]) -> bool:
    """Return whether priors are of one family, in one form, so that they are one vector in PyMC."""
    return len({(prior.name, tuple(prior.parameters)) for prior in priors}) == 1


def _prior_numbers(model: ModelSpec, data: Observed, structure: Structure) -> dict[str, Number]:
    found: dict[str, Number] = {}
    priors = tuple(resolve_prior(prior, model, data) for prior in structure.priors(model))
    if structure.design is None:
        found |= _scalars("prior_mu", priors[0])
    else:
        found |= _vectors("beta", priors, structure.coef, "coef")
    if structure.beyond:
        found |= _beyond_numbers(model, structure.beyond)
    if model.has_tau and structure.beyond.correlated is None:
        found |= _scalars("prior_tau", resolve_prior(model.tau, model, data))
    if isinstance(structure.omega, Prior):
        found |= _scalars("prior_omega", structure.omega)
    elif structure.omega is not None:
        found["omega"] = Number(np.float64(structure.omega), ())
    return found | (_scalars("prior_baseline", model.baseline) if model.baseline is not None else {})


def _beyond_numbers(model: ModelSpec, beyond: Beyond) -> dict[str, Number]:
    """Return the parameters of the priors of what only NUTS can fit, its groups, designs and observed moderators."""
    found: dict[str, Number] = {}
    priors = beyond.priors(model)
    for factor in beyond.factors:
        found[f"{factor.name}_of_study"] = Number(factor.index, ("study",))
        if not factor.outcome:
            found |= _scalars(f"prior_tau[{factor.name}]", priors[f"tau[{factor.name}]"])
            continue
        found[f"{factor.outcome}_of_study"] = Number(factor.outcome_index, ("study",))
        of_outcomes = tuple(priors[f"tau[{name}]"] for name in factor.outcomes)
        found |= _vectors("tau", of_outcomes, factor.outcomes, factor.outcome)
        found["lkj"] = Number(np.float64(model.lkj), ())
    if beyond.scale is not None:
        found["scale"] = Number(beyond.scale.matrix, ("study", "coef_scale"))
        of_alpha = tuple(priors[f"alpha[{name}]"] for name in beyond.scale.coef)
        found |= _vectors("alpha", of_alpha, beyond.scale.coef, "coef_scale")
    for imputed in beyond.imputed:
        found[f"x[{imputed.name}]{OBSERVED}"] = Number(imputed.observed, ())
    return found | (_scalars("prior_nu", model.nu) if isinstance(model.nu, Prior) else {})


def _vectors(name: str, priors: tuple[Prior, ...], labels: tuple[str, ...], dim: str) -> dict[str, Number]:
    """Return the parameters of the priors of a vector: together if they are alike, else one by one."""
    found: dict[str, Number] = {}
    if alike(priors):
        for key in priors[0].parameters:
            found[f"prior_{name}_{key}"] = Number(np.array([prior.parameters[key] for prior in priors]), (dim,))
        return found
    for label, prior in zip(labels, priors, strict=True):
        found |= _scalars(f"prior_{name}[{label}]", prior)
    return found


def _scalars(prefix: str, prior: Prior) -> dict[str, Number]:
    # as np.float64, because PyTensor keeps a Python float such as 1.5 in single precision
    return {f"{prefix}_{key}": Number(np.float64(value), ()) for key, value in prior.parameters.items()}


type _Arrays = dict[str, Any]


def _estimates(data: Observed) -> _Arrays:
    assert isinstance(data, Estimates)
    return {"se": data.se, f"y{OBSERVED}": data.y}


def _counts(*known: str, observed: tuple[str, ...], total: bool = False) -> Callable[[Observed], _Arrays]:
    """Return the function that takes what is known, what is observed, and perhaps the events of both arms."""

    def taken(data: Observed) -> _Arrays:
        assert not isinstance(data, Estimates)
        arrays = data.data
        found: _Arrays = {name: arrays[name] if name.startswith("time") else _whole(arrays[name]) for name in known}
        if total:
            found["events_total"] = _whole(arrays["events_treatment"] + arrays["events_control"])
        return found | {name + OBSERVED: _whole(arrays[name]) for name in observed}

    return taken


def _whole(values: FloatArray) -> Any:
    if values.max(initial=0.0) > LARGEST_COUNT:
        raise DataError(
            f"PyMC takes counts up to {LARGEST_COUNT}, and {values.max():.0f} is more; use engine='exact', or rates."
        )
    return values.astype(np.int64)


_DATA: Final[Mapping[str, Callable[[Observed], _Arrays]]] = MappingProxyType(
    {
        "normal": _estimates,
        "binomial": _counts("n", observed=("events",)),
        "poisson": _counts("time", observed=("events",)),
        "binomial-conditional": _counts("n_treatment", "n_control", observed=("events_treatment",), total=True),
        "binomial-two-arm": _counts("n_treatment", "n_control", observed=("events_treatment", "events_control")),
        "poisson-conditional": _counts("time_treatment", "time_control", observed=("events_treatment",), total=True),
    }
)
