"""Which data does a model see? Counts as they are, or estimates with standard errors on the scale of a measure."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.effects.measures import effect_sizes, get_measure
from bayesmeta.errors import SpecError
from bayesmeta.spec.coefficients import refuse_formula
from bayesmeta.spec.model import ModelSpec


@final
@dataclass(frozen=True, eq=False)
class Counts:
    """Data of the binomial likelihood.

    Attributes
    ----------
    events, n : array, shape (k,)
        Patients with the event, and patients.
    link : str
        What the study effects are a function of.
    """

    events: FloatArray
    n: FloatArray
    link: str
    measure: None = None

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the inverse Fisher information of each study at its effect: 1 / (n p (1 - p)), shape (k,)."""
        p = special.expit(theta)
        return np.asarray(1.0 / (self.n * p * (1.0 - p)))


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

    def variance_at(self, theta: FloatArray) -> FloatArray:
        """Return the squared standard errors, shape (k,), which do not depend on the effect."""
        del theta
        return self.se**2


type Observed = Counts | Estimates


def observed_by(model: ModelSpec, studies: Studies, *, measure: str | None = None) -> Observed:
    """Return the data that a model sees.

    Parameters
    ----------
    model : ModelSpec
        The model.
    studies : Studies
        The data.
    measure : str, optional
        For the normal likelihood with counts: the measure they are turned into; by default "PLO".

    Returns
    -------
    Counts or Estimates

    Raises
    ------
    SpecError
        If model and data do not go together, or `measure` does not apply.
    """
    refuse_formula(model.formula, "this")
    if model.likelihood == "binomial":
        if studies.events is None or studies.n is None:
            raise SpecError(
                "the binomial likelihood needs events and n, but the studies hold estimates with "
                "standard errors; use likelihood='normal'."
            )
        if measure is not None:
            raise SpecError(_unused_measure(measure))
        return Counts(studies.events, studies.n, model.link)
    if studies.events is None or studies.n is None:
        used = studies.measure or "GEN"
        if measure not in (None, used):
            raise SpecError(f"measure={measure!r} contradicts the studies, whose estimates are {used}; leave it out.")
        return Estimates(np.asarray(studies.y), np.asarray(studies.se), _link_of_estimates(model, used), used)
    used = measure or "PLO"
    sizes = effect_sizes(used, studies.events, studies.n)
    return Estimates(np.asarray(sizes.y), np.asarray(sizes.se), get_measure(used).link, used)


def _link_of_estimates(model: ModelSpec, measure: str) -> str:
    """Return the link of estimates that were given: the model's where the measure leaves it open."""
    link = get_measure(measure).link
    if measure == "GEN":
        return model.link
    if model.link not in ("identity", link):
        raise SpecError(f"link={model.link!r} contradicts the studies, whose estimates are {measure} (link {link!r}).")
    return link


def _unused_measure(measure: str) -> str:
    text = f"measure={measure!r} is not used by the binomial likelihood, which models the counts; leave it out"
    if get_measure(measure).data == "counts":
        text += f", or pool {measure} by engine='frequentist'"
    return f"{text}."


def check_studies(studies: object) -> None:
    """Raise `SpecError` for what are no `Studies`."""
    if not isinstance(studies, Studies):
        raise SpecError(
            f"studies is a {type(studies).__name__}, not Studies; make it with bm.Studies.from_frame(df, ...)."
        )


def model_for(studies: Studies, model: object) -> ModelSpec:
    """Return the model or, if it is None, the default one: for counts only, because their scale is known."""
    if model is None:
        if not studies.has_counts:
            raise SpecError(
                "estimates with standard errors need a model with priors on their scale, for example "
                "bm.ModelSpec('normal', mu='Normal(0, 2)', tau='HalfNormal(1)')."
            )
        return ModelSpec("binomial")
    if not isinstance(model, ModelSpec):
        raise SpecError(
            f"model is a {type(model).__name__}, not a ModelSpec; use bm.load_model('binomial-normal') or "
            "bm.ModelSpec(...)."
        )
    return model
