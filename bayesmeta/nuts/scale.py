"""How does the heterogeneity depend on moderators? The design of a location-scale model.

    log tau_i = log tau + w_i' alpha

References
----------
Viechtbauer and López-López (2022), Research Synthesis Methods 13, 697-715, doi 10.1002/jrsm.1562.
"""

from dataclasses import replace

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.data.studies import Studies
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design, design_of

INTERCEPT = "Intercept"


def scale_of(model: ModelSpec, studies: Studies) -> Design | None:
    """Return the design of a model's ``scale`` without its intercept, which is log tau; None without a scale.

    Raises
    ------
    SpecError
        If it has no intercept, or nothing else.
    """
    if model.scale is None:
        return None
    design = design_of(model.scale, studies)
    if INTERCEPT not in design.coef:
        raise SpecError(f"scale={model.scale!r} has no intercept, which is log tau; write it without '0 +'.")
    if len(design.coef) == 1:
        raise SpecError(f"scale={model.scale!r} names no moderator; name one, or leave scale out.")
    kept = [i for i, name in enumerate(design.coef) if name != INTERCEPT]
    return replace(design, coef=tuple(design.coef[i] for i in kept), matrix=design.matrix[:, kept])


def scale_row(scale: Design, at: dict[str, object]) -> FloatArray:
    """Return w at stated values of the moderators, shape (coefficients,); the intercept comes first in a full row."""
    return np.asarray(scale.row(at)[1:])
