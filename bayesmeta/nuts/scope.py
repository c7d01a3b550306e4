"""Which models can NUTS sample here?"""

from typing import Final

from bayesmeta.errors import SpecError
from bayesmeta.spec.likelihoods import DEFAULT_EFFECTS, LIKELIHOODS
from bayesmeta.spec.model import ModelSpec

SAMPLED: Final = ("binomial", "normal")
"""Likelihoods; their other links, and study effects that are not normal, only the exact engine knows."""


def check_sampled(model: ModelSpec) -> None:
    """Raise `SpecError` for a model that only the exact engine can fit.

    Parameters
    ----------
    model : ModelSpec
        The model.

    Examples
    --------
    >>> check_sampled(ModelSpec("binomial", effects="none"))
    Traceback (most recent call last):
    bayesmeta.errors.SpecError: NUTS does not sample effects='none' yet: use engine='exact', which does.
    """
    unknown = []
    if model.likelihood not in SAMPLED:
        unknown.append(f"likelihood={model.likelihood!r}")
    elif model.likelihood == "binomial" and model.link != LIKELIHOODS[model.likelihood].links[0]:
        unknown.append(f"link={model.link!r}")
    if model.effects != DEFAULT_EFFECTS:
        unknown.append(f"effects={model.effects!r}")
    if unknown:
        raise SpecError(f"NUTS does not sample {' with '.join(unknown)} yet: use engine='exact', which does.")
