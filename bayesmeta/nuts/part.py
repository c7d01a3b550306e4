"""What do some of the studies say, or other priors? Sampled by the functions that were compiled for all of them.

A study is left out by taking its data away and keeping its place: 0 of 0 patients, an estimate with a standard error
without bound. Its likelihood is then the same for every effect, so that the posterior of all else is that of the other
studies, and the shapes stay as they are compiled.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from bayesmeta._arrays import BoolArray, FloatArray
from bayesmeta.nuts.beyond import Factor
from bayesmeta.nuts.fit import NutsFit, finish, fit_nuts
from bayesmeta.nuts.structure import Structure, structure_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design
from bayesmeta.spec.observed import Counts, Estimates, Observed

VAST: Final = 1e100  # a standard error that says nothing, the square of whose inverse is still above 0
SETTINGS: Final = ("draws", "tune", "chains", "sampler", "target_accept", "parametrisation")
BRIEF: Final = 1e-300  # person-time in which nothing happens; its log is finite, that of 0 is not

EMPTY: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "normal": {"y": 0.0, "se": VAST},
        "binomial": {"events": 0.0, "n": 0.0},
        "poisson": {"events": 0.0, "time": BRIEF},
        "binomial-conditional": {"events_treatment": 0.0, "events_control": 0.0},
        "binomial-two-arm": dict.fromkeys(("events_treatment", "events_control", "n_treatment", "n_control"), 0.0),
        "poisson-conditional": {"events_treatment": 0.0, "events_control": 0.0},
    }
)
"""By likelihood: data by which a study says nothing, by role; the roles that are missing stay as they are."""


def fit_part(fit: NutsFit, include: BoolArray, *, seed: int, quiet: bool = True) -> NutsFit:
    """Return the fit of some of a fit's studies, by the same model and settings.

    Parameters
    ----------
    fit : NutsFit
        Of all k studies.
    include : array of bool, shape (k,)
        Which studies; at least one.
    seed : int
        Source of randomness.
    quiet : bool
        Whether to show no progress bar.

    Returns
    -------
    NutsFit
        Of these studies, without verification. Moderators are centred where those of all studies are.

    Raises
    ------
    AccuracyError
        If there are no draws.
    """
    settings, studies = replace(fit.settings, seed=seed), fit.studies.take(include)
    imputes = bool(fit.structure.beyond.imputed)  # by what the moderators of these studies alone say
    structure = structure_of(fit.model, studies) if imputes else _part_of(fit.structure, include)
    if imputes or fit.model.tau.family.needs == "studies":  # or the prior is made from their standard errors
        options = {
            name: getattr(settings, name)
            for name in ("draws", "tune", "chains", "sampler", "target_accept", "parametrisation")
        }
        measure = None if studies.y is not None else fit.measure
        return fit_nuts(studies, fit.model, measure=measure, structure=structure, seed=seed, quiet=quiet, **options)
    from bayesmeta.nuts.sample import sample_model

    data = without_data(fit.model, fit.observed, ~include)
    tree = sample_model(fit.model, data, fit.studies.study, fit.structure, settings, quiet=quiet)
    tree = tree.isel(study=np.flatnonzero(include), missing_dims="ignore")
    part = replace(fit, studies=studies, structure=structure, verification=None)
    return finish(studies, fit.model, part.observed, structure, settings, tree)


def fit_anew(fit: NutsFit, model: ModelSpec, *, seed: int, quiet: bool = True) -> NutsFit:
    """Return the fit of a model with other priors to a fit's studies, by the same settings."""
    from bayesmeta.nuts.sample import sample_model

    settings, data = replace(fit.settings, seed=seed), fit.observed
    tree = sample_model(model, data, fit.studies.study, fit.structure, settings, quiet=quiet)
    return finish(fit.studies, model, data, fit.structure, settings, tree)


def without_data(model: ModelSpec, data: Observed, out: BoolArray) -> Observed:
    """Return what a model sees if some studies, ``out`` (k,), say nothing."""
    empty = EMPTY[model.likelihood]
    if isinstance(data, Estimates):
        y, se = (np.where(out, empty[name], getattr(data, name)) for name in ("y", "se"))
        return Estimates(y, se, data.link, data.measure)
    emptied: dict[str, FloatArray] = {
        role: np.where(out, empty[role], values) if role in empty else values for role, values in data.data.items()
    }
    return Counts(emptied, data.link)


def _part_of(structure: Structure, include: BoolArray) -> Structure:
    beyond = replace(
        structure.beyond,
        factors=tuple(_part_of_factor(factor, include) for factor in structure.beyond.factors),
        scale=_part_of_design(structure.beyond.scale, include),
    )
    return replace(structure, design=_part_of_design(structure.design, include), beyond=beyond)


def _part_of_design(design: Design | None, include: BoolArray) -> Design | None:
    return None if design is None else replace(design, matrix=design.matrix[include])


def _part_of_factor(factor: Factor, include: BoolArray) -> Factor:
    which = factor.outcome_index
    return replace(factor, index=factor.index[include], outcome_index=None if which is None else which[include])
