"""What are the numbers of a contrast, and how far could each be off?"""

from typing import Protocol

import numpy as np

from bayesmeta._arrays import FloatArray
from bayesmeta.exact.against import tabulated
from bayesmeta.exact.summary import FLOOR
from bayesmeta.result.marginal import Marginal


class Difference(Protocol):
    """The distribution of a difference, or of the logarithm of a ratio."""

    @property
    def defect(self) -> float:
        """How far its probabilities are from 1 in all."""
        ...

    def cdf_pdf(self, d: FloatArray, /) -> tuple[FloatArray, FloatArray]:
        """Return distribution function and density at ``d``, shape (D,)."""
        ...

    def moments(self) -> tuple[float, float]:
        """Return mean and SD; nan where they may not exist."""
        ...

    def marginal(self, name: str, /) -> Marginal:
        """Return the difference, or the ratio itself, as a distribution."""
        ...


def contrast_row(
    fine: Difference, coarse: Difference, kind: str, prob: float, *, ci_kind: str = "eti"
) -> dict[str, float]:
    """Return the numbers of a contrast with their error: the coarser resolution's distribution at the quantiles."""
    tail = 0.5 * (1.0 - prob)
    marginal = fine.marginal(f"the {kind}")
    probabilities = np.array([0.5, tail, 1.0 - tail])
    at = marginal.base_ppf(probabilities)
    zero = np.zeros(1)
    below, roughly = fine.cdf_pdf(zero)[0][0], coarse.cdf_pdf(zero)[0][0]
    cdf, pdf = coarse.cdf_pdf(at)
    values = marginal.scale.value(at)
    errors = (np.abs(cdf - probabilities) + fine.defect) / np.maximum(pdf, 1e-300) * marginal.scale.slope(values)
    if ci_kind == "hdi":
        values[1:], others = (np.array(tabulated(part.marginal(kind)).hdi(prob)) for part in (fine, coarse))
        errors[1:] = np.abs(values[1:] - others)
    moments, roughly_moments = np.array(fine.moments()), np.array(coarse.moments())
    exist = np.isfinite(moments)
    apart = np.abs(moments[exist] - roughly_moments[exist])
    relative = errors / np.maximum(np.abs(values), 1.0)
    error = FLOOR + float(max(relative.max(), abs(below - roughly) + fine.defect, apart.max(initial=0.0)))
    median, lower, upper = values
    return {
        "mean": moments[0], "sd": moments[1], "median": median, "lower": lower, "upper": upper,
        "prob_above": float(np.clip(1.0 - below, 0.0, 1.0)), "numerical_error": error,
    }  # fmt: skip
