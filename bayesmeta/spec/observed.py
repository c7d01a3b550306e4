"""Which data does a model see? Counts as they are, or estimates with standard errors on the scale of a measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, final

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta._validate import a_type
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import DEFAULT_MEASURES, DataKind, effect_sizes, get_measure, measures_of
from bayesmeta.errors import SpecError
from bayesmeta.spec.beyond import refuse_beyond
from bayesmeta.spec.coefficients import refuse_formula
from bayesmeta.spec.likelihoods import LIKELIHOODS
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.priors import Prior


@final
@dataclass(frozen=True, eq=False)
class Counts:
    """Counts as they are, of one arm or two, among patients or in person-time.

    Attributes
    ----------
    data : mapping
        Arrays of shape (k,) by role: ``events`` and ``n``, say.
    link : str
        What the study effects are a function of.
    """

    data: Mapping[str, FloatArray]
    link: str
    measure: None = None

    @property
    def events(self) -> FloatArray:
        """Events of one arm, shape (k,)."""
        return self.data["events"]

    @property
    def n(self) -> FloatArray:
        """Patients of one arm, shape (k,)."""
        return self.data["n"]


@final
@dataclass(frozen=True, eq=False)
class Estimates:
    """Data of the normal likelihood.

    Attributes
    ----------
    y, se : array, shape (k,)
        Estimates and their standard errors, scale of the measure.
    link : str
        What the study effects are a function of: "identity", "log" or "logit".
    measure : str
        Code of the effect measure.
    """

    y: FloatArray
    se: FloatArray
    link: str
    measure: str


ANY_MU: Final = Prior("Normal", 0.0, 1.0)  # stands in for the mean where only likelihood and link are asked for

_WORDS: Final[dict[DataKind, str]] = {
    "counts": "events and n of one arm",
    "estimates": "estimates with standard errors",
    "two-arm-counts": "the counts of two arms",
    "rates": "events and person-time of one arm",
    "two-arm-rates": "events and person-time of two arms",
}

type Observed = Counts | Estimates

_SUITABLE: Final[dict[DataKind, str]] = {
    "counts": "binomial",
    "estimates": "normal",
    "rates": "poisson",
    "two-arm-counts": "binomial-conditional",
    "two-arm-rates": "poisson-conditional",
}
"""A likelihood for each kind of data."""


def observed_by(model: ModelSpec, studies: Studies, *, measure: str | None = None) -> Observed:
    """Return the data that a model sees.

    Parameters
    ----------
    model : ModelSpec
        The model.
    studies : Studies
        The data.
    measure : str, optional
        For the normal likelihood with counts or rates: the measure they are turned into; by default "PLO" of one
        arm of counts, "OR" of two; "IRLN" of one arm of rates, "IRR" of two.

    Returns
    -------
    Counts or Estimates

    Raises
    ------
    SpecError
        If model and data do not go together, or `measure` does not apply.
    """
    refuse_formula(model.formula, "this")
    refuse_beyond(model)
    return _seen(model, studies, measure)


def _seen(model: ModelSpec, studies: Studies, measure: str | None) -> Observed:
    record = LIKELIHOODS[model.likelihood]
    kind = studies.kind
    if record.data != "estimates":
        if kind != record.data:
            raise SpecError(
                f"the {record.name} likelihood needs {_WORDS[record.data]}, but the studies hold {_WORDS[kind]}; "
                f"use likelihood={_SUITABLE[kind]!r}."
            )
        if measure is not None:
            raise SpecError(_unused_measure(record.name, measure))
        return Counts(studies.data, model.link)
    if kind == "estimates":
        used = studies.measure or "GEN"
        if measure not in (None, used):
            raise SpecError(f"measure={measure!r} contradicts the studies, whose estimates are {used}; leave it out.")
        return Estimates(np.asarray(studies.y), np.asarray(studies.se), _link_of_estimates(model, used), used)
    used = measure or DEFAULT_MEASURES[kind]
    if (needed := get_measure(used).data) != kind:
        allowed = ", ".join(measures_of(kind))
        raise SpecError(f"measure={used!r} needs {needed}, but the studies hold {kind}; allowed: {allowed}.")
    if get_measure(used).link.endswith("arcsine"):
        raise SpecError(
            f"measure={used!r} has a scale that ends at 0 and pi/2, which no normal distribution of effects does; use "
            "likelihood='binomial' or measure='PLO', or pool it by engine='frequentist'."
        )
    sizes = effect_sizes(used, *studies.data.values())
    return Estimates(np.asarray(sizes.y), np.asarray(sizes.se), get_measure(used).link, used)


def seen_by(model: ModelSpec, studies: Studies, *, measure: str | None = None) -> Observed:
    """Return the data that a model sees, as `observed_by`, whether it has a formula or not, whatever its effects."""
    return _seen(model, studies, measure)


def _link_of_estimates(model: ModelSpec, measure: str) -> str:
    """Return the link of estimates that were given: the model's where the measure leaves it open."""
    link = get_measure(measure).link
    if measure == "GEN":
        return model.link
    if model.link not in ("identity", link):
        raise SpecError(f"link={model.link!r} contradicts the studies, whose estimates are {measure} (link {link!r}).")
    return link


def _unused_measure(likelihood: str, measure: str) -> str:
    text = f"measure={measure!r} is not used by the {likelihood} likelihood, which models the counts; leave it out"
    if get_measure(measure).compute is not None:
        text += f", or pool {measure} by engine='frequentist'"
    return f"{text}."


def suitable_likelihood(kind: DataKind) -> str:
    """Return the likelihood that a kind of data has unless another is chosen."""
    return _SUITABLE[kind]


def check_studies(studies: object) -> None:
    """Raise `SpecError` for what are no `Studies`."""
    if not isinstance(studies, Studies):
        raise SpecError(f"studies is {a_type(studies)}, not Studies; make it with bm.Studies.from_frame(df, ...).")


@cache
def _default_model(likelihood: str) -> ModelSpec:
    return ModelSpec(likelihood)


def model_for(studies: Studies, model: object) -> ModelSpec:
    """Return the model or, if it is None, the default one: for counts and two arms only, whose scale is known."""
    if model is None:
        likelihood = suitable_likelihood(studies.kind)
        if not LIKELIHOODS[likelihood].default_priors:
            raise SpecError(
                f"{_WORDS[studies.kind]} need a model with priors on their scale, for example "
                f"bm.ModelSpec({likelihood!r}, mu='Normal(0, 2)', tau='HalfNormal(1)')."
            )
        return _default_model(likelihood)
    if not isinstance(model, ModelSpec):
        raise SpecError(
            f"model is {a_type(model)}, not a ModelSpec; use bm.load_model('binomial-normal') or bm.ModelSpec(...)."
        )
    return model
